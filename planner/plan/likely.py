"""Promises predicted without doubt: what is as likely too slow as too fast, beside the edge that they are kept at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from planner.candidates.build import Search
from planner.domain.plan_doubt import Doubt, Likely
from planner.domain.plan_promises import Promise
from planner.plan.doubt import PLAIN, edge_of
from planner.plan.pool import PredictedPool
from planner.plan.predict import Replicas


def likely(search: Search, predicted: Sequence[PredictedPool], promises: Sequence[Promise]) -> Doubt | None:
    """Return every promise of a pool, in the period in which it is hardest to keep, as predicted at confidence 0.5.

    Parameters
    ----------
    search : candidates and rules
    predicted : the pools
    promises : what they answer for, at the confidence of the problem

    Returns
    -------
    Doubt; None where no pool is taken to be slower than predicted.

    Notes
    -----
    One period for each promise: what is shown is how far an edge lies from the middle, and one more prediction of every
    period would double the work.
    """
    confidence = search.problem.solver.confidence
    doubted = [made for made in predicted if max(edge_of(search.catalog, made.pool.deployment, confidence)) > 1.0]
    found = tuple(row for made in doubted for row in _of(search, made, hardest(promises, made.pool.name)))
    return Doubt(confidence=confidence, promises=found) if found else None


def hardest(promises: Sequence[Promise], route: str) -> list[Promise]:
    """Return each promise of a route once, in the period in which its prediction is highest."""
    worst: dict[tuple[str, str, float], Promise] = {}
    for one in promises:
        key = (one.stream, one.metric, one.percentile)
        if one.route == route and (key not in worst or one.predicted > worst[key].predicted):
            worst[key] = one
    return list(worst.values())


def _of(search: Search, made: PredictedPool, promises: Sequence[Promise]) -> Iterator[Likely]:
    """Yield a pool's promises, predicted again."""
    pool = made.pool
    replicas = Replicas(search.catalog, pool.deployment, pool.instance, search.streams, search.problem.operations, PLAIN)
    loads = {load.period: load for load in pool.loads}
    for period in dict.fromkeys(one.period for one in promises):
        working = made.spares.working(loads[period].replicas)
        rates = {share.stream: share.rate / working for share in pool.shares if share.period == period and share.rate > 0}
        seen = replicas.operate(rates, working).seen
        for one in promises:
            if one.period == period:
                seconds = float(np.max(seen[one.stream].percentile(one.metric, one.percentile)))
                what = {"metric": one.metric, "percentile": one.percentile, "seconds": seconds}
                yield Likely.model_validate({"stream": one.stream, "period": period, "route": pool.name, **what})
