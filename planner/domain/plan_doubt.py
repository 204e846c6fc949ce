"""How sure a plan's latencies are: promises as they are planned with, beside the same predictions taken as they come."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict


class Likely(Strict):
    """A promise of a pool in the period in which it is hardest to keep, predicted without doubt."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    route: str
    """Pool."""
    metric: Literal["ttft", "tpot", "e2e"]
    """What is promised."""
    percentile: float
    """At which percentile."""
    seconds: float
    """Prediction at that percentile under the same load, as likely too slow as too fast [s]."""


class Doubt(Strict):
    """The two edges of predictions: what promises are kept at, and what is as likely as not."""

    confidence: float
    """Share of comparable measurements that were no slower than the predictions that promises are kept at (solver.confidence)."""
    promises: tuple[Likely, ...]
    """Promises of pools whose accelerators have comparable measurements."""
