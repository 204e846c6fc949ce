"""Demand as it goes on: in every month of the calendar what it would have been, told from the new start.

A workload of rate λ that has grown for k months since its first with requests, or the start, goes on as

    scale' = scale·(1 + g)^(k/p),   k = months rolled less its launch, 0 before it

and the scenario that came is in it: its factor, its growth up to then in `scale`, and from then on in `growth`,

    1 + g' = (1 + g)^(1/p)·(1 + g_s)^(1/p_s)   a month.

Launch, end and events are dates, and stay; those that are over are left out.
"""

from __future__ import annotations

from typing import Any

from planner.domain.horizon import Growth, Scenario
from planner.domain.problem import Period, Problem
from planner.domain.workload import Demand, Workload
from planner.horizon.calendar import label, months_until
from planner.roll.moved import Move, grown

Row = dict[str, Any]


def moved_workloads(rows: list[Row], problem: Problem, move: Move, kept: list[Period]) -> list[Row]:
    """Return the workloads of a file as they go on; those that are over, or that the scenario leaves without requests, are gone.

    Parameters
    ----------
    rows : as they stand in the file
    problem : as loaded, demand laid out in its periods
    move : how far, and along which scenario
    kept : periods that are left, where the file has periods
    """
    by_name = {workload.name: workload for workload in problem.workloads}
    scenario = move.drawn(problem.scenarios)
    moved = []
    for row in rows:
        workload = by_name[row["name"]]
        if problem.horizon is not None:
            demand = _dated(row["demand"], workload, problem.horizon.start, move.months, scenario)
        else:
            demand = _by_period(row["demand"], workload.demand, kept, scenario)
        if demand is not None:
            moved.append({**row, "demand": demand})
    return moved


def _dated(row: Row, workload: Workload, start: str, months: int, scenario: Scenario | None) -> Row | None:
    """Return the demand of a workload over a horizon."""
    demand, made = workload.demand, dict(row)
    if demand.ends is not None and months_until(start, demand.ends) < months:
        return None
    launch = 0 if demand.launch is None else max(months_until(start, demand.launch), 0)
    first = max(launch, months)
    growth = demand.growth
    factor = 1.0 if growth is None else grown(growth.rate, growth.per, first - launch)
    if scenario is not None:
        factor *= _level(scenario, workload.name)
        if scenario.growth is not None:
            factor *= grown(scenario.growth.rate, scenario.growth.per, first)
            made["growth"] = {"rate": _together(growth, scenario.growth), "per": "month"}
    if factor == 0.0:
        return None
    if launch < months:
        made.pop("launch", None)
    if factor != 1.0:
        made["scale"] = demand.scale * factor
    _keep_events(made, demand, label(start, months, months + 1))
    return made


def _level(scenario: Scenario, workload: str) -> float:
    return scenario.demand.get(workload, 1.0) if isinstance(scenario.demand, dict) else scenario.demand


def _together(own: Growth | None, further: Growth) -> float:
    """Return two growths as one a month."""
    before = 1.0 if own is None else grown(own.rate, own.per, 1)
    return before * grown(further.rate, further.per, 1) - 1.0


def _keep_events(made: Row, demand: Demand, month: str) -> None:
    """Leave out events that were over before a month."""
    if "events" not in made:
        return
    left = [
        row for row, event in zip(made["events"], demand.events, strict=True) if event.last.isoformat()[: len(month)] >= month
    ]
    if left:
        made["events"] = left
    else:
        del made["events"]


def _by_period(row: Row, demand: Demand, kept: list[Period], scenario: Scenario | None) -> Row | None:
    """Return the demand of a workload by period: figures of those that are left, with what the scenario makes of them."""
    made = dict(row)
    name = {period.name: _laid_out(period, scenario) for period in kept}
    if isinstance(demand.rate, dict):
        given = row["rate"]
        rates = {
            own: f"{demand.rate[laid]!r} req/s" if scenario else given[own] for own, laid in name.items() if laid in demand.rate
        }
        made["rate"] = rates
        return made if any(demand.rate[laid] > 0 for laid in name.values() if laid in demand.rate) else None
    profile = {own: demand.profile.get(laid, 1.0) for own, laid in name.items()}
    if not any(profile.values()):
        return None
    if demand.rate is not None:
        if scenario is not None:
            made["rate"] = {own: f"{demand.rate * times!r} req/s" for own, times in profile.items()}
    elif scenario is not None or "profile" in row:
        made["profile"] = profile
    return made


def _laid_out(period: Period, scenario: Scenario | None) -> str:
    """Return the name of a period once scenarios are laid out."""
    return period.name if scenario is None else f"{period.name} @ {scenario.name}"
