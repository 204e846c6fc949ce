"""Whether what a plan says of changes from today follows from both plans: found anew, by counting."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.plan.basis import Basis, differs

HOURS = 730.0
"""Hours of a month."""


def moving(basis: Basis) -> float:
    """Return what pools cost that do not run today, spread over the horizon or `moving.over` months [$/h]."""
    return _fresh(basis) * _each(basis)


def changes(basis: Basis) -> Iterator[str]:
    """The plan was made from today's plan, if that is given; its one-off costs, and what it saves, are those of its figures."""
    stated, today = basis.plan.changes, basis.loaded.today
    if stated is None or today is None:
        if (stated is None) != (today is None):
            yield "changes: the plan and the problem do not agree on whether it was made from what runs today"
        return
    fee = basis.problem.operations.moving.per_pool
    figures = [("moving", stated.moving, _fresh(basis) * fee), ("moving_hourly", stated.moving_hourly, moving(basis))]
    if stated.cost_today is not None:
        saved = (stated.cost_today - basis.plan.cost.total) * HOURS
        figures.append(("saved_per_month", stated.saved_per_month or 0.0, saved))
    for name, value, found in figures:
        if differs(value, found):
            yield f"changes.{name}: ${value:,.6f} stated, ${found:,.6f} found"
    if stated.none and (_counts(basis.plan) != _counts(today)):
        yield "changes: none stated, but pools or replicas differ from today's"


def _each(basis: Basis) -> float:
    asked = basis.problem.operations.moving
    dated = all(period.months is not None for period in basis.problem.periods)
    return asked.per_pool / (basis.whole if dated else asked.over * HOURS)


def _fresh(basis: Basis) -> int:
    """Count the pools whose deployment and place no pool of today has."""
    today = basis.loaded.today
    if today is None:
        return 0
    runs = {_told(pool) for pool in today.pools if any(load.replicas for load in pool.loads)}
    return sum(_told(pool) not in runs for pool in basis.plan.pools)


def _told(pool: Pool) -> tuple[object, ...]:
    what, layout, drafts = pool.deployment, pool.deployment.layout, pool.deployment.speculation
    how = (what.model, what.precision, what.kv_precision, what.engine, what.accelerator)
    spread = (layout.tp, layout.pp, layout.dp, layout.ep, drafts and (drafts.speculator, drafts.draft_tokens))
    return (*how, *spread, pool.instance, pool.region, pool.interruptible)


def _counts(plan: Plan) -> dict[tuple[object, ...], int]:
    counts: dict[tuple[object, ...], int] = {}
    for pool in plan.pools:
        for load in pool.loads:
            if load.replicas:
                counts[*_told(pool), load.period] = counts.get((*_told(pool), load.period), 0) + load.replicas
    return counts
