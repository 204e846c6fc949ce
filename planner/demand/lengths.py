"""From what a problem says of token counts to equally likely values."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.demand.issues import mistake, under
from planner.demand.stream import QUANTILE_POINTS, Lengths
from planner.demand.trace import MAX_TOKENS, read_trace
from planner.domain import calls
from planner.perf import normal

Array = NDArray[np.float64]
Column = Literal["input", "output"]

_FINE = 16
"""Quantiles averaged into each of the equally likely values."""
_Z95 = 1.6448536269514722
"""Standard normal 95 % quantile."""
_LARGEST_P95 = math.exp(_Z95**2 / 2)
"""Largest ratio of 95th percentile to mean that a log-normal can have, 3.868."""
_HEAVY_TAIL = 0.2
"""Share of all tokens beyond the last percentile given from which the extrapolation is worth a remark (assumption)."""


def from_spec(spec: calls.Lengths, base: Path, *, column: Column) -> Lengths:
    """Return the distribution that a problem describes as `QUANTILE_POINTS` equally likely values.

    x_i = n ∫ Q(u) du over u from i/n to (i + 1)/n, with Q the quantile function, cut to [1, maximum]

    Parameters
    ----------
    spec : calls.Lengths [token]
        What the problem says.
    base : Path
        Folder that relative paths start from.
    column : "input" or "output"
        Which of a trace's columns to take.

    Returns
    -------
    Lengths [token]
        Where a mean is stated or a trace given, the values' mean is exactly that.

    Raises
    ------
    InvalidInput
        With paths relative to the distribution's own fields.

    Notes
    -----
    The integral is taken over 16 quantiles a slice, for a trace over its ranked rows. Every request has at least one token of
    each kind: values below one become one. `maximum` cuts: longer requests have that length; a stated mean is that of the
    requests served, so it holds after the cut (the other lengths grow to make up for it).

    References
    ----------
    `docs/demand.md`, which derives each form.
    """
    _check_limits(spec)
    if spec.trace is not None:
        return _from_trace(spec, spec.trace, base, column)
    if spec.percentiles is not None:
        return _from_percentiles(spec, spec.percentiles)
    if spec.histogram is not None:
        return _from_histogram(spec, spec.histogram)
    return _from_mean(spec)


def assumptions(spec: calls.Lengths, made: Lengths, what: str) -> tuple[str, ...]:
    """Return what had to be assumed because the problem says too little, in words for the report."""
    if spec.mean is not None and spec.p95 is None and spec.scv is None:
        return (f"every request has {spec.mean:g} {what} tokens (only the mean is given)",)
    if spec.percentiles is None:
        return ()
    top = max(float(name[1:]) for name in spec.percentiles)
    share = float(made.values[math.ceil(len(made.values) * top / 100) :].sum() / made.values.sum())
    if top >= 99 and share < _HEAVY_TAIL:
        return ()
    slope = f"{what} tokens above the p{top:g} carry on the slope of the last two percentiles given"
    return (
        f"{slope}: {share:.0%} of all {what} tokens, the longest {made.maximum:.0f}; a higher percentile or a maximum would tell",
    )


def _check_limits(spec: calls.Lengths) -> None:
    """Refuse figures that no request can have, or that contradict `maximum`."""
    if spec.mean is not None and not 1 <= spec.mean <= MAX_TOKENS:
        raise mistake("mean", f"a mean of {spec.mean:g} tokens", f"give one between 1 and {MAX_TOKENS:.0e}")
    if spec.maximum is None:
        return
    if spec.maximum < 1:
        raise mistake("maximum", f"a maximum of {spec.maximum:g} tokens leaves no request", "give at least 1")
    for field in ("mean", "p95"):
        value = getattr(spec, field)
        if value is not None and value > spec.maximum:
            raise mistake("maximum", f"{spec.maximum:g} is below the {field} ({value:g})", "check the two figures")


def _from_mean(spec: calls.Lengths) -> Lengths:
    """Make a log-normal from mean with p95 or scv, or a constant from the mean alone."""
    mean = spec.mean or 0.0
    sigma, given = 0.0, ""
    if spec.p95 is not None:
        sigma, given = sigma_from_p95(mean, spec.p95), f" and p95 {spec.p95:g}"
    elif spec.scv is not None:
        sigma, given = _sigma_from_scv(spec.scv), f" and scv {spec.scv:g}"
    values = _log_normal(mean, sigma, spec.maximum or math.inf)
    return Lengths(values, f"{'log-normal' if sigma else 'constant'} from mean {mean:g}{given}{_cut(spec)}")


@lru_cache(maxsize=1000)
def _log_normal(mean: float, sigma: float, maximum: float) -> Array:
    """Return the values of a log-normal; kept, as problems are solved many times with other limits and the same lengths."""
    values = _slices(_scaled_to_mean(_fine(lambda z: np.exp(sigma * z - sigma**2 / 2)), mean, maximum))
    values.flags.writeable = False
    return values


def sigma_from_p95(mean: float, p95: float) -> float:
    """Return the shape of the log-normal with a given mean and 95th percentile.

    p95 / mean = exp(z σ − σ²/2)  ⇒  σ = z − √(z² − 2 ln(p95 / mean)),  z = 1.645

    Parameters
    ----------
    mean, p95 : float [token]
        p95 at least the mean.

    Returns
    -------
    float [1]
        Standard deviation of the logarithm, between 0 and z.

    Raises
    ------
    InvalidInput
        p95 / mean above exp(z²/2) = 3.868: no log-normal has that.

    Notes
    -----
    The larger root, z + √…, has the same two figures with a median below a fourteenth of p95 and a squared coefficient of
    variation above exp(z²) − 1 = 13.9; token counts are not like that, so the smaller is taken.
    """
    ratio = p95 / mean
    if ratio > _LARGEST_P95:
        message = f"a p95 of {ratio:.2f} times the mean is more than a log-normal can have ({_LARGEST_P95:.3f})"
        raise mistake("p95", message, "describe the lengths by percentiles, a histogram or a trace")
    return _Z95 - math.sqrt(max(_Z95**2 - 2 * math.log(ratio), 0.0))


@lru_cache(maxsize=1000)
def _sigma_from_scv(scv: float) -> float:
    """Return the shape whose equally likely values have exactly this variation.

    σ = √ln(1 + scv) has it before the slices are averaged, which takes a little away; a slightly larger one makes that up.
    """
    guess = math.sqrt(math.log1p(scv))
    if guess == 0:
        return 0.0
    return _least(lambda sigma: _scv(_slices(_fine(lambda z: np.exp(sigma * z)))) >= scv, 0.5 * guess, 2.5 * guess)


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the least number between the two from which on `holds`, by halving to the last bit worth having."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _scv(values: Array) -> float:
    """Return the squared coefficient of variation."""
    return float(values.var() / values.mean() ** 2)


def _from_percentiles(spec: calls.Lengths, percentiles: dict[str, float]) -> Lengths:
    """Interpolate ln Q piecewise linearly in the normal score: log-normal between any two points, and beyond the outermost."""
    points = sorted((float(name[1:]) / 100, value) for name, value in percentiles.items())
    shares, tokens = np.array(points).T
    _check_percentiles(shares, tokens)
    z, logs = _scores(shares), np.log(tokens)
    low, high = (tokens[0] if shares[0] == 0 else 1.0), (tokens[-1] if shares[-1] == 1 else MAX_TOKENS)
    logarithms = np.minimum(_interpolate(_normal_scores(), z, logs), 2 * math.log(MAX_TOKENS))  # far steeper would overflow
    fine = np.clip(np.exp(logarithms), low, high)
    values = _slices(np.clip(fine, 1.0, spec.maximum or math.inf))
    given = ", ".join(f"p{100 * share:g} {value:g}" for share, value in points)
    return Lengths(values, f"percentiles {given}{_cut(spec)}")


def _check_percentiles(shares: Array, tokens: Array) -> None:
    """Refuse fewer than two points, points given twice, values below one token, and values that fall."""
    if len(shares) < 2:
        raise mistake("percentiles", "one percentile does not make a distribution", "give two or more, such as p50, p90 and p99")
    if np.any(np.diff(shares) == 0):
        raise mistake("percentiles", "a percentile is given twice", "keep one of them")
    if tokens.min() < 1 or tokens.max() > MAX_TOKENS:
        raise mistake("percentiles", "a value is not a possible token count", f"give values between 1 and {MAX_TOKENS:.0e}")
    if np.any(np.diff(tokens) < 0):
        i = int(np.argmax(np.diff(tokens) < 0))
        told = f"p{100 * shares[i]:g} is {tokens[i]:g} but p{100 * shares[i + 1]:g} is {tokens[i + 1]:g}"
        raise mistake("percentiles", f"values must not fall: {told}", "check the two figures")


def _scores(shares: Array) -> Array:
    """Return normal scores; p0 and p100, whose scores are infinite, count as half a value from the end.

    Where another point lies further out than that, they count as halfway between it and the end.
    """
    inner = shares[(shares > 0) & (shares < 1)]
    edge = 0.5 / QUANTILE_POINTS
    low = min(edge, inner.min(initial=1.0) / 2)
    high = max(1 - edge, (1 + inner.max(initial=0.0)) / 2)
    return np.asarray(normal.quantile(np.where(shares == 0, low, np.where(shares == 1, high, shares))), dtype=np.float64)


def _interpolate(at: Array, x: Array, y: Array) -> Array:
    """Interpolate linearly, carrying the first and last slope on outside."""
    inside = np.interp(at, x, y)
    below = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    above = y[-1] + (at - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    return np.where(at < x[0], below, np.where(at > x[-1], above, inside))


def _from_histogram(spec: calls.Lengths, bins: tuple[tuple[float, float], ...]) -> Lengths:
    """Invert the piecewise linear distribution function of a histogram whose first bin starts at 0."""
    edges, weights = np.array([(0.0, 0.0), *bins]).T
    if np.any(np.diff(edges) <= 0):
        i = int(np.argmax(np.diff(edges) <= 0))
        raise mistake(
            f"histogram[{i}]", f"upper edge {edges[i + 1]:g} does not exceed {edges[i]:g}", "give edges that ascend from above 0"
        )
    if edges[-1] > MAX_TOKENS:
        raise mistake(f"histogram[{len(bins) - 1}]", f"upper edge {edges[-1]:g}", f"give edges up to {MAX_TOKENS:.0e}")
    shares = np.cumsum(weights / weights.sum())
    values = _slices(np.clip(np.interp(_fine_shares(), shares, edges), 1.0, spec.maximum or math.inf))
    return Lengths(values, f"histogram of {len(bins)} bins{_cut(spec)}")


def _from_trace(spec: calls.Lengths, file: calls.TraceFile, base: Path, column: Column) -> Lengths:
    """Average the ranked rows of a trace over slices of equal share."""
    trace = under("trace", lambda: read_trace(file, base))
    tokens = trace.input_tokens if column == "input" else trace.output_tokens
    ranked = np.sort(np.clip(tokens, 1.0, spec.maximum or math.inf))
    return Lengths(_ranked_slices(ranked), f"trace {trace.name}{_cut(spec)}")


def _ranked_slices(ranked: Array) -> Array:
    """Return slice means of the step quantile function of ranked values, by differences of its integral (exact)."""
    integral = np.concatenate([[0.0], np.cumsum(ranked)]) / len(ranked)
    edges = np.arange(QUANTILE_POINTS + 1) / QUANTILE_POINTS
    means = np.diff(np.interp(edges, np.arange(len(ranked) + 1) / len(ranked), integral)) * QUANTILE_POINTS
    # Differences of a long sum may lose order or a limit by rounding; restoring both changes nothing else.
    return np.asarray(np.maximum.accumulate(np.clip(means, ranked[0], ranked[-1])), dtype=np.float64)


def _fine_shares() -> Array:
    """Return the shares at which quantile functions are read: midpoints of n × 16 equal parts."""
    count = QUANTILE_POINTS * _FINE
    return np.asarray((np.arange(count) + 0.5) / count, dtype=np.float64)


@lru_cache(maxsize=1)
def _normal_scores() -> Array:
    """Return the normal scores of those shares."""
    return np.asarray(normal.quantile(_fine_shares()), dtype=np.float64)


def _fine(quantile_of_score: Callable[[Array], Array]) -> Array:
    """Read a quantile function of the normal score at the fine shares."""
    return np.asarray(quantile_of_score(_normal_scores()), dtype=np.float64)


def _slices(fine: Array) -> Array:
    """Average fine quantiles into the equally likely values."""
    return np.asarray(fine.reshape(QUANTILE_POINTS, _FINE).mean(axis=1), dtype=np.float64)


def _scaled_to_mean(fine: Array, mean: float, maximum: float) -> Array:
    """Return clip(s·x, 1, maximum) with the one s that gives it this mean; 1 ≤ mean ≤ maximum.

    Without an active cut, s = mean / E[x]; else the mean grows with s, and halving an interval of ln s finds it.
    """
    simple = fine * (mean / fine.mean())
    if simple[0] >= 1 and simple[-1] <= maximum:
        return np.asarray(simple, dtype=np.float64)
    grown = _least(lambda log: bool(np.clip(simple * math.exp(log), 1.0, maximum).mean() >= mean), -60.0, 60.0)
    return np.asarray(np.clip(simple * math.exp(grown), 1.0, maximum), dtype=np.float64)


def _cut(spec: calls.Lengths) -> str:
    """Return the words for a cut."""
    return "" if spec.maximum is None else f", cut at {spec.maximum:g}"
