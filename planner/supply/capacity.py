"""How many machines a price row has: a limit on all purchases of its machine and region, or on those of one way to pay.

These are limits like quotas, not bounds of single purchases: machines paid for in several ways, at several times, or by streams
with different rules come out of the same room, and may still stand in any cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from planner.domain.catalog import Catalog
from planner.domain.hardware import Price, RentedKind, counted_as
from planner.domain.variants import origin_name
from planner.supply.cells import Supply


@dataclass(frozen=True)
class GpuLimitSpec:
    """Σ over the chosen purchases of machines × boards may not exceed `gpus` in any period."""

    name: str
    """YAML path: `limits.quotas[0]`, `limits.max_gpus`."""
    purchases: tuple[bool, ...]
    """Which purchases of the supply count."""
    gpus: float
    """The limit."""


def row_limits(supply: Supply, catalog: Catalog) -> Iterator[GpuLimitSpec]:
    """Yield what is to be had of machines that are sold, by the rows that say so.

    Σ machines of the row, in each period ≤ available

    Parameters
    ----------
    supply : cells and purchases
    catalog : price rows
    """
    for instance, shape in catalog.instances.items():
        # Boards cut into parts, or kept to less power, are those of the row.
        for price in shape.prices if origin_name(instance) == instance else ():
            for name, kinds, room in _rooms(price):
                place = (instance, price.region)
                counted = tuple(
                    not set(counted_as(kind)).isdisjoint(kinds) and (origin_name(cell.instance), cell.region) == place
                    for cell, kind in ((supply.cells[bought.cell], bought.kind) for bought in supply.purchases)
                )
                if any(counted):
                    yield GpuLimitSpec(f"{instance}@{price.region}{name}", counted, room * shape.count)


def _rooms(price: Price) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Yield (what to call it, the ways to pay that share it, machines)."""
    if isinstance(price.available, dict):
        yield from ((f"/{kind}", (kind,), float(room)) for kind, room in price.available.items())
    elif price.available is not None:
        yield "", get_args(RentedKind), float(price.available)
