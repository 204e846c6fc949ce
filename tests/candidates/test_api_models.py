"""Choices of models bind APIs too: by the open model behind them, or by the names of a model that only an API has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from planner.candidates.apis import usable_apis
from planner.candidates.build import Search
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated, plan_problem

Begin = Callable[..., Search]
OPEN = {"data": {"external_api": True}}


def facts() -> dict[str, Any]:
    """An API of an open model, and one of a model that nobody else has."""
    made = tiny.catalog()
    closed = {key: value for key, value in made["apis"]["cloud/small"].items() if key != "open_model"}
    made["apis"]["cloud/closed"] = {**closed, "model": "closed-1", "scores": [{"benchmark": "exam", "score": 70, **tiny.READ}]}
    return made


@pytest.mark.parametrize(
    ("choice", "small", "closed"),
    [
        ({}, True, True),
        ({"allow": ["org/small"]}, True, False),
        ({"allow": ["org/*"]}, True, False),
        ({"allow": ["cloud/closed"]}, False, True),
        ({"allow": ["closed-*"]}, False, True),
        ({"allow": ["org/large", "closed-1"]}, False, True),
        ({"allow": ["*"]}, True, True),
        ({"forbid": ["org/small"]}, False, True),
        ({"forbid": ["closed-1"]}, True, False),
        ({"forbid": ["cloud/*"]}, True, False),  # the name of an offer is no name of an open model
    ],
)
@pytest.mark.parametrize("level", ["problem", "workload"])
def test_who_may_answer(begin: Begin, level: str, choice: dict[str, Any], small: bool, closed: bool) -> None:
    choose = {"choose": {"models": choice}}
    mine, whole = (choose, {}) if level == "workload" else ({}, choose)
    search = begin(tiny.workload(**OPEN, **mine), facts=facts(), **whole)
    found = usable_apis(search.catalog, search.problem, search.streams, search.ledger)
    finite = {name: bool(np.isfinite(found.call_cost[0, a])) for a, name in enumerate(found.names)}
    assert (finite.get("cloud/small", False), finite.get("cloud/closed", False)) == (small, closed)
    for name, used in (("cloud/small", small), ("cloud/closed", closed)):
        assert used or any("allowed models" in entry.sentence for entry in search.ledger.about(name))


def test_a_stage_binds_its_own_calls(tmp_path: Path) -> None:
    stages = [
        {"name": "first", "output_tokens": {"mean": 50}, "choose": {"models": {"allow": ["cloud/closed"]}}},
        {"name": "then"},
    ]
    only = {"choose": {"instances": {"forbid": ["*"]}}, "objectives": [], **OPEN}
    plan = plan_as_stated(tiny.load(tmp_path, tiny.problem(tiny.workload(stages=stages, **only)), facts()), lambda _: None)
    used = {share.stream: route.api for route in plan.apis for share in route.shares}
    assert used["chat/first"] == "cloud/closed"


def test_a_name_that_stands_for_nothing_is_still_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="matches no model"):
        tiny.load(tmp_path, tiny.problem(tiny.workload(**OPEN, choose={"models": {"allow": ["closed-2"]}})), facts())


def test_the_way_out_names_the_model_behind_the_api(tmp_path: Path) -> None:
    """No machine may be used and the one API left serves another model than those allowed: the list is what to widen."""
    asked = tiny.workload(**OPEN, quality=[{"benchmark": "exam", "at_least": 40}], choose={"models": {"allow": ["org/large"]}})
    loaded = tiny.load(tmp_path, tiny.problem(asked, limits={"max_gpus": 0}))
    with pytest.raises(Infeasible) as stuck:
        plan_problem(loaded, progress=lambda _: None)
    assert any("also allow model org/small" in str(found) for found in stuck.value.relaxations), stuck.value.relaxations
