"""The largest share of calls that may miss a target at any load up to a level.

The share at the level itself is no bound. Where a target is below the mean, calls that differ less miss it more often; and a
lighter load makes them differ less, while other calls may keep the mean where it is. But what raises the mean scatters it too:
a wait of mean W has a variance of W² at least, and an answer of O tokens that take T each varies by T²·Var O. So the way up to
the level is cut into pieces, each with the mean of its end and, of all variances between that of its beginning and the
level's, the worst.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.perf.limits import Replica
from planner.perf.steady import serving, state_at
from planner.perf.step import Array, StepModel
from planner.perf.tails import P99_SAFETY, Moments, gamma_miss, latencies, raised_miss, skewed_miss
from planner.perf.traffic import Traffic

ALONE = 1e-6
"""B of a replica whose calls never meet [1]."""

PIECES = 8
"""Of the way up to a level."""


@dataclass(frozen=True)
class Climb:
    """How the mean of a latency rises towards a level by x, from x_0 to x*, and the least variance v with it.

    m ≤ max(m_0, m* − a·(x* − x)),  v ≥ v_0 + b·(x² − x_0²)
    """

    alone: Moments
    """m_0 [s], v_0 [s²] of calls that never meet: above the level's where prompts share launches and experts there."""
    first: Array
    """x_0 [s]"""
    last: Array
    """x* [s]"""
    slope: Array
    """a [1]"""
    square: Array
    """b [1]"""

    def piece(self, level: Moments, begin: float, end: float) -> tuple[Moments, Array]:
        """Return moments with the most mean of a piece of the way, as shares of it, and the least variance there."""
        low, high = (self.first + share * (self.last - self.first) for share in (begin, end))
        mean = np.maximum(level.mean - self.slope * (self.last - high), self.alone.mean)
        least = self.alone.variance + self.square * (low**2 - self.first**2)
        return Moments(mean, np.maximum(level.variance, self.alone.variance), level.ceiling), least


def climbs(step: StepModel, traffic: Traffic, replica: Replica, iteration: Array, wait: Array) -> dict[str, Climb]:
    """Return metric → how it rises from calls that never meet to a level: TTFT by the wait, E2E by the iteration time.

    TTFT: x = W, x_0 = 0, a = b = 1;  E2E: x = T, a = 3/2 + O, b = 1/12 + Var O;  TPOT: at any T it may not vary at all

    Parameters
    ----------
    step, replica : deployments in columns
    traffic : of the stream
    iteration, wait : T*, W* of the level [s]
    """
    state = state_at(serving(step, traffic, replica.chunk_tokens, replica.pooled), traffic, np.full(1, ALONE))
    nothing, one = np.zeros(1), np.ones(1)
    alone = latencies(state, traffic, replica.host, wait=nothing, wait_variance=nothing, jitter=nothing)
    varied = np.maximum(traffic.output_second - traffic.output**2, 0.0)
    return {
        "ttft": Climb(alone.ttft, nothing, wait, one, one),
        "tpot": Climb(alone.tpot, nothing, nothing, nothing, nothing),
        "e2e": Climb(alone.e2e, state.iteration, iteration, 1.5 + traffic.output, 1.0 / 12.0 + varied),
    }


def most_missed(metric: str, level: Moments, climb: Climb, target: float) -> Array:
    """Return the largest share of calls whose latency exceeds a target on the way up to a level.

    max over pieces and v ∈ [v_i, v*] of P(X > t; m_i, v); at fixed mean it is largest at the v nearest to v' of that interval:
    gamma: v' = 9·m²·max((t/m)^⅓ − 1, 0); skewed normal: v' = 0 below the mean, else ∞

    Parameters
    ----------
    metric : `ttft`, `tpot` or `e2e`
    level : moments at the level: m* [s], v* [s²]
    climb : how it is reached
    target : t [s]

    Returns
    -------
    Share of calls [1]

    Notes
    -----
    P falls with Wilson–Hilferty's argument 3√k·(root − 1) + 1/(3√k), root = (t/m)^⅓, k = m²/v, whose derivative by √k vanishes
    at k = 1/(9(root − 1)). The 99th percentile of TTFT is a gamma's at t/1.12, whose v' is tried too.

    Examples
    --------
    A target of 1 s at a mean of 2 s: calls that differ by 0.1 s all miss it.

    >>> alone, busy = (Moments(np.array([2.0]), np.array([v]), np.array([np.inf])) for v in (0.01, 4.0))
    >>> most_missed("e2e", busy, Climb(alone, *np.zeros((4, 1))), 1.0).round(3), gamma_miss(busy, 1.0).round(3)
    (array([1.]), array([0.612]))
    """
    if metric == "tpot":
        moments, least = climb.piece(level, 0.0, 1.0)
        worst = np.where(target < moments.mean, least, moments.variance)
        return skewed_miss(Moments(moments.mean, worst, level.ceiling), target)
    pieces = [climb.piece(level, i / PIECES, (i + 1) / PIECES) for i in range(PIECES)]
    if metric == "e2e":
        shares = [gamma_miss(_worst(moments, least, target), target) for moments, least in pieces]
    else:
        factors = (1.0, P99_SAFETY)
        shares = [raised_miss(_worst(moments, least, target / f), target) for moments, least in pieces for f in factors]
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*shares)))


def _worst(level: Moments, least: Array, target: float) -> Moments:
    """Return the moments of a gamma distribution at which most calls exceed a target."""
    beyond = np.maximum(np.cbrt(target / level.mean) - 1.0, 0.0)
    variance = np.clip(9.0 * beyond * level.mean**2, np.minimum(least, level.variance), level.variance)
    return Moments(level.mean, variance, level.ceiling)
