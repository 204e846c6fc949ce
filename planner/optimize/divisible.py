"""Prices with machines divisible: the linear program of a choice so large that whole machines no longer matter.

    V = lim_{s → ∞} C(s·demand, s·limits)/s,   C the least cost

What is paid once however many machines follow (the rest of a machine, a spare, a minimum, the operation of a pool) is a vanishing
share of many, so V and its duals are those of the relaxation that bounds every plan, of the program `TIMES` as large, without the
costs that do not grow. Spares that grow with their pool stay in proportion. Sellers and pools do not become more with size: where
a plan uses as many as it may, they are kept. Ways to serve may be mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.optimize.bounds import Bounds, bounds, most_rate, parts
from planner.optimize.model import Point, restrict
from planner.optimize.pricing import Prices, most_earned
from planner.optimize.program import ANY, Floats, Program, PurchaseColumns
from planner.optimize.relax import Verdict, relax

TIMES = 1e6
"""How many times as large the program is."""
ROOM = 100.0
"""How many times the replicas of the best pools its bounds hold at least: cheap machines may be many."""
CLOSE = 1e-6
"""Relative distance of bound and master at which prices are good enough: a stream may be a small part of the cost."""
NEAR = 1e-5
"""Relative distance at which a bound is that of other prices."""


@dataclass(frozen=True, eq=False)
class Marginal:
    """What a little more of anything is worth where machines are divisible."""

    cost: float
    """V: cost of serving everything so [$/h]."""
    ways: Floats
    """[W] Share of each way in it [1]."""
    streams: Floats
    """[R] Worth of all calls of a stream: by how much V changes if they grow by a share, over that share [$/h]."""
    calls: Floats
    """[R, T] Worth of 1 call/s of a stream in a period [$/h]."""
    gpus: Floats
    """[I, T] Worth of an accelerator of a cell in a period [$/h]."""
    gpu_limits: Floats
    """[L] What one accelerator more of a quota saves, in all periods together [$/h]."""
    machine_limits: Floats
    """[M] The same for a unit of what machines take of a site."""
    average_limits: Floats
    """[A] The same for a unit of what they take on average."""
    power: float
    """The same for a watt."""
    budget: float
    """The same for a dollar an hour of budget [1]."""


def marginal(program: Program, plan: Point, *, deadline: float = np.inf) -> Marginal | None:
    """Return what a little more of anything is worth with machines divisible; None where the relaxation cannot tell.

    Parameters
    ----------
    program : the choice
    plan : one that is known, whose sellers and pools are kept where no more of them are allowed
    deadline : when to stop, on the monotonic clock [s]

    Notes
    -----
    It cannot tell where nothing serves all, in time, or where calls are worth less than nothing: more of them would let a floor
    that holds on average be kept cheaper. Prices that prove a bound are none of them negative.
    """
    free = _without_the_fixed(program, plan)
    times = _times(free)
    large = enlarged(free, times)
    found = relax(large, _roomy(large), lambda _: None, deadline=deadline, close=CLOSE)
    near = found.bound >= found.value - NEAR * abs(found.value)
    if found.verdict is not Verdict.FEASIBLE or found.priced is None or found.point is None or not near:
        return None
    return _read(large, found.priced.at, found.bound, found.point.ways, times)


def full(program: Program, plan: Point) -> bool:
    """Whether a plan has as many pools as it may."""
    return program.max_pools is not None and program.operated(plan.replicas) >= program.max_pools


def _without_the_fixed(program: Program, plan: Point) -> Program:
    """Return the choice without what is paid once; sellers and pools of the plan, where there may be no more."""
    if full(program, plan):
        mine = program.pools.family[(plan.replicas > 0).any(axis=1)]
        program = restrict(program, np.flatnonzero(program.pools.sold | np.isin(program.pools.family, mine)).astype(np.int64))
    pools, count = program.pools, len(program.pools.name)
    carrying = (pools.most - pools.spare) / pools.most
    free = replace(
        pools,
        demand=pools.demand / carrying,
        least=np.ones(count, dtype=np.int64),
        spare=np.zeros(count, dtype=np.int64),
        most=np.full(count, ANY, dtype=np.int64),
        opening=None,
    )
    own = replace(program, pools=free, purchases=_of_sellers(program, plan), min_replicas=1, one_size=False)
    return replace(own, pool_cost=0.0, max_pools=None, sellers=None)


def _of_sellers(program: Program, plan: Point) -> PurchaseColumns:
    """Return the purchases without those of sellers that would be one too many."""
    buy, sellers = program.purchases, program.sellers
    if sellers is None:
        return buy
    used = np.unique(sellers.seller[(plan.machines > 0).any(axis=1) & (sellers.seller >= 0)])
    barred = (sellers.seller >= 0) & ~np.isin(sellers.seller, used) & (len(used) >= sellers.most)
    return replace(buy, limit=np.where(barred, 0.0, buy.limit))


def _roomy(program: Program) -> Bounds:
    """Return bounds that only purchase limits can meet: a bound that is met as a quota is would take part of its price."""
    free = replace(program, gpu_limits=(), machine_limits=(), power=np.inf, budget=np.inf)
    most = bounds(free)
    machines = np.where(program.purchases.active, np.minimum(2.0 * most.machines, program.purchases.limit[:, None]), 0.0)
    return replace(most, replicas=2 * most.replicas, machines=np.maximum(machines, program.purchases.fewest).astype(np.int64))


def _times(program: Program) -> float:
    """Return how many times as large the program may be, so that bounds hold `ROOM` times the replicas of the best pools."""
    each = program.pools.demand.max(axis=0, initial=0.0)
    best = np.min(each, axis=1, where=np.isfinite(each), initial=ANY)
    fewest = (np.where(best < ANY, best, 0.0) @ most_rate(program)).max(initial=0.0)
    return max(float(np.floor(min(TIMES, ANY / ROOM / max(fewest, 1e-9)))), 1.0)


def enlarged(program: Program, times: float) -> Program:
    """Return the choice with demand, limits, and what is held or paid in any case, so many times as large."""
    buy, spend, ways = program.purchases, program.spend, program.ways
    return replace(
        program,
        rate=program.rate * times,
        purchases=replace(buy, limit=buy.limit * times, held=None if buy.held is None else buy.held * times),
        apis=replace(program.apis, limits=program.apis.limits / times),
        gpu_limits=tuple(replace(one, gpus=one.gpus * times) for one in program.gpu_limits),
        machine_limits=tuple(replace(one, most=one.most * times) for one in program.machine_limits),
        average_limits=tuple(replace(one, most=one.most * times) for one in program.average_limits),
        budget=program.budget * times,
        power=program.power * times,
        ways=replace(ways, cost=ways.cost * times, rate=ways.rate * times),
        standing=None if program.standing is None else program.standing * times,
        spend=None if spend is None else replace(spend, most=spend.most * times),
    )


def _read(large: Program, at: Prices, bound: float, ways: Floats, times: float) -> Marginal:
    """Return prices of the problem as it is. Costs are `times` as large there; a call, a machine and their prices are not."""
    rate, none = most_rate(large), np.zeros(0)
    worth = at.demand + most_earned(large, bounds(large), at)
    return Marginal(
        cost=bound / times,
        ways=ways,
        streams=_of_streams(large, at, ways) / times,
        calls=np.divide(worth, rate, out=np.zeros(rate.shape), where=rate > 0),
        gpus=at.packing,
        gpu_limits=at.gpu_limits.sum(axis=1),
        machine_limits=none if at.machine_limits is None else at.machine_limits.sum(axis=1),
        average_limits=none if at.average_limits is None else at.average_limits,
        power=float(at.power.sum()) / 1e3,
        budget=at.budget,
    )


def _of_streams(program: Program, at: Prices, taken: Floats) -> Floats:
    """[R] Price of all calls that a stream makes, of those that ways cause as far as these are taken."""
    movable, ways = program.movable, program.ways
    price = np.where(movable[:, None] & (np.arange(at.demand.shape[1]) > 0), 0.0, at.demand)  # a movable stream is paid once
    worth: Floats = np.where(program.fixed, price.sum(axis=1), 0.0)
    np.add.at(worth, ways.stream, taken[ways.user] * (parts(program) * price[ways.stream]).sum(axis=1))
    return worth
