"""Calls drawn from streams: means, hits, and chance that belongs to each stream alone."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from planner.demand.statistics import gap_scv
from planner.demand.stream import QUANTILE_POINTS, Lengths, Stream
from planner.domain.workload import Workload
from planner.simulate.arrivals import Profile
from planner.simulate.requests import NO_GROUP, Requests
from planner.simulate.sample import requests_of, sample, whole


def even(low: float, high: float) -> Lengths:
    return Lengths(np.linspace(low, high, QUANTILE_POINTS), "test")


def stream(name: str = "chat", *, burstiness: float = 1.0, prefix: float = 0.0, hit: float = 0.0) -> Stream:
    return Stream(
        name=name,
        workload=cast("Workload", None),  # nothing drawn depends on who asks
        rate=(5.0,),
        burstiness=burstiness,
        prompt=even(10.3, 200.3),
        output=even(1.2, 20.2),
        prefix_tokens=prefix,
        prefix_hit=hit,
        objectives=(),
        deadline=None,
        movable=False,
    )


def drawn(made: Stream, count: int = 40_000) -> Requests:
    return sample(made, np.arange(count, dtype=np.float64), 3, Generator(PCG64(1)))


def test_rounding_keeps_means() -> None:
    made = whole(np.full(40_000, 2.3), Generator(PCG64(1)))
    assert set(made.tolist()) == {2, 3}
    # Standard error √(0.3 · 0.7 / 40 000) = 0.0023.
    assert made.mean() == pytest.approx(2.3, abs=4 * 0.0023)
    assert whole(np.zeros(5), Generator(PCG64(1))).tolist() == [1] * 5


def test_lengths_have_the_streams_moments_and_are_independent() -> None:
    law, made = stream(), drawn(stream())
    for found, wanted in ((made.prompt, law.prompt), (made.output, law.output)):
        assert found.mean() == pytest.approx(wanted.mean, abs=4 * found.std() / 200)
        assert float(np.square(found).mean()) == pytest.approx(wanted.second_moment, rel=0.03)
    assert abs(np.corrcoef(made.prompt, made.output)[0, 1]) < 4 / 200
    assert (set(made.stream.tolist()), set(made.group.tolist()), made.prompt.dtype) == ({3}, {NO_GROUP}, np.int64)


def test_hits_are_as_frequent_as_said_and_leave_a_token_to_compute() -> None:
    made = drawn(stream(prefix=50.0, hit=0.3))
    assert (made.cached > 0).mean() == pytest.approx(0.3, abs=4 * 0.0023)
    assert set(made.cached[made.prompt > 50].tolist()) == {0, 50}
    assert np.all(made.cached < made.prompt)
    short = made.prompt <= 50
    np.testing.assert_array_equal(made.cached[short & (made.cached > 0)], made.prompt[short & (made.cached > 0)] - 1)
    assert not drawn(stream()).cached.any()


def test_a_pool_has_each_stream_at_its_rate_and_burstiness() -> None:
    pool = [stream("a"), stream("b", burstiness=3.0)]
    made = requests_of(pool, 0, [2.0, 8.0], 5000, seed=1)
    assert np.all(np.diff(made.arrival) >= 0)
    for index, (rate, scv) in enumerate(((2.0, 1.0), (8.0, 3.0))):
        times = made.arrival[made.stream == index]
        assert len(times) == pytest.approx(rate * 5000, abs=4 * (rate * 5000 * scv) ** 0.5)
        assert gap_scv(times) == pytest.approx(scv, rel=0.15)


def test_a_new_stream_changes_none_of_the_others() -> None:
    a, b = stream("a"), stream("b")
    alone = requests_of([a], 0, [2.0], 500, seed=1)
    joined = requests_of([b, a], 0, [3.0, 2.0], 500, seed=1)
    mine = joined.take(joined.stream == 1)
    for field in ("arrival", "prompt", "output"):
        np.testing.assert_array_equal(getattr(mine, field), getattr(alone, field))


def test_streams_periods_and_seeds_have_chances_of_their_own() -> None:
    def first(name: str, period: int, seed: int) -> float:
        return float(requests_of([stream(name)], period, [2.0], 500, seed).arrival[0])

    found = [first("a", 0, 1), first("b", 0, 1), first("a", 1, 1), first("a", 0, 2)]
    assert len(set(found)) == 4
    assert first("a", 0, 1) == found[0]
    left, right = (np.histogram(requests_of([stream(name)], 0, [5.0], 20_000, 1).arrival, 2000)[0].astype(float) for name in "ab")
    assert abs(np.corrcoef(left, right)[0, 1]) < 4 / 2000**0.5


def test_a_swing_moves_all_streams_together() -> None:
    swing = Profile(np.array([0.0, 1000, 2000]), np.array([0.0, 2.0]))
    made = requests_of([stream("a"), stream("b")], 0, [3.0, 3.0], 2000, 1, swing)
    assert made.arrival[0] >= 1000
    assert len(made) == pytest.approx(12_000, abs=4 * 12_000**0.5)


def test_no_rate_has_no_calls() -> None:
    assert len(requests_of([replace(stream(), name="idle")], 0, [0.0], 100, 1)) == 0
