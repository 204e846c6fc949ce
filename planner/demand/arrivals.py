"""How many requests arrive in each period, and how unevenly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.demand.issues import mistake, under
from planner.demand.statistics import BusyWindow, busiest_window, mean_rate, steady_window
from planner.demand.trace import Trace, read_trace
from planner.domain.calls import TraceFile
from planner.domain.problem import Period
from planner.domain.workload import Demand, LaidOutDemand
from planner.errors import InvalidInput

POISSON = 1.0
"""Squared coefficient of variation of the gaps of independent arrivals."""
_FEW = 30
"""Arrivals in the busiest window below which its figures are mostly chance: 1/√30 is 18 % (assumption)."""
_COARSE = 0.5
"""Share of equal stamps above which gaps tell of the recording clock rather than of users (assumption)."""
_UNSTEADY = 10.0
"""Variation of gaps above which a window mixes bursts and lulls, and queueing formulas no longer hold (assumption; checked by
simulation up to 4, handbook §5)."""


@dataclass(frozen=True)
class Arrivals:
    """Demand as the planner uses it."""

    rate: tuple[float, ...]
    """Requests per second in each period [1/s]."""
    burstiness: float
    """Squared coefficient of variation of inter-arrival times within the busy window [1]."""
    assumptions: tuple[str, ...]
    """What was assumed or read off, in words for the report."""


def rates(demand: Demand, periods: Sequence[Period], base: Path) -> Arrivals:
    """Return the request rate of each period and the burstiness within it.

    rate: λ_t = scale · rate[t];   users: λ_t = scale · profile[t] · active · requests;   trace: λ_t = scale · profile[t] · λ_peak
    over a horizon: λ_t = scale · m[t] · rate, users or trace, m the multipliers that demand was laid out with

    Parameters
    ----------
    demand : Demand
        Rate, users or trace.
    periods : sequence of Period
        In the problem's order.
    base : Path
        Folder that relative paths start from.

    Returns
    -------
    Arrivals [1/s]

    Raises
    ------
    InvalidInput
        A period without a rate, a rate or profile for an unknown period, a trace that cannot be used. Paths are relative to the
        demand's own fields.

    Notes
    -----
    λ_peak is the rate of the trace's busiest window, or its mean with `plan_on: mean`. Burstiness not given is that within the
    busiest window of the trace, else 1 (independent users, an assumption).

    References
    ----------
    Handbook §5, burstiness: plan on the peak window's rate and the variation of gaps within it.
    """
    _check_periods(demand, periods)
    if demand.trace is not None:
        return _from_trace(demand, demand.trace, periods, base)
    level = demand.scale * (demand.users.active * demand.users.requests_per_user if demand.users else 1.0)
    per_period = tuple(level * _relative(demand, period) for period in periods)
    told = () if demand.burstiness else ("arrivals taken as Poisson (burstiness 1): none is given",)
    return Arrivals(per_period, demand.burstiness or POISSON, (*_laid_out(demand), *told))


def _laid_out(demand: Demand) -> tuple[str, ...]:
    """Say what laying out demand over a horizon assumed."""
    return demand.remarks if isinstance(demand, LaidOutDemand) else ()


def _check_periods(demand: Demand, periods: Sequence[Period]) -> None:
    """Require a rate for every period, no figure for an unknown one, and demand over a horizon laid out in them."""
    if demand.over_time and not isinstance(demand, LaidOutDemand):
        raise mistake(demand.over_time[0], "demand over time is not laid out in periods", "load the problem from a file first")
    names = [period.name for period in periods]
    rates_given = demand.rate if isinstance(demand.rate, dict) else None
    issues = [
        mistake(f"{field}.{name}", f"there is no period {name!r}", f"periods are {', '.join(names)}").issues[0]
        for field, given in (("rate", rates_given or {}), ("profile", demand.profile))
        for name in given
        if name not in names
    ]
    missing = [name for name in names if rates_given is not None and name not in rates_given]
    if missing:
        issues += mistake(
            "rate", f"no rate for {', '.join(missing)}", "give one for every period, 0 req/s where nothing comes"
        ).issues
    if issues:
        raise InvalidInput(issues)


def _relative(demand: Demand, period: Period) -> float:
    """Return the period's rate where rates are given, else its multiplier."""
    if isinstance(demand.rate, dict):
        return demand.rate[period.name]
    share = demand.profile.get(period.name, 1.0)
    return share if demand.rate is None else demand.rate * share


def _from_trace(demand: Demand, file: TraceFile, periods: Sequence[Period], base: Path) -> Arrivals:
    """Plan on the busiest window of a trace, or on its mean."""
    trace = under("trace", lambda: read_trace(file, base))
    busy, mean = busiest_window(trace.arrivals, file.window), mean_rate(trace.arrivals)
    level = demand.scale * (busy.rate if file.plan_on == "peak" else mean)
    burstiness, told = (demand.burstiness, ()) if demand.burstiness else _burstiness(trace, busy)
    notes = (
        *_laid_out(demand),
        *trace.remarks,
        _planned_on(trace, file, busy, mean),
        *_thin(busy),
        *_unsteady(trace, file, busy),
        *told,
    )
    return Arrivals(tuple(level * _relative(demand, period) for period in periods), burstiness, notes)


def _planned_on(trace: Trace, file: TraceFile, busy: BusyWindow, mean: float) -> str:
    """Say which rate of the trace the plan rests on, and what the other one is."""
    peak = f"busiest {busy.length:.0f} s ({busy.rate:.3g} req/s)"
    whole = f"mean of its {trace.span:.0f} s ({mean:.3g} req/s)"
    first, second = (peak, whole) if file.plan_on == "peak" else (whole, peak)
    return f"trace {trace.name}: planned on the {first}; the {second} is not"


def _thin(busy: BusyWindow) -> tuple[str, ...]:
    """Warn of a window with few arrivals."""
    return (f"the busiest window holds only {busy.requests} requests; choose a longer one",) if busy.requests < _FEW else ()


def _unsteady(trace: Trace, file: TraceFile, busy: BusyWindow) -> tuple[str, ...]:
    """Warn where bursts are shorter than the window, and name one that shows them."""
    if not busy.scv > _UNSTEADY or busy.ties > _COARSE:
        return ()
    steady = steady_window(trace.arrivals, file.window, _UNSTEADY, _FEW)
    better = f"; its busiest {steady.length:.3g} s have {steady.rate:.3g} req/s at burstiness {steady.scv:.1f}" if steady else ""
    return (f"trace {trace.name}: requests come in bursts shorter than the window of {busy.length:.0f} s{better}",)


def _burstiness(trace: Trace, busy: BusyWindow) -> tuple[float, tuple[str, ...]]:
    """Take the variation of gaps within the busiest window; Poisson where its stamps are too few or too coarse to tell."""
    if busy.ties > _COARSE:
        why = f"{busy.ties:.0%} of the stamps in its busiest window are equal, too coarse a clock to tell"
    elif math.isnan(busy.scv):
        why = "its busiest window holds too few requests to tell"
    elif busy.scv == 0:
        why = "its stamps are evenly spaced, which real requests are not"
    else:
        return busy.scv, (f"burstiness {busy.scv:.2f} is that within the busiest window of trace {trace.name}",)
    return POISSON, (f"arrivals of trace {trace.name} taken as Poisson (burstiness 1): {why}; demand.burstiness sets another",)
