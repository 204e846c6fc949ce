"""Cross-checks of scenarios: their probabilities, their names, and the workloads and months they speak of."""

from __future__ import annotations

from collections import Counter

from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for

SLACK = 1e-6
"""How far the sum of probabilities may be from 1."""


def check_scenarios(parts: Parts, findings: Findings) -> None:
    """Check all scenarios together, and each against workloads and periods."""
    data = findings.document.data
    given = data.get("scenarios") if isinstance(data, dict) else None
    if not isinstance(given, list) or not given:
        return
    if len(given) == len(parts.scenarios):
        _together(parts, findings)
    names = [workload.name for _, workload in parts.workloads]
    dated = parts.horizon is not None or any(period.months is not None for period in parts.periods or ())
    for index, scenario in parts.scenarios:
        for name in scenario.demand if isinstance(scenario.demand, dict) else ():
            if name not in names:
                path = ("scenarios", index, "demand", name)
                findings.error(path, f"there is no workload {name!r}", remedy_for(name, names))
        if scenario.growth is not None and not dated:
            message = "growth has no meaning without months"
            findings.error(("scenarios", index, "growth"), message, "add a horizon, or give a factor under demand")
    for index, period in enumerate(parts.periods or ()):
        if period.scenario is not None:
            message = "periods name scenarios by themselves, and scenarios are given"
            findings.error(("periods", index, "scenario"), message, "remove it: each period is laid out for every scenario")


def _together(parts: Parts, findings: Findings) -> None:
    """Scenarios are two or more, of different names, and one of them is certain to come."""
    scenarios = [scenario for _, scenario in parts.scenarios]
    twice = sorted(name for name, count in Counter(one.name for one in scenarios).items() if count > 1)
    if twice:
        findings.error(("scenarios",), f"scenarios have the same name: {', '.join(twice)}", "give each a name of its own")
    if len(scenarios) == 1:
        findings.error(("scenarios",), "there is one scenario only", "add another, or remove it and change the demand itself")
    total = sum(one.probability for one in scenarios)
    if abs(total - 1.0) > SLACK:
        message = f"their probabilities add up to {total:.4g}, one of them must come"
        findings.error(("scenarios",), message, "change them until they add up to 100 %")
    for index, scenario in parts.scenarios:
        if scenario.probability == 0.0:
            findings.error(("scenarios", index, "probability"), "it never comes", "remove the scenario, or give it a probability")
