"""From scenarios to periods: every period once for each, its hours counted with the scenario's probability."""

from __future__ import annotations

from planner.domain.horizon import MONTHS_OF, Scenario
from planner.domain.problem import Period, Problem
from planner.domain.workload import Demand, LaidOutDemand, Workload


def branched(problem: Problem) -> Problem:
    """Return a problem with scenarios as one whose periods belong to them; any other as it is.

    h[t, s] = p[s]·h[t],   λ[t, s] = λ[t]·demand[s]·(1 + growth[s])^(k/per),  k the month of the period in which growth is highest

    Parameters
    ----------
    problem : its demand laid out in periods

    Returns
    -------
    Problem, periods in their order, each for one scenario after the other: `2027Q1 h1 @ high`
    """
    scenarios = problem.scenarios
    if not scenarios:
        return problem
    pairs = [(period, scenario) for period in problem.periods for scenario in scenarios]
    periods = tuple(_of(period, one) for period, one in pairs)
    workloads = tuple(_branched(workload, pairs) for workload in problem.workloads)
    return problem.model_copy(update={"periods": periods, "workloads": workloads})


def _of(period: Period, scenario: Scenario) -> Period:
    """Return a period as one of a scenario, after those of the same scenario: as many hours and times as it is likely."""
    chance = scenario.probability
    named = {"name": _name(period, scenario), "scenario": scenario.name}
    follows = {f"{before} @ {scenario.name}": times * chance for before, times in period.follows.items()}
    return period.model_copy(update={**named, "hours": period.hours * chance, "follows": follows})


def _name(period: Period, scenario: Scenario) -> str:
    return f"{period.name} @ {scenario.name}"


def _branched(workload: Workload, pairs: list[tuple[Period, Scenario]]) -> Workload:
    """Return a workload whose demand holds a rate or a multiplier for each period of each scenario."""
    demand = workload.demand
    factor = {_name(period, one): _factor(workload.name, period, one) for period, one in pairs}
    of = {_name(period, one): period.name for period, one in pairs}
    given = {name: getattr(demand, name) for name in type(demand).model_fields}
    if isinstance(demand.rate, dict):
        given["rate"] = {name: demand.rate.get(of[name], 0.0) * times for name, times in factor.items()}
    else:
        given["profile"] = {name: demand.profile.get(of[name], 1.0) * times for name, times in factor.items()}
    remarks = demand.remarks if isinstance(demand, LaidOutDemand) else ()
    made: Demand = LaidOutDemand.model_construct(**{**given, "remarks": (*remarks, _told(workload, pairs))})
    return workload.model_copy(update={"demand": made})


def _factor(workload: str, period: Period, scenario: Scenario) -> float:
    """Return what a scenario makes of a workload's demand in a period."""
    level = scenario.demand.get(workload, 1.0) if isinstance(scenario.demand, dict) else scenario.demand
    if scenario.growth is None or period.months is None:
        return level
    first, end = period.months
    rate, per = scenario.growth.rate, MONTHS_OF[scenario.growth.per]
    return level * float((1.0 + rate) ** ((end - 1 if rate > 0 else first) / per))


def _told(workload: Workload, pairs: list[tuple[Period, Scenario]]) -> str:
    """Say how demand may turn out."""
    known = {one.name: one for _, one in pairs}
    last = pairs[-1][0]
    parts = [f"{_factor(workload.name, last, one):.3g} × with {one.probability:.0%} ({name})" for name, one in known.items()]
    return f"demand may turn out {', '.join(parts)}, in the last period: an assumption of the problem"
