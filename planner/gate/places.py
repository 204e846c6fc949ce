"""Rules about whom and where: sellers and regions that are allowed, by name or shell pattern, letter case aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from planner.domain.plan import Plan
from planner.gate.finding import Evidence, Finding, Unknown

_CHOSEN = {"sellers": "choose.sellers, choose.apis, stores", "regions": "choose.regions"}
"""Where a problem file forbids them."""


def sellers(evidence: Evidence, limit: Sequence[str]) -> Iterator[Finding]:
    """Check who is paid: for machines, at APIs (the part of their name before the slash), and for vector stores.

    Machines of one's own are sold by `owned` in the catalogs, and must be allowed like any other.
    """
    plan = evidence.plan
    used = {pool.seller for pool in plan.pools} | {buy.seller for buy in plan.purchases}
    used |= {_first(route.api) for route in plan.external} | {_first(part.offer) for part in plan.stores}
    yield _allowed("allow_seller", "sellers", sorted(used), limit, "pools, purchases, apis, provisioned, stores")


def regions(evidence: Evidence, limit: Sequence[str]) -> Iterator[Finding | Unknown]:
    """Check where machines stand. A plan does not say where APIs and vector stores do, so with any of them it cannot be told."""
    plan = evidence.plan
    elsewhere = _unplaced(plan)
    if elsewhere:
        message = f"the plan does not say in which region {', '.join(elsewhere)} runs"
        remedy = "hold workloads to continents in the problem (data.region_groups), and leave this rule out or forbid those"
        yield Unknown("allow_region", message, remedy)
        return
    used = {pool.region for pool in plan.pools} | {buy.region for buy in plan.purchases}
    yield _allowed("allow_region", "regions", sorted(used), limit, "pools, purchases")


def _unplaced(plan: Plan) -> list[str]:
    """Return what runs at places that the plan does not name."""
    return sorted({route.api for route in plan.external} | {f"{part.store} on {part.offer}" for part in plan.stores})


def _allowed(rule: str, what: str, used: Sequence[str], patterns: Sequence[str], source: str) -> Finding:
    """Check that every name fits a pattern."""
    wrong = [name for name in used if not any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)]
    allowed = ", ".join(patterns)
    if not wrong:
        said = f"{what}: {', '.join(used) or 'none'}; allowed are {allowed}"
        return Finding(rule, True, tuple(used), tuple(patterns), "", said, source)
    note = f"forbid them in the problem ({_CHOSEN[what]}) and solve again, or allow them"
    said = f"{what} not allowed: {', '.join(wrong)}; allowed are {allowed}"
    return Finding(rule, False, tuple(used), tuple(patterns), "", said, note)


def _first(name: str) -> str:
    """Return who sells what is named `seller/thing`."""
    return name.partition("/")[0]
