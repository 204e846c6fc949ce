"""Energy and carbon as reports show them: pools, places, and what is in no figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.domain.plan_energy import EnergyPart, PlaceEnergy, PoolEnergy
from planner.report import format as fmt
from planner.report.console_tables import table
from planner.report.gather import by_period
from planner.report.ink import Ink
from planner.report.markup import escape
from planner.report.markup import table as page_table
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from rich.table import Table

POOLS = ("Pool", ">Rated", ">Expected", ">kWh/M tokens", ">CO2e")
"""Titles for pools."""
PLACES = ("Place", "Grid", ">Facility", ">CO2e")
"""Titles for places."""
UNKNOWN = "unknown"


def kilowatts(value: float | None) -> str:
    """Write a draw, `10.2 kW`."""
    return UNKNOWN if value is None else f"{fmt.significant(value)} kW"


def carbon(value: float | None) -> str:
    """Write a rate of carbon, `6.36 kg/h`."""
    return UNKNOWN if value is None else f"{fmt.significant(value)} kg/h"


def summary(part: EnergyPart) -> str:
    """Say what all machines draw and emit, and what is in no figure."""
    tonnes = part.carbon * HOURS_PER_MONTH / 1000.0
    said = f"{kilowatts(part.facility_kw)} with cooling and losses, {carbon(part.carbon)} CO2e ({fmt.significant(tonnes)} t/mo)"
    price = f", at {fmt.money(part.carbon_price)}/t" if part.carbon_price else ""
    left = f" Not known, in no figure: {', '.join(part.unknown)}." if part.unknown else ""
    rated = "Rated draw, at all hours in which machines are held"
    return f"{said}{price}. {rated}; expected: by the load, in no cost and no limit.{left}"


def pool_row(row: PoolEnergy) -> list[str]:
    """Write a pool."""
    each = UNKNOWN if row.kwh_per_million_tokens is None else fmt.significant(row.kwh_per_million_tokens)
    mark = " (assumed)" if row.assumed and row.expected_kw is not None else ""
    return [row.pool, kilowatts(row.rated_kw), kilowatts(row.expected_kw) + mark, each, carbon(row.carbon)]


def place_row(row: PlaceEnergy) -> list[str]:
    """Write a place; figures that change from period to period for each, or as a range."""
    grid = UNKNOWN if row.grid is None else row.grid
    return [f"{row.seller} {row.region}", grid, _over(row.facility_kw, "kW"), _over(row.carbon, "kg/h")]


def _over(figures: Mapping[str, float | None], unit: str) -> str:
    known = {period: value for period, value in figures.items() if value is not None}
    return f"{', '.join(by_period(known, fmt.significant))} {unit}" if len(known) == len(figures) else UNKNOWN


def on_console(part: EnergyPart, ink: Ink) -> list[Table]:
    """Return a table of pools and one of places."""
    made = []
    for titles, rows in ((POOLS, map(pool_row, part.pools)), (PLACES, map(place_row, part.places))):
        one = table(ink, *titles)
        for row in rows:
            one.add_row(*map(ink, row))
        made.append(one)
    return made


def on_page(plan: Plan) -> str:
    """The same as Markdown."""
    part = plan.energy
    if part is None:
        return ""
    tables = ((POOLS, map(pool_row, part.pools)), (PLACES, map(place_row, part.places)))
    return "\n\n".join(page_table(list(titles), [[*map(escape, row)] for row in rows]) for titles, rows in tables)
