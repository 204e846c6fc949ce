"""Cross-checks of sites: they must be about places that exist."""

from __future__ import annotations

from planner.catalog import select
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for


def check_sites(parts: Parts, findings: Findings) -> None:
    """Check that machines can stand at every site."""
    known = {"region": select.regions(parts.catalog), "seller": select.names(parts.catalog, "sellers")}
    for index, site in enumerate(parts.limits.sites):
        for field, names in known.items():
            pattern: str = getattr(site, field)
            if pattern != "*" and not any(select.matches(name, pattern) for name in names):
                message = f"{pattern!r} matches no {field} in the catalog"
                remedy = remedy_for(pattern, names, "`planner catalog list instances`")
                findings.error(("limits", "sites", index, field), message, remedy)
