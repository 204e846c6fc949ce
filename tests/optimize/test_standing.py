"""Machines held in any case, and what is paid whatever is chosen: by hand and against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from programs import program, random_program

from planner.optimize.bounds import bounds
from planner.optimize.lpfile import lp_text
from planner.optimize.model import build
from planner.optimize.program import GpuLimit, Outcome, Program
from planner.optimize.solve import solve


def run(given: Program) -> Outcome:
    return solve(given, gap=0.0, time_limit=30.0, seed=0, progress=lambda _: None)


def held(given: Program, machines: list[float], standing: list[float]) -> Program:
    return replace(given, purchases=replace(given.purchases, held=np.array(machines)), standing=np.array(standing))


def test_by_hand() -> None:
    """Two machines' worth of load; one is held for $3 whatever is chosen, the other rented at $1. With two nothing is rented."""
    given = program(rate=[[2.0]], buy_cell=[0, 0], hourly=[1.0, 0.0], limit=[np.inf, 1])
    outcome = run(held(given, [0, 1], [3.0]))
    assert outcome.objective == pytest.approx(4.0)
    assert outcome.bound == pytest.approx(4.0)
    twice = replace(given, purchases=replace(given.purchases, limit=np.array([np.inf, 2.0])))
    assert run(held(twice, [0, 2], [6.0])).objective == pytest.approx(6.0)


def test_what_is_held_counts_in_quotas_whether_it_is_used_or_not() -> None:
    """Three of another kind are held where no pool may stand; a quota of four leaves one, and two are needed."""
    given = program(rate=[[2.0]], cell_gpus=[1, 1], buy_cell=[0, 1], hourly=[1.0, 0.0], limit=[np.inf, 3])
    for most, ends in ((4, "infeasible"), (5, "optimal")):
        limited = replace(given, gpu_limits=(GpuLimit("quota", np.array([True, True]), most),))
        outcome = run(held(limited, [0, 3], [1.0]))
        assert outcome.termination == ends
    assert outcome.machines.tolist() == [[2], [3]]


def test_the_budget_counts_it() -> None:
    given = replace(program(rate=[[2.0]]), budget=4.0)
    assert run(replace(given, standing=np.array([2.0]))).termination == "optimal"
    assert run(replace(given, standing=np.array([2.1]))).termination == "infeasible"


def test_the_exported_model_says_so() -> None:
    given = held(program(rate=[[1.0]], buy_cell=[0], limit=[3]), [2], [5.0])
    text = lp_text(build(given, bounds(given)).linear)
    assert "already" in text
    assert "2 <= m(b0,t0) <= 2" in text


@pytest.mark.parametrize("seed", range(40))
def test_brute_force(seed: int) -> None:
    given, rng = random_program(seed, pools=2), np.random.default_rng(500 + seed)
    machines = np.minimum(rng.integers(0, 3, len(given.purchases.name)), given.purchases.limit)
    made = held(given, machines.tolist(), rng.uniform(0, 2, len(given.hours)).round(2).tolist())
    cost, outcome = brute_force(made), run(made)
    if np.isinf(cost):
        assert outcome.termination == "infeasible"
    else:
        assert outcome.termination == "optimal"
        assert outcome.objective == pytest.approx(cost, rel=1e-6)
        assert outcome.bound <= cost * (1 + 1e-7)
        assert (outcome.machines >= made.purchases.fewest).all()
