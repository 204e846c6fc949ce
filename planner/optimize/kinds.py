"""Pools that differ only in where they stand: what a replica carries is found once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

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
    """Group the pools by all that streams see of them, in the order of their first."""
    pools = program.pools
    digests = [blake2b(digest_size=16) for _ in pools.name]
    for seen in (*pools.demand, pools.call_cost, *(one.pools for one in program.averages)):
        # Column by column, with −0.0 as 0.0: the same number, not the same bytes.
        for digest, column in zip(digests, np.ascontiguousarray(seen.T) + 0.0, strict=True):
            digest.update(column)
    first: dict[bytes, int] = {}
    own = [first.setdefault(digest.digest(), k) for k, digest in enumerate(digests)]
    firsts = np.array([*first.values()], dtype=np.int64)
    return Kinds(np.searchsorted(firsts, np.array(own, dtype=np.int64)), firsts)
