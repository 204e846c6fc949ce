"""Changes from what runs today as reports show them."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Plan
from planner.domain.plan_changes import Changes
from planner.report import format as fmt


def summary(plan: Plan) -> list[str]:
    """Say what changes, what it costs to change it, and what that saves; nothing where the plan was not made from today's."""
    found = plan.changes
    if found is None:
        return []
    if found.none:
        return [f"No change from today: the same pools, replicas and machines as in the plan of {found.today}."]
    return [*_pools(found), *_machines(found), *_money(plan, found)]


def _pools(found: Changes) -> Iterator[str]:
    for one in found.pools:
        count = (
            f"{one.before} → {one.after} replicas" if one.what == "resized" else fmt.plural(max(one.before, one.after), "replica")
        )
        yield f"{one.what}: {one.pool}, {count}"
    if found.replicas and not found.pools:
        yield "the same pools with other replicas in some periods"


def _machines(found: Changes) -> Iterator[str]:
    for one in found.machines:
        yield f"{'taken on' if one.after > one.before else 'given back'}: {one.machine}, {one.before} → {one.after} machines"


def _money(plan: Plan, found: Changes) -> Iterator[str]:
    """Say what it costs today, what moving costs, and what is saved."""
    if found.moving:
        once = f"{fmt.money(found.moving)} once, counted as {fmt.hourly(found.moving_hourly)}"
        yield f"setting up what does not run today costs {once}"
    if found.cost_today is None or found.saved_per_month is None:
        yield "what runs today is no plan as it is: it misses calls, promises or limits, or was planned for other periods"
        return
    costs = f"{fmt.hourly(found.cost_today)} as it runs today, {fmt.hourly(plan.cost.total)} by this plan"
    yield f"{costs}: {fmt.money(found.saved_per_month)} saved a month"
