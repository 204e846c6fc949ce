"""The optimizer against hand-solved programs, brute force, other solvers, and what must hold for any program."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brute import brute_force
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import program, random_program

from planner.optimize.backend import Limits, Status, solve_milp
from planner.optimize.bounds import bounds
from planner.optimize.model import build
from planner.optimize.program import AverageLimit, GpuLimit, MachineLimit, Outcome, Program
from planner.optimize.relax import Verdict, relax, tighten
from planner.optimize.solve import solve


def run(given_program: Program, gap: float = 1e-7, solver: str = "highs") -> Outcome:
    return solve(given_program, gap=gap, time_limit=30, seed=0, progress=lambda _: None, solver=solver)


def quota(gpus: float, *counted: bool) -> tuple[GpuLimit, ...]:
    return (GpuLimit("quota", np.array(counted or (True,)), gpus),)


def racks(most: float) -> tuple[MachineLimit, ...]:
    return (MachineLimit("racks", np.array([1 / 3]), most),)


def carbon(most: float) -> tuple[AverageLimit, ...]:
    return (AverageLimit("carbon", np.array([[6.0, 2.0]]), most),)


TWO_CELLS: dict[str, Any] = {"pool_cell": [0, 1], "pool_gpus": [1, 1], "cell_gpus": [1, 1], "buy_cell": [0, 1], "hourly": [1, 2]}

# Each entry: a program solved by hand, its cost, and a twin that cannot be.
HAND = {
    # 2.5 replicas of load, one GPU each, $1/h: three replicas.
    "whole replicas": (program(rate=[[2.5]]), 3.0, program(rate=[[2.5]], gpu_limits=quota(2))),
    # Two streams of 0.6 replicas share two replicas: 1.2 in all. One replica is too few.
    "shared pool": (
        program(rate=[[0.6], [0.6]], demand=[[[1], [1]]]),
        2.0,
        program(rate=[[0.6], [0.6]], demand=[[[1], [1]]], limit=[1]),
    ),
    # The second resource decides: 1 call/s takes 0.4 of one, 1.5 of the other.
    "second resource": (program(demand=[[[0.4]], [[1.5]]]), 2.0, program(demand=[[[0.4]], [[1.5]]], power=1500)),
    # Three to a rack: one rack holds three machines, no fourth.
    "racks": (program(rate=[[3]], machine_limits=racks(1.0)), 3.0, program(rate=[[4]], machine_limits=racks(1.0))),
    # Work that may wait is done at night, where a machine is $1/h cheaper: two machines half the time at $1, not one always.
    "energy by hour": (
        program(rate=[[1, 1]], movable=[True], hourly=[1.5], extra=[[0.5, -0.5]]),
        1.0,
        program(rate=[[1, 1]], movable=[True], hourly=[1.5], extra=[[0.5, -0.5]], budget=0.9),
    ),
    # The same by carbon alone: 2 kg/h at night, 6 by day; one always emits 4 on average, two at night 2.
    "carbon": (
        program(rate=[[1, 1]], movable=[True], average_limits=carbon(2.0)),
        1.0,
        program(rate=[[1, 1]], movable=[True], average_limits=carbon(1.9)),
    ),
    # Three replicas of two GPUs need 6 GPUs: two machines of four at $4/h.
    "packing": (
        program(rate=[[3]], pool_gpus=[2], cell_gpus=[4], hourly=[4]),
        8.0,
        program(rate=[[3]], pool_gpus=[2], cell_gpus=[4], hourly=[4], limit=[1]),
    ),
    # One replica over two machines of eight: 2 × $8/h.
    "replica of two machines": (
        program(pool_gpus=[16], cell_gpus=[8], hourly=[8]),
        16.0,
        program(pool_gpus=[16], cell_gpus=[8], hourly=[8], budget=15),
    ),
    # Rates 1 and 3 over equal periods. Commit 1 at $0.6 always, rent 2 at $1 half the time: 0.6 + 1.0. Committing a
    # second machine would cost 0.6 to save 0.5.
    "commitment": (
        program(rate=[[1, 3]], buy_cell=[0, 0], hourly=[1, 0.6], committed=[False, True]),
        1.6,
        program(rate=[[1, 3]], buy_cell=[0, 0], hourly=[1, 0.6], committed=[False, True], budget=1.5),
    ),
    # 4 calls/s for one of two hours may be spread: one replica of 2 calls/s in both, $1/h average, not 2 in one ($1/h): equal;
    # committed at $0.7 the even spread wins.
    "movable": (
        program(rate=[[4, 0]], demand=[[[0.5]]], movable=[True], buy_cell=[0], hourly=[0.7], committed=[True]),
        0.7,
        program(rate=[[4, 0]], demand=[[[0.5]]], movable=[False], buy_cell=[0], hourly=[0.7], committed=[True], limit=[1]),
    ),
    # A thousandth of a call per second: an API at $0.01 a call costs 0.036 $/h, a replica $1/h.
    "api": (
        program(rate=[[0.001]], api_cost=[[0.01]]),
        0.036,
        program(rate=[[0.001]], demand=[[[np.inf]]], api_cost=[[0.01]], api_limit=[0.0005]),
    ),
    # Half to the API (limit 0.5/s at $0.0001: 0.18 $/h), the rest on one replica.
    "api limit": (
        program(rate=[[1.5]], api_cost=[[1e-4]], api_limit=[0.5]),
        1.18,
        program(rate=[[1.5]], api_cost=[[1e-4]], api_limit=[0.5], gpu_limits=quota(0)),
    ),
    # One replica of load and one to spare.
    "spare": (program(pool_spare=[1]), 2.0, program(pool_spare=[1], limit=[1])),
    # At least three, load or not; but an API could take the call for $0.9/h.
    "minimum": (program(min_replicas=3), 3.0, program(min_replicas=3, limit=[2])),
    # Nights without calls need neither spare nor minimum: 2 replicas half the time.
    "closed at night": (program(rate=[[1, 0]], pool_spare=[1]), 1.0, program(rate=[[1, 0]], pool_spare=[1], budget=0.9)),
    # Own pools: 1 + 1 machines at $1 and twice $5. One pool for both: 0.5 + 1.5 = 2 machines, once $5.
    "pool cost": (
        program(rate=[[0.5], [0.5]], demand=[[[1, 1], [2, 3]]], pool_cell=[0, 0], pool_gpus=[1, 1], pool_cost=5.0),
        7.0,
        program(rate=[[0.5], [0.5]], demand=[[[1, 1], [2, 3]]], pool_cell=[0, 0], pool_gpus=[1, 1], pool_cost=5.0, budget=6.9),
    ),
    # Each stream may use one pool only: two pools at least.
    "number of pools": (
        program(rate=[[0.5], [0.5]], demand=[[[1, np.inf], [np.inf, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1], max_pools=2),
        2.0,
        program(rate=[[0.5], [0.5]], demand=[[[1, np.inf], [np.inf, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1], max_pools=1),
    ),
    # Soft misses at $0.0005 a call cost 1.8 $/h on the cheap pool; the dear one costs $2/h without.
    "soft misses": (
        program(pool_call_cost=[[5e-4, 0]], **TWO_CELLS, demand=[[[1, 1]]]),
        2.0,
        program(**TWO_CELLS, demand=[[[np.inf, np.inf]]]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HAND)
def test_hand_solved(name: str) -> None:
    solvable, cost, twin = HAND[name]
    outcome = run(solvable)
    assert outcome.termination == "optimal"
    assert outcome.objective == pytest.approx(cost)
    assert outcome.bound <= outcome.objective <= outcome.bound * (1 + 1e-6)
    assert run(twin).termination == "infeasible"


@pytest.mark.parametrize("seed", range(70))
def test_brute_force(seed: int) -> None:
    given_program = random_program(seed, pools=2)
    cost = brute_force(given_program)
    outcome = run(given_program)
    if np.isinf(cost):
        assert outcome.termination == "infeasible"
    else:
        assert outcome.termination == "optimal"
        assert outcome.objective == pytest.approx(cost, rel=1e-6)
        assert outcome.bound <= cost * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(12))
def test_highs_agrees_with_scip(seed: int) -> None:
    given_program = random_program(1000 + seed, pools=6)
    ours, other = run(given_program), run(given_program, gap=1e-6, solver="gscip")
    assert ours.termination == other.termination
    assert np.isinf(ours.objective) or ours.objective == pytest.approx(other.objective, rel=1e-5)


def test_cp_sat_agrees_where_all_is_whole() -> None:
    # Without flows to share, packing is a pure integer program: drop the routes, demand whole replicas by bounds.
    given_program = program(rate=[[3]], pool_gpus=[2], cell_gpus=[4], hourly=[4])
    model = build(given_program, bounds(given_program)).linear
    model._bounds[0] = (*model._bounds[0][:2], np.ones(1, bool), model._bounds[0][3])
    results = [solve_milp(model, Limits(0.0, 10, 0, solver=solver)) for solver in ("highs", "cp_sat")]
    assert [result.objective for result in results] == pytest.approx([8.0, 8.0])


@pytest.mark.parametrize("seed", range(12))
def test_same_as_the_whole_model(seed: int) -> None:
    given_program = random_program(2000 + seed, pools=12)
    whole = solve_milp(build(given_program, bounds(given_program)).linear, Limits(0.0, 30, 0))
    outcome = run(given_program)
    if whole.status is Status.INFEASIBLE:
        assert outcome.termination == "infeasible"
    else:
        assert outcome.objective == pytest.approx(whole.objective, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_dropped_pools_cost_more(seed: int) -> None:
    """What the prices say a pool costs at least is not more than a plan forced to use it costs."""
    given_program = random_program(3000 + seed, pools=5)
    limit = bounds(given_program)
    relaxation = relax(given_program, limit, lambda _: None)
    if relaxation.verdict is Verdict.INFEASIBLE or relaxation.priced is None:
        pytest.skip("this program has no plan")
    relaxation = tighten(given_program, limit, lambda _: None, relaxation)
    for k, t in zip(*np.nonzero(limit.replicas > 0), strict=True):
        model = build(given_program, limit)
        forced = model.linear.add_rows(1, 1, np.inf, names=lambda: ["forced"])
        model.linear.add_terms(forced, model.at.n[k, t], 1)
        solved = solve_milp(model.linear, Limits(0.0, 10, 0))
        assert relaxation.least[k, t] <= solved.objective * (1 + 1e-6) + 1e-9


def test_same_program_same_outcome() -> None:
    given_program = random_program(5, pools=8)
    first, again = run(given_program), run(given_program)
    for name in ("flow", "api_flow", "replicas", "machines"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.objective, first.bound, first.kept) == (again.objective, again.bound, again.kept)


def test_other_programs_are_refused() -> None:
    # A replica of 3 GPUs in machines of 4 would strand one: counting GPUs would promise too much.
    with pytest.raises(ValueError, match="chain of divisors"):
        run(program(pool_gpus=[3], cell_gpus=[4]))
    with pytest.raises(ValueError, match="rates must be finite"):
        run(program(rate=[[-1.0]]))


def _cost(given_program: Program) -> float:
    return run(given_program).objective


any_program = st.integers(0, 400).map(lambda seed: random_program(seed, pools=3))
few = settings(max_examples=12, deadline=None, derandomize=True)


@few
@given(any_program, st.floats(0.3, 1.0))
def test_cheaper_machines_never_raise_cost(given_program: Program, factor: float) -> None:
    cheaper = replace(given_program, purchases=replace(given_program.purchases, hourly=given_program.purchases.hourly * factor))
    assert _cost(cheaper) <= _cost(given_program) * (1 + 1e-6)


@few
@given(any_program, st.integers(1, 5))
def test_bigger_quotas_never_raise_cost(given_program: Program, more: int) -> None:
    limits = tuple(replace(limit, gpus=limit.gpus + more) for limit in given_program.gpu_limits)
    assert _cost(replace(given_program, gpu_limits=limits)) <= _cost(given_program) * (1 + 1e-6)


@few
@given(any_program, st.floats(0.2, 1.0))
def test_smaller_demand_never_raises_cost(given_program: Program, factor: float) -> None:
    assert _cost(replace(given_program, rate=given_program.rate * factor)) <= _cost(given_program) * (1 + 1e-6)


@few
@given(any_program)
def test_all_calls_are_served(given_program: Program) -> None:
    outcome = run(given_program)
    if outcome.termination != "optimal":
        return
    served = outcome.flow.sum(axis=1) + outcome.api_flow.sum(axis=1)
    fixed = ~given_program.movable
    np.testing.assert_allclose(served[fixed], given_program.rate[fixed], atol=1e-9)
    np.testing.assert_allclose(served @ given_program.hours, given_program.rate @ given_program.hours, atol=1e-9)


@few
@given(st.integers(1, 6), st.integers(1, 5))
def test_scaling_everything_scales_cost(replicas: int, factor: int) -> None:
    # Whole replicas are full, so the linear relaxation is tight and stays so.
    base = program(rate=[[float(replicas)]], gpu_limits=quota(replicas))
    scaled = program(rate=[[float(replicas * factor)]], gpu_limits=quota(replicas * factor))
    assert _cost(scaled) == pytest.approx(factor * _cost(base))


def test_a_pool_whose_demand_takes_company_for_granted_needs_that_company() -> None:
    """At 2.2 calls/s two replicas at 0.9 each do (1.98), three at 1.0; at 0.9 calls/s one alone at 1.0, not two at 0.9."""
    for rate, replicas in ((2.2, [0, 2]), (0.9, [1, 0])):
        tiers = program(rate=[[rate]], demand=[[[1.0, 0.9]]], pool_cell=[0, 0], pool_gpus=[1, 1], pool_least=[1, 2])
        found = solve(tiers, gap=1e-7, time_limit=20, seed=0, progress=lambda _: None)
        assert found.replicas[:, 0].tolist() == replicas
        assert found.objective == pytest.approx(sum(replicas))
