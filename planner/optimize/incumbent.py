"""Good plans fast: a program over few pools, whole or period by period.

With the commitments held fixed, and movable streams spread as in the relaxation, nothing but the operated pools ties
periods together; each is then a small program of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from planner.optimize import spend
from planner.optimize.backend import Limits, Result, solve_milp
from planner.optimize.bounds import Bounds, bounds, weights
from planner.optimize.cuts import Cuts
from planner.optimize.holdings import within, within_average
from planner.optimize.model import Point, build, read, restrict, restrict_bounds, write
from planner.optimize.objective import average_cost, objective
from planner.optimize.program import NO_SCALING, Bools, Floats, Ints, Program
from planner.optimize.ramps import follows
from planner.optimize.readiness import grown_rates
from planner.optimize.relax import Relaxation
from planner.optimize.sellers import few_enough, narrowed
from planner.optimize.sizes import gathered, one_each, siblings
from planner.optimize.tidy import needed_replicas, served_exactly, tidy
from planner.optimize.variables import needs_operated

FEW = 40
"""Pools of a program small enough for a first plan."""
NODES = 60
"""Branch-and-bound nodes spent on a first plan: the same on every machine, unlike seconds."""

WIDE = 80
"""Pools among which a period is planned widely, no two of a kind."""
SCOUTS = 3
"""Periods planned widely at least: what they come to use suits the others too, which then take a fraction of the time."""
WIDELY = 2000
"""Routes of streams over pools in periods up to which more are planned widely."""


@dataclass(frozen=True, eq=False)
class Incumbent:
    """The best plan so far, over all pools."""

    point: Point
    """Its decisions."""
    cost: float
    """Its cost [$/h]."""


def widen(program: Program, keep: Ints, point: Point) -> Point:
    """Put a point over some pools into the space of all pools."""
    flow = np.zeros((len(program.streams), len(program.pools.name), len(program.periods)))
    replicas = np.zeros((len(program.pools.name), len(program.periods)))
    flow[:, keep] = point.flow
    replicas[keep] = point.replicas
    return Point(flow, point.api_flow, replicas, point.machines, point.ways)


def narrow(point: Point, keep: Ints) -> Point:
    """Take only some pools of a point."""
    return Point(point.flow[:, keep], point.api_flow, point.replicas[keep], point.machines, point.ways)


def solve_over(
    program: Program, limit: Bounds, keep: Ints, limits: Limits, start: Point | None = None, cuts: Cuts | None = None
) -> tuple[Result, Point | None]:
    """Solve the program over some pools; the point is over all of them."""
    sub, sub_limit = restrict(program, keep), restrict_bounds(limit, keep)
    held = None if cuts is None else cuts.over(keep)
    model = build(sub, sub_limit, cuts=held.thin if held else None, covers=held.covers if held else None)
    begun = None if start is None else narrow(start, keep)
    # A plan that was repaired may have more than is of use here; a solver takes no such start.
    if begun is not None and ((begun.replicas > sub_limit.replicas).any() or (begun.machines > sub_limit.machines).any()):
        begun = None
    hint = None if begun is None else write(sub, sub_limit, model.at, model.linear.variables, begun)
    result = solve_milp(model.linear, limits, hint)
    if not len(result.values):
        return result, None
    return result, tidy(program, widen(program, keep, read(sub, sub_limit, model.at, result.values)))


def better(program: Program, old: Incumbent | None, point: Point | None) -> Incumbent | None:
    """Keep the cheaper plan; the older one on a tie."""
    if point is None:
        return old
    cost = objective(program, point)
    return Incumbent(point, cost) if old is None or cost < old.cost else old


def promising(relaxation: Relaxation, most: int = FEW) -> Ints:
    """Pools that carry load in the relaxation, and those that would cost least to open."""
    active = _active(relaxation)
    if relaxation.priced is None:
        return active
    ranked = _ranked(relaxation.least.min(axis=1))
    return np.union1d(active, ranked[: max(most - len(active), most // 4)])


UNUSED = 1e-7
"""Replicas of a relaxed solution that count as none."""


def by_period(program: Program, relaxation: Relaxation, limits: Limits, deadline: float) -> Incumbent | None:
    """Try the relaxation's commitments, rounded three ways, each period by itself; ways as it takes them for the most part."""
    if relaxation.point is None:
        return None
    taken = most_taken(program, relaxation.point.ways)
    if len(taken):
        found = by_period(program.along(taken), along(program, relaxation, taken), limits, deadline)
        point = None if found is None else replace(found.point, ways=taken.astype(float))
        return better(program, None, point if point is not None and average_cost(program, point) <= program.budget else None)
    best: Incumbent | None = None
    program = narrowed(program, relaxation.point.machines)
    for held, spent in _commitments(program, relaxation.point.machines):
        reached = best is not None and best.cost <= relaxation.bound / (1 - limits.gap)
        if reached or time.monotonic() > deadline:
            break
        point = _with_commitments(program, relaxation, held, spent, limits, deadline)
        # Each period keeps the limits with the machines it uses; commitments rounded up may together exceed one.
        if point is not None and keeps_limits(program, bounds(program), point):
            best = better(program, best, point)
    return best


def whole(ways: Floats) -> bool:
    """Whether ways are taken wholly or not at all."""
    return bool((np.abs(ways - np.rint(ways)) <= UNUSED).all())


def most_taken(program: Program, ways: Floats) -> Bools:
    """[W] The way of each group that a relaxation takes for the most part, the first of several."""
    taken = np.zeros(len(ways), dtype=bool)
    for group in range(program.ways.groups):
        (own,) = np.nonzero(program.ways.group == group)
        taken[own[np.argmax(ways[own])]] = True
    return taken


def along(program: Program, relaxation: Relaxation, taken: Bools) -> Relaxation:
    """Return a relaxation as one of the program in which ways are taken: flows in proportion to the calls there are."""
    point = relaxation.point
    assert point is not None  # noqa: S101
    before, after = program.asked(point.ways), program.asked(taken.astype(float))
    factor = np.divide(after, before, out=np.zeros(before.shape), where=before > 0)[:, None]
    lean = Point(point.flow * factor, point.api_flow * factor, point.replicas, point.machines, np.zeros(0))
    return replace(relaxation, point=lean, bound=relaxation.bound - float(program.ways.cost[taken].sum()))


def rounded(program: Program, limit: Bounds, relaxation: Relaxation) -> Point | None:
    """Round the relaxation up: its flows, whole replicas and machines; None if that breaks a limit or ways are taken in part."""
    if relaxation.point is None:
        return None
    relaxed = widen(program, relaxation.keep, relaxation.point)
    if not whole(relaxed.ways):
        return None
    flow = gathered(program, limit, relaxed.flow)
    machines = np.minimum(np.ceil(relaxed.machines - UNUSED), limit.machines)
    machines = np.maximum(machines, program.purchases.fewest)
    return _filled(program, limit, Point(flow, relaxed.api_flow, relaxed.replicas, machines, relaxed.ways))


def _filled(program: Program, limit: Bounds, given: Point) -> Point | None:
    """Return the point with as many replicas as its flows need, and machines for them; None if that breaks a limit."""
    exact = served_exactly(program, given) if follows(program).any() else given
    replicas, machines = needed_replicas(program, exact.flow), given.machines.copy()
    _fill(program, limit, replicas, machines)
    point = tidy(program, replace(exact, replicas=replicas, machines=machines))
    return point if keeps_limits(program, limit, point) else None


def _fill(program: Program, limit: Bounds, replicas: Floats, machines: Floats) -> None:
    """Buy the machines that are missing, cheapest first, commitments last."""
    buy, cells = program.purchases, program.cells
    need = np.zeros((len(cells.name), replicas.shape[1]))
    np.add.at(need, program.pools.cell, replicas * program.pools.gpus[:, None])
    missing = np.ceil(need / cells.gpus[:, None])
    np.add.at(missing, buy.cell, -machines)
    for o in np.lexsort((spend.nominal(program), buy.committed)):
        more = np.maximum(missing[buy.cell[o]], 0.0)
        more = np.where(buy.active[o], more, 0.0)
        more = np.where(buy.active[o], more.max(), 0.0) if buy.committed[o] else more
        more = np.minimum(more, limit.machines[o] - machines[o])
        machines[o] += more
        missing[buy.cell[o]] -= more


def keeps_limits(program: Program, limit: Bounds, point: Point) -> bool:
    """Whether whole replicas and machines keep every limit; flows are taken to be right."""
    buy, cells = program.purchases, program.cells
    gpus = cells.gpus[buy.cell][:, None] * point.machines
    free = np.zeros((len(cells.name), point.machines.shape[1]))
    np.add.at(free, buy.cell, gpus)
    np.add.at(free, program.pools.cell, -point.replicas * program.pools.gpus[:, None])
    boards = cells.counted[buy.cell][:, None] * point.machines
    drawn = (cells.power[buy.cell][:, None] * point.machines).sum(axis=0)
    return bool(
        (free >= 0).all()
        and (program.purchases.fewest <= point.machines).all()
        and (point.machines <= limit.machines).all()
        and (point.replicas <= limit.replicas).all()
        and one_each(program, point.replicas)
        and all((boards[quota.purchases].sum(axis=0) <= quota.gpus).all() for quota in program.gpu_limits)
        and (drawn <= program.power).all()
        and within(program, point.machines)
        and within_average(program, point.machines)
        and few_enough(program, point.machines)
        and (program.max_pools is None or program.operated(point.replicas) <= program.max_pools)
        and average_cost(program, point) <= program.budget
    )


def _commitments(program: Program, machines: Floats) -> Iterator[tuple[Floats, Floats]]:
    """[O] Whole commitments near the relaxed ones and [C] spend for whole machines: nearest, below, above; each once."""
    held = np.where(program.purchases.committed, np.minimum(machines.max(axis=1), program.purchases.limit), 0.0)
    seen: set[tuple[float, ...]] = set()
    for whole_of in (np.rint, lambda some: np.floor(some + UNUSED), lambda some: np.ceil(some - UNUSED)):
        rounded = whole_of(held)
        spent = np.zeros(0) if program.spend is None else spend.committed(program.spend, whole_of(machines))
        if (*rounded, *spent) not in seen:
            seen.add((*rounded, *spent))
            yield rounded, spent


def _active(relaxation: Relaxation) -> Ints:
    """Pools that carry load somewhere in the relaxation."""
    if relaxation.point is None:
        return relaxation.keep
    return relaxation.keep[(relaxation.point.replicas > UNUSED).any(axis=1)]


def _ranked(least: Floats) -> Ints:
    """Pools that may be used, from what a plan with each costs at least [K]: the cheapest first."""
    order = np.argsort(least, kind="stable")
    return order[np.isfinite(least[order])]


def _unalike(relaxation: Relaxation, t: int, most: int = WIDE) -> Ints:
    """Pools that cost least to use in a period, no two of a kind: what suits whole replicas is rarely the cheapest in parts."""
    ranked = _ranked(relaxation.least[:, t])
    _, first = np.unique(relaxation.kinds.of[ranked], return_index=True)
    unalike: Ints = ranked[np.sort(first)[:most]]
    return unalike


def _served(program: Program, relaxation: Relaxation) -> Floats:
    """[R, T] Calls per second the relaxation serves."""
    if relaxation.point is None:
        return np.zeros(program.rate.shape)
    served: Floats = relaxation.point.flow.sum(axis=1) + relaxation.point.api_flow.sum(axis=1)
    return served


def _with_commitments(
    program: Program, relaxation: Relaxation, held: Floats, spent: Floats, limits: Limits, deadline: float
) -> Point | None:
    """Plan period by period: a few widely, the others over the pools that those came to use and the relaxation uses.

    A pool that none used before must earn what operating it costs.
    """
    served, active, raised = _served(program, relaxation), _active(relaxation), grown_rates(program, relaxation.keep)
    order = np.argsort(-served.sum(axis=0), kind="stable").tolist()
    found: dict[int, Point] = {}
    used = np.zeros(len(program.pools.name), dtype=bool)
    scouts = _scouts(order, len(program.streams))
    for t in [*scouts, *(t for t in order if t not in scouts)]:
        alone = _period(spend.paid(program, t, spent), t, np.where(program.movable, served[:, t], raised[:, t]), held)
        among = np.union1d(active, _unalike(relaxation, t)) if t in scouts else active
        left = replace(limits, seconds=deadline - time.monotonic())
        point = _cheaper_way(program, alone, relaxation, t, among, used, left) if left.seconds > 0 else None
        point = point or _rounded_period(alone, relaxation, t)
        if point is None:
            return None
        found[t] = point
        used |= (point.replicas > 0).any(axis=1)
    points = [found[t] for t in range(len(program.periods))]
    bought = np.concatenate([point.machines for point in points], axis=1)
    bought = np.where(program.purchases.committed[:, None], np.where(program.purchases.active, held[:, None], 0.0), bought)
    whole = Point(
        np.concatenate([point.flow for point in points], axis=2),
        np.concatenate([point.api_flow for point in points], axis=2),
        np.concatenate([point.replicas for point in points], axis=1),
        bought,
        np.zeros(0),
    )
    if program.max_pools is not None and program.operated(whole.replicas) > program.max_pools:
        return None
    # A period by itself knows nothing of those around it: what must be ready for the next is added here.
    return _filled(program, bounds(program), whole) if follows(program).any() else tidy(program, whole)


def _scouts(order: list[int], streams: int) -> list[int]:
    """Periods planned first and widely: the busiest, the quietest, and some between; all if that takes no time."""
    count = min(max(SCOUTS, WIDELY // (streams * WIDE)), len(order))
    return [order[i] for i in dict.fromkeys(np.linspace(0, len(order) - 1, count).astype(int).tolist())]


def _rounded_period(alone: Program, relaxation: Relaxation, t: int) -> Point | None:
    """Round the relaxation up in a period for which time is short."""
    point = relaxation.point
    if point is None:
        return None
    here = Point(point.flow[:, :, [t]], point.api_flow[:, :, [t]], point.replicas[:, [t]], point.machines[:, [t]], point.ways)
    return rounded(alone, bounds(alone), replace(relaxation, point=here))


def _cheaper_way(
    program: Program, alone: Program, relaxation: Relaxation, t: int, among: Ints, used: Bools, limits: Limits
) -> Point | None:
    """Return a plan of one period over some pools and those used before, or over the latter if operating more is not earned."""
    first, before = not used.any(), np.flatnonzero(used)
    charged = replace(alone, pool_cost=program.pool_cost, pools=program.pools) if first else alone
    free = _one_period(charged, relaxation, t, np.union1d(among, before), limits)
    operated = np.isin(program.pools.family, program.pools.family[used])
    opened = 0 if free is None else program.operated(np.where(operated[:, None], 0.0, free.replicas))
    if first or not needs_operated(program) or not opened:
        return free
    tied = _one_period(alone, relaxation, t, np.flatnonzero(operated), limits)
    if free is None or tied is None:
        return free or tied
    fresh = program.operation(np.where(operated[:, None], 0.0, free.replicas))
    saved = (objective(alone, tied) - objective(alone, free)) * float(weights(program)[t])
    return tied if program.max_pools is not None or saved <= fresh else free


def _one_period(alone: Program, relaxation: Relaxation, t: int, among: Ints, limits: Limits) -> Point | None:
    """Solve one period over some pools; where whole spares do not fit a limit that parts did, over all in use."""
    cuts, limit = relaxation.cuts.period(alone, t), bounds(alone)
    _, point = solve_over(alone, limit, siblings(alone, among), limits, cuts=cuts)
    if point is None and alone.one_size:
        _, point = solve_over(alone, limit, siblings(alone, relaxation.keep), limits, cuts=cuts)
    return point


def _period(program: Program, t: int, rate: Floats, held: Floats) -> Program:
    """One period as a program of its own, its commitments already paid and its pools already operated."""
    buy = program.purchases
    paid = replace(
        buy,
        hourly=np.where(buy.committed, 0.0, buy.hourly),
        active=buy.active[:, t : t + 1],
        extra=None if buy.extra is None else np.where(buy.committed, 0.0, buy.extra[:, t])[:, None],
        limit=np.where(buy.committed, held, buy.limit),
    )
    return replace(
        program,
        periods=(program.periods[t],),
        hours=np.ones(1),
        rate=rate[:, None],
        movable=np.zeros(len(rate), dtype=bool),
        purchases=paid,
        budget=np.inf,
        average_limits=(),
        pool_cost=0.0 if len(weights(program)) > 1 else program.pool_cost,
        pools=replace(program.pools, opening=None) if len(weights(program)) > 1 else program.pools,
        standing=None if program.standing is None else program.standing[t : t + 1],
        scaling=NO_SCALING,
        scenario=None,
    )
