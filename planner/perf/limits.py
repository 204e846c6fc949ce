"""What a replica must stay within: promises, slots, memory, stable load; each as a value over its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.steady import MIN_CHUNK, State
from planner.perf.step import Array
from planner.perf.tails import latency_moments, percentile_of
from planner.perf.traffic import Traffic

Ratios = list[tuple[str, Array]]
"""Constraints, each with its value over its limit."""

OCCUPANCY_Z = 2.326
"""Sequences and KV memory must fit at the 99th percentile of occupancy (normal quantile; handbook §1)."""

SMALLEST_LOAD = 0.01
"""B of a replica that is as good as idle: what fails here fails at any load [1]."""


@dataclass(frozen=True)
class Target:
    """One latency promise."""

    metric: str
    """`ttft`, `tpot` or `e2e`."""
    percentile: float
    """In (0, 100)."""
    seconds: float
    """Limit [s]."""


@dataclass(frozen=True)
class RowTarget(Target):
    """One latency promise with a limit of its own for each row."""

    seconds: Any
    """[rows] Limits [s]."""


@dataclass(frozen=True)
class Replica:
    """What bounds a replica beside its iteration time; fields broadcast."""

    kv_bytes: Array
    """KV memory of the replica [B]."""
    max_sequences: Array
    """Limit of decoding sequences [1]."""
    chunk_tokens: Array
    """Token limit of an iteration [token]."""
    host: Array
    """Time per request outside the engine [s]."""
    pooled: Array
    """Replicas that share the load behind one balancer, this one included [1]."""
    utilization: float
    """Highest share of the stable rate to be used [1]."""

    def take(self, index: NDArray[np.intp]) -> Self:
        """Return the replicas of the chosen deployments."""
        picked = {f.name: np.asarray(getattr(self, f.name))[index] for f in fields(self) if f.name != "utilization"}
        return type(self)(**picked, utilization=self.utilization)


def kv_spread(state: State, traffic: Traffic) -> Array:
    """Return the standard deviation of live KV bytes, √(B·(E[H²] − H²) + Var N·H²·(1 + c_a²)/2) [B].

    Notes
    -----
    Variance of a sum of a random number N of independent sizes.
    """
    crowd = state.sequences_variance * traffic.burst * (traffic.held * traffic.held)
    return np.asarray(np.sqrt(state.sequences * traffic.held_variance + crowd))


def prefill_time(state: State, prompt: Array) -> Array:
    """Return the time a prompt spends being processed, during which it already holds memory [s]."""
    return np.asarray(np.maximum(1.0, prompt / state.chunk) * state.decode + state.prompt_cost * prompt)


def strains(state: State, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> Ratios:
    """Return, for each constraint, its value over its limit: ≤ 1 where it holds.

    Parameters
    ----------
    state : steady state at some B
    traffic : of the stream
    replica : its limits
    targets : latency promises that must hold

    Returns
    -------
    (name, ratio) pairs: `load`, `prompt load`, `sequences`, `kv memory`, then one per target.
    """
    crowd = state.sequences + OCCUPANCY_Z * np.sqrt(state.sequences_variance * traffic.burst)
    in_prefill = state.rate * prefill_time(state, traffic.prompt) * traffic.held
    memory = state.sequences * traffic.held + in_prefill + OCCUPANCY_Z * kv_spread(state, traffic)
    ratios = [
        ("load", state.load / replica.utilization),
        ("prompt load", state.prompt_load / replica.utilization),
        ("sequences", crowd / replica.max_sequences),
        ("kv memory", memory / replica.kv_bytes),
    ]
    seen = latency_moments({target.metric for target in targets}, state, traffic, replica.host)
    for target in targets:
        latency = percentile_of(target.metric, seen[target.metric], target.percentile)
        ratios.append((f"{target.metric} p{target.percentile:g}", latency / target.seconds))
    return ratios


def worst(ratios: Ratios) -> Array:
    """Return the largest of the ratios, infinite where one is not a number."""
    largest = ratios[0][1]
    for _, ratio in ratios[1:]:
        largest = np.maximum(largest, ratio)
    return np.where(np.isnan(largest), np.inf, largest)


def largest_load(replica: Replica, traffic: Traffic, width: Array) -> Array:
    """Return an upper end for B: no more than slots, than memory holds, than a chunk has room for at w_d tokens each [1]."""
    memory = replica.kv_bytes / traffic.held
    room = (replica.chunk_tokens - MIN_CHUNK) / width
    return np.maximum(np.minimum(np.minimum(replica.max_sequences, memory), room), 2.0 * SMALLEST_LOAD)
