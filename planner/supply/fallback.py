"""Spot machines with on-demand ones to fall back on: what they cost, for work that must keep its promises all the time.

While spot capacity is to be had a replica stands on it; when it is reclaimed, an on-demand machine of the same kind in the same
region takes its place until spot capacity is back. What is missing between the end of the warning and the start of the
replacement is made up for by spares (`supply.failures`).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from planner.domain.catalog import Catalog
from planner.domain.problem import Operations
from planner.supply.listings import Listing

SECONDS_PER_HOUR = 3600.0


def share_away(interruptions_per_hour: float, outage: float) -> float:
    """Return the share of time in which a machine of the spot market is not to be had.

    a = ν·T_gone/(1 + ν·T_gone)

    Parameters
    ----------
    interruptions_per_hour : ν, interruptions of a machine while it is to be had [1/h]
    outage : T_gone, time for which capacity then stays away [s]

    Returns
    -------
    float [1]

    Notes
    -----
    An alternating renewal process: to be had for 1/ν on average, then away for T_gone.

    Examples
    --------
    >>> round(share_away(0.05, 7200.0), 4)
    0.0909
    """
    away = interruptions_per_hour * outage / SECONDS_PER_HOUR
    return away / (1.0 + away)


def blended(spot: float, on_demand: float, away: float) -> float:
    """Return the price of a machine that is paid on the spot market while it is to be had there, else on demand.

    p = p_spot·(1 − a) + p_od·a

    Parameters
    ----------
    spot, on_demand : prices [$/h]
    away : a, share of time in which there is no spot machine [1]

    Returns
    -------
    float [$/h]

    Notes
    -----
    An on-demand machine can always be had when one is needed, and the way back to spot costs nothing: the new machine is started
    before the old one is given up (assumptions).
    """
    return spot * (1.0 - away) + on_demand * away


def fallbacks(catalog: Catalog, operations: Operations) -> Iterator[Listing]:
    """Yield the spot machines that have an on-demand price beside them."""
    away = share_away(operations.spot_interruptions_per_hour, operations.spot_outage)
    for name, shape in catalog.instances.items():
        for price in shape.prices:
            if price.spot is not None and price.on_demand is not None:
                yield Listing(
                    instance=name,
                    shape=shape,
                    region=price.region,
                    region_group=price.region_group,
                    kind="spot_with_fallback",
                    tag="spot_with_fallback",
                    list_price=blended(price.spot, price.on_demand, away),
                    committed=False,
                    limit=inf,
                    source=f"{price.source} ({price.as_of})",
                    room=min(price.room("spot"), price.room("on_demand")),
                )
