"""Checks that what commitments to spend cover is sold: a pattern that fits nothing would give no discount, silently."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.references import Dangling
from planner.catalog.select import matches, names
from planner.catalog.suggest import remedy_for
from planner.domain.catalog import Catalog


def uncovered(catalog: Catalog) -> Iterator[Dangling]:
    """Yield sellers nobody knows, and patterns of machines and regions that fit none of the seller's."""
    for name, row in catalog.spend_commitments.items():
        sold = {key: shape for key, shape in catalog.instances.items() if shape.seller == row.seller}
        path = ("spend_commitments", name)
        if not sold:
            yield Dangling((*path, "seller"), row.seller, "sellers", remedy_for(row.seller, names(catalog, "sellers")))
            continue
        regions = {price.region for shape in sold.values() for price in shape.prices}
        for index, one in enumerate(row.discounts):
            for field, known in (("instances", set(sold)), ("regions", regions)):
                pattern: str = getattr(one, field)
                if not any(matches(each, pattern) for each in known):
                    at = (*path, "discounts", index, field)
                    yield Dangling(at, pattern, f"{field} of {row.seller}", remedy_for(pattern, sorted(known)))
