"""Every way to pay for every machine in every place, before anybody's rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from planner.catalog.yamlfile import dotted
from planner.domain.catalog import Catalog
from planner.domain.hardware import SPOT, Instance, OfferKind, Price, RegionGroup
from planner.domain.offers import OwnedFleet, OwnedOffer
from planner.domain.problem import Operations
from planner.errors import InvalidInput, MissingFact
from planner.supply.machine import lost_share, useful_hour

_RENTED: tuple[OfferKind, ...] = ("on_demand", "reserved_1y", "reserved_3y", "spot")
_COMMITTED = frozenset({"reserved_1y", "reserved_3y"})


@dataclass(frozen=True)
class Listing:
    """One way to pay for one machine shape in one place."""

    instance: str
    """Catalog name of the machine shape."""
    shape: Instance
    """The machine."""
    region: str
    """Seller's region."""
    region_group: RegionGroup
    """Continent."""
    kind: OfferKind
    """Way to pay."""
    tag: str
    """Way to pay, with the catalog name where it is one's own: `owned:dgx-berlin`, `fleet:old-a100`."""
    list_price: float
    """Price as published; of one's own machines, what they cost while held or used [$/h]."""
    committed: bool
    """Whether it is paid in all periods."""
    limit: float
    """Most machines."""
    source: str
    """Source and date."""
    power: float | None = None
    """Draw of one machine, where the offer states it [W]."""
    energy: float = 0.0
    """Electricity within the price, where it is paid apart [$/h]."""
    term: int | None = None
    """Months for which machines of one's own last; None = as long as the horizon."""
    lead: int = 0
    """Months from order to delivery."""
    upfront: float = 0.0
    """Share of a reserved term's price that is paid when it begins [1]."""
    capital: float = 0.0
    """Price of a machine of one's own, installed [$]."""
    running: float = 0.0
    """What it costs to run it [$/h]."""
    salvage: float = 0.0
    """Share of its price that is left at the end of its life [1]."""
    room: float = inf
    """Most machines that the price row has for this way to pay; limits of several ways together are in `supply.capacity`."""
    spend: str = ""
    """Catalog name of the commitment to spend that it draws on."""

    @property
    def place(self) -> str:
        """`seller/type@region`, with ` (spot)` or ` (spot with fallback)` where interruptible."""
        how = f" ({self.kind.replace('_', ' ')})" if self.kind in SPOT else ""
        return f"{self.instance}@{self.region}{how}"


def listings(catalog: Catalog) -> Iterator[Listing]:
    """Yield rented machines, then machines that can be bought, then those already there."""
    for name, shape in catalog.instances.items():
        _one_row_a_region(name, shape)
        for price in shape.prices:
            yield from _rented(name, shape, price)
    yield from _bought(catalog)
    yield from _standing(catalog)


def unpriced(catalog: Catalog) -> Iterator[str]:
    """Yield the places whose price row holds no price."""
    for name, shape in catalog.instances.items():
        for price in shape.prices:
            if not price.commitments and all(getattr(price, kind) is None for kind in _RENTED):
                yield f"{name}@{price.region}"


def hourly_cost(listing: Listing, operations: Operations) -> float:
    """Return the cost of one useful machine-hour [$/h]; raise InvalidInput if interruptions leave spot machines no time."""
    if listing.kind not in SPOT:
        return listing.list_price
    lost = lost_share(operations.spot_interruptions_per_hour, operations.spot_restart)
    if lost < 1.0:
        return useful_hour(listing.list_price, lost)
    raise InvalidInput.at(
        "",
        f"{operations.spot_interruptions_per_hour:g} spot interruptions an hour of {operations.spot_restart:g} s each "
        f"take {lost:.0%} of the time, so that a spot machine never works",
        "lower it or spot_restart until their product is below one hour per hour, or set choose.offers.forbid: [spot]",
        path="operations.spot_interruptions_per_hour",
    )


def _one_row_a_region(name: str, shape: Instance) -> None:
    """Refuse two price rows for one region: which of them holds would be a guess."""
    regions = [price.region for price in shape.prices]
    twice = sorted({region for region in regions if regions.count(region) > 1})
    if twice:
        message = f"has more than one price row for {', '.join(twice)}"
        raise InvalidInput.at("", message, "keep one row per region", path=dotted(("instances", name, "prices")))


def _rented(name: str, shape: Instance, price: Price) -> Iterator[Listing]:
    for kind in _RENTED:
        listed: float | None = getattr(price, kind)
        if listed is not None:
            yield Listing(
                instance=name,
                shape=shape,
                region=price.region,
                region_group=price.region_group,
                kind=kind,
                tag=kind,
                list_price=listed,
                committed=kind in _COMMITTED,
                limit=inf,
                source=f"{price.source} ({price.as_of})",
                upfront=price.upfront,
                room=price.room(kind),
            )
    for paid in price.commitments:
        yield Listing(
            instance=name,
            shape=shape,
            region=price.region,
            region_group=price.region_group,
            kind=paid.kind,
            tag=paid.tag,
            list_price=paid.price,
            committed=True,
            limit=inf,
            source=f"{price.source} ({price.as_of})",
            upfront=paid.upfront,
            room=price.room(paid.kind),
        )


def _bought(catalog: Catalog) -> Iterator[Listing]:
    """Yield owned offers: their capital is spent whether they run or not, so they are committed."""
    for name, offer in catalog.owned.items():
        limit = inf if offer.available is None else float(offer.available)
        yield replace(
            _own(catalog, f"owned:{name}", offer),
            committed=True,
            limit=limit,
            power=offer.power,
            energy=offer.energy,
            term=math.floor(12.0 * offer.life_years),
            lead=offer.lead_months,
            capital=offer.capex,
            running=offer.running,
            salvage=offer.salvage,
        )


def _standing(catalog: Catalog) -> Iterator[Listing]:
    """Yield the existing fleet: its capital is sunk, so only hours of use cost, and it is not committed."""
    for name, fleet in catalog.fleet.items():
        yield replace(_own(catalog, f"fleet:{name}", fleet), committed=False, limit=float(fleet.count))


def _own(catalog: Catalog, tag: str, row: OwnedOffer | OwnedFleet) -> Listing:
    return Listing(
        instance=row.instance,
        shape=_shape(catalog, row.instance, tag.replace(":", ".", 1)),
        region=row.region,
        region_group=row.region_group,
        kind="fleet" if tag.startswith("fleet:") else "owned",
        tag=tag,
        list_price=row.hourly,
        committed=False,
        limit=inf,
        source=f"{row.source} ({row.as_of})",
    )


def _shape(catalog: Catalog, instance: str, user: str) -> Instance:
    try:
        return catalog.instances[instance]
    except KeyError:
        raise MissingFact(f"{user} names the machine {instance!r}, which no catalog holds; add it to instances") from None
