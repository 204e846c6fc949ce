"""Shapes of a week: a multiplier for each of its 168 hours, from Monday 0:00 on.

Every table here is an **assumption**: public traces of calls of language models cover an hour (Azure 2023, Mooncake) or publish
no rates by hour of the week. What can be held against them is the peak: in 14 days of ServeGen's production clients the busiest
ten minutes have 1.9 to 3.3 times the mean (alibaba/ServeGen, own aggregation over its published clients, 2025). A shape of
one's own log, 168 figures or a trace, is always better.

References
----------
Xiang et al., *ServeGen: Workload Characterization and Generation of Large Language Model Serving in Production*, 2025.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WEEKDAYS = 5


def _days(weekday: Sequence[float], weekend: Sequence[float]) -> tuple[float, ...]:
    """Return five days of one kind and two of another."""
    return (*(tuple(weekday) * _WEEKDAYS), *(tuple(weekend) * 2))


def _level(*parts: tuple[int, float]) -> tuple[float, ...]:
    """Return a day of stretches (hours, level)."""
    return tuple(level for hours, level in parts for _ in range(hours))


_BUSINESS_DAY = _level(
    (6, 0.1), (1, 0.2), (1, 0.4), (1, 0.7), (3, 1.0), (1, 0.8), (4, 1.0), (1, 0.7), (1, 0.4), (3, 0.2), (2, 0.1)
)
_EVENING_DAY = _level((7, 0.1), (11, 0.4), (5, 1.0), (1, 0.4))

NAMED: dict[str, tuple[float, ...]] = {
    "always": _days(_level((24, 1.0)), _level((24, 1.0))),
    "office_hours": _days(_level((8, 0.1), (10, 1.0), (6, 0.1)), _level((24, 0.1))),
    "business_week": _days(_BUSINESS_DAY, tuple(0.25 * level for level in _BUSINESS_DAY)),
    "evenings": _days(_EVENING_DAY, _EVENING_DAY),
    "nights": _days(_level((6, 1.0), (16, 0.0), (2, 1.0)), _level((6, 1.0), (16, 0.0), (2, 1.0))),
    "weekends": _days(_level((24, 0.25)), _level((24, 1.0))),
}
"""Name → levels by local time, before they are scaled to a mean of 1. All assumed.

always         the same at every hour
office_hours   Monday to Friday 8:00-18:00 at 1, all other hours at 0.1; peak 2.7 times the mean
business_week  Monday to Friday rising from 6:00, 1 at 9:00-12:00 and 13:00-17:00, 0.8 at noon, falling to 0.1 at 22:00;
               weekends a quarter of it; peak 2.6 times the mean
evenings       every day 18:00-23:00 at 1, 7:00-18:00 and 23:00-24:00 at 0.4, 0:00-7:00 at 0.1; peak 2.3 times the mean
nights         every day 22:00-6:00 at 1, nothing by day: batches that are run then; peak 3 times the mean
weekends       Saturday and Sunday at 1, all other days at 0.25; peak 2.2 times the mean
"""


def scaled(levels: Sequence[float], *, to_peak: bool = False) -> Floats:
    """Return a week with a mean of 1, or with a peak of 1: s_h / (Σ s / 168), or s_h / max s.

    Parameters
    ----------
    levels : 168 multipliers, not all zero
    to_peak : whether the rate they multiply is that of the busiest hour rather than the mean
    """
    week = np.asarray(levels, dtype=np.float64)
    made: Floats = week / (week.max() if to_peak else week.mean())
    return made
