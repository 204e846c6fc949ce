"""The hours of a horizon: to which month and to which hour of the week each belongs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.domain.horizon import HOURS_PER_WEEK, MONTHS_OF, Horizon

Hours = NDArray[np.datetime64]
Ints = NDArray[np.int64]

_EPOCH_WEEKDAY = 3
"""Days from a Monday to 1970-01-01, a Thursday."""


def month(text: str) -> np.datetime64:
    """Return a month written as `2027-04`."""
    return np.datetime64(text, "M")


def months_until(start: str, text: str) -> int:
    """Return how many months after `start` a month comes; negative before it.

    Examples
    --------
    >>> months_until("2027-11", "2028-02")
    3
    """
    return int((month(text) - month(start)).astype(np.int64))


def spans(horizon: Horizon) -> tuple[tuple[int, int], ...]:
    """Return the steps of a horizon as (first month, end), counted from 0, each ending where the next begins.

    Examples
    --------
    >>> spans(Horizon(start="2027-01", months=6, step="quarter"))
    ((0, 3), (3, 6))
    """
    size = MONTHS_OF[horizon.step]
    return tuple((first, first + size) for first in range(0, horizon.months, size))


def hours_of(start: str, first: int, end: int) -> Hours:
    """Return every hour, in UTC, from the start of month `first` to the end of month `end - 1`, counted from `start` as 0.

    Examples
    --------
    >>> len(hours_of("2028-02", 0, 1)), len(hours_of("2027-02", 0, 1))
    (696, 672)
    """
    edges = (month(start) + np.array([first, end])).astype("datetime64[h]")
    return np.arange(edges[0], edges[1])


def month_numbers(hours: Hours, start: str) -> Ints:
    """Return the month of each hour, counted from `start` as 0."""
    counted: Ints = (hours.astype("datetime64[M]") - month(start)).astype(np.int64)
    return counted


def week_hours(hours: Hours, ahead: int = 0) -> Ints:
    """Return the hour of the week of each hour, 0 = Monday 0:00, by a clock `ahead` of UTC [h].

    Examples
    --------
    >>> week_hours(np.array(["2027-03-01T00", "2027-03-07T23"], dtype="datetime64[h]")).tolist()   # a Monday, a Sunday
    [0, 167]
    """
    counted: Ints = (hours.astype(np.int64) + 24 * _EPOCH_WEEKDAY + ahead) % HOURS_PER_WEEK
    return counted


def label(start: str, first: int, end: int) -> str:
    """Name the months from `first` to `end - 1`, counted from `start` as 0.

    Examples
    --------
    >>> [label("2027-01", *span) for span in ((0, 1), (3, 6), (0, 12), (1, 4))]
    ['2027-01', '2027Q2', '2027', '2027-02..2027-04']
    """
    low, high = month(start) + first, month(start) + (end - 1)
    year, place = str(low)[:4], int(str(low)[5:]) - 1
    if first + 1 == end:
        return str(low)
    if end - first == MONTHS_OF["quarter"] and place % MONTHS_OF["quarter"] == 0:
        return f"{year}Q{place // MONTHS_OF['quarter'] + 1}"
    if end - first == MONTHS_OF["year"] and place == 0:
        return year
    return f"{low}..{high}"
