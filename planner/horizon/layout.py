"""From a horizon to periods: for each step some typical hours, and every workload's multiplier in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.domain.horizon import HOURS_PER_WEEK, Horizon
from planner.domain.problem import Period, Problem
from planner.domain.workload import LaidOutDemand, Workload
from planner.horizon.calendar import Hours, Ints, hours_of, label, month_numbers, spans, week_hours
from planner.horizon.course import Course, course
from planner.horizon.following import changes, with_follows
from planner.horizon.typical import typical_hours
from planner.horizon.words import Shares, remarks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Laid:
    """One step of a horizon laid out in periods."""

    periods: tuple[Period, ...]
    """Its typical hours, the busiest first."""
    rate: Floats
    """[period, workload] multipliers."""
    expected: Floats
    """[workload] Σ of the true multiplier over all hours [h]."""
    grown: Floats
    """[workload] what the highest month adds to that over all hours [h]."""
    gathered: Floats
    """[workload] what typical hours add on top [h]."""
    order: Ints
    """[hour] which of the periods each hour of the step is."""


def lay_out(problem: Problem, base: Path) -> Problem:
    """Return a problem with a horizon as one with periods; any other as it is.

    Parameters
    ----------
    problem : checked, its demands as the file states them
    base : folder that shapes' files are relative to

    Returns
    -------
    Problem
        Periods in the order of time, those of a step the busiest first, with its months; hours add up to the calendar's.
        Demands hold a multiplier for each period, and say how much of them is overstated.

    Notes
    -----
    m(t) = week · growth · events for each hour t of the horizon (`course`). Within a step growth is that of its highest month
    with requests. Then hours are gathered in typical ones, led by the highest multiplier of each workload (`typical_hours`). So
    no hour of the horizon asks for more than the period that stands for it, of any workload.
    """
    horizon = problem.horizon
    if horizon is None:
        return problem
    courses = [course(workload.demand, horizon, base) for workload in problem.workloads]
    steps = [_laid(horizon, courses, first, end) for first, end in spans(horizon)]
    periods = tuple(period for step in steps for period in step.periods)
    if problem.operations.autoscaling is not None:
        periods = with_follows(periods, changes([period.name for period in periods], _in_order(steps)))
    workloads = tuple(
        _with_periods(workload, made, horizon, steps, index)
        for index, (workload, made) in enumerate(zip(problem.workloads, courses, strict=True))
    )
    return problem.model_copy(update={"periods": periods, "workloads": workloads})


def _in_order(steps: Sequence[Laid]) -> Ints:
    """[hour] Return the period of each hour of the horizon, counted over all steps."""
    first = np.cumsum([0, *(len(step.periods) for step in steps)])
    return np.concatenate([step.order + begin for step, begin in zip(steps, first, strict=False)])


def _laid(horizon: Horizon, courses: Sequence[Course], first: int, end: int) -> Laid:
    """Lay out one step."""
    hours = hours_of(horizon.start, first, end)
    months = month_numbers(hours, horizon.start)
    flows = [_flow(made, hours, months, first, end) for made in courses]
    kinds, count, kind = _kinds(hours, flows)
    rate = np.stack([flow.level[kinds] for flow in flows], axis=1)
    typical = typical_hours(rate, count, horizon.typical_hours)
    added = (typical.rate[typical.of] - rate) * count[:, None]
    weeks = np.zeros((len(typical.hours), HOURS_PER_WEEK))
    np.add.at(weeks, (typical.of, week_hours(hours)[kinds]), count)
    return Laid(
        periods=tuple(_periods(label(horizon.start, first, end), weeks, (first, end))),
        rate=typical.rate,
        expected=np.array([flow.expected for flow in flows]),
        grown=np.array([flow.grown for flow in flows]),
        gathered=np.asarray(added.sum(axis=0), dtype=np.float64),
        order=typical.of[kind],
    )


@dataclass(frozen=True)
class _Flow:
    """A workload within a step."""

    level: Floats
    """[hour] multiplier with the growth of the highest month."""
    loud: Floats
    """[hour] the part of it that the hour of the week does not tell: events, launch and end."""
    expected: float
    """Σ of the true multiplier [h]."""
    grown: float
    """Σ of what the highest month adds [h]."""


def _flow(made: Course, hours: Hours, months: Ints, first: int, end: int) -> _Flow:
    """Return a workload's multipliers within a step; months without requests are told apart, not grown into."""
    growth, highest = made.growth[months], made.growth[first:end].max()
    loud = made.eventful(hours) * (growth > 0)
    calm = made.weekly(hours) * loud
    return _Flow(calm * highest, loud, float((calm * growth).sum()), float((calm * (highest - growth)).sum()))


def _kinds(hours: Hours, flows: Sequence[_Flow]) -> tuple[Ints, Floats, Ints]:
    """Return one hour of each kind, how many are of it, those alike in the hour of the week and in events for everyone, and the
    kind of each hour."""
    varying = [flow.loud for flow in flows if np.ptp(flow.loud) > 0]
    key = np.stack([week_hours(hours).astype(np.float64), *varying], axis=1)
    _, first, kind, count = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    return first, count.astype(np.float64), kind.reshape(-1).astype(np.int64)


def _periods(name: str, weeks: Floats, months: tuple[int, int]) -> Iterator[Period]:
    """Yield the periods of a step, from their hours of the week: `2027Q1 h1` the busiest, `2027Q1 h2`, …; alone, `2027Q1`."""
    width = len(str(len(weeks)))
    for number, week in enumerate(weeks, 1):
        part = f" h{number:0{width}d}" if len(weeks) > 1 else ""
        yield Period(name=f"{name}{part}", hours=float(week.sum()), months=months, week=tuple(week.tolist()))


def _with_periods(workload: Workload, made: Course, horizon: Horizon, steps: Sequence[Laid], index: int) -> Workload:
    """Return a workload whose demand holds a multiplier for each period."""
    expected, grown, gathered = np.sum([(step.expected, step.grown, step.gathered) for step in steps], axis=0)[:, index].tolist()
    held = Shares(sum(len(step.periods) for step in steps), expected, grown, gathered)
    said = remarks(made, horizon, held, waits=workload.deadline is not None and len(steps) > 1)
    profile = {p.name: float(m) for step in steps for p, m in zip(step.periods, step.rate[:, index], strict=True)}
    overstated = (grown + gathered) / expected if expected > 0 else 0.0
    given = {name: getattr(workload.demand, name) for name in type(workload.demand).model_fields}
    demand = LaidOutDemand.model_construct(**{**given, "profile": profile, "overstated": overstated, "remarks": said})
    return workload.model_copy(update={"demand": demand})
