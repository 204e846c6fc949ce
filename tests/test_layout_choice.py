"""`choose.layouts`: pools have an allowed layout, each stream by itself; mistakes, the check of plans, reasons and relaxations.

On the tiny catalog the cheapest chat takes one `mini` for $0.8/h; layouts of two devices fit `mid-2` ($2.2/h) and `max-4`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.layout import Shape, all_shapes
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_problem, quietly
from planner.plan.verify import verify


def loaded(folder: Path, layouts: dict[str, Any], *workloads: dict[str, Any], **fields: Any) -> LoadedProblem:
    return tiny.load(folder, tiny.problem(*workloads, choose={"layouts": layouts}, **fields))


def laid(plan: Plan, stream: str = "chat") -> set[str]:
    """Return the layouts that serve a stream."""
    return {pool.deployment.layout.name for pool in plan.pools if any(share.stream == stream for share in pool.shares)}


def test_layouts_are_named_as_they_are_printed() -> None:
    assert [str(shape) for shape in (Shape(1, 1, 1), Shape(4, 2, 1), Shape(1, 1, 8))] == ["tp1", "tp4 pp2", "tp1 dp8 ep8"]
    assert len({str(shape) for shape in all_shapes()}) == len(all_shapes())


@pytest.mark.parametrize(
    ("layouts", "known"),
    [
        ({}, {"tp1"}),
        ({"allow": ["tp2"]}, {"tp2"}),
        ({"allow": ["TP1*"], "forbid": ["tp1"]}, {"tp1 pp2"}),
        ({"forbid": ["tp1*"]}, {"tp2"}),
        ({"allow": ["tp4", "* pp2"], "forbid": ["tp1 pp2"]}, {"tp4"}),
    ],
)
def test_a_plan_has_allowed_layouts_only(tmp_path: Path, layouts: dict[str, Any], known: set[str]) -> None:
    """`tp1*` holds stages too; a pattern matches the whole name."""
    assert laid(quietly(loaded(tmp_path, layouts))) == known


def test_narrower_layouts_never_cost_less(tmp_path: Path) -> None:
    costs = [quietly(loaded(tmp_path, layouts)).cost.total for layouts in ({}, {"forbid": ["tp1"]}, {"allow": ["tp4"]})]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2]


def test_each_stream_has_its_own_and_shared_pools_suit_all(tmp_path: Path) -> None:
    """Without a choice both share one `mini`."""
    two = tiny.workload("code", choose={"layouts": {"allow": ["tp2"]}})
    plan = quietly(tiny.load(tmp_path, tiny.problem(tiny.workload(), two)))
    assert laid(plan, "code") == {"tp2"}
    assert all(pool.deployment.layout.name == "tp2" for pool in plan.pools if len({share.stream for share in pool.shares}) == 2)


def test_the_problem_s_and_the_workload_s_choice_both_hold(tmp_path: Path) -> None:
    narrow = tiny.workload(choose={"layouts": {"allow": ["tp2", "tp4"]}})
    assert laid(quietly(loaded(tmp_path, {"forbid": ["tp2"]}, narrow))) == {"tp4"}


def test_apis_have_no_layout(tmp_path: Path) -> None:
    plan = quietly(loaded(tmp_path, {"allow": ["tp16"]}, tiny.workload(data={"external_api": True})))
    assert (plan.pools, [route.api for route in plan.external]) == ((), ["cloud/small"])


@pytest.mark.parametrize(
    ("layouts", "where", "said"),
    [
        ({"allow": ["tp44"]}, "choose.layouts.allow[0]", "'tp44' matches no layout"),
        ({"forbid": ["tp2 pp2 pp2"]}, "choose.layouts.forbid[0]", "did you mean 'tp2 pp2'?"),
        ({"allow": ["tp2"], "forbid": ["tp*"]}, "choose.layouts", "everything allowed among the layouts is also forbidden"),
    ],
)
def test_mistakes_are_told_with_what_was_meant(tmp_path: Path, layouts: dict[str, Any], where: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, layouts)
    assert where in str(caught.value)
    assert said in str(caught.value)


def test_choices_that_leave_no_layout_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the choices of problem and workload together leave no layout"):
        loaded(tmp_path, {"allow": ["tp2"]}, tiny.workload(choose={"layouts": {"allow": ["tp4"]}}))


def test_a_plan_of_another_layout_is_refused(tmp_path: Path) -> None:
    plan = quietly(tiny.load(tmp_path, tiny.problem()))
    other = loaded(tmp_path, {"forbid": ["tp1"]})
    found = verify(plan.model_copy(update={"problem_digest": other.digest}), other)
    assert "chat on P1: tp1 is not allowed" in found


def test_no_layout_left_is_a_reason_and_another_one_the_remedy(tmp_path: Path) -> None:
    """No machine here has sixteen devices, nor a network to join several."""
    with pytest.raises(Infeasible) as caught:
        plan_problem(loaded(tmp_path, {"allow": ["tp16"]}), progress=lambda _: None)
    assert "left out by allow or forbid lists, such as tp1: is not among those allowed: tp16" in caught.value.reasons[0]
    assert "also allow layout tp1: feasible at $0.8/h with 1 × mini" in caught.value.relaxations
    with pytest.raises(Infeasible) as caught:
        plan_problem(loaded(tmp_path, {"forbid": ["tp1*", "tp2*", "tp4*"]}), progress=lambda _: None)
    assert any(text.startswith("no longer forbid layout tp1") for text in caught.value.relaxations)
