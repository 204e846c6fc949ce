"""A lower bound on every plan from any set of prices, and what each pool would cost under them.

Lagrangian duality: charge each limit at a price instead of keeping it, and what is left falls apart into single pools,
purchases and API routes, each solved in closed form. The sum of their minima is below every plan's cost *whatever the
prices*; so the proof never leans on a solver's tolerance, only on the arithmetic here. Good prices are the duals of a
linear relaxation.

A pool's part needs the most that a replica can earn,

    V[k,t] = max Σ_r p[r]·x[r]  subject to  Σ_r D[j,r]·x[r] <= 1 for each resource j,  0 <= x <= 1,

which is bounded from above by continuous knapsacks (`knapsack`), and what the cuts of rounded coverage pay for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.optimize import spend
from planner.optimize.backend import Result
from planner.optimize.bounds import Bounds, allowed, counted_calls, least_open, parts, weights
from planner.optimize.coverage import Covers
from planner.optimize.kinds import Kinds
from planner.optimize.knapsack import in_proportion, quick, sharp
from planner.optimize.layout import Rows
from planner.optimize.program import AverageLimit, Bools, Floats, Ints, MachineLimit, Program
from planner.optimize.scenarios import weighed
from planner.optimize.sellers import least
from planner.optimize.startprices import change_prices, ready_charges, started
from planner.optimize.variables import SECONDS_PER_HOUR, needs_operated

BLOCK = 4096
"""Pools priced at once: keeps the working arrays in cache."""


@dataclass(frozen=True, eq=False)
class Prices:
    """A price per limit."""

    demand: Floats
    """[R, T] For serving all of a stream (its share 1) [$/h]; the same in all periods of a movable one."""
    packing: Floats
    """[I, T] Per accelerator [$/h]."""
    gpu_limits: Floats
    """[L, T] Per accelerator of a quota."""
    power: Floats
    """[T] Per kW."""
    budget: float
    """Per $/h of budget."""
    api_limits: Floats
    """[L, A, T] For all of a limit of an API's account."""
    max_pools: float
    """Per pool."""
    known: Ints
    """[P] Pools whose resources have prices of their own."""
    resources: Floats
    """[J, P, T] Those prices."""
    covers: Floats
    """[C] Per unit of rounded coverage."""
    averages: Floats
    """[Q] Per unit of what is worth something on average, in shares of all calls."""
    spend: Floats | None = None
    """[C, T] Per dollar drawn of committed spend."""
    money: float = 1.0
    """1: costs count. 0: they do not, and a positive bound proves that no plan exists."""
    machine_limits: Floats | None = None
    """[M, T] Per unit of what machines take of sites; None = nothing is charged for it, which is valid too."""
    average_limits: Floats | None = None
    """[A] Per unit of what machines take on average; None as above."""
    starts: Floats | None = None
    """[K, P] Per dollar paid for starts at a change of period, the same for all columns of a family; None = not priced."""
    ready: Floats | None = None
    """[J, K, P] Per replica's worth of growth to be ready for, the same for all columns of a family; None = not priced."""
    weight: Floats | None = None
    """[T] What a dollar an hour of each period counts; None = the period's share of all hours (`scenarios.weighed`)."""
    counted: Floats | None = None
    """[O, T] What cuts of rounded coverage pay for a machine of each purchase; None = nothing."""

    @property
    def dollar(self) -> float:
        """What a dollar counts: itself and its share of the budget."""
        return self.money + self.budget


@dataclass(frozen=True, eq=False)
class Priced:
    """What prices prove."""

    bound: float
    """No plan costs less [$/h]."""
    pools: Floats
    """[K] Change of the bound by having the pool's family at all, at its best size; negative: it may pay."""
    used: Floats
    """[K, T] Least increase of the bound if the pool has a replica in that period."""
    at: Prices
    """The prices."""
    covers: Covers
    """The cuts that have prices."""


def prices(program: Program, rows: Rows, solved: Result, known: Ints, covers: Covers, *, money: float = 1.0) -> Prices:
    """Take prices from the duals of a linear relaxation over the `known` pools with some cuts, signs made safe."""

    def fee(ids: Ints) -> Floats:
        dual = np.where(ids >= 0, np.append(solved.duals, 0.0)[ids], 0.0)
        charge: Floats = np.maximum(-dual, 0.0)
        return charge

    served = np.where(rows.demand >= 0, np.append(solved.duals, 0.0)[rows.demand], 0.0)
    budget = float(fee(rows.budget)[0])
    program = replace(program, weight=weighed(program, fee(rows.worst), money, budget))
    packing, drawn = fee(rows.packing), fee(rows.spend)
    rounding = np.maximum(solved.duals[rows.covers], 0.0)
    counted = _machines_counted(program, covers, rounding)
    # Where no pool of the relaxation stands in a cell it has no dual, and would seem free.
    each = (money + budget) * program.purchases.paid * program.counted + spend.charges(program, drawn) - counted
    packing = np.where(rows.packing >= 0, packing, listed(program, packing, rows.packing < 0, each))
    starts, ready = change_prices(program, rows, fee, known, packing, money + budget)
    return Prices(
        demand=np.maximum(served, 0.0),
        packing=packing,
        gpu_limits=fee(rows.gpu_limits),
        power=fee(rows.power),
        budget=budget,
        api_limits=fee(rows.api_limits),
        max_pools=float(fee(rows.max_pools)[0]),
        known=known,
        resources=fee(rows.resources),
        covers=rounding,
        averages=np.maximum(solved.duals[rows.averages], 0.0),
        spend=drawn,
        money=money,
        machine_limits=fee(rows.machine_limits),
        average_limits=fee(rows.average_limits),
        starts=starts,
        ready=ready,
        weight=program.weight,
        counted=counted,
    )


def _machines_counted(program: Program, covers: Covers, price: Floats) -> Floats:
    """[O, T] What cuts pay for a machine of each purchase, Σ_c σ_c·F_co over the cuts of a period."""
    paid = np.zeros((len(program.purchases.name), len(program.hours)))
    np.add.at(paid.T, covers.period, price[:, None] * covers.machines)
    return paid


def listed(program: Program, packing: Floats, open_: Bools, cost: Floats) -> Floats:
    """[I, T] What an accelerator may cost in the `open_` periods of a cell without changing the bound [$/h]; 0 elsewhere.

    min over its purchases of what machines `cost` in the period [O, T]; of a commitment, that is what the prices in the others
    leave of its cost, evenly over the open ones.
    """
    buy, share = program.purchases, weights(program)
    gpus, here = program.cells.gpus[buy.cell][:, None], open_[buy.cell] & buy.active
    left = np.where(buy.active, cost - gpus * np.where(open_, 0.0, packing)[buy.cell], 0.0).sum(axis=1)
    spread = np.divide(here * share, (here @ share)[:, None], out=np.zeros(here.shape), where=here)
    each = np.where(buy.committed[:, None], np.maximum(left, 0.0)[:, None] * spread, cost) / gpus
    cheapest = np.full(open_.shape, np.inf)
    np.minimum.at(cheapest, buy.cell, np.where(here, each, np.inf))
    return np.where(np.isfinite(cheapest), cheapest, 0.0)


def price(program: Program, bounds: Bounds, kinds: Kinds, covers: Covers, at: Prices) -> Priced:
    """Bound every plan from below, and price every pool; `covers` are the cuts that have prices."""
    program = replace(program, weight=at.weight)
    per_replica, opening = _replica_costs(program, bounds, kinds, covers, at)
    best = np.minimum(per_replica * bounds.replicas, 0.0)
    _, first, family = np.unique(program.pools.family, return_index=True, return_inverse=True)
    operation = at.dollar * program.operating[first] + at.max_pools if needs_operated(program) else 0.0
    fixed = np.where(program.pools.sold[first], 0.0, operation)
    gained, taken = _by_family(program, best, family, len(first))
    usable = np.bincount(family, weights=(bounds.replicas > 0).any(axis=1), minlength=len(first)) > 0
    pools = np.where(usable, fixed + gained, 0.0)[family]
    used = pools[:, None] - taken + opening
    bound = _limits_value(program, at) + _machines_value(program, bounds, at) + float(at.covers @ covers.need)
    bound += _ways_value(program, covers, at) + at.dollar * program.already
    bound += spend.value(program, bounds, at.spend, at.dollar)
    bound += _apis_value(program, bounds, covers, at) + float(np.minimum(pools[first], 0.0).sum())
    least = np.where(bounds.replicas > 0, used - np.minimum(pools, 0.0)[:, None], np.inf)
    return Priced(bound, pools, least, at, covers)


def _by_family(program: Program, best: Floats, family: Ints, count: int) -> tuple[Floats, Floats]:
    """[F] Change of the bound by the pools of each family, and [K, T] the part of it that using a pool in a period replaces.

    Its own; of a family that has one size at a time, that of its best size.
    """
    if not program.one_size:
        gained: Floats = np.bincount(family, weights=best.sum(axis=1), minlength=count).astype(float)
        return gained, best
    lowest = np.zeros((count, best.shape[1]))
    np.minimum.at(lowest, family, best)
    return lowest.sum(axis=1), lowest[family]


def _limits_value(program: Program, at: Prices) -> float:
    """Σ price·right-hand side: demand that there is in any case in, limits out."""
    served = _whole(program, at)[program.fixed].sum()
    charged = sum(
        float(fees.sum()) * limit.gpus for fees, limit in zip(at.gpu_limits, program.gpu_limits, strict=True) if fees.any()
    )
    charged += float(at.power.sum()) * program.power / 1e3 if at.power.any() else 0.0
    charged += sum(float(fees.sum()) * limit.most for fees, limit in _charged(program, at))
    charged += sum(each * average.most for each, average in _averaged(program, at))
    charged += at.budget * program.budget if at.budget else 0.0
    charged += at.max_pools * program.max_pools if program.max_pools is not None else 0.0
    return float(served) - charged - float(at.api_limits.sum())


def _charged(program: Program, at: Prices) -> list[tuple[Floats, MachineLimit]]:
    """Return the limits of sites that have prices, with their prices [T]."""
    fees = () if at.machine_limits is None else at.machine_limits
    return [(fee, limit) for fee, limit in zip(fees, program.machine_limits, strict=False) if fee.any()]


def _averaged(program: Program, at: Prices) -> list[tuple[float, AverageLimit]]:
    """Return the limits on averages of machines that have prices, with their prices."""
    fees = [] if at.average_limits is None else at.average_limits.tolist()
    return [(fee, limit) for fee, limit in zip(fees, program.average_limits, strict=False) if fee]


def _whole(program: Program, at: Prices) -> Floats:
    """[R] Price of serving all of a stream in all periods."""
    price: Floats = np.where(program.movable, at.demand[:, 0], at.demand.sum(axis=1))
    return price


def way_costs(program: Program, covers: Covers, at: Prices) -> Floats:
    """[W] Cost of a way with the calls it asks for, at their prices, less what cuts of rounded coverage pay for sparing some."""
    ways, share = program.ways, parts(program)
    asked = np.where(
        program.movable[ways.stream], share[:, 0] * at.demand[ways.stream, 0], (share * at.demand[ways.stream]).sum(axis=1)
    )
    calls = np.zeros(len(ways.name))
    np.add.at(calls, ways.user, asked)
    cost: Floats = at.dollar * ways.cost + calls - at.covers @ covers.spared
    return cost


def _ways_value(program: Program, covers: Covers, at: Prices) -> float:
    """Σ over groups of the cheapest way."""
    ways = program.ways
    if not len(ways.name):
        return 0.0
    least = np.full(ways.groups, np.inf)
    np.minimum.at(least, ways.group, way_costs(program, covers, at))
    return float(least.sum())


def machine_costs(program: Program, at: Prices) -> Floats:
    """[O, T] Cost of a machine less the price of the accelerators it offers and what cuts pay for it."""
    buy, cells = program.purchases, program.cells
    gpus = cells.gpus[buy.cell][:, None]
    cost = at.dollar * buy.paid * program.counted - gpus * at.packing[buy.cell]
    for fees, limit in zip(at.gpu_limits, program.gpu_limits, strict=True):
        cost = cost + np.where(limit.purchases[:, None], cells.counted[buy.cell][:, None], 0) * fees
    charged: Floats = cost + cells.power[buy.cell][:, None] / 1e3 * at.power + spend.charges(program, at.spend)
    for fees, taken in _charged(program, at):
        charged = charged + taken.each[:, None] * fees
    for each, average in _averaged(program, at):
        charged = charged + each * weights(program) * average.each
    return charged if at.counted is None else charged - at.counted


def _machines_value(program: Program, bounds: Bounds, at: Prices) -> float:
    committed, fewest = program.purchases.committed, program.purchases.fewest
    cost = np.where(program.purchases.active, machine_costs(program, at), 0.0)
    beyond, in_any_case = np.zeros(len(committed)), np.zeros(len(committed))
    free = cost[~committed]
    beyond[~committed] = np.minimum(free * (bounds.machines - fewest)[~committed], 0.0).sum(axis=1)
    in_any_case[~committed] = (free * fewest[~committed]).sum(axis=1)
    whole, held = cost[committed].sum(axis=1), fewest[committed].max(axis=1, initial=0)
    beyond[committed] = np.minimum(whole * (bounds.machines[committed].max(axis=1, initial=0) - held), 0.0)
    in_any_case[committed] = whole * held
    return float(in_any_case.sum()) + least(program, beyond)


def _apis_value(program: Program, bounds: Bounds, covers: Covers, at: Prices) -> float:
    """Σ min(0, cost of sending all of a stream to an API less the price of serving it)."""
    if not program.apis.name:
        return 0.0
    usable = np.isfinite(program.apis.call_cost)
    per_call = at.dollar * SECONDS_PER_HOUR * np.where(usable, program.apis.call_cost, 0.0)[:, :, None] * program.counted
    limited = np.einsum("lra,lat->rat", program.apis.limits, at.api_limits)
    counted = np.zeros_like(bounds.rate)
    np.add.at(counted.T, covers.period, (at.covers / covers.part)[:, None] * covers.weight)
    cost = (per_call + limited) * bounds.rate[:, None] - at.demand[:, None] - counted[:, None]
    cost = cost - np.stack([earned(program, bounds, at, t, apis=True) for t in range(len(program.hours))], axis=2)
    return float(np.where(usable[:, :, None], np.minimum(cost, 0.0), 0.0).sum())


def _replica_costs(program: Program, bounds: Bounds, kinds: Kinds, covers: Covers, at: Prices) -> tuple[Floats, Floats]:
    """[K, T] Least cost per replica at the largest size, and least cost of having any."""
    spare, least = program.pools.spare[:, None], least_open(program)[:, None]
    machines = program.pools.gpus[:, None] * at.packing[program.pools.cell] + started(program, at.starts)
    counted = np.zeros_like(machines)
    np.add.at(counted.T, covers.period, at.covers[:, None] * covers.value)
    value = counted + replica_values(program, bounds, kinds, at, worth=machines - counted)
    if at.ready is not None:
        _make_ready(program, bounds, at, value, counted)
    most = np.maximum(bounds.replicas, 1)
    per_replica = machines - value * np.maximum(most - spare, 0) / most
    opening = least * machines - (least - spare) * value
    # The cost is linear in the number of replicas, so its least is at one end.
    return per_replica, np.minimum(opening, per_replica * bounds.replicas)


def replica_values(program: Program, bounds: Bounds, kinds: Kinds, at: Prices, worth: Floats) -> Floats:
    """[K, T] The most the calls of a replica earn, from above; made sharp only where a quick bound exceeds what it is worth."""
    out = np.zeros((len(kinds.first), bounds.replicas.shape[1]))
    least = np.full(out.shape, np.inf)
    np.minimum.at(least, kinds.of, np.where(bounds.replicas > 0, worth, np.inf))
    usable = allowed(program)
    for t in range(len(program.hours)):
        for first in range(0, len(out), BLOCK):
            part = slice(first, first + BLOCK)
            profit, load = _earning(program, bounds, at, usable, kinds.first[part], t)
            out[part, t] = _block_values(profit, load, least[part, t])
        known = in_proportion(*_earning(program, bounds, at, usable, at.known, t), at.resources[:, :, t])
        np.minimum.at(out[:, t], kinds.of[at.known], known)
    return out[kinds.of]


def earned(program: Program, bounds: Bounds, at: Prices, t: int, *, apis: bool = False) -> Floats:
    """[R, K] or [R, A] What all of a stream's calls in a period earn there by their worth on average."""
    out = np.zeros((len(program.streams), len(program.apis.name if apis else program.pools.name)))
    for fee, one in zip(at.averages.tolist(), program.averages, strict=True):
        if fee:
            calls = counted_calls(program, bounds, one)[:, t]
            out[one.streams] += fee * (one.apis if apis else one.pools) * calls[:, None]
    return out


def most_earned(program: Program, bounds: Bounds, at: Prices) -> Floats:
    """[R, T] The most that all of a stream's calls in a period could earn so on a pool that is not among the columns."""
    out = np.zeros(bounds.rate.shape)
    for fee, one in zip(at.averages.tolist(), program.averages, strict=True):
        out[one.streams] += fee * np.maximum(one.most, 0.0)[:, None] * counted_calls(program, bounds, one)
    return out


def _earning(program: Program, bounds: Bounds, at: Prices, usable: Bools, part: Ints, t: int) -> tuple[Floats, Floats]:
    """Profit [R, k] and load [J, R, k] of all of each stream on some pools in a period."""
    rate = bounds.rate[:, t, None]
    cost = at.dollar * SECONDS_PER_HOUR * program.counted[t] * rate
    open_to = usable[:, part] & (rate > 0)
    profit = at.demand[:, t, None] - cost * np.where(open_to, program.pools.call_cost[:, part], 0.0)
    if at.averages.any():
        profit = profit + earned(program, bounds, at, t)[:, part]
    load = np.where(open_to, program.pools.demand[:, :, part], 0.0) * rate
    return np.where(open_to, np.maximum(profit, 0.0), 0.0), load


def _make_ready(program: Program, bounds: Bounds, at: Prices, value: Floats, counted: Floats) -> None:
    """Value the replicas of pools that are paid for being ready: by themselves, since their calls earn less and they more."""
    assert at.ready is not None  # noqa: S101
    (paid,) = np.nonzero(at.ready.any(axis=(0, 2)))
    usable = allowed(program)
    for t in range(len(program.hours) if len(paid) else 0):
        profit, load = _earning(program, bounds, at, usable, paid, t)
        charged, earned_by_being_there = ready_charges(program, at.ready[:, paid], paid, t)
        charge = np.where(program.movable[:, None], 0.0, np.einsum("jk,jrk->rk", charged, load))
        profit = np.maximum(profit - charge, 0.0)
        fees = np.zeros((len(load), len(program.pools.name)))
        fees[:, at.known] = at.resources[:, :, t]
        worth = np.minimum(_block_values(profit, load, np.full(len(paid), -np.inf)), in_proportion(profit, load, fees[:, paid]))
        value[paid, t] = counted[paid, t] + worth + earned_by_being_there


def _block_values(profit: Floats, load: Floats, worth: Floats) -> Floats:
    """[k] Value of a replica of each pool of a block; profit [R, k], load [J, R, k]."""
    value = quick(profit, load)
    (sharpen,) = np.nonzero(value > worth * (1 - 1e-9))
    if len(sharpen):
        value[sharpen] = np.minimum(value[sharpen], sharp(profit[:, sharpen], load[:, :, sharpen]))
    return value
