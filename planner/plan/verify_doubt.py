"""Whether a plan says rightly how sure its latencies are."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan_doubt import Likely
from planner.domain.plan_pools import Pool
from planner.plan.basis import TOLERANCE, Basis, above, differs
from planner.plan.predict import Operation, Replicas

MIDDLE = 0.5
"""Confidence at which a prediction is as likely too slow as too fast."""


def doubt(basis: Basis) -> Iterator[str]:
    """The edge is that of the problem, and every prediction without doubt is found again; a plan need not have any."""
    part = basis.plan.doubt
    if part is None:
        return
    asked = basis.problem.solver.confidence
    if differs(part.confidence, asked):
        yield f"doubt: confidence {part.confidence:g} stated, {asked:g} in the problem"
    pools = {pool.name: pool for pool in basis.plan.pools}
    stated = {(one.stream, one.period, one.route, one.metric, one.percentile) for one in basis.plan.promises}
    found: dict[tuple[str, str], Operation] = {}
    for row in part.promises:
        where = f"doubt: {row.metric} p{row.percentile:g} of {row.stream} on {row.route} in {row.period}"
        if (row.stream, row.period, row.route, row.metric, row.percentile) not in stated or row.route not in pools:
            yield f"{where} is no promise of the plan"
            continue
        at = (row.route, row.period)
        if at not in found:
            found[at] = _operation(basis, pools[row.route], row.period)
        yield from _differs(where, row, found[at])


def _differs(where: str, row: Likely, operation: Operation) -> Iterator[str]:
    value = float(operation.seen[row.stream].percentile(row.metric, row.percentile).max())
    if above(abs(row.seconds - value), TOLERANCE * value):
        yield f"{where}: {row.seconds:.6g} s stated, {value:.6g} s found"


def _operation(basis: Basis, pool: Pool, period: str) -> Operation:
    """Return how a replica runs at the middle of predictions."""
    streams = list(basis.streams.values())
    replicas = Replicas(basis.catalog, pool.deployment, pool.instance, streams, basis.problem.operations, MIDDLE)
    working = basis.working(next(load for load in pool.loads if load.period == period))
    return replicas.operate({s.stream: s.rate / working for s in pool.shares if s.period == period and s.rate > 0}, working)
