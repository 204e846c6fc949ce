"""Solves around a plan: what is asked, what comes of it, how it is told, and how much of it there is room for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.plan_changes import Changes
from planner.errors import InvalidInput
from planner.pipeline import quietly
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.study.alternatives import questions
from planner.study.compared import compared
from planner.study.drivers import sensitivity
from planner.study.explore import MOST, Task, allotted, bare, explore
from planner.study.levels import varied_by
from planner.study.overrides import Override
from planner.study.result import Result
from planner.study.sensitivity import Bar, Driver
from planner.study.sweep import Course

FLOOR = [{"benchmark": "exam", "at_least": 40}]
Around = tuple[LoadedProblem, Plan, Plan]


@pytest.fixture(scope="module")
def around() -> Iterator[Around]:
    """A chat on one mini at $0.8/h, documents beside it that may use an API, and eight accelerators at most."""
    with tempfile.TemporaryDirectory() as folder:
        documents = tiny.workload("documents", rate="2 req/s", data={"external_api": True})
        stated = tiny.problem(tiny.workload(quality=FLOOR), documents, limits={"max_gpus": 2})
        loaded = tiny.load(Path(folder), stated)
        plan = loads(dumps(quietly(loaded)))
        yield loaded, plan, explore(plan, loaded, Course(quietly), most=18)


def test_a_plan_with_what_was_found_passes_every_check(around: Around) -> None:
    loaded, _, found = around
    assert verify(found, loaded) == []
    assert loads(dumps(found)) == loads(dumps(loads(dumps(found))))


def test_nothing_else_of_the_plan_changes(around: Around) -> None:
    _, plan, found = around
    assert dumps(bare(found)) == dumps(plan)


def test_alternatives_narrow_the_problem_or_say_that_they_do_not(around: Around) -> None:
    """By hand: small is 3e9 parameters in bf16 on a mini; without it two mids at $2.2/h hold large in fp8."""
    _, plan, found = around
    by_name = {one.name: one for one in found.alternatives}
    without = by_name["without small"]
    assert (without.cost, without.allowed) == (pytest.approx(2.2), True)
    assert without.changes == ("large fp8 instead of small bf16", "2 × mid instead of 1 × mini")
    assert "1 accelerator more" in without.gives_up
    assert "chat exam 76.0, 50.0 here" in without.gains  # 80 · 0.95, the low end of its recovery
    assert by_name["documents through APIs"].gives_up[-1] == "33.3% of calls leave for APIs, 0.0% here"
    assert all(one.allowed for one in found.alternatives)
    assert all(one.cost >= plan.proof.bound - 1e-9 for one in found.alternatives if one.cost and one.allowed)


def test_levels_are_told_whether_there_is_a_plan_or_not(around: Around) -> None:
    """No floor above large's 80; small's 50 changes nothing, for its weights are bf16."""
    loaded, plan, found = around
    assert [one.about for one in varied_by(plan, loaded)][1] == "chat exam floor"
    front = next(one for one in found.frontiers if one.about == "chat exam floor")
    assert (front.planned, front.tighter, [point.value for point in front.points]) == (40.0, "higher", [40.0, 50.0, 80.0])
    costs = [point.cost for point in front.points]
    assert costs[:2] == [pytest.approx(plan.cost.total)] * 2
    assert costs[2] is None or costs[2] > plan.cost.total
    assert all(bool(point.why) == (point.cost is None) for one in found.frontiers for point in one.points)


def test_numbers_are_ranked_by_what_they_do(around: Around) -> None:
    """20 % on all prices are 20 % of the cost, and prices are published."""
    _, plan, found = around
    prices = next(one for one in found.sensitivities if one.name == "machine prices")
    assert (prices.low.cost, prices.high.cost) == (pytest.approx(0.8 * plan.cost.total), pytest.approx(1.2 * plan.cost.total))
    assert (prices.standing, prices.sure) == ("published", True)
    swings = [one.swing(plan.cost.total) for one in found.sensitivities]
    assert swings == sorted(swings, reverse=True)


def test_what_was_left_out_is_said(around: Around) -> None:
    _, _, found = around
    assert found.explored is not None
    assert found.explored.solves <= 18 < MOST
    assert any(note.startswith("left out, for want of solves") for note in found.explored.notes)


def test_running_again_replaces_what_was_there(around: Around) -> None:
    loaded, _, found = around
    again = explore(found, loaded, Course(quietly), ("alternatives",), most=1)
    assert [one.name for one in again.alternatives] == ["without small"]
    assert (again.frontiers, again.sensitivities) == ((), ())
    assert again.alternatives[0] == found.alternatives[0]


def test_a_plan_made_from_another_one_is_refused(around: Around) -> None:
    loaded, plan, _ = around
    moved = plan.model_copy(update={"changes": Changes.model_construct()})
    with pytest.raises(InvalidInput, match="made from what runs today"):
        explore(moved, loaded, Course(quietly))


def test_what_the_problem_does_not_allow_is_asked_too_and_said(around: Around) -> None:
    loaded, plan, _ = around
    asked = {one.name: one.allowed for one in questions(plan, loaded)}
    assert asked["reserving for a year"] is False
    assert asked["a spare replica in each pool"] is True


def test_names_that_a_list_allows_are_taken_off_it(around: Around) -> None:
    """What is both allowed and forbidden is no valid problem."""
    loaded, plan, _ = around
    listed = loaded.problem.choose.model_copy(
        update={"sellers": loaded.problem.choose.sellers.model_copy(update={"allow": ("shop", "mart")})}
    )
    problem = loaded.problem.model_copy(update={"choose": listed})
    asked = {one.name: one for one in questions(plan, replace(loaded, problem=problem))}
    assert [str(one) for one in asked["without shop"].overrides] == [
        'choose.sellers.allow=["mart"]', 'choose.sellers.forbid=["shop"]',
    ]  # fmt: skip


# How much there is room for


def task(name: str, count: int) -> Task:
    return Task(name, tuple((Override(f"{name}.{k}", k),) for k in range(count)), lambda _: pytest.fail("not solved here"))


def test_parts_take_turns_until_there_is_no_room() -> None:
    """Of 6 solves: one of a, three of x; b's one; y's three no longer fit, c's one does."""
    queues = [[task("a", 1), task("b", 1), task("c", 1)], [task("x", 3), task("y", 3)]]
    assert [one.name for one in allotted(queues, 6)] == ["a", "x", "b", "c"]
    assert allotted(queues, 0) == []
    twice = [[task("a", 1)], [task("a", 1)]]
    assert len(allotted(twice, 1)) == 2  # the same is solved once


# How plans are told apart


def figures(**traits: Any) -> dict[str, Any]:
    base = {
        "engines": ["e"], "sellers": ["s"], "regions": ["r"], "paid": ["on_demand"], "spot": False, "committed": 0.0,
        "drafts": [], "outside": 0.0, "spares": 0, "power": None,
        "near": {"chat TTFT p95": [0.5, 1.0]}, "scores": {"chat exam": 80.0},
    }  # fmt: skip
    return {"models": ["o/m fp8"], "accelerators": {"a": 2}, "pools": 1, "replicas": 2, "apis": [], "traits": base | traits}


def test_plans_that_are_alike_differ_in_nothing() -> None:
    told = compared(figures(), figures())
    assert (told.changes, told.gives_up, told.gains) == ((), (), ())


def test_what_is_lost_one_way_is_gained_the_other() -> None:
    other = figures(
        spot=True, committed=1.5, near={"chat TTFT p95": [0.9, 1.0]}, scores={"chat exam": 70.0}, paid=["spot"], spares=1
    )
    there, back = compared(figures(), other), compared(other, figures())
    assert there.gives_up == (
        "chat TTFT p95 900 ms, 500 ms here", "chat exam 70.0, 80.0 here", "$1.50/h committed beyond the hour, nothing here",
        "machines that can be taken away at any time",
    )  # fmt: skip
    assert there.gains == ("1 spare replica a pool, none here",)
    assert there.changes == ("spot instead of on demand",)
    assert len(back.gains) == len(there.gives_up)
    assert len(back.gives_up) == len(there.gains)


def test_small_differences_are_not_told() -> None:
    told = compared(figures(), figures(near={"chat TTFT p95": [0.54, 1.0]}, scores={"chat exam": 79.6}))
    assert (told.gives_up, told.gains) == ((), ())


def test_a_number_without_a_plan_at_an_end_is_sure_to_matter() -> None:
    base = Result("optimal", 2.0, 2.0, 0.0, {"traits": {"bounded": True}})
    none = Result("infeasible", message="no combination.\nmore")
    driver = Driver("limits.max_gpus", Override("limits.max_gpus", 0), Override("limits.max_gpus", 9))
    kept = sensitivity(Bar(driver, none, base, base))
    assert (kept.sure, kept.low.why, kept.standing) == (True, "infeasible: no combination", None)
    assert not sensitivity(Bar(driver, base, base, base)).sure
