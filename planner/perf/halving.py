"""Bisection with few evaluations: interpolation finds where the sign changes, and halvings away from there need no asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planner.perf.step import Array

SECANTS = 12
"""Most steps of the interpolation."""

CLOSE = 1e-7
"""It ends where a step is shorter than this."""

MARGIN = 2e-12
"""Halvings nearer than this to what it found are asked for, so that rounding decides as if all had been."""


@dataclass(frozen=True)
class _Known:
    """Up to where a function is known to be negative, and from where on not to be."""

    low: Array
    high: Array

    def told(self, at: Array, gap: Array) -> _Known:
        """Return what is known once the function is known at a point."""
        below = gap < 0.0
        return _Known(
            np.where(below, np.maximum(self.low, at), self.low),
            np.where(below, self.high, np.minimum(self.high, at)),
        )


def halved(gap: Callable[[Array], Array], low: Array, high: Array, steps: int) -> Array:
    """Return the upper end of the bracket after halvings towards where an increasing function changes its sign.

    Parameters
    ----------
    gap : the function, element by element; its slope is at most 1 and falls, so that few steps find the place
    low, high : ends of the bracket; where both ends are on one side, the halvings run to the other end
    steps : halvings

    Returns
    -------
    What `steps` evaluations would give, one for each halving, from about a third as many.
    """
    known = _searched(gap, low, high)
    for _ in range(steps):
        middle = 0.5 * (low + high)
        if np.any((middle > known.low) & (middle < known.high)):
            known = known.told(middle, gap(middle))
        below = middle <= known.low
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high


def _searched(gap: Callable[[Array], Array], low: Array, high: Array) -> _Known:
    """Return a narrow bracket around where the sign changes, by secants."""
    at, value = low, gap(low)
    known = _Known(np.full(low.shape, -np.inf), np.full(low.shape, np.inf)).told(low, value).told(high, gap(high))
    slope = np.ones(low.shape)
    for _ in range(SECANTS):
        step = at - value / slope
        step = np.minimum(np.maximum(step, low), high)
        moved = step - at
        at, before = step, value
        if np.all(np.abs(moved) < CLOSE):
            break
        value = gap(at)
        known = known.told(at, value)
        slope = np.divide(value - before, moved, out=slope.copy(), where=np.abs(moved) >= CLOSE)
        slope = np.where(slope > 0.0, slope, 1.0)
    for side in (at - MARGIN, at + MARGIN):
        inside = np.minimum(np.maximum(side, low), high)
        known = known.told(inside, gap(inside))
    return known
