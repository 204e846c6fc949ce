"""Following demand at a cost: by hand, against brute force, and in its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from programs import around, following, program, random_program

from planner.optimize.bounds import bounds
from planner.optimize.kinds import kinds
from planner.optimize.model import decided
from planner.optimize.objective import objective
from planner.optimize.program import NO_SCALING, Outcome, Program
from planner.optimize.ramps import ramp_cost, worth_keeping
from planner.optimize.relax import Verdict, relax
from planner.optimize.solve import solve
from planner.optimize.startprices import started
from planner.optimize.tidy import tidy


def run(given: Program, gap: float = 1e-7) -> Outcome:
    return solve(given, gap=gap, time_limit=30, seed=0, progress=lambda _: None)


def day_and_night(hours: float, *, price: float = 2.0, lag: float = 0.0) -> Program:
    """Ten replicas by day, four by night, 10 and 14 hours, one GPU a machine."""
    given = program(rate=[[10, 4]], hours=[10, 14], hourly=[price])
    return replace(given, scaling=around(2, 1, hours, lag=lag))


def test_day_and_night_by_hand() -> None:
    """T = 10 min ahead and 5 min after, once a day: 6 · 0.25 h · $2 = $3 a day beside (10·10 + 4·14)·$2 = $312."""
    outcome = run(day_and_night(0.25))
    assert outcome.replicas.tolist() == [[10, 4]]
    assert outcome.objective == pytest.approx((312 + 3) / 24)
    assert outcome.bound == pytest.approx(outcome.objective)


def test_a_start_that_costs_more_than_the_night_is_not_made() -> None:
    """Keeping six for 14 hours costs 14·6·$2; a start of more than 14 hours is dearer: sized for the peak, nothing changes."""
    assert run(day_and_night(13.9)).replicas.tolist() == [[10, 4]]
    outcome = run(day_and_night(14.1))
    assert outcome.replicas.tolist() == [[10, 10]]
    assert outcome.objective == pytest.approx(20)


def test_what_is_committed_to_waits_at_no_cost() -> None:
    """Ten machines reserved at $0.5 are paid by night as well, so six replicas stay although rented ones cost a start."""
    given = program(rate=[[10, 4]], hours=[10, 14], buy_cell=[0, 0], hourly=[2, 0.5], committed=[False, True])
    outcome = run(replace(given, scaling=around(2, 1, 0.25)))
    assert outcome.objective == pytest.approx(5)
    assert outcome.replicas.tolist() == [[10, 10]]


def test_three_periods_pay_each_way_they_go_by_hand() -> None:
    """8 → 4 → 6 → 8 once in 24 h: 2 start for the last, 2 for the first: (2 + 2)·1 h·$1 a cycle."""
    given = replace(program(rate=[[8, 4, 6]], hours=[8, 8, 8]), scaling=around(3, 1, 1.0))
    assert run(given).objective == pytest.approx((8 * 18 + 4) / 24)


def test_growth_is_carried_by_replicas_that_are_there() -> None:
    """A quarter of the growth of six comes before new replicas answer: 4 + 1.5 → 6 by night."""
    outcome = run(day_and_night(0.0, lag=0.25))
    assert outcome.replicas.tolist() == [[10, 6]]
    assert outcome.bound == pytest.approx(outcome.objective)


def test_where_nobody_calls_someone_must_be_there_by_morning() -> None:
    """0 → 10 calls/s, a fifth of which comes before replicas answer: two by night, with a spare three."""
    given = program(rate=[[10, 0]], hours=[10, 14], pool_spare=[1])
    outcome = run(replace(given, scaling=around(2, 1, 0.0, lag=0.2)))
    assert outcome.replicas.tolist() == [[11, 3]]


@pytest.mark.parametrize("seed", range(60))
def test_brute_force(seed: int) -> None:
    given = following(random_program(seed, pools=2), seed)
    cost, outcome = brute_force(given), run(given)
    if np.isinf(cost):
        assert outcome.termination == "infeasible"
    else:
        assert outcome.termination == "optimal"
        assert outcome.objective == pytest.approx(cost, rel=1e-6)
        assert outcome.bound <= cost * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(200, 224))
def test_the_relaxation_bounds_every_plan(seed: int) -> None:
    """Prices of starts and of being ready prove a bound: below the optimum, and near it where nothing is rounded."""
    given = following(random_program(seed, pools=5), seed)
    found = relax(given, bounds(given), lambda _: None)
    outcome = run(given)
    if outcome.termination == "infeasible":
        return
    assert found.verdict is Verdict.FEASIBLE
    assert found.bound <= outcome.objective * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(300, 312))
def test_free_starts_are_as_if_none_were_counted(seed: int) -> None:
    given = following(random_program(seed, pools=4), 2 * seed)
    free = replace(given.scaling, hours=np.zeros_like(given.scaling.hours))
    one, other = run(replace(given, scaling=free)), run(replace(given, scaling=NO_SCALING))
    assert one.termination == other.termination
    assert one.objective == other.objective or one.objective == pytest.approx(other.objective, rel=1e-6)


@pytest.mark.parametrize("seed", range(400, 412))
def test_starts_never_make_a_plan_cheaper_and_tidying_never_dearer(seed: int) -> None:
    given = following(random_program(seed, pools=4), seed)
    one, other = run(given), run(replace(given, scaling=NO_SCALING))
    assert one.objective >= other.objective * (1 - 1e-7)
    if np.isfinite(one.objective):
        assert objective(given, tidy(given, decided(one))) <= one.objective * (1 + 1e-9)


def test_a_price_of_a_start_moves_cost_from_one_period_to_the_next() -> None:
    """δ = 0.1 of $0.5 a start: a replica costs 0.05 more in the period after, and as much less in the one before."""
    given = day_and_night(0.25)
    price = np.array([[0.1, 0.0]])  # from night to day
    assert started(given, price).tolist() == [[pytest.approx(0.05), pytest.approx(-0.05)]]


def test_replicas_are_kept_only_as_far_as_that_spares_a_start() -> None:
    """12 held by night where the day needs 10: two are given up, six stay."""
    given = day_and_night(0.25)
    assert worth_keeping(given, np.array([[10.0, 4.0]]), np.array([[10.0, 12.0]])).tolist() == [[10, 10]]
    assert ramp_cost(given, np.array([[10, 4]])) == pytest.approx(3 / 24)


def test_pools_alike_stay_alike() -> None:
    """What a start costs is no part of what a replica carries."""
    given = replace(
        program(demand=[[[1, 1]]], rate=[[1, 2]], pool_cell=[0, 0], pool_gpus=[1, 1]),
        scaling=replace(around(2, 2, 1.0), hours=np.array([1.0, 2.0])),
    )
    assert len(kinds(given).first) == 1
