"""How many calls per second of one stream a replica can take while every promise holds.

All constraints grow with B, the mean number of decoding sequences, so the largest B that keeps them is found by
bisection over whole columns of deployments at once; λ(B) then is the capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.steady import MIN_CHUNK, State, burst_factor, steady_state
from planner.perf.step import Array, StepModel
from planner.perf.tails import latencies
from planner.perf.traffic import Traffic

OCCUPANCY_Z = 2.326
"""Sequences and KV memory must fit at the 99th percentile of occupancy (normal quantile; handbook §1)."""

SMALLEST_LOAD = 0.01
"""B of a replica that is as good as idle: what fails here fails at any load [1]."""

STEPS = 13
"""Bisection steps over log B; leaves B at most 0.2 % below its limit."""


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
    Variance of a sum of a random number N of independent sizes. `burstiness` below 1 is not relied on.
    """
    own = np.maximum(traffic.held_second - traffic.held**2, 0.0)
    crowd = state.sequences_variance * burst_factor(traffic) * traffic.held**2
    return np.asarray(np.sqrt(state.sequences * own + crowd))


def prefill_time(state: State, prompt: Array) -> Array:
    """Return the time a prompt spends being processed, during which it already holds memory [s]."""
    return np.asarray(np.maximum(1.0, prompt / state.chunk) * state.decode + state.prompt_cost * prompt)


def strains(state: State, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> list[tuple[str, Array]]:
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
    crowd = state.sequences + OCCUPANCY_Z * np.sqrt(state.sequences_variance * burst_factor(traffic))
    in_prefill = state.rate * prefill_time(state, traffic.prompt) * traffic.held
    memory = state.sequences * traffic.held + in_prefill + OCCUPANCY_Z * kv_spread(state, traffic)
    ratios = [
        ("load", state.load / replica.utilization),
        ("prompt load", state.prompt_load / replica.utilization),
        ("sequences", crowd / replica.max_sequences),
        ("kv memory", memory / replica.kv_bytes),
    ]
    seen = latencies(state, traffic, replica.host)
    for target in targets:
        name = f"{target.metric} p{target.percentile:g}"
        ratios.append((name, seen.percentile(target.metric, target.percentile) / target.seconds))
    return ratios


def worst(ratios: Sequence[tuple[str, Array]]) -> Array:
    """Return the largest of the ratios, infinite where one is not a number."""
    stacked = np.stack(np.broadcast_arrays(*(ratio for _, ratio in ratios)))
    return np.asarray(np.where(np.isnan(stacked), np.inf, stacked).max(axis=0))


def largest_load(replica: Replica, traffic: Traffic) -> Array:
    """Return an upper end for B: no more than slots, than memory holds, than a chunk leaves room for [1]."""
    memory = replica.kv_bytes / traffic.held
    room = replica.chunk_tokens - MIN_CHUNK
    return np.maximum(np.minimum(np.minimum(replica.max_sequences, memory), room), 2.0 * SMALLEST_LOAD)


@dataclass(frozen=True)
class Capacity:
    """Result of `solve`: where a deployment can serve the stream, at which state, and what stops it."""

    feasible: NDArray[np.bool_]
    """Whether an almost idle replica keeps every promise."""
    state: State
    """Steady state at the limit (at the smallest load where infeasible)."""
    binding: NDArray[np.intp]
    """Index into `names` of what is nearest its limit."""
    strain: Array
    """Its value over its limit."""
    names: tuple[str, ...]
    """Constraints, in the order of `strains`."""


def solve(step: StepModel, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> Capacity:
    """Return the capacity of each deployment for one stream alone.

    λ* = λ(B*),  B* = max {B : every strain(B) ≤ 1}

    Parameters
    ----------
    step, traffic, replica : deployments in columns
    targets : latency promises

    Returns
    -------
    Capacity, its state at B*.

    Notes
    -----
    Every strain is increasing in B, so the feasible loads form an interval; the lower, feasible end of the bisection
    is returned, hence capacity is never overstated and at most 0.2 % low in B.

    References
    ----------
    Design §3.3; handbook §5.6.
    """
    shape = np.broadcast(step.host, traffic.held, replica.kv_bytes).shape
    low = np.full(shape, np.log(SMALLEST_LOAD))
    high = np.broadcast_to(np.log(largest_load(replica, traffic)), shape).copy()

    def strain_at(log_load: Array) -> Array:
        state = steady_state(step, traffic, replica.chunk_tokens, np.exp(log_load))
        return worst(strains(state, traffic, replica, targets))

    feasible = strain_at(low) <= 1.0
    low = np.where(feasible & (strain_at(high) <= 1.0), high, low)
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        fits = strain_at(middle) <= 1.0
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    low = np.where(feasible, low, np.log(SMALLEST_LOAD))
    state = steady_state(step, traffic, replica.chunk_tokens, np.exp(low))
    ratios = strains(state, traffic, replica, targets)
    stacked = np.stack([np.broadcast_to(ratio, shape) for _, ratio in ratios])
    stacked = np.where(np.isnan(stacked), np.inf, stacked)
    return Capacity(
        feasible=feasible,
        state=state,
        binding=stacked.argmax(axis=0),
        strain=stacked.max(axis=0),
        names=tuple(name for name, _ in ratios),
    )


def optimistic_rate(step: StepModel, traffic: Traffic, iteration: float) -> Array:
    """Return a rate that no level whose mean iteration is at most `iteration` exceeds, for screening.

    λ̄ = (D − host)/D / (O·(t_seq + flops + comm + kv·KV) + I·(flops + comm) + attention·G)

    Parameters
    ----------
    step, traffic : deployments and stream
    iteration : D, the longest mean iteration the stream's promises could allow [s]; inf if they say nothing

    Returns
    -------
    λ̄ [1/s]

    Notes
    -----
    Every iteration takes at least its fixed host time plus the compute time of its tokens, whatever the roofline hides,
    so Σ_r λ_r w_r ≤ (D − host)/D holds for any mixture: the bound is additive over streams, and screening by it loses
    no plan. Where even the weights cannot be read in time the rate is 0.
    """
    token = step.flops + step.comm
    work = traffic.output * (step.host_sequence + token + step.kv * traffic.kv) + traffic.prompt * token
    work = work + step.attention * traffic.attention
    floor = step.host + step.weights
    share = np.where(floor < iteration, 1.0 - step.host / iteration, 0.0)
    return np.asarray(share / work)


def state_at_rate(step: StepModel, traffic: Traffic, replica: Replica, rate: Array) -> State:
    """Return the steady state at a given call rate, by bisection on B (λ(B) is increasing).

    Parameters
    ----------
    step, traffic, replica : one or many deployments
    rate : λ [1/s]

    Returns
    -------
    State; at the largest B where the rate exceeds what the replica can do.
    """
    shape = np.broadcast(step.host, traffic.held, rate).shape
    low = np.full(shape, np.log(1e-6))
    high = np.broadcast_to(np.log(largest_load(replica, traffic)), shape).copy()
    for _ in range(50):
        middle = 0.5 * (low + high)
        below = steady_state(step, traffic, replica.chunk_tokens, np.exp(middle)).rate < rate
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return steady_state(step, traffic, replica.chunk_tokens, np.exp(high))
