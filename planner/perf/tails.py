"""Percentiles of TTFT, TPOT and E2E from a replica's steady state.

TTFT and E2E are taken as gamma distributed with the mean and variance derived here, TPOT as a skewed normal. Every
percentile function has its inverse, the share of calls that miss a target, so that soft objectives can be priced.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import numpy as np

from planner.perf import normal
from planner.perf.compile import pipeline_fill
from planner.perf.pooling import waiting_share
from planner.perf.steady import State
from planner.perf.step import Array
from planner.perf.traffic import Traffic

SKEW_CONSTANT, SKEW_SLOPE = 0.518, 0.609
"""z' = z·(0.518 + 0.609·z): makes the normal's 1.645 and 2.326 into the 2.5 and 4.5 that simulation gives (handbook §5.5)."""

P99_SAFETY = 1.12
"""TTFT from the 99th percentile on is raised by this factor: the gamma form came out low there (docs/tails.md; the handbook,
§5 "DES check", has 1.25 without bursts and company)."""

MIN_SHAPE = 0.05
"""Smallest gamma shape the Wilson–Hilferty form is used with."""


@dataclass(frozen=True)
class Moments:
    """Mean and variance of a latency, and the value it cannot exceed if there is one; fields broadcast."""

    mean: Array
    """[s]"""
    variance: Array
    """[s²]"""
    ceiling: Array
    """[s]; inf if none."""


@cache
def normal_quantile(percentile: float) -> float:
    """Return z with Φ(z) = percentile/100 [1]."""
    return float(normal.quantile(percentile / 100.0))


def ttft_moments(
    state: State, prompt: Array, prompt_second: Array, host: Array, wait: Array | None = None, wait_variance: Array | None = None
) -> Moments:
    """Return mean and variance of the time to first token of a call on a replica in `state`.

    mean = W + T/2 + n·τ_d + f·c_p·I + (T − τ_d) + t_host = W + 3T/2 + (n − 1)·τ_d + f·c_p·I + t_host
    var  = Var W + T²/12 + f²s²·(E[I²] − I²)

    with n the number of iterations the prompt takes, smoothed: n = max(1, I/(C−B) + ½), f = (pp + n − 1)/n
    the factor by which a prompt comes out of a pipeline later, and s = T_f/(C−B) for prompts over half a chunk, else c_p.

    Parameters
    ----------
    state : of the replica
    prompt, prompt_second : the call's own I [token] and E[I²] [token²]
    host : time per request outside the engine [s]
    wait, wait_variance : W [s] and its variance [s²], if other than the state's

    Returns
    -------
    Moments [s]

    Notes
    -----
    T/2 is the residual iteration on arrival, T − τ_d the other calls' prompts in the same iterations. No wait for a
    free slot: capacity keeps the 99th percentile of occupancy below the limit. Against simulation:
    docs/tails.md.

    References
    ----------
    Handbook §5.4.
    """
    mean_wait = state.prompt_wait if wait is None else wait
    variance_wait = state.prompt_wait_variance if wait_variance is None else wait_variance
    chunks = prompt / state.chunk
    passes = np.maximum(1.0, chunks + 0.5)
    fill = pipeline_fill(passes, state.stages)
    mean = mean_wait + 1.5 * state.iteration + (passes - 1.0) * state.decode + fill * state.prompt_cost * prompt + host
    own = fill * np.where(chunks > 0.5, state.full / state.chunk, state.prompt_cost)
    variance = variance_wait + state.iteration**2 / 12.0 + own**2 * np.maximum(prompt_second - prompt**2, 0.0)
    return Moments(mean, variance, np.full(1, np.inf))


@dataclass(frozen=True)
class Decoding:
    """What stretches the decoding of a stream's calls; fields broadcast."""

    iteration: Array
    """T, mean time per output token [s]."""
    behind: Array
    """Time by which prompts that were waiting when a call's first token came prolong its decoding [s]."""
    jitter: Array
    """Variance of elapsed time that other calls' prompts cause, per second of decoding [s]."""
    crowd: Array
    """Variance of T by the slow fluctuation of the number of sequences [s²]."""
    ceiling: Array
    """Longest mean time per output token [s]."""


def decoding(state: State, burst: Array, wait: Array | None = None, jitter: Array | None = None) -> Decoding:
    """Return what stretches the decoding of calls on a replica in `state`.

    behind = W·f(n),  crowd = τ_1²·Var N·b·(T/τ_d)²,  τ_1 = (τ_d − τ_0)/B

    Parameters
    ----------
    state : of the replica
    burst : b = (1 + c_a²)/2 of the calls' arrivals [1]
    wait, jitter : W [s], J [s], if other than the state's

    Returns
    -------
    Decoding

    Notes
    -----
    A prompt leaves as much work behind it as it found, W, which the iterations that follow must carry: short answers are decoded
    while prompts are at work more often than the mean over time says. In company less comes after it, since the balancer
    sends new calls elsewhere.

    References
    ----------
    Handbook §5.5; Kleinrock, Queueing Systems I, §5.6 (departures see what arrivals see); docs/tails.md.
    """
    stretch = state.iteration / state.decode
    slope = (state.decode - state.idle) / state.sequences * stretch
    return Decoding(
        iteration=state.iteration,
        behind=(state.prompt_wait if wait is None else wait) * waiting_share(state.pooled),
        jitter=(state.jitter if jitter is None else jitter) * (stretch * stretch),
        crowd=slope * slope * state.sequences_variance * burst,
        ceiling=np.maximum(state.full, state.iteration),
    )


def tpot_moments(part: Decoding, output: Array, inverse: Array) -> Moments:
    """Return mean and variance of a call's mean time per output token.

    mean = T + min(behind·E[1/O], T_f − T),  var = J·T·(E[1/O]·E[O])^0.6/E[O] + crowd

    Parameters
    ----------
    part : what stretches decoding
    output, inverse : O [token], E[1/(O − 1)] [1/token]

    Returns
    -------
    Moments [s], with the full-chunk iteration T_f as ceiling.

    Notes
    -----
    Prompts of other calls vary the time of O tokens by J·O·T, so that of one by J·T/O. Its mean over calls, J·T·E[1/O], speaks
    of the shortest; a percentile near the tail feels what lies between, a power of 0.6 (fitted to the simulator).

    References
    ----------
    Handbook §5.5; docs/tails.md.
    """
    longer = np.minimum(part.behind * inverse, part.ceiling - part.iteration)
    variance = part.jitter * part.iteration * (inverse * output) ** 0.6 / output + part.crowd
    return Moments(part.iteration + longer, variance, part.ceiling)


def per_token(moments: Moments, part: Decoding, traffic: Traffic) -> Moments:
    """Return the moments of the time per token from those per iteration, where an iteration emits E_d tokens.

    mean = mean_it/E_d,  var = (var_it + T²·c_d²·(E[1/O]·E[O])^0.6/E[O])/E_d²

    Parameters
    ----------
    moments : per iteration [s]
    part : what stretches decoding
    traffic : of the call, its outputs in iterations

    Returns
    -------
    Moments [s]; the ceiling stays, for an iteration emits one token at least

    Notes
    -----
    How many drafts are accepted varies from iteration to iteration by c_d², so the iterations of a call of so many tokens do
    by c_d²/O; short calls count as in `tpot_moments`. Accepted tokens come together: this is a call's mean, not the gap
    between two tokens.
    """
    if not (traffic.emitted != 1.0).any():
        return moments
    uneven = part.iteration**2 * traffic.scatter * (traffic.output_inverse * traffic.output) ** 0.6 / traffic.output
    return Moments(moments.mean / traffic.emitted, (moments.variance + uneven) / traffic.emitted**2, moments.ceiling)


def e2e_moments(ttft: Moments, part: Decoding, output: Array, output_second: Array) -> Moments:
    """Return mean and variance of the time of a whole call.

    mean = TTFT + O·T + behind,  var = Var TTFT + T²·(E[O²] − O²) + J·T·O + E[O²]·crowd

    Parameters
    ----------
    ttft : moments of the time to first token
    part : what stretches decoding
    output, output_second : O [token], E[O²] [token²]

    Returns
    -------
    Moments [s]

    Notes
    -----
    TTFT, T and O are taken as independent. The first token comes with TTFT, so O is one too many; for O ≫ 1 that
    does not matter, and it errs on the safe side.

    References
    ----------
    Variance of a product of independent variables; handbook §7 (sequential: add means and variances).
    """
    mean = ttft.mean + output * part.iteration + part.behind
    spread = part.iteration**2 * np.maximum(output_second - output**2, 0.0) + part.jitter * part.iteration * output
    return Moments(mean, ttft.variance + spread + output_second * part.crowd, np.full(1, np.inf))


def gamma_percentile(moments: Moments, percentile: float) -> Array:
    """Return the percentile of a gamma distribution with these moments.

    x = μ·(1 − 1/9k + z/(3√k))³,  k = μ²/σ²

    Parameters
    ----------
    moments : mean [s], variance [s²]
    percentile : in (0, 100)

    Returns
    -------
    x [s]

    Notes
    -----
    Wilson–Hilferty: within 1.4 % of the exact quantile for k ≥ 1 and percentiles 50–99, within 6 % for k ≥ 0.3; below
    that too low (26 % at k = 0.1 and the 95th).

    References
    ----------
    Wilson and Hilferty, PNAS 17 (1931) 684.
    """
    z = normal_quantile(percentile)
    scatter = np.minimum(moments.variance / moments.mean**2, 1.0 / MIN_SHAPE)  # 1/k
    root = np.maximum(1.0 - scatter * (1.0 / 9.0) + (z / 3.0) * np.sqrt(scatter), 0.0)
    return np.asarray(moments.mean * (root * root * root))  # numpy's power is ten times slower


def gamma_miss(moments: Moments, target: float) -> Array:
    """Return P(X > target) of a gamma distribution with these moments, the inverse of `gamma_percentile` [1]."""
    shape = np.maximum(moments.mean**2 / np.maximum(moments.variance, 1e-30), MIN_SHAPE)
    root = np.cbrt(target / moments.mean)
    return np.asarray(normal.cdf(-(root - 1.0 + 1.0 / (9.0 * shape)) * 3.0 * np.sqrt(shape)))


def skewed_percentile(moments: Moments, percentile: float) -> Array:
    """Return the percentile of TPOT: min(T + z'·σ, ceiling), z' = z(0.518 + 0.609 z) above the median, z below.

    Parameters
    ----------
    moments : mean [s], variance [s²], ceiling [s]
    percentile : in (0, 100)

    Returns
    -------
    x [s]

    References
    ----------
    Handbook §5.5 (2.5σ at p95, 4.5σ at p99, capped by the full-chunk iteration).
    """
    z = normal_quantile(percentile)
    stretched = z * (SKEW_CONSTANT + SKEW_SLOPE * z) if z > 0 else z
    return np.asarray(np.minimum(np.maximum(moments.mean + stretched * np.sqrt(moments.variance), 0.0), moments.ceiling))


def skewed_miss(moments: Moments, target: float) -> Array:
    """Return P(TPOT > target), the inverse of `skewed_percentile`; 0 where the ceiling is below the target [1]."""
    stretched = (target - moments.mean) / np.sqrt(np.maximum(moments.variance, 1e-30))
    above = np.maximum(stretched, 0.0)
    z = (-SKEW_CONSTANT + np.sqrt(SKEW_CONSTANT**2 + 4.0 * SKEW_SLOPE * above)) / (2.0 * SKEW_SLOPE)
    return np.asarray(np.where(moments.ceiling <= target, 0.0, normal.cdf(-np.where(stretched > 0, z, stretched))))


def _raised_ends(moments: Moments) -> tuple[float, float, Array, Array]:
    """Return z95, z99, the 95th percentile and the raised 99th, between which TTFT is a straight line in z."""
    ends = (95.0, 99.0)
    low, high = (gamma_percentile(moments, end) for end in ends)
    return normal_quantile(ends[0]), normal_quantile(ends[1]), low, P99_SAFETY * high


def raised_percentile(moments: Moments, percentile: float) -> Array:
    """Return the percentile of TTFT: gamma up to the 95th, 1.12 × gamma from the 99th, in between a line in z = Φ⁻¹.

    Parameters
    ----------
    moments : mean [s], variance [s²]
    percentile : in (0, 100)

    Returns
    -------
    x [s]

    References
    ----------
    docs/tails.md.
    """
    if percentile <= 95.0:
        return gamma_percentile(moments, percentile)
    if percentile >= 99.0:
        return np.asarray(P99_SAFETY * gamma_percentile(moments, percentile))
    z95, z99, low, high = _raised_ends(moments)
    return np.asarray(low + (high - low) * ((normal_quantile(percentile) - z95) / (z99 - z95)))


def raised_miss(moments: Moments, target: float) -> Array:
    """Return P(TTFT > target), the inverse of `raised_percentile` [1]."""
    z95, z99, low, high = _raised_ends(moments)
    z = z95 + (z99 - z95) * (target - low) / np.maximum(high - low, 1e-30)
    return np.select(
        [target <= low, target >= high],
        [gamma_miss(moments, target), gamma_miss(moments, target / P99_SAFETY)],
        normal.cdf(-np.clip(z, z95, z99)),
    )


@dataclass(frozen=True)
class Latencies:
    """The three latency metrics of a call."""

    ttft: Moments
    """Time to first token."""
    tpot: Moments
    """Mean time per output token."""
    e2e: Moments
    """Whole call."""

    def percentile(self, metric: str, percentile: float) -> Array:
        """Return the percentile of `ttft`, `tpot` or `e2e` [s]."""
        moments: Moments = getattr(self, metric)
        return percentile_of(metric, moments, percentile)

    def miss(self, metric: str, target: float) -> Array:
        """Return the share of calls whose `ttft`, `tpot` or `e2e` exceeds `target` [1]."""
        moments: Moments = getattr(self, metric)
        return _MISSES[metric](moments, target)


_PERCENTILES = {"ttft": raised_percentile, "tpot": skewed_percentile, "e2e": gamma_percentile}
_MISSES = {"ttft": raised_miss, "tpot": skewed_miss, "e2e": gamma_miss}


METRICS = tuple(_PERCENTILES)
"""Names of the latency metrics."""


def percentile_of(metric: str, moments: Moments, percentile: float) -> Array:
    """Return the percentile of a latency of this kind [s]."""
    return _PERCENTILES[metric](moments, percentile)


def latency_moments(
    metrics: Collection[str],
    state: State,
    traffic: Traffic,
    host: Array,
    *,
    wait: Array | None = None,
    wait_variance: Array | None = None,
    jitter: Array | None = None,
) -> dict[str, Moments]:
    """Return the moments of the `metrics` asked for, and of those they are made of; parameters as of `latencies`."""
    found = {}
    if "ttft" in metrics or "e2e" in metrics:
        found["ttft"] = ttft_moments(state, traffic.prompt, traffic.prompt_second, host, wait, wait_variance)
    if "tpot" in metrics or "e2e" in metrics:
        part = decoding(state, traffic.burst, wait, jitter)
    if "tpot" in metrics:
        found["tpot"] = per_token(tpot_moments(part, traffic.output, traffic.output_inverse), part, traffic)
    if "e2e" in metrics:
        found["e2e"] = e2e_moments(found["ttft"], part, traffic.output, traffic.output_second)
    return found


def latencies(
    state: State,
    traffic: Traffic,
    host: Array,
    *,
    wait: Array | None = None,
    wait_variance: Array | None = None,
    jitter: Array | None = None,
) -> Latencies:
    """Return the latencies of one stream's calls on a replica in `state`.

    Parameters
    ----------
    state : of the replica, whoever loads it
    traffic : of the stream asked about
    host : time per request outside the engine [s]
    wait, wait_variance, jitter : replace the state's own, to ask about the corner of a service level

    Returns
    -------
    Latencies
    """
    return Latencies(**latency_moments(METRICS, state, traffic, host, wait=wait, wait_variance=wait_variance, jitter=jitter))
