"""Expectations over prompt and output lengths that the performance model needs.

Notation: I prompt tokens, O generated tokens, independent of each other unless said otherwise. An *active* request is one met
in its decoding phase at a random moment. While a replica's iterations are steady, a request stays active for a time
proportional to O, so the active request's output O* is length-biased, P(O* ∈ do) = o P(O ∈ do) / E[O], and it has generated
V = U·O* tokens with U uniform on (0, 1). Hence

    P(V > v) = E[(O − v)⁺] / E[O],   density of V = P(O > v) / E[O],   live context S = I + V.

Counts are taken as continuous, which misplaces a context by at most half a token. All values are of the equally likely points
of `Lengths`; functions broadcast over windows and prefixes.

References: handbook §1 (mean live context) and §2 (prefill attention); the rest follows from the density above.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.demand.stream import Lengths

Array = NDArray[np.float64]


def mean_context(prompt: Lengths, output: Lengths) -> float:
    """Return the mean live context of an active request.

    E[S] = E[I] + E[U] E[O*] = E[I] + E[O²] / (2 E[O])

    Parameters
    ----------
    prompt, output : Lengths [token]
        Output mean above 0.

    Returns
    -------
    float [token]

    Notes
    -----
    Equals E[I] + E[O](1 + c_O²)/2: half the mean output would be wrong as soon as outputs vary.

    References
    ----------
    Handbook §1.
    """
    return prompt.mean + output.second_moment / (2 * output.mean)


def paired_mean_context(inputs: Array, outputs: Array) -> float:
    """Return the mean live context where prompt and output lengths come in pairs, as in a trace.

    E[S] = (E[I·O] + E[O²] / 2) / E[O]

    Parameters
    ----------
    inputs, outputs : arrays [token]
        Lengths of the same requests, in the same order.

    Returns
    -------
    float [token]

    Notes
    -----
    Length bias weighs each prompt by its own output, so a positive correlation makes contexts longer than `mean_context` says.
    """
    return float((np.mean(inputs * outputs) + np.mean(np.square(outputs)) / 2) / np.mean(outputs))


def context_second_moment(prompt: Lengths, output: Lengths) -> float:
    """Return the second moment of the live context of an active request.

    E[S²] = E[I²] + 2 E[I] E[V] + E[V²] = E[I²] + E[I] E[O²]/E[O] + E[O³] / (3 E[O])

    Parameters
    ----------
    prompt, output : Lengths [token]
        Output mean above 0.

    Returns
    -------
    float [token²]

    Notes
    -----
    E[V²] = E[U²] E[O*²] = E[O³] / (3 E[O]). The variance of the KV cache of n independent active requests is n(E[S²] − E[S]²).
    """
    third = float(np.mean(output.values**3))
    return prompt.second_moment + prompt.mean * output.second_moment / output.mean + third / (3 * output.mean)


def windowed_context(prompt: Lengths, output: Lengths, window: ArrayLike) -> Array:
    """Return the mean number of context tokens that a sliding window lets an active request attend to.

    E[min(S, w)] = E[ w if I ≥ w, else I + E[min(V, w − I)] ],
    E[min(V, d)] = E[ O²/2 if O ≤ d, else d·O − d²/2 ] / E[O]

    Parameters
    ----------
    prompt, output : Lengths [token]
        Output mean above 0.
    window : array_like [token]
        Window lengths w ≥ 0; infinite = full attention.

    Returns
    -------
    array [token]
        Of the shape of `window`.

    Notes
    -----
    The inner expectation is ∫₀^O min(v, d) dv averaged over requests and divided by E[O], which is the density of V applied
    to min(v, d). Prefix sums over the ascending outputs make it O(log n) for each d.
    """
    w = np.asarray(window, dtype=np.float64)[..., None]
    room = np.maximum(w - prompt.values, 0.0)
    return np.asarray((np.minimum(prompt.values, w) + _mean_age_up_to(output, room)).mean(axis=-1), dtype=np.float64)


def _mean_age_up_to(output: Lengths, limit: Array) -> Array:
    """Return E[min(V, limit)] for any array of limits [token]."""
    values, count = output.values, len(output.values)
    finished = np.searchsorted(values, limit, side="right")
    halves = np.concatenate([[0.0], np.cumsum(np.square(values) / 2)])
    rest = np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])
    d = np.minimum(limit, values[-1])  # beyond the longest output the limit no longer counts, and may be infinite
    total = halves[finished] + d * rest[finished] - np.square(d) / 2 * (count - finished)
    return np.asarray(total / (count * output.mean), dtype=np.float64)


def attention_pairs(prompt: Lengths, prefix: ArrayLike = 0.0, window: ArrayLike = np.inf) -> Array:
    """Return the mean number of (query, key) pairs of a prompt's attention, given a cached prefix and a sliding window.

    E[K(I) − K(min(p, I))],   K(x) = ∫₀^x min(y, w) dy = x²/2 for x ≤ w, else w·x − w²/2

    Parameters
    ----------
    prompt : Lengths [token]
    prefix : array_like [token]
        Cached tokens p ≥ 0; they are attended to but ask nothing.
    window : array_like [token]
        Window length w > 0; infinite = full causal attention.

    Returns
    -------
    array [token²]
        Of the broadcast shape of `prefix` and `window`.

    Notes
    -----
    The token at position y sees min(y, w) keys. Without a window the formula is E[(I − p)(p + (I − p)/2)] = E[(I² − p²)⁺] / 2.
    A prompt no longer than the prefix counts as wholly cached. A prefix found with probability h costs
    h·pairs(p) + (1 − h)·pairs(0).

    References
    ----------
    Handbook §2: 4·L·n_q·d FLOP per pair.
    """
    p, w = np.broadcast_arrays(np.asarray(prefix, dtype=np.float64), np.asarray(window, dtype=np.float64))
    lengths = prompt.values
    whole = _keys_seen(lengths, w[..., None])
    cached = _keys_seen(np.minimum(p[..., None], lengths), w[..., None])
    return np.asarray((whole - cached).mean(axis=-1), dtype=np.float64)


def _keys_seen(position: Array, window: Array) -> Array:
    """Return ∫₀^x min(y, w) dy, as x² /2 − ((x − w)⁺)² / 2, which holds for an infinite window too."""
    return np.asarray((np.square(position) - np.square(np.maximum(position - window, 0.0))) / 2, dtype=np.float64)


def total_quantiles(prompt: Lengths, output: Lengths, shares: ArrayLike) -> Array:
    """Return quantiles of the tokens of a whole request, prompt and output together.

    q_u = inf{t : P(I + O ≤ t) ≥ u}

    Parameters
    ----------
    prompt, output : Lengths [token]
        Independent of each other.
    shares : array_like [1]
        Shares u of requests within the quantile.

    Returns
    -------
    array [token]
        Of the shape of `shares`.

    Notes
    -----
    Over all pairs of equally likely values: far less than the sum of the two quantiles that `Stream.longest_context` takes.
    """
    sums = (prompt.values[:, None] + output.values).ravel()
    return np.asarray(np.quantile(sums, np.asarray(shares, dtype=np.float64), method="inverted_cdf"), dtype=np.float64)
