"""Small programs for the tests of this room: explicit ones, random ones, and a slow, plain solver to compare with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

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
    Scaling,
    SellerLimit,
    SpendColumns,
    WayColumns,
)

INF = np.inf


def program(
    *,
    rate: Any = ((1.0,),),
    demand: Any = (((1.0,),),),
    pool_cell: Any = (0,),
    pool_gpus: Any = (1,),
    cell_gpus: Any = (1,),
    cell_power: Any = None,
    cell_boards: Any = None,
    buy_cell: Any = (0,),
    hourly: Any = (1.0,),
    committed: Any = None,
    active: Any = None,
    limit: Any = None,
    extra: Any = None,
    hours: Any = None,
    movable: Any = None,
    pool_call_cost: Any = None,
    pool_least: Any = None,
    pool_spare: Any = None,
    pool_most: Any = None,
    pool_family: Any = None,
    api_cost: Any = None,
    api_limit: Any = None,
    api_share: Any = None,
    pool_sold: Any = None,
    **rest: Any,
) -> Program:
    """Build a program from nested lists: rate [R][T], demand [J][R][K]; names are made up."""
    rate_, demand_ = np.array(rate, float), np.array(demand, float)
    R, T = rate_.shape
    J, _, K = demand_.shape
    C, B = len(cell_gpus), len(buy_cell)
    api = np.zeros((R, 0)) if api_cost is None else np.array(api_cost, float)
    return Program(
        streams=tuple(f"s{r}" for r in range(R)),
        periods=tuple(f"t{t}" for t in range(T)),
        hours=np.ones(T) if hours is None else np.array(hours, float),
        rate=rate_,
        movable=np.zeros(R, bool) if movable is None else np.array(movable, bool),
        resources=tuple(f"j{j}" for j in range(J)),
        pools=PoolColumns(
            name=tuple(f"p{k}" for k in range(K)),
            cell=np.array(pool_cell, int),
            gpus=np.array(pool_gpus, int),
            demand=demand_,
            call_cost=np.zeros((R, K)) if pool_call_cost is None else np.array(pool_call_cost, float),
            least=np.ones(K, int) if pool_least is None else np.array(pool_least, int),
            spare=np.zeros(K, int) if pool_spare is None else np.array(pool_spare, int),
            most=np.full(K, ANY) if pool_most is None else np.array(pool_most, int),
            family=np.arange(K) if pool_family is None else np.array(pool_family, int),
            sold=np.zeros(K, bool) if pool_sold is None else np.array(pool_sold, bool),
        ),
        cells=CellColumns(
            name=tuple(f"c{i}" for i in range(C)),
            gpus=np.array(cell_gpus, int),
            power=np.full(C, 1000.0) if cell_power is None else np.array(cell_power, float),
            boards=None if cell_boards is None else np.array(cell_boards, int),
        ),
        purchases=PurchaseColumns(
            name=tuple(f"b{o}" for o in range(B)),
            cell=np.array(buy_cell, int),
            hourly=np.array(hourly, float),
            committed=np.zeros(B, bool) if committed is None else np.array(committed, bool),
            active=np.ones((B, T), bool) if active is None else np.array(active, bool),
            limit=np.full(B, INF) if limit is None else np.array(limit, float),
            extra=None if extra is None else np.array(extra, float),
        ),
        apis=ApiColumns(
            name=tuple(f"a{a}" for a in range(api.shape[1])),
            call_cost=api,
            limits=_api_limits(api, api_limit, api_share),
        ),
        **rest,
    )


def _api_limits(cost: Any, most: Any, share: Any) -> Any:
    """[L, R, A] One limit of calls per second, the same for all streams, and one that each stream takes its own share of."""
    calls = np.zeros(cost.shape) if most is None else np.broadcast_to(1.0 / np.array(most, float), cost.shape)
    return np.stack([calls, np.zeros(cost.shape) if share is None else np.array(share, float)])


def _times(seed: int, purchases: int, periods: int) -> np.ndarray:
    """When machines are there: some come later, or leave earlier, all are there once."""
    there = np.random.default_rng(seed + 23).random((purchases, periods)) < 0.6
    there[np.arange(purchases), np.random.default_rng(seed + 29).integers(0, periods, purchases)] = True
    return there


def _sites(seed: int, purchases: int) -> tuple[MachineLimit, ...]:
    """Two sites' worth of power and racks: some machines stand there, a few to a rack."""
    rng = np.random.default_rng(seed + 31)
    each = np.where(rng.random((2, purchases)) < 0.7, [rng.uniform(1, 4, purchases), 1 / rng.integers(1, 5, purchases)], 0.0)
    most = (float(rng.integers(4, 16)), float(rng.integers(1, 4)))
    return tuple(MachineLimit(f"site{i}", row, top) for i, (row, top) in enumerate(zip(each, most, strict=True)))


def _carbon(seed: int, purchases: int, periods: int) -> tuple[AverageLimit, ...]:
    """What machines emit, by the hour, and at most on average."""
    rng = np.random.default_rng(seed + 37)
    return (AverageLimit("carbon", rng.uniform(0.2, 2, (purchases, periods)), float(rng.uniform(1, 6))),)


def random_program(seed: int, pools: int = 3) -> Program:
    """A tiny random program with a random set of features; always the same for a seed."""
    rng = np.random.default_rng(seed)
    R, K, T, J, C = (int(rng.integers(a, b)) for a, b in ((1, 4), (1, pools + 1), (1, 3), (1, 3), (1, 3)))
    cell_gpus = rng.choice([1, 2, 4], C)
    pool_cell = rng.integers(0, C, K)
    pool_gpus = np.array([min(int(rng.choice([1, 2])), cell_gpus[c]) for c in pool_cell])
    demand = rng.uniform(0.1, 1.2, (J, R, K))
    demand[:, rng.random((R, K)) < 0.15] = INF
    B = C + int(rng.integers(0, 2))
    buy_cell = np.concatenate([np.arange(C), rng.integers(0, C, B - C)])
    committed = np.concatenate([np.zeros(C, bool), rng.random(B - C) < 0.7])
    extra: dict[str, Any] = {}
    if rng.random() < 0.4:
        extra["pool_least"] = rng.integers(1, 4, K)
        extra["pool_family"] = rng.integers(0, K, K)
    if rng.random() < 0.3:
        extra["min_replicas"] = 2
    if rng.random() < 0.3:
        extra["pool_spare"] = np.ones(K, int)
    if rng.random() < 0.3:
        extra["pool_cost"] = float(rng.uniform(0.2, 3))
    if rng.random() < 0.25:
        extra["max_pools"] = int(rng.integers(1, 3))
    if rng.random() < 0.3:
        extra["gpu_limits"] = (GpuLimit("quota", rng.random(B) < 0.7, float(rng.integers(1, 7))),)
    if rng.random() < 0.2:
        extra["power"] = float(rng.integers(1, 6) * 1000)
    if rng.random() < 0.2:
        extra["budget"] = float(rng.uniform(3, 12))
    if seed % 4 == 1:
        extra["pool_sold"] = np.random.default_rng(seed + 11).random(K)[extra.get("pool_family", np.arange(K))] < 0.6
        extra["pool_spare"] = np.where(extra["pool_sold"], 0, extra.get("pool_spare", 0))
    extra["machine_limits"] = _sites(seed, B) if seed % 5 == 3 else ()
    extra["average_limits"] = _carbon(seed, B, T) if seed % 5 == 4 else ()
    extra["extra"] = np.random.default_rng(seed + 41).uniform(-0.3, 0.6, (B, T)).round(2) if seed % 5 in (1, 4) else None
    extra["active"] = _times(seed, B, T) if seed % 3 == 2 else None
    api = rng.random() < 0.4
    return program(
        rate=rng.uniform(0, 3 / R, (R, T)).round(2),
        demand=demand,
        pool_cell=pool_cell,
        pool_gpus=pool_gpus,
        cell_gpus=cell_gpus,
        cell_boards=np.maximum(cell_gpus // 2, 1) if seed % 7 == 2 else None,
        buy_cell=buy_cell,
        hourly=rng.uniform(0.5, 3, B).round(2) * cell_gpus[buy_cell] * np.where(committed, 0.6, 1.0),
        committed=committed,
        limit=np.where(rng.random(B) < 0.3, rng.integers(1, 4, B), INF),
        hours=rng.integers(4, 8, T),
        movable=rng.random(R) < 0.3,
        pool_call_cost=np.where(rng.random((R, K)) < 0.3, rng.uniform(0, 3e-4, (R, K)), 0.0),
        api_cost=rng.uniform(2e-4, 2e-3, (R, 1)) if api else None,
        api_limit=[float(rng.choice([0.5, 1.0, INF]))] if api else None,
        api_share=np.random.default_rng(seed + 7).choice([0.0, 0.4, 1.5], size=(R, 1)) if api and seed % 3 == 0 else None,
        **extra,
    )


def with_averages(given: Program, seed: int) -> Program:
    """Ask some streams of a program to be worth something on average."""
    rng = np.random.default_rng(20_000 + seed)
    R, K, A = len(given.streams), len(given.pools.name), len(given.apis.name)
    streams = np.sort(rng.choice(R, size=int(rng.integers(1, R + 1)), replace=False))
    pools, apis = rng.uniform(-1, 1, (len(streams), K)).round(2), rng.uniform(-0.5, 1, (len(streams), A)).round(2)
    return replace(given, averages=(Average("worth", streams, pools, apis, np.ones(len(streams))),))


def with_sellers(given: Program, seed: int, most: int = 1) -> Program:
    """Say that machines come from up to three sellers, some of them from none, and limit how many."""
    seller = np.random.default_rng(30_000 + seed).integers(-1, 3, len(given.purchases.name))
    return replace(given, sellers=SellerLimit(np.unique(seller, return_inverse=True)[1] - int((seller < 0).any()), most))


def with_spend(given: Program, seed: int, discount: float = 0.3) -> Program:
    """Offer the machines of up to two purchases under one of two commitments to spend too, in the periods in which these last."""
    rng = np.random.default_rng(40_000 + seed)
    buy, T = given.purchases, len(given.periods)
    twin = np.flatnonzero(~buy.committed)[: int(rng.integers(1, 3))]
    count = int(rng.integers(1, 3))
    of = rng.integers(0, count, len(twin))
    lasts = np.ones((count, T), bool) if seed % 2 else _times(seed, count, T)
    purchases = replace(
        buy,
        name=(*buy.name, *(f"u{o}" for o in twin.tolist())),
        cell=np.append(buy.cell, buy.cell[twin]),
        hourly=np.append(buy.hourly, np.zeros(len(twin))),
        committed=np.append(buy.committed, np.zeros(len(twin), bool)),
        active=np.concatenate([buy.active, lasts[of]]),
        limit=np.append(buy.limit, buy.limit[twin]),
        extra=None if buy.extra is None else np.concatenate([buy.extra, np.maximum(buy.extra[twin], 0.0)]),
        held=None if buy.held is None else np.append(buy.held, np.zeros(len(twin))),
    )
    spend = SpendColumns(
        name=tuple(f"c{c}" for c in range(count)),
        of=np.append(np.full(len(buy.name), -1), of),
        draw=np.append(np.zeros(len(buy.name)), (1 - discount) * buy.hourly[twin]),
        owed=rng.choice([1.0, 1.5], count),
        active=lasts,
        most=np.full(count, INF),
    )
    limits = tuple(replace(one, purchases=np.append(one.purchases, one.purchases[twin])) for one in given.gpu_limits)
    placed = tuple(replace(one, each=np.append(one.each, one.each[twin])) for one in given.machine_limits)
    average = tuple(replace(one, each=np.concatenate([one.each, one.each[twin]])) for one in given.average_limits)
    made = replace(given, purchases=purchases, gpu_limits=limits, spend=spend)
    return replace(made, machine_limits=placed, average_limits=average)


def around(periods: int, pools: int, hours: float, *, times: float = 1.0, lag: float = 0.0) -> Scaling:
    """Periods follow each other in their order, the first after the last."""
    after = np.arange(periods)
    return Scaling(np.roll(after, 1), after, np.full(periods, times), np.full(pools, hours), np.full(pools, lag))


def following(given: Program, seed: int) -> Program:
    """Let replicas of a program of several periods follow demand at a cost, or late, or both."""
    rng = np.random.default_rng(30_000 + seed)
    T, K = len(given.periods), len(given.pools.name)
    pairs = np.array([(a, b) for a in range(T) for b in range(T) if a != b and rng.random() < 0.8]).reshape(-1, 2)
    if not len(pairs):
        return given
    hours, lag = rng.uniform(0, 6, K) * (rng.random(K) < 0.8), rng.choice([0.0, 0.2, 0.6, 1.0], K)
    lag = lag if seed % 2 else np.zeros(K)
    of = np.unique(given.pools.family, return_inverse=True)[1]
    times = rng.uniform(0.3, 2, len(pairs))
    return replace(given, scaling=Scaling(pairs[:, 0], pairs[:, 1], times, hours[of], lag[of]))


def ways(*taken: tuple[int, float, dict[int, Any]]) -> WayColumns:
    """Build ways from (group, cost, {stream: rate or rates per period})."""
    uses = [
        (w, stream, np.atleast_1d(np.array(rate, float))) for w, (_, _, used) in enumerate(taken) for stream, rate in used.items()
    ]
    return WayColumns(
        name=tuple(f"w{w}" for w in range(len(taken))),
        group=np.array([group for group, _, _ in taken]),
        cost=np.array([cost for _, cost, _ in taken], float),
        user=np.array([w for w, _, _ in uses], int),
        stream=np.array([stream for _, stream, _ in uses], int),
        rate=np.array([rate for _, _, rate in uses]),
    )


def with_ways(given: Program, columns: WayColumns) -> Program:
    """Give a program ways; a stream's rate becomes the most that any of them asks for."""
    rate = given.rate.copy()
    rate[columns.stream] = 0.0
    np.maximum.at(rate, columns.stream, columns.rate)
    return replace(given, rate=rate, ways=columns)


def random_ways(given: Program, seed: int) -> Program:
    """Give a random program random ways over some of its streams."""
    rng = np.random.default_rng(10_000 + seed)
    R, T = given.rate.shape
    group_of = rng.integers(-1, 2, R)
    made: list[tuple[int, float, dict[int, Any]]] = []
    for group, value in enumerate(np.unique(group_of[group_of >= 0])):
        (own,) = np.nonzero(group_of == value)
        for _ in range(int(rng.integers(1, 4))):
            used = {int(r): (given.rate[r] * rng.uniform(0.2, 1.3, T)).round(3) for r in own if rng.random() < 0.75}
            made.append((group, float(rng.choice([0.0, rng.uniform(0, 1.5)])), used))
    return with_ways(given, ways(*made)) if any(used for _, _, used in made) else given
