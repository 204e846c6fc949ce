"""At most so many sellers: by hand, against brute force, and as a bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import program, random_program, with_sellers

from planner.optimize import sellers
from planner.optimize.bounds import bounds
from planner.optimize.program import Outcome, Program, SellerLimit
from planner.optimize.relax import Verdict, relax
from planner.optimize.solve import solve


def run(given_program: Program) -> Outcome:
    return solve(given_program, gap=0.0, time_limit=30, seed=0, progress=lambda _: None)


def two_streams(most: int | None, *, own: bool = False, periods: int = 1) -> Program:
    """Each stream takes a machine of $1 at a seller of its own, or of $1.80 and $2.50 at the other's."""
    made = program(
        rate=[[1.0] * periods, [1.0] * periods],
        demand=[[[1, 1, np.inf, np.inf], [np.inf, np.inf, 1, 1]]],
        pool_cell=[0, 1, 2, 3],
        pool_gpus=[1, 1, 1, 1],
        cell_gpus=[1, 1, 1, 1],
        buy_cell=[0, 1, 2, 3],
        hourly=[1.0, 1.8, 1.0, 2.5],
    )
    limit = None if most is None else SellerLimit(np.array([0, 1, -1 if own else 1, 0]), most)
    return replace(made, sellers=limit)


@pytest.mark.parametrize(("most", "cost"), [(None, 2.0), (2, 2.0), (1, 2.8)])
def test_one_seller_for_both_by_hand(most: int | None, cost: float) -> None:
    """Both at their own cost 2; all of the first seller 1 + 2.50, all of the second 1.80 + 1."""
    found = run(two_streams(most))
    assert found.objective == pytest.approx(cost)
    assert found.bound == pytest.approx(cost)


def test_machines_of_ones_own_count_for_no_seller() -> None:
    assert run(two_streams(1, own=True)).objective == pytest.approx(2.0)


def test_a_seller_counts_whatever_the_period() -> None:
    """One seller by day and another at night are two."""
    made = two_streams(1, periods=2)
    assert run(replace(made, rate=np.array([[1.0, 0.0], [0.0, 1.0]]))).objective == pytest.approx(1.4)


def test_streams_that_no_seller_serves_alone_have_no_plan() -> None:
    made = two_streams(1)
    demand = made.pools.demand.copy()
    demand[:, 0, 1] = demand[:, 1, 3] = np.inf
    stuck = replace(made, pools=replace(made.pools, demand=demand))
    assert run(stuck).termination == "infeasible"
    assert run(replace(stuck, sellers=SellerLimit(stuck.sellers.seller, 2))).objective == pytest.approx(2.0)


def test_the_lowest_sellers_of_a_bound() -> None:
    """−3 of none; sellers −1, −4 − 2 and −5: the best two are −6 and −5."""
    made = replace(program(buy_cell=[0] * 5, hourly=[1] * 5), sellers=SellerLimit(np.array([-1, 0, 1, 1, 2]), 2))
    assert sellers.least(made, np.array([-3.0, -1, -4, -2, -5])) == -14.0
    assert sellers.least(replace(made, sellers=None), np.array([-3.0, -1, -4, -2, -5])) == -15.0


@pytest.mark.parametrize("seed", range(60))
def test_same_cost_as_brute_force(seed: int) -> None:
    made = with_sellers(random_program(seed), seed)
    best, found = brute_force(made), run(made)
    if np.isinf(best):
        assert found.termination == "infeasible"
        return
    assert found.objective == pytest.approx(best, rel=1e-6)
    assert found.bound <= best * (1 + 1e-6) + 1e-9
    assert sellers.few_enough(made, found.machines)
    relaxed = relax(made, bounds(made), lambda _: None)
    assert relaxed.verdict is Verdict.FEASIBLE
    assert relaxed.bound <= best * (1 + 1e-6) + 1e-9


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 400), st.integers(1, 3))
def test_one_seller_more_never_costs_more(seed: int, most: int) -> None:
    made = random_program(seed)
    fewer, more = (run(with_sellers(made, seed, n)).objective for n in (most, most + 1))
    assert more <= fewer * (1 + 1e-6) + 1e-9
