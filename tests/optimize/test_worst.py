"""The cost of the dearest scenario: by hand, against brute force, beside the average, and the bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force_worst
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import around, program, random_program, with_averages, with_sellers, with_spend

from planner.optimize.backend import solve_lp
from planner.optimize.bounds import bounds
from planner.optimize.coverage import no_covers
from planner.optimize.kinds import kinds
from planner.optimize.lpfile import export_lp
from planner.optimize.model import build, decided, write
from planner.optimize.objective import average_cost, objective, scenario_costs
from planner.optimize.pricing import price, prices
from planner.optimize.program import Outcome, Program
from planner.optimize.relax import Verdict, relax
from planner.optimize.scenarios import TIE, weighed
from planner.optimize.solve import solve


def run(made: Program, gap: float = 1e-7) -> Outcome:
    return solve(made, gap=gap, time_limit=30, seed=0, progress=lambda _: None)


def worst(made: Program, *scenario: int) -> Program:
    """Minimize the cost of the dearest scenario; each period is one of its own unless said otherwise."""
    return replace(made, scenario=np.array(scenario or range(len(made.periods))))


def rare(chance: float = 0.2, price: float = 0.5) -> Program:
    """One machine is needed, or three with some probability; rented at $1, or reserved for whatever comes."""
    return program(rate=[[1.0, 3.0]], buy_cell=[0, 0], hourly=[1.0, price], committed=[False, True], hours=[1.0 - chance, chance])


def test_reserving_for_the_worst_case() -> None:
    """Expected: the two more are needed a fifth of the time, so they are rented: 0.5 + 0.2·2 = 0.9; the dear scenario is 2.5.

    Reserving three costs 1.5 whatever comes: 0.6 more on average, and a dollar less in the dear one.
    """
    found, safe = run(rare()), run(worst(rare()))
    assert found.machines[1].max() == 1
    assert found.objective == pytest.approx(0.9)
    assert scenario_costs(worst(rare()), decided(found)) == pytest.approx([0.5, 2.5])
    assert safe.machines[1].max() == 3
    assert safe.objective == pytest.approx(1.5)
    assert scenario_costs(worst(rare()), decided(safe)) == pytest.approx([1.5, 1.5])
    assert safe.bound <= safe.objective


def test_costs_of_the_cheaper_scenario_break_ties() -> None:
    """In the cheaper scenario a stream may go to a machine at $1 or one at $1.5: the dearest costs 2 either way."""
    made = program(
        rate=[[1.0, 2.0]],
        demand=[[[1, 1]]],
        pool_cell=[0, 1],
        pool_gpus=[1, 1],
        cell_gpus=[1, 1],
        buy_cell=[0, 1],
        hourly=[1, 1.5],
    )
    found = run(worst(made))
    assert found.objective == pytest.approx((1 - TIE) * 2.0 + TIE * 1.5)
    assert found.machines.tolist() == [[1, 2], [0, 0]]


def test_several_periods_of_a_scenario_are_averaged() -> None:
    """Scenario 0: one machine for two hours, three for one: 5/3. Scenario 1: two machines: 2, the dearest."""
    found = run(worst(program(rate=[[1.0, 3.0, 2.0]], hours=[2.0, 1.0, 5.0]), 0, 0, 1))
    assert found.objective == pytest.approx((1 - TIE) * 2.0 + TIE * (5.0 + 10.0) / 8.0)


def test_the_budget_holds_for_the_average() -> None:
    """Three reserved cost 1.5 on average; with 1.2 two may be: the dearest is then 1 + 1 rented = 2, the average 1 + 0.2."""
    found = run(replace(worst(rare()), budget=1.2))
    assert found.machines[1].max() == 2
    assert found.objective == pytest.approx((1 - TIE) * 2.0 + TIE * 1.2)
    assert run(replace(worst(rare()), budget=0.89)).termination == "infeasible"


def test_scenarios_that_are_alike() -> None:
    made = program(rate=[[1.5, 1.5]], hours=[3.0, 1.0], buy_cell=[0, 0], hourly=[1.0, 0.7], committed=[False, True])
    assert run(worst(made)).objective == pytest.approx(run(made).objective)
    assert run(worst(made, 0, 0)).objective == pytest.approx(run(made).objective)


@pytest.mark.parametrize("seed", range(90))
def test_same_cost_as_brute_force(seed: int) -> None:
    made = replace(random_program(3000 + seed, pools=2), budget=np.inf)
    made = with_averages(made, seed) if seed % 6 == 1 else with_sellers(made, seed) if seed % 6 == 2 else made
    made = worst(with_spend(made, seed) if seed % 6 == 3 else made)
    best, found = brute_force_worst(made, made.scenario, TIE), run(made)
    if np.isinf(best):
        assert found.termination == "infeasible"
        return
    assert found.objective == pytest.approx(best, rel=1e-6)
    assert found.objective == pytest.approx(objective(made, decided(found)))
    assert found.bound <= best * (1 + 1e-6) + 1e-9
    relaxed = relax(made, bounds(made), lambda _: None)
    assert relaxed.verdict is Verdict.FEASIBLE
    assert relaxed.bound <= best * (1 + 1e-6) + 1e-9


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 400), st.lists(st.floats(0, 5), min_size=2, max_size=2))
def test_any_prices_of_scenarios_prove_a_bound(seed: int, dual: list[float]) -> None:
    """Whatever a scenario is taken to count, the bound holds; the relaxation's own prices give its value."""
    made = worst(random_program(seed, pools=2))
    if len(made.periods) < 2 or (found := run(made)).termination == "infeasible":
        return
    relaxed = relax(made, bounds(made), lambda _: None)
    assert relaxed.priced is not None
    at = relaxed.priced.at
    tried = replace(at, weight=weighed(made, np.array(dual), at.money, at.budget))
    cuts = relaxed.cuts.covers
    assert (
        price(made, bounds(made), relaxed.kinds, cuts.first(len(at.covers)), tried).bound <= found.objective * (1 + 1e-6) + 1e-9
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 400))
def test_the_worst_case_is_no_worse_and_the_average_no_better(seed: int) -> None:
    made = random_program(seed, pools=2)
    safe, mean = run(worst(made)), run(made)
    if mean.termination == "infeasible":
        assert safe.termination == "infeasible"
        return
    one, other = decided(safe), decided(mean)
    assert max(scenario_costs(worst(made), one)) <= (max(scenario_costs(worst(made), other)) / (1 - TIE)) * (1 + 1e-6)
    assert objective(worst(made), one) <= objective(worst(made), other) * (1 + 1e-6) + 1e-9
    assert average_cost(made, one) >= average_cost(made, other) * (1 - 1e-6) - 1e-9


def test_a_plan_is_written_with_the_cost_of_its_dearest_scenario() -> None:
    made = worst(rare())
    found, model = decided(run(made)), build(made, bounds(made))
    values = write(made, bounds(made), model.at, model.linear.variables, found)
    assert values[model.at.worst] == pytest.approx(1.5)
    assert model.linear.cost @ values == pytest.approx(objective(made, found))


def test_relaxation_is_reached_by_its_prices() -> None:
    """A reserved machine earns nothing in the cheap scenario, so all its price comes from the dear one: LP value 1.5."""
    made = worst(rare())
    limit = bounds(made)
    model = build(made, limit, whole=False)
    solved = solve_lp(model.linear, 5.0)
    at = prices(made, model.rows, solved, np.arange(1), no_covers(made))
    assert price(made, limit, kinds(made), no_covers(made), at).bound == pytest.approx(solved.objective, rel=1e-6)


def test_golden_rows_of_scenarios() -> None:
    """A fifth of the hours counts whole in its scenario, and 0.1 % of it in the average that breaks ties."""
    text = export_lp(worst(rare()))
    assert " cost: 0.0005 m(b1) + 0.0008 m(b0,t0) + 0.0002 m(b0,t1) + 0.999 worst\n" in text
    assert " scenario(0): 0.5 m(b1) + m(b0,t0) - worst <= 0\n scenario(1): 0.5 m(b1) + m(b0,t1) - worst <= 0\n" in text


def test_refused() -> None:
    made = rare()
    with pytest.raises(ValueError, match="starts that cost something belong to no scenario"):
        run(replace(worst(made), scaling=around(2, 1, 3.0)))
    with pytest.raises(ValueError, match="scenario must have shape"):
        run(worst(made, 0))
