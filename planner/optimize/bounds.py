"""Finite, tight bounds on every integer of a program, taken from its demand and limits.

They are the big-M of the open-pool links, so an infinite one would be a mistake, never a default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.optimize.program import Average, Bools, Floats, Ints, Program, PurchaseColumns
from planner.optimize.ramps import follows

SLACK = 1e-9
"""Relative slack when a bound is rounded to a whole number, so that rounding noise never cuts off a plan."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """What no cheapest plan exceeds."""

    rate: Floats
    """[R, T] Most calls per second of a stream in a period; flows are shares of it."""
    replicas: Ints
    """[K, T] Most replicas of a pool; 0 where the pool cannot be used."""
    machines: Ints
    """[O, T] Most machines of a purchase."""

    def without(self, dropped: Bools) -> Bounds:
        """Forbid pools in periods, given as [K, T]."""
        return replace(self, replicas=np.where(dropped, 0, self.replicas))


def weights(program: Program) -> Floats:
    """[T] Share of each period in the cycle, hours_t / Σ hours."""
    share: Floats = program.hours / program.hours.sum()
    return share


def most_rate(program: Program) -> Floats:
    """[R, T] Calls per second at which all a period may have to carry: its own, or for movable streams the whole cycle's."""
    cycle = (program.rate * program.hours).sum(axis=1, keepdims=True) / program.hours
    rate: Floats = np.where(program.movable[:, None], cycle, program.rate)
    return rate


def parts(program: Program) -> Floats:
    """[U, T] What the calls of a use are of the most its stream makes: of a period's, or for movable streams of the cycle's.

    Bounds are `most_rate`, so this is the share of it that must be served if the way is taken.
    """
    ways, most = program.ways, most_rate(program)[program.ways.stream]
    cycle = (ways.rate * program.hours).sum(axis=1, keepdims=True) / program.hours
    asked = np.where(program.movable[ways.stream, None], cycle, ways.rate)
    share: Floats = np.divide(asked, most, out=np.zeros(asked.shape), where=most > 0)
    return share


def counted_calls(program: Program, bounds: Bounds, one: Average) -> Floats:
    """[S, T] All calls of the streams of an average in each period, as shares of the most there may be of them together."""
    share = weights(program)
    calls = bounds.rate[one.streams] * share
    counted: Floats = calls / max(float(calls.sum()), 1e-300)
    return counted


def allowed(program: Program) -> Bools:
    """[R, K] Whether stream r may use pool k."""
    usable: Bools = np.isfinite(program.pools.demand).all(axis=0) & np.isfinite(program.pools.call_cost)
    return usable


def least_open(program: Program) -> Ints:
    """[K] Fewest replicas of a pool that carries load: the minimum, or its fewest beside the spares."""
    minimum = np.where(program.pools.sold, 1, program.min_replicas)
    fewest: Ints = np.maximum(minimum, program.pools.least + program.pools.spare)
    return fewest


def bounds(program: Program) -> Bounds:
    """Find the bounds of a program."""
    rate = most_rate(program)
    bought = _machine_limits(program)
    most = np.minimum(_room(program, bought), program.pools.most)
    replicas = np.minimum(_useful_replicas(program, rate), most[:, None])
    replicas = np.where(replicas < least_open(program)[:, None], 0, replicas)
    # What another period needs may be kept, or be ready, in any.
    replicas = np.where(follows(program)[:, None], replicas.max(axis=1, keepdims=True, initial=0), replicas)
    return Bounds(rate, replicas, _useful_machines(program, replicas, bought))


def _useful_replicas(program: Program, rate: Floats) -> Ints:
    """[K, T] ⌈max_j Σ_r demand·rate⌉ + spares, at least the fewest of an open pool: room for all demand at once."""
    usable = allowed(program)
    load = np.zeros((usable.shape[1], rate.shape[1]))
    for demand in program.pools.demand:
        load = np.maximum(load, np.where(usable, demand, 0.0).T @ rate)
    carrying = np.maximum(np.ceil(load * (1 - SLACK)), 1).astype(np.int64)
    useful: Ints = np.where(
        (usable.T.astype(float) @ (rate > 0)) > 0,
        np.maximum(carrying + program.pools.spare[:, None], least_open(program)[:, None]),
        0,
    )
    return useful


def _whole(limit: Floats) -> Floats:
    return np.floor(limit * (1 + SLACK) + SLACK)


def _machine_limits(program: Program) -> Floats:
    """[O] Most machines of each purchase by its own limit, quotas, power, sites and budget; may be infinite."""
    buy, cells = program.purchases, program.cells
    limit = _whole(np.asarray(buy.limit, float))
    gpus, power = cells.counted[buy.cell], cells.power[buy.cell]
    for quota in program.gpu_limits:
        limit = np.where(quota.purchases, np.minimum(limit, _whole(quota.gpus / gpus)), limit)
    limit = np.minimum(limit, _whole(np.divide(program.power, power, out=np.full(len(power), np.inf), where=power > 0)))
    for taken in program.machine_limits:
        most = np.divide(taken.most, taken.each, out=np.full(len(power), np.inf), where=taken.each > 0)
        limit = np.minimum(limit, _whole(most))
    if np.isfinite(program.budget):
        price = _least_paid(program)
        afford = np.divide(program.budget, price, out=np.full(len(price), np.inf), where=price > 0)
        limit = np.minimum(limit, _whole(afford))
    return np.maximum(limit, 0.0)


def _least_paid(program: Program) -> Floats:
    """[O] Least average cost of having one machine of each purchase: always while it is there, or in the cheapest period."""
    buy, share = program.purchases, weights(program)
    if buy.extra is None:
        return np.asarray(buy.hourly * np.where(buy.committed, buy.active @ share, share.min()))
    cost = buy.paid * share
    held = np.where(buy.active, cost, 0.0).sum(axis=1)
    least: Floats = np.where(buy.committed, held, np.where(buy.active, cost, np.inf).min(axis=1))
    return least


def added(buy: PurchaseColumns) -> Floats:
    """[O, T] What machines cost in each period beside `hourly`, while they are there [$/h]."""
    return np.zeros(buy.active.shape) if buy.extra is None else np.where(buy.active, buy.extra, 0.0)


def _room(program: Program, bought: Floats) -> Ints:
    """[K] Most replicas of each pool in all machines that can be bought for its cell."""
    cells, pools = program.cells, program.pools
    machines = np.zeros(len(cells.name))
    np.add.at(machines, program.purchases.cell, bought)
    room = np.floor((machines * cells.gpus)[pools.cell] / pools.gpus)
    whole: Ints = np.minimum(room, np.iinfo(np.int32).max).astype(np.int64)
    return whole


def _useful_machines(program: Program, replicas: Ints, bought: Floats) -> Ints:
    """[O, T] Machines that hold every useful replica of the cell at once, or the limit if smaller."""
    cells, buy = program.cells, program.purchases
    gpus = np.zeros((len(cells.name), replicas.shape[1]))
    np.add.at(gpus, program.pools.cell, replicas * program.pools.gpus[:, None])
    useful = np.ceil(gpus / cells.gpus[:, None])[buy.cell]
    useful = np.where(buy.active, useful, 0.0)
    useful = np.where(buy.committed[:, None] & buy.active, useful.max(axis=1, keepdims=True), useful)
    machines: Ints = np.maximum(np.minimum(useful, bought[:, None]), buy.fewest).astype(np.int64)
    return machines
