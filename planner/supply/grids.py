"""What the electricity of a grid costs and emits, by the hour of the week."""

from __future__ import annotations

from planner.catalog.grids import grid_of
from planner.domain.catalog import Catalog
from planner.domain.grids import Grid
from planner.errors import InvalidInput
from planner.supply.hourly import Floats, week_of


def carbon_week(grid: Grid) -> Floats | None:
    """[168] Return what a kWh emits in each hour of the week in UTC [g/kWh]; None if it is not known."""
    return None if grid.carbon is None else week_of(grid.carbon, grid.timezone)


def price_week(catalog: Catalog, path: str, seller: str, region: str) -> Floats:
    """[168] Return what the grid of a region charges in each hour of the week in UTC [$/kWh].

    Parameters
    ----------
    catalog, seller, region : where
    path : who asks, as a YAML path

    Raises
    ------
    InvalidInput
        No grid, or none that states a price.
    """
    name = grid_of(catalog, seller, region)
    grid = catalog.grids[name] if name is not None else None
    if grid is None or grid.energy_price is None:
        message = f"asks for the price of the grid, and {_lacking(name, region)}"
        remedy = f"give catalogs.overrides.grids.{name or 'NAME'}.energy_price, or a price here"
        raise InvalidInput.at("", message, remedy, path=path)
    return week_of(grid.energy_price, grid.timezone)


def _lacking(name: str | None, region: str) -> str:
    return f"no grid is known to feed {region}" if name is None else f"the grid {name} states none"
