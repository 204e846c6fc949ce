"""`solve --verify`: plans are simulated, tightened where they miss, and solved again, until every hard promise holds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tiny
from click.testing import CliRunner
from planned import MINI, load, slow_down, tight

from planner import pipeline
from planner.catalog.problem import LoadedProblem
from planner.cli import main
from planner.domain.plan import Plan
from planner.domain.plan_promises import Simulation
from planner.errors import PlanRejected
from planner.pipeline import plan_problem
from planner.plan.verify import verify


def solve(loaded: LoadedProblem, told: list[str] | None = None) -> Plan:
    return plan_problem(loaded, progress=told.append if told is not None else lambda _: None, simulated=True)


def account(plan: Plan) -> Simulation:
    assert plan.simulation is not None
    return plan.simulation


def test_a_plan_that_holds_is_returned_with_the_account(tmp_path: Path) -> None:
    """One round; but for the account it is the plan that is made without a simulation."""
    loaded = load(tmp_path, tiny.workload(rate="9 req/s"))
    plan = solve(loaded)
    seen = account(plan)
    assert (seen.rounds, seen.tightened) == (1, ())
    assert {(row.metric, row.holds) for row in seen.promises} == {("ttft", True), ("tpot", True)}
    assert plan.model_copy(update={"simulation": None}) == plan_problem(loaded, progress=lambda _: None)


def test_a_plan_that_misses_is_tightened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines a third slower than planned miss 30 ms with two replicas of $0.8/h; a third one mends it."""
    loaded = load(tmp_path, tight())
    before = plan_problem(loaded, progress=lambda _: None)
    slow_down(monkeypatch, 1.3)
    plan = solve(loaded)
    seen = account(plan)
    assert plan.cost.total > before.cost.total
    assert seen.rounds == 1 + len(seen.tightened)
    assert "TPOT p95 of chat came out at" in seen.tightened[0]
    assert "30 ms promised" in seen.tightened[0]
    assert all(row.holds for row in seen.promises)
    assert verify(plan, loaded) == []
    assert plan.proof.bound == pytest.approx(before.proof.bound)


def test_a_missed_soft_promise_is_no_reason_to_tighten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(tmp_path, tight(price_per_miss="$0.0001"))
    before = plan_problem(loaded, progress=lambda _: None)
    slow_down(monkeypatch, 1.3)
    plan = solve(loaded)
    (row,) = account(plan).promises
    assert row.soft
    assert not row.holds
    assert account(plan).rounds == 1
    assert plan.cost == before.cost


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_down(monkeypatch, 1.3)
    first, second = (solve(load(tmp_path / name, tight())).model_dump_json() for name in "ab")
    assert first == second


def test_unchanged_pools_are_simulated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chats that may not share a model; only the pool of one misses, so the other is simulated in the first round alone."""
    roomy = tiny.workload("roomy", "0.5 req/s", objectives=[{"metric": "ttft", "percentile": 95, "target": "20s"}])
    large = {"models": {"allow": ["org/large"]}, "instances": {"allow": ["mart/max-1"]}}
    small = {"models": {"allow": ["org/small"]}, "instances": MINI["instances"]}
    both = {"offers": {"allow": ["on_demand"]}}
    slow_down(monkeypatch, 1.3)
    told: list[str] = []
    plan = solve(load(tmp_path, tight() | {"choose": small}, roomy | {"choose": large}, choose=both), told)
    (still,) = (pool.name for pool in plan.pools if pool.deployment.model == "org/large")
    looked = Counter(line.split()[1] for line in told if line.startswith("simulating"))
    assert account(plan).rounds > 1
    assert looked.total() == 1 + account(plan).rounds
    assert {row.route for row in account(plan).promises if row.stream == "roomy"} == {still}


def test_a_plan_that_nothing_mends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines are all there is, and with both the simulation misses."""
    slow_down(monkeypatch, 1.3)
    limits = {"quotas": [{"accelerator": "mini", "gpus": 2}]}
    with pytest.raises(PlanRejected, match="chat on P1 in always: tpot p95 missed when simulated"):
        solve(load(tmp_path, tight(), limits=limits))


def test_rounds_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as slow, an idle machine takes more than 30 ms a token: more replicas never help."""
    slow_down(monkeypatch, 4.0)
    monkeypatch.setattr(pipeline, "MAX_SIMULATIONS", 2)
    told: list[str] = []
    with pytest.raises(PlanRejected, match="missed when simulated"):
        solve(load(tmp_path, tight()), told)
    assert sum("tightening" in line for line in told) == 2


def test_the_command_writes_what_was_seen(tmp_path: Path) -> None:
    load(tmp_path, tiny.workload(rate="9 req/s"))
    done = CliRunner().invoke(
        main, ["solve", str(tmp_path / "problem.yaml"), "--verify", "--quiet", "-o", str(tmp_path / "plan")]
    )
    assert done.exit_code == 0, done.output
    written: dict[str, Any] = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert written["simulation"]["rounds"] == 1
    assert [row["holds"] for row in written["simulation"]["promises"]] == [True, True]
    plain = CliRunner().invoke(main, ["solve", str(tmp_path / "problem.yaml"), "--quiet", "-o", str(tmp_path / "plain")])
    assert plain.exit_code == 0
    assert json.loads((tmp_path / "plain" / "plan.json").read_text())["simulation"] is None
