"""One workload's demand over a horizon, hour by hour, as multipliers of the rate it states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.domain.horizon import MONTHS_OF, Horizon
from planner.domain.workload import Demand
from planner.horizon.calendar import Hours, months_until, week_hours
from planner.horizon.shapes import scaled
from planner.horizon.weekfile import levels_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """How a workload's rate changes: m(t) = week[hour of the week of t] · growth[month of t] · events(t)."""

    demand: Demand
    """What the problem file says."""
    week: Floats
    """[168] multiplier of each hour of the week by the workload's own clock."""
    growth: Floats
    """[month] (1 + g)^(k/p), k months since the first with requests, p the months of g's own time; 0 without requests."""

    def weekly(self, hours: Hours) -> Floats:
        """Return the multiplier of the shape for hours in UTC."""
        return self.week[week_hours(hours, self.demand.timezone)]

    def eventful(self, hours: Hours) -> Floats:
        """Return the multiplier of events for hours in UTC: the product of all that cover an hour, by the workload's clock."""
        local = hours + np.timedelta64(self.demand.timezone, "h")
        factor = np.ones(len(hours))
        for event in self.demand.events:
            factor[(local >= _midnight(event.first)) & (local < _midnight(event.last) + np.timedelta64(24, "h"))] *= event.times
        return factor


def course(demand: Demand, horizon: Horizon, base: Path) -> Course:
    """Return the course of a workload's demand.

    Parameters
    ----------
    demand : its shape, growth, events and months
    horizon : months to plan for
    base : folder that a shape's file is relative to

    Raises
    ------
    InvalidInput
        A file of a shape that cannot be used, by paths relative to the shape.
    """
    return Course(demand, scaled(levels_of(demand.shape, base), to_peak=is_peak(demand)), monthly(demand, horizon))


def is_peak(demand: Demand) -> bool:
    """Return whether the rate is that of the busiest hour: where it says so, or comes from the busiest window of a trace."""
    if demand.rate_is is not None:
        return demand.rate_is == "peak"
    return demand.trace is not None and demand.trace.plan_on == "peak"


def monthly(demand: Demand, horizon: Horizon) -> Floats:
    """Return the multiplier of growth for each month, 0 before the launch and after the end.

    (1 + g)^(k/p), k months since max(start, launch), p = 1, 3 or 12 months: the time in which g holds

    Examples
    --------
    >>> from planner.domain.workload import Demand
    >>> made = Demand(rate="1 req/s", growth="10%/month", launch="2027-02")
    >>> monthly(made, Horizon(start="2027-01", months=4)).round(3).tolist()
    [0.0, 1.0, 1.1, 1.21]
    """
    first = max(0, months_until(horizon.start, demand.launch)) if demand.launch is not None else 0
    end = months_until(horizon.start, demand.ends) + 1 if demand.ends is not None else horizon.months
    age = np.arange(horizon.months) - first
    growth = demand.growth
    rise = 1.0 if growth is None else np.power(1.0 + growth.rate, np.maximum(age, 0) / MONTHS_OF[growth.per])
    return np.where((age >= 0) & (age < end - first), rise, 0.0)


def _midnight(day: date) -> np.datetime64:
    """Return the first hour of a day."""
    return np.datetime64(day, "h")
