"""Steady state of a replica that serves an endless flow of calls (open loop).

The unknown is B, the mean number of decoding sequences; everything else follows in closed form, because B sequences
that produce O tokens each consume B·I/O prompt tokens per iteration whatever the iteration takes. Hence λ(B) is
explicit and increasing, and no fixed point has to be iterated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.perf.step import Array, StepModel, expert_coverage, iteration_time
from planner.perf.traffic import Traffic

MIN_CHUNK = 16.0
"""Fewest prompt tokens an iteration is given, so that a full decode batch cannot starve prompts for ever [token]."""


@dataclass(frozen=True)
class State:
    """A replica's steady state; all fields broadcast."""

    sequences: Array
    """B, mean decoding sequences [1]."""
    rate: Array
    """λ, calls per second [1/s]."""
    iteration: Array
    """T, mean iteration time = mean time per output token [s]."""
    decode: Array
    """τ_d, iteration without prompts [s]."""
    idle: Array
    """τ_0, the part of τ_d that does not grow with B [s]."""
    full: Array
    """T_f, iteration with a full prompt chunk [s]."""
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

    @property
    def load(self) -> Array:
        """ρ = 1 − τ_0/T, share of the iteration time that grows with load [1]."""
        return 1.0 - self.idle / self.iteration  # type: ignore[no-any-return]

    @property
    def sequences_variance(self) -> Array:
        """Variance of the number of decoding sequences under Poisson arrivals, B·T/τ_0 [1].

        The number is negative binomial with mean rρ/(1−ρ) and variance rρ/(1−ρ)², 1−ρ = τ_0/T (handbook §5.2).
        """
        return self.sequences * self.iteration / self.idle  # type: ignore[no-any-return]


def prompt_cost(step: StepModel, traffic: Traffic, sequences: Array, kv_bytes: Array, decode: Array, tokens: Array) -> Array:
    """Return c_p, the time one prompt token adds to an iteration that carries `tokens` of them.

    c_p = (τ(B, K, P, G·P/I) − τ(B, K, 0, 0)) / P

    Parameters
    ----------
    step, traffic : deployment and call
    sequences, kv_bytes : B [1], K [B]
    decode : τ(B, K, 0, 0) [s]
    tokens : P, prompt tokens processed together [token]

    Returns
    -------
    c_p [s/token]

    Notes
    -----
    Prompts come in lumps, so the chord to P = min(I, C−B) is used rather than τ at the mean P, which the smooth
    roofline would hide under the weight reading. c_p grows with B (τ is convex in B + P), so its value at a level's B
    is an upper bound for all smaller B.
    """
    share = tokens / np.maximum(traffic.prompt, 1.0)
    together = iteration_time(step, sequences, kv_bytes, tokens, traffic.attention * share)
    return (together - decode) / tokens  # type: ignore[no-any-return]


def pollaczek_khinchine(load: Array, second: Array, third: Array, rate: Array) -> tuple[Array, Array]:
    """Return mean and variance of the wait in an M/G/1 queue.

    W = λE[S²] / 2(1−ρ),  Var W = W² + λE[S³] / 3(1−ρ)

    Parameters
    ----------
    load : ρ [1]; at or above 1 the wait is infinite
    second, third : E[S²] [s²], E[S³] [s³]
    rate : λ [1/s]

    Returns
    -------
    (mean [s], variance [s²])

    References
    ----------
    Kleinrock, Queueing Systems I, §5.6 (Pollaczek–Khinchine and Takács' recurrence).
    """
    slack = np.where(load < 1.0, 1.0 - load, np.nan)
    mean = rate * second / (2.0 * slack)
    variance = mean**2 + rate * third / (3.0 * slack)
    return np.where(np.isnan(mean), np.inf, mean), np.where(np.isnan(variance), np.inf, variance)


def bursty_second_moment(traffic: Traffic) -> Array:
    """Return E[I²] of a call's prompt, raised for bursty arrivals: E[I²] + (c_a² − 1)·I² [token²].

    Notes
    -----
    Turns the Poisson result λE[S²]/2(1−ρ) into Kingman's ρS(c_a² + c_S²)/2(1−ρ). Arrivals smoother than Poisson are
    not relied on.

    References
    ----------
    Kingman (1961); handbook §5.4.
    """
    return traffic.prompt_second + np.maximum(traffic.burstiness - 1.0, 0.0) * traffic.prompt**2  # type: ignore[no-any-return]


def steady_state(step: StepModel, traffic: Traffic, chunk_tokens: Array, sequences: Array) -> State:
    """Return the state of a replica that holds `sequences` decoding calls on average.

    K = B·kv,  τ_d = τ(B, K, 0, 0),  T = τ_d + (B·I/O)·c_p,  λ = B/(O·T),  S = I·T_f/(C−B)

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
    First come first served, chunked prefill with decode priority, no preemption. Confirmed by simulation for loads
    up to 0.8 (handbook §5, "DES check").

    References
    ----------
    Design §3.3; handbook §5.
    """
    kv_bytes = sequences * traffic.kv
    decode = iteration_time(step, sequences, kv_bytes, np.zeros(1), np.zeros(1))
    chunk = np.maximum(chunk_tokens - sequences, MIN_CHUNK)
    lump = np.minimum(np.maximum(traffic.prompt, 1.0), chunk)
    cost = prompt_cost(step, traffic, sequences, kv_bytes, decode, lump)
    full = decode + chunk * prompt_cost(step, traffic, sequences, kv_bytes, decode, chunk)
    iteration = decode + sequences * traffic.prompt / traffic.output * cost
    rate = sequences / (traffic.output * iteration)
    per_token = full / chunk
    service = traffic.prompt * per_token
    second = bursty_second_moment(traffic)
    third = traffic.prompt_third * second / traffic.prompt_second
    wait, variance = pollaczek_khinchine(rate * service, second * per_token**2, third * per_token**3, rate)
    coverage = expert_coverage(step.sparsity, sequences / step.stages)
    return State(
        sequences=sequences,
        rate=rate,
        iteration=iteration,
        decode=decode,
        idle=step.host + step.weights + step.experts * coverage,
        full=full,
        prompt_cost=cost,
        chunk=chunk,
        service=service,
        prompt_load=rate * service,
        prompt_wait=wait,
        prompt_wait_variance=variance,
        jitter=rate * cost**2 * second,
    )
