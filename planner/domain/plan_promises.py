"""Promises of a plan: what was promised, predicted, and seen in a simulation."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict


class Promised(Strict):
    """One latency promise on a route in one period, and what is predicted."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    route: str
    """Pool or API."""
    metric: Literal["ttft", "tpot", "e2e"]
    """What is promised."""
    percentile: float
    """At which percentile."""
    target: float
    """Limit [s]."""
    predicted: float
    """Prediction at that percentile [s]."""


class Promise(Promised):
    """One latency promise and what is predicted."""

    miss_share: float
    """Predicted share of calls slower than the target."""
    soft: bool
    """Whether a miss costs money rather than being forbidden."""
    holds: bool
    """Whether the prediction keeps the target."""

    @property
    def margin(self) -> float:
        """(target − predicted)/target; negative where the target is missed."""
        return (self.target - self.predicted) / self.target


class Latency(Strict):
    """Predicted latencies of a stream on a pool in one period [s]."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    route: str
    """Pool."""
    metric: Literal["ttft", "tpot", "e2e"]
    """Metric."""
    mean: float
    """Mean."""
    p50: float
    """Median."""
    p95: float
    """95th percentile."""
    p99: float
    """99th percentile."""


class SimulatedPromise(Promised):
    """One latency promise of a pool, predicted and seen in a simulation of single calls."""

    attained: float | None
    """What the simulation saw there [s]; absent where that many calls never ended."""
    calls: int
    """Calls of the stream that were looked at."""
    soft: bool
    """Whether a miss costs money rather than being forbidden."""
    holds: bool
    """Whether the simulation kept the target."""

    @property
    def broken(self) -> bool:
        """Whether it is a hard promise that the simulation did not keep."""
        return not (self.holds or self.soft)


class Simulation(Strict):
    """What replaying calls, one by one, through the pools of the plan showed."""

    rounds: int
    """Simulations of the plan's pools; each but the last was followed by tightening and solving again."""
    tightened: tuple[str, ...]
    """Pools that missed a promise in a simulation and were given more room, in words."""
    promises: tuple[SimulatedPromise, ...]
    """Every promise pools answer for, as the last one saw it."""
