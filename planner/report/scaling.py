"""Following demand as reports show it: what a start takes, how many there are, what they cost, and what waits warm."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.domain.plan_scaling import ColdStart, PoolScaling
from planner.report import format as fmt
from planner.report import gather


def sentences(plan: Plan) -> list[str]:
    """Say how each pool follows demand; none where that is not charged."""
    found = plan.scaling
    if found is None:
        return []
    how = "ahead of the period that needs them" if found.scaling == "scheduled" else "when load has grown"
    span = "over the horizon" if plan.cash else "a cycle"
    changes = f"{fmt.plural(round(found.changes), 'change')} of period {span}"
    head = f"Replicas start {how}; {changes}; the ramp costs {fmt.hourly(plan.cost.ramps or 0.0)}."
    return [head, *(_pool(one) for one in found.pools)]


def _pool(one: PoolScaling) -> str:
    """Say how one pool does."""
    answers = f"a new replica answers after {fmt.duration(one.cold_start.seconds)} ({_parts(one.cold_start)})"
    paid = f"{fmt.plural(round(one.starts), 'start')}, each paid {fmt.duration(one.paid * 3600)} beside need"
    free = ", on machines that are only committed to" if one.starts and not one.hourly else ""
    counts = ", ".join(gather.by_period(one.warm, lambda count: f"{count:,.0f}"))
    waiting = f"; warm beyond need: {counts}" if any(one.warm.values()) else ""
    return f"{one.pool}: {answers}; {paid}{free}: {fmt.hourly(one.cost)}{waiting}."


def _parts(start: ColdStart) -> str:
    """Name the parts of a cold start."""
    where = "the store" if start.weights_from == "store" else "the machine's disk"
    loaded = f"{fmt.gigabytes(start.bytes_per_machine)} of weights from {where} {fmt.duration(start.weights)}"
    return (
        f"machine {fmt.duration(start.machine)}, image {fmt.duration(start.image)}, {loaded}, engine {fmt.duration(start.init)}"
    )
