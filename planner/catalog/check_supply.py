"""Cross-checks of supply: quotas against the fleet that is there, and lead times against the horizon."""

from __future__ import annotations

from planner.catalog.findings import Findings, Parts
from planner.catalog.select import counts
from planner.domain.problem import Quota


def check_supply(parts: Parts, findings: Findings) -> None:
    """Check quotas and lead times."""
    for index, quota in enumerate(parts.limits.quotas):
        there = _there(parts, quota)
        if there > quota.gpus:
            message = f"{quota.gpus} accelerators allowed, {there} of the fleet are there already"
            remedy = f"allow at least {there}, or narrow the quota with `offer` or `seller` so that it does not count them"
            findings.error(("limits", "quotas", index, "gpus"), message, remedy)
    if parts.horizon is not None:
        _lead_times(parts, parts.horizon.months, findings)


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
