"""From candidates, supply and APIs to the numbers the optimizer takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.apis import Apis, servable
from planner.candidates.averages import AverageFloor, best_value
from planner.candidates.build import Search
from planner.candidates.pools import Pools
from planner.candidates.quality import api_value
from planner.candidates.today import key_of_row, opening_cost, running
from planner.domain.api_terms import Provisioned
from planner.domain.problem import Period, Problem
from planner.optimize.choices import Choices, choices
from planner.optimize.offered import at_sizes
from planner.optimize.program import (
    ANY,
    ApiColumns,
    Average,
    AverageLimit,
    CellColumns,
    GpuLimit,
    MachineLimit,
    PoolColumns,
    Program,
    PurchaseColumns,
    SellerLimit,
    SpendColumns,
)
from planner.optimize.scaled import with_scaling
from planner.perf.level import RESOURCES
from planner.supply.cells import OWN, Supply
from planner.supply.limits import gpu_limits
from planner.supply.sites import site_limits
from planner.supply.terms import is_there

Index = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Assembled:
    """A program and what its pool columns stand for."""

    program: Program
    """The numbers."""
    pool: Index
    """[K₀] index into the pools; columns beyond are units sold at APIs, in their order."""
    cell: Index
    """[K₀] index into the supply's cells; cells beyond are those of the units."""
    choices: Choices
    """The ways of the program, and those taken in any case."""


def readable(text: str) -> str:
    """Return a name that an LP file can hold."""
    return re.sub(r"[^A-Za-z0-9_.+@-]+", "_", text)


def assemble(search: Search, pools: Pools, apis: Apis) -> Assembled:
    """Return the program of a search's pools: one column for every pool and cell it can stand on.

    Parameters
    ----------
    search : problem, streams, supply
    pools : evaluated pools
    apis : usable APIs

    Returns
    -------
    Assembled
    """
    supply, problem = search.supply, search.problem
    of_pool, of_cell = [], []
    for index in range(len(supply.cells)):
        here = np.flatnonzero(search.sites.hosts[search.space.machine[pools.row], index])
        of_pool.append(here)
        of_cell.append(np.full(len(here), index, dtype=np.intp))
    pool = np.concatenate(of_pool) if of_pool else np.zeros(0, dtype=np.intp)
    cell = np.concatenate(of_cell) if of_cell else np.zeros(0, dtype=np.intp)
    open_to = np.array([c.streams for c in supply.cells], dtype=bool).reshape(len(supply.cells), len(search.streams))
    demand = np.where(open_to[cell].T[None], pools.demand[:, :, pool], np.inf)
    useful = np.flatnonzero(np.isfinite(demand).all(axis=0).any(axis=0))
    pool, cell, demand = pool[useful], cell[useful], demand[:, :, useful]
    limits = tuple(
        GpuLimit(limit.name, np.array(limit.purchases, dtype=bool), float(limit.gpus))
        for limit in gpu_limits(problem, supply, search.catalog)
    )
    placed = tuple(
        MachineLimit(limit.name, np.array(limit.each), limit.most) for limit in site_limits(problem, supply, search.catalog)
    )
    operations = problem.operations
    open_ways = choices(search.streams, search.ways, servable(pools, apis))
    program = Program(
        streams=tuple(stream.name for stream in search.streams),
        periods=tuple(period.name for period in problem.periods),
        hours=np.array([period.hours for period in problem.periods]),
        rate=open_ways.rate,
        movable=np.array([stream.movable for stream in search.streams], dtype=bool),
        resources=RESOURCES,
        pools=PoolColumns(
            name=_pool_names(search, pools, pool, cell),
            cell=cell.astype(np.int64),
            gpus=search.space.gpus()[pools.row[pool]].astype(np.int64),
            demand=demand,
            call_cost=pools.call_cost[:, pool],
            least=pools.fewest[pool].astype(np.int64),
            spare=np.full(len(pool), operations.spare_replicas, dtype=np.int64),
            most=np.full(len(pool), ANY, dtype=np.int64),
            family=_families(search, pools, pool, cell),
            sold=np.zeros(len(pool), dtype=bool),
            opening=_opening(search, pools, pool, cell),
        ),
        cells=CellColumns(
            name=tuple(readable(c.name) for c in supply.cells),
            gpus=np.array([c.gpus for c in supply.cells], dtype=np.int64),
            power=np.array([c.power for c in supply.cells], dtype=float),
            boards=np.array([c.boards for c in supply.cells], dtype=np.int64) if any(c.parts > 1 for c in supply.cells) else None,
        ),
        purchases=PurchaseColumns(
            name=tuple(readable(p.name) for p in supply.purchases),
            cell=np.array([p.cell for p in supply.purchases], dtype=np.int64),
            hourly=np.array([0.0 if p.spend else p.hourly for p in supply.purchases], dtype=float),
            committed=np.array([p.committed for p in supply.purchases], dtype=bool),
            active=active_in(supply, problem.periods),
            limit=np.array([p.limit for p in supply.purchases], dtype=float),
            extra=extras(supply, len(problem.periods)),
            held=np.array([p.held for p in supply.purchases], dtype=float) if any(p.held for p in supply.purchases) else None,
        ),
        apis=ApiColumns(tuple(readable(name) for name in apis.names), apis.call_cost, apis.limits),
        gpu_limits=limits,
        budget=problem.limits.budget if problem.limits.budget is not None else np.inf,
        power=problem.limits.power if problem.limits.power is not None else np.inf,
        min_replicas=operations.min_replicas,
        pool_cost=operations.pool_cost,
        max_pools=operations.max_pools,
        ways=open_ways.columns,
        averages=tuple(_averages(search, pools, apis, pool)),
        machine_limits=placed,
        average_limits=tuple(_carbon(search)),
        standing=standing_in(supply, problem.periods),
        sellers=most_sellers(supply, problem.limits.max_sellers),
        spend=spend_columns(supply, problem.periods),
        scenario=scenario_of(problem),
    )
    program, column = at_sizes(program, supply.cells, operations)
    pool, cell = pool[column], cell[column]
    return Assembled(with_scaling(with_units(program, apis, search), search, pools, pool, cell), pool, cell, open_ways)


def extras(supply: Supply, periods: int) -> Floats | None:
    """[O, T] What machines cost in each period beside their hourly price; None where it is nothing."""
    if not any(bought.extra for bought in supply.purchases):
        return None
    return np.array([bought.extra or (0.0,) * periods for bought in supply.purchases])


def _carbon(search: Search) -> Iterator[AverageLimit]:
    """Yield the limit on carbon, where there is one: then what every machine emits is known."""
    most, supply = search.problem.limits.carbon, search.supply
    if most is not None:
        emitted = np.array([bought.carbon for bought in supply.purchases], dtype=float)
        shape = (len(supply.purchases), len(search.problem.periods))
        yield AverageLimit("limits.carbon", emitted.reshape(shape), most)


def active_in(supply: Supply, periods: Sequence[Period]) -> NDArray[np.bool_]:
    """[O, T] In which periods the machines of purchases are there."""
    there = [is_there(bought.term, period) for bought in supply.purchases for period in periods]
    return np.array(there, dtype=bool).reshape(len(supply.purchases), len(periods))


def standing_in(supply: Supply, periods: Sequence[Period]) -> Floats | None:
    """[T] What is paid in each period for what was committed to before [$/h]; None where nothing was."""
    if not any(bought.held for bought in supply.purchases):
        return None
    cost: Floats = np.array([bought.held * bought.standing for bought in supply.purchases]) @ active_in(supply, periods)
    return cost


def scenario_of(problem: Problem) -> NDArray[np.int64] | None:
    """[T] Number of the scenario of each period, where the cost of the dearest is minimized; None where the average is."""
    if problem.finance.minimize == "expected":
        return None
    names = [period.scenario for period in problem.periods]
    number = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], dtype=np.int64)


def most_sellers(supply: Supply, most: int | None) -> SellerLimit | None:
    """Return the limit on sellers; machines of one's own, there or to be bought, are of none."""
    if most is None:
        return None
    names = [None if bought.kind in OWN else supply.cells[bought.cell].seller for bought in supply.purchases]
    number = {name: index for index, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    return SellerLimit(np.array([-1 if name is None else number[name] for name in names], dtype=np.int64), most)


def spend_columns(supply: Supply, periods: Sequence[Period]) -> SpendColumns | None:
    """Return the commitments to spend, one for each time at which it may begin; None where there are none."""
    key = [(bought.spend, bought.term) if bought.spend else None for bought in supply.purchases]
    number = {one: index for index, one in enumerate(dict.fromkeys(one for one in key if one is not None))}
    if not number:
        return None
    return SpendColumns(
        name=tuple(readable("/".join((name, *term.tags))) for name, term in number),
        of=np.array([-1 if one is None else number[one] for one in key], dtype=np.int64),
        draw=np.array([bought.list_price if bought.spend else 0.0 for bought in supply.purchases], dtype=float),
        owed=np.array([term.owed for _, term in number], dtype=float),
        active=np.array([[is_there(term, period) for period in periods] for _, term in number], dtype=bool),
        most=np.full(len(number), np.inf),
    )


def with_units(program: Program, apis: Apis, search: Search) -> Program:
    """Return a program with the units sold at APIs: of each offer a cell of its own, whose machines are blocks of units.

    A block is a replica with one resource, weighted tokens, and an open pool has as many as the seller asks for at least.
    """
    units = apis.units
    count = len(units.names)
    if not count:
        return program
    pools, cells, buy = program.pools, program.cells, program.purchases
    names = tuple(readable(f"{name}.units") for name in units.names)
    none = np.zeros((count, len(program.hours)))
    place = np.arange(count, dtype=np.int64)
    demand = np.zeros((len(program.resources), *units.demand.shape))
    demand[0] = units.demand
    demand[:, ~np.isfinite(units.demand)] = np.inf
    numbers = int(pools.family.max(initial=-1)) + 1
    worth = [
        np.concatenate([one.pools, _api_worth(held, search, units.names)], axis=1)
        for one, (held, _) in zip(program.averages, search.averages, strict=True)
    ]
    return replace(
        program,
        pools=PoolColumns(
            name=(*pools.name, *names),
            cell=np.append(pools.cell, len(cells.name) + place),
            gpus=np.append(pools.gpus, np.ones(count, dtype=np.int64)),
            demand=np.concatenate([pools.demand, demand], axis=2),
            call_cost=np.concatenate([pools.call_cost, units.call_cost], axis=1),
            least=np.append(pools.least, [sold.minimum // sold.increment for sold in units.offers]).astype(np.int64),
            spare=np.append(pools.spare, np.zeros(count, dtype=np.int64)),
            most=np.append(pools.most, np.full(count, ANY, dtype=np.int64)),
            family=np.append(pools.family, numbers + place),
            sold=np.append(pools.sold, np.ones(count, dtype=bool)),
            opening=None if pools.opening is None else np.append(pools.opening, np.zeros(count)),
        ),
        cells=CellColumns(
            name=(*cells.name, *names),
            gpus=np.append(cells.gpus, np.ones(count, dtype=np.int64)),
            power=np.append(cells.power, np.zeros(count)),
            boards=None if cells.boards is None else np.append(cells.boards, np.ones(count, dtype=np.int64)),
        ),
        purchases=PurchaseColumns(
            name=(*buy.name, *names),
            cell=np.append(buy.cell, len(cells.name) + place),
            hourly=np.append(buy.hourly, [sold.block_price for sold in units.offers]),
            committed=np.append(buy.committed, [sold.term != "hourly" for sold in units.offers]).astype(bool),
            active=np.concatenate([buy.active, np.ones((count, len(program.hours)), dtype=bool)]),
            limit=np.append(buy.limit, [_blocks(sold) for sold in units.offers]),
            extra=None if buy.extra is None else np.concatenate([buy.extra, none]),
            held=None if buy.held is None else np.append(buy.held, np.zeros(count)),
        ),
        gpu_limits=tuple(
            replace(limit, purchases=np.append(limit.purchases, np.zeros(count, dtype=bool))) for limit in program.gpu_limits
        ),
        sellers=program.sellers
        and replace(program.sellers, seller=np.append(program.sellers.seller, np.full(count, -1)).astype(np.int64)),
        spend=program.spend
        and replace(
            program.spend,
            of=np.append(program.spend.of, np.full(count, -1)).astype(np.int64),
            draw=np.append(program.spend.draw, np.zeros(count)),
        ),
        averages=tuple(replace(one, pools=pools) for one, pools in zip(program.averages, worth, strict=True)),
        machine_limits=tuple(replace(one, each=np.append(one.each, none[:, 0])) for one in program.machine_limits),
        average_limits=tuple(replace(one, each=np.concatenate([one.each, none])) for one in program.average_limits),
    )


def _blocks(sold: Provisioned) -> float:
    """Return the most blocks to be had."""
    return np.inf if sold.available is None else float(sold.available // sold.increment)


def _api_worth(held: AverageFloor, search: Search, names: Sequence[str]) -> Floats:
    """[S, A] What a call of each stream is worth at APIs, or on their units, above a floor that holds on average."""
    reach = [search.streams[r].longest_context() for r in held.streams]
    found = [
        [held.worth(place, api_value(search.catalog, own, name, context)) for name in names]
        for place, (own, context) in enumerate(zip(held.owns, reach, strict=True))
    ]
    return np.array(found, dtype=float).reshape(len(held.streams), len(names))


def _averages(search: Search, pools: Pools, apis: Apis, pool: Index) -> Iterator[Average]:
    """Yield the quality floors that hold on average, with what calls are worth above them on every column."""
    catalog, space, rows = search.catalog, search.space, pools.row[pool]
    for held, tables in search.averages:
        yield Average(
            name=readable(f"{held.workload}.{held.floor.benchmark}"),
            streams=np.array(held.streams, dtype=np.int64),
            pools=np.array([table[space.model[rows], space.precision[rows], space.kv[rows]] for table in tables]),
            apis=_api_worth(held, search, apis.names),
            most=np.array([held.worth(place, best_value(catalog, own)) for place, own in enumerate(held.owns)]),
        )


def _families(search: Search, pools: Pools, pool: Index, cell: Index) -> NDArray[np.int64]:
    """[K] Give one number to the tiers of a deployment at one stream's level in one place."""
    levels = [(anchor.stream, anchor.targets) for anchor in search.anchors]
    level = np.array([levels.index(one) for one in levels], dtype=np.intp)[pools.anchor[pool]]
    keys = np.stack([pools.row[pool], level, cell])
    return np.unique(keys, axis=1, return_inverse=True)[1].astype(np.int64).reshape(-1)


def _opening(search: Search, pools: Pools, pool: Index, cell: Index) -> Floats | None:
    """[K] What setting up a pool costs that does not run today [$/h]; None where it costs nothing."""
    fee = opening_cost(search.problem)
    if search.today is None or not fee:
        return None
    runs = running(search.today)
    keys = [key_of_row(search, int(row), c) for row, c in zip(pools.row[pool], cell.tolist(), strict=True)]
    return np.array([0.0 if key in runs else fee for key in keys], dtype=float)


def _pool_names(search: Search, pools: Pools, pool: Index, cell: Index) -> tuple[str, ...]:
    """Name columns by deployment, level and place; each deployment and place, of which there are few, is made readable once."""
    rows, anchors = pools.row[pool].tolist(), pools.anchor[pool].tolist()
    what = {row: readable(search.space.describe(row)) for row in set(rows)}
    where = [readable(place.name) for place in search.supply.cells]
    return tuple(f"{what[row]}.L{a}.{where[c]}.{row}" for row, a, c in zip(rows, anchors, cell.tolist(), strict=True))
