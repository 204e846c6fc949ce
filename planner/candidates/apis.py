"""Which APIs each stream may use, and what a call costs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.api_costs import LIMITS, call_cost, limit_shares, may_batch, stream_batch_price, stream_price
from planner.candidates.api_rules import api_problem, context_problem, missed_cost
from planner.candidates.pools import Pools
from planner.candidates.rejection import Ledger
from planner.candidates.units import Units, usable_units
from planner.catalog.api_prices import ApiPrice
from planner.demand.stream import Stream
from planner.domain.catalog import Catalog
from planner.domain.offers import ApiOffer
from planner.domain.problem import Problem
from planner.errors import MissingFact

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Apis:
    """API offers some stream may use."""

    names: tuple[str, ...]
    """[A] Catalog names."""
    prices: tuple[tuple[ApiPrice | None, ...], ...]
    """[A][R] Prices at each stream's prompt lengths; None where it may not use the API."""
    call_cost: Floats
    """[R, A] Price per call [$]; inf where the stream may not use it."""
    limits: Floats
    """[L, R, A] Share of each limit of the account (`LIMITS`) that 1 call/s of a stream takes; 0 where none binds it [s]."""
    units: Units
    """Throughput sold by the hour."""


def usable_apis(catalog: Catalog, problem: Problem, streams: Sequence[Stream], ledger: Ledger) -> Apis:
    """Return the APIs some stream may use, priced.

    Parameters
    ----------
    catalog, problem, streams : facts and rules
    ledger : takes the others, with the reason

    Returns
    -------
    Apis

    Notes
    -----
    A missed soft target costs its price times the share of misses; an API is charged the full price if its 95th
    percentile is over the target and 5 % of it otherwise, for want of a distribution.
    """
    rows = {
        name: tuple(usable_price(name, offer, stream, catalog, problem, ledger) for stream in streams)
        for name, offer in catalog.apis.items()
    }
    names = tuple(name for name, row in rows.items() if any(row))
    offers = [catalog.apis[name] for name in names]
    costs = [
        [_cost(offer, stream, paid) for stream, paid in zip(streams, rows[name], strict=True)]
        for name, offer in zip(names, offers, strict=True)
    ]
    taken = [
        [_taken(offer, stream, paid) for stream, paid in zip(streams, rows[name], strict=True)]
        for name, offer in zip(names, offers, strict=True)
    ]
    return Apis(
        names,
        tuple(rows[name] for name in names),
        np.array(costs, dtype=float).reshape(len(names), len(streams)).T,
        np.array(taken, dtype=float).reshape(len(names), len(streams), len(LIMITS)).T,
        usable_units(catalog, problem, streams, ledger),
    )


def usable_price(
    name: str, offer: ApiOffer, stream: Stream, catalog: Catalog, problem: Problem, ledger: Ledger
) -> ApiPrice | None:
    """Return what a stream pays for an API, of batches where it may wait and that costs less; None if it may not.

    The ledger is told why.
    """
    reason = api_problem(name, offer, stream, catalog, problem)
    if reason is None and offer.provisioned is not None and not offer.provisioned.overflow:
        reason = "rules", "is sold in provisioned units alone"
    if reason is None:
        try:
            paid = cheapest_price(name, offer, stream)
        except MissingFact as missing:
            reason = "rules", str(missing)
        else:
            reason = context_problem(paid, stream)
            if reason is None:
                return paid
    ledger.add(reason[0], name, reason[1], stream=stream.name)
    return None


def cheapest_price(name: str, offer: ApiOffer, stream: Stream) -> ApiPrice:
    """Return the prices per token at which a stream's calls cost least: the standard ones, or those of batches if it may wait.

    Raises
    ------
    MissingFact
        If a price is not known.
    """
    paid = stream_price(name, offer, stream)
    if not may_batch(offer, stream):
        return paid
    try:
        later = stream_batch_price(name, offer, stream)
    except MissingFact:  # the standard price holds for calls that may wait too
        return paid
    return later if call_cost(stream, later, offer.cache) < call_cost(stream, paid, offer.cache) else paid


def _cost(offer: ApiOffer, stream: Stream, paid: ApiPrice | None) -> float:
    """Return the price of a call with the soft targets it is expected to miss [$]; inf if the API may not be used."""
    return call_cost(stream, paid, offer.cache) + missed_cost(offer, stream) if paid is not None else float("inf")


def _taken(offer: ApiOffer, stream: Stream, paid: ApiPrice | None) -> Floats:
    """Return what a stream takes of an account's limits; nothing of them in batches, which have limits of their own."""
    return np.zeros(len(LIMITS)) if paid is None or paid.batch else limit_shares(offer, stream)


def servable(pools: Pools, apis: Apis) -> list[bool]:
    """Return [R] whether any pool, API or unit of one may serve a stream, whatever the limits."""
    by_pool = np.asarray(np.isfinite(pools.demand).all(axis=0)).any(axis=1)
    by_api = np.asarray(np.isfinite(apis.call_cost)).any(axis=1)
    by_unit = np.asarray(np.isfinite(apis.units.demand)).any(axis=1)
    return [bool(served) for served in np.atleast_1d(by_pool | by_api | by_unit)]
