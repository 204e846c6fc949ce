"""Whether what was found around a plan can be true, by what bounds and costs say of each other.

A variant that asks for more costs no less: its plan is one of the problem it narrows. So a plan found where more is asked may not
cost less than the bound where less is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative, Answer, Frontier, impossible

TOLERANCE = 1e-6
"""Relative; costs and bounds are written with twelve digits, and solvers keep limits to about this."""


def choices(plan: Plan) -> Iterator[str]:
    """Alternatives, frontiers and sensitivities agree with the plan and among themselves."""
    for one in plan.alternatives:
        yield from _alternative(plan, one)
    for front in plan.frontiers:
        yield from _frontier(plan, front)
    for number in plan.sensitivities:
        for end in (number.low, number.high):
            yield from _whole(f"sensitivity to {number.name} at {end.to}", end)


def _below(cost: float | None, bound: float | None) -> bool:
    """Whether a cost is below what is claimed to be no more than it."""
    return cost is not None and bound is not None and cost < bound - TOLERANCE * max(abs(bound), 1.0)


def _whole(what: str, one: Answer) -> Iterator[str]:
    """There is a cost or a reason, and no cost below its own bound."""
    if (one.cost is None) != bool(one.why):
        yield f"{what}: either a cost or why there is none, one of the two"
    if _below(one.cost, one.bound):
        yield f"{what}: costs {one.cost:.6g}, below its own bound {one.bound:.6g}"


def _alternative(plan: Plan, one: Alternative) -> Iterator[str]:
    what = f"alternative {one.name!r}"
    yield from _whole(what, one)
    if one.allowed and plan.proof.whole and _below(one.cost, plan.proof.bound):
        yield f"{what}: costs {one.cost:.6g}, and no plan of the problem costs less than {plan.proof.bound:.6g}"


def _frontier(plan: Plan, front: Frontier) -> Iterator[str]:
    """Costs do not fall where more is asked for; at the plan's own level the cost is the plan's."""
    what = f"frontier of {front.about}"
    values = [point.value for point in front.points]
    if any(later <= earlier for earlier, later in pairwise(values)):
        yield f"{what}: levels do not ascend"
    for point in front.points:
        yield from _whole(f"{what} at {point.value:g}", point)
        own = front.planned is not None and abs(point.value - front.planned) <= 1e-9 * abs(front.planned)
        if own and (point.cost is None or abs(point.cost - plan.cost.total) > TOLERANCE * max(plan.cost.total, 1.0)):
            yield f"{what} at {point.value:g}, the plan's own level: the cost is not the plan's"
    ranked = front.points if front.tighter == "higher" else front.points[::-1]
    for loose, tight in combinations(ranked, 2):
        if tight.cost is None:
            continue
        if _below(tight.cost, loose.bound):
            yield f"{what}: {tight.value:g} costs {tight.cost:.6g}, less than {loose.value:g} must, which asks for less"
        if impossible(loose):
            yield f"{what}: {tight.value:g} has a plan, and {loose.value:g}, which asks for less, is said to have none"
