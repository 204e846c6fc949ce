"""Mends a plan whose pools miss a promise when streams are mixed: small programs around the plan, not the whole again.

1. Of the plans of this cost, take the one with the fewest routes and the most even headroom.
2. Raise the demand on the pools that miss, as far as their mix asks (`strain`).
3. Solve again over the plan's own pools alone: a replica more, other routes, the cheapest machine that holds it.
4. If that adds more than the gap, over the nearest other pools too, by the optimizer's prices.

The plan that comes out is one of the whole problem, so its cost is compared with the bound of the whole problem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from planner.candidates.pools import Pools
from planner.optimize.assemble import Assembled
from planner.optimize.backend import Limits
from planner.optimize.bounds import Bounds, bounds
from planner.optimize.coverage import no_covers
from planner.optimize.incumbent import Incumbent, better, solve_over
from planner.optimize.kinds import kinds
from planner.optimize.model import Point, decided
from planner.optimize.objective import objective
from planner.optimize.pricing import Prices, price
from planner.optimize.program import Ints, Outcome, Program
from planner.optimize.routes import fewest_routes
from planner.optimize.sizes import siblings
from planner.plan.solved import Solved, near
from planner.plan.strain import missing

Raised = dict[tuple[int, int], float]
"""Factor on the demand of a pool, by (deployment, level)."""

MOST_REPAIRS = 8
"""Repairs of one plan before it is given up."""

MARGIN = 1.002
"""Raised beyond what the mix asks, so that a slightly different mix need not be repaired again."""

NEAREST = 240
"""Pools and periods tried beside the plan's own."""

NODES = 300
"""Branch-and-bound nodes of a repair: the same on every machine, unlike seconds."""

MIN_SECONDS = 2.0
"""Time a repair gets even if the limit has passed [s]."""


@dataclass(frozen=True)
class Mended:
    """What became of a plan."""

    solved: Solved | None
    """The plan with every promise kept; None if no repair did it."""
    repairs: int
    """Repairs made."""


def raised_program(assembled: Assembled, pools: Pools, raised: Raised) -> Program:
    """Return the program with the demand on some pools raised."""
    program = assembled.program
    if not raised:
        return program
    keys = zip(pools.row[assembled.pool].tolist(), pools.anchor[assembled.pool].tolist(), strict=True)
    factor = np.ones(len(program.pools.name))  # units sold at APIs, the last columns, stay as they are
    factor[: len(assembled.pool)] = [raised.get(key, 1.0) for key in keys]
    return replace(program, pools=replace(program.pools, demand=program.pools.demand * factor))


def mend(solved: Solved, raised: Raised, *, deadline: float, progress: Callable[[str], None]) -> Mended:
    """Return the plan with the fewest routes, repaired until every pool keeps its promises under its mix.

    Parameters
    ----------
    solved : the optimizer's answer
    raised : factors on demand; those of pools that miss are added
    deadline : when to stop, on the monotonic clock [s]
    progress : told what is being done

    Returns
    -------
    Mended

    Notes
    -----
    Its bound is that of `solved`: raising demand only takes plans away.
    """
    current, repairs = _routed(solved, raised, deadline), 0
    own = _open_columns(solved)
    while short := missing(current):
        if repairs == MOST_REPAIRS or (repairs and time.monotonic() > deadline):
            return Mended(None, repairs)
        _raise(solved, raised, short)
        repairs += 1
        progress(f"{len(short)} pools miss promises when their streams are mixed; repairing")
        found = _around(solved, _program(solved, raised), own, deadline)
        if found is None:
            return Mended(None, repairs)
        progress(f"repaired: {found.cost:.6g}, before {solved.outcome.objective:.6g}")
        current = _routed(_with(solved, found.point), raised, deadline)
        own = np.union1d(own, _open_columns(current))
    return Mended(current, repairs)


def _open_columns(solved: Solved) -> Ints:
    """Return the columns that run."""
    return np.flatnonzero(solved.outcome.replicas.sum(axis=1) > 0).astype(np.int64)


def _raise(solved: Solved, raised: Raised, short: Mapping[int, float]) -> None:
    """Raise the demand on pools by what their mix asks."""
    for column, factor in short.items():
        key = _key(solved, column)
        raised[key] = max(raised.get(key, 1.0), factor) * MARGIN


def _key(solved: Solved, column: int) -> tuple[int, int]:
    """Return what the demand of a column goes by: its deployment and its level."""
    index = solved.assembled.pool[column]
    return int(solved.pools.row[index]), int(solved.pools.anchor[index])


def tighten(
    solved: Solved, raised: Raised, short: Mapping[int, float], *, deadline: float, progress: Callable[[str], None]
) -> Solved | None:
    """Return the cheapest plan found around a plan some of whose pools missed a promise in a simulation.

    Parameters
    ----------
    solved : the plan
    raised : factors on demand so far; those of `short` are added, for a pool at all its replica counts
    short : column → factor its demand is to have at least
    deadline : when to stop, on the monotonic clock [s]
    progress : told what is being done

    Returns
    -------
    The plan, whose pools keep their promises by prediction; None if none was found.
    """
    family = solved.assembled.program.pools.family
    _raise(solved, raised, {int(k): factor for column, factor in short.items() for k in np.flatnonzero(family == family[column])})
    own = _open_columns(solved)
    found = _around(solved, _program(solved, raised), own, deadline)
    return None if found is None else mend(_with(solved, found.point), raised, deadline=deadline, progress=progress).solved


def _around(solved: Solved, program: Program, own: Ints, deadline: float) -> Incumbent | None:
    """Return the cheapest plan found over the plan's own pools, or with the nearest others where those cost too much."""
    settings, limit = solved.search.problem.solver, bounds(program)
    best: Incumbent | None = None
    for wider in (False, True):
        keep = siblings(program, np.union1d(own, _nearest(program, limit, solved.outcome)) if wider else own)
        seconds = max(deadline - time.monotonic(), MIN_SECONDS)
        limits = Limits(settings.gap / 2, seconds, settings.seed, NODES)
        best = better(program, best, solve_over(program, limit, keep, limits, best.point if best else None)[1])
        if best is not None and near(best.cost, solved.outcome.objective, settings.gap):
            return best
    return best


def _nearest(program: Program, limit: Bounds, outcome: Outcome) -> Ints:
    """Return the pools that cost least to use by the prices of the optimizer's bound, each period counting."""
    shadow, (streams, periods) = outcome.shadow, program.rate.shape
    at = Prices(
        demand=shadow.streams,
        packing=shadow.gpus,
        gpu_limits=np.zeros((len(program.gpu_limits), periods)),
        power=np.zeros(periods),
        budget=0.0,
        api_limits=np.zeros((len(program.apis.limits), len(program.apis.name), periods)),
        max_pools=0.0,
        known=np.zeros(0, dtype=np.int64),
        resources=np.zeros((len(program.resources), 0, periods)),
        covers=np.zeros(0),
        averages=np.zeros(len(program.averages)),
    )
    least = price(program, limit, kinds(program), no_covers(program), at).used.min(axis=1)
    ranked: Ints = np.argsort(least, kind="stable")
    ranked = ranked[np.isfinite(least[ranked])]
    return ranked[: max(NEAREST // periods, streams)]


def _program(solved: Solved, raised: Raised) -> Program:
    return raised_program(solved.assembled, solved.pools, raised)


def _routed(found: Solved, raised: Raised, deadline: float) -> Solved:
    """Return an answer with the fewest routes, unless rounding would then lose its proof."""
    outcome = found.outcome
    seconds = max(deadline - time.monotonic(), MIN_SECONDS)
    seed = found.search.problem.solver.seed
    made = _with(found, fewest_routes(_program(found, raised), decided(outcome), seconds=seconds, seed=seed))
    lost = outcome.termination == "optimal" and made.outcome.termination != "optimal"
    return found if lost else made


def _with(solved: Solved, point: Point) -> Solved:
    """Return an answer with other decisions and the bound it had."""
    outcome, cost = solved.outcome, objective(solved.assembled.program, point)
    made = replace(
        outcome,
        termination="optimal" if near(cost, outcome.bound, solved.search.problem.solver.gap) else "feasible",
        objective=cost,
        bound=min(outcome.bound, cost),
        flow=point.flow,
        api_flow=point.api_flow,
        replicas=point.replicas.astype(np.int64),
        machines=point.machines.astype(np.int64),
        ways=point.ways > 0.5,
    )
    return replace(solved, outcome=made)
