"""Call graphs: which stages there are, in which order, how often each is called, and how long the way through them is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from planner.domain.stages import Loop, Stage
from planner.domain.workload import Workload

MANY_ROUNDS = 200
"""Rounds that are told apart; later ones are as rare as they are alike."""


def without(order: Mapping[str, tuple[str, ...]], there: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the order among the stages that are there."""
    kept = set(there)

    def awaited(name: str) -> tuple[str, ...]:
        found: list[str] = []
        for one in order[name]:
            found += [one] if one in kept else awaited(one)
        return tuple(dict.fromkeys(found))

    return {name: awaited(name) for name in order if name in kept}


def longest(order: Mapping[str, tuple[str, ...]], times: Mapping[str, float], among: set[str]) -> float:
    """Return the time of the slowest path through some stages [s]: what follows waits for all it names."""
    ends: dict[str, float] = {}

    def end(name: str) -> float:
        if name not in ends:
            ends[name] = max((end(one) for one in order[name] if one in among), default=0.0) + times.get(name, 0.0)
        return ends[name]

    return max((end(name) for name in among), default=0.0)


def stages_of(workload: Workload) -> tuple[Stage, ...]:
    """Return a workload's stages; for one without, the single call that every request is."""
    if workload.stages:
        return workload.stages
    return (
        Stage(
            name=workload.name,
            retries=workload.retries,
            output_tokens=workload.output_tokens,
            shared_prefix=workload.shared_prefix,
        ),
    )


def going_on(loop: Loop) -> float:
    """Return the probability that another round follows, q = 1 − 1/mean [1]."""
    return 1.0 - 1.0 / loop.mean


def mean_rounds(loop: Loop | None) -> float:
    """Return the mean rounds of a loop within its budget, (1 − q^B)/(1 − q) [1]."""
    if loop is None:
        return 1.0
    q = going_on(loop)
    return float(loop.at_most) if q >= 1.0 else (1.0 - q**loop.at_most) / (1.0 - q)


def rounds_at(loop: Loop | None, percentile: float) -> int:
    """Return the rounds that a share of requests do not exceed: least k with 1 − q^k >= p, at most the budget."""
    if loop is None:
        return 1
    q = going_on(loop)
    if q <= 0.0:
        return 1
    return min(max(math.ceil(math.log(1.0 - percentile / 100.0) / math.log(q) - 1e-9), 1), loop.at_most)


def round_weights(loop: Loop) -> list[float]:
    """Return how much of a loop's calls each round is, q^(k−1), in proportion [1]."""
    q = going_on(loop)
    return [q**k for k in range(min(loop.at_most, MANY_ROUNDS)) if q**k > 1e-12]
