"""Pools at the sizes for which a number of spares is right: where an availability is asked for, a column for each.

How many spares a pool needs depends on how many replicas it has (`supply.failures`). A column holds its number of spares, and
is bounded to the replica counts for which that number is right; so a pool is offered once for each number it may come to need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.domain.problem import Operations
from planner.optimize.bounds import bounds
from planner.optimize.model import restrict
from planner.optimize.program import Ints, Program
from planner.supply.cells import Cell
from planner.supply.failures import Unit, unit_of

HEADROOM = 1.5
"""Sizes are offered up to this multiple of what all calls need at once: a plan that is repaired may need some more."""


def at_sizes(program: Program, cells: Sequence[Cell], operations: Operations) -> tuple[Program, Ints]:
    """Return the program with every pool at each of its sizes, and the pool that each column is.

    Parameters
    ----------
    program : without spares, of own pools alone
    cells : the places of the program
    operations : availability asked for, and what fails how often

    Returns
    -------
    (program, [columns] pools); as given where no availability is asked for
    """
    count = len(program.pools.name)
    if operations.availability is None:
        return program, np.arange(count, dtype=np.int64)
    need = np.ceil(HEADROOM * bounds(program).replicas.max(axis=1, initial=0)).astype(np.int64)
    column, spare, fewest, most = [], [], [], []
    for k, (gpus, cell, least) in enumerate(
        zip(program.pools.gpus.tolist(), program.pools.cell.tolist(), program.pools.least.tolist(), strict=True)
    ):
        place = cells[cell]
        unit = unit_of(gpus, place.gpus, operations, interruptible=place.interruptible, fallback=place.fallback)
        for kept, low, high in _steps(unit, operations, int(need[k]), least):
            column.append(k)
            spare.append(kept)
            fewest.append(low)
            most.append(high)
    at = np.array(column, dtype=np.int64)
    sized = restrict(program, at)
    pools = replace(
        sized.pools,
        name=tuple(f"{name}.s{kept}" for name, kept in zip(sized.pools.name, spare, strict=True)),
        least=np.array(fewest, dtype=np.int64),
        spare=np.array(spare, dtype=np.int64),
        most=np.array(most, dtype=np.int64),
    )
    return replace(sized, pools=pools, one_size=True), at


def _steps(unit: Unit, operations: Operations, need: int, least: int) -> list[tuple[int, int, int]]:
    """Return (spares, fewest replicas that carry load, most replicas) of a pool with at least so many carrying load."""
    target = operations.availability
    assert target is not None  # noqa: S101
    return [
        (spares, max(fewest - spares, least), most)
        for spares, fewest, most in unit.steps(target, max(need, least, operations.min_replicas))
        if most >= max(least + spares, operations.min_replicas)
    ]
