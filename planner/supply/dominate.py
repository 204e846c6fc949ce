"""Leaves out cells that cannot be part of a cheaper plan.

Cell A makes cell B superfluous if whatever runs on B's machines could run on as many of A's, and each of B's ways to pay can be
exchanged for one of A's that costs no more and binds no more:

- the machines are the same to the performance model: accelerator, number, fabric, network;
- every stream that may run on B may run on A, A is not interruptible unless B is, and draws no more where power is limited;
- for each purchase b of B there is a purchase a of A with hourly(a) ≤ hourly(b), a commitment as weak or weaker, no limit on its
  number, there in the same months, every quota that counts a counts b, and a takes no more of any site;
- machines that draw on committed spend are exchanged for such as draw no more of the same commitment: what they cost depends on
  what else draws on it;
- where `limits.max_sellers` is given, the seller is the same.

Then any plan with B is turned into one without, period by period and machine by machine, at no higher cost and within the same
limits. The relation is transitive and A must be unlimited, so one kept cell answers for everything it makes superfluous. The
existing fleet is limited, hence never does so; a cell that holds some of it always stays.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from planner.domain.catalog import Catalog
from planner.domain.hardware import OfferKind
from planner.domain.problem import Problem
from planner.supply.cells import Cell, Purchase, Supply
from planner.supply.limits import gpu_limits
from planner.supply.sites import site_limits
from planner.supply.terms import ALWAYS

Bools = NDArray[np.bool_]

_BINDS: dict[OfferKind, int] = {
    "on_demand": 0,
    "spot": 0,
    "reserved_1y": 1,
    "reserved_3y": 2,
    "owned": 3,
    "fleet": 0,
    "spot_with_fallback": 0,
    "committed_spend": 0,
}
"""Strength of the commitment: a longer one is never given for a shorter, even where the plan's cost does not tell them apart."""


@dataclass(frozen=True)
class _Offer:
    """A purchase with what limits it."""

    purchase: Purchase
    hourly: float
    """Of a machine, or of an accelerator [$/h]."""
    counted: frozenset[int]
    """The limits that count it."""
    taken: tuple[float, ...]
    """What a machine, or an accelerator, takes of each limit of sites, and of a limit on carbon in each period."""
    extra: tuple[float, ...]
    """What it costs in each period beside `hourly`, where that may differ from offer to offer [$/h]."""

    @property
    def binds(self) -> int:
        """Strength of the commitment; machines already there bind nobody."""
        return _BINDS[self.purchase.kind] if self.purchase.committed else 0

    @property
    def standing(self) -> bool:
        """Whether it is of the existing fleet."""
        return self.purchase.kind == "fleet" or self.purchase.held > 0


@dataclass(frozen=True)
class _Site:
    """A cell with its offers."""

    cell: Cell
    power: float
    """What its machines draw where that matters, else 0 [W]."""
    offers: tuple[_Offer, ...]
    seller: str = ""
    """Where sellers are limited in number, whose they are: another's machines might be one seller too many."""


def drop_dominated(
    supply: Supply, problem: Problem, catalog: Catalog, kept: frozenset[tuple[str, str, bool]] = frozenset()
) -> Supply:
    """Return the supply without cells that another makes superfluous, each with its reason.

    Parameters
    ----------
    supply : Supply
        All cells.
    problem : Problem
        Its limits.
    catalog : Catalog
        Fabric and network of the machines.
    kept : frozenset
        (machine, region, interruptible) of places that always stay: something runs there that would cost to move.

    Returns
    -------
    Supply
        Of equal least cost for every problem with these limits; of cells that would do for each other the first by name stays.
    """
    groups: dict[Hashable, list[_Site]] = {}
    for site in _sites(supply, problem, catalog):
        groups.setdefault((*_hardware(site.cell, catalog), _disk(site.cell, problem, catalog)), []).append(site)
    dropped: dict[str, str] = {}
    for group in groups.values():
        dropped.update(_superfluous(group))
    stay = {cell.name for cell in supply.cells if (cell.instance, cell.region, cell.interruptible) in kept}
    dropped = {name: reason for name, reason in dropped.items() if name not in stay}
    return _without(supply, dropped)


def needed_by_relaxations(supply: Supply, hosts: Bools, problem: Problem, catalog: Catalog) -> Bools:
    """Return [hardware, cell] where replicas must be allowed to stand so that a relaxation has the same least cost.

    Where machines may be had in parts their size does not matter: a cell makes another superfluous for the replicas that both
    can host, and the prices compared are those of accelerators. Machines held for several periods may serve other replicas in
    each; a cell that has them is only left to one that can host all it hosts.

    Parameters
    ----------
    supply, problem, catalog : as for `drop_dominated`
    hosts : [hardware, cell] where they can stand
    """
    sites = _sites(supply, problem, catalog, per_gpu=True)
    order = sorted(range(len(sites)), key=lambda index: (min(offer.hourly for offer in sites[index].offers), index))
    held = [len(problem.periods) > 1 and any(offer.purchase.committed for offer in site.offers) for site in sites]
    needed = np.zeros_like(hosts)

    def answers(better: int, worse: int) -> bool:
        all_of_it = not held[worse] or not (hosts[:, worse] & ~hosts[:, better]).any()
        return all_of_it and _dominates(sites[better], sites[worse])

    for able, kept in zip(hosts, needed, strict=True):
        for index in (each for each in order if able[each]):
            kept[index] = not any(answers(other, index) for other in np.flatnonzero(kept).tolist())
    return needed


def _sites(supply: Supply, problem: Problem, catalog: Catalog, *, per_gpu: bool = False) -> list[_Site]:
    """Return the cells with their offers, prices and draw of a machine or of an accelerator."""
    limits, placed = gpu_limits(problem, supply, catalog), site_limits(problem, supply, catalog)
    size = [cell.gpus if per_gpu else 1 for cell in supply.cells]
    limits_carbon, dearer = problem.limits.carbon is not None, any(purchase.extra for purchase in supply.purchases)
    offers: list[list[_Offer]] = [[] for _ in supply.cells]
    for index, purchase in enumerate(supply.purchases):
        counted = frozenset(number for number, limit in enumerate(limits) if limit.purchases[index])
        parts = size[purchase.cell]
        taken = (*(limit.each[index] for limit in placed), *(purchase.carbon or () if limits_carbon else ()))
        extra = purchase.extra or ((0.0,) * len(problem.periods) if dearer else ())
        each = (tuple(one / parts for one in figures) for figures in (taken, extra))
        offers[purchase.cell].append(_Offer(purchase, purchase.hourly / parts, counted, *each))
    limited = problem.limits.power is not None
    power = [cell.power / gpus if limited else 0.0 for cell, gpus in zip(supply.cells, size, strict=True)]
    sellers = [cell.seller if problem.limits.max_sellers is not None else "" for cell in supply.cells]
    return [_Site(*parts) for parts in zip(supply.cells, power, map(tuple, offers), sellers, strict=True)]


def _disk(cell: Cell, problem: Problem, catalog: Catalog) -> Hashable:
    """Return the disk of a machine where replicas that follow demand load their weights from it."""
    settings = problem.operations.autoscaling
    return catalog.instances[cell.instance].local_storage if settings is not None and settings.weights == "local_disk" else None


def _hardware(cell: Cell, catalog: Catalog) -> tuple[Hashable, ...]:
    """Return all that the performance model sees of a machine."""
    shape = catalog.instances[cell.instance]
    return shape.accelerator, shape.count, shape.fabric, shape.network, shape.network_fabric


def _superfluous(group: Sequence[_Site]) -> dict[str, str]:
    """Return name → reason of the cells of one kind of machine that a kept one answers for."""
    kept: list[_Site] = []
    for site in sorted(group, key=lambda site: site.cell.name):
        if not any(_dominates(better, site) for better in kept):
            kept = [other for other in kept if not _dominates(site, other)] + [site]
    names = {site.cell.name for site in kept}
    return {site.cell.name: _reason(kept, site) for site in group if site.cell.name not in names}


def _dominates(better: _Site, worse: _Site) -> bool:
    return (
        all(may or not needed for may, needed in zip(better.cell.streams, worse.cell.streams, strict=True))
        and _loose(better.cell) <= _loose(worse.cell)
        and better.power <= worse.power
        and better.seller == worse.seller
        and not any(offer.standing for offer in worse.offers)
        and all(_answer(better, offer) is not None for offer in worse.offers)
    )


def _loose(cell: Cell) -> int:
    """Return how easily machines are missed: not at all taken away, replaced when they are, or gone."""
    return 0 if not cell.interruptible else 1 if cell.fallback else 2


def _answer(site: _Site, offer: _Offer) -> _Offer | None:
    """Return the cheapest offer of a cell that may take another's place, None if there is none."""
    able = [candidate for candidate in site.offers if _replaces(candidate, offer)]
    return min(able, key=lambda candidate: candidate.hourly, default=None)


def _replaces(new: _Offer, old: _Offer) -> bool:
    return (
        new.purchase.limit == inf
        and new.hourly <= old.hourly
        and all(new.hourly + mine <= old.hourly + other for mine, other in zip(new.extra, old.extra, strict=True))
        and new.binds <= old.binds
        and new.counted <= old.counted
        and all(mine <= other for mine, other in zip(new.taken, old.taken, strict=True))
        and new.purchase.spend == old.purchase.spend
        and new.purchase.term.when in (ALWAYS.when, old.purchase.term.when)
    )


def _reason(kept: Sequence[_Site], site: _Site) -> str:
    """Write what the cheapest of a cell's offers costs and what answers for it."""
    cheapest = min(site.offers, key=lambda offer: offer.hourly)
    answers = [(_answer(better, cheapest), better.cell.name) for better in kept if _dominates(better, site)]
    price, name = min((answer.hourly, name) for answer, name in answers if answer is not None)
    paid = cheapest.hourly
    if f"{paid:.2f}" == f"{price:.2f}":
        return f"costs ${paid:,.2f}/h, as {name} does for the same machine under no narrower rules"
    return f"costs ${paid:,.2f}/h where ${price:,.2f}/h is to be had at {name} for the same machine"


def _without(supply: Supply, dropped: dict[str, str]) -> Supply:
    """Return the supply less the dropped cells and their purchases."""
    stay = [index for index, cell in enumerate(supply.cells) if cell.name not in dropped]
    moved = {old: new for new, old in enumerate(stay)}
    return Supply(
        cells=tuple(supply.cells[index] for index in stay),
        purchases=tuple(replace(p, cell=moved[p.cell]) for p in supply.purchases if p.cell in moved),
        rejected=(*supply.rejected, *((name, "dominated", reason) for name, reason in dropped.items())),
    )
