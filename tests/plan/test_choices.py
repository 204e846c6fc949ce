"""What was found around a plan, and what of it cannot be true."""

from __future__ import annotations

from typing import Any

import made_plans
import pytest

from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative, Frontier, FrontierPoint, Moved, Sensitivity
from planner.plan.verify_choices import choices


def told(**found: Any) -> list[str]:
    """Return what is wrong with a plan at $4.58/h, proved to the cent, around which this was found."""
    plan = made_plans.quickstart()
    assert plan.cost.total == pytest.approx(4.58)
    assert plan.proof.bound == pytest.approx(4.58)
    return list(choices(plan.model_copy(update=found)))


def front(*points: FrontierPoint, tighter: Any = "lower", planned: float | None = None) -> tuple[Frontier, ...]:
    return (Frontier(about="TTFT", unit="ms", planned=planned, tighter=tighter, points=points),)


def test_nothing_and_what_can_be_true_are_accepted() -> None:
    assert told() == []
    plan: Plan = made_plans.quickstart()
    own = FrontierPoint(value=100.0, cost=plan.cost.total, bound=plan.proof.bound)
    ascending = front(
        FrontierPoint(value=50.0, cost=None, why="infeasible"), own, FrontierPoint(value=200.0, cost=4.58), planned=100.0
    )
    other = Alternative(name="without x", cost=6.0, bound=5.9)
    cheaper = Alternative(name="reserving", cost=3.0, bound=3.0, allowed=False)
    moved = Sensitivity(name="prices", low=Moved(to="x0.8", cost=3.0), high=Moved(to="x1.2", cost=6.0, bound=5.9), sure=True)
    assert told(frontiers=ascending, alternatives=(other, cheaper), sensitivities=(moved,)) == []


def test_an_alternative_that_narrows_the_problem_costs_no_less_than_its_bound() -> None:
    wrong = told(alternatives=(Alternative(name="without x", cost=4.0),))
    assert wrong == ["alternative 'without x': costs 4, and no plan of the problem costs less than 4.58"]


def test_a_bound_that_leaves_something_out_rejects_nothing() -> None:
    plan = made_plans.quickstart()
    part = plan.proof.model_copy(update={"complete": False})
    assert told(proof=part, alternatives=(Alternative(name="without x", cost=4.0),)) == []


@pytest.mark.parametrize(
    "one",
    [
        Alternative(name="x", cost=None),
        Alternative(name="x", cost=9.0, why="infeasible"),
        Alternative(name="x", cost=9.0, bound=9.1),
    ],
)
def test_a_cost_or_a_reason_and_no_cost_below_its_own_bound(one: Alternative) -> None:
    assert len(told(alternatives=(one,))) == 1


def test_asking_for_more_costs_no_less() -> None:
    """A plan at 50 ms keeps 100 ms too, so it cannot cost less than the bound there; of floors it is the other way round."""
    points = (FrontierPoint(value=50.0, cost=5.0, bound=5.0), FrontierPoint(value=100.0, cost=7.0, bound=6.0))
    assert told(frontiers=front(*points)) == ["frontier of TTFT: 50 costs 5, less than 100 must, which asks for less"]
    assert told(frontiers=front(*points, tighter="higher")) == []
    loose = (FrontierPoint(value=50.0, cost=5.0), FrontierPoint(value=100.0, cost=None, why="infeasible: no combination"))
    assert "is said to have none" in told(frontiers=front(*loose))[0]
    late = (loose[0], FrontierPoint(value=100.0, cost=None, why="no plan in time"))
    assert told(frontiers=front(*late)) == []


def test_the_plan_stands_at_its_own_level_and_levels_ascend() -> None:
    twice = (FrontierPoint(value=50.0, cost=5.0), FrontierPoint(value=50.0, cost=5.0))
    assert told(frontiers=front(*twice)) == ["frontier of TTFT: levels do not ascend"]
    assert told(frontiers=front(FrontierPoint(value=50.0, cost=5.0), planned=50.0)) == [
        "frontier of TTFT at 50, the plan's own level: the cost is not the plan's"
    ]
