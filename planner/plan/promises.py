"""Every promise that pools and APIs answer for, beside what is predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from planner.candidates.api_rules import api_seen
from planner.candidates.build import Search
from planner.candidates.evaluate import hard_targets, soft_targets
from planner.candidates.units import as_sold
from planner.domain.offers import ApiOffer
from planner.domain.plan_pools import ApiRoute, ProvisionedRoute
from planner.domain.plan_promises import Promise
from planner.plan.pool import PredictedPool

ROUNDING = 1e-6
"""Relative excess over a target that counts as rounding."""


def pool_promises(search: Search, made: PredictedPool) -> Iterator[Promise]:
    """Yield every promise a pool answers for, hard and soft, with its prediction under the load of each period."""
    streams = {stream.name: stream for stream in search.streams}
    for period, operation in made.operations.items():
        for name, seen in operation.seen.items():
            hard = [(target, False) for target in hard_targets(streams[name])]
            for target, soft in (*hard, *((target, True) for target, _ in soft_targets(streams[name]))):
                predicted = float(np.max(seen.percentile(target.metric, target.percentile)))
                yield Promise(
                    stream=name,
                    period=period,
                    route=made.pool.name,
                    metric=target.metric,
                    percentile=target.percentile,
                    target=target.seconds,
                    predicted=predicted,
                    miss_share=float(np.max(seen.miss(target.metric, target.seconds))),
                    soft=soft,
                    holds=predicted <= target.seconds * (1 + ROUNDING),
                )


def api_promises(search: Search, routes: Sequence[ApiRoute | ProvisionedRoute]) -> Iterator[Promise]:
    """Yield every hard promise that APIs of known latency answer for, with the bound their figures give."""
    streams = {stream.name: stream for stream in search.streams}
    for route in routes:
        offer, batch, where = answered_by(search.catalog.apis[route.api], route)
        for share in route.shares:
            stream = streams[share.stream]
            for target in hard_targets(stream):
                seen = api_seen(offer, stream, target, batch=batch)
                if seen is not None:
                    yield Promise(
                        stream=share.stream,
                        period=share.period,
                        route=where,
                        metric=target.metric,
                        percentile=target.percentile,
                        target=target.seconds,
                        predicted=seen,
                        miss_share=1.0 - target.percentile / 100.0,
                        soft=False,
                        holds=seen <= target.seconds,
                    )


def answered_by(offer: ApiOffer, route: ApiRoute | ProvisionedRoute) -> tuple[ApiOffer, bool, str]:
    """Return an offer with the latency that holds on a route, whether it answers in batches, and the route's name."""
    return (offer, route.batch, route.api) if isinstance(route, ApiRoute) else (as_sold(offer), False, route.name)
