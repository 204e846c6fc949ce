"""Every way to pay for every machine in every place, before anybody's rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import TypeVar

import numpy as np

from planner.catalog.yamlfile import dotted
from planner.domain.catalog import Catalog
from planner.domain.hardware import SPOT, Instance, OfferKind, Price, RegionGroup
from planner.domain.offers import OwnedFleet, OwnedOffer
from planner.domain.problem import Operations
from planner.domain.variants import origin_name
from planner.errors import InvalidInput, MissingFact
from planner.supply.grids import price_week
from planner.supply.hourly import week_of
from planner.supply.machine import lost_share, useful_hour

_Row = TypeVar("_Row", OwnedOffer, OwnedFleet)
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
    pue: float | None = None
    """Facility power over IT power where it stands, where the row states it [1]."""
    power_prices: tuple[float, ...] | None = None
    """What a kWh costs in each hour of the week in UTC, where it differs by hour [$/kWh]; `list_price` holds the mean."""
    stock: str | None = None
    """What machines are counted together whichever way they are run; None = nothing but these."""
    fleet: OwnedFleet | None = None
    """The row of machines that are there already, or signed for."""
    room: float = inf
    """Most machines that the price row has for this way to pay; limits of several ways together are in `supply.capacity`."""
    spend: str = ""
    """Catalog name of the commitment to spend that it draws on."""

    @property
    def held(self) -> int:
        """Machines that are paid whether they are used or not, for what was signed before."""
        return self.fleet.count if self.fleet is not None and self.fleet.committed else 0

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
    """Return the cost of one useful machine-hour [$/h]; raise InvalidInput if interruptions leave spot machines no time.

    Of machines that are paid in any case no hour of use costs anything: what they cost is no choice.
    """
    if listing.held:
        return 0.0
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
    """Yield the ways to pay that a price row states at most once each, then its list of commitments."""
    for kind in _RENTED:
        listed: float | None = getattr(price, kind)
        if listed is not None:
            yield _sold(name, shape, price, kind, kind, listed, price.upfront)
    for paid in price.commitments:
        yield _sold(name, shape, price, paid.kind, paid.tag, paid.price, paid.upfront)


def _sold(name: str, shape: Instance, price: Price, kind: OfferKind, tag: str, listed: float, upfront: float) -> Listing:
    return Listing(
        instance=name,
        shape=shape,
        region=price.region,
        region_group=price.region_group,
        kind=kind,
        tag=tag,
        list_price=listed,
        committed=kind in _COMMITTED,
        limit=inf,
        source=f"{price.source} ({price.as_of})",
        upfront=upfront,
        room=price.room(kind),
    )


def _bought(catalog: Catalog) -> Iterator[Listing]:
    """Yield owned offers: their capital is spent whether they run or not, so they are committed."""
    for name, given in catalog.owned.items():
        offer, prices = _priced(catalog, f"owned.{name}", given)
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
            pue=offer.pue,
            power_prices=prices,
        )


def _standing(catalog: Catalog) -> Iterator[Listing]:
    """Yield the existing fleet: its capital is sunk, so only hours of use cost, and it is not committed.

    Neither is what was committed to before: its number is no choice any more.
    """
    for name, given in catalog.fleet.items():
        fleet, prices = _priced(catalog, f"fleet.{name}", given)
        energy = 0.0
        if fleet.power is not None and isinstance(fleet.energy_price, float):
            energy = fleet.pue * fleet.power / 1000.0 * fleet.energy_price
        own = _own(catalog, f"fleet:{name}", fleet)
        yield replace(
            own,
            kind=fleet.paid,
            list_price=own.list_price + energy,
            committed=False,
            limit=float(fleet.count),
            power=fleet.power,
            pue=fleet.pue,
            energy=energy,
            power_prices=prices,
            fleet=fleet,
        )


def _priced(catalog: Catalog, row: str, offer: _Row) -> tuple[_Row, tuple[float, ...] | None]:
    """Return a row of one's own at its mean price of electricity, and its prices in the hours of the week where they differ."""
    price = offer.energy_price
    if price is None or isinstance(price, float):
        return offer, None
    if isinstance(price, str):
        seller = _shape(catalog, offer.instance, row).seller
        week = price_week(catalog, f"catalogs.overrides.{row}.energy_price", seller, offer.region)
    else:
        week = week_of(price, offer.timezone)
    if np.ptp(week) == 0:
        return offer.model_copy(update={"energy_price": float(week[0])}), None
    return offer.model_copy(update={"energy_price": float(week.mean())}), tuple(week.tolist())


def _own(catalog: Catalog, tag: str, row: OwnedOffer | OwnedFleet) -> Listing:
    shared = {origin_name(name) for name, one in catalog.instances.items() if one.parent is not None}
    stock = f"{origin_name(row.instance)}@{row.region}/{origin_name(tag)}" if origin_name(row.instance) in shared else None
    return Listing(
        stock=stock,
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
