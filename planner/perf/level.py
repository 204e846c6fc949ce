"""Service levels: corners that make the load of mixed streams additive (design §3.4).

A level fixes, for one deployment, what a replica stays under: mean iteration time T*, decoding sequences B*, iteration
without prompts D*, prompt tokens per iteration P*, mean prompt wait W* and jitter J*. They are taken where one stream,
the anchor, reaches its limit alone; D*, W* and J* are then raised as far as its promises allow. At a fixed corner each
stream's demand on each resource is a constant:

    iteration     λ_r / min(μ_r, B*/(O_r T*), y_B²/(O_r T*·κ b_r)),  μ_r: τ_d ≤ D* and τ_d + λ T* I c_r ≤ T*
    kv memory     λ_r [ (O_r T* + X_r)·H_r + z·V_r/2y ] / (M − z·y/2)
    prompt load   λ_r max(S_r / u, T* I_r / P*)
    prompt queue  λ_r (S_r + f·E[S_r²] / 2W*),  f = W_n/W_1 of n pooled replicas at the highest prompt load
    jitter        λ_r c_r² E[I_r²] / J*

with τ_d at (λ O T*, λ O T*·KV), κ = T*/τ_0·v(n) the crowding, b_r = (1 + c_a²)/2, y_B = (slots − B*)/z. Σ_r demand ≤ 1
keeps the corner: the first row because τ is convex in the loads at the coverage of B* and c_r is the largest over all B ≤ B*,
P ≤ P*; the second because √V ≤ V/2y + y/2 for any y; the fourth is Pollaczek–Khinchine multiplied out, with S_r at D*, and f the
largest that the prompt load allows (`pooling`); the others are linear already. Jitter takes prompts at their cost at P*, which
fewer prompts exceed where they share reading or launches. With routed experts the corner is that of a replica which reads,
in each iteration, the experts that B* sequences would touch: slower than the real one at every load below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.limits import OCCUPANCY_Z, Replica, Target, kv_spread, prefill_time, strains, worst
from planner.perf.steady import State, call_step, lumpy_second, prompt_cost, prompt_lump, prompt_queue, queued_second
from planner.perf.step import Array, StepModel
from planner.perf.tails import Latencies, latencies
from planner.perf.traffic import Traffic

RESOURCES = ("iteration time", "kv memory", "prompt load", "prompt queue", "prompt jitter")
"""Additive resources of a replica, in the order of `demands`."""

SECANTS = 4
"""Secant steps towards μ_r; each stays on the safe side."""

_SEARCH = 16
_WIDEST = 1e3
_DECODE_SEARCH = 8


@dataclass(frozen=True)
class Level:
    """Corner of a replica's additive resources; fields broadcast against deployments."""

    state: State
    """Steady state of the anchor at its limit, with `decode` raised to D* and what depends on it; `prompt_tokens` is P*."""
    wait: Array
    """W* [s]; inf if the anchor promises nothing that a wait could break."""
    wait_shape: Array
    """Var W / W² at the anchor's limit [1]."""
    jitter: Array
    """J* [s]; inf if the anchor promises nothing that jitter could break."""
    spread: Array
    """y, spread of live KV bytes at the anchor's limit [B]."""
    launched: Array
    """φ, share of iterations that are charged the launch of a prompt iteration whatever they carry [1]; see `bounding_cost`."""

    def take(self, index: NDArray[np.intp]) -> Self:
        """Return the levels of the chosen deployments."""
        state = State(**{f.name: np.asarray(getattr(self.state, f.name))[index] for f in fields(State)})
        rest = {name: np.asarray(getattr(self, name))[index] for name in PARTS}
        return type(self)(state=state, **rest)


PARTS = tuple(field.name for field in fields(Level) if field.name != "state")
"""Fields of a level beside its state."""


def corner_latencies(level: Level, state: State, traffic: Traffic, host: Array, wait: Array, jitter: Array) -> Latencies:
    """Return the latencies of a stream at a corner with wait `wait` and jitter `jitter`.

    Parameters
    ----------
    level : whose wait shape is used
    state : T*, B* and the stream's own prompt cost
    traffic, host : the stream and the time per request outside the engine [s]
    wait, jitter : W [s], J [s]

    Returns
    -------
    Latencies at the corner.
    """
    return latencies(state, traffic, host, wait=wait, wait_variance=level.wait_shape * wait**2, jitter=jitter)


def _widest(at: Array, keeps: Callable[[Array], NDArray[np.bool_]]) -> Array:
    """Return the largest multiple of `at`, 1 to `_WIDEST`, that `keeps` accepts, by bisection of its logarithm."""
    low, high = np.zeros_like(at), np.full_like(at, np.log(_WIDEST))
    for _ in range(_SEARCH):
        middle = 0.5 * (low + high)
        fits = keeps(at * np.exp(middle))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.asarray(at * np.exp(low))


def make_level(state: State, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> Level:
    """Return the corner at an anchor's limit, with wait and jitter raised as far as its promises allow.

    Parameters
    ----------
    state : the anchor's state at its capacity
    traffic : of the anchor
    replica : limits
    targets : the anchor's promises

    Returns
    -------
    Level

    Notes
    -----
    D* is raised first, as far as all promises and the prompt server stand it, then jitter, against TPOT and E2E, then the
    wait, against all, at those. The corner keeps all of the anchor's promises by construction.
    """
    state = _raise_decode(state, traffic, replica, targets)
    at = np.maximum(state.prompt_wait, 1e-6)
    shape = np.where(state.prompt_wait > 0, state.prompt_wait_variance / np.maximum(state.prompt_wait, 1e-12) ** 2, 1.0)
    carrying = state.prompt_tokens / prompt_lump(traffic.prompt, state.prompt_tokens, state.chunk)
    level = Level(state, at, shape, np.maximum(state.jitter, 1e-12), kv_spread(state, traffic), np.minimum(carrying, 1.0) ** 2)

    def keeps(metrics: tuple[str, ...], wait: Array, jitter: Array) -> NDArray[np.bool_]:
        seen = corner_latencies(level, state, traffic, replica.host, wait, jitter)
        held = np.ones(at.shape, dtype=bool)
        for target in targets:
            if target.metric in metrics:
                held = held & (seen.percentile(target.metric, target.percentile) <= target.seconds)
        return held

    metrics = {target.metric for target in targets}
    jitter = np.full(at.shape, np.inf)
    if metrics & {"tpot", "e2e"}:
        jitter = _widest(level.jitter, lambda j: keeps(("tpot", "e2e"), at, j))
    wait = np.full(at.shape, np.inf)
    if metrics:  # what waits when a call's first token comes slows its decoding too
        finite = np.where(np.isfinite(jitter), jitter, level.jitter)
        wait = _widest(at, lambda w: keeps(("ttft", "tpot", "e2e"), w, finite))
    return replace(level, wait=wait, jitter=jitter)


def _with_decode(state: State, traffic: Traffic, decode: Array) -> State:
    """Return the state with another iteration time without prompts, at the same T, and the prompt queue that follows."""
    full = state.full - state.decode + decode
    per_token = full / state.chunk
    load, wait, variance = prompt_queue(traffic, per_token, state.rate, state.pooled)
    return replace(
        state,
        decode=decode,
        full=full,
        service=traffic.prompt * per_token,
        prompt_load=load,
        prompt_wait=wait,
        prompt_wait_variance=variance,
    )


def _raise_decode(state: State, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> State:
    """Return the state with the longest τ_d, up to T, at which the anchor's constraints hold: room for longer contexts."""
    low, high = state.decode, state.iteration
    for step in range(_DECODE_SEARCH):
        middle = high if step == 0 else 0.5 * (low + high)
        fits = worst(strains(_with_decode(state, traffic, middle), traffic, replica, targets)) <= 1.0
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return _with_decode(state, traffic, low)


def state_for(step: StepModel, state: State, traffic: Traffic) -> State:
    """Return a replica's state as the calls of one of several streams see it: with the cost of that stream's prompts.

    Parameters
    ----------
    step : iteration time
    state : of the replica, under whatever load
    traffic : of the stream asked about

    Returns
    -------
    State with its own `prompt_cost` and `full`; the replica's T, B and τ_d unchanged.
    """
    call = call_step(step, traffic)
    tokens = call.width * state.sequences
    layers = call.layers(tokens)
    cost = prompt_cost(call, tokens, layers, prompt_lump(traffic.prompt, state.prompt_tokens, state.chunk))
    full = state.decode + state.chunk * np.maximum(prompt_cost(call, tokens, layers, state.chunk), cost)
    return replace(state, prompt_cost=cost, full=full)


def bounding_cost(step: StepModel, level: Level, traffic: Traffic) -> Array:
    """Return c_r, the most a prompt token of a stream adds to an iteration of a replica that stays under a corner.

    c_r = max over P' ∈ {min(I, C−B), min(I + P*, C−B)} of c_p(B*, P') without the launch
          + prompt_host·max((1 − √φ)²/I, 1/(C−B) − φ/P*)

    Parameters
    ----------
    step, level, traffic : deployment, corner, stream

    Returns
    -------
    c_r [s/token]

    Notes
    -----
    In P', c_p rises for dense models (τ is convex) and falls before it rises with routed experts (their reading is shared
    by more tokens, until compute takes over), so its largest value is at an end.

    The launch of an iteration with prompts is shared by all of them: streams with P_r tokens an iteration, s together, are
    launched in F = Σ P_r/min(I_r + s, C−B) of the iterations. Charging φ to every iteration and the rest per token is
    enough, F ≤ φ + Σ b_r·P_r, with b_r the largest value of 1/min(I_r + s, C−B) − φ/s for s ≤ P*. At φ = f², f the share of
    the anchor at its corner, the anchor alone is charged f there: nothing is lost.
    """
    state, phi = level.state, level.launched
    call = replace(call_step(step, traffic), prompt_host=np.zeros(1))
    tokens = call.width * state.sequences
    layers = call.layers(tokens)
    alone, crowded = (
        prompt_cost(call, tokens, layers, prompt_lump(traffic.prompt, others, state.chunk))
        for others in (np.zeros(1), state.prompt_tokens)
    )
    apart = (1.0 - np.sqrt(phi)) ** 2 / np.maximum(traffic.prompt, 1.0)
    full = 1.0 / state.chunk - phi / np.maximum(state.prompt_tokens, 1e-9)
    return np.maximum(alone, crowded) + step.prompt_host * np.maximum(apart, full)


def iteration_capacity(step: StepModel, level: Level, traffic: Traffic, replica: Replica, cost: Array) -> Array:
    """Return the rate of stream r alone at which a replica reaches the corner's T*, D*, B* or its slots.

    min(μ_r, B*/(O_r T*), y_B²/(O_r T*·κ b_r)),  y_B = (slots − B*)/z

    Parameters
    ----------
    step, level, traffic, replica : deployment, corner, stream, limits
    cost : c_r [s/token]

    Returns
    -------
    Rate [1/s].

    Notes
    -----
    The last term keeps the spread of the number of sequences, √(ΣB_r·κ·b_r) ≤ y_B, for streams burstier than the
    anchor. g(λ) = max(τ_d/D*, (τ_d + φ·prompt_host + λ T* I c_r)/(T* − crowded)) is convex and below 1 at 0. Starting at the
    sequence limit, the secant from the feasible end to an infeasible point meets 1 at a feasible rate, so every step is safe.
    """
    state = level.state
    call = call_step(step, traffic)
    most = call.width * state.sequences
    read, drafted = call.read(most), call.drafted(most)

    def grown(rate: Array) -> Array:
        sequences = rate * state.iteration * traffic.output
        decode = call.decode(sequences, call.layers(call.width * sequences, read), drafted)
        whole = decode + level.launched * step.prompt_host
        return np.maximum(decode / state.decode, (whole + rate * state.iteration * traffic.prompt * cost) / plain)

    active, plain = traffic.output * state.iteration, state.iteration - state.crowded
    spread = np.maximum(replica.max_sequences - state.sequences, 1e-9) / OCCUPANCY_Z
    limit = np.minimum(state.sequences, spread**2 / (state.crowding * traffic.burst)) / active
    far, far_time = limit, grown(limit)
    near = np.zeros_like(limit)
    near_time = grown(near)
    over = far_time > 1.0 + 1e-9
    for _ in range(SECANTS):
        slope = (far_time - near_time) / np.maximum(far - near, 1e-300)
        near = np.where(over, near + (1.0 - near_time) / np.maximum(slope, 1e-300), near)
        near_time = grown(near)
    return np.where(over, near, limit)


def demands(step: StepModel, level: Level, traffic: Traffic, replica: Replica) -> tuple[Array, Latencies]:
    """Return what 1 call/s of a stream takes of each resource of a replica at a level, and its latencies there.

    Parameters
    ----------
    step, level, replica : deployments in columns
    traffic : of the stream

    Returns
    -------
    (demand [J, …] in replicas per call/s, in the order of `RESOURCES`; latencies at the corner)

    Notes
    -----
    See the module docstring for the five rows and why they add up.

    References
    ----------
    Design §3.4; handbook §5.7.
    """
    state = state_for(step, level.state, traffic)
    cost = bounding_cost(step, level, traffic)
    per_token = state.full / state.chunk
    service = traffic.prompt * per_token
    active = traffic.output * state.iteration
    variance = active * (traffic.held_variance + traffic.held**2 * state.crowding * traffic.burst)
    room = np.maximum(replica.kv_bytes - OCCUPANCY_Z * level.spread / 2.0, 1e-9)
    held = (active + prefill_time(state, traffic.prompt)) * traffic.held
    queued = queued_second(traffic, state.prompt_load, state.pooled)
    rows = (
        1.0 / iteration_capacity(step, level, traffic, replica, cost),
        (held + OCCUPANCY_Z * variance / (2.0 * level.spread)) / room,
        np.maximum(service / replica.utilization, traffic.prompt * state.iteration / np.maximum(state.prompt_tokens, 1e-9)),
        np.where(np.isfinite(level.wait), service + queued * per_token**2 / (2.0 * level.wait), 0.0),
        np.where(np.isfinite(level.jitter), state.prompt_cost**2 * lumpy_second(traffic, state.pooled) / level.jitter, 0.0),
    )
    wait = np.where(np.isfinite(level.wait), level.wait, state.prompt_wait)
    jitter = np.where(np.isfinite(level.jitter), level.jitter, state.jitter)
    return np.stack(np.broadcast_arrays(*rows)), corner_latencies(level, state, traffic, replica.host, wait, jitter)
