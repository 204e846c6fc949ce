"""A simulated pool: what it was sent, what came of it, read off for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.demand.stream import Stream
from planner.domain.plan_promises import SimulatedPromise
from planner.simulate.cluster import Failure
from planner.simulate.engine import Engine
from planner.simulate.judge import PoolRun, Watched
from planner.simulate.requests import Floats, Requests
from planner.simulate.served import METRICS, Served, Status

LOOKS = 400
"""Looks at the state of a pool in a simulation that is to be drawn."""


@dataclass(frozen=True, eq=False)
class Job:
    """A pool in one period and the calls it will be sent."""

    run: PoolRun
    """As planned."""
    engine: Engine
    """A replica."""
    requests: Requests
    """The calls."""
    count: int
    """Replicas."""
    warm: float
    """Time at whose calls nobody looks [s]."""
    end: float
    """Time in which calls come [s]."""
    failures: tuple[Failure, ...]
    """What breaks down."""
    cold_start: float
    """Time from a repair until a replica serves [s]."""
    looks: bool
    """Whether its state over time is wanted."""

    @property
    def settings(self) -> dict[str, Any]:
        """Return the arguments of `simulate`."""
        return {
            "engine": self.engine,
            "requests": self.requests,
            "replicas": self.count,
            "balancer": self.run.balancer,
            "seed": self.run.seed,
            "failures": self.failures,
            "cold_start": self.cold_start,
            "sample": self.end / LOOKS if self.looks else None,
        }


@dataclass(frozen=True)
class Figures:
    """Latencies of one stream in a pool; absent where no call has one, or that many were never answered."""

    stream: str
    """Stream."""
    metric: str
    """ttft, tpot or e2e."""
    calls: int
    """Calls looked at."""
    mean: float | None
    """Of the calls that were answered [s]."""
    p50: float | None
    """Median of all calls [s]."""
    p95: float | None
    """95th percentile [s]."""
    p99: float | None
    """99th percentile [s]."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A simulated pool."""

    job: Job
    """What was simulated."""
    watched: Watched
    """What came of it."""
    promises: tuple[SimulatedPromise, ...]
    """Every promise it answers for, as it was seen."""

    @property
    def pool(self) -> str:
        """Its name."""
        return self.job.run.pool.name

    @property
    def period(self) -> str:
        """The period."""
        return self.job.run.period_name

    @property
    def served(self) -> Served:
        """What came of all calls."""
        return self.watched.served

    @property
    def looked_at(self) -> Served:
        """What came of the calls after the warm-up."""
        return self.served.after(self.watched.warm)

    @property
    def away(self) -> list[tuple[float, float]]:
        """Times in which a replica was missing, up to the end, those that overlap as one [s]."""
        made: list[tuple[float, float]] = []
        for one in sorted(self.job.failures, key=lambda failure: failure.at):
            end = min(one.over(self.job.cold_start), self.job.end)
            if made and one.at <= made[-1][1]:
                made[-1] = (made[-1][0], max(made[-1][1], end))
            else:
                made.append((one.at, end))
        return made

    def missed_away(self, promise: SimulatedPromise) -> float | None:
        """Return the share of a promise's calls that came while a replica was missing and were slower than promised [1].

        None where no call came, as without failures.
        """
        names = [stream.name for stream in self.job.run.streams]
        index = names.index(promise.stream)

        def since(time: float) -> Floats:
            return self.served.values(promise.metric, index, time)

        parts = [since(start)[: len(since(start)) - len(since(end))] for start, end in self.away]
        values = np.concatenate([np.zeros(0), *parts])
        return float((values > promise.target).mean()) if len(values) else None

    def figures(self) -> list[Figures]:
        """Return the latencies of every stream."""
        served = self.looked_at
        return [
            _figures(served, index, stream, metric) for index, stream in enumerate(self.job.run.streams) for metric in METRICS
        ]

    @property
    def tally(self) -> dict[str, float]:
        """What happened besides, by name: shares and counts; of the whole run, warm-up included."""
        served = self.served
        return {
            "busy": float(served.busy.mean()),
            "preemptions": served.total("preemptions"),
            "rejected": float(served.count(Status.REJECTED)),
            "unanswered": float(served.count(Status.UNFINISHED)),
            "sent_again": float(np.maximum(served.attempts - 1, 0).sum()),
            "prefix_hits": served.total("prefix_hits"),
            "prefix_tokens": served.total("prefix_tokens"),
        }


def _figures(served: Served, index: int, stream: Stream, metric: str) -> Figures:
    """Return one latency of one stream."""
    values = served.values(metric, index)
    answered = values[np.isfinite(values)]
    points = [_finite(served.percentile(metric, p, index)) if len(values) else None for p in (50.0, 95.0, 99.0)]
    return Figures(stream.name, metric, len(values), float(answered.mean()) if len(answered) else None, *points)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
