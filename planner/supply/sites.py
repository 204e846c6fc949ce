"""What machines take of the sites where they stand: power, heat and racks.

    power    Σ machines · draw · PUE ≤ feed of the facility
    cooling  Σ machines · draw ≤ heat that can be carried off
    racks    Σ machines / ⌊rack power / draw⌋ ≤ racks

The last is exact for machines of one kind: k to a rack, as many racks as that takes. Machines of several kinds may stand in one
rack, each taking its share of it, and are taken to fit into as many racks as their shares add up to (assumption).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from planner.catalog.select import matches, names
from planner.catalog.suggest import remedy_for
from planner.domain.catalog import Catalog
from planner.domain.problem import Problem, Site
from planner.errors import InvalidInput, Issue
from planner.supply.cells import Purchase, Supply

SLACK = 1e-9
"""Relative slack when machines of a rack are counted: four of exactly a quarter of its power fit."""


@dataclass(frozen=True)
class SiteLimit:
    """Σ over purchases of machines × each may not exceed `most` in any period."""

    name: str
    """YAML path: `limits.sites[0].power`."""
    site: str
    """Name of the site."""
    what: str
    """`power`, `cooling` or `racks`."""
    each: tuple[float, ...]
    """What one machine of each purchase takes [kW, or racks]; 0 where it does not stand there."""
    most: float
    """The limit [kW, or racks]."""


def stands_at(site: Site, region: str, seller: str) -> bool:
    """Return whether machines of a seller in a region stand at a site."""
    return matches(region, site.region) and matches(seller, site.seller)


def per_rack(site: Site, draw: float) -> int:
    """Return how many machines of a draw [W] a rack of a site feeds, ⌊rack power / draw⌋."""
    if site.rack_power is None:
        raise ValueError(f"{site.name} has no racks")
    return math.floor(site.rack_power / draw * (1.0 + SLACK))


def site_limits(problem: Problem, supply: Supply, catalog: Catalog) -> tuple[SiteLimit, ...]:
    """Return the limits of every site with what a machine of each purchase takes of it.

    Raises
    ------
    InvalidInput
        A site whose region or seller is in no catalog: nothing would stand there.
    """
    sites = problem.limits.sites
    mistakes = [issue for index, site in enumerate(sites) for issue in _unknown(index, site, catalog)]
    if mistakes:
        raise InvalidInput(mistakes)
    return tuple(limit for index, site in enumerate(sites) for limit in _limits(index, site, supply))


def _limits(index: int, site: Site, supply: Supply) -> Iterator[SiteLimit]:
    """Yield power, cooling and racks of one site, as far as they are limited."""
    for what, most in (("power", site.power), ("cooling", site.cooling), ("racks", site.racks)):
        if most is not None:
            unit = 1.0 if what == "racks" else 1e3
            each = tuple(_taken(site, what, supply, bought) / unit for bought in supply.purchases)
            yield SiteLimit(f"limits.sites[{index}].{what}", site.name, what, each, most / unit)


def _taken(site: Site, what: str, supply: Supply, bought: Purchase) -> float:
    """Return what one machine takes of a site [W, or racks]."""
    cell = supply.cells[bought.cell]
    if not stands_at(site, cell.region, cell.seller):
        return 0.0
    if what == "racks":
        return 1.0 / per_rack(site, cell.power)
    return cell.power * (bought.pue if site.pue is None else site.pue) if what == "power" else cell.power


def _unknown(index: int, site: Site, catalog: Catalog) -> Iterator[Issue]:
    for field in ("region", "seller"):
        pattern: str = getattr(site, field)
        known = names(catalog, f"{field}s")
        if pattern != "*" and not any(matches(name, pattern) for name in known):
            message = f"no {field} in the catalogs is called {pattern!r}, so nothing would stand at this site"
            yield Issue("", 0, f"limits.sites[{index}].{field}", message, remedy_for(pattern, known))
