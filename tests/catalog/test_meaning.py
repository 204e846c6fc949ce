"""What words mean: the kind that has them most exactly, and of it the names that have them most exactly."""

from __future__ import annotations

import pytest

from planner.catalog.load import load_builtin
from planner.catalog.meaning import meant
from planner.domain.catalog import Catalog


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_builtin()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("H200", {"accelerators": {"h200-sxm", "h200-nvl"}}),  # not gh200-96, nor the machine modal/h200
        ("l4", {"accelerators": {"l4"}}),  # not l40, l40s
        ("fp8", {"precisions": {"fp8"}}),  # not fp8-block, w8a16-fp8, kv-fp8
        ("nvfp4 kv-fp8", {"precisions": {"nvfp4"}, "kv_precisions": {"kv-fp8"}}),
        ("qwen3-32b fp8 tp2", {"models": {"Qwen/Qwen3-32B"}, "precisions": {"fp8"}, "layouts": {"tp2"}}),
        ("qwen3 32b", {"models": {"Qwen/Qwen3-32B"}}),
        ("TP2 pp2", {"layouts": {"tp2 pp2"}}),
        ("pp2 tp2", {"layouts": {"tp2 pp2"}}),
        ("tp8 ep8", {"layouts": set()}),
        ("spot", {"offers": {"spot"}}),
        ("on-demand", {"offers": {"on_demand"}}),
        ("p5.48xlarge", {"instances": {"aws/p5.48xlarge"}}),
        ("aws/p5.48xlarge", {"instances": {"aws/p5.48xlarge"}}),
        ("nebius vllm", {"sellers": {"nebius"}, "engines": {"vllm"}}),
        ("gpt-4.1", {"apis": {"openai/gpt-4.1"}}),
    ],
)
def test_words_mean_names(catalog: Catalog, text: str, names: dict[str, set[str]]) -> None:
    assert meant(catalog, text.split()).names == names


def test_part_of_a_layout_means_all_that_have_it(catalog: Catalog) -> None:
    found = meant(catalog, ["ep8"]).names["layouts"]
    assert {"tp1 dp8 ep8", "tp2 dp4 ep8"} <= found
    assert all(name.endswith(" ep8") for name in found)


def test_words_that_name_nothing_are_told(catalog: Catalog) -> None:
    assert meant(catalog, ["tp3", "h200", "tpu9"]).unknown == ("tp3", "tpu9")


def test_an_alias_names_its_model(catalog: Catalog) -> None:
    alias, name = next((alias, name) for name, model in catalog.models.items() for alias in model.aliases)
    assert meant(catalog, [alias]).names == {"models": {name}}
