"""A homogeneous flow of model calls, ready for the formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.domain.calls import Objective
from planner.domain.llm import Role
from planner.domain.workload import Workload

QUANTILE_POINTS = 512
"""Equally likely values that stand for a length distribution: means exact, percentiles to p99 within 1 %, second moments
within 3 % for log-normals of squared coefficient of variation up to 1.7 (`docs/demand.md` has the table)."""


@dataclass(frozen=True, eq=False)
class Lengths:
    """A token-count distribution as `QUANTILE_POINTS` equally likely values, ascending."""

    values: NDArray[np.float64]
    """Value i is the mean of the requests between shares i/n and (i + 1)/n of the ranking, hence close to quantile (i + ½)/n
    [token]."""
    origin: str
    """How they were had, in words for the report: `log-normal from mean 1155 and p95 4083`, `trace conv.csv` …"""

    @property
    def mean(self) -> float:
        """First moment [token]."""
        return float(self.values.mean())

    @property
    def second_moment(self) -> float:
        """E[X²] [token²]."""
        return float(np.square(self.values).mean())

    @property
    def scv(self) -> float:
        """Squared coefficient of variation [1]."""
        return self.second_moment / self.mean**2 - 1.0 if self.mean > 0 else 0.0

    @property
    def maximum(self) -> float:
        """Longest value [token]."""
        return float(self.values[-1])

    def quantile(self, share: float) -> float:
        """Return the value that `share` of draws do not exceed [token]."""
        return float(np.interp(share * len(self.values) - 0.5, np.arange(len(self.values)), self.values))


@dataclass(frozen=True, eq=False)
class Stream:
    """What one stage of a workload asks of models, after everything that changes how often and how long."""

    name: str
    """Unique; the workload's name where it has a single stage."""
    workload: Workload
    """Who causes it, with the quality floors and choices that hold for these calls; carries data rules."""
    rate: tuple[float, ...]
    """Calls per second in each period [1/s]."""
    burstiness: float
    """Squared coefficient of variation of inter-arrival times within the busy window [1]."""
    prompt: Lengths
    """Prompt tokens, shared prefix included."""
    output: Lengths
    """Generated tokens."""
    prefix_tokens: float
    """Tokens of the shared prefix [token]."""
    prefix_hit: float
    """Share of calls that find it cached [1]."""
    objectives: tuple[Objective, ...]
    """Latency promises; empty for batch work."""
    deadline: float | None
    """Batch work: time to finish [s]."""
    movable: bool
    """Batch work that may be shifted between periods because its deadline spans the cycle."""
    assumptions: tuple[str, ...] = ()
    """What was assumed because the problem did not say, in words for the report."""
    stage: str = ""
    """Stage of the workload's call graph; empty where a request is one call."""
    role: Role = "generate"
    """What kind of model answers."""
    part: str = ""
    """Which part of a stage's calls it is, where a lever parts them: `small`, `large`, `that may wait`."""
    named: tuple[str, ...] | None = None
    """Models that a lever names for these calls: what it says of quality holds for no other, at an API neither."""
    home: tuple[str, ...] | None = None
    """Regions, or patterns of them, in which alone these calls may be served; None = wherever rules allow."""
    called: float = 1.0
    """Share of `rate` that there are calls for while no region is down; the rest is held for when one is [1]."""

    @property
    def short(self) -> str:
        """Name it without settings: unique among the streams of one way."""
        place = f"{self.workload.name}/{self.stage}" if self.stage else self.workload.name
        joint = "" if self.home is not None else " "
        return f"{place}{joint}{self.part}" if self.part else place

    @property
    def peak_rate(self) -> float:
        """Highest rate over the periods [1/s]."""
        return max(self.rate)

    def longest_context(self, share: float = 0.99) -> float:
        """Return the context that `share` of calls stay within, prompt and output at that quantile each [token]."""
        return self.prompt.quantile(share) + self.output.quantile(share)
