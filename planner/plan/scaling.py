"""How a plan's replicas follow demand: what starts take, how many there are, what they cost, how many replicas wait for calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from planner.domain.plan_pools import Pool, PoolLoad
from planner.domain.plan_scaling import PoolScaling, Scaling
from planner.domain.problem import Period
from planner.optimize.ramps import rented_prices
from planner.plan.pool import PredictedPool
from planner.plan.solved import Columns, Solved
from planner.supply.coldstart import deployed, paid_hours
from planner.supply.failures import Spares

ROUNDING = 1e-6
"""Part of a replica that does not call for another."""


def scaling_of(solved: Solved, predicted: Sequence[PredictedPool], columns: Sequence[Columns]) -> Scaling | None:
    """Return how the pools of a plan follow demand; None where that is not charged, or nothing changes.

    Parameters
    ----------
    solved : the optimizer's answer
    predicted : pools
    columns : of the program, pool by pool
    """
    problem = solved.search.problem
    settings = problem.operations.autoscaling
    if settings is None or not any(period.follows for period in problem.periods):
        return None
    return Scaling(
        scaling=settings.scaling,
        changes=sum(times for period in problem.periods for times in period.follows.values()),
        pools=tuple(_pool(solved, made, own) for made, own in zip(predicted, columns, strict=True)),
    )


def _pool(solved: Solved, made: PredictedPool, columns: Columns) -> PoolScaling:
    """Return how one pool does."""
    search, pool = solved.search, made.pool
    settings, problem = search.problem.operations.autoscaling, search.problem
    assert settings is not None  # noqa: S101
    cell = int(solved.assembled.cell[columns[0]])
    gpus, machine = pool.deployment.layout.gpus, search.supply.cells[cell].gpus
    deployment = pool.deployment
    start = deployed(search.catalog, deployment.model, deployment.precision, pool.instance, gpus, settings)
    starts = starts_of({load.period: load.replicas for load in pool.loads}, problem.periods)
    hourly = float(rented_prices(solved.assembled.program)[cell]) * gpus / machine
    paid = paid_hours(start, settings)
    return PoolScaling(
        pool=pool.name,
        cold_start=start,
        starts=starts,
        paid=paid,
        hourly=hourly,
        cost=starts * paid * hourly / problem.cycle_hours,
        warm={load.period: warm(load, made.spares) for load in pool.loads},
    )


def starts_of(replicas: Mapping[str, int], periods: Sequence[Period]) -> float:
    """Return the replicas started in a cycle: Σ times·max(0, n[after] − n[before])."""
    return sum(
        times * max(replicas[period.name] - replicas[before], 0) for period in periods for before, times in period.follows.items()
    )


def warm(load: PoolLoad, spares: Spares) -> int:
    """Return the replicas beyond those that the calls of a period and the spares for them need."""
    if not load.replicas:
        return 0
    working = spares.working(load.replicas)
    busy = math.ceil(max(load.utilization.values()) * working - ROUNDING)
    return max(load.replicas - spares.around(busy), 0) if busy > 0 else load.replicas


def paid_by_period(solved: Solved, pools: Sequence[Pool], scaling: Scaling) -> np.ndarray:
    """[T] Return what the starts of replicas cost over a cycle, in the period for which they start [$]."""
    periods = solved.search.problem.periods
    total = np.zeros(len(periods))
    for pool, how in zip(pools, scaling.pools, strict=True):
        counts = {load.period: load.replicas for load in pool.loads}
        for t, period in enumerate(periods):
            total[t] += starts_of(counts, (period,)) * how.paid * how.hourly
    return total
