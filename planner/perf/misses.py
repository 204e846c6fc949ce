"""The largest share of calls that may miss a target at any load up to a level.

The share at the level itself is no bound. Where a target is below the mean, calls that differ less miss it more often; and a
lighter load makes them differ less. So the mean is taken as at the level, the variance as the worst between that of a call
alone and that at the level.
"""

from __future__ import annotations

import numpy as np

from planner.perf.limits import Replica
from planner.perf.steady import serving, state_at
from planner.perf.step import Array, StepModel
from planner.perf.tails import P99_SAFETY, Latencies, Moments, gamma_miss, latencies, raised_miss, skewed_miss
from planner.perf.traffic import Traffic

ALONE = 1e-6
"""B of a replica whose calls never meet [1]."""


def alone(step: StepModel, traffic: Traffic, replica: Replica) -> Latencies:
    """Return the latencies of calls that never meet: nothing waits, no other prompt or crowd stretches an answer.

    Parameters
    ----------
    step, replica : deployments in columns
    traffic : of the stream

    Returns
    -------
    Latencies, whose variances are the least there are.
    """
    state = state_at(serving(step, traffic, replica.chunk_tokens, replica.pooled), traffic, np.full(1, ALONE))
    nothing = np.zeros(1)
    return latencies(state, traffic, replica.host, wait=nothing, wait_variance=nothing, jitter=nothing)


def most_missed(metric: str, level: Moments, least: Array, target: float) -> Array:
    """Return the largest share of calls whose latency exceeds a target, over variances v up to the level's.

    max over v ∈ [v_0, v*] of P(X > t; m*, v); at fixed mean it is largest at the v nearest to v' of that interval:
    gamma: v' = 9·m²·max((t/m)^⅓ − 1, 0); skewed normal: v' = 0 below the mean, else ∞

    Parameters
    ----------
    metric : `ttft`, `tpot` or `e2e`
    level : moments at the level: m* [s], v* [s²]
    least : v_0 [s²]
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
    A target of 1 s at a mean of 2 s: those that never meet differ by 0.1 s, and all miss it.

    >>> busy = Moments(np.array([2.0]), np.array([4.0]), np.array([np.inf]))
    >>> most_missed("e2e", busy, np.array([0.01]), 1.0).round(3), gamma_miss(busy, 1.0).round(3)
    (array([1.]), array([0.612]))
    """
    if metric == "tpot":
        worst = np.where(target < level.mean, np.minimum(least, level.variance), level.variance)
        return skewed_miss(Moments(level.mean, worst, level.ceiling), target)
    if metric == "e2e":
        return gamma_miss(_worst(level, least, target), target)
    tried = (_worst(level, least, target / factor) for factor in (1.0, P99_SAFETY))
    return np.maximum(*(raised_miss(moments, target) for moments in tried))


def _worst(level: Moments, least: Array, target: float) -> Moments:
    """Return the moments of a gamma distribution at which most calls exceed a target."""
    beyond = np.maximum(np.cbrt(target / level.mean) - 1.0, 0.0)
    variance = np.clip(9.0 * beyond * level.mean**2, np.minimum(least, level.variance), level.variance)
    return Moments(level.mean, variance, level.ceiling)
