"""On-demand machines charged against committed spend: each a way to pay beside the same machine on demand.

One commits to C dollars an hour for a term, paid whether used or not. Machines under it cost no more, but draw

    d = p_od·(1 − discount),   Σ machines·d ≤ C   in every period in which it lasts;

what goes beyond is rented on demand. A machine is under it for a whole period or not at all, which is on the safe side: sellers
charge parts of what runs in an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from planner.catalog.select import matches
from planner.domain.catalog import Catalog
from planner.domain.hardware import Price
from planner.domain.spend import SpendCommitment
from planner.supply.listings import Listing


def covered(catalog: Catalog) -> Iterator[Listing]:
    """Yield the machines that commitments to spend cover, at what they draw."""
    for name, commitment in catalog.spend_commitments.items():
        for instance, shape in catalog.instances.items():
            for price in shape.prices if shape.seller == commitment.seller else ():
                discount = discount_of(commitment, instance, price)
                if discount is not None and price.on_demand is not None:
                    yield Listing(
                        instance=instance,
                        shape=shape,
                        region=price.region,
                        region_group=price.region_group,
                        kind="committed_spend",
                        tag=f"committed_spend:{name}",
                        list_price=price.on_demand * (1.0 - discount),
                        committed=False,
                        limit=inf,
                        source=f"{price.source} ({price.as_of}); discount: {commitment.source} ({commitment.as_of})",
                        term=commitment.months,
                        room=price.room("on_demand"),
                        spend=name,
                    )


def discount_of(commitment: SpendCommitment, instance: str, price: Price) -> float | None:
    """Return the first discount that fits a machine in a region; None if none does [1]."""
    fit = (row for row in commitment.discounts if matches(instance, row.instances) and matches(price.region, row.regions))
    return next((row.discount for row in fit), None)
