"""Throughput bought in units at APIs, as written into a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from planner.candidates.units import call_tokens
from planner.domain.plan_pools import ProvisionedRoute
from planner.plan.pool import shares_of
from planner.plan.solved import Solved


def unit_routes(solved: Solved, periods: Mapping[str, float]) -> Iterator[ProvisionedRoute]:
    """Yield the units to buy, with the calls that they take; the last columns of the program are theirs."""
    search, outcome, units = solved.search, solved.outcome, solved.apis.units
    first, bought = len(solved.assembled.pool), len(search.supply.purchases)
    cycle = sum(periods.values())
    for index, (name, sold) in enumerate(zip(units.names, units.offers, strict=True)):
        held = outcome.machines[bought + index] * sold.increment
        if not held.any():
            continue
        flow = outcome.flow[:, first + index]
        tokens = np.array([call_tokens(stream, sold, search.catalog.apis[name].cache) for stream in search.streams])
        used = np.divide(tokens @ flow, held * sold.input_tokens, out=np.zeros(len(held)), where=held > 0)
        yield ProvisionedRoute(
            api=name,
            units=dict(zip(periods, held.tolist(), strict=True)),
            unit_price=sold.unit_price,
            term=sold.term,
            tokens_per_second=sold.input_tokens,
            cost=sum(hours * count for hours, count in zip(periods.values(), held.tolist(), strict=True))
            * sold.unit_price
            / cycle,
            used=dict(zip(periods, used.tolist(), strict=True)),
            price_source=sold.source,
            shares=tuple(shares_of(search, flow)),
        )
