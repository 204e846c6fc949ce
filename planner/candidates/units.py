"""Throughput sold in units at APIs: who may use it, and how much of a block of units a call takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.api_costs import cached_share
from planner.candidates.api_rules import api_problem, context_problem, missed_cost
from planner.candidates.rejection import Ledger
from planner.catalog.api_prices import price
from planner.demand.stream import Stream
from planner.domain.api_terms import ApiCache, Provisioned
from planner.domain.catalog import Catalog
from planner.domain.offers import ApiOffer
from planner.domain.problem import Problem
from planner.errors import MissingFact

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Units:
    """Offers of throughput that some stream may use; what is bought of one is a whole number of blocks of its increment."""

    names: tuple[str, ...]
    """[U] Catalog names."""
    offers: tuple[Provisioned, ...]
    """[U] What is sold."""
    demand: Floats
    """[R, U] Share of a block that 1 call/s of a stream takes [s]; inf where it may not use it."""
    call_cost: Floats
    """[R, U] Expected price of missed soft targets per call [$]."""


def call_tokens(stream: Stream, offer: Provisioned, cache: ApiCache | None) -> float:
    """Return what a call takes of the throughput bought [token].

    tokens = I − h·p + c·h·p + w·O

    Parameters
    ----------
    stream : I and O mean tokens, p of them a prefix
    offer : w input tokens that an output token counts for, c that a cached one does
    cache : how often the seller's cache is hit, h; None: as one's own
    """
    cached = cached_share(stream, cache) * stream.prefix_tokens
    return stream.prompt.mean - cached + offer.cached_weight * cached + offer.output_weight * stream.output.mean


def as_sold(offer: ApiOffer) -> ApiOffer:
    """Return an offer as its units are: with their latency, where they have one of their own."""
    sold = offer.provisioned
    return offer if sold is None or sold.latency is None else offer.model_copy(update={"latency": sold.latency})


def unit_problem(name: str, offer: ApiOffer, stream: Stream, catalog: Catalog, problem: Problem) -> tuple[str, str] | None:
    """Return (code, sentence) why a stream may not use an offer's units, None if it may."""
    reason = api_problem(name, as_sold(offer), stream, catalog, problem)
    if reason is not None:
        return reason
    try:
        return context_problem(price(offer, name), stream)
    except MissingFact:  # units need no price per token; of the context nothing but what the offer says is known
        longest = stream.longest_context()
        short = offer.max_context is not None and longest > offer.max_context
        return ("context", f"99 % of calls need {longest:,.0f} tokens, it takes {offer.max_context:,.0f}") if short else None


def usable_units(catalog: Catalog, problem: Problem, streams: Sequence[Stream], ledger: Ledger) -> Units:
    """Return the units some stream may use; the ledger takes the others, with the reason."""
    found: list[tuple[str, Provisioned, list[float], list[float]]] = []
    for name, offer in catalog.apis.items():
        sold = offer.provisioned
        if sold is None:
            continue
        demand, misses = [], []
        for stream in streams:
            reason = unit_problem(name, offer, stream, catalog, problem)
            if reason is not None:
                ledger.add(reason[0], name, reason[1], stream=stream.name)
            demand.append(np.inf if reason else call_tokens(stream, sold, offer.cache) / sold.block_tokens)
            misses.append(0.0 if reason else missed_cost(as_sold(offer), stream))
        if np.isfinite(demand).any():
            found.append((name, sold, demand, misses))
    shape = (len(found), len(streams))
    return Units(
        tuple(name for name, *_ in found),
        tuple(sold for _, sold, *_ in found),
        np.array([demand for _, _, demand, _ in found], dtype=float).reshape(shape).T,
        np.array([misses for *_, misses in found], dtype=float).reshape(shape).T,
    )
