"""How far a bound reaches: the ways put aside by an estimate, over the pools that the compared ones gave rise to.

A plan that serves in the ways compared costs at least the bound of the solve. Any other plan over the same pools costs at least
the relaxation of the program that holds all ways; where that is not near, and the program not too large, it is solved. The
lower of both holds for all. Where it lies too far below the plan, the ways that the relaxation or the solution takes are the
ones to compare next: column generation, with ways as columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.aside import Wide, widened
from planner.demand.ways import Aside
from planner.optimize.assemble import Assembled, assemble
from planner.optimize.bounds import bounds
from planner.optimize.model import Point, decided, nothing
from planner.optimize.program import Outcome
from planner.optimize.relax import relax
from planner.optimize.solve import solve
from planner.plan.solved import Covered, Solved, near

MOST = 3_000_000
"""Streams × pools × periods of a program that is solved, not only relaxed."""

MIN_SECONDS = 1.0
"""Time a solve gets even if the limit has passed [s]."""

TAKEN = 1e-6
"""Share of a workload from which on a relaxation counts as taking a way [1]."""


@dataclass(frozen=True)
class Reach:
    """What is known of the ways put aside."""

    bound: float
    """No plan over the pools compared costs less, whichever ways it takes [$/h]."""
    wanted: tuple[int, ...]
    """Ways put aside that the relaxation takes."""
    covered: Covered
    """How many the bound speaks of."""


def reach(solved: Solved, aside: Aside, progress: Callable[[str], None], *, deadline: float) -> Reach:
    """Return the least cost of a plan that takes any ways, and the ways put aside that would be part of it.

    Parameters
    ----------
    solved : the optimizer's answer over the ways compared
    aside : all ways
    progress : told what is being done
    deadline : when to stop, on the monotonic clock [s]
    """
    wide = widened(solved.search, solved.pools, aside)
    lean = assemble(replace(wide.in_parts, today=None), wide.pools, wide.apis)  # what setting up costs only adds to a bound
    reached = {wide.way[index] for index in (*lean.choices.way.tolist(), *lean.choices.sole)}
    rest = [w for w in aside.ways if w not in reached]
    loss = min((float(aside.regret[w]) for w in rest), default=np.inf)
    covered = Covered(len(reached - set(aside.compared)), len(rest), loss)
    progress(f"{covered.priced:,} more ways priced on the pools compared")
    found = relax(lean.program, bounds(lean.program), _quiet, deadline=deadline)
    none = np.zeros(len(lean.choices.way))
    bound, taken = found.bound, none if found.point is None else found.point.ways
    if not near(solved.outcome.objective, bound, solved.search.problem.solver.gap) and wide.size <= MOST:
        outcome = _solved(wide.lean, solved, deadline)
        bound = max(bound, outcome.bound)
        taken = outcome.ways.astype(float) if outcome.objective < solved.outcome.objective else none
    wanted = {wide.way[index] for index in lean.choices.way[taken > TAKEN].tolist()} - set(aside.compared)
    return Reach(bound, tuple(sorted(wanted)), covered)


def _solved(wide: Wide, solved: Solved, deadline: float) -> Outcome:
    """Solve the program that holds all ways, starting from the answer."""
    settings = solved.search.problem.solver
    made = assemble(replace(wide.search, today=None), wide.pools, wide.apis)
    start = _placed(solved, made)
    seconds = max(deadline - time.monotonic(), MIN_SECONDS)
    return solve(made.program, gap=settings.gap, time_limit=seconds, seed=settings.seed, progress=_quiet, start=start)


def _placed(solved: Solved, wide: Assembled) -> Point:
    """Return the answer's decisions in the program of all ways; what they are of has the same names there."""
    own, program, found = solved.assembled.program, wide.program, decided(solved.outcome)
    stream = _places(own.streams, program.streams)
    pool, api = _places(own.pools.name, program.pools.name), _places(own.apis.name, program.apis.name)
    none = nothing(program)
    none.flow[np.ix_(stream, pool)] = found.flow
    none.api_flow[np.ix_(stream, api)] = found.api_flow
    none.replicas[pool] = found.replicas
    none.machines[_places(own.purchases.name, program.purchases.name)] = found.machines
    return replace(none, ways=np.isin(wide.choices.way, solved.taken).astype(float))


def _places(names: Sequence[str], among: Sequence[str]) -> NDArray[np.intp]:
    """Return where names stand among others."""
    at = {name: index for index, name in enumerate(among)}
    return np.array([at[name] for name in names], dtype=np.intp)


def _quiet(_: str) -> None:
    """Say nothing: what the optimizer tells step by step is no news to who waits for a plan."""
