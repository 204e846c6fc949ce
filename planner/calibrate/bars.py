"""The bars that predictions of what was left out of a fit are held to, and whether they are met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Bar:
    """What a figure over all points must not pass, or must reach."""

    metric: str
    statistic: str
    limit: float
    text: str
    """As it is read: `TPOT median error`."""
    at_least: bool = False
    """Whether more is better."""

    @property
    def percent(self) -> bool:
        """Whether the figure is a share."""
        return not self.statistic.startswith("rank")


BARS = (
    Bar("tpot", "median", 0.08, "TPOT, median error"),
    Bar("tpot", "capped", 0.13, "TPOT, mean error, each capped at 100 %"),
    Bar("tpot", "within_15", 0.75, "TPOT, points within 15 %", at_least=True),
    Bar("ttft", "median", 0.25, "TTFT, median error"),
    Bar("ttft", "within_50", 0.75, "TTFT, points within 50 %", at_least=True),
    Bar("e2e", "median", 0.10, "E2E, median error"),
    Bar("tokens", "rank", 0.97, "tokens/s/GPU, rank correlation in groups", at_least=True),
    Bar("kv", "worst", 0.10, "KV capacity, worst error"),
)
"""What predictions of points left out of the fit are held to."""


@dataclass(frozen=True)
class Verdict:
    """A bar and what one kind of coefficients reaches."""

    bar: Bar
    kind: str
    value: float
    """NaN = nothing to judge by."""

    @property
    def known(self) -> bool:
        """Whether there was anything to judge by."""
        return not np.isnan(self.value)

    @property
    def missed_by(self) -> float:
        """How far the bar is missed, in its own unit; not positive = met."""
        return self.bar.limit - self.value if self.bar.at_least else self.value - self.bar.limit

    @property
    def met(self) -> bool:
        """Whether the bar is met; never without anything to judge by."""
        return self.known and self.missed_by <= 0.0


def verdicts(overall: pd.DataFrame, kinds: Iterable[str], bars: Sequence[Bar] = BARS) -> list[Verdict]:
    """Hold the figures over all points against the bars.

    Parameters
    ----------
    overall : `table` of all points together
    kinds : the coefficients to judge
    bars : in the order wanted

    Returns
    -------
    One verdict a bar and kind.
    """
    return [Verdict(bar, kind, _value(overall, bar, kind)) for bar in bars for kind in kinds]


def _value(overall: pd.DataFrame, bar: Bar, kind: str) -> float:
    """Return the figure a bar is about, NaN if there is none."""
    row = overall[(overall["metric"] == bar.metric) & (overall["kind"] == kind)]
    return float(row[bar.statistic].iloc[0]) if len(row) else np.nan
