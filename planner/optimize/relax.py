"""The linear relaxation over all pools, solved with few of them: column generation.

A master model holds some pools and every cell, purchase, API and limit. Its duals are prices; pools that pay under
them join, until none does or the bound from those prices meets the master. The bound of every round is a proof by
itself (see `pricing`), so the best one is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from planner.optimize.backend import Result, Status, solve_lp
from planner.optimize.bounds import Bounds, allowed
from planner.optimize.model import Model, Point, build, read, restrict, restrict_bounds
from planner.optimize.pricing import Priced, price, prices
from planner.optimize.program import Bools, Floats, Ints, Program

SMALL = 60
"""Programs with at most this many pools start with all of them."""
BATCH = 60
"""Pools that join per round at most."""
CLOSE = 1e-4
"""Relative distance of bound and master at which a round ends the search."""
RISING = 5e-4
"""Relative gain in the bound below which a round of cuts was not worth it."""
BROKEN = 1e-4
"""Share of a stream by which a cut must be broken to join."""
UNSERVED = 1e-7
"""Share of a stream left unserved that counts as nothing."""
CHARGE_LIMIT = 1e5
"""Charge for unserved calls above which the question becomes whether they can be served at all [$/h]."""


class Verdict(Enum):
    """Whether any plan can exist."""

    FEASIBLE = "feasible"
    """The relaxation has a solution."""
    INFEASIBLE = "infeasible"
    """Proven that no plan exists."""
    UNKNOWN = "unknown"
    """The time limit came first."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What the relaxation tells."""

    verdict: Verdict
    """Whether any plan can exist."""
    keep: Ints
    """Pools of the last master, in order."""
    cuts: Bools
    """[R, K, T] Cuts of the last master."""
    point: Point | None
    """Its solution, over those pools."""
    bound: float
    """No plan costs less [$/h]."""
    priced: Priced | None
    """Prices of all pools that gave the bound."""
    rounds: int
    """Linear programs solved."""


@dataclass(frozen=True)
class _Phase:
    """How unserved calls are treated: charged; then, if some remain, alone counted; then forbidden."""

    money: float
    """Whether costs count."""
    charge: float
    """For a stream left unserved [$/h]."""
    most: float
    """Largest share left unserved."""

    def next(self) -> _Phase:
        if not self.money:
            return _Phase(1.0, 0.0, 2 * UNSERVED)
        if self.charge > CHARGE_LIMIT:
            return _Phase(0.0, 1.0, 1.0)
        return _Phase(1.0, 1000.0 * self.charge, 1.0)


@dataclass(frozen=True, eq=False)
class _Round:
    model: Model
    solved: Result
    slack: Ints


def stand_alone(program: Program, bounds: Bounds) -> Floats:
    """[R, K] Cost of serving the whole of a stream on a pool at the cell's cheapest price, unlimited [$/h]."""
    cells, buy, pools = program.cells, program.purchases, program.pools
    cheapest = np.full(len(cells.name), np.inf)
    np.minimum.at(cheapest, buy.cell, buy.hourly / cells.gpus[buy.cell])
    usable = allowed(program) & (bounds.replicas > 0).any(axis=1)
    busiest = bounds.rate.max(axis=1)[:, None]
    hourly = cheapest[pools.cell] * pools.gpus
    with np.errstate(invalid="ignore"):
        cost: Floats = hourly * pools.demand.max(axis=0) * busiest + 3600.0 * pools.call_cost * busiest
    return np.where(usable & np.isfinite(hourly), cost, np.inf)


def seeds(alone: Floats, each: int = 3) -> Ints:
    """Pools cheapest for some stream, standing alone."""
    if alone.shape[1] <= SMALL:
        return np.arange(alone.shape[1])
    order = np.argsort(alone, axis=1, kind="stable")[:, :each]
    fit = np.isfinite(np.take_along_axis(alone, order, axis=1))
    return np.unique(order[fit])


def _master(program: Program, bounds: Bounds, keep: Ints, phase: _Phase, cuts: Bools) -> _Round:
    """Solve the relaxation over some pools, with unserved calls treated as the phase says."""
    model = build(restrict(program, keep), restrict_bounds(bounds, keep), whole=False, cuts=cuts[:, keep])
    linear = model.linear if phase.money else model.linear.without_costs()
    rows = np.unique(model.rows.demand[model.rows.demand >= 0])
    names = [f"unserved({i})" for i in rows.tolist()]
    slack = linear.add_variables(len(rows), 0, phase.most, phase.charge, integer=False, names=lambda: names)
    linear.add_terms(rows, slack, 1)
    return _Round(Model(linear, model.at, model.rows), solve_lp(linear), slack)


def relax(program: Program, bounds: Bounds, progress: Callable[[str], None], *, deadline: float = np.inf) -> Relaxation:
    """Solve the relaxation over all pools."""
    alone = stand_alone(program, bounds)
    keep, phase, rounds = seeds(alone), _first_phase(alone), 0
    cuts = np.zeros((len(program.streams), len(program.pools.name), len(program.periods)), dtype=bool)
    best: Priced | None = None
    while True:
        last = _master(program, bounds, keep, phase, cuts)
        rounds += 1
        if last.solved.status is not Status.OPTIMAL:
            return Relaxation(Verdict.UNKNOWN, keep, cuts, None, best.bound if best else 0.0, best, rounds)
        priced = price(program, bounds, prices(last.model.rows, last.solved, keep, money=phase.money))
        rising = best is None or priced.bound > best.bound + RISING * abs(best.bound)
        if phase.money and (best is None or priced.bound > best.bound):
            best = priced
        progress(f"relaxation {rounds}: {len(keep)} pools, {last.solved.objective:.6g}, bound {priced.bound:.6g}")
        joining = _joining(priced, keep, last.solved.objective)
        broken = _add_cuts(cuts, keep, last) if rising else 0
        if (len(joining) or broken) and time.monotonic() < deadline:
            keep = np.union1d(keep, joining)
        elif not phase.money and priced.bound > UNSERVED:
            return Relaxation(Verdict.INFEASIBLE, keep, cuts, None, np.inf, priced, rounds)
        elif phase.money and best is not None and _served(last):
            point = read(restrict(program, keep), restrict_bounds(bounds, keep), last.model.at, last.solved.values)
            return Relaxation(Verdict.FEASIBLE, keep, cuts, point, best.bound, best, rounds)
        else:
            phase = phase.next()


def _add_cuts(cuts: Bools, keep: Ints, last: _Round) -> int:
    """Demand whole replicas for the thin streams that had less; how many."""
    at, values = last.model.at, last.solved.values
    broken = values[at.x] > values[at.n[at.x_pool, at.x_period]] + BROKEN
    where = at.x_stream[broken], keep[at.x_pool[broken]], at.x_period[broken]
    fresh = int((~cuts[where]).sum())
    cuts[where] = True
    return fresh


def _served(last: _Round) -> bool:
    return bool((last.solved.values[last.slack] <= 3 * UNSERVED).all())


def _first_phase(alone: Floats) -> _Phase:
    """Charge more for an unserved stream than serving all of them the dearest way would cost."""
    dearest = np.where(np.isfinite(alone), alone, 0.0).max(axis=1, initial=0.0).sum()
    return _Phase(1.0, 10.0 * (1.0 + float(dearest)), 1.0)


def _joining(priced: Priced, keep: Ints, master: float) -> Ints:
    """Pools outside the master that pay most, unless the bound is already close."""
    if priced.bound >= master - CLOSE * abs(master):
        return np.zeros(0, dtype=np.int64)
    gain = priced.pools.copy()
    gain[keep] = 0.0
    (paying,) = np.nonzero(gain < -CLOSE * 1e-3 * max(abs(master), 1e-12))
    order = paying[np.argsort(gain[paying], kind="stable")]
    return order[:BATCH]
