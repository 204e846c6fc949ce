"""The most that one replica can carry, from above: continuous knapsacks, many at once.

    V = max Σ_r p[r]·x[r]  subject to  Σ_r D[j,r]·x[r] <= 1 for each resource j,  0 <= x <= 1

The J resources imply, for any u >= 0 with Σ u[j] = 1, the single one Σ_r (Σ_j u[j]·D[j,r])·x[r] <= 1, whose optimum is found
by sorting and is never below V.

References: Dantzig, *Discrete-variable extremum problems*, Operations Research 5 (1957).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from planner.optimize.program import Floats

ENTRIES = 20_000
"""Streams times pools times mixes looked at together at most: as many as stay in a processor's cache, more or less."""


def knapsack(profit: Floats, load: Floats) -> Floats:
    """max Σ p·x subject to Σ load·x <= 1, 0 <= x <= 1, per column of [R, k]: best earners first, the last one in part."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(profit > 0, profit / load, 0.0)
    order = np.argsort(-ratio, axis=0, kind="stable")
    size = np.take_along_axis(load, order, axis=0)
    before = np.cumsum(size, axis=0) - size
    with np.errstate(divide="ignore", invalid="ignore"):
        taken = np.where(size > 0, np.clip((1 - before) / size, 0.0, 1.0), 1.0)
    value: Floats = (taken * np.take_along_axis(profit, order, axis=0)).sum(axis=0)
    return value


def in_proportion(profit: Floats, load: Floats, fees: Floats) -> Floats:
    """[k] Knapsack of the resources in proportion to fees [J, k]; inf where there are none."""
    total = fees.sum(axis=0)
    mix = fees / np.where(total > 0, total, 1.0)
    value = knapsack(profit, np.einsum("jk,jrk->rk", mix, load))
    known: Floats = np.where(total > 0, value, np.inf)
    return known


def quick(profit: Floats, load: Floats) -> Floats:
    """[k] Least over resources of the best earner's rate, and all earners at once as far as each fits alone."""
    alone = (profit / np.maximum(load.max(axis=0), 1.0)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(profit > 0, profit / load, 0.0)
    value: Floats = np.minimum(ratio.max(axis=1).min(axis=0), alone)
    return value


def sharp(profit: Floats, load: Floats) -> Floats:
    """[k] Least knapsack over mixes of the resources."""
    mixes, (streams, count) = _mixes(len(load)), profit.shape
    least = np.full(count, np.inf)
    each = max(ENTRIES // max(profit.size, 1), 1)
    for first in range(0, len(mixes), each):
        some = mixes[first : first + each]
        mixed = np.stack([np.tensordot(mix, load, axes=1) for mix in some], axis=1)  # [R, mixes, k]
        earned = np.broadcast_to(profit[:, None], mixed.shape)
        value = knapsack(earned.reshape(streams, -1), mixed.reshape(streams, -1))
        least = np.minimum(least, value.reshape(len(some), count).min(axis=0))
    return least


@cache
def _mixes(resources: int) -> Floats:
    """Convex combinations of resources to try: each alone, each pair in steps, all evenly."""
    single = np.eye(resources)
    pairs = [w * single[a] + (1 - w) * single[b] for a in range(resources) for b in range(a) for w in (0.1, 0.25, 0.5, 0.75, 0.9)]
    return np.array([*single, *pairs, single.mean(axis=0)])
