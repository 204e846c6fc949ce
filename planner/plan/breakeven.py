"""Buy or build: what each workload would cost at APIs, what its own capacity costs, and where the two meet.

Per workload, of its calls of models alone,

    API cost                  every call at the cheapest API it may use, limits of accounts aside, at the planned demand [$/h]
    own cost                  its share of the plan's pools, machines paid as planned: rented, reserved, owned [$/h]
    own cost per million      own cost over the tokens served there, in and out; at full use: that times the utilization u, the
                              share of the binding resource in use of all replicas held, spares included
    break-even utilization    (own cost per million at full use)/(API cost per million): own capacity busier than that is
                              cheaper; above 1 it never is
    break-even volume         the least number of requests a month from which on some deployment that serves the workload by
                              itself costs no more than the API, in whole replicas and machines (`crossing`)

Break-even volumes are of one deployment that serves all calls of the workload, at the price of one way to pay for it, with the
demand of all periods scaled alike; nothing is shared with other workloads. They are exact for the deployments compared: those of
the plan's program, and where there is none among them (dearer ones are not looked at while the plan is cheap) or an API serves
the workload, of those that the first screening of all machines keeps. Workloads that need several kinds of model have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.apis import usable_apis
from planner.candidates.build import Search, first_round, prepare, prune
from planner.candidates.pools import Pools, join
from planner.candidates.rejection import Ledger
from planner.demand.stream import Stream
from planner.demand.ways import Flows, Way
from planner.domain.plan_costs import BuyOrBuild, Crossing
from planner.domain.plan_pools import Pool
from planner.optimize.assemble import Assembled, assemble
from planner.optimize.bounds import added, least_open
from planner.plan.costing import hourly_calls, stream_shares
from planner.plan.crossing import Deployment, Floats, crossing, full_cost, own_cost
from planner.plan.pool import PredictedPool
from planner.plan.solved import Solved
from planner.supply.build import build_supply
from planner.supply.dominate import drop_dominated
from planner.supply.failures import Spares
from planner.units import HOURS_PER_MONTH

SMALLEST = 128
"""Deployments of the least cost per replica that are evaluated beside those of the least cost per call."""


@dataclass(frozen=True)
class Own:
    """What a workload pays of the plan's pools."""

    hourly: float
    """Its share of them [$/h]."""
    calls: float
    """Its calls there [1/h]."""
    tokens: float
    """Tokens of those calls, in and out [1/h]."""
    utilization: float
    """Share of the binding resource in use, of all replicas held, weighed by cost."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Deployments that could serve a workload by itself."""

    search: Search
    """What they are."""
    pools: Pools
    """What they can do."""
    assembled: Assembled
    """Where they stand and what machines cost."""


def buy_or_build(
    solved: Solved, taken: Sequence[Way], predicted: Sequence[PredictedPool], spent: Sequence[float], periods: Mapping[str, float]
) -> Iterator[BuyOrBuild]:
    """Yield the comparison for every workload all of whose calls an API could take.

    Parameters
    ----------
    solved : answer, with the calls that the ways taken cause
    taken : how each workload is served
    predicted, spent : pools, and what each costs [$/h]
    periods : hours
    """
    for way in taken:
        streams = [stream for stream in solved.search.streams if max(way.rates.get(stream.name, (0.0,))) > 0]
        places = [solved.search.streams.index(stream) for stream in streams]
        costs = solved.apis.call_cost[places]
        if not streams or not costs.size or not np.isfinite(costs).any(axis=1).all():
            continue
        calls = np.array([hourly_calls(stream.rate, periods) for stream in streams])
        api = float(calls @ costs.min(axis=1))
        used = tuple(dict.fromkeys(solved.apis.names[a] for a in costs.argmin(axis=1).tolist()))
        own = _own(streams, predicted, spent, periods)
        alone = own is not None and own.calls >= calls.sum() * (1 - 1e-6)
        compared = Compared(solved.search, solved.pools, solved.assembled) if alone else _all(solved, way, streams)
        yield _row(way, streams, api, used, own, _crossing(compared, way, streams, api, periods), periods)


def _row(
    way: Way,
    streams: Sequence[Stream],
    api: float,
    used: tuple[str, ...],
    own: Own | None,
    meets: Crossing | None,
    periods: Mapping[str, float],
) -> BuyOrBuild:
    bought = api / _tokens(streams, periods) * 1e6
    each = own.hourly / own.tokens * 1e6 if own else None
    full = each * own.utilization if own and each is not None else None
    return BuyOrBuild(
        workload=way.workload,
        requests_per_month=hourly_calls(way.requests, periods) * HOURS_PER_MONTH,
        apis=used,
        api_hourly=api,
        api_per_million=bought,
        own_hourly=own.hourly if own else None,
        own_calls=own.calls / sum(hourly_calls(s.rate, periods) for s in streams) if own else 0.0,
        own_per_million=each,
        own_per_million_full=full,
        utilization=own.utilization if own else None,
        breakeven_utilization=_ratio(full if full is not None or meets is None else meets.per_million_full, bought),
        breakeven=meets,
    )


def _tokens(streams: Sequence[Stream], periods: Mapping[str, float]) -> float:
    """Return the tokens of all calls, in and out [1/h]."""
    return sum(hourly_calls(s.rate, periods) * (s.prompt.mean + s.output.mean) for s in streams)


def _ratio(own: float | None, bought: float) -> float | None:
    return own / bought if own is not None and bought else None


def _own(
    streams: Sequence[Stream],
    predicted: Sequence[PredictedPool],
    spent: Sequence[float],
    periods: Mapping[str, float],
) -> Own | None:
    """Return what a workload pays of the pools; None if it uses none."""
    cycle = sum(periods.values())
    hourly = calls = tokens = busy = 0.0
    for made, cost in zip(predicted, spent, strict=True):
        shares = stream_shares(made.pool, made.demand, periods)
        for stream in streams:
            flow = sum(s.rate * 3600.0 * periods[s.period] for s in made.pool.shares if s.stream == stream.name) / cycle
            paid = cost * shares.get(stream.name, 0.0)
            hourly += paid + flow * made.call_cost.get(stream.name, 0.0)
            calls, tokens = calls + flow, tokens + flow * (stream.prompt.mean + stream.output.mean)
            busy += paid * utilization(made.pool, periods, made.spares)
    return Own(hourly, calls, tokens, busy / hourly) if calls and hourly else None


def utilization(pool: Pool, periods: Mapping[str, float], spares: Spares) -> float:
    """Return the share of a pool's binding resource in use, Σ_t h·used/Σ_t h·replicas, spares counted as held.

    What is used is what the calls take of each resource, of replicas that carry load; the plan's figures are shares of those.
    """
    held = sum(periods[load.period] * load.replicas for load in pool.loads)
    working = {load.period: max(load.replicas - spares.of(load.replicas), 0) for load in pool.loads}
    used = sum(periods[load.period] * load.utilization[load.binding] * working[load.period] for load in pool.loads)
    return used / held if held else 0.0


def _all(solved: Solved, way: Way, streams: Sequence[Stream]) -> Compared:
    """Return the deployments that serve calls of a workload at the least cost per call, and those of the least cost at all."""
    base = solved.search
    supply = drop_dominated(build_supply(base.problem, base.catalog, streams), base.problem, base.catalog)
    search = prepare(base.catalog, base.problem, Flows(tuple(streams), (way,)), supply)
    search.extend(float(np.max(search.site_cost, where=np.isfinite(search.site_cost), initial=0.0)))
    pools = first_round(search, join([], len(streams)), lambda _: None)
    price = search.gpu_price[:, search.space.machine].min(axis=0) * search.space.gpus()
    able = np.flatnonzero(search.eligible.all(axis=0) & ~search.evaluated & np.isfinite(price))
    small = np.sort(able[np.argsort(price[able], kind="stable")[:SMALLEST]])
    if len(small):
        pools = prune(search, join([pools, search.evaluate(small)], len(streams)))
    return Compared(search, pools, assemble(search, pools, usable_apis(base.catalog, base.problem, streams, Ledger())))


def _crossing(
    compared: Compared, way: Way, streams: Sequence[Stream], api: float, periods: Mapping[str, float]
) -> Crossing | None:
    """Return the deployment that meets the API's cost at the least volume; None if none ever does."""
    hours = np.array(list(periods.values()))
    share = hours / hours.sum()
    best: tuple[float, Deployment, int, int] | None = None
    for bound, made, column, purchase in sorted(_deployments(compared, streams, share, api), key=lambda one: one[0]):
        if best is not None and bound >= best[0]:
            break
        scale = crossing(made, share, api)
        if scale is not None and (best is None or scale < best[0]):
            best = scale, made, column, purchase
    if best is None:
        return None
    scale, made, column, purchase = best
    bought = compared.assembled.program.purchases
    row = int(compared.pools.row[compared.assembled.pool[column]])
    cell = compared.search.supply.cells[int(compared.assembled.cell[column])]
    return Crossing(
        deployment=f"{compared.search.space.describe(row)} on {cell.name}",
        offer=bought.name[purchase],
        machine_hourly=made.hourly,
        requests_per_month=scale * hourly_calls(way.requests, periods) * HOURS_PER_MONTH,
        hourly=own_cost(made, share, scale * (1 - 1e-12)),
        replica_load=float(made.load.max()),
        per_million_full=1e6 * (full_cost(made, share) + made.misses) / _tokens(streams, periods),
    )


def _deployments(
    compared: Compared, streams: Sequence[Stream], share: Floats, api: float
) -> Iterator[tuple[float, Deployment, int, int]]:
    """Yield, for every pool and way to pay, the least volume that its smallest size can be worth, and the deployment."""
    program = compared.assembled.program
    places = np.array([program.streams.index(stream.name) for stream in streams], dtype=np.intp)
    rate = np.array([_spread(stream, share) for stream in streams])
    loads, able = _loads(program.pools.demand[:, places], rate)
    misses = 3600.0 * np.where(able, program.pools.call_cost[places].T @ (rate @ share), np.inf)
    least = least_open(program)
    drawing = np.zeros(len(program.purchases.name), dtype=bool) if program.spend is None else program.spend.of >= 0
    for k in np.flatnonzero(able & ~program.pools.sold).tolist():
        cell = int(program.pools.cell[k])
        for o in np.flatnonzero((program.purchases.cell == cell) & program.purchases.active.all(axis=1) & ~drawing).tolist():
            made = Deployment(
                load=loads[k],
                least=int(least[k]),
                spare=int(program.pools.spare[k]),
                most=float(program.pools.most[k]),
                gpus=int(program.pools.gpus[k]),
                machine_gpus=int(program.cells.gpus[cell]),
                hourly=float(program.purchases.hourly[o] + added(program.purchases)[o] @ share),
                committed=bool(program.purchases.committed[o]),
                limit=float(program.purchases.limit[o]),
                fixed=program.pool_cost,
                misses=float(misses[k]),
            )
            if api > made.misses:
                yield own_cost(made, share, 0.0) / (api - made.misses), made, k, o


def _loads(demand: Floats, rate: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return [K, T] replicas' worth of the binding resource, and [K] which pools may serve all streams."""
    able: NDArray[np.bool_] = np.asarray(np.isfinite(demand).all(axis=(0, 1)))
    load = np.einsum("jrk,rt->jkt", np.where(able, demand, 0.0), rate).max(axis=0)
    return load, able


def _spread(stream: Stream, share: Floats) -> Floats:
    """Return the calls of a stream in each period [1/s]; evenly where they may be moved."""
    rate = np.array(stream.rate)
    return np.full_like(rate, rate @ share) if stream.movable else rate
