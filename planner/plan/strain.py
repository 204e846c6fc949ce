"""How far the pools of a plan are from their promises under the load as mixed: what the optimizer's levels only bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from planner.candidates.evaluate import hard_targets
from planner.perf.limits import Target
from planner.plan.basis import above
from planner.plan.pool import replicas_of
from planner.plan.predict import Operation, Replicas
from planner.plan.solved import Columns, Solved, open_pools
from planner.plan.spares import spares_of

Floats = NDArray[np.float64]

HALVINGS = 12
"""Bisections for the share of a load that a pool can carry: to a part in four thousand."""


def missing(solved: Solved) -> dict[int, float]:
    """Return the open pools that miss a hard promise or a limit under the load as mixed, with the demand that would show it.

    Φ = max over periods of 1/(u·s),  u = max_j Σ_r D_jr·λ_r/n,  s the largest share of the load that keeps every promise

    Parameters
    ----------
    solved : the optimizer's answer with what it stands for

    Returns
    -------
    column → Φ: with its demand raised by that factor, the pool may carry this mix just as far as it keeps its promises.

    Notes
    -----
    A level bounds the demand of each stream by itself; where streams mix, the operating point can pass the level by a few
    percent. Latencies grow with the load, so bisection finds s.
    """
    found: dict[int, float] = {}
    for columns in open_pools(solved):
        factor = _factor(solved, columns)
        if factor is not None:
            found |= dict.fromkeys(columns, factor)
    return found


def _factor(solved: Solved, columns: Columns) -> float | None:
    """Return Φ of one pool; None if it keeps everything."""
    search = solved.search
    replicas = replicas_of(solved, columns, search.problem.solver.confidence)
    spares, names = spares_of(solved, columns), [stream.name for stream in search.streams]
    asked: list[float] = []
    for flow, count in _points(solved, columns):
        working = spares.working(count)
        rates = {name: float(calls) / working for name, calls in zip(names, flow.sum(axis=1), strict=True) if calls > 0}
        share = share_kept(replicas, rates, working, 1.0) if rates else 1.0
        if share < 1.0:
            demand = solved.assembled.program.pools.demand[:, :, list(columns)]
            taken = np.where(flow > 0, demand, 0.0) * flow
            load = float((taken.sum(axis=(1, 2)) / working).max())
            asked.append(1.0 / (load * share))
    return max(asked, default=None)


def _points(solved: Solved, columns: Columns) -> Iterator[tuple[Floats, int]]:
    """Yield the calls [R, k] that a pool must carry, with how many replicas: of each period, and of growth that comes before more
    replicas answer."""
    program, outcome = solved.assembled.program, solved.outcome
    scaling, own = program.scaling, list(columns)
    flow, counts = outcome.flow[:, own], outcome.replicas[own].sum(axis=0)
    for t, count in enumerate(counts.tolist()):
        yield flow[:, :, t], count
    if not scaling.lag.any():
        return
    lag, cannot = float(scaling.lag[own[0]]), ~program.movable
    for a, b in zip(scaling.before.tolist(), scaling.after.tolist(), strict=True):
        used = (flow[:, :, [a, b]] > 0).any(axis=(1, 2)) & cannot
        if lag and (program.rate[used, b] > program.rate[used, a]).any():
            yield np.where(cannot[:, None], (1.0 - lag) * flow[:, :, a] + lag * flow[:, :, b], 0.0), int(counts[a])


def share_kept(replicas: Replicas, rates: Mapping[str, float], pooled: int, most: float) -> float:
    """Return the largest share of a load, up to `most`, at which one of `pooled` replicas keeps every promise and limit [1]."""

    def keeps(share: float) -> bool:
        return holds(replicas.operate({name: rate * share for name, rate in rates.items()}, pooled), replicas)

    if keeps(most):
        return most
    low, high = 0.0, most
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return max(low, most * 0.5**HALVINGS)


def holds(operation: Operation, replicas: Replicas) -> bool:
    """Whether a replica keeps every limit and every hard promise of the streams it serves."""
    if any(above(value, 1.0) for value in operation.strain.values()):
        return False
    return not any(above(value, target.seconds) for _, target, value in promised(operation, replicas))


def promised(operation: Operation, replicas: Replicas) -> Iterator[tuple[str, Target, float]]:
    """Yield every hard promise to the streams that a replica serves: stream, promise, predicted percentile [s]."""
    for stream in replicas.streams:
        for target in hard_targets(stream) if stream.name in operation.seen else ():
            yield stream.name, target, float(np.max(operation.seen[stream.name].percentile(target.metric, target.percentile)))
