"""Figures by hour of the week: what they are on average in a period, and over all hours.

A period of a horizon, or with `hours_of_day`, knows which hours of the week are among its own. What it pays for a kWh, and what
that emits, is the mean over them; a period that does not know has the mean over all hours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planner.domain.horizon import HOURS_PER_WEEK
from planner.domain.problem import Period

Floats = NDArray[np.float64]


def week_of(figure: float | Sequence[float], timezone: int = 0) -> Floats:
    """[168] Return a figure for each hour of the week in UTC, from one, 24 or 168 by a clock that is `timezone` hours ahead.

    f_utc[h] = f[(h + timezone) mod 168]

    Examples
    --------
    >>> week_of([float(hour) for hour in range(24)], timezone=2)[:3].tolist()
    [2.0, 3.0, 4.0]
    """
    values = np.atleast_1d(np.asarray(figure, dtype=np.float64))
    whole = np.tile(values, HOURS_PER_WEEK // len(values))
    return np.asarray(np.roll(whole, -timezone))


def hours_of(period: Period) -> Floats:
    """[168] Return the share that each hour of the week, in UTC, has in a period; even where it does not say [1]."""
    if period.week is not None:
        hours = np.array(period.week)
    elif period.hours_of_day is not None:
        first, end = period.hours_of_day
        clock = np.arange(HOURS_PER_WEEK) % 24
        inside = (clock >= first) & (clock < end) if first < end else (clock >= first) | (clock < end)
        hours = inside.astype(np.float64)
    else:
        hours = np.ones(HOURS_PER_WEEK)
    return np.asarray(hours / hours.sum())


def by_period(week: Floats, periods: Sequence[Period]) -> Floats:
    """[T] Return the mean of a figure by hour of the week over the hours of each period."""
    if np.ptp(week) == 0:
        return np.full(len(periods), week[0])
    return np.array([float(hours_of(period) @ week) for period in periods])
