"""Plans as the planner makes them, each made once a process: a problem file, scenarios over a year, and stages with a lever."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import tiny

from planner.catalog.problem import load_problem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated, quietly
from planner.report.jsonout import dumps, loads
from planner.study.explore import explore
from planner.study.sweep import Course

PROBLEMS = Path(__file__).parents[1] / "problems"


@cache
def quickstart() -> Plan:
    """The first problem of the README."""
    return _as_written(plan_as_stated(load_problem(PROBLEMS / "quickstart.yaml"), lambda _: None))


@cache
def scenarios() -> Plan:
    """Two futures over a year of two halves, machines by the hour or reserved."""
    halves = [
        {"name": f"{name} @ {chance}", "hours": share * 4380, "months": months, "scenario": chance}
        for name, months in (("H1", [0, 6]), ("H2", [6, 12]))
        for chance, share in (("low", 0.6), ("high", 0.4))
    ]
    rate = {"H1 @ low": "20 req/s", "H1 @ high": "20 req/s", "H2 @ low": "20 req/s", "H2 @ high": "60 req/s"}
    facts = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y="$0.4/h")
    facts["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    chosen = {"offers": {"allow": ["on_demand", "reserved_1y"]}}
    return _made(tiny.problem(tiny.workload(rate=rate), periods=halves, choose=chosen), facts)


@cache
def explored() -> Plan:
    """A chat that was solved around, as far as sixteen solves go; a floor above what fits leaves no plan."""
    chat = tiny.workload(rate="20 req/s", quality=[{"benchmark": "exam", "at_least": 40}])
    with tempfile.TemporaryDirectory() as folder:
        loaded = tiny.load(Path(folder), tiny.problem(chat, limits={"max_gpus": 2}))
        return _as_written(explore(quietly(loaded), loaded, Course(quietly), most=16))


@cache
def levers() -> Plan:
    """A chat with a semantic cache that pays, and documents that may go to an API."""
    lever = {
        "name": "cache",
        "kind": "semantic_cache",
        "source": "test",
        "as_of": "2026-01",
        "options": [
            {"name": "close", "answered": {"low": 0.4, "high": 0.5}, "wrong": {"low": 0, "high": 0.01}, "hourly": "$0.01/h"}
        ],
    }
    chat = tiny.workload(rate="60 req/s", levers=[lever])
    documents = tiny.workload("documents", rate="2 req/s", data={"external_api": True})
    return _made(tiny.problem(chat, documents), tiny.catalog())


@cache
def committed() -> Plan:
    """Night and day: spend is committed to for the base, the rest is rented by day."""
    discounts = [{"instances": "shop/mini*", "discount": "65%"}]
    spend = {"shop-1y": {"seller": "shop", "term": "1y", "discounts": discounts, **tiny.READ}}
    return _night_and_day(["on_demand", "committed_spend"], {"spend_commitments": spend})


@cache
def started() -> Plan:
    """Night and day: replicas start ahead of the day, and are paid for that."""
    scaling = {"cycle": "24h", "machine": "8min", "image": "0s", "init": "2min", "scale_in_delay": "5min"}
    return _night_and_day(["on_demand"], {}, operations={"autoscaling": scaling})


def _night_and_day(offers: list[str], more: dict[str, Any], **fields: Any) -> Plan:
    periods = [{"name": "night", "hours": 14}, {"name": "day", "hours": 10}]
    facts = tiny.catalog() | more
    paid = tiny.price("eu-1", "eu", on_demand="$1/h")
    facts["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    chat = tiny.workload(rate={"night": "20 req/s", "day": "60 req/s"})
    chosen = {"models": {"allow": ["org/small"]}, "offers": {"allow": offers}}
    return _made(tiny.problem(chat, periods=periods, choose=chosen, **fields), facts)


def _made(problem: dict[str, Any], facts: dict[str, Any]) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        return _as_written(plan_as_stated(tiny.load(Path(folder), problem, facts), lambda _: None))


def _as_written(plan: Plan) -> Plan:
    """Return a plan as it is read back from its file."""
    return loads(dumps(plan))
