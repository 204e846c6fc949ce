"""What calls are worth on average: hand-solved splits and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from programs import program, random_program, random_ways, with_averages

from planner.optimize.bounds import bounds
from planner.optimize.program import Average, Outcome, Program
from planner.optimize.relax import Verdict, relax, tighten
from planner.optimize.solve import solve


def run(given_program: Program) -> Outcome:
    return solve(given_program, gap=1e-7, time_limit=30, seed=0, progress=lambda _: None)


def two(floor: float) -> Program:
    """10 calls/s; a small model of score 50 takes 0.1 replicas a call/s, a large one of score 80 takes a whole one."""
    base = program(rate=[[10.0]], demand=[[[0.1, 1.0]]], pool_cell=[0, 0], pool_gpus=[1, 1])
    worth = np.array([[50.0 - floor, 80.0 - floor]])
    return replace(base, averages=(Average("score", np.array([0]), worth, np.zeros((1, 0)), np.array([20.0])),))


# Share s to the large model: 80s + 50(1 − s) >= floor, so s = (floor − 50)/30; replicas ⌈10s⌉ + ⌈1 − s⌉.
@pytest.mark.parametrize(("floor", "share", "cost"), [(50, 0.0, 1), (62, 0.4, 5), (65, 0.5, 6), (80, 1.0, 10)])
def test_traffic_is_split_as_the_average_asks(floor: float, share: float, cost: float) -> None:
    found = run(two(floor))
    assert found.objective == pytest.approx(cost)
    assert found.flow[0, 1, 0] >= 10 * share - 1e-6


def test_an_average_nothing_reaches_is_infeasible() -> None:
    assert run(two(81)).termination == "infeasible"


@pytest.mark.parametrize("seed", range(80))
def test_random_programs_against_brute_force(seed: int) -> None:
    given_program = random_ways(with_averages(random_program(seed, pools=2), seed), seed)
    best, found = brute_force(given_program), run(given_program)
    if np.isinf(best):
        assert found.termination == "infeasible"
    else:
        assert found.objective == pytest.approx(best, rel=1e-6)
        assert found.bound <= best * (1 + 1e-7) + 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_bound_with_cuts_never_exceeds_the_optimum(seed: int) -> None:
    given_program = with_averages(random_program(900 + seed, pools=2), seed)
    limit = bounds(given_program)
    relaxation = relax(given_program, limit, lambda _: None)
    if relaxation.verdict is not Verdict.FEASIBLE:
        assert np.isinf(brute_force(given_program))
        return
    tightened = tighten(given_program, limit, lambda _: None, relaxation)
    assert relaxation.bound <= tightened.bound <= brute_force(given_program) * (1 + 1e-7) + 1e-9
