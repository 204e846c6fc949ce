"""What came of simulated calls: when each was answered, by whom, and how busy the replicas were."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

import numpy as np

from planner.demand.issues import mistake
from planner.simulate.requests import Counts, Floats, Requests
from planner.simulate.sequence import Counters

METRICS = ("ttft", "tpot", "e2e")
COLUMNS = ("first_token", "finish", "status", "replica", "preemptions", "attempts")
"""Fields of `Served` with one entry per call."""
ROUNDING = 1e-12
"""Share by which a product may exceed the whole number it should be [1]."""


class Status(IntEnum):
    """How a call ended."""

    UNFINISHED = 0
    """Not by the end of the simulation."""
    DONE = 1
    """With its last token."""
    TIMED_OUT = 2
    """Given up by its client, for good."""
    REJECTED = 3
    """Refused: it could never be served."""


@dataclass(frozen=True, eq=False)
class Series:
    """State of one replica over time; equally long columns."""

    time: Floats
    """When [s]."""
    queued: Counts
    """Calls that wait for a slot or memory [1]."""
    running: Counts
    """Calls that run [1]."""
    kv: Floats
    """KV memory in use, at the replica's last event [B]."""


@dataclass(frozen=True, eq=False)
class Served:
    """The outcome of a simulation; one entry per call, in order of arrival."""

    requests: Requests
    """The calls."""
    first_token: Floats
    """When the first token came; NaN = it did not [s]."""
    finish: Floats
    """When the last token came; NaN = it did not [s]."""
    status: Counts
    """`Status` of each."""
    replica: Counts
    """Replica that served the last try; −1 = none did."""
    preemptions: Counts
    """How often the last try was put back for want of memory [1]."""
    attempts: Counts
    """Tries, and re-sendings after a replica failed [1]."""
    counters: tuple[Counters, ...]
    """What each replica did."""
    span: float
    """Time until the last event [s]."""
    series: tuple[Series, ...] = field(default=())
    """State over time by replica, if it was sampled."""

    @property
    def ttft(self) -> Floats:
        """Time to the first token, earlier tries included [s]."""
        return self.first_token - self.requests.arrival

    @property
    def e2e(self) -> Floats:
        """Time to the last token, earlier tries included [s]."""
        return self.finish - self.requests.arrival

    @property
    def tpot(self) -> Floats:
        """Mean time per output token after the first; NaN for calls of one token [s]."""
        steps = self.requests.output - 1.0
        return np.where(steps > 0, (self.finish - self.first_token) / np.where(steps > 0, steps, 1.0), np.nan)

    @property
    def busy(self) -> Floats:
        """Share of the span that each replica spent in iterations [1]."""
        return np.array([one.busy for one in self.counters]) / (self.span or 1.0)

    @property
    def rejected(self) -> dict[str, int]:
        """Calls refused, by reason [1]."""
        reasons = sorted({reason for one in self.counters for reason in one.rejected})
        return {reason: sum(one.rejected.get(reason, 0) for one in self.counters) for reason in reasons}

    def total(self, name: str) -> float:
        """Return a counter summed over replicas."""
        return float(sum(getattr(one, name) for one in self.counters))

    def count(self, status: Status) -> int:
        """Return how many calls ended so [1]."""
        return int(np.count_nonzero(self.status == status))

    @property
    def stream(self) -> Counts:
        """Index of the stream of each call."""
        return self.requests.stream

    def after(self, warmup: float) -> Self:
        """Return what came of the calls from this time on; counters and series stay those of the whole run."""
        chosen = self.requests.arrival >= warmup
        columns = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return replace(self, requests=self.requests.take(chosen), **columns)

    def values(self, metric: str, stream: int | None = None, warmup: float = 0.0) -> Floats:
        """Return a latency of the calls that came at `warmup` or later [s]: ∞ where the call was never answered to the end.

        Calls of one token have no time per output token and are left out of it.
        """
        if metric not in METRICS:
            raise mistake("metric", f"no latency is called {metric!r}", f"choose among {', '.join(METRICS)}")
        chosen = self.requests.arrival >= warmup
        if stream is not None:
            chosen &= self.requests.stream == stream
        if metric == "tpot":
            chosen &= self.requests.output > 1
        values: Floats = np.where(self.status == Status.DONE, getattr(self, metric), np.inf)
        return values[chosen]

    def percentile(self, metric: str, p: float, stream: int | None = None, warmup: float = 0.0) -> float:
        """Return a percentile of a latency: the least that a share of `p` % of the calls do not exceed.

        Parameters
        ----------
        metric : `ttft`, `tpot` or `e2e`
        p : in [0, 100]
        stream : only calls of this stream; None = of all
        warmup : only calls that came at this time or later [s]

        Returns
        -------
        float [s]; ∞ where more than the rest of the calls were never answered
        """
        found = np.sort(self.values(metric, stream, warmup))
        if not len(found):
            raise mistake(metric, "there are no calls that a percentile could be taken of", "simulate longer or warm up for less")
        return float(found[max(math.ceil(p / 100.0 * len(found) * (1.0 - ROUNDING)), 1) - 1])
