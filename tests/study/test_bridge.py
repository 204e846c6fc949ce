"""Bridges between plans and problems: steps sum exactly, in a stated order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible
from planner.pipeline import quietly
from planner.study.bridge import REST, WORKLOADS, Bridge, of_plans, of_problems
from planner.study.difference import micros
from planner.study.executors import Done, Work
from planner.study.sweep import Course

COURSE = Course(quietly)


def whole(found: Bridge) -> bool:
    """Whether the steps sum exactly."""
    return sum(step.micros for step in found.steps) == found.after - found.before


def load(folder: Path, *workloads: dict[str, Any], facts: dict[str, Any] | None = None, **fields: Any) -> LoadedProblem:
    return tiny.load(folder, tiny.problem(*workloads, **fields), facts)


def test_each_change_is_a_step_in_a_fixed_order(tmp_path: Path) -> None:
    """Demand 4 → 40 req/s is worth machines; then a spare of $0.80/h; sellers change nothing. Told in the order of groups."""
    before = load(tmp_path / "a", tiny.workload())
    after = load(
        tmp_path / "b", tiny.workload(rate="40 req/s"), operations={"spare_replicas": 1}, choose={"sellers": {"allow": ["shop"]}}
    )
    found = of_problems(before, after, COURSE)
    assert [step.name for step in found.steps] == ["demand", "what may be chosen", "operations"]
    assert whole(found)
    assert (found.before, found.after) == (micros(quietly(before).cost.total), micros(quietly(after).cost.total))
    backwards = of_problems(after, before, COURSE)
    assert whole(backwards)
    assert (backwards.before, backwards.after) == (found.after, found.before)


def test_prices_are_facts_even_where_files_have_the_same_name(tmp_path: Path) -> None:
    facts = tiny.catalog()
    facts["instances"]["shop/mini-1"]["prices"][0]["on_demand"] = "$0.9/h"
    found = of_problems(load(tmp_path / "a"), load(tmp_path / "b", facts=facts), COURSE)
    assert [(step.name, step.micros) for step in found.steps] == [("prices and other facts", 100_000)]


def test_what_has_no_plan_alone_is_changed_together(tmp_path: Path) -> None:
    """Two thousand requests a second need more than one accelerator: demand has no plan before the limit is raised."""
    before = load(tmp_path / "a", limits={"max_gpus": 1})
    after = load(tmp_path / "b", tiny.workload(rate="100 req/s"), limits={"max_gpus": 90})
    found = of_problems(before, after, COURSE)
    assert [step.name for step in found.steps] == ["demand together with limits"]
    assert whole(found)


def test_workloads_that_come_are_a_step(tmp_path: Path) -> None:
    found = of_problems(load(tmp_path / "a"), load(tmp_path / "b", tiny.workload(), tiny.workload("code", "30 req/s")), COURSE)
    assert [step.name for step in found.steps] == [WORKLOADS]
    assert whole(found)
    assert found.steps[0].micros > 0


def test_the_same_problem_is_no_difference(tmp_path: Path) -> None:
    found = of_problems(load(tmp_path / "a"), load(tmp_path / "b"), COURSE)
    assert [(step.name, step.micros) for step in found.steps] == [(REST, 0)]
    assert found.steps[0].difference is not None
    assert found.steps[0].difference.none


def test_what_is_no_valid_problem_alone_is_changed_together(tmp_path: Path) -> None:
    """Once its periods are gone, demand of the night is no demand at all."""
    night = tiny.workload(demand={"rate": {"day": "4 req/s", "night": "1 req/s"}})
    before = load(tmp_path / "a", night, periods=[{"name": "day", "hours": 10}, {"name": "night", "hours": 14}])
    found = of_problems(before, load(tmp_path / "b"), COURSE)
    assert [step.name for step in found.steps] == ["time together with demand"]
    assert whole(found)


class Backwards:
    """Does the last first."""

    def run(self, work: Work, tasks: Sequence[Any]) -> Done:
        for index in reversed(range(len(tasks))):
            yield index, work(tasks[index])


def test_all_are_solved_at_once_anywhere_and_kept(tmp_path: Path) -> None:
    before = load(tmp_path / "a", tiny.workload(), limits={"max_gpus": 1})
    after = load(
        tmp_path / "b", tiny.workload(rate="100 req/s"), limits={"max_gpus": 90}, choose={"sellers": {"allow": ["shop"]}}
    )
    said: list[str] = []
    alone = of_problems(before, after, replace(COURSE, progress=said.append))
    assert [text.partition(" solved")[0] for text in said] == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]
    journal = tmp_path / "j"
    assert of_problems(before, after, Course(quietly, Backwards(), journal)) == alone

    def never(loaded: LoadedProblem) -> Plan:
        raise AssertionError(loaded)

    assert of_problems(before, after, Course(never, journal=journal)) == alone


def test_a_problem_without_a_plan_is_told(tmp_path: Path) -> None:
    stuck = load(tmp_path / "b", tiny.workload(rate="4000 req/s"), limits={"max_gpus": 1})
    with pytest.raises(Infeasible, match="has no plan"):
        of_problems(load(tmp_path / "a"), stuck, COURSE)


def test_plans_differ_by_what_is_paid_for(tmp_path: Path) -> None:
    before = quietly(load(tmp_path / "a"))
    after = quietly(load(tmp_path / "b", tiny.workload(rate="40 req/s"), operations={"pool_cost": "$0.123456789/h"}))
    found = of_plans(before, after)
    assert whole(found)
    assert any("→" in step.note or "machines" in step.note for step in found.steps)
    assert next(step.micros for step in found.steps if step.name == "operations") == 123457 * len(after.pools)
    assert of_plans(before, before).steps == ()


def test_plans_whose_parts_do_not_round_alike_still_add_up(tmp_path: Path) -> None:
    plan = quietly(load(tmp_path))
    cost = plan.cost.model_copy(update={"levers": 0.0000004, "components": 0.0000004, "total": plan.cost.total + 0.0000008})
    found = of_plans(plan, plan.model_copy(update={"cost": cost}))
    assert [(step.name, step.micros) for step in found.steps] == [("rounding", 1)]
    assert replace(found, steps=()) != found
