"""What following demand takes, for the columns of a program: from periods and the cold starts of deployments to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.build import Search
from planner.candidates.pools import Pools
from planner.domain.problem import Period
from planner.optimize.program import NO_SCALING, Ints, Program, Scaling
from planner.supply.coldstart import deployed, lag, paid_hours

Index = NDArray[np.intp]


def changes(periods: Sequence[Period]) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Return the changes from a period to the next: before, after, and how often in a cycle."""
    place = {period.name: t for t, period in enumerate(periods)}
    found = [
        (place[name], t, times) for t, period in enumerate(periods) for name, times in period.follows.items() if name in place
    ]
    before, after, times = (np.array([one[part] for one in found]) for part in range(3))
    return before.astype(np.int64), after.astype(np.int64), times.astype(float)


def with_scaling(program: Program, search: Search, pools: Pools, pool: Index, cell: Index) -> Program:
    """Return the program in which following demand takes what the problem says; as given where it says nothing.

    Parameters
    ----------
    program : its first columns are of `pool`, those beyond units sold at APIs, which start at once
    search, pools : deployments
    pool, cell : [K₀] what each column stands for
    """
    settings, problem = search.problem.operations.autoscaling, search.problem
    before, after, times = changes(problem.periods) if settings is not None else changes(())
    if settings is None or not len(times):
        return replace(program, scaling=NO_SCALING)
    space, supply = search.space, search.supply
    rows = pools.row[pool]
    keys = np.stack([space.model[rows], space.precision[rows], cell, space.gpus()[rows]])
    kinds, of = np.unique(keys, axis=1, return_inverse=True)
    starts = [
        deployed(search.catalog, space.models[m], space.precisions[p], supply.cells[c].instance, int(gpus), settings)
        for m, p, c, gpus in kinds.T.tolist()
    ]
    held = np.zeros((2, len(program.pools.name)))
    if starts:
        figures = np.array([[paid_hours(start, settings) for start in starts], [lag(start, settings) for start in starts]])
        held[:, : len(pool)] = figures[:, of.reshape(-1)]
    return replace(program, scaling=Scaling(before, after, times, held[0], held[1]))
