"""Cross-checks of demand over time: horizon or periods, months of periods, and what workloads say of their weeks and months."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from planner.catalog.findings import Findings, Parts
from planner.catalog.yamlfile import KeyPath
from planner.domain.horizon import Event, Horizon
from planner.domain.problem import Period, Problem
from planner.domain.workload import Demand
from planner.errors import InvalidInput
from planner.horizon.calendar import label, months_until
from planner.horizon.weekfile import levels_of

_MANY = 60
"""Periods above which a solve is likely to reach its time limit (assumption, from solves of up to ten workloads)."""


def check_horizon(parts: Parts, findings: Findings) -> None:
    """Check the horizon, or the months of periods, and every workload against it."""
    data = findings.document.data
    dated = isinstance(data, dict) and data.get("horizon") is not None
    both = dated and "periods" in data
    if both:
        findings.error(("horizon",), "both a horizon and periods are given", "remove one: a horizon lays out periods by itself")
    elif parts.periods is not None:
        _months(parts.periods, findings)
    for index, workload in parts.workloads:
        path: KeyPath = ("workloads", index, "demand")
        if not dated:
            _undated(workload.demand, path, findings)
        else:
            if not both:
                _one_rate(workload.demand, path, findings)
            _shape(workload.demand, path, parts, findings)
            if parts.horizon is not None:
                _dates(workload.demand, path, parts.horizon, findings)


def check_size(problem: Problem, findings: Findings) -> None:
    """Warn of more periods than a solve is likely to finish with."""
    if problem.horizon is not None and len(problem.periods) > _MANY:
        message = f"it is laid out in {len(problem.periods)} periods; a solve may reach its time limit before its gap"
        findings.warn(("horizon",), message, "give fewer typical_hours, or a longer step")


def _months(periods: Sequence[Period], findings: Findings) -> None:
    """Months of periods must follow each other from 0 on without gap or overlap, or be given for none."""
    without = [period.name for period in periods if period.months is None]
    if len(without) == len(periods):
        return
    if without:
        message = f"some periods have months, others not: {', '.join(without)}"
        findings.error(("periods",), message, "give months to all periods, or to none")
        return
    spans = sorted({period.months for period in periods if period.months is not None})
    for low, high in pairwise([(0, 0), *spans]):
        where = f"months {high[0]} to {high[1]} come after months {low[0]} to {low[1]}" if low[1] else f"they begin at {high[0]}"
        if high[0] != low[1]:
            what = "overlap" if high[0] < low[1] else "leave a gap"
            remedy = f"let each begin where the one before ends, here at {low[1]}; periods of one stretch have equal months"
            number = next(i for i, period in enumerate(periods) if period.months == high)
            findings.error(("periods", number, "months"), f"months of periods {what}: {where}", remedy)


def _undated(demand: Demand, path: KeyPath, findings: Findings) -> None:
    """What changes over time needs a horizon to change in."""
    for field in demand.over_time:
        remedy = "add `horizon: {start: 2027-01, months: 12}` in place of periods, or give a rate for each period"
        findings.error((*path, field), f"{field} has no meaning without a horizon", remedy)


def _one_rate(demand: Demand, path: KeyPath, findings: Findings) -> None:
    """With a horizon periods have no names yet that a rate could be given for."""
    remedy = "give one figure, and `shape`, `growth` or `events` for how it changes"
    if isinstance(demand.rate, dict):
        findings.error((*path, "rate"), "rates by period cannot be given with a horizon, which makes the periods", remedy)
    if demand.profile:
        findings.error(
            (*path, "profile"), "multipliers by period cannot be given with a horizon, which makes the periods", remedy
        )


def _shape(demand: Demand, path: KeyPath, parts: Parts, findings: Findings) -> None:
    """A shape's file must be there and hold a week."""
    try:
        levels_of(demand.shape, parts.base)
    except InvalidInput as error:
        for issue in error.issues:
            findings.error((*path, "shape", *issue.path.split(".")), issue.message, issue.remedy)


def _dates(demand: Demand, path: KeyPath, horizon: Horizon, findings: Findings) -> None:
    """Launch, end and events must fall into the horizon."""
    whole = f"the horizon, {label(horizon.start, 0, horizon.months)}"
    launch = months_until(horizon.start, demand.launch) if demand.launch is not None else 0
    ends = months_until(horizon.start, demand.ends) if demand.ends is not None else horizon.months - 1
    if launch >= horizon.months:
        findings.error((*path, "launch"), f"{demand.launch} comes after {whole}", "remove the workload, or lengthen the horizon")
    elif launch < 0:
        findings.warn(
            (*path, "launch"), f"{demand.launch} comes before {whole}: no effect", "the rate is that of its first month"
        )
    if ends < 0:
        findings.error((*path, "ends"), f"{demand.ends} comes before {whole}", "remove the workload, or let it end later")
    elif ends < launch < horizon.months:
        message = f"it ends in {demand.ends}, before its launch in {demand.launch}"
        findings.error((*path, "ends"), message, "check the two months")
    elif demand.ends is not None and ends >= horizon.months:
        findings.warn((*path, "ends"), f"{demand.ends} comes after {whole}: no effect", "remove it, or lengthen the horizon")
    for number, event in enumerate(demand.events):
        if _outside(event, horizon):
            message = f"{event.name} ({event.first} to {event.last}) lies outside {whole}: no effect"
            findings.warn((*path, "events", number), message, "check its days, or remove it")


def _outside(event: Event, horizon: Horizon) -> bool:
    """Say whether no day of an event is one of the horizon."""
    first, last = (months_until(horizon.start, day.isoformat()[: len("2027-03")]) for day in (event.first, event.last))
    return last < 0 or first >= horizon.months
