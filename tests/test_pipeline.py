"""From problem file to checked plan, on a tiny catalog: against brute force, and what must hold of any planner."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from brute_plan import least_cost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner import pipeline
from planner.candidates.pools import join
from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput, NoPlanInTime
from planner.optimize.assemble import Assembled, assemble
from planner.pipeline import plan_as_stated, plan_problem
from planner.plan.verify import verify

NEAR = 1e-6
FEW = settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def solve(folder: Path, made: dict[str, Any], facts: dict[str, Any] | None = None) -> Plan:
    return plan_problem(tiny.load(folder, made, facts), progress=lambda _: None)


def cost(folder: Path, made: dict[str, Any], facts: dict[str, Any] | None = None) -> float:
    """Cost of the plan; inf if there is none."""
    try:
        return plan_as_stated(tiny.load(folder, made, facts), lambda _: None).cost.total
    except Infeasible:
        return np.inf


def random_problem(seed: int) -> dict[str, Any]:
    """A problem small enough for brute force: up to two streams, machines of one or two kinds, maybe an API."""
    rng = np.random.default_rng(seed)
    instances = [["shop/mini-1"], ["mart/max-1"], ["shop/mini-1", "mart/max-1"], ["shop/mid-2"]][seed % 4]
    first = tiny.workload(
        rate=f"{rng.uniform(1, 14):.2f} req/s",
        objectives=[
            {"metric": "ttft", "percentile": 95, "target": f"{rng.uniform(600, 3000):.0f}ms"},
            {"metric": "tpot", "percentile": 95, "target": f"{rng.uniform(30, 90):.0f}ms"},
        ],
        data={"external_api": bool(rng.random() < 0.3)},
    )
    second = tiny.workload(
        "other",
        f"{rng.uniform(0.2, 3):.2f} req/s",
        input_tokens={"mean": 2500, "p95": 6000, "maximum": 12000},
        output_tokens={"mean": 80, "p95": 200, "maximum": 1000},
        objectives=[{"metric": "e2e", "percentile": 90, "target": f"{rng.uniform(6, 30):.0f}s"}],
        data={"external_api": bool(rng.random() < 0.5)},
    )
    workloads = [first] if rng.random() < 0.4 else [first, second]
    choose = {"instances": {"allow": instances}, "models": {"allow": ["org/small"]}, "offers": {"allow": ["on_demand"]}}
    if instances == ["shop/mid-2"]:
        choose |= {"precisions": {"allow": ["fp8"]}, "regions": {"allow": ["us-1"]}}
    return tiny.problem(*workloads, choose=choose)


def agrees_with_brute_force(loaded: LoadedProblem) -> None:
    try:
        plan = plan_as_stated(loaded, lambda _: None)
    except Infeasible:
        assert np.isinf(least_cost(loaded, 12.0))
        return
    assert plan.cost.total == pytest.approx(least_cost(loaded, plan.cost.total), rel=NEAR)
    assert plan.proof.bound == pytest.approx(plan.cost.total, rel=NEAR)
    assert verify(plan, loaded) == []


@pytest.mark.parametrize("seed", range(14))
def test_no_plan_is_cheaper_than_the_planners_by_brute_force(seed: int, tmp_path: Path) -> None:
    loaded = tiny.load(tmp_path, random_problem(seed))
    agrees_with_brute_force(loaded)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6, 8, 9])
def test_no_plan_with_spares_is_cheaper_by_brute_force(seed: int, tmp_path: Path) -> None:
    """Machines of one replica, each down an hour in a thousand: a spare for each pool, so that splitting one never saves any."""
    failures = {"gpu_per_year": 0, "node_per_year": 8.76, "repair": "50min", "restart": "10min"}
    loaded = tiny.load(tmp_path, random_problem(seed) | {"operations": {"availability": "99.95%", "failures": failures}})
    agrees_with_brute_force(loaded)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    made = random_problem(2)
    first, second = (solve(tmp_path / name, made).model_dump_json() for name in "ab")
    assert first == second


@given(tpot=st.integers(25, 70), factor=st.floats(1.05, 2.0))
@FEW
def test_a_looser_target_never_costs_more(tmp_path: Path, tpot: int, factor: float) -> None:
    def at(target: float) -> dict[str, Any]:
        return tiny.problem(
            tiny.workload(objectives=[{"metric": "tpot", "percentile": 95, "target": f"{target}ms"}], rate="9 req/s")
        )

    assert cost(tmp_path, at(tpot * factor)) <= cost(tmp_path, at(tpot)) * (1 + NEAR)


@given(share=st.floats(0.4, 0.99))
@FEW
def test_a_cheaper_price_never_costs_more(tmp_path: Path, share: float) -> None:
    made, facts = tiny.problem(tiny.workload(rate="9 req/s")), tiny.catalog()
    before = cost(tmp_path, made, facts)
    for instance in facts["instances"].values():
        for row in instance["prices"]:
            if instance["accelerator"] == "mini":
                row["on_demand"] = f"${0.8 * share}/h"
    assert cost(tmp_path, made, facts) <= before * (1 + NEAR)


@given(gpus=st.integers(0, 5))
@FEW
def test_a_larger_quota_never_costs_more(tmp_path: Path, gpus: int) -> None:
    def under(quota: int) -> dict[str, Any]:
        return tiny.problem(tiny.workload(rate="12 req/s"), limits={"quotas": [{"accelerator": "mini", "gpus": quota}]})

    assert cost(tmp_path, under(gpus + 1)) <= cost(tmp_path, under(gpus)) * (1 + NEAR)


@given(rate=st.floats(0.5, 8.0), more=st.floats(1.05, 3.0))
@FEW
def test_more_demand_never_costs_less(tmp_path: Path, rate: float, more: float) -> None:
    little, much = (cost(tmp_path, tiny.problem(tiny.workload(rate=f"{r:.6f} req/s"))) for r in (rate, rate * more))
    assert little <= much * (1 + NEAR)


@given(rate=st.floats(0.5, 8.0), times=st.integers(2, 4))
@FEW
def test_k_times_the_demand_costs_at_most_k_times_as_much(tmp_path: Path, rate: float, times: int) -> None:
    """k copies of a plan serve k times the demand."""
    once, often = (cost(tmp_path, tiny.problem(tiny.workload(rate=f"{r:.6f} req/s"))) for r in (rate, rate * times))
    assert often <= once * times * (1 + NEAR)


@given(rate=st.floats(0.2, 4.0))
@FEW
def test_one_more_workload_never_costs_less(tmp_path: Path, rate: float) -> None:
    other = tiny.workload("other", f"{rate:.6f} req/s", quality=[{"benchmark": "exam", "at_least": 60}])
    assert cost(tmp_path, tiny.problem()) <= cost(tmp_path, tiny.problem(tiny.workload(), other)) * (1 + NEAR)


def test_work_that_may_wait_moves_to_where_machines_stand_idle(tmp_path: Path) -> None:
    """Eight calls/s by day need machines; the batch work of the whole cycle fits beside them or into one machine's night."""
    periods = [{"name": "day", "hours": 12}, {"name": "night", "hours": 12}]
    day = tiny.workload(rate={"day": "8 req/s", "night": "0 req/s"})
    batch = tiny.workload("batch", {"day": "2 req/s", "night": "0 req/s"}, objectives=[], deadline="24h")
    fixed = tiny.workload("batch", {"day": "2 req/s", "night": "0 req/s"}, objectives=[], deadline="6h")
    moved = solve(tmp_path, tiny.problem(day, batch, periods=periods))
    assert verify(moved, tiny.load(tmp_path, tiny.problem(day, batch, periods=periods))) == []
    assert moved.cost.total <= cost(tmp_path, tiny.problem(day, fixed, periods=periods)) * (1 + NEAR)
    shares = [share for pool in moved.pools for share in pool.shares if share.stream == "batch"]
    assert sum(share.share for share in shares) == pytest.approx(1.0)


def test_spare_replicas_and_minima_are_bought(tmp_path: Path) -> None:
    plan = solve(tmp_path, tiny.problem(tiny.workload(rate="1 req/s"), operations={"spare_replicas": 1, "min_replicas": 2}))
    assert [load.replicas for pool in plan.pools for load in pool.loads] == [2]


def test_soft_targets_are_paid_for_or_kept_whichever_is_cheaper(tmp_path: Path) -> None:
    """At a cent a miss the one second is kept; at a millionth of a dollar the cheapest machines win and misses are paid."""

    def plan(fee: str) -> Plan:
        soft = [{"metric": "ttft", "percentile": 95, "target": "250ms", "price_per_miss": fee}]
        return solve(tmp_path, tiny.problem(tiny.workload(rate="6 req/s", objectives=soft)))

    dear, cheap = plan("$0.01"), plan("$0.000001")
    assert cheap.cost.total <= dear.cost.total * (1 + NEAR)
    assert 0 < cheap.cost.misses <= 6 * 3600 * 1e-6
    worst = max(promise.miss_share for promise in dear.promises)
    assert worst <= max(promise.miss_share for promise in cheap.promises)


def test_an_impossible_promise_is_infeasible(tmp_path: Path) -> None:
    impossible = [{"metric": "tpot", "percentile": 95, "target": "1ms"}]
    with pytest.raises(Infeasible):
        solve(tmp_path, tiny.problem(tiny.workload(objectives=impossible)))


def test_a_missing_trace_is_named_with_file_and_line(tmp_path: Path) -> None:
    made = tiny.problem(tiny.workload(demand={"trace": {"path": "absent.csv"}}))
    with pytest.raises(InvalidInput) as caught:
        solve(tmp_path, made)
    assert "problem.yaml:1: workloads[0].demand" in str(caught.value)


def test_static_batching_is_planned_and_dearer_and_one_stream_to_a_pool(tmp_path: Path) -> None:
    """The baseline holds its batch until the longest answer ends, so it never does better than continuous batching."""
    facts = tiny.catalog()
    facts["engines"]["still"] = {**facts["engines"]["engine"], "batching": "static", "allocation": "contiguous"}
    streams = [tiny.workload("chat", "2 req/s"), tiny.workload("talk", "1 req/s")]
    for number, made in enumerate(streams):
        made["objectives"] = [{"metric": "ttft", "percentile": 95, "target": f"{20 + number}s"}]
    plan = solve(tmp_path, tiny.problem(*streams, choose={"engines": {"allow": ["still"]}}), facts)
    assert {pool.deployment.engine for pool in plan.pools} == {"still"}
    assert all(len({share.stream for share in pool.shares}) == 1 for pool in plan.pools)
    continuous = cost(tmp_path, tiny.problem(*streams, choose={"engines": {"allow": ["engine"]}}), facts)
    assert plan.cost.total >= continuous


def pair() -> dict[str, Any]:
    """Two chats of the same lengths and other targets, on machines of two kinds."""
    hasty = [{"metric": "ttft", "percentile": 95, "target": "1200ms"}, {"metric": "tpot", "percentile": 95, "target": "50ms"}]
    allowed = {"instances": {"allow": ["shop/mini-1", "mart/max-1"]}, "offers": {"allow": ["on_demand"]}}
    return tiny.problem(tiny.workload(rate="13 req/s"), tiny.workload("hasty", "5 req/s", objectives=hasty), choose=allowed)


def deceive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the optimizer take every demand for a fifth less than it is, so that its plans miss promises when checked."""

    def light(*parts: Any) -> Assembled:
        made = assemble(*parts)
        columns = made.program.pools
        return replace(made, program=replace(made.program, pools=replace(columns, demand=columns.demand * 0.8)))

    monkeypatch.setattr(pipeline, "assemble", light)


def test_a_plan_that_misses_is_repaired_not_solved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The honest plan costs $2.4/h; the deceived one starts at $1.6/h, is repaired at once, and ends at no more than $2.4/h."""
    honest = solve(tmp_path / "honest", pair())
    deceive(monkeypatch)
    monkeypatch.setattr(pipeline, "MAX_ROUNDS", 1)
    plan = solve(tmp_path, pair())
    assert verify(plan, tiny.load(tmp_path, pair())) == []
    assert plan.proof.repairs > honest.proof.repairs == 0
    assert plan.cost.total == pytest.approx(honest.cost.total)
    assert plan.proof.bound < honest.proof.bound  # that of the program as the optimizer saw it
    assert plan.proof.termination == "feasible"


def test_a_dear_repair_is_compared_with_another_solve_under_the_first_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deceive(monkeypatch)
    once, twice = (solve(tmp_path / str(rounds), pair()) for rounds in limited(monkeypatch, 1, 2))
    assert (once.proof.rounds, twice.proof.rounds) == (1, 2)
    assert twice.cost.total <= once.cost.total
    assert twice.proof.bound == once.proof.bound


def test_the_bound_of_a_later_solve_is_not_that_of_all_plans(tmp_path: Path) -> None:
    """With half as much again asked of every pool the cheapest plan is dearer, and so is what bounds it."""
    search, apis = pipeline.candidates(tiny.load(tmp_path, pair()), lambda _: None)

    def found(raised: dict[tuple[int, int], float], known: Any) -> Any:
        return pipeline.solve_fully(search, known, apis, raised, time.monotonic() + 20, lambda _: None)

    first = found({}, join([], len(search.streams)))
    every = zip(first.pools.row.tolist(), first.pools.anchor.tolist(), strict=True)
    later = found(dict.fromkeys(every, 1.5), first.pools)
    assert later.outcome.bound > first.outcome.objective
    assert pipeline.proven(later, first).outcome.bound == first.outcome.bound
    assert (later.outcome.termination, pipeline.proven(later, first).outcome.termination) == ("optimal", "feasible")


def limited(monkeypatch: pytest.MonkeyPatch, *rounds: int) -> Any:
    """Yield numbers of solves, each while it is the limit."""
    for most in rounds:
        monkeypatch.setattr(pipeline, "MAX_ROUNDS", most)
        yield most


def test_a_checked_plan_is_not_lost_when_the_next_solve_finds_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deceive(monkeypatch)
    calls, real = [], pipeline.solve_fully

    def once(*parts: Any) -> Any:
        calls.append(parts)
        if len(calls) > 1:
            raise NoPlanInTime("no plan was found in time")
        return real(*parts)

    monkeypatch.setattr(pipeline, "solve_fully", once)
    plan = solve(tmp_path, pair())
    assert len(calls) == 2
    assert plan.proof.rounds == 1
    assert verify(plan, tiny.load(tmp_path, pair())) == []


def test_streams_are_not_routed_in_crumbs(tmp_path: Path) -> None:
    """Any pool can serve either stream: no more routes than a tree over streams and pools has edges."""
    plan = solve(tmp_path, pair())
    routes = sum(len({share.stream for share in pool.shares}) for pool in plan.pools)
    assert routes <= len(plan.pools) + 2 - 1
    assert min(share.share for pool in plan.pools for share in pool.shares) > 0.01


def test_links_that_no_replica_notices_need_not_be_known(tmp_path: Path) -> None:
    """A catalog of machines without a network, and no rows for `none` and `ethernet`."""
    facts = tiny.catalog()
    for name in ("none", "ethernet"):
        del facts["fabrics"][name]
    found = plan_as_stated(tiny.load(tmp_path / "few", tiny.problem(), facts), lambda _: None)
    whole = plan_as_stated(tiny.load(tmp_path / "all", tiny.problem()), lambda _: None)
    assert found.cost.total == whole.cost.total
