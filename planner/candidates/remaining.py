"""What a plan costs at least with a deployment that is not evaluated, by the prices of a relaxation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.build import Search
from planner.candidates.evaluate import chunks

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

PRICED = 1024
"""Deployments asked together what they cost at least, in all periods at once."""


@dataclass(frozen=True, eq=False)
class ShadowPrices:
    """What things are worth by prices that prove a bound [$/h]."""

    bound: float
    """No plan over the deployments evaluated costs less."""
    streams: Floats
    """[R, T] Serving all of a stream in a period."""
    calls: Floats
    """[R, T] Serving 1 call/s of it."""
    gpus: Floats
    """[cell, T] An accelerator."""
    counted: Callable[[int, Floats], Floats]
    """(period, [bound, R, n] calls per second of each stream that a replica serves at most) → [n] what whole replicas earn
    besides."""


def least_costs(search: Search, first: ShadowPrices, *others: ShadowPrices) -> tuple[Index, Floats]:
    """Return the deployments not yet evaluated, and what a plan with any of them costs at least [$/h].

    cost ≥ bound + min_t (g·μ_t − min(min_w max_r π_rt/Σ_j w_j d_jr, Σ_r π_rt·Λ_rt) − counted_t)

    Parameters
    ----------
    search : with lower bounds d on demand
    first, others : prices π per call/s, π·Λ per stream, μ per accelerator, each with the bound it proves

    Returns
    -------
    (rows, least cost of a plan with each); proven together once those below the first bound have been evaluated

    Notes
    -----
    A replica costs at least g·μ of machines and carries calls worth at most the minimum, since Σ_r d_jr·λ_r ≤ 1 in every
    mix; cuts of rounded coverage pay `counted` for it besides, whatever it carries. By one set of prices the least costs hold
    while none is below its bound: else a plan with two deployments may gain by the other one. So what other prices say counts
    where it is not below theirs: plans cheaper than some cost can first be said to do without the deployments that the first
    prices exclude, then, among the rest, without those that the next exclude.

    References
    ----------
    docs/candidates.md; docs/formulation.md (prices).
    """
    rows = np.flatnonzero(~search.evaluated & np.isfinite(search.least[0]).any(axis=0))
    least = _least_costs(search, first, rows)
    for other in others:
        more = _least_costs(search, other, rows)
        least = np.where(more >= other.bound, np.maximum(least, more), least)
    return rows, least


def _least_costs(search: Search, prices: ShadowPrices, rows: Index) -> Floats:
    parts = [prices.bound + _margins(search, prices, piece) for piece in chunks(rows, PRICED)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _margins(search: Search, prices: ShadowPrices, rows: Index) -> Floats:
    """Return by how much a plan with one of a few deployments exceeds the bound at least [$/h]."""
    demand = search.least[:, :, rows]
    one, other = np.triu_indices(len(demand))
    # Any convex combination of the bounds is one; means of two are used.
    reach = (2.0 / (demand[one] + demand[other])).astype(float)
    hosted = np.where(search.sites.hosts[:, :, None], prices.gpus, np.inf).min(axis=1, initial=np.inf)[search.space.machine[rows]]
    earned = np.minimum(_carried(prices.calls, reach), prices.streams.T @ (reach[0] > 0))
    earned += np.stack([prices.counted(t, reach) for t in range(len(earned))])
    margins: Floats = (search.space.gpus()[rows] * hosted.T - earned).min(axis=0)
    return margins


def _carried(calls: Floats, reach: Floats) -> Floats:
    """Return [T, n] what the calls are worth that a replica carries at most: min_w max_r π_rt·reach_wrn [$/h].

    Written out into two arrays that are used again and again, which takes a fifth of the time of reductions.
    """
    shape = calls.shape[1], reach.shape[2]
    least, most, product = np.full(shape, np.inf), np.empty(shape), np.empty(shape)
    for served in reach:
        most.fill(0.0)
        for price, each in zip(calls, served, strict=True):
            np.maximum(most, np.multiply(price[:, None], each, out=product), out=most)
        np.minimum(least, most, out=least)
    return least
