"""Which machines and ways to pay the choices of a problem leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from planner.catalog import select
from planner.domain.calls import Choices
from planner.domain.catalog import Catalog
from planner.domain.hardware import Instance


@dataclass(frozen=True)
class Place:
    """One machine shape in one region, with the ways to pay for it there."""

    instance: str
    """Catalog name."""
    region: str
    """The seller's region."""
    region_group: str
    """Its continent."""
    ways: frozenset[str]
    """Ways to pay that have a price."""


def offered(catalog: Catalog, choices: Iterable[Choices]) -> list[Place]:
    """Return every place whose machine, seller, accelerator and region all choices let through."""
    given = tuple(choices)
    let = {kind: select.permitted(catalog, kind, given) for kind in ("instances", "sellers", "accelerators", "regions")}
    return [
        place
        for name, instance in catalog.instances.items()
        if name in let["instances"] and instance.seller in let["sellers"] and instance.accelerator in let["accelerators"]
        for place in _places(catalog, name, instance)
        if place.region in let["regions"]
    ]


def payable(place: Place, catalog: Catalog, choices: Iterable[Choices], *, interruptible: bool) -> bool:
    """Say whether a place has a price in a way to pay that is allowed; only interruptible work may use spot machines."""
    ways = select.permitted(catalog, "offers", choices) - (frozenset() if interruptible else frozenset({"spot"}))
    return not ways.isdisjoint(place.ways)


def _places(catalog: Catalog, name: str, instance: Instance) -> Iterator[Place]:
    for price in instance.prices:
        ways = frozenset(way for way in ("on_demand", "spot", "reserved_1y", "reserved_3y") if getattr(price, way) is not None)
        committed = frozenset(one.kind for one in price.commitments)
        yield Place(name, price.region, price.region_group, ways | committed)
    for row in catalog.owned.values():
        if row.instance == name:
            yield Place(name, row.region, row.region_group, frozenset({"owned"}))
    for there in catalog.fleet.values():
        if there.instance == name:
            yield Place(name, there.region, there.region_group, frozenset({"fleet"}))
