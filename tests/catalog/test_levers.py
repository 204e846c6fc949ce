"""The shipped lever facts: ranges that make sense, figures as published, contradictions that still show."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from planner.catalog.load import builtin_rows, check_files, load_builtin
from planner.catalog.routing import along, highs, lows, recovered
from planner.domain.lever_facts import LeverFact, SemanticCacheCurve
from planner.errors import InvalidInput

CATALOG = load_builtin()
SECTIONS = ("routers", "semantic_caches", "context_effects", "position_effects", "components", "finetunes")
FACTS: dict[str, LeverFact] = {
    f"{section}:{name}": row for section in SECTIONS for name, row in getattr(CATALOG, section).items()
}


def spread(row: BaseModel, name: str) -> tuple[float, float]:
    return getattr(row, f"{name}_low"), getattr(row, f"{name}_high")


def hits(name: str, threshold: float) -> tuple[float, float]:
    """The share of hits that are right, at its worst and best end."""
    cache: SemanticCacheCurve = CATALOG.semantic_caches[name]
    point = next(point for point in cache.points if point.threshold == threshold)
    assert point.false_hits_low is not None
    assert point.false_hits_high is not None
    return 1 - point.false_hits_high / point.hit_rate_low, 1 - point.false_hits_low / point.hit_rate_high


def test_every_section_is_filled() -> None:
    counts = {section: len(getattr(CATALOG, section)) for section in SECTIONS}
    assert all(count >= 5 for count in counts.values()), counts


@pytest.mark.parametrize("name", FACTS)
def test_every_row_says_where_when_and_what_to_mind(name: str) -> None:
    row = FACTS[name]
    assert row.source
    assert row.conditions
    assert row.caution
    assert set(row.unverified) <= set(type(row).model_fields)


def test_the_rows_stand_in_files_of_their_own() -> None:
    rows = builtin_rows()
    for section in SECTIONS:
        for name in rows.rows[section]:
            assert "/levers/" in rows.locate((section, name))[0]


# RouteLLM, arXiv:2406.18665, tables 1 (MT-Bench), 2 (MMLU), 3 (GSM8K): CPT(50 %), CPT(80 %), APGR
PUBLISHED = {
    "matrix-factorisation/arena+judge/MT-Bench": (13.40, 31.31, 0.802),
    "similarity-weighted/arena/MT-Bench": (37.85, 58.99, 0.610),
    "bert/arena/MT-Bench": (78.09, 87.64, 0.391),
    "causal-llm/arena+gold/MMLU": (35.49, 70.31, 0.600),
    "causal-llm/arena+judge/GSM8K": (33.64, 63.26, 0.622),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_routers_as_published(name: str) -> None:
    half, most, average = PUBLISHED[name]
    router = CATALOG.routers[f"routellm/{name}"]
    assert [point.escalated for point in router.points] == pytest.approx([half / 100, most / 100])
    middles = [(point.recovered_low + point.recovered_high) / 2 for point in router.points]
    assert middles == pytest.approx([0.5, 0.8])
    assert router.average == average


@pytest.mark.parametrize("name", CATALOG.routers)
def test_the_points_of_a_router_agree_with_its_published_average(name: str) -> None:
    """Two points and the ends make an area near the published mean over all thresholds; a slipped digit would not."""
    router = CATALOG.routers[name]
    low, high = (
        sum((right - left) * (a + b) / 2 for (left, a), (right, b) in pairwise(curve))
        for curve in (lows(router.points), highs(router.points))
    )
    assert router.average is not None
    assert low - 0.05 <= router.average <= high + 0.05


def test_the_band_of_a_random_router_holds_the_diagonal() -> None:
    chance = [row for row in CATALOG.routers.values() if row.kind == "random"]
    assert len(chance) == 5
    for row in chance:
        for point in row.points:
            assert point.recovered_low - 1e-4 <= point.escalated <= point.recovered_high + 1e-4


def test_the_best_benchmark_does_not_speak_for_the_others() -> None:
    """Contradiction kept visible: half the gap for 13 % of calls on MT-Bench, 39 % on GSM8K; preferences alone lose to chance."""
    rows = CATALOG.routers
    assert recovered(rows["routellm/matrix-factorisation/arena+judge/MT-Bench"], 0.134)[0] > 0.48
    assert recovered(rows["routellm/matrix-factorisation/arena+judge/GSM8K"], 0.134)[1] < 0.18
    names = ("bert", "causal-llm", "matrix-factorisation", "similarity-weighted")
    for name in names:
        assert recovered(rows[f"routellm/{name}/arena/GSM8K"], 0.5)[1] < 0.5
    ends = [recovered(rows[f"routellm/{name}/arena/MMLU"], 0.3) for name in names]
    assert min(low for low, _ in ends) < 0.3 < max(high for _, high in ends)


def test_scores_of_a_pair_are_apart() -> None:
    for row in CATALOG.routers.values():
        if row.strong_score is not None:
            assert row.weak_score is not None
            assert row.weak_score < row.strong_score


@pytest.mark.parametrize("name", CATALOG.semantic_caches)
def test_a_stricter_cache_hits_less(name: str) -> None:
    row = CATALOG.semantic_caches[name]
    points = row.points if row.control == "similarity" else row.points[::-1]
    for field in ("hit_rate_low", "hit_rate_high", "false_hits_low", "false_hits_high"):
        values = [value for point in points if (value := getattr(point, field)) is not None]
        assert values == sorted(values, reverse=True)


def test_caches_as_published() -> None:
    """CacheVerifier, results of group A: precision of hits at 0.80, and hits at 0.95 over 150,000 search queries."""
    assert hits("static-threshold/twitter-support", 0.8)[0] < 0.0216 < hits("static-threshold/twitter-support", 0.8)[1]
    low, high = hits("static-threshold/lmarena", 0.8)
    assert low < 0.7409  # the run of 15,000
    assert high > 0.8854  # the run of 60,000
    strict = CATALOG.semantic_caches["static-threshold/search-queries"].points[3]
    assert strict.threshold == 0.95
    for name, value in (("hit_rate", 0.3897), ("false_hits", 0.0794)):
        least, most = spread(strict, name)
        assert least < value < most
        assert most - least < 0.01


# github.com/NVIDIA/RULER README and github.com/adobe-research/NoLiMa README
@pytest.mark.parametrize(
    ("name", "tokens", "score", "base"),
    [
        ("RULER/meta-llama/Llama-3.1-70B-Instruct", 131072, 66.6, 96.5),
        ("RULER/mistralai/Mistral-Large-Instruct-2411", 131072, 48.1, 96.4),
        ("RULER/Qwen/Qwen3-32B", 65536, 91.8, 98.4),
        ("NoLiMa/meta-llama/Llama-3.1-70B-Instruct", 32768, 43.2, 94.5),
    ],
)
def test_contexts_as_published(name: str, tokens: int, score: float, base: float) -> None:
    row = CATALOG.context_effects[name]
    point = next(point for point in row.points if point.tokens == tokens)
    assert (row.base_score, point.score) == (base, score)
    assert point.kept_low < score / base < point.kept_high


@pytest.mark.parametrize("name", CATALOG.context_effects)
def test_shares_kept_belong_to_their_scores(name: str) -> None:
    row = CATALOG.context_effects[name]
    assert row.model in CATALOG.models
    assert name == f"{row.benchmark}/{row.model}"
    for point in row.points:
        middle = point.score / row.base_score
        assert point.kept_low <= middle <= point.kept_high <= 1.05
        # the widest that 95 % bounds of two shares of 6,500 samples can be: both at one half
        assert point.kept_high - point.kept_low <= 2 * 1.96 * math.sqrt(2 * 0.25 / 6500) / (row.base_score / 100)
    assert row.points[-1].kept_high < 1.0


def test_positions_as_published() -> None:
    """Lost in the Middle, EXPERIMENTS.md of its repository: Llama-2-70B-chat, 20 documents."""
    row = CATALOG.position_effects["documents/meta-llama/Llama-2-70b-chat-hf"]
    seen = dict(zip((point.position for point in row.points), row.points, strict=True))
    assert spread(seen[0.0], "accuracy")[0] < 56.77 < spread(seen[0.0], "accuracy")[1]
    assert spread(seen[1.0], "accuracy")[0] < 69.49 < spread(seen[1.0], "accuracy")[1]
    assert (row.alone, row.without) == (84.67, 35.29)


def test_no_passage_order_beats_the_right_passage_alone() -> None:
    for row in CATALOG.position_effects.values():
        if row.alone is not None and row.without is not None:
            assert all(row.without < spread(point, "accuracy")[0] for point in row.points)
            assert all(spread(point, "accuracy")[1] < row.alone for point in row.points)


@pytest.mark.parametrize("name", CATALOG.components)
def test_prices_and_latencies_of_components_are_of_their_kind(name: str) -> None:
    row = CATALOG.components[name]
    bounds = {"per_call": 0.01, "per_token": 1e-6, "hourly": 20.0, "fixed": 2.0, "latency_mean": 1.0, "latency_p99": 1.0}
    for field, most in bounds.items():
        value = getattr(row, field)
        assert value is None or 0 <= value <= most, field


# RouteLLM, arXiv:2406.18665, table of router overheads: dollars per million requests
@pytest.mark.parametrize(
    ("name", "cost"), [("similarity-weighted", 39.26), ("matrix-factorisation", 3.32), ("bert", 3.19), ("causal-llm", 5.23)]
)
def test_routers_cost_what_is_published(name: str, cost: float) -> None:
    row = CATALOG.components[f"routellm/{name}"]
    assert row.hourly is not None
    assert row.rate_per_replica is not None
    assert 1e6 * (row.hourly / 3600 / row.rate_per_replica + (row.per_call or 0.0)) == pytest.approx(cost, abs=0.01)


def test_a_doubtful_price_is_marked() -> None:
    """Cohere names no price per search; a reseller does."""
    row = CATALOG.components["cohere/rerank-4-pro"]
    assert (row.per_call, row.per_call_low) == (0.0025, 0.002)
    assert "per_call" in row.unverified
    assert CATALOG.components["cohere/rerank-4-vault"].per_call is None


_FLOP = {"full": 6.0, "lora": 4.0, "qlora": 4.0, "distil": 8.0, "prune": 8.0}
"""Per parameter and token: forward 2, backward to activations 2, to weights 2; a teacher of the same size adds 2."""


@pytest.mark.parametrize("name", [name for name, row in CATALOG.finetunes.items() if row.rate_high and row.accelerator])
def test_no_training_rate_is_beyond_the_device(name: str) -> None:
    """A rate of several devices taken for that of one shows here."""
    row = CATALOG.finetunes[name]
    assert row.rate_high is not None
    assert row.base_parameters is not None
    needed = row.rate_high * row.base_parameters * _FLOP[row.method]
    peak = CATALOG.accelerators[row.accelerator or ""].peak["bf16"]
    assert 0.02 * peak < needed < peak
    if needed > 0.7 * peak:
        assert "doubtful" in row.caution


def test_finetuning_as_published() -> None:
    """MLPerf Training v4.1 logs: 22.66 to 23.29 minutes on 8 H200. torchtune README: 3,497 tokens/s on 8 A100."""
    row = CATALOG.finetunes["mlperf/llama2-70b/lora/8x-h200-sxm"]
    assert (row.gpu_hours_low, row.gpu_hours_high) == pytest.approx((22.66 * 8 / 60, 23.29 * 8 / 60), abs=0.005)
    assert CATALOG.finetunes["torchtune/Llama-3.1-70B/lora/a100-sxm-80gb"].rate_low == pytest.approx(3497 / 8, abs=0.01)


def test_more_distillation_keeps_more() -> None:
    longest = [row for row in CATALOG.finetunes.values() if len(row.quality) > 1]
    assert len(longest) == 2
    for row in longest:
        kept = [point.kept_low for point in row.quality]
        assert kept == sorted(kept)
        assert kept[0] < 0.4
        assert 0.95 < row.quality[-1].kept_high < 1.0


def test_names_of_ours_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(
        "routers:\n  mine:\n    {strong: a, weak: b, kind: rule, benchmark: MMLUU, source: s, as_of: '2026',\n"
        "     points: [{escalated: 20%, recovered_low: 0.3, recovered_high: 0.4}]}\n"
        "finetunes:\n  ours: {method: lora, model: a, accelerator: h100sxm, cost_high: $5, source: s, as_of: '2026'}\n"
    )
    with pytest.raises(InvalidInput) as caught:
        check_files([file])
    assert [(issue.line, issue.path) for issue in caught.value.issues] == [
        (3, "routers.mine.benchmark"),
        (6, "finetunes.ours.accelerator"),
    ]
    assert "did you mean 'MMLU'?" in caught.value.issues[0].remedy


def test_a_curve_of_ones_own_replaces_ours(tmp_path: Path) -> None:
    name = "routellm/bert/arena/MMLU"
    file = tmp_path / "mine.yaml"
    file.write_text(f"routers:\n  {name}:\n    points: [{{escalated: 0.5, recovered_low: 0.7, recovered_high: 0.8}}]\n")
    router = check_files([file]).routers[name]
    assert recovered(router, 0.5) == (0.7, 0.8)
    assert along(lows(router.points), 0.25) == pytest.approx(0.35)
