"""Offers and rules → cells and purchases.

Machines of a cell stand in for each other, so all its purchases must be open to the same streams. Offers of one machine in one
place that differ in who may use them therefore form several cells. An unlimited offer joins every such cell whose streams may
all use it, so that those streams can still mix it with the offers that are theirs alone; a limited one stays in one cell, for
its machines must not be counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from planner.demand.stream import Stream
from planner.domain.catalog import Catalog
from planner.domain.hardware import SPOT, Accelerator, Instance, RegionGroup
from planner.domain.problem import Problem
from planner.errors import MissingFact
from planner.supply.capital import carrying
from planner.supply.cells import Cell, Purchase, Supply
from planner.supply.draw import asked_by, draw_of, too_hot, unknown_carbon, unknown_draw
from planner.supply.electricity import with_electricity
from planner.supply.fallback import fallbacks
from planner.supply.listings import Listing, hourly_cost, listings, unpriced
from planner.supply.machine import machine_power
from planner.supply.payments import payments
from planner.supply.rules import Refusal, Rules
from planner.supply.spend import covered
from planner.supply.terms import MONTHS, Term, terms

_Mask = tuple[bool, ...]
_Rejected = tuple[str, str, str]


@dataclass(frozen=True)
class _Ground:
    """What all machines of a cell share, whoever may use them."""

    place: str
    region_group: RegionGroup
    power: float


@dataclass(frozen=True)
class _Group:
    """The offers that make up one cell, and who may use it."""

    ground: _Ground
    streams: _Mask
    offers: tuple[Listing, ...]

    @property
    def kinds(self) -> str:
        """Ways to pay, each once."""
        return "+".join(dict.fromkeys(offer.kind for offer in self.offers))


@dataclass
class _Sorted:
    """Offers sorted into those that may be used and those that may not."""

    kept: dict[_Ground, dict[_Mask, list[Listing]]] = field(default_factory=dict)
    refused: dict[str, list[tuple[Listing, Refusal]]] = field(default_factory=dict)


def build_supply(problem: Problem, catalog: Catalog, streams: Sequence[Stream]) -> Supply:
    """Return every machine the streams may use and every way to pay for it, and why the others are left out.

    Parameters
    ----------
    problem : Problem
        Choices, power limit, spot figures.
    catalog : Catalog
        Machines, prices, owned offers, fleet.
    streams : sequence of Stream
        Whose rules decide who may run where.

    Returns
    -------
    Supply
        Cells in catalog order; purchases in the order of their cells.

    Raises
    ------
    InvalidInput
        Spot interruptions that take all the time; two price rows of a machine for one region.
    MissingFact
        A row names a machine or an accelerator that no catalog holds.
    """
    found = _sort(problem, catalog, streams)
    groups = [group for ground, by_mask in found.kept.items() for group in _split(ground, by_mask)]
    names = _names(groups)
    cells = tuple(_cell(name, group, _parts(catalog, group)) for name, group in zip(names, groups, strict=True))
    purchases = tuple(
        with_electricity(
            _purchase(names[index], index, offer, problem, term),
            cells[index],
            offer,
            draw_of(offer, catalog.accelerators[offer.shape.accelerator]),
            problem,
            catalog,
        )
        for index, group in enumerate(groups)
        for offer in group.offers
        for term in terms(offer, problem.periods)
    )
    return Supply(cells, purchases, (*_rejected(found), *_unpriced(catalog)))


def _sort(problem: Problem, catalog: Catalog, streams: Sequence[Stream]) -> _Sorted:
    """Ask the rules about every offer."""
    rules = Rules(problem.choose, streams)
    found = _Sorted()
    falling_back = any(stream.workload.interruptible == "with_fallback" for stream in streams)
    for offer in (*listings(catalog), *covered(catalog), *(fallbacks(catalog, problem.operations) if falling_back else ())):
        accelerator = _accelerator(catalog, offer.instance, offer.shape)
        verdict = rules.judge(offer)
        power, unfit = _power(problem, catalog, offer, accelerator)
        if not any(True for _ in terms(offer, problem.periods)):  # it comes too late, or is gone
            continue
        if offer.held and unfit is not None:
            raise MissingFact(f"{offer.tag}: {unfit.sentence}")
        refusal = verdict.refusal or unfit
        # What is paid in any case counts even where nobody may use it.
        if refusal is not None and not offer.held:
            found.refused.setdefault(offer.place, []).append((offer, refusal))
        else:
            ground = _Ground(offer.place, offer.region_group, power)
            found.kept.setdefault(ground, {}).setdefault(verdict.streams, []).append(offer)
    return found


def _power(problem: Problem, catalog: Catalog, offer: Listing, accelerator: Accelerator) -> tuple[float, Refusal | None]:
    """Return the draw of a machine [W], and why it is left out where a limit asks for it and it is unknown or too high.

    Under a limit the draw that an own offer states counts, and puts machines of another draw into another cell. Without one
    nothing depends on it: offers stay together, and an unknown draw is 0.
    """
    asked = asked_by(problem, offer)
    if asked is None:
        return (0.0 if accelerator.tdp is None else machine_power(offer.shape.count, accelerator.tdp)), None
    draw = draw_of(offer, accelerator)
    if draw is None:
        return 0.0, unknown_draw(asked, offer.shape.accelerator)
    return draw, too_hot(problem, offer, draw) or unknown_carbon(problem, catalog, offer)


def _accelerator(catalog: Catalog, instance: str, shape: Instance) -> Accelerator:
    try:
        return catalog.accelerators[shape.accelerator]
    except KeyError:
        name = shape.accelerator
        raise MissingFact(f"instances.{instance} names the accelerator {name!r}, which no catalog holds; add it") from None


def _split(ground: _Ground, by_mask: dict[_Mask, list[Listing]]) -> Iterator[_Group]:
    """Yield one cell for each set of streams: its own offers, and unlimited ones that all of the set may use too."""
    for mask, own in by_mask.items():
        joining = [
            offer
            for other, offers in by_mask.items()
            if any(mask) and other != mask and all(wide or not narrow for narrow, wide in zip(mask, other, strict=True))
            for offer in offers
            if offer.limit == inf
        ]
        yield _Group(ground, mask, (*own, *joining))


def _names(groups: Sequence[_Group]) -> list[str]:
    """Return `seller/type@region`, with ways to pay, then draw and continent, added where several cells share it."""
    plain = [group.ground.place for group in groups]
    paid = [f"{place} ({group.kinds})" for place, group in zip(plain, groups, strict=True)]
    full = [f"{group.ground.place} ({group.kinds} {group.ground.power:.0f} W {group.ground.region_group})" for group in groups]
    return [_first_unique(index, plain, paid, full) for index in range(len(groups))]


def _first_unique(index: int, *namings: list[str]) -> str:
    return next((names[index] for names in namings if names.count(names[index]) == 1), namings[-1][index])


def _parts(catalog: Catalog, group: _Group) -> int:
    return catalog.accelerators[group.offers[0].shape.accelerator].parts


def _cell(name: str, group: _Group, parts: int) -> Cell:
    offer = group.offers[0]
    return Cell(
        name=name,
        instance=offer.instance,
        seller=offer.shape.seller,
        region=offer.region,
        region_group=offer.region_group,
        accelerator=offer.shape.accelerator,
        gpus=offer.shape.count,
        interruptible=offer.kind in SPOT,
        power=group.ground.power,
        streams=group.streams,
        parts=parts,
        fallback=offer.kind == "spot_with_fallback",
    )


def _purchase(cell: str, index: int, offer: Listing, problem: Problem, term: Term) -> Purchase:
    name = f"{cell}/{offer.tag}"
    capital = term.owed * carrying(offer, problem.finance.discount_rate)
    return Purchase(
        name="/".join((name, *term.tags)),
        cell=index,
        kind=offer.kind,
        hourly=term.owed * hourly_cost(offer, problem.operations) + capital,
        list_price=offer.list_price,
        committed=offer.committed,
        limit=min(offer.limit, offer.room),
        source=offer.source,
        energy=offer.energy,
        term=term,
        offer=name if offer.stock is None else offer.stock,
        payments=payments(offer, term),
        held=offer.held,
        standing=offer.list_price if offer.held else 0.0,
        upfront=offer.upfront if offer.kind in MONTHS else 0.0,
        capital=capital,
        spend=offer.spend,
    )


def _rejected(found: _Sorted) -> Iterator[_Rejected]:
    """Yield one row for a place refused altogether for one reason, else one for each way to pay."""
    used = {ground.place for ground in found.kept}
    for place, refusals in found.refused.items():
        reasons = {refusal for _, refusal in refusals}
        if place not in used and len(reasons) == 1:
            refusal = refusals[0][1]
            yield place, refusal.code, refusal.sentence
        else:
            yield from ((f"{place}/{offer.tag}", refusal.code, refusal.sentence) for offer, refusal in refusals)


def _unpriced(catalog: Catalog) -> Iterator[_Rejected]:
    for place in unpriced(catalog):
        yield place, "no_price", "the catalog has no price for this machine there"
