"""Region failover as reports show it: what each group carries, whole and while another is down, and what is held for that."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Plan
from planner.domain.plan_failover import FailoverGroup, FailoverPart
from planner.report import format as fmt
from planner.report import gather

NOTE = "Loads, latencies and calls of its pools are those while one group is down; costs per call and per token are of all calls."


def sentences(plan: Plan) -> list[str]:
    """Say how workloads outlive a region; none where none asks for it."""
    said = [sentence for part in plan.failover for sentence in _part(part)]
    return [*said, NOTE] if said else []


def _part(part: FailoverPart) -> Iterator[str]:
    spent, count = sum(group.hourly for group in part.groups), len(part.groups)
    held = f"{fmt.hourly(part.held)} of {fmt.hourly(spent)} is capacity held for a region's failure (1/{count} of it)"
    yield f"{part.workload} keeps its promises with any one of {count} groups of regions down: {held}."
    for group in part.groups:
        yield f"{group.stream}, in {' or '.join(group.regions)}: {_calls(group)}, {fmt.hourly(group.hourly)}."


def _calls(group: FailoverGroup) -> str:
    normal, down = (", ".join(gather.by_period(rates, fmt.rate)) for rates in (group.normal, group.down))
    return f"{normal} while all are up, {down} while another is down"
