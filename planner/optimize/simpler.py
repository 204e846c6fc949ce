"""Of plans that cost the same, the one that changes least: a lever stays pulled only if the plan gets dearer without it.

The optimizer stops within the gap, so its answer may pull levers whose saving is lost in whole replicas. Over the pools that run
and a few more the ways taken are held against those of the same workload that pull fewer levers:

    min Σ_o price·n + … + ε·Σ_w pulls_w·z_w,   ε·Σ pulls far below a cent

The answer is taken where it pulls less and costs no more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.optimize.backend import Limits
from planner.optimize.bounds import bounds
from planner.optimize.incumbent import solve_over
from planner.optimize.model import decided
from planner.optimize.objective import objective
from planner.optimize.program import Floats, Outcome, Program
from planner.optimize.relax import near

EPSILON = 1e-5
"""Share of the plan's cost that a lever counts as, to break ties [1]."""

SAME = 1e-9
"""Relative difference up to which costs are equal [1]."""

NODES = 60
"""Branch-and-bound nodes: the same on every machine, unlike seconds."""

SECONDS = 15.0
"""Time it may take at most [s]; far more than `NODES` take, so that it changes no answer."""


def simpler(program: Program, found: Outcome, pulls: Floats, seed: int) -> Outcome:
    """Return an outcome that costs no more and pulls no more levers.

    Parameters
    ----------
    program, found : the choice and what the optimizer chose
    pulls : [W] levers pulled by each way, what counts more is avoided sooner [1]
    seed : of the solver

    Returns
    -------
    Outcome; the one given where nothing simpler costs as little
    """
    taken = np.rint(found.ways) > 0
    here = pulls @ taken
    most = np.full(program.ways.groups, -np.inf)
    np.maximum.at(most, program.ways.group[taken], pulls[taken])
    left = taken | (pulls < most[program.ways.group])
    if not here or (left == taken).all():
        return found
    among = program.among(left)
    weighed = replace(among.ways, cost=among.ways.cost + EPSILON * found.objective * pulls[left])
    limit, running = bounds(among), np.flatnonzero((found.replicas > 0).any(axis=1))
    limits = Limits(EPSILON / 10, SECONDS, seed, NODES)
    start = replace(decided(found), ways=taken[left].astype(float))
    _, point = solve_over(replace(among, ways=weighed), limit, near(among, limit, running), limits, start)
    if point is None or objective(among, point) > found.objective * (1 + SAME) or pulls[left] @ point.ways >= here:
        return found
    ways = np.zeros(len(left), dtype=bool)
    ways[left] = np.rint(point.ways) > 0
    return replace(
        found,
        objective=objective(among, point),
        bound=min(found.bound, objective(among, point)),
        flow=point.flow,
        api_flow=point.api_flow,
        replicas=point.replicas.astype(found.replicas.dtype),
        machines=point.machines.astype(found.machines.dtype),
        ways=ways,
    )
