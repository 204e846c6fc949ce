"""Ways to serve: hand-solved choices, brute force over all of them, and what offering one more may never do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import program, random_program, random_ways, ways, with_ways

from planner.optimize.bounds import bounds
from planner.optimize.program import Outcome, Program, WayColumns
from planner.optimize.relax import Verdict, relax, tighten
from planner.optimize.solve import solve

# One stream at 4 calls/s on replicas of 1 call/s at $1/h.
PLAIN = program(rate=[[4.0]])


def run(given_program: Program, gap: float = 1e-7) -> Outcome:
    return solve(given_program, gap=gap, time_limit=30, seed=0, progress=lambda _: None)


def offered(cost: float, rate: float) -> Program:
    """Leave calls as they are, or pay to have fewer."""
    return with_ways(PLAIN, ways((0, 0.0, {0: 4.0}), (0, cost, {0: rate})))


@pytest.mark.parametrize(("cost", "rate", "least", "taken"), [(0.9, 3.0, 3.9, 1), (1.1, 3.0, 4.0, 0), (0.5, 2.5, 3.5, 1)])
def test_a_way_is_taken_where_it_saves_more_than_it_costs(cost: float, rate: float, least: float, taken: int) -> None:
    found = run(offered(cost, rate))
    assert found.objective == pytest.approx(least)
    assert found.bound == pytest.approx(least)
    assert found.ways.tolist() == [taken == 0, taken == 1]
    assert found.flow.sum() == pytest.approx(rate if taken else 4.0)


def test_a_way_may_use_other_streams() -> None:
    """3 small calls/s at a third of a replica and 1 large one at a whole: 2 replicas, plus $0.5 for the router, not 4."""
    base = program(rate=[[4.0], [3.0], [1.0]], demand=[[[1.0], [1 / 3], [1.0]]])
    found = run(with_ways(base, ways((0, 0.0, {0: 4.0}), (0, 0.5, {1: 3.0, 2: 1.0}))))
    assert found.objective == pytest.approx(2.5)
    assert found.flow[:, 0, 0].tolist() == pytest.approx([0.0, 3.0, 1.0])


def test_a_group_takes_one_way_in_all_periods() -> None:
    """One way is best at night, the other by day; the one that costs less over both is taken."""
    base = program(rate=[[4.0, 4.0]])
    found = run(with_ways(base, ways((0, 0.0, {0: [4.0, 1.0]}), (0, 0.0, {0: [1.0, 5.0]}))))
    assert found.objective == pytest.approx((4 + 1) / 2)
    assert found.ways.tolist() == [True, False]


def test_movable_calls_of_a_way_are_served_over_the_cycle() -> None:
    base = program(rate=[[4.0, 0.0]], movable=[True], hourly=[1.0], committed=[True])
    found = run(with_ways(base, ways((0, 0.0, {0: [4.0, 0.0]}), (0, 0.1, {0: [2.0, 0.0]}))))
    assert found.objective == pytest.approx(1.1)  # 2 calls/s in one of two hours: one replica of 1 call/s, all the time
    assert (found.flow.sum(axis=(0, 1)) * [1, 1]).sum() == pytest.approx(2.0)


def test_a_way_without_calls_costs_only_its_fee() -> None:
    found = run(with_ways(PLAIN, ways((0, 0.0, {0: 4.0}), (0, 3.0, {}))))
    assert (found.objective, found.replicas.sum()) == (pytest.approx(3.0), 0)


def test_no_way_within_the_budget_is_infeasible() -> None:
    assert run(replace(offered(0.9, 3.0), budget=3.8)).termination == "infeasible"
    assert run(replace(offered(0.9, 3.0), budget=3.95)).objective == pytest.approx(3.9)


@pytest.mark.parametrize("seed", range(120))
def test_random_programs_against_brute_force(seed: int) -> None:
    given_program = random_ways(random_program(seed, pools=2), seed)
    best, found = brute_force(given_program), run(given_program)
    if np.isinf(best):
        assert found.termination == "infeasible"
    else:
        assert found.objective == pytest.approx(best, rel=1e-6)
        assert found.bound <= best * (1 + 1e-7) + 1e-9


@pytest.mark.parametrize("seed", range(60))
def test_bound_with_cuts_never_exceeds_the_optimum(seed: int) -> None:
    given_program = random_ways(random_program(500 + seed, pools=2), seed)
    limit = bounds(given_program)
    relaxation = relax(given_program, limit, lambda _: None)
    if relaxation.verdict is not Verdict.FEASIBLE:
        assert np.isinf(brute_force(given_program))
        return
    tightened = tighten(given_program, limit, lambda _: None, relaxation)
    assert relaxation.bound <= tightened.bound <= brute_force(given_program) * (1 + 1e-7) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 2), st.floats(0.1, 1.5))
def test_offering_one_more_way_never_raises_cost(seed: int, cost: float, factor: float) -> None:
    given_program = random_ways(random_program(seed, pools=2), seed)
    if not len(given_program.ways.name):
        return
    before = run(given_program)
    old = given_program.ways
    used = old.user == 0
    more = WayColumns(
        name=(*old.name, "more"),
        group=np.append(old.group, 0),
        cost=np.append(old.cost, cost),
        user=np.append(old.user, np.full(used.sum(), len(old.name))),
        stream=np.append(old.stream, old.stream[used]),
        rate=np.concatenate([old.rate, factor * old.rate[used]]),
    )
    after = run(with_ways(given_program, more))
    if before.termination != "infeasible":
        assert after.objective <= before.objective * (1 + 1e-6) + 1e-9
