"""No load up to a level misses more of a target than is said of the level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planner.perf.misses import most_missed
from planner.perf.tails import METRICS, Moments, gamma_miss, raised_miss, skewed_miss

MISS = {"ttft": raised_miss, "tpot": skewed_miss, "e2e": gamma_miss}
ENDLESS = np.array([np.inf])


def moments(mean: float, variance: float) -> Moments:
    return Moments(np.array([mean]), np.array([variance]), ENDLESS)


@pytest.mark.parametrize("metric", METRICS)
@given(target=st.floats(0.05, 5.0), spread=st.floats(0.05, 1.4), share=st.floats(0.0, 1.0), where=st.floats(0.0, 1.0))
@example(target=0.2, spread=1.0, share=0.01, where=0.0)
@example(target=1.2, spread=1.4, share=0.01, where=0.4)
def test_no_variance_in_between_misses_more(metric: str, target: float, spread: float, share: float, where: float) -> None:
    """With a mean of 1 at the level."""
    level = moments(1.0, spread**2)
    least = share * spread**2
    said = most_missed(metric, level, np.array([least]), target)
    between = least + where * (spread**2 - least)
    assert said >= MISS[metric](moments(1.0, between), target) - 1e-12
    tried = Moments(np.ones(400), np.linspace(least, spread**2, 400), ENDLESS)
    assert said <= MISS[metric](tried, target).max() + 2e-3


@pytest.mark.parametrize("metric", METRICS)
def test_a_target_that_is_mostly_kept_is_missed_as_at_the_level(metric: str) -> None:
    level = moments(1.0, 0.09)
    assert most_missed(metric, level, np.array([0.01]), 1.8) == MISS[metric](level, 1.8) < 0.1


@pytest.mark.parametrize("metric", METRICS)
def test_a_target_below_the_mean_is_missed_most_by_calls_that_never_meet(metric: str) -> None:
    level, least = moments(1.0, 0.25), np.array([0.01])
    assert most_missed(metric, level, least, 0.7) == MISS[metric](moments(1.0, 0.01), 0.7)
    assert MISS[metric](level, 0.7) < 0.8 < most_missed(metric, level, least, 0.7)
