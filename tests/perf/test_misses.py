"""No load up to a level misses more of a target than is said of the level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from loads import calls, promises, replicas, steps

from planner.perf.capacity import solve
from planner.perf.level import demands, make_level
from planner.perf.limits import Replica, Target
from planner.perf.misses import PIECES, Climb, climbs, most_missed
from planner.perf.steady import serving, state_at
from planner.perf.step import StepModel
from planner.perf.tails import METRICS, Moments, gamma_miss, latencies, raised_miss, skewed_miss
from planner.perf.traffic import Traffic

MISS = {"ttft": raised_miss, "tpot": skewed_miss, "e2e": gamma_miss}
ENDLESS, ZERO, ONE = np.array([np.inf]), np.zeros(1), np.ones(1)


def moments(mean: float, variance: float) -> Moments:
    return Moments(np.array([mean]), np.array([variance]), ENDLESS)


def level_with(least: float) -> Climb:
    """A way up to a level on which the mean stays where it is."""
    return Climb(moments(1.0, least), ZERO, ZERO, ZERO, ZERO)


@pytest.mark.parametrize("metric", METRICS)
@given(target=st.floats(0.05, 5.0), spread=st.floats(0.05, 1.4), share=st.floats(0.0, 1.0), where=st.floats(0.0, 1.0))
@example(target=0.2, spread=1.0, share=0.01, where=0.0)
@example(target=1.2, spread=1.4, share=0.01, where=0.4)
def test_no_variance_in_between_misses_more(metric: str, target: float, spread: float, share: float, where: float) -> None:
    """With a mean of 1 at the level."""
    level = moments(1.0, spread**2)
    least = share * spread**2
    said = most_missed(metric, level, level_with(least), target)
    between = least + where * (spread**2 - least)
    assert said >= MISS[metric](moments(1.0, between), target) - 1e-12
    tried = Moments(np.ones(400), np.linspace(least, spread**2, 400), ENDLESS)
    assert said <= MISS[metric](tried, target).max() + 2e-3


@pytest.mark.parametrize("metric", METRICS)
def test_a_target_that_is_mostly_kept_is_missed_as_at_the_level(metric: str) -> None:
    level = moments(1.0, 0.09)
    assert most_missed(metric, level, level_with(0.01), 1.8) == MISS[metric](level, 1.8) < 0.1


@pytest.mark.parametrize("metric", METRICS)
def test_a_target_below_the_mean_is_missed_most_by_calls_that_never_meet(metric: str) -> None:
    level, least = moments(1.0, 0.25), level_with(0.01)
    assert most_missed(metric, level, least, 0.7) == MISS[metric](moments(1.0, 0.01), 0.7)
    assert MISS[metric](level, 0.7) < 0.8 < most_missed(metric, level, least, 0.7)


@pytest.mark.parametrize("metric", ["ttft", "e2e"])
def test_what_raises_the_mean_scatters_it_too(metric: str) -> None:
    """A mean of 1 of which 0.8 is x, with a variance of x²: none of the way up is both slow and even."""
    level, climb = moments(1.0, 0.8), Climb(moments(0.2, 0.01), ZERO, 0.8 * ONE, ONE, ONE)
    share = most_missed(metric, level, climb, 0.7)
    ways = np.linspace(0.0, 0.8, 400)
    on_the_way = MISS[metric](Moments(0.2 + ways, 0.01 + ways**2, ENDLESS), 0.7)
    assert on_the_way.max() <= share < most_missed(metric, level, level_with(0.01), 0.7) - 0.2
    assert share <= on_the_way.max() + 1.0 / PIECES


@settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
@given(
    step=steps(sparse=False),
    part=calls(),
    place=replicas(),
    targets=promises(),
    busy=st.floats(0.0, 1.0),
    tight=st.floats(0.05, 1.0),
)
def test_no_lighter_load_misses_more(
    step: StepModel, part: Traffic, place: Replica, targets: list[Target], busy: float, tight: float
) -> None:
    """Of targets below the mean at the level."""
    found = solve(step, part, place, targets)
    assume(found.feasible[0])
    corner = make_level(found.state, part, place, targets)
    assume(np.isfinite(corner.wait[0]))
    assume(np.isfinite(corner.jitter[0]))
    _, seen = demands(step, corner, part, place)
    load = np.maximum(busy * found.state.sequences, 1e-4)
    lighter = latencies(state_at(serving(step, part, place.chunk_tokens, place.pooled), part, load), part, place.host)
    ways = climbs(step, part, place, corner.state.iteration, corner.wait)
    for metric in METRICS:
        level = getattr(seen, metric)
        target = tight * float(level.mean[0])
        assert lighter.miss(metric, target) <= most_missed(metric, level, ways[metric], target) * (1 + 1e-6) + 1e-9
