"""What the electricity of a machine costs and emits in each period.

    emitted[t] = draw · PUE · intensity[t],   dearer[t] = draw · PUE · (price[t] − mean price over the time that it is there)

Draw is the rated one, at all hours in which a machine is held (docs/supply.md): both are on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.catalog.grids import grid_of
from planner.domain.catalog import Catalog
from planner.domain.problem import Period, Problem
from planner.supply.cells import Cell, Purchase
from planner.supply.grids import carbon_week
from planner.supply.hourly import Floats, by_period
from planner.supply.listings import Listing
from planner.supply.terms import is_there

GRAMS_PER_KILOGRAM = 1000.0
KILOGRAMS_PER_TONNE = 1000.0


def with_electricity(
    bought: Purchase, cell: Cell, offer: Listing, draw: float | None, problem: Problem, catalog: Catalog
) -> Purchase:
    """Return a purchase with what its electricity costs and emits in each period.

    Parameters
    ----------
    bought : at the mean price of electricity over all hours
    cell, offer : what it is
    draw : of one machine [W]; None if nobody knows
    problem : periods, PUE, price of carbon
    catalog : grids
    """
    made = replace(bought, draw=draw, pue=problem.pue if offer.pue is None else offer.pue, grid=None)
    if offer.power_prices is not None and draw is not None:
        made = _at_hourly_prices(made, offer.power_prices, draw, problem.periods)
    made = replace(made, grid=grid_of(catalog, cell.seller, cell.region))
    emitted = _emitted(made, catalog, problem.periods)
    if emitted is None:
        return made
    cost = emitted / KILOGRAMS_PER_TONNE * problem.finance.carbon_price
    priced = tuple(cost.tolist()) if problem.finance.carbon_price else ()
    return replace(made, carbon=tuple(emitted.tolist()), carbon_cost=priced)


def _at_hourly_prices(bought: Purchase, prices: Sequence[float], draw: float, periods: Sequence[Period]) -> Purchase:
    """Return a purchase at the mean price over the periods in which it is there; what is rented pays each period's own."""
    week = np.array(prices)
    cost = bought.pue * draw / 1000.0 * (by_period(week, periods) - week.mean())
    there = np.array([period.hours if is_there(bought.term, period) else 0.0 for period in periods])
    mean = float(cost @ there / there.sum()) if there.any() else 0.0
    dearer = () if bought.committed else tuple((cost - mean).tolist())
    return replace(bought, hourly=bought.hourly + mean, energy=bought.energy + mean, dearer=dearer)


def _emitted(bought: Purchase, catalog: Catalog, periods: Sequence[Period]) -> Floats | None:
    """[T] Return what one machine emits [kg/h]; None if draw or grid is not known."""
    week = carbon_week(catalog.grids[bought.grid]) if bought.grid is not None else None
    if week is None or bought.draw is None:
        return None
    emitted: Floats = bought.pue * bought.draw / 1000.0 * by_period(week, periods) / GRAMS_PER_KILOGRAM
    return emitted
