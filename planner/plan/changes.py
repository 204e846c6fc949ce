"""What a plan changes of what runs today, and what that costs and saves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from planner.candidates.today import Key, key_of, opening_cost, running
from planner.domain.plan import Plan, Purchase
from planner.domain.plan_changes import Changes, MachineChange, PoolChange
from planner.domain.plan_pools import Pool
from planner.domain.problem import Problem
from planner.optimize.objective import average_cost
from planner.plan.solved import Solved
from planner.plan.stay import as_it_is
from planner.plan.strain import missing
from planner.units import HOURS_PER_MONTH


def opened(pools: Iterable[Pool], today: Plan | None) -> list[Pool]:
    """Return the pools of a plan that do not run today."""
    if today is None:
        return []
    runs = running(today)
    return [pool for pool in pools if key_of(pool) not in runs]


def changes(solved: Solved, pools: Sequence[Pool], purchases: Sequence[Purchase], cost: float) -> Changes | None:
    """Return what a plan changes; None where it was not made from what runs today.

    Parameters
    ----------
    solved : the answer
    pools, purchases, cost : of the plan
    """
    today, problem = solved.search.today, solved.search.problem
    if today is None:
        return None
    kept = _kept_cost(solved, today)
    fresh = len(opened(pools, today))
    return Changes(
        today=today.problem,
        pools=tuple(_pools(today.pools, pools)),
        machines=tuple(_machines(today.purchases, purchases)),
        replicas=_by_period(today.pools) != _by_period(pools),
        cost_today=kept,
        moving=fresh * problem.operations.moving.per_pool,
        moving_hourly=fresh * opening_cost(problem),
        saved_per_month=None if kept is None else (kept - cost) * HOURS_PER_MONTH,
    )


def moving_cost(problem: Problem, pools: Iterable[Pool], today: Plan | None) -> float:
    """Return what setting up the pools costs that do not run today, spread over time [$/h]."""
    return opening_cost(problem) * len(opened(pools, today))


def _kept_cost(solved: Solved, today: Plan) -> float | None:
    """Return what today's plan costs as it is; None where it does not serve the calls, or breaks a promise."""
    point = as_it_is(solved.search, solved.pools, solved.apis, solved.assembled, today)
    return None if point is None or missing(solved.at(point)) else average_cost(solved.assembled.program, point)


def _pools(before: Sequence[Pool], after: Sequence[Pool]) -> Iterator[PoolChange]:
    """Yield pools closed, opened and resized, by deployment and place."""
    old, new = _sizes(before), _sizes(after)
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key, 0), new.get(key, 0)
        if was != now:
            what = "opened" if not was else "closed" if not now else "resized"
            pool = next(pool for pool in (*after, *before) if key_of(pool) == key)
            yield PoolChange(what=what, pool=_name(pool), before=was, after=now)


def _sizes(pools: Sequence[Pool]) -> dict[Key, int]:
    """Return the most replicas in any period, by deployment and place."""
    return {key: max(counts.values(), default=0) for key, counts in _by_period(pools).items()}


def _by_period(pools: Sequence[Pool]) -> dict[Key, dict[str, int]]:
    """Return replicas by deployment and place, and by period."""
    found: dict[Key, dict[str, int]] = {}
    for pool in pools:
        counts = found.setdefault(key_of(pool), {})
        for load in pool.loads:
            counts[load.period] = counts.get(load.period, 0) + load.replicas
    return found


def _machines(before: Sequence[Purchase], after: Sequence[Purchase]) -> Iterator[MachineChange]:
    """Yield machines taken on and given back."""
    old, new = _held(before), _held(after)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name, 0) != new.get(name, 0):
            yield MachineChange(machine=name, before=old.get(name, 0), after=new.get(name, 0))


def _held(purchases: Sequence[Purchase]) -> dict[str, int]:
    """Return the most machines in any period, by machine, region and way to pay."""
    found: dict[str, dict[str, int]] = {}
    for buy in purchases:
        counts = found.setdefault(f"{buy.instance} in {buy.region}, {buy.kind.replace('_', ' ')}", {})
        for period, count in buy.machines.items():
            counts[period] = counts.get(period, 0) + count
    return {name: max(counts.values(), default=0) for name, counts in found.items()}


def _name(pool: Pool) -> str:
    what = pool.deployment
    layout = f"tp{what.layout.tp}" + (f" pp{what.layout.pp}" if what.layout.pp > 1 else "")
    return f"{what.model} {what.precision} {what.engine} {layout} on {pool.instance} in {pool.region}"
