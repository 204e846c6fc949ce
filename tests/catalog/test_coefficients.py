import itertools
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.coefficients import CEILING, Case, coefficients_for, effective, kinds_of, speaks_of
from planner.catalog.load import load_builtin, load_catalog
from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficient, Coefficients, Factor
from planner.domain.problem import CatalogUse
from planner.errors import InvalidInput, MissingFact


def row(accelerator: str, engine: str, fmt: str, mark: float = 0.5) -> Coefficients:
    """A row whose only meaningful number is `mark`, so that a test can tell which row it got."""
    return Coefficients(
        accelerator=accelerator,
        engine=engine,
        format=fmt,
        flops_efficiency=mark,
        bandwidth_efficiency=0.8,
        norm=2.0,
        kv_efficiency=0.7,
        attention_efficiency=0.5,
        attention_half=1000,
        host_per_layer="50us",
        host_per_sequence=0.0,
        host_per_step=0.0,
        status="assumed",
        source="test",
        as_of="2026",
    )


def catalog(*keys: tuple[str, str, str]) -> Catalog:
    """A catalog of rows marked 0.01, 0.02, … in the order given."""
    rows = {f"row{i}": row(*key, mark=(i + 1) / 100) for i, key in enumerate(keys)}
    return Catalog(coefficients=rows)


def chosen(found: Coefficients) -> tuple[str, str, str]:
    return found.accelerator, found.engine, found.format


def test_the_accelerator_counts_before_the_engine_and_the_engine_before_the_format() -> None:
    # Eight rows, one per subset of names; taking the best away each time must give the order of a binary count downward.
    everything = list(itertools.product(("h100", "*"), ("vllm", "*"), ("bf16", "*")))
    for first in range(len(everything)):
        assert chosen(coefficients_for(catalog(*reversed(everything[first:])), "h100", "vllm", "bf16")) == everything[first]


def test_a_row_of_another_name_is_never_taken() -> None:
    with pytest.raises(MissingFact, match="a row `h100/vllm/bf16`"):
        coefficients_for(catalog(("a100", "vllm", "bf16"), ("h100", "sglang", "*"), ("h100", "*", "fp8")), "h100", "vllm", "bf16")


def test_fp16_takes_bf16_rows_unless_it_has_its_own() -> None:
    assert chosen(coefficients_for(catalog(("h100", "*", "*"), ("h100", "*", "bf16")), "h100", "vllm", "fp16"))[2] == "bf16"
    assert chosen(coefficients_for(catalog(("h100", "*", "fp16"), ("h100", "*", "bf16")), "h100", "vllm", "fp16"))[2] == "fp16"
    # A more specific engine outranks the better format, as for every other pair.
    assert chosen(coefficients_for(catalog(("h100", "*", "fp16"), ("h100", "vllm", "bf16")), "h100", "vllm", "fp16"))[1] == "vllm"


def test_bf16_does_not_take_fp16_rows() -> None:
    with pytest.raises(MissingFact):
        coefficients_for(catalog(("h100", "vllm", "fp16")), "h100", "vllm", "bf16")


def test_of_equal_rows_the_later_wins() -> None:
    assert coefficients_for(catalog(("h100", "*", "*"), ("h100", "*", "*")), "h100", "vllm", "bf16").flops_efficiency == 0.02


_NAMES = st.sampled_from(["a", "b", "*"])


@given(st.lists(st.tuples(_NAMES, _NAMES, st.sampled_from(["bf16", "fp8", "*"])), min_size=1, max_size=12, unique=True))
def test_the_answer_does_not_depend_on_the_order_of_distinct_rows(keys: list[tuple[str, str, str]]) -> None:
    try:
        forward = chosen(coefficients_for(catalog(*keys), "a", "b", "fp8"))
    except MissingFact:
        forward = None
    try:
        backward = chosen(coefficients_for(catalog(*reversed(keys)), "a", "b", "fp8"))
    except MissingFact:
        backward = None
    assert forward == backward


def test_every_accelerator_resolves_under_every_engine_in_every_format_it_multiplies() -> None:
    built_in = load_builtin()
    for (name, accelerator), engine in itertools.product(built_in.accelerators.items(), built_in.engines):
        for fmt in accelerator.peak:
            assert coefficients_for(built_in, name, engine, fmt).accelerator in (name, "*")


def test_every_accelerator_has_its_own_rows_for_the_formats_models_are_served_in() -> None:
    # The catch-all row is for devices users add; a device of the catalog must not fall through to it.
    built_in = load_builtin()
    for name, accelerator in built_in.accelerators.items():
        for fmt in {"bf16", "fp16", "fp8", "int8", "fp4"} & set(accelerator.peak):
            assert coefficients_for(built_in, name, "vllm", fmt).accelerator == name, (name, fmt)


def test_names_of_rows_say_what_they_are_for() -> None:
    for name, found in load_builtin().coefficients.items():
        assert name == "/".join("any" if part == "*" else part for part in chosen(found))


def test_fitted_rows_say_what_they_were_fitted_to_and_what_was_left_over() -> None:
    for name, found in load_builtin().coefficients.items():
        if found.status == "fitted":
            assert found.error is not None, name
            assert found.valid, name
        else:
            assert found.unverified, name


def test_end_to_end_efficiency_stays_below_the_bare_kernels() -> None:
    # Bare kernels of handbook §2 (H100 bf16 .81/.87, fp8 .58, B200 fp8 .57, nvfp4 .47); weights are read at .92 of peak at most.
    kernels = {"bf16": 0.81, "fp8": 0.58, "fp4": 0.47, "int8": 0.81}
    for name, found in load_builtin().coefficients.items():
        assert found.flops_efficiency <= kernels.get(found.format, 0.81), name
        assert found.bandwidth_efficiency <= 0.92, name


DENSE = Case("h100-sxm", "vllm", "bf16", frozenset({"dense", "heads"}))
BUILTIN = load_builtin()


def factor(value: float, coefficient: str = "host_per_layer", **where: str) -> Factor:
    return Factor(coefficient=coefficient, factor=value, source="test", as_of="2026", **where)


def scaled(case: Case, *factors: Factor) -> dict[str, float]:
    """Coefficients of a case over those without factors."""
    with_, without = (
        effective(BUILTIN.model_copy(update={"factors": {f"f{place}": one for place, one in enumerate(given)}}), case)
        for given in (factors, ())
    )
    return {name: with_[name] / without[name] for name in with_ if without[name]}


def test_all_factors_that_speak_of_a_case_multiply() -> None:
    found = scaled(
        DENSE,
        factor(2.0),
        factor(3.0, engine="vllm", format="bf16"),
        factor(5.0, accelerator="h100-sxm"),
        factor(7.0, accelerator="h200-sxm"),
        factor(11.0, engine="sglang"),
        factor(13.0, format="fp8"),
        factor(17.0, kind="mixture"),
        factor(0.5, "host_per_step"),
    )
    assert found.pop("host_per_layer") == pytest.approx(30.0)
    assert found.pop("host_per_step") == pytest.approx(0.5)
    assert set(found.values()) == {1.0}


@pytest.mark.parametrize(
    ("accelerator", "word", "speaks"),
    [
        ("h100-sxm", "Hopper", True),
        ("h200-sxm", "Hopper", True),
        ("b200-sxm", "Hopper", False),
        ("b200-sxm", "Blackwell", True),
        ("h100-sxm", "Hop", False),
        ("h100-sxm", "9.0", True),
    ],
)
def test_a_generation_is_a_whole_word_of_the_architecture(accelerator: str, word: str, speaks: bool) -> None:
    assert speaks_of(factor(2.0, generation=word), Case(accelerator, "vllm", "bf16"), BUILTIN) is speaks


@pytest.mark.parametrize(
    ("version", "start", "speaks"),
    [
        ("0.5.9", "", True),
        ("", "", True),
        ("0.5.9", "0.5.9", True),
        ("0.5.9.post1", "0.5.9", True),
        ("0.5.9rc1", "0.5.9", True),
        ("0.5.9", "0.5", True),
        ("0.5.9", "0.5.", True),
        ("0.5.10", "0.5.1", False),
        ("0.5.10", "0.5.10", True),
        ("0.5.9", "0.6", False),
        ("10.5", "0.5", False),
        ("", "0.5.9", False),  # not known: only factors of all versions
    ],
)
def test_versions_by_their_beginning(version: str, start: str, speaks: bool) -> None:
    assert speaks_of(factor(2.0, version=start), Case("h100-sxm", "vllm", "bf16", frozenset(), version), BUILTIN) is speaks


@pytest.mark.parametrize(
    ("model", "precision", "kinds"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "bf16", {"dense", "heads"}),
        ("meta-llama/Llama-3.1-8B-Instruct", "w4a16-awq", {"dense", "heads"}),  # multiplies in 16 bits
        ("meta-llama/Llama-3.1-8B-Instruct", "fp8", {"dense", "heads", "quantized"}),
        ("Qwen/Qwen3-235B-A22B", "fp8", {"mixture", "heads", "quantized"}),
        ("deepseek-ai/DeepSeek-V3", "fp8-block", {"mixture", "latent", "quantized"}),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", "bf16", {"mixture", "heads", "recurrent"}),
    ],
)
def test_kinds_of_models(model: str, precision: str, kinds: set[str]) -> None:
    assert kinds_of(BUILTIN.models[model], BUILTIN.precisions[precision]) == kinds


def test_a_factor_of_a_kind_holds_for_models_of_that_kind() -> None:
    latent = Case("h100-sxm", "vllm", "fp8", frozenset({"mixture", "latent", "quantized"}))
    for kind, holds in (("mixture", True), ("latent", True), ("quantized", True), ("heads", False), ("dense", False)):
        assert scaled(latent, factor(2.0, kind=kind))["host_per_layer"] == (2.0 if holds else 1.0)


def test_shares_have_a_ceiling() -> None:
    many = BUILTIN.model_copy(
        update={
            "factors": {
                name: factor(100.0, name)
                for name in ("bandwidth_efficiency", "flops_efficiency", "synchrony", "host_per_layer", "collective_bandwidth")
            }
        }
    )
    plain, found = effective(BUILTIN.model_copy(update={"factors": {}}), DENSE), effective(many, DENSE)
    assert found["bandwidth_efficiency"] == found["flops_efficiency"] == CEILING == 0.97
    assert found["synchrony"] == 1.0
    assert found["host_per_layer"] == pytest.approx(100.0 * plain["host_per_layer"])
    assert found["collective_bandwidth"] == pytest.approx(100.0)


def test_experts_are_read_like_other_weights_unless_a_row_says_otherwise() -> None:
    plain = effective(BUILTIN.model_copy(update={"factors": {}}), DENSE)
    assert plain["expert_bandwidth_efficiency"] == plain["bandwidth_efficiency"]
    # Factors on the one are not factors on the other.
    assert scaled(DENSE, factor(0.9, "bandwidth_efficiency"))["expert_bandwidth_efficiency"] == 1.0


def test_every_coefficient_that_may_be_scaled_is_one() -> None:
    assert set(get_args(Coefficient)) <= set(effective(BUILTIN, DENSE))


ROW = "factors:\n  mine/a: {{{fields}, source: test, as_of: 2026-01}}\n"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ("coefficient: host_per_leyer, factor: 2", "coefficient", "host_per_layer"),
        ("coefficient: norm, factor: 2", "coefficient", "flops_efficiency"),
        ("coefficient: host_per_layer, factor: 0", "factor", "0"),
        ("coefficient: host_per_layer, factor: 2, kind: mixtures", "kind", "mixture"),
        ("coefficient: host_per_layer, factor: 2, accelerator: h100sxm", "accelerator", "h100-sxm"),
        ("coefficient: host_per_layer, factor: 2, engine: vlm", "engine", "vllm"),
        ("coefficient: host_per_layer, factor: 2, gpu: h100-sxm", "gpu", "unknown field"),
    ],
)
def test_a_wrong_factor_is_refused_where_it_stands(tmp_path: Path, fields: str, field: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(ROW.format(fields=fields), encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_catalog(CatalogUse(files=("mine.yaml",)), tmp_path)
    (issue,) = caught.value.issues
    assert issue.path == f'factors["mine/a"].{field}'
    assert issue.line == 2
    assert words in f"{issue.message} {issue.remedy}"


def test_evidence_about_unknown_names_is_refused(tmp_path: Path) -> None:
    ratios = "{p05: 0.8, p10: 0.8, p25: 0.9, p50: 1, p75: 1.1, p90: 1.2, p95: 1.3}"
    text = f"""\
evidence:
  mine/a:
    accelerator: h100-sxm
    engine: nobody
    format: bf16
    points: 3
    models: [org/nothing]
    gpus: [1, 8]
    input_tokens: [100, 200]
    output_tokens: [100, 200]
    concurrency: [1, 8]
    ttft: {ratios}
    tpot: {ratios}
    source: test
    as_of: 2026-01
"""
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_catalog(CatalogUse(files=("mine.yaml",)), tmp_path)
    engine, model = caught.value.issues
    assert "'nobody' is not in the catalog's engines" in engine.message
    assert "'org/nothing' is not in the catalog's models" in model.message
    assert (engine.line, model.line) == (4, 7)
