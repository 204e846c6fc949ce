"""How often one period follows another: counted hour by hour over a horizon, or from the time in which periods come around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from planner.domain.problem import Period, Problem
from planner.horizon.calendar import Ints

Follows = dict[str, dict[str, float]]
"""Period → period before it → times."""


def changes(names: Sequence[str], order: Ints) -> Follows:
    """Count how often each period follows another, from the period of each hour.

    Parameters
    ----------
    names : of the periods
    order : [hour] which of them each hour is

    Examples
    --------
    >>> changes(["day", "night"], np.array([1, 0, 0, 1, 0]))
    {'day': {'night': 2.0}, 'night': {'day': 1.0}}
    """
    before, after = order[:-1], order[1:]
    count = np.zeros((len(names), len(names)))
    np.add.at(count, (after[before != after], before[before != after]), 1.0)
    return {
        name: {names[b]: float(count[a, b]) for b in range(len(names)) if count[a, b]}
        for a, name in enumerate(names)
        if count[a].any()
    }


def with_follows(periods: Sequence[Period], found: Follows) -> tuple[Period, ...]:
    """Return periods that say which others they follow how often."""
    return tuple(period.model_copy(update={"follows": found.get(period.name, {})}) for period in periods)


def followed(problem: Problem) -> Problem:
    """Return a problem whose periods say how often they follow each other, where replicas are asked to follow them.

    times = Σ hours of a stretch / cycle for each period and the one before it, the first after the last

    Parameters
    ----------
    problem : with its periods; those of a horizon say it already

    Notes
    -----
    A stretch are the periods of the same months and scenario. From one stretch to the next the last period is followed by the
    first once, times the probability of its scenario.
    """
    settings = problem.operations.autoscaling
    if settings is None or problem.horizon is not None or any(period.follows for period in problem.periods):
        return problem
    found: Follows = {}
    for after, before, times in _around(problem.periods, settings.cycle):
        known = found.setdefault(after, {})
        known[before] = known.get(before, 0.0) + times
    return problem.model_copy(update={"periods": with_follows(problem.periods, found)})


def stretches(periods: Sequence[Period]) -> list[list[Period]]:
    """Return the periods of the same months and scenario together, in the order in which they come."""
    found: dict[tuple[object, object], list[Period]] = {}
    for period in periods:
        found.setdefault((period.months, period.scenario), []).append(period)
    return list(found.values())


def _around(periods: Sequence[Period], cycle: float | None) -> Iterator[tuple[str, str, float]]:
    """Yield (period, the one before it, times); the time of a cycle is in seconds."""
    known = stretches(periods)
    for stretch in known:
        if len(stretch) > 1 and cycle is not None:
            times = sum(period.hours for period in stretch) / (cycle / 3600.0)
            for before, after in pairwise([stretch[-1], *stretch]):
                yield after.name, before.name, times
    for stretch in known:
        for later in known:
            if _next(stretch[0], later[0]):
                yield later[0].name, stretch[-1].name, _likelihood(later, known)


def _next(one: Period, other: Period) -> bool:
    """Whether a stretch begins where another ends, in a scenario that may follow it."""
    if one.months is None or other.months is None or one.months[1] != other.months[0]:
        return False
    return one.scenario in (None, other.scenario)


def _likelihood(stretch: Sequence[Period], known: Sequence[Sequence[Period]]) -> float:
    """Return the share of a stretch among all of the same months: the probability of its scenario."""
    same = [other for other in known if other[0].months == stretch[0].months]
    return sum(period.hours for period in stretch) / sum(period.hours for other in same for period in other)
