"""The linear relaxation over all pools, solved with few of them: column generation.

A master model holds some pools and every cell, purchase, API and limit. Its duals are prices; pools that pay under
them join, until none does or the bound from those prices meets the master. The bound of every round is a proof by
itself (see `pricing`), so the best one is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from planner.optimize import coverage, machine_cover
from planner.optimize.backend import Result, Status, solve_lp
from planner.optimize.bounds import Bounds, allowed
from planner.optimize.coverage import UNUSED, Covers, Relaxed, joined, no_covers
from planner.optimize.cuts import Cuts
from planner.optimize.kinds import Kinds, kinds
from planner.optimize.model import Model, Point, build, read, restrict, restrict_bounds
from planner.optimize.pricing import Priced, price, prices
from planner.optimize.program import Floats, Ints, Program
from planner.optimize.sizes import siblings
from planner.optimize.spend import nominal

SMALL = 60
"""Programs with at most this many pools start with all of them."""
BATCH = 60
"""Pools that join per round at most."""
CLOSE = 1e-4
"""Relative distance of bound and master at which a round ends the search."""
RISING = 5e-4
"""Relative gain in the bound below which a round of cuts was not worth it."""
NEAR = 1e-2
"""Relative distance of bound and master at which cuts of rounded coverage are looked for."""
BROKEN = 1e-4
"""Share of a stream by which a cut must be broken to join."""
UNSERVED = 1e-7
"""Share of a stream left unserved that counts as nothing."""
MIN_SECONDS = 1.0
"""Time a linear program gets even if the deadline has passed [s]."""
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
    kinds: Kinds
    """Pools that are alike."""
    keep: Ints
    """Pools of the last master, in order."""
    cuts: Cuts
    """Cuts of the last master."""
    point: Point | None
    """Its solution, over those pools."""
    bound: float
    """No plan costs less [$/h]."""
    priced: Priced | None
    """Prices of all pools that gave the bound."""
    uncut: Priced | None
    """Prices of the best bound before there were cuts of rounded coverage."""
    anywhere: Priced | None
    """Prices of the best bound whose cuts count no machines: any other pool can be judged by them, wherever it stands."""
    least: Floats
    """[K, T] No plan that uses the pool in the period costs less [$/h]."""
    rounds: int
    """Linear programs solved."""
    value: float = np.inf
    """Cost of the solution: how near the bound is to what the relaxation can tell [$/h]."""


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
    np.minimum.at(cheapest, buy.cell, nominal(program) / cells.gpus[buy.cell])
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


NEAR_EACH = 8
"""Pools tried for each stream beside a plan's own: the cheapest by themselves."""


def near(program: Program, bounds: Bounds, own: Ints) -> Ints:
    """Pools of a plan, and for each stream with calls `NEAR_EACH` more."""
    called = (program.rate > 0).any(axis=1)
    found: Ints = np.union1d(own, seeds(stand_alone(program, bounds)[called], NEAR_EACH))
    return siblings(program, found)


@dataclass(frozen=True)
class Separate:
    """How cuts of rounded coverage are found and made."""

    violated: Callable[[Program, Bounds, int, Relaxed], Floats]
    """(program, bounds, period, relaxed solution) → weights of cuts that it breaks."""
    make: Callable[[Program, Bounds, Kinds, Floats, Ints], Covers]
    """(program, bounds, kinds, weights, periods) → those cuts."""


_REPLICAS = Separate(coverage.violated, coverage.make_covers)
_MACHINES = Separate(machine_cover.violated, machine_cover.make)


@dataclass(frozen=True, eq=False)
class _Job:
    program: Program
    bounds: Bounds
    progress: Callable[[str], None]
    deadline: float
    separate: Separate | None = None
    """How cuts of rounded coverage are looked for; None = not at all."""
    close: float = CLOSE
    """Relative distance of bound and master at which a round ends the search."""

    @property
    def left(self) -> float:
        """Seconds a linear program may take."""
        return max(self.deadline - time.monotonic(), MIN_SECONDS)


def relax(
    program: Program, bounds: Bounds, progress: Callable[[str], None], *, deadline: float = np.inf, close: float = CLOSE
) -> Relaxation:
    """Solve the relaxation over all pools, until bound and master are relatively as near as `close`."""
    alone = stand_alone(program, bounds)
    thin = np.zeros((len(program.streams), len(program.pools.name), len(program.periods)), dtype=bool)
    start = Relaxation(
        Verdict.UNKNOWN,
        kinds=kinds(program),
        keep=seeds(alone),
        cuts=Cuts(thin, no_covers(program)),
        point=None,
        bound=0.0,
        priced=None,
        uncut=None,
        anywhere=None,
        least=np.zeros(bounds.replicas.shape),
        rounds=0,
    )
    return _generate(_Job(program, bounds, progress, deadline, close=close), start, _first_phase(alone))


def tighten(
    program: Program, bounds: Bounds, progress: Callable[[str], None], relaxation: Relaxation, *, deadline: float = np.inf
) -> Relaxation:
    """Go on with a relaxation that has a solution, now with cuts of rounded coverage: of replicas, then of machines too.

    Cuts of machines that do not raise the bound are left out again: they would only slow the integer program.
    """
    phase = _Phase(1.0, 10.0 * (1.0 + max(relaxation.bound, 0.0)), 1.0)
    replicas = _generate(_Job(program, bounds, progress, deadline, _REPLICAS), relaxation, phase)
    if replicas.verdict is not Verdict.FEASIBLE:
        return replicas
    machines = _generate(_Job(program, bounds, progress, deadline, _MACHINES), replicas, phase)
    worth = machines.bound > replicas.bound + RISING * abs(replicas.bound)
    return machines if worth else replace(replicas, least=machines.least, rounds=machines.rounds)


def _generate(job: _Job, start: Relaxation, phase: _Phase) -> Relaxation:
    """Add pools and cuts until none pays or is broken, or time is up."""
    now, settled = start, -np.inf
    while True:
        last = _master(job, now, phase)
        if last.solved.status is not Status.OPTIMAL:
            return replace(now, keep=start.keep, cuts=start.cuts, rounds=now.rounds + 1)
        at = prices(job.program, last.model.rows, last.solved, now.keep, now.cuts.covers, money=phase.money)
        priced = price(job.program, job.bounds, now.kinds, now.cuts.covers, at)
        now = _noted(now, priced, counts=bool(phase.money))
        sizes = f"{len(now.keep)} pools, {len(now.cuts.covers.need)} cuts"
        job.progress(f"relaxation {now.rounds}: {sizes}, {last.solved.objective:.6g}, bound {priced.bound:.6g}")
        further, settled = _extended(job, now, last, priced, settled)
        if further is None:
            ended = _ended(job, now, last, priced, phase)
            if ended is not None:
                return ended
            phase, settled = phase.next(), -np.inf
        else:
            now = further


def _master(job: _Job, now: Relaxation, phase: _Phase) -> _Round:
    """Solve the relaxation over some pools, with unserved calls treated as the phase says."""
    program, covers = job.program, now.cuts.covers
    sub, limit, held = restrict(program, now.keep), restrict_bounds(job.bounds, now.keep), now.cuts.over(now.keep)
    model = build(sub, limit, whole=False, cuts=held.thin, covers=held.covers)
    linear = model.linear if phase.money else model.linear.without_costs()
    rows = np.unique(model.rows.demand[model.rows.demand >= 0])
    names = [f"unserved({i})" for i in rows.tolist()]
    slack = linear.add_variables(len(rows), 0, phase.most, phase.charge, integer=False, names=lambda: names)
    linear.add_terms(rows, slack, 1)
    # What is not served counts towards coverage as what is sent to an API.
    c, r = np.nonzero(covers.weight)
    served = model.rows.demand[r, covers.period[c]]
    linear.add_terms(model.rows.covers[c], slack[np.searchsorted(rows, served)], covers.weight[c, r] / covers.part[c])
    return _Round(Model(linear, model.at, model.rows), solve_lp(linear, job.left), slack)


def _extended(job: _Job, now: Relaxation, last: _Round, priced: Priced, settled: float) -> tuple[Relaxation | None, float]:
    """Return the next round's pools and cuts, None if there is nothing to add, and the bound when cuts were last looked for."""
    if time.monotonic() >= job.deadline:
        return None, settled
    master = last.solved.objective
    joining = _joining(priced, now.keep, master, job.close)
    cuts = now.cuts
    if priced.bound > settled + RISING * abs(settled) or np.isinf(settled):
        near = priced.bound >= master - NEAR * abs(master)
        cuts = _broken(job, now, last, priced, rounding=near)
        settled = priced.bound if near or not len(joining) else settled
    if not len(joining) and cuts is now.cuts:
        return None, settled
    return replace(now, keep=np.union1d(now.keep, joining), cuts=cuts), settled


def _ended(job: _Job, now: Relaxation, last: _Round, priced: Priced, phase: _Phase) -> Relaxation | None:
    """Return the verdict, None if the next phase must find it."""
    if not phase.money and priced.bound > UNSERVED:
        return replace(now, verdict=Verdict.INFEASIBLE, bound=np.inf, priced=priced)
    if phase.money and now.priced is not None and _served(last):
        sub, limit = restrict(job.program, now.keep), restrict_bounds(job.bounds, now.keep)
        point = read(sub, limit, last.model.at, last.solved.values)
        return replace(now, verdict=Verdict.FEASIBLE, point=point, value=last.solved.objective)
    return None


def _noted(now: Relaxation, priced: Priced, *, counts: bool) -> Relaxation:
    """Keep what a round proves, if its prices count costs: the best bound, and for each pool the most any round proved."""
    rounds = now.rounds + 1
    if not counts:
        return replace(now, rounds=rounds)
    least = np.maximum(now.least, priced.bound + priced.used)
    now = replace(now, rounds=rounds, least=least)
    if not len(priced.at.covers):
        now = replace(now, uncut=_best(now.uncut, priced))
    if not now.cuts.covers.machines.any():
        now = replace(now, anywhere=_best(now.anywhere, priced))
    if now.priced is not None and priced.bound <= now.bound:
        return now
    return replace(now, bound=priced.bound, priced=priced)


def _best(known: Priced | None, found: Priced) -> Priced:
    """Return the prices that prove more."""
    return found if known is None or found.bound > known.bound else known


def _broken(job: _Job, now: Relaxation, last: _Round, priced: Priced, *, rounding: bool) -> Cuts:
    """Return the cuts with those that the round broke; the same object if there is none."""
    at, values, keep = last.model.at, last.solved.values, now.keep
    broken = values[at.x] > values[at.n[at.x_pool, at.x_period]] + BROKEN
    where = at.x_stream[broken], keep[at.x_pool[broken]], at.x_period[broken]
    fresh = bool((~now.cuts.thin[where]).any())
    covers = _uncovered(job, now, last, priced, job.separate) if rounding and job.separate else None
    if not fresh and covers is None:
        return now.cuts
    thin = now.cuts.thin.copy()
    thin[where] = True
    return Cuts(thin, now.cuts.covers if covers is None else joined(now.cuts.covers, covers))


def _uncovered(job: _Job, now: Relaxation, last: _Round, priced: Priced, separate: Separate) -> Covers | None:
    """Rounded coverage that the round broke; None if there is none."""
    program, bounds = job.program, job.bounds
    weight = [separate.violated(program, bounds, t, _relaxed(program, now, last, priced, t)) for t in range(len(program.hours))]
    chosen, period = np.concatenate(weight), np.repeat(np.arange(len(weight)), [len(found) for found in weight])
    return separate.make(program, bounds, now.kinds, chosen, period) if len(chosen) else None


def _relaxed(program: Program, now: Relaxation, last: _Round, priced: Priced, t: int) -> Relaxed:
    at, values = last.model.at, np.append(last.solved.values, 0.0)
    carrying: Floats = values[at.n[:, t]] - program.pools.spare[now.keep] * np.where(
        at.warm[:, t] >= 0, values[at.warm[:, t]], 0.0
    )
    carrying = np.where(at.n[:, t] >= 0, carrying, 0.0)
    (used,) = np.nonzero(carrying > UNUSED)
    api = np.zeros(len(program.streams))
    here = at.z_period == t
    np.add.at(api, at.z_stream[here], values[at.z[here]])
    ways, machines = last.solved.values[at.v], np.where(at.m[:, t] >= 0, values[at.m[:, t]], 0.0)
    return Relaxed(now.keep[used], carrying[used], api, priced.at.demand[:, t], priced.at.resources[:, used, t], ways, machines)


def _served(last: _Round) -> bool:
    return bool((last.solved.values[last.slack] <= 3 * UNSERVED).all())


def _first_phase(alone: Floats) -> _Phase:
    """Charge more for an unserved stream than serving all of them the dearest way would cost."""
    dearest = np.where(np.isfinite(alone), alone, 0.0).max(axis=1, initial=0.0).sum()
    return _Phase(1.0, 10.0 * (1.0 + float(dearest)), 1.0)


def _joining(priced: Priced, keep: Ints, master: float, close: float) -> Ints:
    """Pools outside the master that pay most, unless the bound is already close."""
    if priced.bound >= master - close * abs(master):
        return np.zeros(0, dtype=np.int64)
    gain = priced.pools.copy()
    gain[keep] = 0.0
    (paying,) = np.nonzero(gain < -close * 1e-3 * max(abs(master), 1e-12))
    order = paying[np.argsort(gain[paying], kind="stable")]
    return order[:BATCH]
