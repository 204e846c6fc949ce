"""Availability as part of the plan: costs worked out by hand, checks that catch a plan with too few spares, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated, plan_problem
from planner.plan.verify import verify
from planner.report import markdown
from planner.report.console import render
from planner.report.jsonout import dumps, loads

MINI = 0.8
"""Price of a machine of one Mini [$/h] (tests/tiny.py)."""

# 8.76 failures per machine and year are 0.001 an hour; an hour each: A = 1/1.001 = 0.999001.
HOURLY = {"gpu_per_year": 0, "node_per_year": 8.76, "repair": "50min", "restart": "10min"}
DOWN = 0.001 / 1.001


def problem(rate: str, availability: str | None = None, only: str = "shop/mini-1", **fields: Any) -> dict[str, Any]:
    operations = {"availability": availability, "failures": HOURLY} if availability else {}
    choose = {"instances": {"allow": [only]}, "models": {"allow": ["org/small"]}}
    return tiny.problem(tiny.workload(rate=rate), choose=choose, operations=operations | fields.pop("operations", {}), **fields)


def planned(folder: Path, made: dict[str, Any]) -> Plan:
    loaded = tiny.load(folder, made)
    plan = plan_as_stated(loaded, lambda _: None)
    assert verify(plan, loaded) == []
    assert dumps(loads(dumps(plan))) == dumps(plan)
    return plan


def counts(plan: Plan) -> list[tuple[int, int | None]]:
    return [(load.replicas, load.spares) for pool in plan.pools for load in pool.loads]


def carrying(folder: Path, rate: str) -> int:
    """Return the replicas that a load takes without spares."""
    ((count, spares),) = counts(planned(folder, problem(rate)))
    assert spares is None
    return count


# One replica: 99.9001 % alone, so 99.9 % asks for no spare and 99.95 % for one. R > 1: P[Binom(R + 1, A) ≥ R] is at least
# 1 − C(R + 1, 2)·DOWN², above 99.9 % up to R = 44 (990·9.98e-7 = 0.099 %).
@pytest.mark.parametrize(
    ("rate", "availability", "spares"), [("1 req/s", "99.9%", 0), ("1 req/s", "99.95%", 1), ("40 req/s", "99.9%", 1)]
)
def test_costs_by_hand(tmp_path: Path, rate: str, availability: str, spares: int) -> None:
    working = carrying(tmp_path / "none", rate)
    plan = planned(tmp_path / "asked", problem(rate, availability))
    assert counts(plan) == [(working + spares, spares)]
    assert plan.cost.total == pytest.approx((working + spares) * MINI)
    (load,) = plan.pools[0].loads
    n, up = working + spares, 1.0 - DOWN
    reached = up**n + (n * up ** (n - 1) * DOWN if spares else 0.0)
    assert load.availability == pytest.approx(reached, abs=1e-12)
    assert load.availability >= float(availability.rstrip("%")) / 100


def test_the_tax_is_part_of_degradation_and_the_statement_adds_up(tmp_path: Path) -> None:
    """A spare at $0.80/h; failures of 0.001 an hour lose 10 minutes and what is in hand of the work: 0.017 % of the tokens."""
    plan = planned(tmp_path, problem("1 req/s", "99.95%"))
    made = plan.cost.statement
    assert made is not None
    assert made.spares == pytest.approx(MINI)
    lines = {line.item: line.hourly for line in made.lines}
    tokens = lines["input tokens"] + lines["output tokens"] + (made.lost_work or 0.0)
    (hand,) = [row.mean for row in plan.latencies if row.metric == "e2e"]
    assert made.lost_work == pytest.approx(0.001 * (600 + hand) / 3600 * tokens)
    assert lines["degradation"] == pytest.approx(made.spares + (made.lost_work or 0.0))
    assert sum(lines.values()) == pytest.approx(plan.cost.total)
    assert sum(line.cents_per_month for line in made.lines) == round(plan.cost.total * 73_000)


def test_a_looser_availability_never_costs_more(tmp_path: Path) -> None:
    asked = ["50%", "99%", "99.9%", "99.95%", "99.999%", "99.9999999%"]
    costs = [planned(tmp_path, problem("12 req/s", share, only="*")).cost.total for share in asked]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
    none = planned(tmp_path, problem("12 req/s", None, only="*")).cost.total
    assert costs[0] == pytest.approx(none)


def test_what_never_fails_needs_no_spares(tmp_path: Path) -> None:
    never = {"failures": {**HOURLY, "node_per_year": 0}}
    plan = planned(tmp_path, problem("12 req/s", "99.9999%", operations=never))
    assert {(load.spares, load.availability) for pool in plan.pools for load in pool.loads} == {(0, 1.0)}


def test_replicas_that_share_a_machine_have_a_machine_in_reserve(tmp_path: Path) -> None:
    """One replica on a machine of two takes two spares, a machine's worth, where one on a machine of its own takes one."""
    (pair,) = counts(planned(tmp_path, problem("1 req/s", "99.95%", only="shop/mid-2")))
    assert pair in {(3, 2), (2, 1)}  # of one accelerator each, or of two
    assert counts(planned(tmp_path, problem("1 req/s", "99.95%"))) == [(2, 1)]


def test_spares_are_asked_for_in_periods_that_have_calls(tmp_path: Path) -> None:
    periods = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]
    made = problem("1 req/s", "99.95%", periods=periods)
    made["workloads"][0]["demand"]["rate"] = {"day": "12 req/s", "night": "0 req/s"}
    day, night = counts(planned(tmp_path, made))
    assert (day[1], night) == (1, (0, 0))


def test_a_quota_too_small_for_the_spares_leaves_no_plan(tmp_path: Path) -> None:
    """One replica and its spare need two accelerators; with one the advice is to ask for less."""
    limits = {"quotas": [{"accelerator": "mini", "gpus": 2}]}
    assert counts(planned(tmp_path / "fits", problem("1 req/s", "99.95%", limits=limits))) == [(2, 1)]
    limits = {"quotas": [{"accelerator": "mini", "gpus": 1}]}
    with pytest.raises(Infeasible) as caught:
        plan_problem(tiny.load(tmp_path / "small", problem("1 req/s", "99.95%", limits=limits)), progress=lambda _: None)
    assert any("lower availability from 99.95% to 99.9%" in change for change in caught.value.relaxations)


def test_reports_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(tmp_path, problem("1 req/s", "99.95%"))
    render(plan)
    for text in (capsys.readouterr().out, markdown.render(plan)):
        assert "1 of 2 replicas spare, enough 99.9999% of the time" in text
        assert "Reliability tax" in text


Tamper = Callable[[dict[str, Any]], object]

BROKEN: dict[str, tuple[Tamper, str]] = {
    "too few": (lambda load: load.update(replicas=1, spares=0, availability=1 - DOWN), "are enough 99.9001% of the time"),
    "wrong figure": (lambda load: load.update(availability=0.9999), "availability 99.990000% stated"),
    "unsaid": (lambda load: load.update(spares=None), "does not say how many replicas are spares"),
    "more than there are": (lambda load: load.update(spares=5), "5 spares among 2 replicas"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_check_finds_what_is_missing(tmp_path: Path, name: str) -> None:
    tamper, said = BROKEN[name]
    loaded = tiny.load(tmp_path, problem("1 req/s", "99.95%"))
    data = json.loads(plan_as_stated(loaded, lambda _: None).model_dump_json())
    tamper(data["pools"][0]["loads"][0])
    assert any(said in sentence for sentence in verify(Plan.model_validate(data), loaded))


def test_the_check_finds_a_tax_that_is_no_part_of_degradation(tmp_path: Path) -> None:
    loaded = tiny.load(tmp_path, problem("1 req/s", "99.95%"))
    data = json.loads(plan_as_stated(loaded, lambda _: None).model_dump_json())
    data["cost"]["statement"]["spares"] = 2.0
    assert any("not part of a degradation" in sentence for sentence in verify(Plan.model_validate(data), loaded))


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "certain": ({"availability": "100%"}, "operations.availability", "below 1"),
    "none": ({"availability": "0%"}, "operations.availability", "above 0"),
    "more": ({"availability": "120%"}, "operations.availability", "1"),
    "negative": ({"failures": {"gpu_per_year": -1}}, "operations.failures.gpu_per_year", "0"),
    "negative node": ({"failures": {"node_per_year": -0.1}}, "operations.failures.node_per_year", "0"),
    "bare time": ({"failures": {"repair": 2}}, "operations.failures.repair", "350ms"),
    "both": ({"availability": "99.9%", "spare_replicas": 1}, "operations", "give one of them"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_path_and_remedy(tmp_path: Path, name: str) -> None:
    operations, path, said = BAD[name]
    with pytest.raises(InvalidInput) as caught:
        tiny.load(tmp_path, tiny.problem(operations=operations))
    (issue,) = caught.value.issues
    assert issue.path == path
    assert said in f"{issue.message} {issue.remedy}"


# Over three zones the largest holds ⌈n/3⌉ of n replicas: to carry R with it down, k = ⌈n/3⌉, n = R + k. R = 1: 1 of 2;
# R = 2: 1 of 3; R = 3: 2 of 5; R = 4: 2 of 6.
@pytest.mark.parametrize("zones", [2, 3])
def test_a_zone_may_be_down(tmp_path: Path, zones: int) -> None:
    working = carrying(tmp_path / "none", "40 req/s")
    plan = planned(tmp_path / "zones", problem("40 req/s", "99.9%", operations={"zones": zones}))
    ((count, spares),) = counts(plan)
    assert spares == max(-(-count // zones), 1)
    assert count == min(n for n in range(1, 200) if n - max(-(-n // zones), 1) >= working)
    assert plan.cost.total == pytest.approx(MINI * count)


def test_too_few_spares_for_a_zone_are_found(tmp_path: Path) -> None:
    made = problem("40 req/s", "99.9%", operations={"zones": 2})
    (pool,) = planned(tmp_path / "zones", made).pools
    (load,) = pool.loads
    body = json.loads(dumps(planned(tmp_path / "zones", made)))
    body["pools"][0]["loads"][0]["spares"] = (load.spares or 0) - 1
    said = verify(loads(json.dumps(body)), tiny.load(tmp_path / "again", made))
    assert any("may stand in one zone" in one for one in said)


def test_zones_ask_for_an_availability(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="give availability too"):
        tiny.load(tmp_path, problem("1 req/s", operations={"zones": 3}))
