"""What replicas gain by sharing the load behind a balancer, above all one that sends each call to the least loaded of them.

Calls fluctuate less on a replica that has company: a crowd is spread over all, and so is a burst. Prompts gain less: the balancer
counts unfinished calls, and does not see how long a prompt is. Shares were found against the simulator (docs/tails.md).
"""

from __future__ import annotations

import numpy as np

from planner.perf.step import Array

BLIND = 0.35
"""Share of a lone replica's prompt wait that no company takes away (fitted to the simulator: 0.40 at 16 replicas, 0.46 at 4)."""

UNEVEN = 0.12
"""Share of a lone replica's variance by other calls' prompts that no company takes away (fitted to the simulator)."""


def company(replicas: float, balancer: str) -> float:
    """Return how many replicas even out each other's load: all behind a balancer that looks at it, else each stands alone [1]."""
    return replicas if balancer == "least_loaded" else 1.0


def dealt_burstiness(burstiness: Array, replicas: float, balancer: str) -> Array:
    """Return c_a² of the calls that a replica has to bear, of n behind a balancer.

    least_loaded            c_a²                 the burst stays whole: `company` shares it out
    round_robin             c_a²/n               every n-th call: a sum of n gaps
    random, prefix_aware    1 + (c_a² − 1)/n     each call with probability 1/n

    c_a² below 1 is taken as 1: users that take turns are not relied on, a balancer that does is.

    Parameters
    ----------
    burstiness : c_a² of the pool's calls [1]
    replicas : n
    balancer : as in `operations.balancer`

    Returns
    -------
    [1]

    Notes
    -----
    `prefix_aware` is taken to deal beginnings out at random, which holds for many beginnings of similar popularity.

    References
    ----------
    Whitt, Bell System Technical Journal 62 (1983) 2779, eq. 36 (splitting of a renewal process); gaps are independent.
    """
    bursts = np.maximum(burstiness, 1.0)
    if balancer == "least_loaded":
        return bursts
    return np.asarray(bursts / replicas if balancer == "round_robin" else 1.0 + (bursts - 1.0) / replicas)


def crowding_share(pooled: Array) -> Array:
    """Return the variance of the number of calls on one of n replicas, over that of a replica on its own.

    v(n) = 1/n

    Parameters
    ----------
    pooled : n, replicas behind one balancer [1]

    Returns
    -------
    [1]; 1 for a replica on its own

    Notes
    -----
    The calls of n replicas together vary as n independent replicas do, Var = n·Var_1, and are dealt out evenly: Var/n² each.
    """
    return np.asarray(1.0 / pooled)


def waiting_share(pooled: Array) -> Array:
    """Return a prompt's wait at one of n replicas, over that at its own, under Poisson arrivals: b + (1 − b)/n [1]."""
    return np.asarray(BLIND + (1.0 - BLIND) / pooled)


def jitter_share(pooled: Array) -> Array:
    """Return the variance that other calls' prompts cause on one of n replicas, over that on a replica of its own [1]."""
    return np.asarray(UNEVEN + (1.0 - UNEVEN) / pooled)
