"""Cross-checks of supply: quotas against the fleet that is there, lead times against the horizon, fallbacks against spares."""

from __future__ import annotations

from planner.catalog.findings import Findings, Parts
from planner.catalog.select import counts
from planner.domain.problem import Operations, Quota


def check_supply(parts: Parts, findings: Findings) -> None:
    """Check quotas, lead times and fallbacks."""
    for index, quota in enumerate(parts.limits.quotas):
        there = _there(parts, quota)
        if there > quota.gpus:
            message = f"{quota.gpus} accelerators allowed, {there} of the fleet are there already"
            remedy = f"allow at least {there}, or narrow the quota with `offer` or `seller` so that it does not count them"
            findings.error(("limits", "quotas", index, "gpus"), message, remedy)
    if parts.horizon is not None:
        _lead_times(parts, parts.horizon.months, findings)
    if parts.operations is not None:
        _fallbacks(parts, parts.operations, findings)


def _there(parts: Parts, quota: Quota) -> int:
    """Return the accelerators of the fleet that a quota counts."""
    catalog, there = parts.catalog, 0
    for fleet in catalog.fleet.values():
        shape = catalog.instances.get(fleet.instance)
        if shape is None:  # told as a reference to nothing
            continue
        if counts(quota, shape.accelerator, fleet.region, shape.seller, "fleet"):
            there += fleet.count * shape.count
    return there


def _lead_times(parts: Parts, months: int, findings: Findings) -> None:
    """Machines that come after the horizon serve nothing in it."""
    for name, offer in parts.catalog.owned.items():
        if offer.lead_months >= months:
            message = f"{name} comes {offer.lead_months} months after its order, the horizon ends after {months}"
            path = ("catalogs", "overrides", "owned", name, "lead_months")
            findings.error(path, message, "lengthen the horizon, or remove the offer")


def _fallbacks(parts: Parts, operations: Operations, findings: Findings) -> None:
    """Spares keep the promise of what falls back on on-demand machines, and reclaims seldom come alone."""
    asking = [index for index, workload in parts.workloads if workload.interruptible == "with_fallback"]
    for index in asking:
        if operations.availability is None:
            message = "with_fallback keeps promises by spares, and operations.availability does not say how surely"
            remedy = "give operations.availability such as 99.9%, or write interruptible: true or false"
            findings.error(("workloads", index, "interruptible"), message, remedy)
    if asking and "spot_together" not in operations.model_fields_set:
        message = (
            "not given, so spot machines are taken to be reclaimed one by one; of 2,635 reclaims on AWS and Azure over 92 % came "
            "within three minutes of others of the same kind and zone (arXiv 2604.16457)"
        )
        findings.warn(("operations", "spot_together"), message, "say how many a pool may lose at once, or 1 if they are spread")
