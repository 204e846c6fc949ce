"""How many calls per second of one stream a replica can take while every promise holds.

All constraints grow with B, the mean number of decoding sequences, so the largest B that keeps them is found by
searching over whole columns of deployments at once; λ(B) then is the capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.perf.steady import MIN_CHUNK, State, burst_factor, steady_state
from planner.perf.step import Array, StepModel
from planner.perf.tails import latencies
from planner.perf.traffic import Traffic

_Bundle = TypeVar("_Bundle", StepModel, Traffic, "Replica")

OCCUPANCY_Z = 2.326
"""Sequences and KV memory must fit at the 99th percentile of occupancy (normal quantile; handbook §1)."""

FAR = 50.0
"""Strains beyond this count as this in the search [1]."""

SMALLEST_LOAD = 0.01
"""B of a replica that is as good as idle: what fails here fails at any load [1]."""

CLOSE = 2e-3
"""The search ends where B is known to a share of this [1]."""

NEAR = 1e-4
"""It also ends where the worst strain is above 1 − this [1]."""

STEPS = 40
"""Most steps of the search; every fourth halves the bracket, whatever the strains look like."""


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
    largest = ratios[0][1]
    for _, ratio in ratios[1:]:
        largest = np.maximum(largest, ratio)
    return np.where(np.isnan(largest), np.inf, largest)


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


@dataclass(frozen=True)
class _Rows:
    """Deployments with their stream and limits, as far as the search still works on them."""

    step: StepModel
    traffic: Traffic
    replica: Replica
    targets: Sequence[Target]

    def excess(self, log_load: Array) -> Array:
        """Return the logarithm of the worst strain at B = e^log_load."""
        state = steady_state(self.step, self.traffic, self.replica.chunk_tokens, np.exp(log_load))
        return np.log(np.minimum(worst(strains(state, self.traffic, self.replica, self.targets)), FAR))

    def take(self, index: NDArray[np.intp]) -> _Rows:
        """Return the chosen rows."""
        return _Rows(_pick(self.step, index), _pick(self.traffic, index), _pick(self.replica, index), self.targets)


def _pick(bundle: _Bundle, index: NDArray[np.intp]) -> _Bundle:
    """Return a bundle of columns at `index`; single values stay as they are."""

    def at(value: Any) -> Any:
        return value[index] if isinstance(value, np.ndarray) and value.size > 1 else value

    return type(bundle)(**{f.name: at(getattr(bundle, f.name)) for f in fields(bundle)})


def _last_feasible(rows: _Rows, low: Array, high: Array, under: Array, over: Array) -> Array:
    """Return a point close to where the excess becomes positive, on its feasible side; columns of one dimension.

    Regula falsi with the Illinois rule (an end that stays put counts half the next time: `weight` is that of the upper end
    over the lower's) and a halving every fourth step; rows that are close enough drop out.
    """
    found = low.copy()
    index = np.arange(low.size)
    weight, side = np.ones(low.size), np.zeros(low.size)
    for count in range(STEPS):
        busy = np.flatnonzero((high - low > CLOSE) & (under < -NEAR))
        if not busy.size:
            break
        if busy.size < 0.7 * index.size:
            found[index] = low
            rows, index = rows.take(busy), index[busy]
            low, high, under, over, weight, side = (a[busy] for a in (low, high, under, over, weight, side))
        share = 0.5 if count % 4 == 3 else np.clip(under / np.minimum(under - weight * over, -1e-12), 0.02, 0.98)
        middle = low + share * (high - low)
        value = rows.excess(middle)
        fits = value <= 0.0
        under, over = np.where(fits, value, under), np.where(fits, over, value)
        stays = np.where(fits, side > 0, side < 0)
        weight = np.where(stays, np.where(fits, 0.5, 2.0) * weight, 1.0)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        side = np.where(fits, 1.0, -1.0)
    found[index] = low
    return found


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
    Strains grow with B, so the feasible loads form an interval; the lower, feasible end of the search is returned, hence
    capacity is never overstated. It is low by at most 0.2 % in B or 0.01 % in the strain that binds.

    References
    ----------
    Design §3.3; handbook §5.6.
    """
    shape = np.broadcast(step.host, traffic.held, replica.kv_bytes).shape

    rows = _Rows(step, traffic, replica, targets)
    low = np.full(shape, np.log(SMALLEST_LOAD))
    high = np.broadcast_to(np.log(largest_load(replica, traffic)), shape)
    under, over = rows.excess(low), rows.excess(high)
    feasible = under <= 0.0
    low = np.where(feasible & (over <= 0.0), high, low)
    mixed = np.flatnonzero(feasible & (over > 0.0))
    if mixed.size:
        flat = (np.broadcast_to(values, shape).reshape(-1)[mixed] for values in (low, high, under, over))
        low.reshape(-1)[mixed] = _last_feasible(rows.take(mixed), *flat)
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


BLENDS = (0.0, 0.5, 1.0)
"""Weights of reading against compute in the lower bounds on iteration time; ‖a, b‖ ≥ max(a, b) ≥ θa + (1 − θ)b."""

LEAST_ROWS = len(BLENDS) + 2
"""Rows of `least_demands`."""


def least_demands(step: StepModel, traffic: Traffic, replica: Replica, iteration: float) -> Array:
    """Return lower bounds on the share of a replica that 1 call/s takes, at any level and in any mix.

    θ-rows   (O·(t_seq + comm + kv·KV) + I·comm + attention·G + (1 − θ)·(O + I)·flops) / (1 − (host + θ·weights)/D)
    memory   O·(host + weights)·H / M
    slots    O·(host + weights) / B_max

    Parameters
    ----------
    step, traffic, replica : deployments and stream
    iteration : D, the longest mean iteration the stream's promises could allow [s]; inf if they say nothing

    Returns
    -------
    [len(BLENDS) + 2, …] share per call/s; inf where even the weights cannot be read in time

    Notes
    -----
    Each row is additive over streams. θ-rows: every iteration lasts at least host time, θ of the weight reading, 1 − θ of
    the compute and all of the rest; D is further bounded by the stable load, D ≤ (host + weights + experts)/(1 − u).
    Memory and slots: no iteration is shorter than host time and weight reading. So screening by these bounds loses no
    plan.

    References
    ----------
    docs/candidates.md, "Nothing is lost".
    """
    floor = step.host + step.weights
    longest = np.minimum(iteration, (floor + step.experts) / (1.0 - replica.utilization))
    compute = (traffic.output + traffic.prompt) * step.flops
    rest = traffic.output * (step.host_sequence + step.comm + step.kv * traffic.kv) + traffic.prompt * step.comm
    rest = rest + step.attention * traffic.attention
    possible = floor < longest
    spared = [np.where(possible, 1.0 - (step.host + theta * step.weights) / longest, 1.0) for theta in BLENDS]
    rows = [(rest + (1.0 - theta) * compute) / share for theta, share in zip(BLENDS, spared, strict=True)]
    held = traffic.output * floor
    rows += [held * traffic.held / replica.kv_bytes, held / replica.max_sequences]
    return np.where(possible, np.stack(np.broadcast_arrays(*rows)), np.inf)


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
