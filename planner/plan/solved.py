"""What the optimizer found, with everything it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.candidates.apis import Apis
from planner.candidates.build import Search
from planner.candidates.pools import Pools
from planner.optimize.assemble import Assembled
from planner.optimize.program import Outcome


@dataclass(frozen=True)
class Solved:
    """Everything a plan is made from."""

    search: Search
    """Problem, streams, supply, deployments."""
    pools: Pools
    """Pool candidates."""
    apis: Apis
    """APIs."""
    assembled: Assembled
    """The program and what its columns stand for."""
    outcome: Outcome
    """What the optimizer found."""
    complete: bool = True
    """Whether its bound covers every deployment enumerated."""
    rounds: int = 1
    """Solves of the whole program it took."""
    repairs: int = 0
    """Small solves around its pools it took."""


def near(cost: float, bound: float, gap: float) -> bool:
    """Whether a bound proves a cost within the gap."""
    return cost - bound <= gap * abs(cost) + 1e-9


def open_pools(outcome: Outcome) -> list[int]:
    """Return the columns that run, the largest flow first."""
    used = np.flatnonzero(outcome.replicas.sum(axis=1) > 0)
    weight = outcome.flow.sum(axis=(0, 2))
    return sorted(used.tolist(), key=lambda k: (-float(weight[k]), k))
