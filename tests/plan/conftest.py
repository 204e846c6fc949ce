"""Plans of the tiny catalog, made once."""

from __future__ import annotations

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated

Case = tuple[Plan, LoadedProblem]


def made(folder: object, problem: dict) -> Case:
    loaded = tiny.load(folder, problem)
    return plan_as_stated(loaded, lambda _: None), loaded


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Day and night: a chat, private in the EU; code with a quality floor; notes for an API; a soft target; limits."""
    floor = [{"benchmark": "exam", "at_least": 60}]
    soft = [{"metric": "ttft", "percentile": 95, "target": "150ms", "price_per_miss": "$0.00001"}]
    periods = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]
    chat = tiny.workload(rate={"day": "9 req/s", "night": "2 req/s"}, data={"external_api": False, "region_groups": ["eu"]})
    code = tiny.workload(
        "code", "2 req/s", quality=floor, data={"external_api": False}, choose={"models": {"forbid": ["org/small"]}}
    )
    notes = tiny.workload(
        "notes", "0.02 req/s", objectives=[], data={"external_api": True}, choose={"instances": {"forbid": ["*"]}}
    )
    hasty = tiny.workload("hasty", "0.5 req/s", objectives=soft)
    return made(
        tmp_path_factory.mktemp("mixed"),
        tiny.problem(
            chat,
            code,
            notes,
            hasty,
            periods=periods,
            choose={"offers": {"allow": ["on_demand", "reserved_1y"]}, "precisions": {"allow": ["bf16", "fp8"]}},
            limits={"quotas": [{"accelerator": "mi*", "gpus": 8}], "budget": "$20/h", "power": "20kW", "max_gpus": 9},
            operations={"pool_cost": "$0.01/h"},
        ),
    )


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """One chat on one kind of machine."""
    return made(tmp_path_factory.mktemp("single"), tiny.problem(tiny.workload(rate="9 req/s")))


READ = {"source": "a paper", "as_of": "2026-01"}


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A desk in four stages behind a cache, with names that hold spaces and brackets, beside a chat that shortens answers."""
    checked = {"latency_mean": "40ms", "latency_p95": "90ms", **READ}
    steps = [
        {"name": "check (v1)", "component": {"kind": "moderation", **checked}},
        {"name": "search", "component": {"kind": "vector_store", "per_call": "$0.10/kreq", **checked}},
        {
            "name": "plan",
            "probability": 0.4,
            "loop": {"mean": 1.4, "at_most": 4, "grows_by": 100},
            "input_tokens": {"mean": 300, "p95": 400},
            "output_tokens": {"mean": 40, "p95": 80},
        },
        {"name": "answer", "takes": {"plan": 1.0}, "retries": {"attempts": 2, "errors": 0.01}},
    ]
    cache = {
        "name": "0.9 (tuned) +x",
        "answered": {"low": 0.3, "high": 0.4},
        "wrong": {"low": 0.0, "high": 0.01},
        "hourly": "$0.01/h",
        "still": ["check (v1)"],
    }
    half = {"name": "half", "effects": [{"output_tokens": {"low": 0.5, "high": 0.5}}]}
    targets = [{"metric": "ttft", "percentile": 95, "target": "3s"}, {"metric": "tpot", "percentile": 95, "target": "60ms"}]
    desk = tiny.workload(
        "help desk",
        "24 req/s",
        stages=steps,
        levers=[{"name": "cache", "kind": "semantic_cache", "options": [cache], "unverified": ["answered"], **READ}],
        objectives=targets,
        tier="gold",
        tags=["search"],
    )
    chat = tiny.workload("chat", "40 req/s", levers=[{"name": "short", "kind": "token_budget", "options": [half], **READ}])
    narrow = {
        "offers": {"allow": ["on_demand"]},
        "precisions": {"allow": ["bf16"]},
        "models": {"allow": ["org/small"]},
        "instances": {"allow": ["mart/max-1"]},
    }
    return made(tmp_path_factory.mktemp("staged"), tiny.problem(desk, chat, choose=narrow, solver={"gap": 0.05}))
