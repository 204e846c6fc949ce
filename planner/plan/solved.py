"""What the optimizer found, with everything it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.apis import Apis
from planner.candidates.build import Search
from planner.candidates.pools import Pools
from planner.demand.ways import Flows
from planner.optimize.assemble import Assembled
from planner.optimize.model import Point
from planner.optimize.program import Outcome


@dataclass(frozen=True)
class Covered:
    """Which ways to serve workloads the bound of an answer speaks of, beside those compared."""

    priced: int = 0
    """Ways on the pools of those compared."""
    left_out: int = 0
    """Ways it does not speak of."""
    loss: float = np.inf
    """What the best of those was estimated to cost above the best way of its workload [$/h]; inf where nothing serves any."""


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
    covered: Covered = Covered()
    """Ways its bound speaks of."""

    @property
    def taken(self) -> list[int]:
        """The ways in which workloads are served, by their index in the search."""
        return self.assembled.choices.taken(self.outcome.ways)

    def at(self, point: Point) -> Solved:
        """Return the same with other decisions."""
        made = replace(
            self.outcome,
            flow=point.flow,
            api_flow=point.api_flow,
            replicas=point.replicas.astype(np.int64),
            machines=point.machines.astype(np.int64),
            ways=point.ways > 0.5,
        )
        return replace(self, outcome=made)


def settled(solved: Solved) -> Solved:
    """Return an answer whose streams have the calls that the ways taken cause: none where a way not taken would."""
    search = solved.search
    flows = Flows(search.streams, search.ways)
    return replace(solved, search=replace(search, streams=flows.along([search.ways[index] for index in solved.taken])))


def near(cost: float, bound: float, gap: float) -> bool:
    """Whether a bound proves a cost within the gap."""
    return cost - bound <= gap * abs(cost) + 1e-9


Columns = tuple[int, ...]
"""Columns of the program that are one pool at different replica counts, the one with the largest flow first."""


def open_pools(solved: Solved) -> list[Columns]:
    """Return the pools that run, the largest flow first."""
    outcome, family = solved.outcome, solved.assembled.program.pools.family
    weight = outcome.flow.sum(axis=(0, 2))
    own = outcome.replicas[: len(solved.assembled.pool)]
    used = sorted(np.flatnonzero(own.sum(axis=1) > 0).tolist(), key=lambda k: (-float(weight[k]), k))
    pools: dict[int, list[int]] = {}
    for column in used:
        pools.setdefault(int(family[column]), []).append(column)
    return sorted((tuple(columns) for columns in pools.values()), key=lambda columns: -float(weight[list(columns)].sum()))


def run_of(outcome: Outcome, columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a pool's flow [R, T] and replicas [T]."""
    chosen = list(columns)
    return outcome.flow[:, chosen].sum(axis=1), outcome.replicas[chosen].sum(axis=0)
