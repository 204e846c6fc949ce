"""Whether the pools of a plan keep their promises, call by call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.candidates.evaluate import hard_targets, soft_targets
from planner.demand.stream import Stream
from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.domain.plan_promises import SimulatedPromise
from planner.perf.limits import Target
from planner.plan.basis import Basis
from planner.plan.predict import Replicas
from planner.simulate.cluster import simulate
from planner.simulate.deploy import engine_of
from planner.simulate.sample import requests_of
from planner.simulate.served import Served

Progress = Callable[[str], None]
Promised = tuple[str, str, float]
"""Stream, metric, percentile."""

BEYOND = 200
"""Calls beyond a promised percentile that are simulated at least: their share is then known to a fourteenth of itself, 1/√200."""
FEWEST_CALLS = 4_000
"""Calls of each stream that are simulated at least [1]."""
MOST_CALLS = 150_000
"""Calls of a pool that are simulated at most, however rare one of its streams is [1]."""
MOST_REPLICAS = 24
"""Replicas of a larger pool that are simulated, under their share of its load: more company could only help."""
WARM_UP = 0.1
"""Share of the time simulated at whose calls nobody looks: replicas start empty [1]."""
LONGEST = 5.0
"""Mean lives of a call that the warm-up lasts at least [1]."""


@dataclass(frozen=True, eq=False)
class Watched:
    """A simulation, and from when on its calls are looked at."""

    served: Served
    """What came of all calls."""
    warm: float
    """Time after which replicas are no longer filling up [s]."""


@dataclass(frozen=True)
class PoolRun:
    """A pool in one period, ready to be simulated."""

    pool: Pool
    """As planned."""
    period: int
    """Index."""
    replicas: Replicas
    """Its deployment, compiled."""
    streams: tuple[Stream, ...]
    """Who uses it."""
    rates: tuple[float, ...]
    """Calls per second of each at the pool [1/s]."""
    working: int
    """Replicas that carry load."""
    balancer: str
    """How calls are dealt to them."""
    seed: int
    """Of all chance."""

    @property
    def period_name(self) -> str:
        """Name of the period."""
        return self.pool.loads[self.period].period

    def targets(self, stream: Stream) -> list[tuple[Target, bool]]:
        """Return a stream's promises, each with whether it is soft."""
        return [(target, False) for target in hard_targets(stream)] + [(target, True) for target, _ in soft_targets(stream)]


def pool_runs(basis: Basis) -> list[PoolRun]:
    """Return every pool and period of a plan that carries load."""
    problem, made = basis.problem, []
    for pool in basis.plan.pools:
        for period, load in enumerate(pool.loads):
            used = {share.stream: share.rate for share in pool.shares if share.period == load.period and share.rate > 0}
            if used:
                made.append(
                    PoolRun(
                        pool=pool,
                        period=period,
                        replicas=basis.replicas[pool.name],
                        streams=tuple(basis.streams[name] for name in used),
                        rates=tuple(used.values()),
                        working=basis.working(load),
                        balancer=problem.operations.balancer,
                        seed=problem.solver.seed,
                    )
                )
    return made


def calls_wanted(run: PoolRun) -> list[float]:
    """Return the calls of each stream that its promises ask to be simulated: enough lie beyond every percentile."""
    return [
        max([FEWEST_CALLS, *(BEYOND / (1.0 - target.percentile / 100.0) for target, _ in run.targets(stream))])
        for stream in run.streams
    ]


def span_wanted(run: PoolRun, rates: Sequence[float]) -> float:
    """Return how long a pool is looked at under these rates, so that every stream brings the calls it should [s]."""
    span = max(wanted / rate for wanted, rate in zip(calls_wanted(run), rates, strict=True))
    return min(span, MOST_CALLS / sum(rates))


def warm_up(run: PoolRun, span: float) -> float:
    """Return the time before that, until replicas that start empty are as full as they stay [s]."""
    life = max(stream.output.mean for stream in run.streams) * run.pool.level.iteration
    return max(WARM_UP * span, LONGEST * life)


def simulate_pool(basis: Basis, run: PoolRun, *, load: float = 1.0, replicas: int | None = None) -> Watched:
    """Simulate a pool under its planned load for as long as its promises ask.

    Parameters
    ----------
    basis : plan and problem
    run : pool and period
    load : multiplies the planned rates [1]
    replicas : that carry load; absent = as planned

    Returns
    -------
    Watched

    Notes
    -----
    Of more than `MOST_REPLICAS` replicas only so many are simulated, under their share of the load.
    """
    working = run.working if replicas is None else replicas
    count = min(working, MOST_REPLICAS)
    rates = [rate * load * count / working for rate in run.rates]
    engine = engine_of(run.replicas, run.pool.deployment, basis.catalog)
    span = span_wanted(run, rates)
    warm = warm_up(run, span)
    requests = requests_of(run.streams, run.period, rates, warm + span, run.seed)
    return Watched(simulate(engine, requests, replicas=count, balancer=run.balancer, seed=run.seed), warm)


def keeps(basis: Basis, run: PoolRun, *, load: float = 1.0, replicas: int | None = None) -> bool:
    """Return whether a pool keeps every hard promise in simulation; parameters as of `simulate_pool`."""
    seen = attained(run, simulate_pool(basis, run, load=load, replicas=replicas), predictions(basis.plan, run))
    return not any(promise.broken for promise in seen)


def attained(run: PoolRun, watched: Watched, predicted: Mapping[Promised, float]) -> list[SimulatedPromise]:
    """Return every promise of a pool in one period beside what the simulation saw.

    Parameters
    ----------
    run : pool and period
    watched : its simulation
    predicted : (stream, metric, percentile) → prediction [s]
    """
    found = []
    for index, stream in enumerate(run.streams):
        for target, soft in run.targets(stream):
            values = watched.served.values(target.metric, index, watched.warm)
            value = watched.served.percentile(target.metric, target.percentile, index, watched.warm) if len(values) else np.inf
            found.append(
                SimulatedPromise(
                    stream=stream.name,
                    period=run.period_name,
                    route=run.pool.name,
                    metric=target.metric,
                    percentile=target.percentile,
                    target=target.seconds,
                    predicted=predicted[stream.name, target.metric, target.percentile],
                    attained=value if np.isfinite(value) else None,
                    calls=len(values),
                    soft=soft,
                    holds=value <= target.seconds,
                )
            )
    return found


def judge(basis: Basis, runs: Sequence[PoolRun], progress: Progress) -> list[SimulatedPromise]:
    """Simulate pools and return every promise they answer for beside what was seen."""
    found: list[SimulatedPromise] = []
    for number, run in enumerate(runs, 1):
        progress(f"simulating {run.pool.name} in {run.period_name} ({number} of {len(runs)})")
        found += attained(run, simulate_pool(basis, run), predictions(basis.plan, run))
    return found


def predictions(plan: Plan, run: PoolRun) -> dict[Promised, float]:
    """Return what the plan predicts of a pool in one period: (stream, metric, percentile) → [s]."""
    return {
        (promise.stream, promise.metric, promise.percentile): promise.predicted
        for promise in plan.promises
        if promise.route == run.pool.name and promise.period == run.period_name
    }
