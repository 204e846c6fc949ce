"""Cross-checks of energy: grids that are told apart, prices that exist, hours that are known."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.findings import Findings, Parts
from planner.catalog.grids import grid_of
from planner.catalog.yamlfile import KeyPath
from planner.domain.catalog import Catalog
from planner.domain.offers import OwnedFleet, OwnedOffer
from planner.errors import InvalidInput


def check_energy(parts: Parts, findings: Findings) -> None:
    """Check that every place has one grid at most, that grids asked for a price state it, and that periods know their hours."""
    told: set[str] = set()
    for seller, region in _places(parts.catalog):
        try:
            grid_of(parts.catalog, seller, region)
        except InvalidInput as error:
            (issue,) = error.issues
            if issue.message not in told:
                findings.error(_path(issue.path), issue.message, issue.remedy)
            told.add(issue.message)
    if told:
        return
    for path, row in _own(parts.catalog):
        if row.energy_price == "grid" and row.instance in parts.catalog.instances:
            _price(parts.catalog, path, row, findings)
    _hours(parts, findings)


def _path(text: str) -> KeyPath:
    return tuple(text.split("."))


def _places(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield where machines can stand, each once."""
    priced = ((shape.seller, price.region) for shape in catalog.instances.values() for price in shape.prices)
    own = ((catalog.instances[row.instance].seller, row.region) for _, row in _own(catalog) if row.instance in catalog.instances)
    yield from dict.fromkeys((*priced, *own))


def _own(catalog: Catalog) -> Iterator[tuple[KeyPath, OwnedOffer | OwnedFleet]]:
    """Yield machines of one's own with where they are written."""
    for section in ("owned", "fleet"):
        rows: dict[str, OwnedOffer | OwnedFleet] = getattr(catalog, section)
        yield from ((("catalogs", "overrides", section, name), row) for name, row in rows.items())


def _price(catalog: Catalog, path: KeyPath, row: OwnedOffer | OwnedFleet, findings: Findings) -> None:
    """The grid of a machine that pays its price states one."""
    name = grid_of(catalog, catalog.instances[row.instance].seller, row.region)
    if name is None:
        message, whose = f"no grid is known to feed {row.region}, so it has no price", "a grid"
    elif catalog.grids[name].energy_price is None:
        message, whose = f"the grid {name} states no price", f"catalogs.overrides.grids.{name}"
    else:
        return
    findings.error((*path, "energy_price"), message, f"give {whose} an energy_price, or write a price here")


def _hours(parts: Parts, findings: Findings) -> None:
    """Where figures differ by hour, several periods without hours all have the mean."""
    periods = parts.periods or ()
    by_hour = [isinstance(row.energy_price, tuple) for _, row in _own(parts.catalog)]
    by_hour += [isinstance(figure, tuple) for grid in parts.catalog.grids.values() for figure in (grid.carbon, grid.energy_price)]
    if any(by_hour) and len(periods) > 1 and all(one.hours_of_day is None and one.week is None for one in periods):
        message = "energy or carbon differs by hour, but no period says which hours it stands for: all have the mean"
        findings.warn(("periods",), message, "give periods hours_of_day, or plan over a horizon")
