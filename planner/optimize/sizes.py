"""Families of which one column is open at a time: a pool whose spares depend on all its replicas.

Two columns with one spare each would be one pool, whose replicas together need two or more (`offered`).
"""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import Bounds, allowed, least_open
from planner.optimize.program import Floats, Ints, Program


def siblings(program: Program, columns: Ints) -> Ints:
    """Return columns with all others of their families where one of them is open at a time: a replica more may need the next."""
    if not program.one_size:
        return columns
    family = program.pools.family
    return np.flatnonzero(np.isin(family, family[columns])).astype(np.int64)


def gathered(program: Program, limit: Bounds, flow: Floats) -> Floats:
    """Return flows [R, K, T] with the calls of a family on the one column that carries them with fewest replicas.

    A relaxation spreads them over several, each open in part. Where none carries them all, they stay as they are.
    """
    if not program.one_size:
        return flow
    together, pools, usable = flow.copy(), program.pools, allowed(program)
    used = (flow > 0).any(axis=0)
    for f, t in {(int(pools.family[k]), int(t)) for k, t in zip(*np.nonzero(used), strict=True)}:
        (own,) = np.nonzero((pools.family == f) & (limit.replicas[:, t] > 0))
        total = flow[:, pools.family == f, t].sum(axis=1)
        able = own[usable[np.ix_(total > 0, own)].all(axis=0)]
        demand = np.where(usable[:, able], pools.demand[:, :, able], 0.0)
        load = np.einsum("jrk,r->jk", demand, total).max(axis=0, initial=0.0)
        need = np.maximum(np.ceil(load - 1e-8 * np.maximum(load, 1.0)) + pools.spare[able], least_open(program)[able])
        need = np.where(need <= limit.replicas[able, t], need, np.inf)
        if np.isfinite(need).any():
            together[:, pools.family == f, t] = 0.0
            together[:, able[int(np.argmin(need))], t] = total
    return together


def one_each(program: Program, replicas: Floats) -> bool:
    """Whether of every family one column at most is open in each period; replicas [K, T]."""
    if not program.one_size:
        return True
    family, open_ = program.pools.family, replicas > 0
    count = np.zeros((int(family.max(initial=-1)) + 1, replicas.shape[1]))
    np.add.at(count, family, open_)
    return bool((count <= 1).all())
