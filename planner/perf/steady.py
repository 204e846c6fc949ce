"""Steady state of a replica that serves an endless flow of calls (open loop).

The unknown is B, the mean number of decoding sequences; everything else follows in closed form, because B sequences
that produce O tokens each consume B·I/O prompt tokens per iteration whatever the iteration takes. Hence λ(B) is
explicit, and no fixed point has to be iterated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from planner.perf.pooling import crowding_share, jitter_share, waiting_share
from planner.perf.step import TINY, Array, CallStep, StepModel
from planner.perf.traffic import Traffic

ALONE = np.ones(1)
"""A replica without company [1]."""

CLUMP = 1.3
"""Wait behind others of a burst over that in a compound Poisson stream of the same dispersion (fitted to the simulator) [1]."""

LOWEST_LOAD = 1e-3
"""Least load of the prompt server for which bursts are looked at [1]: their wait goes to nothing below."""

MIN_CHUNK = 16.0
"""Fewest prompt tokens an iteration is given, so that a full decode batch cannot starve prompts for ever [token]."""


@dataclass(frozen=True)
class State:
    """A replica's steady state; all fields broadcast."""

    sequences: Array
    """B, mean decoding sequences [1]."""
    stages: Array
    """Pipeline stages [1]."""
    pooled: Array
    """Replicas that share the load behind one balancer, this one included [1]."""
    rate: Array
    """λ, calls per second [1/s]."""
    iteration: Array
    """T, mean time per output token = iteration time as decoding calls see it [s]."""
    decode: Array
    """τ_d, iteration without prompts [s]."""
    idle: Array
    """τ_0, the part of τ_d that does not grow with B [s]."""
    full: Array
    """T_f, time for a full chunk of prompts: one iteration, or several with a prompt each where that takes longer [s]."""
    prompt_tokens: Array
    """P = B·I/O, mean prompt tokens per iteration [token]."""
    prompt_cost: Array
    """c_p, time a prompt token adds to an iteration [s/token]."""
    chunk: Array
    """Prompt tokens a full chunk holds, C − B [token]."""
    service: Array
    """S, mean time the prompt server needs for a call [s]."""
    prompt_load: Array
    """ρ_p = λS, utilization of the prompt server [1]."""
    prompt_wait: Array
    """W, mean wait of a prompt [s]."""
    prompt_wait_variance: Array
    """Variance of that wait [s²]."""
    jitter: Array
    """J = λ·c_p²·E[I²], variance that prompts add to elapsed time per second of it [s]: a call of O tokens, O·T seconds
    long, sees its mean iteration time vary by J·T/O."""
    crowding: Array
    """κ, variance over mean of the number of decoding sequences under Poisson arrivals [1]; see `crowding`."""
    crowded: Array
    """(τ_d − τ_0)·κ/B, what a call sees beyond the mean iteration because it is there when others are [s]; part of T."""

    @cached_property
    def load(self) -> Array:
        """ρ = 1 − τ_0/T, share of the iteration time that grows with load [1]."""
        return np.asarray(1.0 - self.idle / self.iteration)

    @cached_property
    def sequences_variance(self) -> Array:
        """Variance of the number of decoding sequences under Poisson arrivals, B·κ [1]."""
        return np.asarray(self.sequences * self.crowding)


@dataclass(frozen=True)
class Serving:
    """A deployment and the calls it serves, with all that does not depend on the load computed; fields broadcast."""

    step: CallStep
    """Iteration time for these calls."""
    stages: Array
    """Pipeline stages [1]."""
    chunk_tokens: Array
    """C, token limit of an iteration [token]."""
    full_layers: Array
    """Time of the linear layers for C tokens [s]."""
    pooled: Array
    """n, replicas behind one balancer [1]."""

    def at_chunk(self, tokens: Array) -> Array:
        """Return the time of the linear layers with the tokens that sequences bring and a full prompt chunk [s].

        A full iteration carries C tokens whatever those are, unless they leave no room for the smallest chunk.
        """
        fits = tokens <= self.chunk_tokens - MIN_CHUNK
        if np.all(fits):
            return self.full_layers
        return self.step.layers(np.where(fits, self.chunk_tokens, tokens + MIN_CHUNK))


def call_step(step: StepModel, traffic: Traffic) -> CallStep:
    """Return the iteration time of a deployment for these calls; the attention of a prompt is spread over its tokens."""
    tokens = np.maximum(traffic.prompt, 1.0)
    return step.for_calls(traffic.kv, traffic.attention / tokens, 1.0 / tokens)


def serving(step: StepModel, traffic: Traffic, chunk_tokens: Array, pooled: Array = ALONE) -> Serving:
    """Return a deployment that serves calls, ready for `state_at`.

    Parameters
    ----------
    step : iteration time of the deployment
    traffic : the call, or the mixture of calls, it serves
    chunk_tokens : C, token limit of an iteration [token]
    pooled : n, replicas behind one balancer [1]

    Returns
    -------
    Serving
    """
    call = call_step(step, traffic)
    return Serving(call, step.stages, chunk_tokens, call.layers(chunk_tokens), np.broadcast_to(pooled, np.shape(step.stages)))


def prompt_lump(prompt: Array, others: Array, chunk: Array) -> Array:
    """Return the prompt tokens that share an iteration with a prompt, its own included.

    P' = min(I + P, C − B)

    Parameters
    ----------
    prompt : I of the call [token]
    others : P, mean prompt tokens per iteration [token]
    chunk : C − B [token]

    Returns
    -------
    P' [token], at least 1.

    Notes
    -----
    Prompts come in lumps. With Poisson arrivals a prompt finds, beside itself, the mean P of the others (arrivals see
    time averages), so a share P/P' < 1 of the iterations carries P' tokens and the rest none. Taking τ at the mean P
    instead would hide prompts under the weight reading; taking I alone would do so where several short prompts share an
    iteration.
    """
    return np.minimum(np.maximum(prompt, 1.0) + others, chunk)


def prompt_cost(step: CallStep, decoding: Array, before: Array, tokens: Array) -> Array:
    """Return c_p, the time one prompt token adds to an iteration that carries `tokens` of them.

    c_p = (τ(B, K, P, G·P/I) − τ(B, K, 0, 0)) / P

    Parameters
    ----------
    step : deployment and call
    decoding : w_d·B, tokens of the sequences that decode [token]
    before : time of the linear layers for those [s]
    tokens : P, prompt tokens processed together, see `prompt_lump` [token]

    Returns
    -------
    c_p [s/token]

    Notes
    -----
    For dense models τ is convex in B + P, so but for the launch that tokens of one iteration share, c_p grows with B and
    with P. With routed experts the reading of those that only the prompt touches is part of c_p, which then falls with both
    until compute takes over.
    """
    return step.added(tokens, before, step.layers(decoding + tokens))


def pollaczek_khinchine(load: Array, second: Array, third: Array, rate: Array) -> tuple[Array, Array]:
    """Return mean and variance of the wait in an M/G/1 queue.

    W = λE[S²] / 2(1−ρ),  Var W = W² + λE[S³] / 3(1−ρ)

    Parameters
    ----------
    load : ρ [1]; at or above 1 the wait is infinite, surely, so its variance is given as 0
    second, third : E[S²] [s²], E[S³] [s³]
    rate : λ [1/s]

    Returns
    -------
    (mean [s], variance [s²])

    References
    ----------
    Kleinrock, Queueing Systems I, §5.6 (Pollaczek–Khinchine and Takács' recurrence).
    """
    stable = load < 1.0
    per_slack = rate / np.where(stable, 1.0 - load, 1.0)
    mean = 0.5 * per_slack * second
    variance = mean * mean + per_slack * third * (1.0 / 3.0)
    return np.where(stable, mean, np.inf), np.where(stable, variance, 0.0)


def _dispersed(traffic: Traffic, found: Array | float) -> Array:
    """Return 1.3·f·(c_a² − 1)·E[X]², without 1.3·f for arrivals smoother than Poisson [token²]."""
    excess = traffic.burstiness - 1.0
    return np.asarray(np.where(excess > 0.0, CLUMP * found, 1.0) * excess * traffic.prompt**2)


def clumped(traffic: Traffic, load: Array) -> Array:
    """Return what bursts add to E[X²] of prompts at a replica on its own, (c_a² − 1)·1.3·ρ^(1/c_a² − 1)·E[X]² [token²].

    Parameters
    ----------
    traffic : calls
    load : ρ of the prompt server [1]

    Returns
    -------
    [token²], to be put into W = λ·E[S²]/2(1 − ρ)

    Notes
    -----
    Kingman's ρS(c_a² − 1)/2(1 − ρ) vanishes with ρ, but calls that come in clumps wait for each other however idle the server is
    in between: a compound Poisson stream of the same dispersion waits (c_a² − 1)/2·S/(1 − ρ). Gamma distributed gaps lie
    between; ρ^(1/c_a²) stands for the share of calls that find the one before them unfinished. Arrivals smoother than Poisson
    take off Kingman's (1 − c_a²)·E[X]²; only round robin makes them so (`pooling.dealt_burstiness`).

    References
    ----------
    Kingman, Math. Proc. Cambridge 57 (1961) 902; handbook §5.4; docs/tails.md for the factor 1.3 against the simulator.
    """
    if np.all(traffic.burstiness == 1.0):
        return np.zeros(1)
    found = np.maximum(load, LOWEST_LOAD) ** (1.0 / np.maximum(traffic.burstiness, 1.0) - 1.0)
    return _dispersed(traffic, found)


def queued_second(traffic: Traffic, load: Array, pooled: Array) -> Array:
    """Return E[X²] of prompts as their queue sees it at one of n replicas, f(n)·E[X²] + clumps/n [token²]."""
    return np.asarray(waiting_share(pooled) * traffic.prompt_second + clumped(traffic, load) / pooled)


def lumpy_second(traffic: Traffic, pooled: Array) -> Array:
    """Return E[X²] of prompts as it varies the time that other calls spend decoding at one of n replicas.

    j(n)·E[X²] + 1.3·(c_a² − 1)·E[X]²/n [token²]; over a call's life bursts count by their dispersion alone.
    """
    return np.asarray(jitter_share(pooled) * traffic.prompt_second + _dispersed(traffic, 1.0) / pooled)


def prompt_queue(traffic: Traffic, per_token: Array, rate: Array, pooled: Array) -> tuple[Array, Array, Array]:
    """Return load, mean wait and variance of the wait of the prompt server.

    S = X·s,  ρ_p = λS

    Parameters
    ----------
    traffic : calls
    per_token : s = T_f/(C−B), time per prompt token while prompts queue [s/token]
    rate : λ of one replica [1/s]
    pooled : n, replicas behind one balancer [1]

    Returns
    -------
    (ρ_p [1], W [s], Var W [s²])

    Notes
    -----
    The third moment is raised or lowered as the second is, once more for the wait's own length.

    References
    ----------
    Handbook §5.4; `queued_second`.
    """
    load = rate * traffic.prompt * per_token
    square = per_token * per_token
    second = queued_second(traffic, load, pooled)
    third = traffic.prompt_third * (second / np.maximum(traffic.prompt_second, TINY))
    return load, *pollaczek_khinchine(load, second * square, third * (square * per_token), rate)


def crowding(plain: Array, decode: Array, idle: Array, scatter: Array, sequences: Array) -> Array:
    """Return the variance over the mean of the number of decoding sequences of a replica on its own, under Poisson arrivals.

    κ = T/τ_0 + min(½·τ_d/τ_0·m·x², B),  x = T/τ_d − 1 = λw/(1 − λw),  w = I·c_p,  m = E[X²]/E[X]²

    Parameters
    ----------
    plain, decode, idle : T, τ_d, τ_0 [s]
    scatter : m of the prompts' work [1]
    sequences : B [1]

    Returns
    -------
    κ [1]

    Notes
    -----
    With small prompts the number is negative binomial, variance over mean 1/(1 − ρ) = T/τ_0. Prompts come in lumps: while one is
    worked on, nobody finishes. Progress is lost at the variance rate λ·E[w²]; the number takes that up as N/(O·τ_d) of it and
    forgets it at the rate τ_0/(τ_d·O·T), hence the second term. The number's own squared coefficient of variation is not
    taken to exceed 1 by it.

    References
    ----------
    Handbook §5.2 (first term); docs/tails.md for the sum against the simulator.
    """
    lost = plain / decode - 1.0
    lumps = 0.5 * decode / idle * scatter * (lost * lost)
    return np.asarray(plain / idle + np.minimum(lumps, sequences))


class _Running(NamedTuple):
    """What an iteration does at a load, and the calls it finishes per second: the fields of `State`, and what leads to them."""

    tokens: Array
    layers: Array
    decode: Array
    idle: Array
    chunk: Array
    prompts: Array
    cost: Array
    crowd: Array
    crowded: Array
    iteration: Array
    rate: Array


def _running(place: Serving, traffic: Traffic, sequences: Array) -> _Running:
    step = place.step
    tokens = step.width * sequences
    read = step.read(tokens)
    layers, drafted = step.layers(tokens, read), step.drafted(tokens)
    decode = step.decode(sequences, layers, drafted)
    chunk = np.maximum(place.chunk_tokens - tokens, MIN_CHUNK)
    prompts = sequences * (traffic.prompt / traffic.output)
    cost = prompt_cost(step, tokens, layers, prompt_lump(traffic.prompt, prompts, chunk))
    idle = step.host + read + drafted
    plain = decode + prompts * cost
    scatter = traffic.prompt_second / np.maximum(traffic.prompt * traffic.prompt, TINY)
    crowd = crowding(plain, decode, idle, scatter, sequences) * crowding_share(place.pooled)
    crowded = (decode - idle) * (crowd / sequences)
    iteration = plain + crowded
    rate = sequences / (traffic.output * iteration)
    return _Running(tokens, layers, decode, idle, chunk, prompts, cost, crowd, crowded, iteration, rate)


def rate_at(place: Serving, traffic: Traffic, sequences: Array) -> Array:
    """Return the call rate of `state_at`, without the rest of the state [1/s]."""
    return _running(place, traffic, sequences).rate


def state_at(place: Serving, traffic: Traffic, sequences: Array) -> State:
    """Return `steady_state` at `sequences`, of a deployment made ready by `serving`."""
    at = _running(place, traffic, sequences)
    per_token = at.decode / at.chunk + np.maximum(place.step.added(at.chunk, at.layers, place.at_chunk(at.tokens)), at.cost)
    load, wait, variance = prompt_queue(traffic, per_token, at.rate, place.pooled)
    return State(
        sequences=sequences,
        stages=place.stages,
        pooled=place.pooled,
        rate=at.rate,
        iteration=at.iteration,
        decode=at.decode,
        idle=at.idle,
        full=at.chunk * per_token,
        prompt_tokens=at.prompts,
        prompt_cost=at.cost,
        chunk=at.chunk,
        service=traffic.prompt * per_token,
        prompt_load=load,
        prompt_wait=wait,
        prompt_wait_variance=variance,
        jitter=at.rate * (at.cost * at.cost) * lumpy_second(traffic, place.pooled),
        crowding=at.crowd,
        crowded=at.crowded,
    )


def steady_state(step: StepModel, traffic: Traffic, chunk_tokens: Array, sequences: Array) -> State:
    """Return the state of a replica that holds `sequences` decoding calls on average.

    K = B·kv,  P = B·I/O,  τ_d = τ(B, K, 0, 0),  T = τ_d + P·c_p + (τ_d − τ_0)·κ/B,  λ = B/(O·T),  S = I·T_f/(C−B)

    Parameters
    ----------
    step : iteration time of the deployment
    traffic : the call, or the mixture of calls, it serves
    chunk_tokens : C, token limit of an iteration [token]
    sequences : B > 0 [1]

    Returns
    -------
    State; `prompt_wait` is infinite where the prompt server is overloaded.

    Notes
    -----
    First come first served, chunked prefill with decode priority, no preemption. Prompts are served at the rate of full chunks or
    of lone prompts, whichever is slower: with routed experts a lone prompt reads most of them for itself. Confirmed by simulation
    for loads up to 0.9 (docs/tails.md).

    References
    ----------
    Design §3.3; handbook §5.
    """
    return state_at(serving(step, traffic, chunk_tokens), traffic, sequences)
