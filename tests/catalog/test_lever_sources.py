"""What levers and floors name in the catalog, by hand: accuracy by place, quality by length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
from call_graphs import facts, issues, lever

from planner.domain.levers import Effect


def loaded_effect(folder: Path, before: str, after: str) -> Effect:
    places = {"before": {"curve": "documents/small", "place": before}, "after": {"curve": "documents/small", "place": after}}
    offered = lever("retrieval_depth", effects=[{"chunks": 4, "places": places}])
    stages = [{"name": "answer", "chunks": {"count": 8, "tokens": {"mean": 250}}}]
    made = tiny.load(folder, tiny.problem(tiny.workload(levers=[offered], stages=stages)), facts())
    return made.problem.workloads[0].levers[0].options[0].effects[0]


# Accuracy is 70 to 72 at the beginning, 50 to 52 in the middle, 60 to 62 at the end; anywhere (70 + 2·50 + 60)/4 = 57.5 to 59.5.
@pytest.mark.parametrize(
    ("before", "after", "low", "high"),
    [
        ("first", "last", 60 / 72, 62 / 70),
        ("first", "anywhere", 57.5 / 72, 59.5 / 70),
        ("anywhere", "anywhere", 57.5 / 59.5, 1.0),
        ("anywhere", "first", 1.0, 1.0),
    ],
)
def test_places_become_a_factor_on_the_score(tmp_path: Path, before: str, after: str, low: float, high: float) -> None:
    """Gains are not counted on."""
    found = loaded_effect(tmp_path, before, after).quality
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def floor(**context: Any) -> list[dict[str, Any]]:
    return [{"benchmark": "exam", "at_least": 45, "context": context}]


def test_floors_take_the_catalogs_curves_and_ones_own_first(tmp_path: Path) -> None:
    own = {"model": "org/large", "points": [{"tokens": 1000, "share": 0.5}]}
    chat = tiny.workload(quality=floor(curves="RULER", kept=[own]))
    context = tiny.load(tmp_path, tiny.problem(chat), facts()).problem.workloads[0].quality[0].context
    assert context is not None
    assert [kept.model for kept in context.kept] == ["org/large", "org/small"]
    assert [(point.tokens, point.share) for point in context.kept[1].points] == [(4096, 1.0), (8192, 0.88)]
    assert context.share("org/large", 999.0) == 0.5


@pytest.mark.parametrize(
    ("context", "path", "said", "remedy"),
    [
        ({"curves": "RULES"}, "curves", "no curves of quality by context are named 'RULES'", "RULER"),
        ({}, "", "it names no curve", "give `curves` (RULER)"),
        ({"kept": [{"model": "org/smal", "points": [{"tokens": 1, "share": 1}]}]}, "kept[0].model", "no model", "org/small"),
        (
            {"kept": [{"model": "org/small", "points": [{"tokens": 9, "share": 1}, {"tokens": 8, "share": 1}]}]},
            "kept[0]",
            "must ascend",
            "check their order",
        ),
    ],
)
def test_curves_that_are_not_there(tmp_path: Path, context: dict[str, Any], path: str, said: str, remedy: str) -> None:
    found = issues(tmp_path, quality=floor(**context))
    (one,) = found
    assert one.path == f"workloads[0].quality[0].context{'.' if path else ''}{path}"
    assert said in one.message
    assert remedy in f"{one.message} {one.remedy}"
