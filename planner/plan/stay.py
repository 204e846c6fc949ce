"""Staying with what runs today: its pools, replicas and machines as a plan of the problem as it now is.

Today's plan is written into the program: each pool on the column of its deployment, place and level, the calls of each stream
dealt as they are dealt today. If that serves every call within every limit, it is a plan like any other, at no cost of moving. It
starts the solve, and it is the answer wherever no other is proved to save more than the gap: a change must be worth something.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.candidates.apis import Apis
from planner.candidates.build import Search
from planner.candidates.pools import Pools
from planner.candidates.today import key_of, key_of_row
from planner.catalog.problem import LoadedProblem
from planner.demand.ways import Way
from planner.domain.plan import Plan, Purchase, TakenWay
from planner.domain.plan_pools import Pool, PoolLoad, Share
from planner.optimize.assemble import Assembled
from planner.optimize.backend import Limits
from planner.optimize.bounds import Bounds, bounds
from planner.optimize.incumbent import keeps_limits, solve_over
from planner.optimize.model import Point, nothing
from planner.optimize.objective import objective
from planner.optimize.program import ANY, Floats, Ints, Program
from planner.optimize.sizes import siblings
from planner.optimize.tidy import loads
from planner.plan.basis import differs
from planner.plan.solved import Solved, near
from planner.plan.strain import missing
from planner.supply import cells

SECONDS = 10.0
"""Time to fit today's pools to calls that they do not serve as they are [s]."""

NODES = 60
"""Branch-and-bound nodes for that: the same on every machine, unlike seconds."""

SLACK = 1e-6
"""Relative slack of a load: plans are written with twelve digits."""


class _Unplaced(Exception):
    """Something of today's plan has no place in the program."""


def beginning(search: Search, pools: Pools, apis: Apis, assembled: Assembled) -> Point | None:
    """Return a plan to start a solve from: today's as it is, else the best found over its pools; None without one."""
    today = search.today
    if today is None:
        return None
    point = as_it_is(search, pools, apis, assembled, today)
    return point if point is not None else _refitted(search, pools, assembled, today)


def staying(loaded: LoadedProblem, best: Solved) -> Solved:
    """Return today's plan as it is where no plan can be cheaper by more than the gap, else the answer given."""
    today = loaded.today
    if today is None:
        return best
    point = as_it_is(best.search, best.pools, best.apis, best.assembled, today)
    if point is None:
        return best
    cost, outcome, gap = objective(best.assembled.program, point), best.outcome, loaded.problem.solver.gap
    bound = min(outcome.bound, cost)
    if not near(cost, bound, gap) and not _was_proved(today, loaded, cost):
        return best
    kept = best.at(point)
    ended = "optimal" if near(cost, bound, gap) else "feasible"
    kept = replace(kept, outcome=replace(kept.outcome, termination=ended, objective=cost, bound=bound))
    return best if missing(kept) else kept


def _was_proved(today: Plan, loaded: LoadedProblem, cost: float) -> bool:
    """Whether today's plan was proved within the gap for this very problem: then so it is now, though this solve proved less.

    A plan that was itself made from another has a bound with the cost of leaving that one in it, which says nothing here.
    """
    same = (today.problem_digest, today.catalog_digest) == (loaded.digest, loaded.catalog.digest)
    return same and today.changes is None and today.proof.complete and near(cost, today.proof.bound, loaded.problem.solver.gap)


def as_it_is(search: Search, pools: Pools, apis: Apis, assembled: Assembled, today: Plan) -> Point | None:
    """Return today's plan in the program, calls dealt as today; None where it does not serve them, or has no place there."""
    try:
        point = _placed(search, pools, apis, assembled, today)
    except _Unplaced:
        return None
    return point if _holds(assembled, point) else None


def _holds(assembled: Assembled, point: Point) -> bool:
    """Whether a point serves every call within every limit."""
    program = assembled.program
    asked = program.asked(point.ways)
    served = point.flow.sum(axis=1) + point.api_flow.sum(axis=1)
    movable = program.movable[:, None]
    short = np.where(movable, ((served - asked) @ program.hours)[:, None], served - asked)
    if (np.abs(short) > SLACK * np.maximum(asked, 1e-9) * np.where(movable, program.hours.sum(), 1.0)).any():
        return False
    carrying = np.where(point.replicas > 0, point.replicas - program.pools.spare[:, None], 0.0)
    taken = loads(program, point.flow).max(axis=0, initial=0.0)
    limited = np.einsum("lra,rat->lat", program.apis.limits, point.api_flow)
    enough = bool((taken <= carrying * (1 + SLACK) + SLACK).all() and (limited <= 1 + SLACK).all())
    return enough and not program.averages and keeps_limits(program, _limits(program), point)


def _limits(program: Program) -> Bounds:
    """Return what is allowed rather than what is useful: a repaired plan has replicas beyond what the program finds of use."""
    useful = bounds(program)
    most = np.where(useful.replicas > 0, program.pools.most[:, None], 0)
    had = np.where(program.purchases.active, np.minimum(program.purchases.limit, ANY)[:, None], 0)
    return Bounds(useful.rate, most, had.astype(np.int64))


def _placed(search: Search, pools: Pools, apis: Apis, assembled: Assembled, today: Plan) -> Point:
    """Return today's decisions in the program."""
    if tuple(today.periods) != tuple(period.name for period in search.problem.periods) or today.provisioned:
        raise _Unplaced
    made, ways = nothing(assembled.program), np.isin(assembled.choices.way, _taken(search, today)).astype(float)
    calls = _whole_calls(assembled, ways)
    for pool in today.pools:
        _place_pool(made, search, pools, assembled, pool, today, calls)
    for route in today.apis:
        if route.api not in apis.names:
            raise _Unplaced
        for t, period in enumerate(today.periods):
            for r, share in _dealt(search, route.shares, period):
                made.api_flow[r, apis.names.index(route.api), t] += share * calls[r, t]
    for purchase in today.purchases:
        made.machines[_offer(search, purchase)] += [purchase.machines[period] for period in today.periods]
    return replace(made, machines=np.maximum(made.machines, assembled.program.purchases.fewest), ways=ways)


def _whole_calls(assembled: Assembled, ways: Floats) -> Floats:
    """[R, T] Calls per second of which the shares of a plan are: a period's, or the whole cycle's where work may be moved."""
    program = assembled.program
    asked = program.asked(ways)
    cycle = (asked @ program.hours)[:, None] / program.hours
    calls: Floats = np.where(program.movable[:, None], cycle, asked)
    return calls


def _place_pool(made: Point, search: Search, pools: Pools, assembled: Assembled, pool: Pool, today: Plan, calls: Floats) -> None:
    """Put a pool's replicas and calls on its columns."""
    columns = _columns(search, pools, assembled, pool)
    for t, load in enumerate(_in_order(pool, today)):
        if load.replicas:
            column = _of_size(assembled, columns, load.replicas)
            made.replicas[column, t] = load.replicas
            for r, share in _dealt(search, pool.shares, load.period):
                made.flow[r, column, t] += share * calls[r, t]


def _taken(search: Search, today: Plan) -> list[int]:
    """Return the ways in which workloads are served today, those of workloads that have one only among them."""
    stated = {way.workload: way for way in today.ways}
    names = dict.fromkeys(way.workload for way in search.ways)
    return [_way(search, name, stated.get(name)) for name in names]


def _way(search: Search, workload: str, stated: TakenWay | None) -> int:
    """Return the way of a workload that is stated, or its only one."""
    own = [index for index, way in enumerate(search.ways) if way.workload == workload]
    fit = own if stated is None else [index for index in own if _serves_so(search.ways[index], stated)]
    if not fit or (stated is None and len(own) > 1):
        raise _Unplaced
    return fit[0]


def _serves_so(way: Way, stated: TakenWay) -> bool:
    """Whether a way has these settings, stores and budgets, as far as the digits of a plan go."""
    budgets, stores = dict(way.budgets), {holding.store: holding.name for holding in way.stores}
    same = dict(way.settings) == stated.settings and stores == stated.stores and budgets.keys() == stated.budgets.keys()
    return same and not any(differs(stated.budgets[stage], seconds) for stage, seconds in budgets.items())


def _in_order(pool: Pool, today: Plan) -> list[PoolLoad]:
    by_period = {load.period: load for load in pool.loads}
    return [by_period[period] for period in today.periods]


def _dealt(search: Search, shares: tuple[Share, ...], period: str) -> list[tuple[int, float]]:
    """Return the shares of each stream's calls that a route takes in a period."""
    index = {stream.name: r for r, stream in enumerate(search.streams)}
    found = [share for share in shares if share.period == period]
    if any(share.stream not in index for share in found):
        raise _Unplaced
    return [(index[share.stream], share.share) for share in found]


def _columns(search: Search, pools: Pools, assembled: Assembled, pool: Pool) -> Ints:
    """Return the columns of a pool: of its deployment, in its place, at its level."""
    key, level = key_of(pool), pool.level
    found = []
    for k, (index, cell) in enumerate(zip(assembled.pool.tolist(), assembled.cell.tolist(), strict=True)):
        if key_of_row(search, int(pools.row[index]), cell) == key:
            at = pools.level.take(np.array([index]))
            stated = (level.iteration, level.sequences, level.prompt_wait, level.jitter)
            own = (at.state.iteration[0], at.state.sequences[0], at.wait[0], at.jitter[0])
            if all(_same(a, float(b)) for a, b in zip(stated, own, strict=True)):
                found.append(k)
    if not found:
        raise _Unplaced
    # A level is stated once for a pool; at other replica counts, which are of its family, it may be another.
    family = assembled.program.pools.family
    columns: Ints = np.flatnonzero(np.isin(family, family[found])).astype(np.int64)
    return columns


def _same(stated: float | None, own: float) -> bool:
    """Whether a level is the one stated; None bounds nothing."""
    return not np.isfinite(own) if stated is None else bool(abs(stated - own) <= 1e-9 * max(abs(own), 1e-9))


def _of_size(assembled: Assembled, columns: Ints, replicas: int) -> int:
    """Return the column for so many replicas: of those that may have them, the one that needs most company."""
    pools = assembled.program.pools
    fit = (replicas >= pools.least[columns] + pools.spare[columns]) & (replicas <= pools.most[columns])
    if not fit.any():
        raise _Unplaced
    able = columns[fit]
    return int(able[np.argmax(pools.least[able])])


def _offer(search: Search, purchase: Purchase) -> int:
    """Return the purchase of the supply that one of today is."""
    for o, offer in enumerate(search.supply.purchases):
        if _is(search.supply.cells[offer.cell], offer, purchase):
            return o
    raise _Unplaced


def _is(cell: cells.Cell, offer: cells.Purchase, purchase: Purchase) -> bool:
    place = (cell.instance, cell.region, offer.kind) == (purchase.instance, purchase.region, purchase.kind)
    when = offer.term.when == (purchase.live, purchase.scenario) and (offer.held > 0) == purchase.already
    return place and when and not differs(purchase.hourly, offer.cost)


def _refitted(search: Search, pools: Pools, assembled: Assembled, today: Plan) -> Point | None:
    """Return the cheapest plan found over the pools that run today; None if there is none."""
    keys = {key_of(pool) for pool in today.pools}
    rows = zip(pools.row[assembled.pool].tolist(), assembled.cell.tolist(), strict=True)
    own = np.array([k for k, (row, cell) in enumerate(rows) if key_of_row(search, row, cell) in keys], dtype=np.int64)
    program, settings = assembled.program, search.problem.solver
    limits = Limits(settings.gap / 2, SECONDS, settings.seed, NODES)
    return solve_over(program, bounds(program), siblings(program, own), limits)[1] if len(own) else None
