"""What replicas gain by sharing the load behind a balancer that sends each call to the least loaded of them.

Calls fluctuate less on a replica that has company: a crowd is spread over all, and a prompt waits only where all are busy.
"""

from __future__ import annotations

import numpy as np

from planner.perf.step import Array


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


def pooled_wait(mean: Array, variance: Array, load: Array, pooled: Array) -> tuple[Array, Array]:
    """Return mean and variance of the wait of a prompt when n prompt servers share their queue.

    P_n = ρ^(√(2(n + 1)) − 1),  W_n = s·W_1/n,  Var W_n = s·(Var W_1 + (1 − s)·W_1²)/n²,  s = P_n/ρ

    Parameters
    ----------
    mean, variance : of the wait of one server alone [s], [s²]
    load : ρ of each [1]
    pooled : n [1]

    Returns
    -------
    (mean [s], variance [s²]); those of one server for n = 1

    References
    ----------
    Sakasegawa, Ann. Inst. Statist. Math. 29 (1977) 67 (P_n); conditional wait of M/G/n as an M/G/1 of n-fold speed:
    Nozaki and Ross, J. Appl. Prob. 15 (1978) 826.
    """
    share, stable = waiting_share(load, pooled), load < 1.0
    finite = np.where(stable, mean, 0.0)
    spread = share * (variance + (1.0 - share) * finite * finite) / (pooled * pooled)
    return np.where(stable, share * finite / pooled, np.inf), spread


def waiting_share(load: Array, pooled: Array) -> Array:
    """Return P_n/ρ = ρ^(√(2(n + 1)) − 2), how much rarer a prompt has to wait for one of n servers than for its own [1]."""
    return np.asarray(np.minimum(load, 1.0) ** (np.sqrt(2.0 * (pooled + 1.0)) - 2.0))
