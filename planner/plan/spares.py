"""Spares of a plan's pools: how many of the replicas held carry load, and how available the others keep them."""

from __future__ import annotations

from planner.domain.catalog import Catalog
from planner.domain.plan_pools import Pool
from planner.domain.problem import Operations
from planner.plan.solved import Columns, Solved
from planner.supply.failures import Spares


def spares_of(solved: Solved, columns: Columns) -> Spares:
    """Return the rule for the spares of a pool of an answer."""
    assembled = solved.assembled
    cell = solved.search.supply.cells[int(assembled.cell[columns[0]])]
    gpus = int(assembled.program.pools.gpus[columns[0]])
    return Spares(solved.search.problem.operations, gpus, cell.gpus, cell.interruptible, cell.fallback)


def spares_at(operations: Operations, catalog: Catalog, pool: Pool) -> Spares:
    """Return the rule for the spares of a pool of a plan."""
    size = catalog.instances[pool.instance].count
    return Spares(operations, pool.deployment.layout.gpus, size, pool.interruptible, bool(pool.fallback))
