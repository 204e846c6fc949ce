"""From the optimizer's numbers to a plan that a reader can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from planner import __version__
from planner.candidates.apis import Apis, api_percentile, call_cost
from planner.candidates.build import Search
from planner.candidates.evaluate import hard_targets, soft_targets
from planner.candidates.pools import Pools
from planner.demand.stream import Stream
from planner.domain.plan import (
    ApiRoute,
    Cost,
    Deployment,
    Latency,
    Layout,
    MemoryPerGpu,
    Plan,
    Pool,
    PoolCost,
    PoolLoad,
    Promise,
    Proof,
    Purchase,
    ServiceLevel,
    Share,
)
from planner.optimize.assemble import Assembled
from planner.optimize.program import Outcome
from planner.perf.level import RESOURCES
from planner.plan import costing
from planner.plan.explain import facts_of, reasons_of
from planner.plan.predict import Operation, Replicas

CONTEXT_STEP = 1024
"""Context limits are rounded up to multiples of this [token]."""


@dataclass(frozen=True)
class Solved:
    """Everything a plan is made from."""

    search: Search
    """Problem, streams, supply, deployments."""
    pools: Pools
    """Pool candidates."""
    apis: Apis
    """APIs."""
    assembled: Assembled
    """The program and what its columns stand for."""
    outcome: Outcome
    """What the optimizer found."""


@dataclass(frozen=True)
class PredictedPool:
    """A pool of the plan, how it runs in each period, and what each stream takes of it."""

    pool: Pool
    """As written into the plan."""
    operations: Mapping[str, Operation]
    """Period → how one replica runs; periods without load are missing."""
    demand: Mapping[str, Mapping[str, float]]
    """Resource → stream → share of a replica per call/s."""
    call_cost: Mapping[str, float]
    """Stream → expected price of missed soft targets per call, at the pool's level [$]."""


def make_plan(solved: Solved, *, problem_digest: str, rounds: int, warnings: tuple[str, ...]) -> Plan:
    """Return the plan of a solved problem.

    Parameters
    ----------
    solved : the optimizer's answer with what it stands for
    problem_digest : of the problem file
    rounds : solves it took until every promise held
    warnings : to be passed on

    Returns
    -------
    Plan
    """
    search, outcome = solved.search, solved.outcome
    problem = search.problem
    periods = {period.name: period.hours for period in problem.periods}
    predicted = [_pool(solved, int(k), f"P{i + 1}") for i, k in enumerate(open_pools(outcome))]
    pools = tuple(made.pool for made in predicted)
    purchases = tuple(_purchases(solved, periods))
    routes = tuple(_routes(solved))
    promises = tuple(promise for made in predicted for promise in _promises(search, made)) + tuple(_api_promises(search, routes))
    cost = _cost(solved, predicted, purchases, routes, periods)
    return Plan(
        planner=__version__,
        problem=problem.metadata.name,
        problem_digest=problem_digest,
        catalog_digest=search.catalog.digest,
        seed=problem.solver.seed,
        periods=periods,
        proof=_proof(solved, rounds),
        cost=cost,
        pools=pools,
        apis=routes,
        purchases=purchases,
        promises=promises,
        latencies=tuple(latency for made in predicted for latency in _latencies(made)),
        reasons=tuple(reasons_of(search, pools, routes, cost)),
        facts=tuple(facts_of(search, pools, routes, purchases)),
        warnings=warnings,
    )


def open_pools(outcome: Outcome) -> list[int]:
    """Return the columns that run, the largest flow first."""
    used = np.flatnonzero(outcome.replicas.sum(axis=1) > 0)
    weight = outcome.flow.sum(axis=(0, 2))
    return sorted(used.tolist(), key=lambda k: (-float(weight[k]), k))


def _proof(solved: Solved, rounds: int) -> Proof:
    outcome, search = solved.outcome, solved.search
    return Proof(
        termination="optimal" if outcome.termination == "optimal" else "feasible",
        objective=outcome.objective,
        bound=min(outcome.bound, outcome.objective),
        gap=max(outcome.gap, 0.0),
        solver=outcome.solver,
        candidates=search.considered,
        rejected=search.ledger.counts(),
        columns=outcome.considered,
        kept=outcome.kept,
        rounds=rounds,
    )


def deployment_of(solved: Solved, column: int) -> Deployment:
    """Return the deployment of a pool column, with the settings its engine is to be given."""
    search = solved.search
    row = int(solved.pools.row[solved.assembled.pool[column]])
    space = search.space
    engine = search.catalog.engines[space.engines[space.engine[row]]]
    model = search.catalog.models[space.models[space.model[row]]]
    shape = space.shapes[space.shape[row]]
    users = np.flatnonzero(np.isfinite(solved.assembled.program.pools.demand[0, :, column]) & (solved.outcome.flow[:, column].sum(axis=1) > 0))
    longest = max((search.streams[r].longest_context(1.0) for r in users), default=1.0)
    context = min(int(-(-longest // CONTEXT_STEP) * CONTEXT_STEP), int(model.max_context))
    return Deployment(
        model=space.models[space.model[row]],
        precision=space.precisions[space.precision[row]],
        kv_precision=space.kv_precisions[space.kv[row]],
        engine=space.engines[space.engine[row]],
        engine_version=engine.version,
        accelerator=space.hardware[space.machine[row]].accelerator,
        layout=Layout(tp=shape.tp, pp=shape.pp, dp=shape.dp, ep=shape.ep),
        max_sequences=engine.max_sequences,
        chunk_tokens=engine.chunk_tokens,
        max_context=context,
        memory_fraction=engine.memory_fraction,
    )


def _pool(solved: Solved, column: int, name: str) -> PredictedPool:
    """Return one pool of the plan with its predictions."""
    search, assembled, outcome = solved.search, solved.assembled, solved.outcome
    problem = search.problem
    cell = search.supply.cells[int(assembled.cell[column])]
    deployment = deployment_of(solved, column)
    replicas = Replicas(search.catalog, deployment, cell.instance, search.streams, problem.operations.max_utilization)
    names = [stream.name for stream in search.streams]
    need = assembled.program.pools.demand[:, :, column]
    demand = {res: {names[r]: float(need[j, r]) for r in range(len(names)) if np.isfinite(need[j, r])} for j, res in enumerate(RESOURCES)}
    flow = outcome.flow[:, column]
    operations: dict[str, Operation] = {}
    loads = []
    for t, period in enumerate(problem.periods):
        count = int(outcome.replicas[column, t])
        working = max(count - problem.operations.spare_replicas, 1)
        rates = {names[r]: float(flow[r, t]) / working for r in range(len(names)) if flow[r, t] > 0}
        operation = replicas.operate(rates) if rates else None
        if operation is not None:
            operations[period.name] = operation
        loads.append(_load(period.name, count, working, rates, demand, operation, search))
    at = solved.pools.level.take(np.array([assembled.pool[column]]))
    memory = replicas.compiled.budget.take(np.array([0]))
    pool = Pool(
        name=name,
        deployment=deployment,
        instance=cell.instance,
        seller=cell.seller,
        region=cell.region,
        region_group=cell.region_group,
        interruptible=cell.interruptible,
        level=ServiceLevel(
            iteration=float(at.state.iteration[0]),
            sequences=float(at.state.sequences[0]),
            prompt_wait=_finite(float(at.wait[0])),
            jitter=_finite(float(at.jitter[0])),
        ),
        memory=MemoryPerGpu(
            total=float(memory.total[0]),
            weights=float(memory.weights[0]),
            activations=float(memory.activations[0] + memory.communication[0]),
            runtime=float(memory.runtime[0] + memory.reserve[0]),
            kv=float(memory.kv[0]),
        ),
        kv_capacity_tokens=_kv_tokens(replicas, flow, search),
        loads=tuple(loads),
        shares=tuple(_shares(search, flow)),
    )
    costs = assembled.program.pools.call_cost[:, column]
    return PredictedPool(pool, operations, demand, {names[r]: float(costs[r]) for r in range(len(names))})


def _finite(value: float) -> float | None:
    """Return None for a level that bounds nothing."""
    return value if np.isfinite(value) else None


def _kv_tokens(replicas: Replicas, flow: np.ndarray, search: Search) -> float:
    """Return how many tokens of average live context a replica's KV memory holds."""
    r = int(np.argmax(flow.sum(axis=1)))
    made = replicas.compiled
    context = replicas.contexts[r]
    return float(np.max(made.replica.kv_bytes) / np.max(made.traffic[r].held) * context)


def _shares(search: Search, flow: np.ndarray) -> list[Share]:
    """Return who uses a pool or API, per period."""
    shares = []
    for r, stream in enumerate(search.streams):
        for t, period in enumerate(search.problem.periods):
            if flow[r, t] > 0:
                whole = stream.rate[t]
                shares.append(Share(stream=stream.name, period=period.name, rate=float(flow[r, t]), share=float(flow[r, t]) / whole if whole else 0.0))
    return shares


def _load(
    period: str,
    count: int,
    working: int,
    rates: Mapping[str, float],
    demand: Mapping[str, Mapping[str, float]],
    operation: Operation | None,
    search: Search,
) -> PoolLoad:
    """Return a pool's figures in one period."""
    used = {res: sum(rate * demand[res][name] for name, rate in rates.items()) for res in RESOURCES}
    outputs = {stream.name: stream.output.mean for stream in search.streams}
    return PoolLoad(
        period=period,
        replicas=count,
        utilization=used,
        binding=max(RESOURCES, key=lambda res: used[res]),
        iteration=float(operation.state.iteration[0]) if operation else 0.0,
        sequences=float(operation.state.sequences[0]) if operation else 0.0,
        output_tokens_per_second=working * sum(rate * outputs[name] for name, rate in rates.items()),
    )


def _promises(search: Search, made: PredictedPool) -> list[Promise]:
    """Return every promise a pool answers for, with its prediction."""
    promises = []
    for period, operation in made.operations.items():
        for name, seen in operation.seen.items():
            stream = next(s for s in search.streams if s.name == name)
            wanted = [(target, False) for target in hard_targets(stream)] + [(target, True) for target, _ in soft_targets(stream)]
            for target, soft in wanted:
                predicted = float(np.max(seen.percentile(target.metric, target.percentile)))
                promises.append(
                    Promise(
                        stream=name,
                        period=period,
                        route=made.pool.name,
                        metric=target.metric,
                        percentile=target.percentile,
                        target=target.seconds,
                        predicted=predicted,
                        miss_share=float(np.max(seen.miss(target.metric, target.seconds))),
                        soft=soft,
                        holds=predicted <= target.seconds * (1 + 1e-6),
                    )
                )
    return promises


def _api_promises(search: Search, routes: tuple[ApiRoute, ...]) -> list[Promise]:
    """Return the promises that APIs answer for, with the bound their latency figures give."""
    promises = []
    for route in routes:
        latency = search.catalog.apis[route.api].latency
        for share in route.shares:
            stream = next(s for s in search.streams if s.name == share.stream)
            for target in hard_targets(stream):
                seen = api_percentile(latency, stream, target) if latency else None
                if seen is not None:
                    promises.append(
                        Promise(
                            stream=share.stream, period=share.period, route=route.api, metric=target.metric, percentile=target.percentile,
                            target=target.seconds, predicted=seen, miss_share=1.0 - target.percentile / 100.0, soft=False,
                            holds=seen <= target.seconds,
                        )  # fmt: skip
                    )
    return promises


def _latencies(made: PredictedPool) -> list[Latency]:
    """Return the latencies of a pool's streams at the usual percentiles."""
    found = []
    for period, operation in made.operations.items():
        for name, seen in operation.seen.items():
            for metric in ("ttft", "tpot", "e2e"):
                mean = float(np.max(getattr(seen, metric).mean))
                p50, p95, p99 = (float(np.max(seen.percentile(metric, p))) for p in (50.0, 95.0, 99.0))
                found.append(
                    Latency(stream=name, period=period, route=made.pool.name, metric=metric, mean=mean, p50=p50, p95=p95, p99=p99)
                )
    return found


def _purchases(solved: Solved, periods: Mapping[str, float]) -> list[Purchase]:
    """Return what to buy, rent or reserve."""
    search, outcome = solved.search, solved.outcome
    made = []
    for index in np.flatnonzero(outcome.machines.sum(axis=1) > 0).tolist():
        bought = search.supply.purchases[index]
        cell = search.supply.cells[bought.cell]
        machines = {name: int(count) for name, count in zip(periods, outcome.machines[index], strict=True)}
        made.append(
            Purchase(
                kind=bought.kind,
                instance=cell.instance,
                seller=cell.seller,
                region=cell.region,
                accelerator=cell.accelerator,
                gpus_per_machine=cell.gpus,
                machines=machines,
                hourly=bought.hourly,
                price_source=bought.source,
                cost=costing.average_machine_cost(machines, bought.hourly, periods),
            )
        )
    return made


def _routes(solved: Solved) -> list[ApiRoute]:
    """Return what to send to APIs."""
    search, outcome, apis = solved.search, solved.outcome, solved.apis
    made = []
    for index, name in enumerate(apis.names):
        flow = outcome.api_flow[:, index]
        if flow.sum() > 0:
            paid = apis.prices[index]
            made.append(
                ApiRoute(
                    api=name,
                    input_price=paid.input,
                    cached_input_price=paid.cached_input,
                    output_price=paid.output,
                    price_source=paid.source,
                    shares=tuple(_shares(search, flow)),
                )
            )
    return made


def _cost(
    solved: Solved,
    predicted: list[PredictedPool],
    purchases: tuple[Purchase, ...],
    routes: tuple[ApiRoute, ...],
    periods: Mapping[str, float],
) -> Cost:
    """Return the cost, split over pools and workloads."""
    search = solved.search
    streams = {stream.name: stream for stream in search.streams}
    cycle = sum(periods.values())
    fee = search.problem.operations.pool_cost
    by_pool = costing.pool_costs([made.pool for made in predicted], purchases, periods, fee)
    inputs, totals, misses = dict.fromkeys(streams, 0.0), dict.fromkeys(streams, 0.0), 0.0
    for made, spent in zip(predicted, by_pool, strict=True):
        for name, share in costing.stream_shares(made.pool, made.demand, periods).items():
            totals[name] += spent * share
            inputs[name] += spent * share * _prompt_part(made, name, periods)
        for share in made.pool.shares:
            missed = share.rate * 3600.0 * made.call_cost[share.stream] * periods[share.period] / cycle
            totals[share.stream] += missed
            misses += missed
    tokens = 0.0
    for route in routes:
        for name, (paid_in, paid_out) in costing.api_cost(route, streams, periods).items():
            totals[name] += paid_in + paid_out
            inputs[name] += paid_in
            tokens += paid_in + paid_out
        missed = _api_misses(solved, route, streams, periods)
        for name, amount in missed.items():
            totals[name] += amount
            misses += amount
    machines = costing.machine_cost(purchases)
    everything = machines + tokens + misses + fee * len(predicted)
    workloads = [
        costing.workload_cost(name, totals[name], everything, inputs[name] / totals[name] if totals[name] else 0.0, stream, periods)
        for name, stream in streams.items()
    ]
    pools = [
        PoolCost(pool=made.pool.name, hourly=spent, share=spent / everything if everything else 0.0)
        for made, spent in zip(predicted, by_pool, strict=True)
    ]
    return costing.total_cost(machines, tokens, misses, fee * len(predicted), pools, workloads)


def _api_misses(
    solved: Solved, route: ApiRoute, streams: Mapping[str, Stream], periods: Mapping[str, float]
) -> dict[str, float]:
    """Return stream → expected price of soft targets an API misses, averaged [$/h]."""
    index = solved.apis.names.index(route.api)
    order = list(streams)
    cycle = sum(periods.values())
    missed = dict.fromkeys(streams, 0.0)
    for share in route.shares:
        per_call = solved.apis.call_cost[order.index(share.stream), index] - call_cost(streams[share.stream], solved.apis.prices[index])
        missed[share.stream] += share.rate * 3600.0 * float(per_call) * periods[share.period] / cycle
    return missed


def _prompt_part(made: PredictedPool, name: str, periods: Mapping[str, float]) -> float:
    """Return the share of a stream's work on a pool that its prompts cause, averaged over the periods it runs in."""
    weights, parts = 0.0, 0.0
    for period, operation in made.operations.items():
        if name in operation.seen:
            weights += periods[period]
            parts += periods[period] * operation.prompt_share[name]
    return parts / weights if weights else 0.0
