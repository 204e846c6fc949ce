"""Cross-checks of variants: what a problem chooses of partitions and power points must exist."""

from __future__ import annotations

from planner.catalog import select
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.domain.problem import ProblemChoices


def check_variants(parts: Parts, findings: Findings) -> None:
    """Check that every name or pattern stands for a row."""
    if not isinstance(parts.choose, ProblemChoices):
        return
    for kind in ("partitions", "power_points"):
        choice, known = getattr(parts.choose, kind), list(getattr(parts.catalog, kind))
        for field in ("allow", "forbid"):
            for index, pattern in enumerate(getattr(choice, field) or ()):
                if not any(select.matches(name, pattern) for name in known):
                    message = f"{pattern!r} matches none of the catalog's {kind}"
                    findings.error(("choose", kind, field, index), message, remedy_for(pattern, known))
