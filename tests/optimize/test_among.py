"""Some ways of a program: what is left is the choice among them, streams of the others silent."""

from __future__ import annotations

import numpy as np
import pytest
from programs import program, random_program, random_ways, ways, with_ways

from planner.optimize.program import Program
from planner.optimize.solve import solve


def cost(given: Program) -> float:
    return solve(given, gap=1e-7, time_limit=20, seed=0, progress=lambda _: None).objective


def test_streams_of_ways_left_out_make_no_calls() -> None:
    base = program(rate=[[4.0], [3.0], [1.0]], demand=[[[1.0], [1 / 3], [1.0]]])
    both = with_ways(base, ways((0, 0.0, {0: 4.0}), (0, 0.5, {1: 3.0, 2: 1.0})))
    first, second = both.among(np.array([True, False])), both.among(np.array([False, True]))
    assert first.rate.tolist() == [[4.0], [0.0], [0.0]]
    assert second.rate.tolist() == [[0.0], [3.0], [1.0]]
    assert second.ways.user.tolist() == [0, 0]
    assert (cost(first), cost(second)) == (pytest.approx(4.0), pytest.approx(2.5))


@pytest.mark.parametrize("seed", range(3))
def test_the_best_single_way_is_the_best_of_all(seed: int) -> None:
    given = random_ways(random_program(seed, pools=2), seed)
    count = len(given.ways.name)
    everything = np.ones(count, dtype=bool)
    group = given.ways.group == 0 if count else everything
    each = [cost(given.among(~group | (np.arange(count) == w))) for w in np.flatnonzero(group)]
    assert min(each, default=cost(given)) == pytest.approx(cost(given), rel=1e-6)
    assert np.array_equal(given.among(everything).ways.rate, given.ways.rate)
