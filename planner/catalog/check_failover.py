"""Cross-checks of failover: groups of regions must exist, differ and be allowed, and the rest of the workload must go with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from planner.catalog import select
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Choice
from planner.domain.failover import Failover
from planner.domain.workload import Workload


def check_failover(parts: Parts, findings: Findings) -> None:
    """Check the groups of regions of every workload that asks for failover, and what it asks for beside."""
    for index, workload in parts.workloads:
        if workload.failover is not None:
            path: KeyPath = ("workloads", index)
            _beside(parts, workload, path, findings)
            _named(parts, workload, findings)
            if _known(parts, workload.failover, (*path, "failover", "regions"), findings):
                _apart(parts, workload.failover, (*path, "failover", "regions"), findings)
                _open(parts, workload, workload.failover, (*path, "failover", "regions"), findings)


def _beside(parts: Parts, workload: Workload, path: KeyPath, findings: Findings) -> None:
    """Refuse what failover is not worked out for."""
    average = any(floor.over == "average" for floor in workload.quality)
    for field, given, why in (
        ("stages", bool(workload.stages), "components, stores and models of several stages would have to fail over together"),
        ("levers", bool(workload.levers), "what levers change is not worked out for each group of regions"),
        ("deadline", workload.deadline is not None, "work with a deadline may wait until the region is back"),
        ("quality", average, "a floor on average may not hold over the groups that are left; say `over: each`"),
    ):
        if given:
            findings.error((*path, field), f"not supported together with failover: {why}", f"remove {field} or failover")
    if parts.operations is not None and parts.operations.autoscaling is not None:
        message = "not supported together with failover: replicas that start when a region fails come too late"
        findings.error((*path, "failover"), message, "remove failover, or operations.autoscaling")


def _named(parts: Parts, workload: Workload, findings: Findings) -> None:
    """No other workload has the name that a plan gives to the calls of a group: `chat@1`."""
    for index, other in parts.workloads:
        head, _, number = other.name.rpartition("@")
        if head == workload.name and number.isdigit():
            message = f"plans name the calls of {workload.name} in a group of regions so: it has failover"
            findings.error(("workloads", index, "name"), message, "give one of the two another name")


def _known(parts: Parts, asked: Failover, path: KeyPath, findings: Findings) -> bool:
    """Every pattern is of some region."""
    names, good = select.regions(parts.catalog), True
    for number, group in enumerate(asked.regions):
        for place, pattern in enumerate(group):
            if not _of((pattern,), names):
                remedy = remedy_for(pattern, names, "`planner catalog list instances`")
                findings.error((*path, number, place), f"{pattern!r} matches no region in the catalog", remedy)
                good = False
    return good


def _apart(parts: Parts, asked: Failover, path: KeyPath, findings: Findings) -> None:
    """No region is in two groups: it would be down with both."""
    names = select.regions(parts.catalog)
    for (_, one), (number, other) in combinations(enumerate(asked.regions), 2):
        both = [name for name in _of(one, names) if name in _of(other, names)]
        if both:
            message = (
                f"{_few(both)} {'is' if len(both) == 1 else 'are'} in {', '.join(one)} too: one failure would take both groups"
            )
            findings.error((*path, number), message, "name every region in one group only")


def _open(parts: Parts, workload: Workload, asked: Failover, path: KeyPath, findings: Findings) -> None:
    """Each group has a region where the workload's data may be, and whose seller says where it is."""
    groups = _continents(parts)
    for number, group in enumerate(asked.regions):
        names = _of(group, select.regions(parts.catalog))
        placed = [name for name in names if groups[name] != {"global"}]
        if not placed:
            message = f"the seller does not say where {_few(names)} is, so not whether it fails with another region"
            findings.error((*path, number), message, "name regions whose place is known")
        elif not [name for name in placed if _may(parts, workload, name, groups[name])]:
            message = f"the workload may run in none of {_few(placed)}, by choose.regions or its data rules"
            findings.error((*path, number), message, "allow one of them, or name other regions")


def _may(parts: Parts, workload: Workload, name: str, groups: set[str]) -> bool:
    """Whether data rules and choices let a workload run in a region."""
    data = workload.data
    here = data.regions is None or name.lower() in {region.lower() for region in data.regions}
    near = data.region_groups is None or bool(groups & set(data.region_groups))
    return here and near and all(_lets(choice, name) for choice in (parts.choose.regions, workload.choose.regions))


def _lets(choice: Choice, name: str) -> bool:
    return select.lets(choice, (name,))


def _continents(parts: Parts) -> dict[str, set[str]]:
    """Return region → the continents that its rows say it is on."""
    found: dict[str, set[str]] = {name: set() for name in select.regions(parts.catalog)}
    for region, group in _rows(parts):
        found[region].add(group)
    return found


def _rows(parts: Parts) -> Iterator[tuple[str, str]]:
    for instance in parts.catalog.instances.values():
        yield from ((price.region, price.region_group) for price in instance.prices)
    yield from ((row.region, row.region_group) for row in parts.catalog.owned.values())
    yield from ((row.region, row.region_group) for row in parts.catalog.fleet.values())


def _of(patterns: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(select.matches(name, pattern) for pattern in patterns)]


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
