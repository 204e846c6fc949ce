"""Whether all calls are served with any one group of regions down: counted anew from where pools stand and what is asked."""

from __future__ import annotations

from collections.abc import Iterator

from planner.candidates.alike import flows_of
from planner.catalog.select import matches
from planner.domain.failover import Failover
from planner.domain.plan_failover import FailoverPart
from planner.plan.basis import Basis, above, differs


def failover(basis: Basis) -> Iterator[str]:
    """With any one group down the others serve every call, and the plan says what each carries."""
    asking = {workload.name: workload.failover for workload in basis.problem.workloads if workload.failover is not None}
    stated = {part.workload: part for part in basis.plan.failover}
    for name in sorted(stated.keys() ^ asking.keys()):
        yield f"failover: {name} is {'not in the plan' if name in asking else 'in the plan, and does not ask for it'}"
    asked = _asked(basis) if asking else {}
    for name, groups in asking.items():
        for period in basis.hours:
            yield from _without_each(basis, name, groups, period, asked[name, period])
        if name in stated:
            yield from _stated(basis, name, groups, stated[name], asked)


def _asked(basis: Basis) -> dict[tuple[str, str], float]:
    """Return (workload, period) → its calls as if no region ever failed [1/s]."""
    plain = tuple(workload.model_copy(update={"failover": None}) for workload in basis.problem.workloads)
    flows = flows_of(basis.problem.model_copy(update={"workloads": plain}), basis.loaded.base, basis.catalog)
    calls: dict[tuple[str, str], float] = {}
    for stream in flows.streams:
        for period, rate in zip(basis.hours, stream.rate, strict=True):
            key = stream.workload.name, period
            calls[key] = calls.get(key, 0.0) + rate
    return calls


def _without_each(basis: Basis, name: str, groups: Failover, period: str, asked: float) -> Iterator[str]:
    """What is left of the pools with a group down serves all calls."""
    for down in groups.regions:
        left = sum(rate for region, rate in _served(basis, name, period) if not _in(region, down))
        if above(asked, left):
            yield f"{name} in {period}: with {', '.join(down)} down {left:.6g} calls/s can be served of {asked:.6g}"


def _served(basis: Basis, name: str, period: str) -> list[tuple[str, float]]:
    """Return the regions of the pools that serve a workload in a period, with the calls each can take [1/s]."""
    return [
        (pool.region, share.rate)
        for pool in basis.plan.pools
        for share in pool.shares
        if share.period == period and basis.streams[share.stream].workload.name == name
    ]


def _in(region: str, group: tuple[str, ...]) -> bool:
    return any(matches(region, pattern) for pattern in group)


def _stated(basis: Basis, name: str, groups: Failover, part: FailoverPart, asked: dict[tuple[str, str], float]) -> Iterator[str]:
    """Groups, calls and prices in the plan are those found here."""
    if tuple(group.regions for group in part.groups) != groups.regions:
        yield f"failover of {name}: groups of regions are not those of the problem"
        return
    count = len(groups.regions)
    for group in part.groups:
        if group.stream not in basis.streams or basis.streams[group.stream].home != group.regions:
            yield f"failover of {name}: {group.stream} is not what {', '.join(group.regions)} takes"
        for period in basis.hours:
            calls = asked[name, period]
            for what, figures, found in (("normal", group.normal, calls / count), ("down", group.down, calls / (count - 1))):
                if differs(figures.get(period, 0.0), found):
                    shown = f"{figures.get(period, 0.0):.6g} calls/s stated, {found:.6g} found"
                    yield f"failover of {name}, {', '.join(group.regions)} in {period}, {what}: {shown}"
    spent = sum(group.hourly for group in part.groups)
    if differs(part.held * count, spent):
        yield f"failover of {name}: ${part.held:,.6f}/h held stated, ${spent / count:,.6f}/h found"
    paid = next((row.hourly for row in basis.plan.cost.by_workload if row.workload == name), 0.0)
    if above(spent, paid) or above(paid - basis.plan.cost.misses, spent):
        yield f"failover of {name}: its groups cost ${spent:,.6f}/h, the workload ${paid:,.6f}/h"
