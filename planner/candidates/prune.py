"""Leaves out pools that another pool on the same machines beats in everything, so that no optimum is lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Bools = NDArray[np.bool_]


def undominated(
    machine: Index, hosts: Bools, gpus: Index, demand: Floats, call_cost: Floats, fewest: Index, worth: Floats
) -> Bools:
    """Return which pools are not dominated.

    Pool a dominates b if it can stand wherever b can, g_a ≤ g_b, it needs no more replicas to be open, for every stream each
    resource's demand and the call cost of a are at most those of b, and a call is worth as much on average. Then any plan that
    uses b can use as many replicas of a instead: it needs no more accelerators, the packing into machines still succeeds
    because replica sizes divide each other, and no resource is used more. Of equal pools the first is kept.

    With a constant number of spares one pool needs no more than two. Where an availability is asked for, it may: two pools of
    one replica that reach it alone need no spare, one pool of two does. Such splits, of a pool into itself and a worse one,
    are ruled out here by intention (docs/failures.md). As many replicas of a on the same machines never need more accelerators
    for spares than as many of b: they stand on no more machines, and no more of these fail with each.

    Parameters
    ----------
    machine : [K] hardware of each pool
    hosts : [hardware, cell] where that hardware is to be had
    gpus : [K] devices of a replica
    demand : [J, R, K] share of a replica per call/s; inf where a stream may not use the pool
    call_cost : [R, K] cost per call [$]
    fewest : [K] replicas of an open pool
    worth : [X, K] what calls are worth on average there

    Returns
    -------
    [K] True for pools to keep.
    """
    columns = np.concatenate(
        [
            demand.reshape(-1, demand.shape[-1]),
            np.where(np.isinf(demand[0]), np.inf, call_cost),
            gpus[None],
            fewest[None],
            -worth,
        ]
    )
    keep: Bools = np.zeros(len(machine), dtype=bool)
    served = np.isfinite(demand[0]).any(axis=0)
    alike = _families(hosts)[machine]
    for family in np.unique(alike[served]):
        members = np.flatnonzero((alike == family) & served)
        # A dominating pool is at least as good in the sum of ranks, so scanning in that order meets it first.
        finite = np.minimum(columns[: len(columns) - len(worth), members], 1e30)
        order = np.lexsort((members, np.log1p(finite).sum(axis=0) - np.arcsinh(worth[:, members]).sum(axis=0)))
        keep[_front(members[order], columns, hosts[machine].T)] = True
    return keep


def _front(order: Index, columns: Floats, hosted: Bools) -> list[int]:
    """Return the pools, in scanning order, that no pool before them dominates.

    Rivals are compared one column after the other, fewer each time: few are left after the first ones. Columns in which a pool
    is infinite rule nothing out.
    """
    front: list[int] = []
    held = np.empty((len(columns), len(order)))
    finite = np.isfinite(columns)
    for position in order.tolist():
        rivals = np.arange(len(front))
        for column in np.flatnonzero(finite[:, position])[::-1].tolist():
            rivals = rivals[held[column, rivals] <= columns[column, position]]
            if not len(rivals):
                break
        standing = hosted[:, position]
        if not any((hosted[:, front[rival]] >= standing).all() for rival in rivals.tolist()):
            held[:, len(front)] = columns[:, position]
            front.append(position)
    return front


def _families(hosts: Bools) -> Index:
    """Return a family number per hardware, the same for two that share a cell, directly or through others."""
    together = hosts.astype(np.int64) @ hosts.T.astype(np.int64) > 0
    np.fill_diagonal(together, val=True)
    labels = np.arange(len(hosts))
    while True:
        lowest = np.where(together, labels, len(hosts)).min(axis=1)
        if (lowest == labels).all():
            return labels
        labels = lowest
