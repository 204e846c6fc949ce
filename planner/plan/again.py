"""Solving a changed program again, quickly: over the pools of a plan, or these and the cheapest few of every stream.

Where even that is large, its relaxation is asked instead: machines and replicas in parts. Such costs are a little low, all in the
same way, so that what lies between two of them is what one is after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.optimize.backend import Limits
from planner.optimize.bounds import allowed, bounds
from planner.optimize.incumbent import better, solve_over
from planner.optimize.model import restrict
from planner.optimize.program import Floats, Ints, Program
from planner.optimize.relax import near, relax
from planner.optimize.sizes import siblings
from planner.plan.solved import Solved

NODES = 100
"""Branch-and-bound nodes of a solve: the same on every machine, unlike seconds."""

SECONDS = 15.0
"""Time a solve may take at most [s]; far more than `NODES` take, so that it changes no answer."""

LARGE = 4000
"""Routes of a stream over a pool in a period from which on a program is too large to be solved again many times."""


@dataclass(frozen=True, eq=False)
class Again:
    """What a changed program comes to."""

    cost: float
    """Its least cost, as far as found [$/h]."""
    machines: Floats
    """[O, T] Machines held, whole."""
    ways: Floats
    """[W] Ways taken."""


def large(solved: Solved) -> bool:
    """Whether only relaxations are asked."""
    program = solved.assembled.program
    keep = _kept(solved, program)
    return int(allowed(program)[:, keep].sum()) * len(program.hours) > LARGE


def in_parts(solved: Solved, program: Program) -> Again | None:
    """Return what the relaxation of a program over the same pools comes to; None if it has no solution."""
    sub = restrict(program, _kept(solved, program))
    found = relax(sub, bounds(sub), lambda _: None)
    return None if found.point is None else Again(found.bound, np.rint(found.point.machines), found.point.ways)


def _kept(solved: Solved, program: Program, *, wider: bool = True) -> Ints:
    own: Ints = np.flatnonzero((solved.outcome.replicas > 0).any(axis=1)).astype(np.int64)
    return near(program, bounds(program), own) if wider else siblings(program, own)


def solved_again(solved: Solved, program: Program, *, wider: bool = True) -> Again | None:
    """Return the cheapest plan found of a program with the same pool columns; None if there is none.

    Parameters
    ----------
    solved : the answer whose pools are looked at
    program : what is asked now
    wider : whether the cheapest pools of every stream are looked at too
    """
    settings, limit = solved.search.problem.solver, bounds(program)
    keep = _kept(solved, program, wider=wider)
    limits = Limits(settings.gap / 2, SECONDS, settings.seed, NODES)
    best = better(program, None, solve_over(program, limit, keep, limits)[1])
    return None if best is None else Again(best.cost, best.point.machines, best.point.ways)
