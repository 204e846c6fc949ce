"""Pools whose spares depend on their size: one column for each number of spares, one of them open at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brute import brute_force
from programs import program, random_program, with_averages

from planner.optimize.backend import Limits, solve_milp
from planner.optimize.bounds import bounds
from planner.optimize.kinds import kinds
from planner.optimize.model import build, restrict
from planner.optimize.program import Outcome, Program
from planner.optimize.relax import Verdict, relax, tighten
from planner.optimize.sizes import gathered, one_each, siblings
from planner.optimize.solve import solve

STEPS = ((0, 1, 1), (1, 1, 3), (2, 2, 12))
"""(spares, fewest that carry load, most replicas): none for one replica, one for two or three, two for more."""


def run(given: Program) -> Outcome:
    return solve(given, gap=0.0, time_limit=30, seed=0, progress=lambda _: None)


def sized(given: Program, steps: Any = STEPS) -> Program:
    """Offer every pool of one's own at each step; of pools sold by a seller as they are."""
    own = [[(k, *step) for step in steps] if not sold else [(k, 0, 1, 10**6)] for k, sold in enumerate(given.pools.sold.tolist())]
    flat = [row for rows in own for row in rows]
    column = np.array([row[0] for row in flat])
    wide = restrict(given, column)
    least = np.maximum(wide.pools.least, [row[2] for row in flat])
    least = np.where(wide.pools.sold, wide.pools.least, least)
    pools = replace(
        wide.pools,
        name=tuple(f"p{k}s{spare}" for k, spare, _, _ in flat),
        least=least,
        spare=np.array([row[1] for row in flat]),
        most=np.array([row[3] for row in flat]),
    )
    return replace(wide, pools=pools, one_size=True)


# Replicas needed → replicas held: 1 alone; 2 + 1; 3 + 2, for 3 of the middle column carry 2 and both open would be 1 + 3 = 4.
@pytest.mark.parametrize(("load", "held"), [(0.9, 1), (1.5, 3), (2.5, 5), (4.0, 6)])
def test_a_pool_has_one_size_at_a_time(load: float, held: int) -> None:
    outcome = run(sized(program(rate=[[load]])))
    assert outcome.objective == pytest.approx(held)
    assert (outcome.replicas > 0).sum() == 1
    assert outcome.bound == pytest.approx(held)


def test_a_quota_too_small_for_the_spares_leaves_no_plan() -> None:
    """2.5 replicas' worth takes 3 and 2 spares."""
    assert run(sized(program(rate=[[2.5]], limit=[5]))).objective == pytest.approx(5)
    assert run(sized(program(rate=[[2.5]], limit=[4]))).termination == "infeasible"


def test_two_pools_of_one_are_two_pools() -> None:
    """Two families of one replica each need no spare; together in one pool they would be 2 + 1."""
    two = sized(program(rate=[[1], [1]], demand=[[[1, 1], [1, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1]))
    outcome = run(two)
    assert outcome.objective == pytest.approx(2)
    assert len(np.unique(two.pools.family[(outcome.replicas > 0).any(axis=1)])) == 2


def test_sizes_may_differ_between_periods() -> None:
    """By day 2.5 replicas' worth, 5 held; by night 0.5, 1 held: (5 + 1)/2. Operated once: $2/h more."""
    outcome = run(sized(program(rate=[[2.5, 0.5]], pool_cost=2.0, max_pools=1)))
    assert outcome.objective == pytest.approx(5)


@pytest.mark.parametrize("seed", range(40))
def test_brute_force(seed: int) -> None:
    """Against every whole number of replicas of every column."""
    given = random_program(4000 + seed, pools=1 if seed % 2 else 2)
    if len(given.periods) > 1 and len(given.pools.name) > 1:
        given = replace(random_program(4000 + seed, pools=1))
    made = sized(given, ((0, 1, 1), (1, 1, 4)) if len(given.pools.name) > 1 else STEPS)
    cost = brute_force(made)
    outcome = run(made)
    if np.isinf(cost):
        assert outcome.termination == "infeasible"
    else:
        assert outcome.termination == "optimal"
        assert outcome.objective == pytest.approx(cost, rel=1e-6)
        assert outcome.bound <= cost * (1 + 1e-7)
        assert one_each(made, outcome.replicas)


@pytest.mark.parametrize("seed", range(16))
def test_dropped_sizes_cost_more(seed: int) -> None:
    """What the prices say a size costs at least is not more than a plan forced to use it costs."""
    given = sized(random_program(5000 + seed, pools=4))
    given = with_averages(given, seed) if seed % 4 == 0 else given
    limit = bounds(given)
    relaxation = relax(given, limit, lambda _: None)
    if relaxation.verdict is Verdict.INFEASIBLE or relaxation.priced is None:
        pytest.skip("this program has no plan")
    relaxation = tighten(given, limit, lambda _: None, relaxation)
    whole = solve_milp(build(given, limit).linear, Limits(0.0, 20, 0))
    assert relaxation.bound <= whole.objective * (1 + 1e-6) + 1e-9
    for k, t in zip(*np.nonzero(limit.replicas > 0), strict=True):
        model = build(given, limit)
        forced = model.linear.add_rows(1, 1, np.inf, names=lambda: ["forced"])
        model.linear.add_terms(forced, model.at.n[k, t], 1)
        solved = solve_milp(model.linear, Limits(0.0, 10, 0))
        assert relaxation.least[k, t] <= solved.objective * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_fewer_spares_never_cost_more(seed: int) -> None:
    given = random_program(6000 + seed, pools=5)
    loose, tight = run(sized(given, ((0, 1, 3), (1, 3, 12)))), run(sized(given))
    assert loose.objective <= tight.objective * (1 + 1e-9) or tight.termination == "infeasible"


def test_calls_spread_over_sizes_are_gathered_on_the_least_that_carries_them() -> None:
    given = sized(program(rate=[[1.5]]))
    flow = np.array([[[0.5], [0.5], [0.5]]])
    assert gathered(given, bounds(given), flow).ravel().tolist() == [0.0, 1.5, 0.0]


def test_siblings_and_kinds() -> None:
    """The sizes of a pool are of one kind, and come along."""
    given = sized(program(rate=[[1], [1]], demand=[[[1, 2], [1, 2]]], pool_cell=[0, 0], pool_gpus=[1, 1]))
    assert siblings(given, np.array([4])).tolist() == [3, 4, 5]
    assert siblings(replace(given, one_size=False), np.array([4])).tolist() == [4]
    assert len(kinds(given).first) == 2
