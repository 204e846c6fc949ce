"""A plan whose replicas start and stop as seldom as pays: its flows stay, replicas and machines are chosen anew over all periods.

Heuristics that look at one period at a time do not see what a start costs. With the flows held, what is left is a small program.
"""

from __future__ import annotations

import numpy as np

from planner.optimize.backend import Limits, solve_milp
from planner.optimize.bounds import Bounds
from planner.optimize.incumbent import narrow, widen
from planner.optimize.model import Point, build, read, restrict, restrict_bounds, write
from planner.optimize.objective import objective
from planner.optimize.program import Program
from planner.optimize.ramps import follows
from planner.optimize.tidy import tidy
from planner.optimize.variables import label


def smoothed(program: Program, limit: Bounds, point: Point, limits: Limits) -> Point:
    """Return a plan with the same flows that costs no more.

    min cost subject to every constraint, x and z as they are

    Parameters
    ----------
    program, limit : what the plan answers
    point : the plan
    limits : of the search
    """
    if not follows(program).any():
        return point
    (keep,) = np.nonzero((point.replicas > 0).any(axis=1))
    sub, own, own_limit = restrict(program, keep), narrow(point, keep), restrict_bounds(limit, keep)
    model = build(sub, own_limit, cuts=np.zeros(own.flow.shape, dtype=bool))
    linear, at = model.linear, model.at
    start = write(sub, own_limit, at, linear.variables, own)
    held = np.concatenate([at.x, at.z, at.v])
    rows = linear.add_rows(len(held), start[held], start[held], names=lambda: [label("held", str(i)) for i in range(len(held))])
    linear.add_terms(rows, held, 1)
    found = solve_milp(linear, limits, start)
    if not len(found.values):
        return point
    better = tidy(program, widen(program, keep, read(sub, own_limit, at, found.values)))
    return better if objective(program, better) < objective(program, point) else point
