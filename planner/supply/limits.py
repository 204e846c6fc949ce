"""Which purchases each quota counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf

from planner.catalog.select import counts, matches, names
from planner.catalog.suggest import remedy_for
from planner.catalog.variants import origin
from planner.domain.catalog import Catalog
from planner.domain.hardware import counted_as
from planner.domain.problem import Problem, Quota
from planner.errors import InvalidInput, Issue
from planner.supply.capacity import GpuLimitSpec, row_limits
from planner.supply.cells import Supply


def gpu_limits(problem: Problem, supply: Supply, catalog: Catalog) -> tuple[GpuLimitSpec, ...]:
    """Return every quota and the total limit with the purchases each of them counts.

    A quota counts all machines of its pattern, one's own included, unless it names a seller or a way to pay.

    Raises
    ------
    InvalidInput
        A quota whose accelerator, region or seller is in no catalog: it would limit nothing.
    """
    mistakes = [issue for index, quota in enumerate(problem.limits.quotas) for issue in _unknown(index, quota, catalog)]
    if mistakes:
        raise InvalidInput(mistakes)
    specs = [
        GpuLimitSpec(f"limits.quotas[{index}]", _mask(quota, supply, catalog), float(quota.gpus))
        for index, quota in enumerate(problem.limits.quotas)
    ]
    if problem.limits.max_gpus is not None:
        specs.append(GpuLimitSpec("limits.max_gpus", (True,) * len(supply.purchases), float(problem.limits.max_gpus)))
    return (*specs, *_to_be_had(supply), *row_limits(supply, catalog))


def _to_be_had(supply: Supply) -> Iterator[GpuLimitSpec]:
    """Yield what is to be had of limited offers that may be bought at several times, or run in several ways."""
    alike = Counter(purchase.offer for purchase in supply.purchases if purchase.offer)
    limited: dict[str, list[int]] = {}
    for index, purchase in enumerate(supply.purchases):
        several = purchase.term.ordered is not None or alike[purchase.offer] > 1
        if several and purchase.limit < inf:
            limited.setdefault(purchase.offer, []).append(index)
    for name, same in limited.items():
        first = supply.purchases[same[0]]
        counted = tuple(index in same for index in range(len(supply.purchases)))
        yield GpuLimitSpec(name, counted, first.limit * supply.cells[first.cell].boards)


def _mask(quota: Quota, supply: Supply, catalog: Catalog) -> tuple[bool, ...]:
    placed = ((supply.cells[purchase.cell], purchase.kind) for purchase in supply.purchases)
    return tuple(
        any(counts(quota, origin(catalog, cell.accelerator), cell.region, cell.seller, paid) for paid in counted_as(kind))
        for cell, kind in placed
    )


def _unknown(index: int, quota: Quota, catalog: Catalog) -> Iterator[Issue]:
    for field in ("accelerator", "region", "seller"):
        pattern: str = getattr(quota, field)
        known = names(catalog, f"{field}s")
        if pattern != "*" and not any(matches(name, pattern) for name in known):
            message = f"no {field} in the catalogs is called {pattern!r}, so this quota would limit nothing"
            yield Issue("", 0, f"limits.quotas[{index}].{field}", message, remedy_for(pattern, known))


def quota_name(quota: Quota) -> str:
    """Name what a quota limits: `h100-* in eu-west-4 (spot)`."""
    where = [f"in {quota.region}"] if quota.region != "*" else []
    who = [f"from {quota.seller}"] if quota.seller != "*" else []
    how = [f"({quota.offer})"] if quota.offer != "*" else []
    return " ".join([quota.accelerator, *where, *who, *how])
