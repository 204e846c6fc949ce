"""Pools that differ only in where they stand: what a replica carries is found once for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.optimize.program import Ints, Program


@dataclass(frozen=True, eq=False)
class Kinds:
    """Pools with the same demand and call costs, together."""

    of: Ints
    """[K] Kind of each pool."""
    first: Ints
    """[Q] A pool of each kind."""


def kinds(program: Program) -> Kinds:
    """Group the pools by all that streams see of them."""
    pools = program.pools
    worth = [one.pools for one in program.averages]
    seen = np.concatenate([*pools.demand, pools.call_cost, *worth])
    rows = np.ascontiguousarray(seen.T) + 0.0  # −0.0 and 0.0 are the same number, not the same bytes
    if not rows.size:
        return Kinds(np.zeros(len(pools.name), dtype=np.int64), np.zeros(min(1, len(pools.name)), dtype=np.int64))
    as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, of = np.unique(as_bytes, return_index=True, return_inverse=True)
    return Kinds(of.astype(np.int64), first.astype(np.int64))
