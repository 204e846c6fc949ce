"""Splits what machines, APIs and misses cost over pools and workloads, so that every split adds up to the total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.candidates.api_costs import paid_tokens
from planner.demand.stream import Stream
from planner.domain.api_terms import ApiCache
from planner.domain.plan import Purchase
from planner.domain.plan_costs import WorkloadCost
from planner.domain.plan_pools import ApiRoute, Pool


def machine_cost(purchases: Sequence[Purchase]) -> float:
    """Return the average cost of all machines [$/h]."""
    return sum(purchase.cost for purchase in purchases)


def average_machine_cost(machines: Mapping[str, int], hourly: float, periods: Mapping[str, float]) -> float:
    """Return the average cost of the machines held under one purchase, Σ_t h_t·m_t·price / Σ_t h_t [$/h]."""
    cycle = sum(periods.values())
    return sum(hours * machines[name] for name, hours in periods.items()) * hourly / cycle


def average_extra(machines: Mapping[str, int], extra: Sequence[float], periods: Mapping[str, float]) -> float:
    """Return the average of what machines cost in each period beside their price, Σ_t h_t·m_t·extra_t / Σ_t h_t [$/h]."""
    if not extra:
        return 0.0
    each = zip(periods.items(), extra, strict=True)
    return sum(hours * machines[name] * cost for (name, hours), cost in each) / sum(periods.values())


def pool_costs(
    pools: Sequence[Pool], purchases: Sequence[Purchase], periods: Mapping[str, float], pool_cost: float
) -> list[float]:
    """Return the average cost of each pool: its share of the machines there and of their carbon, plus that of operating it [$/h].

    Notes
    -----
    The machines of one shape, seller and region are shared by accelerator-hours in use, so what stands idle beside a
    pool is charged to the pools there. Interruptible machines form a place of their own.
    """
    places = [place_of_pool(pool) for pool in pools]
    spent: dict[tuple[str, str, str], float] = {}
    for purchase in purchases:
        place = (purchase.instance, purchase.region, purchase.standing)
        spent[place] = spent.get(place, 0.0) + purchase.cost + purchase.carbon_cost
    hours = [sum(periods[load.period] * load.replicas for load in pool.loads) * pool.deployment.layout.gpus for pool in pools]
    used: dict[tuple[str, str, str], float] = {}
    for place, amount in zip(places, hours, strict=True):
        used[place] = used.get(place, 0.0) + amount
    return [
        spent.get(place, 0.0) * amount / used[place] + pool_cost if used[place] else pool_cost
        for place, amount in zip(places, hours, strict=True)
    ]


IDLE = "already committed, idle"
"""Who pays, in splits of the cost, for machines that were committed to before where no pool stands."""


def idle_cost(pools: Sequence[Pool], purchases: Sequence[Purchase]) -> float:
    """Return what machines cost where no pool has a replica, their carbon too: only those committed to before [$/h]."""
    used = {place_of_pool(pool) for pool in pools if any(load.replicas for load in pool.loads)}
    idle = (buy.cost + buy.carbon_cost for buy in purchases if (buy.instance, buy.region, buy.standing) not in used)
    return sum(idle)


def place_of_pool(pool: Pool) -> tuple[str, str, str]:
    """Return (machine, region, whether spot and how) of a pool."""
    return (pool.instance, pool.region, pool.standing)


def stream_shares(pool: Pool, demand: Mapping[str, Mapping[str, float]], periods: Mapping[str, float]) -> dict[str, float]:
    """Return how much of a pool each stream pays: its part of the pool's binding resource, by hours.

    Parameters
    ----------
    pool : with loads and shares
    demand : resource → stream → share of a replica per call/s
    periods : hours

    Returns
    -------
    stream → share, adding up to 1
    """
    paid: dict[str, float] = {}
    for load in pool.loads:
        flows = {share.stream: share.rate for share in pool.shares if share.period == load.period and share.rate > 0}
        weights = {name: rate * demand[load.binding][name] for name, rate in flows.items()} if load.replicas else {}
        total = sum(weights.values())
        for name, weight in weights.items():
            paid[name] = paid.get(name, 0.0) + periods[load.period] * load.replicas * weight / total
    everything = sum(paid.values())
    return {name: amount / everything for name, amount in paid.items()} if everything else {}


def call_prices(route: ApiRoute, stream: Stream, cache: ApiCache | None = None) -> tuple[float, float]:
    """Return what a call of a stream costs at an API, for its prompt and for its answer [$].

    full·price_in + cached·price_cached,  O·price_out; input tokens as `paid_tokens` has them by the rules of the API's cache
    """
    full, cached = paid_tokens(stream, cache, route.input_price, route.cached_input_price)
    inputs = full * route.input_price + cached * route.cached_input_price
    return inputs, stream.output.mean * route.output_price


def hourly_calls(rate: Sequence[float], periods: Mapping[str, float]) -> float:
    """Return the calls per hour of rates per period, averaged over the cycle [1/h]."""
    return 3600.0 * sum(each * hours for each, hours in zip(rate, periods.values(), strict=True)) / sum(periods.values())


def workload_cost(
    name: str,
    streams: Sequence[Stream],
    models: float,
    inputs: float,
    everything: float,
    periods: Mapping[str, float],
    beside: float = 0.0,
) -> WorkloadCost:
    """Return what a workload costs, per token and per call of a model.

    Parameters
    ----------
    name : of the workload
    streams : its calls
    models, inputs : cost of its calls of models, and the part of it that prompts cause [$/h]
    everything : the plan's cost [$/h]
    periods : hours
    beside : cost of its levers and components, which no token causes [$/h]

    Returns
    -------
    WorkloadCost
    """
    counts = [stream.called * hourly_calls(stream.rate, periods) for stream in streams]
    calls, total = sum(counts), models + beside
    prompts = sum(count * stream.prompt.mean for count, stream in zip(counts, streams, strict=True))
    answers = sum(count * stream.output.mean for count, stream in zip(counts, streams, strict=True))
    return WorkloadCost(
        workload=name,
        hourly=total,
        share=total / everything if everything else 0.0,
        per_million_input=inputs / prompts * 1e6 if prompts else None,
        per_million_output=(models - inputs) / answers * 1e6 if answers else None,
        per_thousand_calls=total / calls * 1e3 if calls else 0.0,
        tokens_per_hour=prompts + answers,
    )
