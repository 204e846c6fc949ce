"""Committed spend: newsvendor by hand, against brute force, and as a bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import program, random_program, with_averages, with_sellers, with_spend

from planner.optimize import spend
from planner.optimize.bounds import bounds
from planner.optimize.program import Outcome, Program, SpendColumns
from planner.optimize.relax import Verdict, relax
from planner.optimize.solve import solve


def run(given_program: Program) -> Outcome:
    return solve(given_program, gap=0.0, time_limit=30, seed=0, progress=lambda _: None)


def columns(draw: float, periods: int, *, machines: int = 1, owed: float = 1.0) -> SpendColumns:
    """One commitment, on which the second half of all purchases draws."""
    none, all_ = np.full(machines, -1), np.zeros(machines, int)
    drawn = np.append(np.zeros(machines), np.full(machines, draw))
    lasts, most = np.ones((1, periods), bool), np.array([np.inf])
    return SpendColumns(("plan",), np.append(none, all_), drawn, np.array([owed]), lasts, most)


def day_and_night(discount: float, owed: float = 1.0) -> Program:
    """A machine of $1: two are needed at all times, three more in 40 % of the hours."""
    return program(
        rate=[[2.0, 5.0]],
        hours=[6, 4],
        buy_cell=[0, 0],
        hourly=[1, 0],
        spend=columns(1 - discount, 2, owed=owed),
    )


# Newsvendor: a machine needed a share q of the hours is worth committing to if 1 − discount < q: at 65 % off those of 40 % of
# the hours too, at 55 % the base alone, at 10 % that too, as 0.9 < 1.
@pytest.mark.parametrize(("discount", "committed"), [(0.65, 5), (0.55, 2), (0.1, 2)])
def test_commit_to_the_load_that_enough_hours_exceed(discount: float, committed: int) -> None:
    made = day_and_night(discount)
    found = run(made)
    assert found.machines[1].max() == committed
    by_hand = committed * (1 - discount) + 0.4 * (5 - committed)
    assert found.objective == pytest.approx(by_hand)
    assert found.bound == pytest.approx(by_hand)
    assert spend.committed(made.spend, found.machines.astype(float)).tolist() == pytest.approx([committed * (1 - discount)])


def test_what_is_owed_beyond_the_horizon_counts() -> None:
    """At 55 % off 0.45·2 = 0.9 < 1 is still less, at 45 % off 0.55·2 is not."""
    assert run(day_and_night(0.55, owed=2.0)).machines[1].max() == 2
    assert run(day_and_night(0.45, owed=2.0)).machines[1].max() == 0


def test_one_commitment_serves_other_machines_in_other_hours() -> None:
    """One stream by day, one at night, on different machines. Reserving both would cost 2·0.6; 0.6 committed pays for either."""
    made = program(
        rate=[[1.0, 0.0], [0.0, 1.0]],
        demand=[[[1, np.inf], [np.inf, 1]]],
        pool_cell=[0, 1],
        pool_gpus=[1, 1],
        cell_gpus=[1, 1],
        buy_cell=[0, 1, 0, 1],
        hourly=[1, 1, 0, 0],
        spend=columns(0.6, 2, machines=2),
    )
    found = run(made)
    assert found.objective == pytest.approx(0.6)
    assert found.machines[2:].tolist() == [[1, 0], [0, 1]]


def test_prices_to_rank_by() -> None:
    assert spend.nominal(day_and_night(0.3, owed=2.0)).tolist() == pytest.approx([1.0, 1.4])
    assert spend.price(day_and_night(0.3, owed=2.0)).tolist() == pytest.approx([2.0])
    assert spend.cost(program(), np.ones((1, 1))) == 0.0


@pytest.mark.parametrize("seed", range(60))
def test_same_cost_as_brute_force(seed: int) -> None:
    made = with_spend(random_program(seed, pools=2), seed)
    best, found = brute_force(made), run(made)
    if np.isinf(best):
        assert found.termination == "infeasible"
        return
    assert found.objective == pytest.approx(best, rel=1e-6)
    assert found.bound <= best * (1 + 1e-6) + 1e-9
    relaxed = relax(made, bounds(made), lambda _: None)
    assert relaxed.verdict is Verdict.FEASIBLE
    assert relaxed.bound <= best * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_with_sellers_and_averages_as_well(seed: int) -> None:
    made = with_sellers(with_averages(with_spend(random_program(700 + seed, pools=2), seed), seed), seed)
    best, found = brute_force(made), run(made)
    assert found.objective == pytest.approx(best, rel=1e-6) or (np.isinf(best) and found.termination == "infeasible")
    assert found.bound <= best * (1 + 1e-6) + 1e-9 or np.isinf(best)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(0, 400), st.floats(0.05, 0.6), st.floats(0.0, 0.3))
def test_a_higher_discount_never_costs_more(seed: int, discount: float, more: float) -> None:
    made = random_program(seed, pools=2)
    low, high = (run(with_spend(made, seed, share)).objective for share in (discount, discount + more))
    assert high <= low * (1 + 1e-6) + 1e-9
    assert low <= run(made).objective * (1 + 1e-6) + 1e-9


def test_a_shape_that_does_not_fit_is_refused() -> None:
    made = day_and_night(0.3)
    with pytest.raises(ValueError, match=r"spend\.draw"):
        run(replace(made, spend=replace(made.spend, draw=np.zeros(3))))
