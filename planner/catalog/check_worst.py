"""Cross-checks of `finance.minimize: worst`: there are scenarios, and all costs are known for each of them."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.findings import Findings, Parts
from planner.catalog.yamlfile import KeyPath

ASKED: KeyPath = ("finance", "minimize")
EXPECTED = "or minimize: expected"


def check_worst(parts: Parts, findings: Findings) -> None:
    """Check that the cost of the dearest scenario means something, and can be told exactly."""
    if parts.finance is None or parts.finance.minimize != "worst":
        return
    if not _has_scenarios(parts, findings):
        remedy = "give scenarios: with two or more, name the scenario of every period, " + EXPECTED
        findings.error(ASKED, "there are no scenarios of which one could be the dearest", remedy)
    for what, remedy in _inexact(parts):
        findings.error(
            ASKED, f"{what}: these costs are known as averages over all scenarios, not for each", f"{remedy}, {EXPECTED}"
        )


def _has_scenarios(parts: Parts, findings: Findings) -> bool:
    """Whether scenarios are given, right or not, or every period names one of several."""
    data, named = findings.document.data, {period.scenario for period in parts.periods or ()}
    return bool(isinstance(data, dict) and data.get("scenarios")) or (len(named) > 1 and None not in named)


def _inexact(parts: Parts) -> Iterator[tuple[str, str]]:
    """Yield what costs something that is not told scenario by scenario, with what to do."""
    if parts.operations is not None and parts.operations.autoscaling is not None:
        yield "operations.autoscaling charges starts", "remove operations.autoscaling"
    if parts.stores:
        yield "stores are paid", "remove them and the stages that search them"
    for _, workload in parts.workloads:
        if workload.levers:
            yield f"levers of {workload.name} may cost something", "remove its levers"
        if any(stage.component is not None or stage.uses is not None for stage in workload.stages):
            yield f"components of {workload.name} are paid", "remove its components"
