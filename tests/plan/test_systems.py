"""Plans of call graphs and levers: the way taken, what stages and paths cost, the statement, and the check of all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.statement import ITEMS
from planner.plan.verify import verify

Case = tuple[Plan, LoadedProblem]


def made(folder: Path, *workloads: dict[str, Any], **fields: Any) -> Case:
    loaded = tiny.load(folder, tiny.problem(*workloads, **fields))
    return plan_as_stated(loaded, lambda _: None), loaded


def lever(name: str, kind: str, **option: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "options": [{"name": "on", **option}], **tiny.READ}


def assistant(*levers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Four in ten requests need a planner of 1.5 rounds; all are checked before and answered."""
    check = {"kind": "moderation", "per_call": "$0.10/kreq", "latency_p95": "50ms", **tiny.READ}
    stages = [
        {"name": "check", "component": check},
        {
            "name": "plan",
            "probability": 0.4,
            "loop": {"mean": 2.0, "at_most": 2},
            "input_tokens": {"mean": 300, "scv": 0.1},
            "output_tokens": {"mean": 40, "scv": 0.5},
        },
        {"name": "answer", "takes": {"plan": 1.0}, "retries": {"attempts": 2, "errors": 0.1}},
    ]
    return tiny.workload(stages=stages, levers=list(levers), tier="gold", tags=["search"], **fields)


@pytest.fixture(scope="session")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Case:
    skip = lever("trust", "skip", effects=[{"stage": "check", "calls": {"low": 0.5, "high": 0.6}}])
    dear = lever("cache", "semantic_cache", answered={"low": 0.1, "high": 0.2}, wrong={"low": 0, "high": 0.1}, hourly="$90/h")
    return made(tmp_path_factory.mktemp("graph"), assistant(skip, dear), operations={"spare_replicas": 1, "pool_cost": "$0.5/h"})


def test_the_plan_passes_its_check(graph: Case) -> None:
    assert verify(*graph) == []


def test_only_the_lever_that_pays_is_pulled(graph: Case) -> None:
    (way,) = graph[0].ways
    assert way.settings == {"trust": "on"}
    assert set(way.budgets) == {"plan"}


def test_calls_are_those_of_the_graph(graph: Case) -> None:
    """Rounds: 1 + 1/2 within a budget of two. Answers: 1 + 0.1 tries. Checks: six in ten, at the range's dear end."""
    stages = {row.stage: row for row in graph[0].cost.by_stage}
    assert stages["plan"].calls == pytest.approx(0.4 * 1.5)
    assert stages["answer"].calls == pytest.approx(1.1)
    assert stages["answer"].retried == pytest.approx(0.1 / 1.1)
    assert stages["check"].calls == pytest.approx(0.6)
    assert graph[0].ways[0].model_calls == pytest.approx(0.6 + 1.1)
    assert stages["check"].hourly == pytest.approx(4 * 3600 * 0.6 * 0.0001)


def test_paths_average_to_the_cost_of_a_request(graph: Case) -> None:
    plan, _ = graph
    assert sum(path.share for path in plan.cost.by_path) == pytest.approx(1.0)
    mean = sum(path.share * path.per_thousand_requests for path in plan.cost.by_path)
    assert mean == pytest.approx(sum(row.per_thousand_requests for row in plan.cost.by_stage))
    assert mean == pytest.approx(plan.cost.total / (4 * 3600) * 1e3)


def test_tiers_and_tags_hold_their_workloads_costs(graph: Case) -> None:
    assert {(row.kind, row.label): row.share for row in graph[0].cost.by_label} == {
        ("tier", "gold"): pytest.approx(1.0),
        ("tag", "search"): pytest.approx(1.0),
    }


def test_the_statement_adds_up_to_the_cent(graph: Case) -> None:
    plan, _ = graph
    assert plan.cost.statement is not None
    lines = {line.item: line for line in plan.cost.statement.lines}
    assert tuple(lines) == ITEMS
    assert sum(line.cents_per_month for line in lines.values()) == round(plan.cost.per_month * 100)
    assert sum(line.hourly for line in lines.values()) == pytest.approx(plan.cost.total)
    assert all(line.hourly >= -1e-12 for line in lines.values())
    assert lines["fixed infrastructure"].hourly == pytest.approx(0.5 * len(plan.pools))
    assert lines["orchestration fan-out"].hourly > plan.cost.components
    assert lines["degradation"].hourly > 0
    assert 0 < plan.cost.statement.efficiency <= 1


def test_at_an_api_every_dollar_is_a_token_or_a_try_that_failed(tmp_path: Path) -> None:
    """800 and 200 tokens in the mean at $0.30 and $1.20 a million, and one call in nine is a second try."""
    calls = tiny.workload(
        rate="2 req/s",
        objectives=[],
        data={"external_api": True},
        choose={"instances": {"forbid": ["*"]}},
        retries={"attempts": 2, "errors": 0.125},
    )
    plan, _ = made(tmp_path, calls)
    lines = {line.item: line.hourly for line in plan.cost.statement.lines}  # type: ignore[union-attr]
    hourly = 2 * 1.125 * 3600
    assert lines["input tokens"] == pytest.approx(hourly * 800 * 0.3e-6 / 1.125)
    assert lines["output tokens"] == pytest.approx(hourly * 200 * 1.2e-6 / 1.125)
    assert lines["degradation"] == pytest.approx(plan.cost.total / 9)
    assert plan.cost.total == pytest.approx(hourly * (800 * 0.3e-6 + 200 * 1.2e-6))


def _changed(plan: Plan, **fields: Any) -> Plan:
    return plan.model_copy(update=fields)


def test_a_plan_that_pulls_another_lever_is_found_out(graph: Case) -> None:
    plan, loaded = graph
    way = plan.ways[0].model_copy(update={"settings": {}})
    assert verify(_changed(plan, ways=(way,)), loaded)
    nowhere = plan.ways[0].model_copy(update={"settings": {"trust": "off"}})
    assert any("no way to serve it" in failure for failure in verify(_changed(plan, ways=(nowhere,)), loaded))


def test_a_plan_that_hides_what_a_component_costs_is_found_out(graph: Case) -> None:
    plan, loaded = graph
    cost = plan.cost.model_copy(update={"components": 0.0})
    assert any("cost.components" in failure for failure in verify(_changed(plan, cost=cost), loaded))


def test_a_statement_that_is_a_cent_off_is_found_out(graph: Case) -> None:
    plan, loaded = graph
    assert plan.cost.statement is not None
    first, *rest = plan.cost.statement.lines
    lines = (first.model_copy(update={"cents_per_month": first.cents_per_month + 1}), *rest)
    cost = plan.cost.model_copy(update={"statement": plan.cost.statement.model_copy(update={"lines": lines})})
    assert any("cost.statement in cents" in failure for failure in verify(_changed(plan, cost=cost), loaded))


# Scores 50 and 80: an average of 62 lets 60 % of calls go to the small model, each must reach it nowhere.
def _asking(over: str) -> dict[str, Any]:
    floor = {"benchmark": "exam", "at_least": 62, "over": over}
    return tiny.workload(rate="60 req/s", quality=[floor], choose={"precisions": {"allow": ["bf16"]}})


def test_an_average_floor_mixes_models_and_costs_less(tmp_path: Path) -> None:
    each, _ = made(tmp_path / "each", _asking("each"))
    average, loaded = made(tmp_path / "average", _asking("average"))
    share = sum(s.share for pool in average.pools if pool.deployment.model == "org/large" for s in pool.shares)
    assert {pool.deployment.model for pool in each.pools} == {"org/large"}
    assert share >= 0.4 - 1e-6
    assert average.cost.total < 0.9 * each.cost.total
    assert verify(average, loaded) == []


def test_a_plan_below_its_average_floor_is_found_out(tmp_path: Path) -> None:
    plan, loaded = made(tmp_path, _asking("average"))
    pools = []
    for pool in plan.pools:
        weight = 0.5 if pool.deployment.model == "org/large" else 1.0
        pools.append(
            pool.model_copy(update={"shares": tuple(s.model_copy(update={"rate": s.rate * weight}) for s in pool.shares)})
        )
    assert any("on average" in failure for failure in verify(_changed(plan, pools=tuple(pools)), loaded))
