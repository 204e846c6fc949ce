"""What a plan costs and who causes it: every dollar goes to one part, so that all splits add up to the total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.candidates.api_rules import missed_cost
from planner.candidates.build import Search
from planner.candidates.today import opening_cost
from planner.candidates.units import as_sold, call_tokens
from planner.demand.ways import Way
from planner.domain.plan import Purchase
from planner.domain.plan_costs import Cost, PoolCost, StageCost, WorkloadCost
from planner.domain.plan_pools import ApiRoute, ProvisionedRoute
from planner.domain.plan_scaling import Scaling
from planner.plan import costing
from planner.plan.changes import opened
from planner.plan.costing import hourly_calls
from planner.plan.graphs import by_label, by_stage, paths
from planner.plan.pool import PredictedPool
from planner.plan.statement import Rent, statement
from planner.units import HOURS_PER_MONTH


@dataclass(frozen=True)
class Part:
    """What a stream pays at one pool or API [$/h]."""

    stream: str
    """Who pays."""
    inputs: float
    """For its prompts."""
    outputs: float
    """For its answers."""
    misses: float
    """For soft targets expected to be missed."""

    @property
    def total(self) -> float:
        """Everything."""
        return self.inputs + self.outputs + self.misses


def cost_of(
    search: Search,
    predicted: Sequence[PredictedPool],
    purchases: Sequence[Purchase],
    routes: Sequence[ApiRoute | ProvisionedRoute],
    taken: Sequence[Way],
    rented: Sequence[Rent],
    periods: Mapping[str, float],
    scaling: Scaling | None = None,
) -> Cost:
    """Return the cost of a plan, split over pools, workloads and stages.

    Parameters
    ----------
    search : problem, streams with the calls there are, APIs
    predicted : pools
    purchases : machines held
    routes : APIs used, at prices per token or in units
    taken : how each workload is served
    rented : the machines again, with what of their price is energy and what interruptions add
    periods : hours
    scaling : what starts of replicas cost, pool by pool; None where nothing

    Returns
    -------
    Cost [$/h]
    """
    fee, opening = search.problem.operations.pool_cost, opening_cost(search.problem)
    fresh = [opening if pool in opened([pool], search.today) else 0.0 for pool in (made.pool for made in predicted)]
    ramps = [how.cost for how in scaling.pools] if scaling is not None else [0.0] * len(predicted)
    held = costing.pool_costs([made.pool for made in predicted], purchases, periods, fee)
    by_pool = [spent + more + ramp for spent, more, ramp in zip(held, fresh, ramps, strict=True)]
    at_pools = [part for made, spent in zip(predicted, by_pool, strict=True) for part in _pool_parts(made, spent, periods)]
    at_apis = [part for route in routes if isinstance(route, ApiRoute) for part in _api_parts(search, route, periods)]
    at_units = [part for route in routes if isinstance(route, ProvisionedRoute) for part in _unit_parts(search, route, periods)]
    parts = [*at_pools, *at_apis, *at_units]
    machines, misses = costing.machine_cost(purchases), sum(part.misses for part in parts)
    carbon = sum(purchase.carbon_cost for purchase in purchases)
    tokens = sum(part.inputs + part.outputs for part in at_apis)
    items = [item for way in taken for item in way.items]
    levers = sum(item.hourly for item in items if item.category == "lever")
    components = sum(item.hourly for item in items if item.category != "lever")
    units = sum(part.inputs + part.outputs for part in at_units)
    operated = fee * len(predicted) + sum(fresh) + sum(ramps)
    everything = machines + tokens + units + misses + operated + levers + components + carbon
    idle = costing.idle_cost([made.pool for made in predicted], purchases)
    streams = {stream.name: stream for stream in search.streams}
    workloads = []
    for way in taken:
        mine = [part for part in parts if part.stream in way.rates]
        total, inputs = sum(part.total for part in mine), sum(part.inputs for part in mine)
        own = [streams[name] for name in way.rates]
        workloads.append(costing.workload_cost(way.workload, own, total, inputs, everything, periods, way.cost))
    others = [*at_apis, *at_units, *(replace(part, inputs=0.0, outputs=0.0) for part in at_pools)]
    spent_on = {stream.name: sum(part.total for part in parts if part.stream == stream.name) for stream in search.streams}
    stages = [stage for way in taken for stage in by_stage(way, spent_on, hourly_calls(way.requests, periods), everything)]
    if idle > 0:
        workloads.append(_idle_workload(idle, everything))
        stages.append(_idle_stage(idle, everything))
    spent = [hourly - fee for hourly in held]
    pools = [
        PoolCost(pool=made.pool.name, hourly=hourly, share=hourly / everything if everything else 0.0)
        for made, hourly in zip(predicted, by_pool, strict=True)
    ]
    pools += [PoolCost(pool=costing.IDLE, hourly=idle, share=idle / everything)] if idle > 0 else []
    signed = [purchase.cost for purchase in purchases if purchase.already]
    return Cost(
        total=everything,
        machines=machines,
        apis=tokens,
        provisioned=units,
        misses=misses,
        operations=fee * len(predicted) + sum(fresh),
        levers=levers,
        components=components,
        per_month=everything * HOURS_PER_MONTH,
        by_pool=tuple(pools),
        by_workload=tuple(workloads),
        by_stage=tuple(stages),
        by_path=tuple(path for way in taken for path in paths(way, stages)),
        by_label=tuple(by_label(search.problem, workloads)),
        statement=statement(search, predicted, spent, others, taken, rented, periods, idle, sum(fresh), scaling),
        carbon=carbon,
        committed=sum(signed) if signed else None,
        ramps=sum(ramps) if scaling is not None else None,
    )


def _idle_workload(idle: float, everything: float) -> WorkloadCost:
    """What nobody uses, as a row beside the workloads."""
    return WorkloadCost(
        workload=costing.IDLE,
        hourly=idle,
        share=idle / everything,
        per_million_input=None,
        per_million_output=None,
        per_thousand_calls=0.0,
        tokens_per_hour=0.0,
    )


def _idle_stage(idle: float, everything: float) -> StageCost:
    """The same beside the stages."""
    figures = {"reached": 0.0, "calls": 0.0, "retried": 0.0, "per_thousand_requests": 0.0}
    return StageCost(workload=costing.IDLE, stage=costing.IDLE, streams=(), hourly=idle, share=idle / everything, **figures)


def _pool_parts(made: PredictedPool, spent: float, periods: Mapping[str, float]) -> Iterator[Part]:
    """Yield what each stream pays of a pool, its prompts by their share of the work, and its misses there."""
    cycle = sum(periods.values())
    for name, share in costing.stream_shares(made.pool, made.demand, periods).items():
        inputs = spent * share * _prompt_part(made, name, periods)
        yield Part(name, inputs, spent * share - inputs, 0.0)
    for used in made.pool.shares:
        calls = used.rate * 3600.0 * periods[used.period] / cycle
        yield Part(used.stream, 0.0, 0.0, calls * made.call_cost[used.stream])


def _api_parts(search: Search, route: ApiRoute, periods: Mapping[str, float]) -> Iterator[Part]:
    """Yield what each stream pays an API, and the misses expected there."""
    streams = {stream.name: stream for stream in search.streams}
    offer = search.catalog.apis[route.api]
    for used in route.shares:
        stream = streams[used.stream]
        calls = used.rate * 3600.0 * periods[used.period] / sum(periods.values())
        inputs, outputs = costing.call_prices(route, stream, offer.cache)
        yield Part(used.stream, calls * inputs, calls * outputs, calls * missed_cost(offer, stream))


def _unit_parts(search: Search, route: ProvisionedRoute, periods: Mapping[str, float]) -> Iterator[Part]:
    """Yield what each stream pays of units, idle ones included: its part of the weighted tokens that they take."""
    streams = {stream.name: stream for stream in search.streams}
    offer = search.catalog.apis[route.api]
    sold = offer.provisioned
    if sold is None:
        return
    cycle = sum(periods.values())
    calls = [share.rate * 3600.0 * periods[share.period] / cycle for share in route.shares]
    weights = [call_tokens(streams[share.stream], sold, offer.cache) for share in route.shares]
    total = sum(count * weight for count, weight in zip(calls, weights, strict=True))
    for share, count, weight in zip(route.shares, calls, weights, strict=True):
        paid = route.cost * count * weight / total
        outputs = paid * sold.output_weight * streams[share.stream].output.mean / weight
        yield Part(share.stream, paid - outputs, outputs, count * missed_cost(as_sold(offer), streams[share.stream]))


def _prompt_part(made: PredictedPool, name: str, periods: Mapping[str, float]) -> float:
    """Return the share of a stream's work on a pool that its prompts cause, averaged over the periods it runs in."""
    running = [period for period, operation in made.operations.items() if name in operation.seen]
    hours = sum(periods[period] for period in running)
    return sum(periods[period] * made.operations[period].prompt_share[name] for period in running) / hours if hours else 0.0
