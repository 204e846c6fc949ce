"""The shipped model catalog: counts against published totals, cache sizes, references, families, speed."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.domain.catalog import Benchmark
from planner.domain.llm import Model
from planner.domain.offers import ApiOffer

ROOT = Path(__file__).parents[2] / "catalogs"
PRECISIONS = {"bf16", "fp16", "fp8", "fp8-block", "w8a8-int8", "w4a16-awq", "w4a16-gptq", "mxfp4", "nvfp4", "int4-qat"}
MEASURED = Path(__file__).parents[3] / "shared" / "data" / "measured" / "serving_closed_loop.csv"


def section(name: str, *files: Path) -> dict[str, dict[str, Any]]:
    """Read a section of catalog files; a name given twice is a mistake."""
    rows: dict[str, dict[str, Any]] = {}
    for file in files:
        found = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)[name]
        assert not rows.keys() & found.keys(), file
        rows |= found
    return rows


STARTED = time.perf_counter()
MODELS = {name: Model.model_validate(row) for name, row in section("models", *sorted((ROOT / "models").glob("*.yaml"))).items()}
BENCHMARKS = {name: Benchmark.model_validate(row) for name, row in section("benchmarks", ROOT / "benchmarks.yaml").items()}
APIS = {name: ApiOffer.model_validate(row) for name, row in section("apis", ROOT / "apis.yaml").items()}
SECONDS = time.perf_counter() - STARTED


def kv_elements(model: Model) -> float:
    """Elements one token of a full-context sequence adds to the cache."""
    at = model.attention
    if at.kv_lora_rank is not None:
        return at.layers * (at.kv_lora_rank + (at.qk_rope_head_dim or 0) + (at.index_head_dim or 0))
    local = 2 * (at.window_kv_heads or at.kv_heads) * (at.window_head_dim or at.head_dim)
    return at.window_layers * local + (at.layers - at.window_layers) * 2 * at.kv_heads * at.head_dim


def test_enough_models_of_each_role() -> None:
    roles = [model.role for model in MODELS.values()]
    assert len(roles) >= 100
    assert roles.count("generate") >= 40
    assert {"generate", "embed", "rerank", "guard"} == set(roles)


@pytest.mark.parametrize(
    "pattern",
    [
        "Llama-3.1",
        "Llama-3.2",
        "Llama-3.3",
        "Qwen2.5",
        "Qwen3-",
        "Qwen3.5",
        "Mistral",
        "Mixtral",
        "gemma-2",
        "gemma-3",
        "phi-4",
        "DeepSeek-V3",
        "DeepSeek-R1",
        "gpt-oss",
        "Kimi-K2",
        "GLM-",
        "MiniMax",
        "OLMo",
    ],
)
def test_each_family_is_there(pattern: str) -> None:
    assert any(pattern in name for name in MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_counts_agree_with_the_published_total(name: str) -> None:
    """Within 1 %, or the entry says why not; an entry that agrees has nothing to explain."""
    model = MODELS[name]
    if model.published_total is None:
        assert not model.published_note
        return
    off = abs(model.parameters.total / model.published_total - 1.0)
    assert (off > 0.01) == bool(model.published_note.strip()), f"{off:.2%}"
    assert off < 0.31


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8.030261248),  # safetensors index
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 46.7),  # arXiv:2401.04088
        ("deepseek-ai/DeepSeek-V3", 671.0),  # arXiv:2412.19437
        ("openai/gpt-oss-120b", 116.8),  # model card
        ("openai/gpt-oss-20b", 20.9),  # model card
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 79.67),  # Qwen3-Coder-Next safetensors, no MTP block
        ("Qwen/Qwen3-235B-A22B", 235.1),  # model card 235B
        ("zai-org/GLM-5", 743.9),  # README 744B
        ("MiniMaxAI/MiniMax-M1-80k", 456.1),  # arXiv:2506.13585
    ],
)
def test_well_known_totals(name: str, billions: float) -> None:
    assert MODELS[name].parameters.total / 1e9 == pytest.approx(billions, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "bytes_per_token"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 131_072),  # 2·32·8·128·2
        ("meta-llama/Llama-3.1-70B-Instruct", 327_680),  # 2·80·8·128·2
        ("deepseek-ai/DeepSeek-V3", 70_272),  # 61·(512 + 64)·2; 70 kB in arXiv:2505.09343, table 1
        ("Qwen/Qwen2.5-72B-Instruct", 327_680),  # as in arXiv:2505.09343, table 1
        ("meta-llama/Llama-3.1-405B-Instruct", 516_096),  # as in arXiv:2505.09343, table 1
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 24_576),  # 12 attention layers of 48: 2·12·2·256·2
    ],
)
def test_cache_bytes_per_token_at_bf16(name: str, bytes_per_token: int) -> None:
    assert kv_elements(MODELS[name]) * 2 == bytes_per_token


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_entry_is_consistent(name: str) -> None:
    model = MODELS[name]
    states = model.linear_attention.layers if model.linear_attention else 0
    assert model.attention.layers + states <= model.layers
    assert model.attention.window_layers <= model.attention.layers
    assert (model.experts is None) == (model.parameters.experts == 0)
    assert model.parameters.experts_active <= model.parameters.experts
    assert model.parameters.head == 0 or model.role != "embed"
    assert model.effective_context is None or model.effective_context <= model.max_context
    assert model.source
    if model.experts:
        share = model.experts.per_token / model.experts.count
        assert model.parameters.experts_active == pytest.approx(share * model.parameters.experts)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_precisions_are_named_and_have_evidence(name: str) -> None:
    """Whatever is not native stands in the source with its checkpoint."""
    model = MODELS[name]
    assert {model.native_precision, *model.precisions} <= PRECISIONS
    for precision in set(model.precisions) - {model.native_precision}:
        assert re.search(rf"(checkpoints: |, ){re.escape(precision)} \S+", model.source), precision


def test_aliases_name_one_model() -> None:
    names = [alias.lower() for model in MODELS.values() for alias in model.aliases] + [name.lower() for name in MODELS]
    assert len(names) == len(set(names))
    assert {"llama-3.1-8b", "qwen3-32b", "deepseek-v3", "gpt-oss-120b", "mixtral-8x7b"} <= set(names)


def test_scores_use_known_benchmarks_once_per_setting() -> None:
    used = set()
    for name, scores in [(n, m.scores) for n, m in MODELS.items()] + [(n, a.scores) for n, a in APIS.items()]:
        keys = [(score.benchmark, score.setting) for score in scores]
        assert len(keys) == len(set(keys)), name
        used |= {benchmark for benchmark, _ in keys}
    assert used == set(BENCHMARKS)


def test_scores_lie_in_their_units_and_higher_is_better() -> None:
    for model in MODELS.values():
        for score in model.scores:
            assert 0 < score.score <= (10 if BENCHMARKS[score.benchmark].unit == "0-10" else 100)
    assert not [name for name, row in BENCHMARKS.items() if "lower" in row.unit]


def test_no_score_from_a_table_that_is_not_ours_to_ship() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in [*(ROOT / "models").glob("*.yaml"), ROOT / "apis.yaml"])
    for banned in ("lmarena", "artificial analysis", "llm-leaderboard", "llm-stats"):
        assert not re.search(rf"score: .*{banned}", text, re.IGNORECASE)


def test_open_models_behind_apis_are_in_the_catalog() -> None:
    assert {offer.open_model for offer in APIS.values()} - {None} <= MODELS.keys()


def test_most_generating_models_that_people_use_have_scores() -> None:
    scored = [name for name, model in MODELS.items() if model.role == "generate" and model.scores]
    assert len(scored) >= 80


def test_the_catalog_reads_in_well_under_a_second() -> None:
    """About 0.25 s on two ordinary cores; the bound leaves room for a busy machine."""
    assert SECONDS < 2.0


@pytest.mark.skipif(not MEASURED.exists(), reason="the measured serving data is not beside the repository")
def test_every_measured_model_is_known_by_its_spelling() -> None:
    known = {*MODELS, *(alias for model in MODELS.values() for alias in model.aliases)}
    header, *lines = MEASURED.read_text(encoding="utf-8").splitlines()
    column = header.split(",").index("model")
    assert {line.split(",")[column] for line in lines if line} <= known
