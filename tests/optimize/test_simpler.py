"""Levers that save nothing are not pulled: by hand, and on random programs."""

from __future__ import annotations

import numpy as np
import pytest
from programs import program, random_program, random_ways, ways, with_ways

from planner.optimize.model import Point
from planner.optimize.objective import objective
from planner.optimize.program import Outcome, Program
from planner.optimize.simpler import simpler
from planner.optimize.solve import solve


def run(given: Program, gap: float = 1e-7) -> Outcome:
    return solve(given, gap=gap, time_limit=30, seed=0, progress=lambda _: None)


@pytest.mark.parametrize(("rate", "taken"), [(3.5, 0), (3.0, 1)])
def test_a_lever_whose_saving_is_lost_in_whole_replicas_is_let_go(rate: float, taken: int) -> None:
    """4 calls/s take four replicas at $1/h, 3.5 calls/s as many, 3 calls/s one less."""
    choice = with_ways(program(rate=[[4.0]]), ways((0, 0.0, {0: 4.0}), (0, 0.0, {0: rate})))
    pulled = run(choice.among(np.array([False, True])))
    ways_taken = np.array([False, True])
    given = Outcome(**{**vars(pulled), "ways": ways_taken})
    found = simpler(choice, given, np.array([0.0, 1.0]), 0)
    assert found.ways.tolist() == [taken == 0, taken == 1]
    assert found.objective == pytest.approx(4.0 - (rate == 3.0))
    assert found.flow.sum() == pytest.approx(4.0 if taken == 0 else 3.0)


def test_without_levers_nothing_is_done() -> None:
    choice = with_ways(program(rate=[[4.0]]), ways((0, 0.0, {0: 4.0}), (0, 0.9, {0: 3.0})))
    found = run(choice)
    assert simpler(choice, found, np.zeros(2), 0) is found


@pytest.mark.parametrize("seed", range(40))
def test_it_never_costs_more_nor_pulls_more(seed: int) -> None:
    choice = random_ways(random_program(seed, pools=2), seed)
    found = run(choice, gap=0.2)
    if found.termination == "infeasible" or not len(choice.ways.name):
        return
    pulls = np.random.default_rng(seed).integers(0, 3, len(choice.ways.name)).astype(float)
    less = simpler(choice, found, pulls, 0)
    assert less.objective <= found.objective * (1 + 1e-9)
    assert less.bound <= less.objective * (1 + 1e-9)
    assert pulls @ less.ways <= pulls @ found.ways
    assert [less.ways[choice.ways.group == group].sum() for group in range(choice.ways.groups)] == [1] * choice.ways.groups
    point = Point(less.flow, less.api_flow, less.replicas.astype(float), less.machines.astype(float), less.ways.astype(float))
    assert objective(choice, point) == pytest.approx(less.objective)
