"""Whether every pool has the spares that the availability asked for takes, found anew unit by unit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from planner.domain.plan_pools import Pool, PoolLoad
from planner.plan.basis import Basis, above, differs


def failures(basis: Basis) -> Iterator[str]:
    """In every period no more of a pool's replicas are down than it has spares, as probably as is asked for.

    p[d] of d units down, one unit after another: p[d] ← A·p[d] + (1 − A)·p[d − 1]; Σ p[d] over d·q ≤ spares reaches the target.
    """
    target = basis.problem.operations.availability
    for pool in basis.plan.pools if target is not None else ():
        for load in pool.loads:
            yield from _load(basis, pool, load)
    stated = basis.plan.cost.statement
    if target is not None and stated is not None:
        yield from _tax(basis)


def _load(basis: Basis, pool: Pool, load: PoolLoad) -> Iterator[str]:
    where, target = f"{pool.name} in {load.period}", basis.problem.operations.availability or 0.0
    if load.spares is None or load.availability is None:
        yield f"{where}: availability is asked for, and the plan does not say how many replicas are spares"
        return
    if not 0 <= load.spares <= load.replicas:
        yield f"{where}: {load.spares} spares among {load.replicas} replicas"
        return
    reached = _reached(basis, pool, load.replicas, load.spares)
    if differs(load.availability, reached):
        yield f"{where}: availability {load.availability:.6%} stated, {reached:.6%} found"
    if reached < target - 1e-9:
        spares = f"{load.spares} spares among {load.replicas} replicas"
        yield f"{where}: {spares} are enough {reached:.4%} of the time, {target:.4%} is asked for"
    zone = _zone(basis, pool, load.replicas)
    if load.spares < zone:
        yield f"{where}: {load.spares} spares among {load.replicas} replicas, of which {zone} may stand in one zone"


def _together(basis: Basis, pool: Pool) -> int:
    """Return how many replicas fail together, at most."""
    gpus, size = pool.deployment.layout.gpus, basis.catalog.instances[pool.instance].count
    return max(size // gpus, 1) * _group(basis, pool)


def _group(basis: Basis, pool: Pool) -> int:
    """Return how many times what a replica, or a machine of several, stands on is reclaimed together."""
    if not pool.interruptible:
        return 1
    machines = max(pool.deployment.layout.gpus / basis.catalog.instances[pool.instance].count, 1.0)
    return max(math.ceil(basis.problem.operations.spot_together / machines), 1)


def _zone(basis: Basis, pool: Pool, count: int) -> int:
    """Return the most replicas in one of the zones asked for, over which what fails together is spread evenly; 0 if none are."""
    zones, together = basis.problem.operations.zones, _together(basis, pool)
    return 0 if zones is None or count == 0 else together * math.ceil((1 + math.ceil((count - 1) / together)) / zones)


def _reached(basis: Basis, pool: Pool, count: int, spares: int) -> float:
    """Return the probability that so many spares are enough, from the problem and the machine alone."""
    operations, gpus, size = basis.problem.operations, pool.deployment.layout.gpus, basis.catalog.instances[pool.instance].count
    machines, together = max(gpus / size, 1.0), _together(basis, pool)
    known = operations.failures
    yearly = max(gpus, size) * known.gpu_per_year + machines * known.node_per_year
    down = yearly / 8760.0 * (known.repair + known.restart) / 3600.0
    if pool.interruptible:
        taken = operations.spot_together
        warned = min(operations.spot_notice, operations.spot_restart) if pool.fallback else 0.0
        each = operations.spot_interruptions_per_hour * (operations.spot_restart - warned) / 3600.0
        down = (1.0 + down) ** _group(basis, pool) - 1.0 + math.ceil(machines / taken) * each
    works = 1.0 / (1.0 + down)
    p = np.zeros(spares // together + 1)
    p[0] = 1.0
    for _ in range(0 if count == 0 else 1 + -(-(count - 1) // together)):
        p[1:] = works * p[1:] + (1.0 - works) * p[:-1]
        p[0] *= works
    return float(p.sum())


def _tax(basis: Basis) -> Iterator[str]:
    """What spares and lost work cost is part of what degradation costs."""
    stated = basis.plan.cost.statement
    assert stated is not None  # noqa: S101
    (worn,) = [line.hourly for line in stated.lines if line.item == "degradation"] or [0.0]
    parts = (stated.spares or 0.0, stated.lost_work or 0.0)
    if min(parts) < 0 or above(sum(parts), worn):
        yield f"cost.statement: spares and lost work of ${sum(parts):,.6f}/h are not part of a degradation of ${worn:,.6f}/h"
