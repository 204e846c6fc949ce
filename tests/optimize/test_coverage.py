"""Rounded coverage: valid for every plan, sharp where whole replicas matter, and never above the optimum as a bound."""

from __future__ import annotations

import numpy as np
import pytest
from brute import brute_force
from programs import program, random_program

from planner.optimize import machine_cover
from planner.optimize.backend import Limits, solve_milp
from planner.optimize.bounds import bounds
from planner.optimize.coverage import Counting, Covers, joined, make_covers, rounded
from planner.optimize.kinds import kinds
from planner.optimize.knapsack import quick, sharp
from planner.optimize.model import build
from planner.optimize.program import Program
from planner.optimize.relax import Verdict, relax, tighten


def test_rounding_by_hand() -> None:
    # W = 2.5, f = 0.5: half a replica's worth is as good as a whole one, less counts in proportion.
    np.testing.assert_allclose(rounded(np.array([0.0, 0.25, 0.5, 0.9, 1.0, 1.25, 2.0]), np.array(0.5)), [0, 0.5, 1, 1, 1, 1.5, 2])


def test_alike_pools_cannot_share_the_rounding() -> None:
    """A load of 1.5 on either of two equal pools: 0.75 replicas of each serve it, two whole ones are needed."""
    given_program = program(
        rate=[[1.5]], demand=[[[1, 1]]], pool_cell=[0, 1], pool_gpus=[1, 1], cell_gpus=[1, 1], buy_cell=[0, 1], hourly=[1, 1]
    )
    limit = bounds(given_program)
    relaxation = relax(given_program, limit, lambda _: None)
    assert relaxation.bound == pytest.approx(1.5)
    assert tighten(given_program, limit, lambda _: None, relaxation).bound == pytest.approx(2.0)


def test_a_machine_is_bought_whole() -> None:
    """Replicas of one accelerator serve 0.4 calls/s each, machines hold eight and cost $8: 1 call/s needs a whole one.

    So do two streams of which each may stand in one of two cells only: two machines.
    """
    one = program(demand=[[[2.5]]], cell_gpus=[8], hourly=[8])
    limit = bounds(one)
    relaxation = relax(one, limit, lambda _: None)
    assert relaxation.bound == pytest.approx(2.5)
    tightened = tighten(one, limit, lambda _: None, relaxation)
    assert tightened.bound == pytest.approx(8.0)
    assert tightened.anywhere is not None
    assert tightened.anywhere.bound == pytest.approx(3.0)  # by replicas alone
    two = program(
        rate=[[1], [1]], demand=[[[2.5, np.inf], [np.inf, 2.5]]], pool_cell=[0, 1], pool_gpus=[1, 1], cell_gpus=[8, 8],
        buy_cell=[0, 1], hourly=[8, 4],
    )  # fmt: skip
    assert tighten(two, bounds(two), lambda _: None, relax(two, bounds(two), lambda _: None)).bound == pytest.approx(12.0)


def test_what_a_machine_counts_by_hand() -> None:
    """Cells of 8 and 2 accelerators; replicas of 1 and 2 of them serve 0.4 and 1 of 5 calls/s, so machines 4 (8·1/2) and 0.8.

    In calls/s W = 5, weighed by 0.45 it is 2.25: F(1.8) = 1 + 1 as 0.8 > f = 0.25; F(0.36) = 1. By 0.9/5 it is 0.9, and each
    machine counts as its share of all calls, 0.8 and 0.16.
    """
    given_program = program(
        rate=[[5.0]], demand=[[[2.5, 1.0, 2.5]]], pool_cell=[0, 0, 1], pool_gpus=[1, 2, 1], cell_gpus=[8, 2], buy_cell=[0, 1],
        hourly=[1, 1],
    )  # fmt: skip
    weight = np.array([[2.25], [0.9]])
    cuts = machine_cover.make(given_program, bounds(given_program), kinds(given_program), weight, np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(cuts.machines, [[2, 1], [0.8, 0.16]])
    np.testing.assert_allclose(cuts.need, [3, 1])
    assert not cuts.value.any()


def _with_random_cuts(given_program: Program, seed: int) -> tuple[float, float]:
    """Return the optimum without and with twenty random cuts that count replicas, and as many that count machines."""
    rng = np.random.default_rng(seed)
    R, T = given_program.rate.shape
    limit = bounds(given_program)
    period = rng.integers(0, T, 20)
    weight = rng.uniform(0, 2, (20, R)) * (rng.random((20, R)) < 0.7)
    # Movable streams may be served in another period, others only where they have calls.
    weight *= (~given_program.movable | (T == 1)) & (limit.rate.T > 0)[period]
    total = weight.sum(axis=1)
    fit = (total % 1 > 0.02) & (total % 1 < 0.98)
    given = given_program, limit, kinds(given_program), weight[fit], period[fit]
    cuts = joined(make_covers(*given), machine_cover.make(*given))
    models = [build(given_program, limit, covers=covers) for covers in (cuts.first(0), cuts)]
    without, with_cuts = (solve_milp(model.linear, Limits(0.0, 30, 0)).objective for model in models)
    return without, with_cuts


@pytest.mark.parametrize("seed", range(60))
def test_random_cuts_never_change_the_optimum(seed: int) -> None:
    without, with_cuts = _with_random_cuts(random_program(4000 + seed, pools=4), seed)
    assert (np.isinf(without) and np.isinf(with_cuts)) or with_cuts == pytest.approx(without, rel=1e-6)


@pytest.mark.parametrize("seed", range(70))
def test_bound_with_cuts_never_exceeds_the_optimum(seed: int) -> None:
    given_program = random_program(seed, pools=2)
    limit = bounds(given_program)
    relaxation = relax(given_program, limit, lambda _: None)
    if relaxation.verdict is not Verdict.FEASIBLE:
        assert np.isinf(brute_force(given_program))
        return
    tightened = tighten(given_program, limit, lambda _: None, relaxation)
    assert relaxation.bound <= tightened.bound <= brute_force(given_program) * (1 + 1e-7) + 1e-9


def test_cuts_raise_the_bound_of_small_fleets() -> None:
    """Over the random programs with a plan, a good part of the distance between relaxation and optimum is gone."""
    closed = []
    for seed in range(40):
        given_program = random_program(seed, pools=2)
        limit = bounds(given_program)
        relaxation = relax(given_program, limit, lambda _: None)
        best = brute_force(given_program)
        if relaxation.verdict is Verdict.FEASIBLE and np.isfinite(best) and best > relaxation.bound * 1.01:
            tightened = tighten(given_program, limit, lambda _: None, relaxation)
            closed.append((tightened.bound - relaxation.bound) / (best - relaxation.bound))
    assert len(closed) >= 10
    assert np.mean(closed) > 0.2


def test_what_a_replica_serves_is_bounded_from_above() -> None:
    """Against a linear program of each pool."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(0)
    profit, load = rng.uniform(0, 1, (5, 30)), rng.uniform(0.05, 1.5, (3, 5, 30))
    exact = [-linprog(-profit[:, k], load[:, :, k], np.ones(3), bounds=(0, 1)).fun for k in range(30)]
    assert (quick(profit, load) >= np.array(exact) - 1e-9).all()
    assert (sharp(profit, load) >= np.array(exact) - 1e-9).all()
    one = [-linprog(-profit[:, k], load[:1, :, k], np.ones(1), bounds=(0, 1)).fun for k in range(30)]
    np.testing.assert_allclose(sharp(profit, load[:1]), one, rtol=1e-9)
    assert (sharp(profit, load) <= np.array(one) + 1e-9).all()


@pytest.mark.parametrize("seed", range(30))
def test_what_cuts_pay_for_a_replica_is_counted_from_above_without_its_column(seed: int) -> None:
    """From the rates at which each stream alone fills a replica no cut counts less than the pool's own coefficient."""
    rng = np.random.default_rng(seed)
    given_program = random_program(4000 + seed, pools=4)
    limit, T = bounds(given_program), len(given_program.periods)
    period = rng.integers(0, T, 20)
    weight = rng.uniform(0, 4, (20, len(given_program.streams))) * (limit.rate.T > 0)[period]
    fit = (weight.sum(axis=1) % 1 > 0.02) & (weight.sum(axis=1) % 1 < 0.98)
    assert fit.any()
    cuts = make_covers(given_program, limit, kinds(given_program), weight[fit], period[fit])
    price = rng.uniform(0, 2, fit.sum())
    counted = Counting(price, cuts, limit.rate)
    with np.errstate(divide="ignore"):
        reach = np.where(np.isfinite(given_program.pools.demand), 1.0 / given_program.pools.demand, 0.0)
    for t in range(T):
        paid = (price * (cuts.period == t)) @ cuts.value
        assert (counted(t, reach) >= paid * (1 - 1e-12)).all()


def test_what_cuts_pay_for_a_replica_by_hand() -> None:
    """Weights 1 and 1.5 for all of two streams, W = 2.5: F(v) = ⌊v⌋ + min(1, 2(v − ⌊v⌋)).

    A replica that serves 40 % of the first alone or 60 % of the second serves at most max(0.4, 0.6·1.5) = 0.9 of weight: F = 1.
    """
    cuts = Covers(
        np.array([0]),
        np.array([[1.0, 1.5]]),
        np.array([3.0]),
        np.array([0.5]),
        np.zeros((1, 0)),
        np.zeros((1, 0)),
        np.zeros((1, 0)),
    )
    counted = Counting(np.array([10.0]), cuts, np.array([[5.0, 5.0], [10.0, 10.0]]))
    np.testing.assert_allclose(counted(0, np.array([[[2.0], [6.0]]])), [10.0])
    np.testing.assert_allclose(counted(0, np.array([[[0.5], [1.0]]])), [10.0 * 0.15 / 0.5], rtol=1e-6)
    np.testing.assert_allclose(counted(0, np.array([[[2.0], [6.0]], [[0.5], [1.0]]])), [3.0], rtol=1e-6)  # the lower bound counts
    np.testing.assert_allclose(counted(0, np.array([[[99.0], [99.0]]])), [30.0])  # all of both: 2.5 rounds up to 3
    assert counted(1, np.array([[[2.0], [6.0]]])) == 0.0


def test_kinds_are_equal_columns() -> None:
    demand = np.array([[[1, 2, 1, 1], [3, np.inf, 3, 3]]])
    given_program = program(
        rate=[[1], [1]], demand=demand, pool_cell=[0, 0, 1, 1], pool_gpus=[1] * 4, cell_gpus=[1, 1], buy_cell=[0, 1],
        hourly=[1, 2], pool_call_cost=[[0, 0, 0, 0], [0, 0, 0, 1e-4]],
    )  # fmt: skip
    found = kinds(given_program)
    assert found.of[0] == found.of[2]
    assert len({found.of[k] for k in (0, 1, 3)}) == len(found.first) == 3
    np.testing.assert_array_equal(found.of[found.first], np.arange(3))
