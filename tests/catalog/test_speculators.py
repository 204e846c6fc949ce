"""The shipped drafts: as published, ranges as derived, sizes that models of their kind have."""

from __future__ import annotations

import pytest

from planner.catalog.load import load_builtin

CATALOG = load_builtin()
ROWS = CATALOG.speculators

# InferenceX golden acceptance lengths (SPEED-Bench coding, B300 vLLM), draft lengths 1 to 8: thinking on, off where measured.
GOLDEN = {
    "mtp/glm-5.2": ((1.84, 2.5, 2.99, 3.33, 3.61, 3.78, 3.91, 4.06),),
    "eagle3/kimi-k2.5": (
        (1.83, 2.43, 2.88, 3.24, 3.46, 3.62, 3.71, 3.77),
        (1.8, 2.33, 2.75, 3.06, 3.25, 3.43, 3.46, 3.51),
    ),
    "mtp/qwen3.5-397b-a17b": (
        (1.93, 2.73, 3.39, 3.97, 4.41, 4.8, 5.04, 5.21),
        (1.92, 2.7, 3.33, 3.83, 4.2, 4.48, 4.73, 4.71),
    ),
    "mtp/deepseek-v4-pro": (
        (1.79, 2.27, 2.49, 2.54, 2.55, 2.55, 2.54, 2.58),
        (1.92, 2.61, 2.97, 3.0, 3.1, 3.16, 3.0, 3.11),
    ),
    "dspark/deepseek-v4-pro-0813": ((1.84, 2.51, 3.01, 3.36, 3.61, 3.77, 3.73, 3.47),),
    "dspark/kimi-k3": ((1.84, 2.45, 2.87, 3.22, 3.44, 3.54, 3.78, 3.88),),
    "dspark-probabilistic/kimi-k3": ((1.85, 2.51, 3.0, 3.36, 3.62, 3.75, 3.84, 4.0),),
    "eagle3-gqa/minimax-m3": (
        (1.79, 2.39, 2.78, 3.02, 3.21, 3.3, 3.52, 3.51),
        (1.83, 2.46, 2.97, 3.29, 3.72, 3.76, 3.75, 3.93),
    ),
}
SPREAD = (2.01 - 1.0) / (3.32 - 1.0)
"""Drafts accepted on MiniMax-M3's worst domain over those on coding (vLLM blog 2026-07-13, 3 drafted tokens)."""


@pytest.mark.parametrize("name", GOLDEN)
def test_tables_as_published(name: str) -> None:
    measured = list(zip(*GOLDEN[name], strict=True))
    assert [point.draft_tokens for point in ROWS[name].points] == list(range(1, 9))
    assert [point.emitted_high for point in ROWS[name].points] == [max(row) for row in measured]
    for point, row in zip(ROWS[name].points, measured, strict=True):
        assert point.emitted_low == pytest.approx(1 + SPREAD * (min(row) - 1), abs=0.011)
    assert "points" in ROWS[name].unverified


def test_where_several_sets_were_measured_they_are_the_range() -> None:
    """vLLM blog 2026-03-13: HumanEval, SPEED-Bench code, MT-Bench. 2026-07-13: eleven domains of SPEED-Bench."""
    assert [(p.emitted_low, p.emitted_high) for p in ROWS["eagle3/gpt-oss-20b"].points] == [(2.24, 2.7), (2.59, 3.27)]
    assert [(p.emitted_low, p.emitted_high) for p in ROWS["p-eagle/gpt-oss-20b"].points] == [(2.87, 3.02), (3.38, 3.94)]
    by_domain = ROWS["eagle3/minimax-m3"].at(3)
    assert by_domain is not None
    assert (by_domain.emitted_low, by_domain.emitted_high) == (2.01, 3.32)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_says_where_when_and_what_to_mind(name: str) -> None:
    row = ROWS[name]
    assert row.source
    assert row.conditions
    assert row.caution
    assert row.traffic
    assert set(row.unverified) <= set(type(row).model_fields)
    if row.draft is not None:
        assert "draft" in row.unverified  # no source says all of it


def test_some_targets_are_ours() -> None:
    ours = {name for name, row in ROWS.items() if CATALOG.resolve_model(row.target) is not None}
    assert ours == {"mtp/glm-5.2", "eagle3/kimi-k2.5", "eagle3/gpt-oss-20b", "p-eagle/gpt-oss-20b", "mtp/qwen3.5-397b-a17b"}
    for name in ours:
        assert ROWS[name].target in CATALOG.models


def test_sizes_from_configs() -> None:
    """AQ-MedAI/Kimi-K25-eagle3: q, k, v of 2·7168 in and 64·128 out, output, MLP of 18432, fusion of 3·7168; 32,000 words."""
    draft = ROWS["eagle3/kimi-k2.5"].draft
    assert draft is not None
    size = 3 * 2 * 7168 * 8192 + 8192 * 7168 + 3 * 7168 * 18432 + 3 * 7168**2
    assert draft.parameters == pytest.approx(size, rel=1e-2)
    assert draft.head_parameters == pytest.approx(32000 * 7168, rel=1e-2)
    small = ROWS["eagle3/gpt-oss-20b"].draft
    assert small is not None
    size = 2 * 2880 * 64 * (64 + 2 * 8) + 4096 * 2880 + 3 * 2880 * 17280 + 3 * 2880**2
    assert small.parameters == pytest.approx(size, rel=1e-2)


def test_engines_that_draft() -> None:
    assert "mtp" in CATALOG.engines["vllm"].speculation
    assert not CATALOG.engines["static-baseline"].speculation
