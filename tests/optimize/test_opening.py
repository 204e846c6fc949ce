"""Setting up pools that do not run today: by hand, and against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from programs import program, random_program

from planner.optimize.program import Outcome, Program
from planner.optimize.solve import solve


def run(given: Program) -> Outcome:
    return solve(given, gap=0.0, time_limit=30.0, seed=0, progress=lambda _: None)


def setting_up(given: Program, cost: list[float]) -> Program:
    return replace(given, pools=replace(given.pools, opening=np.array(cost)))


@pytest.mark.parametrize(("cost", "pool", "total"), [(0.0, 1, 2.0), (0.9, 1, 2.9), (1.1, 0, 3.0)])
def test_a_better_pool_is_set_up_where_it_saves_more_than_that_costs(cost: float, pool: int, total: float) -> None:
    """Three replicas of what runs today at $1, or two of another: one saved."""
    given = setting_up(program(rate=[[3.0]], demand=[[[1.0, 2 / 3]]], pool_cell=[0, 0], pool_gpus=[1, 1]), [0.0, cost])
    outcome = run(given)
    assert outcome.objective == pytest.approx(total)
    assert outcome.bound == pytest.approx(total)
    assert outcome.replicas[pool, 0] > 0


@pytest.mark.parametrize("seed", range(40))
def test_brute_force(seed: int) -> None:
    given, rng = random_program(seed, pools=2), np.random.default_rng(700 + seed)
    families = rng.choice([0.0, 0.3, 2.0], size=len(given.pools.name))
    made = setting_up(given, families[given.pools.family].tolist())
    cost, outcome = brute_force(made), run(made)
    if np.isinf(cost):
        assert outcome.termination == "infeasible"
    else:
        assert outcome.termination == "optimal"
        assert outcome.objective == pytest.approx(cost, rel=1e-6)
        assert outcome.bound <= cost * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(12))
def test_more_to_pay_for_setting_up_never_sets_up_more(seed: int) -> None:
    """What is set up costs at most what doing without saves, so its sum falls as each costs more."""
    given = random_program(seed, pools=3)
    new = np.random.default_rng(900 + seed).random(len(given.pools.name))[given.pools.family] < 0.6
    opened = []
    for each in (0.01, 0.1, 1.0, 10.0):
        outcome = run(setting_up(given, np.where(new & ~given.pools.sold, each, 0.0).tolist()))
        used = set(given.pools.family[(outcome.replicas > 0).any(axis=1) & new & ~given.pools.sold].tolist())
        opened.append(len(used))
    assert opened == sorted(opened, reverse=True)


def test_a_known_plan_is_kept_on_a_tie() -> None:
    """Two pools cost the same; what is known stays."""
    given = program(rate=[[2.0]], demand=[[[1.0, 1.0]]], pool_cell=[0, 0], pool_gpus=[1, 1])
    first = run(given)
    from planner.optimize.model import decided

    swapped = replace(decided(first), flow=first.flow[:, ::-1], replicas=first.replicas[::-1].astype(float))
    again = solve(given, gap=0.0, time_limit=30.0, seed=0, progress=lambda _: None, known=swapped)
    assert (again.replicas == swapped.replicas).all()
