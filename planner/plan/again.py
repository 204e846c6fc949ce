"""Solving a changed program again, quickly: over the pools of a plan, or these and the cheapest few of every stream."""

from __future__ import annotations

import numpy as np

from planner.optimize.backend import Limits
from planner.optimize.bounds import bounds
from planner.optimize.incumbent import Incumbent, better, solve_over
from planner.optimize.program import Ints, Program
from planner.optimize.relax import near
from planner.optimize.sizes import siblings
from planner.plan.solved import Solved

NODES = 100
"""Branch-and-bound nodes of a solve: the same on every machine, unlike seconds."""

SECONDS = 15.0
"""Time a solve may take at most [s]; far more than `NODES` take, so that it changes no answer."""


def solved_again(solved: Solved, program: Program, *, wider: bool = True) -> Incumbent | None:
    """Return the cheapest plan found of a program with the same pool columns; None if there is none.

    Parameters
    ----------
    solved : the answer whose pools are looked at
    program : what is asked now
    wider : whether the cheapest pools of every stream are looked at too
    """
    settings, limit = solved.search.problem.solver, bounds(program)
    own: Ints = np.flatnonzero((solved.outcome.replicas > 0).any(axis=1)).astype(np.int64)
    keep = near(program, limit, own) if wider else siblings(program, own)
    limits = Limits(settings.gap / 2, SECONDS, settings.seed, NODES)
    return better(program, None, solve_over(program, limit, keep, limits)[1])
