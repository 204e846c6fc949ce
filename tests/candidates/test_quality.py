"""Scores after what precision takes away, by hand."""

from __future__ import annotations

from typing import Any

import pytest
import tiny

from planner.candidates.quality import at_length, best_score, judge, recovery_of
from planner.domain.calls import QualityFloor
from planner.domain.llm import KvPrecision, Model, Precision, Score

READ = tiny.READ


def model(billions: float = 70.0, **fields: Any) -> Model:
    return Model.model_validate(tiny.model(48, 5120, 40, billions, 80.0, **fields))


def precision(*rows: dict[str, Any]) -> Precision:
    return Precision.model_validate(
        {"bits_per_weight": 8, "compute": "fp8", "recoveries": [{**row, **READ} for row in rows], **READ}
    )


def cache(**fields: Any) -> KvPrecision:
    return KvPrecision.model_validate({"bits": 8, **fields, **READ})


SMALL = {"recovery": 0.98, "low": 0.90}
LARGE = {"recovery": 0.997, "low": 0.99, "min_parameters": 60e9}
HUGE = {"recovery": 0.999, "min_parameters": 400e9}


@pytest.mark.parametrize(
    ("billions", "rows", "kept"),
    [
        (
            70.0,
            (SMALL, LARGE, HUGE),
            0.99,
        ),  # rows of small models do not cut a 70B model, those of larger ones do not speak of it
        (8.0, (SMALL, LARGE, HUGE), 0.90),
        (70.0, (LARGE, {**LARGE, "recovery": 0.9, "low": 0.7}), 0.7),  # of equals the pessimistic end
        (
            70.0,
            ({**LARGE, "max_context": 8192}, {**LARGE, "low": 0.8, "max_context": 131072}),
            0.99,
        ),  # nearest context that reaches
        (70.0, ({**LARGE, "max_context": 2048}, {**LARGE, "low": 0.8, "max_context": 131072}), 0.8),
        (70.0, ({**LARGE, "low": 0.8}, {**LARGE, "max_context": 8192}), 0.99),  # no limit stated reaches farthest
        (70.0, (SMALL, {**SMALL, "low": 0.6, "tasks": ["exam"]}), 0.6),  # the same benchmark before averages over suites
        (70.0, (SMALL, {**SMALL, "low": 0.6, "tasks": ["maths"]}), 0.9),
    ],
)
def test_which_recovery_counts(billions: float, rows: tuple[dict[str, Any], ...], kept: float) -> None:
    assert recovery_of(precision(*rows), "fp8", model(billions), "exam", 4096.0)[0] == kept


def test_nothing_is_lost_in_the_published_format() -> None:
    assert recovery_of(precision(SMALL), "bf16", model(), "exam", 4096.0)[0] == 1.0
    assert recovery_of(precision(SMALL), "fp16", model(), "exam", 4096.0)[0] == 1.0
    assert recovery_of(precision(SMALL), "fp8", model(native_precision="fp8"), "exam", 4096.0)[0] == 1.0


def test_contexts_beyond_every_row_are_unknown() -> None:
    assert recovery_of(precision({**SMALL, "max_context": 8192}), "fp8", model(), "exam", 9000.0) == (None, "")


@pytest.mark.parametrize(("floor", "holds"), [(79.2, True), (79.3, False)])  # 80 × 0.99 × 1 = 79.2
def test_a_floor_by_hand(floor: float, holds: bool) -> None:
    asked = QualityFloor(benchmark="exam", at_least=floor)
    verdict = judge(asked, model(), precision(LARGE), "fp8", cache(recovery=1.0), "kv", 4096.0)
    assert verdict.holds is holds
    assert "80 × 0.99 (weights) × 1 (cache) = 79.2" in verdict.reason


def test_weights_and_cache_both_cost() -> None:
    asked = QualityFloor(benchmark="exam", at_least=75.3)
    assert not judge(asked, model(), precision(LARGE), "fp8", cache(recovery=1.0, recovery_low=0.95), "kv", 4096.0).holds  # 75.24


@pytest.mark.parametrize(("assumed", "holds"), [(None, False), (0.99, True), (0.5, False), (0.0, False)])
def test_unknown_recovery_is_refused_or_assumed_as_told(assumed: float | None, holds: bool) -> None:
    asked = QualityFloor(benchmark="exam", at_least=70, unknown_recovery=assumed)
    assert judge(asked, model(), precision(), "fp8", cache(recovery=1.0), "kv", 4096.0).holds is holds


def test_no_score_no_pass() -> None:
    verdict = judge(QualityFloor(benchmark="maths", at_least=1), model(), precision(SMALL), "fp8", cache(recovery=1.0), "kv", 1.0)
    assert (verdict.holds, verdict.reason) == (False, "no published maths score")


def test_the_best_of_several_scores() -> None:
    scores = tuple(Score(benchmark=b, score=s, **READ) for b, s in (("exam", 50), ("exam", 60), ("maths", 90)))
    found = best_score(scores, "exam")
    assert found is not None
    assert found.score == 60


# Measured at 8,000 tokens (90 % kept) and 32,000 (60 %): the next longer one counts; beyond the last nobody knows.
CURVE = [{"tokens": 8000, "share": 0.9}, {"tokens": 32000, "share": 0.6}]


@pytest.mark.parametrize(
    ("name", "context", "unknown", "asked"),
    [
        ("org/a", 4000.0, None, 50.0),
        ("org/a", 8000.0, None, 50.0),
        ("org/a", 8001.0, None, 75.0),
        ("org/a", 32001.0, None, None),
        ("org/a", 32001.0, 0.5, 90.0),
        ("org/b", 4000.0, None, None),
        ("org/b", 4000.0, 0.9, 50.0),
    ],
)
def test_long_contexts_ask_for_more_at_short_ones(name: str, context: float, unknown: float | None, asked: float | None) -> None:
    """45 asked: 45/0.9 = 50, 45/0.6 = 75, 45/0.5 = 90."""
    loss = {"kept": [{"model": "org/a", "points": CURVE}], "unknown": unknown}
    floor = at_length(QualityFloor.model_validate({"benchmark": "exam", "at_least": 45, "context": loss}), name, context)
    assert (floor.at_least if floor is not None else None) == (pytest.approx(asked) if asked is not None else None)
