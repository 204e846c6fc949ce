"""Arithmetic on length distributions: sums of independent parts, factors, cuts, mixtures. Means come out exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.demand.stream import QUANTILE_POINTS, Lengths

Array = NDArray[np.float64]

COARSE = 64
"""Equally likely values that stand for the part of a sum that varies less: their means, so that the sum's mean is exact."""


def weighted(values: Array, weights: Array, origin: str) -> Lengths:
    """Return the distribution of values met with weights, as equally likely values.

    x_i = n ∫ Q(u) du over u from i/n to (i + 1)/n, with Q the step function through the sorted values

    Parameters
    ----------
    values : array [token]
    weights : array, not negative, of positive sum [1]
    origin : in words

    Returns
    -------
    Lengths of the same mean
    """
    order = np.argsort(values, kind="stable")
    share = np.concatenate([[0.0], np.cumsum(weights[order])])
    mass = np.concatenate([[0.0], np.cumsum(values[order] * weights[order])])
    grid = np.linspace(0.0, share[-1], QUANTILE_POINTS + 1)
    return Lengths(np.diff(np.interp(grid, share, mass)) * QUANTILE_POINTS / share[-1], origin)


def plus(one: Lengths, other: Lengths) -> Lengths:
    """Return the sum of two independent lengths [token].

    Notes
    -----
    Every value of the part that varies more meets `COARSE` values of the other, so that the longest lengths stay what they
    are in whichever order parts are added; a constant is added as it is.
    """
    origin = f"{one.origin} + {other.origin}"
    fine, rough = (one, other) if one.values.var() >= other.values.var() else (other, one)
    if rough.values[0] == rough.values[-1]:
        return Lengths(fine.values + rough.values[0], origin)
    few = rough.values.reshape(COARSE, -1).mean(axis=1)
    sums = np.add.outer(fine.values, few).ravel()
    return weighted(sums, np.ones(len(sums)), origin)


def times(one: Lengths, factor: float, origin: str | None = None) -> Lengths:
    """Return lengths multiplied by a factor [token]."""
    return Lengths(one.values * factor, origin or f"{factor:g} × ({one.origin})")


def repeated(one: Lengths, count: int) -> Lengths:
    """Return the sum of `count` independent lengths [token].

    x_i = k·m + √k·(x_i − m), which has the mean and the variance of the sum; no value falls below 0.
    """
    mean = one.mean
    spread = np.maximum(count * mean + np.sqrt(count) * (one.values - mean), 0.0)
    total = spread.mean()
    return Lengths(spread * (count * mean / total) if total > 0 else spread, f"{count} × ({one.origin})")


def cut(one: Lengths, most: float) -> Lengths:
    """Return lengths cut at a maximum [token]: longer ones have that length."""
    return replace(one, values=np.minimum(one.values, most), origin=f"{one.origin}, cut at {most:g}")


def at_least_one(one: Lengths) -> Lengths:
    """Return lengths of at least one token, which every call has."""
    return one if one.values[0] >= 1.0 else replace(one, values=np.maximum(one.values, 1.0))


def mixture(parts: Sequence[tuple[float, Lengths]], origin: str) -> Lengths:
    """Return lengths drawn from several distributions with given weights [token]."""
    values = np.concatenate([part.values for _, part in parts])
    weights = np.concatenate([np.full(len(part.values), weight / len(part.values)) for weight, part in parts])
    return weighted(values, weights, origin)


def constant(tokens: float, origin: str) -> Lengths:
    """Return a length that is always the same [token]."""
    return Lengths(np.full(QUANTILE_POINTS, float(tokens)), origin)
