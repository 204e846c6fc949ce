"""Bisection with few evaluations gives what bisection with all of them gives, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.halving import halved

STEPS = 50


def plainly(gap, low, high):
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        below = gap(middle) < 0.0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high


@given(st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=5), st.floats(0.01, 1.0), st.floats(0.0, 3.0))
def test_the_end_is_that_of_plain_bisection(roots, slope, bend):
    """log of x/(1 + b·x) in log x: rises with slope 1, then flattens; also with the root outside of the bracket."""
    aim = slope * np.array(roots) / 4

    def gap(at):
        return slope * (at - np.log1p(bend * np.exp(at)) / (1.0 + bend)) - aim

    low, high = np.full(aim.shape, -14.0), np.full(aim.shape, 9.0)
    assert np.array_equal(halved(gap, low, high, STEPS), plainly(gap, low, high))


def test_a_third_of_the_evaluations_is_enough():
    asked = []

    def gap(at):
        asked.append(at)
        return np.log(np.exp(at) / (1.0 + 0.3 * np.exp(at))) - 0.5

    found = halved(gap, np.array([-14.0]), np.array([9.0]), STEPS)
    assert np.exp(found) == pytest.approx(np.exp(0.5) / (1 - 0.3 * np.exp(0.5)))
    assert len(asked) < 25
