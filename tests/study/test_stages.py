"""Promises and choices of stages, copies and failures: each can be relaxed and moved, and is found in a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible
from planner.pipeline import quietly
from planner.study.knobs import Knob, knobs
from planner.study.marginal import moves
from planner.study.relax import Advice, study
from planner.study.streams import is_of
from planner.study.switches import switches

ENDS = [{"metric": "ttft", "percentile": 95, "target": "5s"}, {"metric": "tpot", "percentile": 95, "target": "60ms"}]


def graph(folder: Path, tpot: str = "60ms", ends: Sequence[dict[str, Any]] = ENDS, **draft: Any) -> LoadedProblem:
    """A stage that drafts, with a promise, a floor and a timeout of its own, before the one that answers."""
    stage = {
        "name": "draft",
        "output_tokens": {"mean": 20},
        "objectives": [{"metric": "tpot", "percentile": 90, "target": tpot}],
        "quality": [{"benchmark": "exam", "at_least": 45}],
        "retries": {"attempts": 2, "timeout": "8s"},
        **draft,
    }
    return tiny.load(folder, tiny.problem(tiny.workload(stages=[stage, {"name": "answer"}], objectives=list(ends))))


def the(loaded: LoadedProblem, name: str) -> Knob:
    return next(knob for knob in knobs(loaded.problem) if knob.name == name)


def advised(loaded: LoadedProblem) -> Advice:
    with pytest.raises(Infeasible):
        quietly(loaded)
    advice = study(loaded, ("chat",), quietly, progress=lambda _: None)
    assert all(quietly(replace(loaded, problem=one.apply(loaded.problem))).cost.total > 0 for one in advice.found)
    return advice


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedProblem, Plan]:
    loaded = graph(tmp_path_factory.mktemp("graph"))
    return loaded, quietly(loaded)


def test_promises_of_stages_can_be_relaxed(planned: tuple[LoadedProblem, Plan]) -> None:
    loaded, _ = planned
    assert [knob.name for knob in knobs(loaded.problem)] == [
        "chat TTFT p95", "chat TPOT p95", "chat/draft TPOT p90", "chat/draft timeout", "chat/draft exam floor",
    ]  # fmt: skip
    for knob in knobs(loaded.problem):
        assert knob.set(loaded.problem, knob.rungs[0]) != loaded.problem
        assert knob.set(knob.freed(loaded.problem), knob.value) == loaded.problem


def test_what_a_plan_keeps_of_them_is_found(planned: tuple[LoadedProblem, Plan]) -> None:
    """Of the whole graph's first token a plan says only what each stage takes."""
    loaded, plan = planned
    for name, stage, metric, percentile in (
        ("chat TPOT p95", "answer", "tpot", 95.0),
        ("chat/draft TPOT p90", "draft", "tpot", 90.0),
        ("chat/draft timeout", "draft", "e2e", 99.0),
    ):
        mine = [p for p in plan.promises if is_of(p.stream, "chat", stage) and (p.metric, p.percentile) == (metric, percentile)]
        assert len(mine) == 1
        assert the(loaded, name).used(plan) == mine[0].predicted
    assert the(loaded, "chat TTFT p95").used(plan) == float("inf")


def test_copies_of_failover_count_as_their_workload(tmp_path: Path) -> None:
    spread = tiny.workload(failover={"regions": [["eu-1"], ["us-1"]]})
    loaded = tiny.load(tmp_path, tiny.problem(spread, limits={"quotas": [{"accelerator": "*", "region": "eu-1", "gpus": 4}]}))
    plan = quietly(loaded)
    worst = max(p.predicted for p in plan.promises if p.metric == "tpot")
    assert {p.stream for p in plan.promises} == {"chat@1", "chat@2"}
    assert the(loaded, "chat TPOT p95").used(plan) == worst


def test_an_impossible_stage_gets_its_own_relaxations(tmp_path: Path) -> None:
    """One `mini` takes some 13 ms a token; the list that leaves only it is the stage's own."""
    own = {"accelerators": {"allow": ["mini"]}}
    advice = advised(graph(tmp_path, "5ms", ends=[], retries=None, choose=own))
    assert any(text.startswith("raise chat/draft TPOT p90 from 5 ms to ") for text in advice.relaxations)
    assert any(text.startswith("also allow accelerator ") and " for chat/draft: feasible" in text for text in advice.relaxations)


def test_failures_that_are_planned_for_can_be_dropped(tmp_path: Path) -> None:
    spread = tiny.workload(failover={"regions": [["eu-1"], ["us-1"]]})
    operations = {"availability": "99%", "zones": 2}
    loaded = tiny.load(tmp_path, tiny.problem(spread, operations=operations, limits={"budget": "$1.7/h"}))
    names = {one.name for one in switches(loaded.problem, loaded.catalog)}
    assert {"zones", "chat failover"} <= names
    dropped = next(one for one in switches(loaded.problem, loaded.catalog) if one.name == "chat failover")
    changed = dropped.freed(loaded.problem)
    assert changed.workloads[0].failover is None
    assert changed.operations.zones == 2


def test_what_is_moved_for_its_price_includes_stages_and_deadlines(planned: tuple[LoadedProblem, Plan], tmp_path: Path) -> None:
    found = {move.name: move.more for move in moves(planned[0], 1.0)}
    assert {"chat/draft TPOT p90, 60 ms", "chat/draft exam floor, 45"} <= found.keys()
    more = found["chat/draft TPOT p90, 60 ms"]
    assert more is not None
    assert str(more) == "workloads.chat.stages[0].objectives[0].target=61ms"
    batch = tiny.load(tmp_path, tiny.problem(tiny.workload(objectives=[], deadline="1h")))
    assert next(str(move.less) for move in moves(batch, 1.0)) == "workloads.chat.deadline=3564000ms"
