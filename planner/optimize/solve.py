"""The story of a solve: bound, plan, proof.

1. Relax: column generation over all pools gives a bound below every plan.
2. A first plan over the most promising pools; if it is close to the bound, that is all.
3. Tighten: cuts that whole replicas imply raise the bound.
4. Drop every pool that, under the bound's prices, cannot be part of a plan cheaper than the gap allows.
5. Solve the program that is left, starting from the plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from planner.optimize.again import relaxed, tightened
from planner.optimize.backend import Limits, Status, solver_name
from planner.optimize.bounds import Bounds, bounds, most_rate
from planner.optimize.check import check
from planner.optimize.coverage import Counting, no_covers
from planner.optimize.incumbent import NODES, Incumbent, better, by_period, promising, rounded, solve_over
from planner.optimize.model import Point, nothing
from planner.optimize.pricing import Priced, most_earned
from planner.optimize.program import Bools, Ints, Outcome, Program, Shadow
from planner.optimize.ramps import follows
from planner.optimize.relax import Relaxation, Verdict
from planner.optimize.sizes import siblings
from planner.optimize.smooth import smoothed

SOME = 120
"""Pools searched for a better plan before the last program."""
FINAL_POOLS = 4000
"""Pools the last program may hold."""
FINAL_ROUTES = 200_000
"""Routes the last program may hold."""


@dataclass(frozen=True, eq=False)
class _Run:
    program: Program
    bounds: Bounds
    limits: Limits
    started: float
    progress: Callable[[str], None]

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.limits.seconds - (time.monotonic() - self.started)

    def within(self, share: float, nodes: int | None = None) -> Limits:
        """Limits of a step: a share of the time left, half of the gap."""
        return replace(self.limits, seconds=self.left * share, gap=self.limits.gap / 2, nodes=nodes)


def solve(
    program: Program,
    *,
    gap: float,
    time_limit: float,
    seed: int,
    progress: Callable[[str], None],
    solver: str = "highs",
    start: Point | None = None,
    known: Point | None = None,
) -> Outcome:
    """Choose pools, replicas, machines and routes at least average cost, with a bound no plan can beat.

    Parameters
    ----------
    program : the choice to make
    gap : relative distance of cost and bound that is good enough [1]
    time_limit : wall time after which the best plan so far is returned [s]
    seed : random seed of the solver
    progress : told one line per step
    solver : `highs` or `gscip`
    start : a plan that is known, if any, in place of looking for a first one
    known : a plan that is known, if any, beside which others are looked for unless it is near enough; it wins a tie

    Returns
    -------
    The plan with its bound; `termination` says what is proven. The same program gives the same outcome, unless the time
    limit cuts the search.

    References
    ----------
    docs/formulation.md
    """
    check(program)
    run = _Run(program, bounds(program), Limits(gap, time_limit, seed, solver=solver), time.monotonic(), progress)
    deadline = run.started + time_limit / 2
    relaxation = relaxed(program, run.bounds, progress, deadline=deadline)
    if relaxation.verdict is Verdict.INFEASIBLE:
        return _nothing(run, relaxation, "infeasible", np.inf)
    first = better(program, None, known)
    if first is None or not _close(first.cost, relaxation.bound, gap):
        other = better(program, _first_plan(run, relaxation) if start is None else None, start)
        first = better(program, first, other.point if other else None)
    if first is not None and _close(first.cost, relaxation.bound, gap):
        return _outcome(run, relaxation, first, relaxation.bound, len(promising(relaxation)))
    if time.monotonic() < deadline and relaxation.point is not None:
        relaxation = tightened(program, run.bounds, progress, relaxation, deadline=deadline)
    return _final(run, relaxation, _improved(run, relaxation, first))


def _close(cost: float, bound: float, gap: float) -> bool:
    return cost - bound <= max(gap * abs(cost), 1e-9)


def _first_plan(run: _Run, relaxation: Relaxation) -> Incumbent | None:
    few = siblings(run.program, promising(relaxation))
    limits = run.within(0.3, NODES)
    best = _smooth(run, better(run.program, None, rounded(run.program, run.bounds, relaxation)))
    if best is not None and _close(best.cost, relaxation.bound, run.limits.gap):
        return best
    if len(run.program.periods) > 1:
        split = by_period(run.program, relaxation, limits, run.started + run.limits.seconds * 0.8)
        smooth = _smooth(run, split)
        best = _joined(run, relaxation, better(run.program, best, smooth.point if smooth else None), limits)
    else:
        best = better(run.program, best, solve_over(run.program, run.bounds, few, limits, cuts=relaxation.cuts)[1])
    if best is not None:
        run.progress(f"first plan: {best.cost:.6g} over {len(few)} pools, bound {relaxation.bound:.6g}")
    return best


def _joined(run: _Run, relaxation: Relaxation, best: Incumbent | None, limits: Limits) -> Incumbent | None:
    """Look for a better plan over all periods at once, among few pools, where what a period holds matters to the next."""
    program = run.program
    if best is None or not follows(program).any() or _close(best.cost, relaxation.bound, run.limits.gap):
        return best
    own = np.flatnonzero((best.point.replicas > 0).any(axis=1))
    some = siblings(program, np.union1d(own, promising(relaxation, 0)))
    return better(program, best, solve_over(program, run.bounds, some, limits, best.point, relaxation.cuts)[1])


def _smooth(run: _Run, best: Incumbent | None) -> Incumbent | None:
    """Return a plan with the starts of replicas that pay, where these cost something."""
    if best is None:
        return None
    return better(run.program, best, smoothed(run.program, run.bounds, best.point, run.within(0.1, NODES)))


def _cut_off(run: _Run, relaxation: Relaxation, first: Incumbent | None) -> Bools:
    """[K, T] Pools in periods whose use would cost at least the plan less the gap."""
    unusable: Bools = run.bounds.replicas == 0
    if relaxation.priced is None or first is None:
        return unusable
    enough = first.cost * (1 - run.limits.gap)
    cut = unusable | (relaxation.least >= max(enough, relaxation.bound))
    # The plan's own pools stay, so that it can start the last solve.
    dropped: Bools = cut & ((first.point.replicas == 0) | unusable)
    return dropped


def _improved(run: _Run, relaxation: Relaxation, first: Incumbent | None) -> Incumbent | None:
    """Look for a better plan among the pools that cost least to use, where too many are left to search them all at once."""
    dropped = _cut_off(run, relaxation, first)
    ranked = _ranked(relaxation, np.flatnonzero(~dropped.all(axis=1)))
    if len(ranked) <= SOME:
        return first
    plan = np.zeros(0, dtype=np.int64) if first is None else np.flatnonzero((first.point.replicas > 0).any(axis=1))
    some = siblings(run.program, np.union1d(ranked[:SOME], plan))
    start = first.point if first else None
    best = better(run.program, first, solve_over(run.program, run.bounds, some, run.within(0.4), start, relaxation.cuts)[1])
    if best is not None:
        run.progress(f"better plan: {best.cost:.6g} over {len(some)} of {len(ranked)} pools left")
    return best


def _final(run: _Run, relaxation: Relaxation, first: Incumbent | None) -> Outcome:
    dropped = _cut_off(run, relaxation, first)
    (keep,) = np.nonzero(~dropped.all(axis=1))
    limit = run.bounds.without(dropped)
    ranked = _ranked(relaxation, keep)
    chosen = np.sort(_affordable(run, limit, ranked))
    run.progress(f"final program: {len(chosen)} of {len(run.program.pools.name)} pools")
    result, point = solve_over(run.program, limit, chosen, run.within(1.0), first.point if first else None, relaxation.cuts)
    best = better(run.program, first, point)
    whole = len(chosen) == len(keep)
    if best is None:
        infeasible = result.status is Status.INFEASIBLE and whole
        termination, least = ("infeasible", np.inf) if infeasible else ("no_solution", relaxation.bound)
        return _nothing(run, relaxation, termination, least)
    beyond = _least_beyond(run, relaxation, chosen, dropped)
    bound = max(relaxation.bound, min(result.bound, beyond))
    return _outcome(run, relaxation, best, bound, len(chosen))


def _ranked(relaxation: Relaxation, keep: Ints) -> Ints:
    """Pools in order of what using them adds to the bound."""
    if relaxation.priced is None:
        return keep
    return keep[np.argsort(relaxation.least[keep].min(axis=1), kind="stable")]


def _affordable(run: _Run, limit: Bounds, ranked: Ints) -> Ints:
    """As many of the ranked pools as the last program may hold."""
    usable = np.isfinite(run.program.pools.demand[:, :, ranked]).all(axis=0).sum(axis=0)
    routes = np.cumsum(usable * (limit.replicas[ranked] > 0).sum(axis=1))
    return ranked[: max(1, min(FINAL_POOLS, int(np.searchsorted(routes, FINAL_ROUTES, side="right"))))]


def _least_beyond(run: _Run, relaxation: Relaxation, chosen: Ints, dropped: Bools) -> float:
    """Least cost of a plan that uses a pool the last program did not hold [$/h]."""
    if relaxation.priced is None:
        return relaxation.bound if len(chosen) < len(run.program.pools.name) else np.inf
    outside = dropped.copy()
    outside[np.setdiff1d(np.arange(len(outside)), chosen)] = True
    outside &= run.bounds.replicas > 0
    return float(relaxation.least[outside].min(initial=np.inf))


def _outcome(run: _Run, relaxation: Relaxation, best: Incumbent, bound: float, kept: int) -> Outcome:
    proven = min(max(bound, 0.0), best.cost)  # nothing costs less than nothing, however early the relaxation was stopped
    termination = "optimal" if _close(best.cost, proven, run.limits.gap) else "feasible"
    run.progress(f"{termination}: {best.cost:.6g}, bound {proven:.6g}")
    return _report(run, relaxation, termination, best, proven, kept)


def _nothing(run: _Run, relaxation: Relaxation, termination: str, bound: float) -> Outcome:
    empty = nothing(run.program)
    return _report(run, relaxation, termination, Incumbent(empty, np.inf), bound, 0)


def _shadow(run: _Run, priced: Priced | None) -> Shadow:
    """Return prices that prove a bound, per call/s where a stream has calls; zero where there is none."""
    program, rate = run.program, most_rate(run.program)
    if priced is None:
        zero, none = np.zeros(rate.shape), Counting(np.zeros(0), no_covers(program), rate)
        return Shadow(0.0, zero, zero, np.zeros((len(program.cells.name), rate.shape[1])), none)
    at = priced.at
    worth = at.demand + most_earned(program, run.bounds, at)
    per_call = np.divide(worth, rate, out=np.zeros(rate.shape), where=rate > 0)
    return Shadow(priced.bound, worth, per_call, at.packing, Counting(at.covers, priced.covers, rate))


def _report(run: _Run, relaxation: Relaxation, termination: str, best: Incumbent, bound: float, kept: int) -> Outcome:
    shadow = _shadow(run, relaxation.anywhere)
    same = relaxation.uncut is relaxation.anywhere
    return Outcome(
        termination=termination,
        objective=best.cost,
        bound=bound,
        flow=best.point.flow,
        api_flow=best.point.api_flow,
        replicas=best.point.replicas.astype(np.int64),
        machines=best.point.machines.astype(np.int64),
        ways=best.point.ways > 0.5,
        solver=solver_name(run.limits.solver),
        considered=len(run.program.pools.name),
        kept=kept,
        shadow=shadow,
        uncut=shadow if same else _shadow(run, relaxation.uncut),
    )
