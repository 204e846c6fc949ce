"""One pool of a plan: what its replicas are, who uses them, and how they run in each period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.build import Search
from planner.candidates.drafts import MaybeDrafts
from planner.demand.stream import Stream
from planner.domain.catalog import Catalog
from planner.domain.plan_pools import Deployment, Layout, MemoryPerGpu, Pool, PoolLoad, ServiceLevel, Share, Speculation
from planner.domain.plan_promises import Latency
from planner.domain.problem import Period
from planner.perf.level import RESOURCES
from planner.plan.predict import Operation, Replicas
from planner.plan.solved import Columns, Solved, run_of
from planner.plan.spares import spares_of
from planner.supply.failures import Spares

Floats = NDArray[np.float64]

CONTEXT_STEP = 1024
"""Context limits are rounded up to multiples of this [token]."""


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
    replicas: Replicas
    """Its replicas, ready to be asked what else they could do."""
    spares: Spares
    """How many of them carry load."""


def deployment_of(solved: Solved, columns: Columns) -> Deployment:
    """Return the deployment of a pool, with the settings its engine is to be given."""
    search = solved.search
    row = int(solved.pools.row[solved.assembled.pool[columns[0]]])
    space = search.space
    engine = search.catalog.engines[space.engines[space.engine[row]]]
    model = search.catalog.models[space.models[space.model[row]]]
    shape = space.shapes[space.shape[row]]
    users = np.flatnonzero(run_of(solved.outcome, columns)[0].sum(axis=1) > 0)
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
        speculation=_speculation(search.catalog, space.drafts[space.draft[row]]),
    )


def _speculation(catalog: Catalog, way: MaybeDrafts) -> Speculation | None:
    """Return how a deployment drafts, with what its acceptance rests on."""
    if way is None:
        return None
    row = catalog.speculators[way.speculator]
    point = next(point for point in row.table() if point.draft_tokens == way.tokens)
    return Speculation(
        speculator=way.speculator,
        draft_tokens=way.tokens,
        emitted=way.emitted,
        emitted_low=point.emitted_low,
        emitted_high=point.emitted_high,
        source=f"{row.source} ({row.as_of})",
    )


def replicas_of(solved: Solved, columns: Columns, confidence: float) -> Replicas:
    """Return the replicas of a pool, ready to be operated, as slow as a confidence asks."""
    search = solved.search
    cell = search.supply.cells[int(solved.assembled.cell[columns[0]])]
    operations = search.problem.operations
    return Replicas(search.catalog, deployment_of(solved, columns), cell.instance, search.streams, operations, confidence)


def _as_used(values: Floats, columns: Columns, made: Floats) -> Floats:
    """Return what each stream takes of a pool: the mean over the replica counts at which it is used, by calls.

    Parameters
    ----------
    values : […, R, K] for each column
    columns : of the pool
    made : [R, K, T] calls in each period, in any unit

    Returns
    -------
    […, R]; for a stream that does not use the pool, at its first replica count
    """
    chosen = list(columns)
    calls = made[:, chosen].sum(axis=2)
    total = calls.sum(axis=1)
    first = np.where(np.arange(len(columns)) == 0, 1.0, 0.0)
    share = np.where(total[:, None] > 0, calls / np.maximum(total, 1e-300)[:, None], first)
    taken = np.where(share > 0, values[..., chosen], 0.0)
    return np.asarray((taken * share).sum(axis=-1))


def _demand_of(names: Sequence[str], demand: Floats, columns: Columns, made: Floats) -> dict[str, dict[str, float]]:
    """Return resource → stream → share of a replica per call/s, at the replica counts at which calls [R, K, T] are made."""
    need = _as_used(demand, columns, made)
    return {
        res: {name: float(need[j, r]) for r, name in enumerate(names) if np.isfinite(need[j, r])}
        for j, res in enumerate(RESOURCES)
    }


def predict_pool(solved: Solved, columns: Columns, name: str) -> PredictedPool:
    """Return one pool of the plan with its predictions.

    Parameters
    ----------
    solved : the optimizer's answer with what it stands for
    columns : of the program
    name : to be given to it

    Returns
    -------
    PredictedPool
    """
    search, assembled, outcome = solved.search, solved.assembled, solved.outcome
    problem = search.problem
    cell = search.supply.cells[int(assembled.cell[columns[0]])]
    deployment = deployment_of(solved, columns)
    replicas = replicas_of(solved, columns, problem.solver.confidence)
    names = [stream.name for stream in search.streams]
    made = outcome.flow * assembled.program.hours
    demand = _demand_of(names, assembled.program.pools.demand, columns, made)
    flow, counts = run_of(outcome, columns)
    spares = spares_of(solved, columns)
    operations: dict[str, Operation] = {}
    loads = []
    for t, period in enumerate(problem.periods):
        count = int(counts[t])
        working = spares.working(count)
        rates = {names[r]: float(flow[r, t]) / working for r in range(len(names)) if flow[r, t] > 0}
        operation = replicas.operate(rates, working) if rates else None
        if operation is not None:
            operations[period.name] = operation
        own = _demand_of(names, assembled.program.pools.demand, columns, made[:, :, t : t + 1])
        loads.append(_load(period.name, count, spares, rates, own, operation, search))
    at = solved.pools.level.take(np.array([assembled.pool[columns[0]]]))
    memory = replicas.compiled.budget.take(np.array([0]))
    pool = Pool(
        name=name,
        deployment=deployment,
        instance=cell.instance,
        seller=cell.seller,
        region=cell.region,
        region_group=cell.region_group,
        interruptible=cell.interruptible,
        fallback=cell.fallback or None,
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
        kv_capacity_tokens=_kv_tokens(replicas, flow.sum(axis=1)),
        loads=tuple(loads),
        shares=tuple(shares_of(search, flow)),
    )
    costs = _as_used(assembled.program.pools.call_cost, columns, made)
    return PredictedPool(pool, operations, demand, {names[r]: float(costs[r]) for r in range(len(names))}, replicas, spares)


def _finite(value: float) -> float | None:
    """Return None for a level that bounds nothing."""
    return value if np.isfinite(value) else None


def _kv_tokens(replicas: Replicas, rates: Floats) -> float:
    """Return how many context tokens a replica's KV memory holds, at the contexts of the calls that are active on it.

    M·Σ a_r s_r / Σ a_r H_r,  a_r = λ_r·O_r

    Sliding windows, constant states and half-filled blocks make bytes per token depend on the context; a call is active
    in proportion to its output.
    """
    made = replicas.compiled
    active = [rate * float(np.max(part.output)) for rate, part in zip(rates, made.traffic, strict=True)]
    tokens = sum(share * context for share, context in zip(active, replicas.contexts, strict=True))
    held = sum(share * float(np.max(part.held)) for share, part in zip(active, made.traffic, strict=True))
    return float(np.max(made.replica.kv_bytes) * tokens / held)


def shares_of(search: Search, flow: Floats) -> list[Share]:
    """Return who uses a pool or API in each period, from its flow [R, T]."""
    periods = search.problem.periods
    return [
        Share(
            stream=stream.name,
            period=period.name,
            rate=float(flow[r, t]),
            share=float(flow[r, t]) / all_calls(stream, t, periods),
        )
        for r, stream in enumerate(search.streams)
        for t, period in enumerate(periods)
        if flow[r, t] > 0
    ]


def all_calls(stream: Stream, period: int, periods: Sequence[Period]) -> float:
    """Return a stream's rate in a period that serves all of it, of the whole cycle where work may be moved [1/s]."""
    if not stream.movable:
        return stream.rate[period]
    return sum(rate * each.hours for rate, each in zip(stream.rate, periods, strict=True)) / periods[period].hours


def _load(
    period: str,
    count: int,
    spares: Spares,
    rates: Mapping[str, float],
    demand: Mapping[str, Mapping[str, float]],
    operation: Operation | None,
    search: Search,
) -> PoolLoad:
    """Return a pool's figures in one period."""
    used = {res: sum(rate * demand[res][name] for name, rate in rates.items()) for res in RESOURCES}
    outputs = {stream.name: stream.output.mean for stream in search.streams}
    reached = spares.reached(count)
    constant = count - spares.working(count) if count else 0
    return PoolLoad(
        period=period,
        replicas=count,
        spares=(constant or None) if reached is None else spares.of(count),
        availability=reached,
        utilization=used,
        binding=max(RESOURCES, key=lambda res: used[res]),
        iteration=float(operation.state.iteration[0]) if operation else 0.0,
        sequences=float(operation.state.sequences[0]) if operation else 0.0,
        output_tokens_per_second=spares.working(count) * sum(rate * outputs[name] for name, rate in rates.items()),
    )


def latencies_of(made: PredictedPool) -> list[Latency]:
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
