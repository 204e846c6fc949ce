"""What a little more is worth: of the problem alone, true of many machines, and checked against its plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.plan_worth import Worth
from planner.pipeline import plan_problem, priced, quietly, solve_as_stated
from planner.plan.verify import verify
from planner.plan.worth import worth_of
from planner.report.jsonout import dumps

CHECK = {"kind": "moderation", "per_call": "$0.1/kreq", "hourly": "$0.5/h", "rate_per_replica": "8 req/s", "latency_p95": "1ms",
         **tiny.READ}  # fmt: skip
PERIODS = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]


def silent(_: str) -> None:
    """Say nothing."""


def chat(rate: Any, **fields: Any) -> dict[str, Any]:
    return tiny.workload(rate=rate, **fields)


def worth(folder: Path, *workloads: dict[str, Any], **fields: Any) -> Worth:
    found = priced(tiny.load(folder, tiny.problem(*workloads, **fields))).worth
    assert found is not None
    return found


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, LoadedProblem]:
    """Two periods, two workloads, a commitment to be had, and every limit; the quota of the cheapest machine is short."""
    loaded = tiny.load(
        tmp_path_factory.mktemp("limited"),
        tiny.problem(
            chat({"day": "300 req/s", "night": "100 req/s"}),
            tiny.workload("code", "3 req/s", quality=[{"benchmark": "exam", "at_least": 60}]),
            periods=PERIODS,
            solver={"gap": 0.3, "time_limit": "20s"},
            choose={"offers": {"allow": ["on_demand", "reserved_1y"]}},
            limits={
                "quotas": [{"accelerator": "max", "gpus": 1}], "max_gpus": 400, "budget": "$900/h", "power": "900kW",
                "sites": [{"name": "hall", "region": "us-1", "seller": "mart", "power": "500kW"}],
            },
        ),
    )  # fmt: skip
    return plan_problem(loaded, progress=silent), loaded


def test_it_leaves_the_answer_as_it_is(tmp_path: Path) -> None:
    loaded = tiny.load(tmp_path, tiny.problem(chat("9 req/s")))
    solved = solve_as_stated(loaded, silent)
    before = len(solved.search.space), solved.search.evaluated.copy(), solved.search.ledger.counts(), solved.search.considered
    assert worth_of(solved) == worth_of(solved)
    assert (len(solved.search.space), solved.search.ledger.counts(), solved.search.considered) == (before[0], *before[2:])
    assert np.array_equal(solved.search.evaluated, before[1])
    plain, told = quietly(loaded), priced(loaded)
    assert dumps(told.model_copy(update={"worth": None})) == dumps(plain)


def test_it_does_not_hang_on_how_few_machines_the_plan_has(tmp_path: Path) -> None:
    """A plan of one machine has looked at neither dear machines nor company; the prices are those of a thousand times as many."""
    small, large = (worth(tmp_path / rate, chat(rate)) for rate in ("1 req/s", "1000 req/s"))
    assert large.cost == pytest.approx(1000.0 * small.cost, rel=1e-3)
    assert large.demand[0].hourly == pytest.approx(small.demand[0].hourly, rel=1e-3)


def test_many_whole_machines_cost_what_it_says(tmp_path: Path) -> None:
    """From 30 to 2,000 requests a second, some forty machines more: within 2 % of the slope."""
    costs = [quietly(tiny.load(tmp_path / f"{rate}", tiny.problem(chat(f"{rate} req/s")))).cost.total for rate in (30, 2000)]
    slope = worth(tmp_path, chat("30 req/s")).demand[0].hourly
    assert (costs[1] - costs[0]) / 1970 == pytest.approx(slope, rel=0.02)


@pytest.mark.parametrize("name", ["chat", "code"])
def test_demand_is_priced_at_the_difference_of_two_values(limited: tuple[Plan, LoadedProblem], name: str, tmp_path: Path) -> None:
    """All periods in proportion, per request in the busiest."""
    plan, loaded = limited
    assert plan.worth is not None
    row = next(row for row in plan.worth.demand if row.workload == name)
    ends = []
    for scale in (0.99, 1.01):
        data = {**loaded.document.data, "workloads": [dict(one) for one in loaded.document.data["workloads"]]}
        for one in data["workloads"]:
            if one["name"] == name:
                one["demand"] = {**one["demand"], "scale": scale}
        ends.append(priced(tiny.load(tmp_path / f"{scale}", data)).worth.cost)
    assert row.hourly is not None
    assert (ends[1] - ends[0]) / 0.02 / row.peak == pytest.approx(row.hourly, rel=0.02)


def test_a_short_quota_is_worth_something(limited: tuple[Plan, LoadedProblem], tmp_path: Path) -> None:
    plan, loaded = limited
    assert plan.worth is not None
    assert [row.limit for row in plan.worth.limits] == [
        "limits.quotas[0]", "limits.max_gpus", "limits.budget", "limits.power", "limits.sites[0].power",
    ]  # fmt: skip
    saved = {row.limit: row.hourly for row in plan.worth.limits}
    assert saved.pop("limits.quotas[0]") > 0
    assert set(saved.values()) == {0.0}
    more = {**loaded.document.data["limits"], "quotas": [{"accelerator": "max", "gpus": 2}]}
    wider = priced(tiny.load(tmp_path, {**loaded.document.data, "limits": more})).worth
    assert wider is not None
    saving = plan.worth.cost - wider.cost
    assert wider.limits[0].hourly * 0.98 <= saving <= plan.worth.limits[0].hourly * 1.02  # the first saves most


def test_what_follows_demand_beside_models_is_priced_too(tmp_path: Path) -> None:
    """A check for $0.36/h per request a second, and replicas at $0.5/h for 8 requests a second: whole ones in the plan."""
    stages = [{"name": "check", "component": CHECK}, {"name": "answer", "after": ["check"]}]
    plain, staged = worth(tmp_path / "plain", chat("9 req/s")), worth(tmp_path / "staged", chat("9 req/s", stages=stages))
    assert staged.demand[0].hourly - plain.demand[0].hourly == pytest.approx(0.36 + 0.5 / 8, rel=1e-3)
    assert staged.cost - plain.cost == pytest.approx(9 * 0.36 + 2 * 0.5, rel=1e-3)


def test_one_pool_more_is_no_way_out_where_none_is_allowed(tmp_path: Path) -> None:
    """The only pool stands on the cheapest machine for few requests; for many another would do."""
    held = worth(tmp_path / "held", chat("9 req/s"), operations={"max_pools": 1})
    free = worth(tmp_path / "free", chat("9 req/s"))
    assert held.cost >= free.cost


HALVES = [{"name": name, "hours": 4380, "scenario": name, "months": [0, 12]} for name in ("low", "high")]
DAYS: dict[str, Any] = {"day": "60 req/s", "night": "20 req/s"}


@pytest.mark.parametrize(
    ("demand", "more", "fields"),
    [
        ("4 req/s", {"data": {"external_api": True}}, {"choose": {"instances": {"forbid": ["*"]}}}),
        ("0 req/s", {}, {}),
        (DAYS, {}, {"periods": PERIODS, "operations": {"autoscaling": {"cycle": "24h"}}}),
        (DAYS, {"objectives": [], "deadline": "24h"}, {"periods": PERIODS}),
        ({"low": "60 req/s", "high": "90 req/s"}, {}, {"periods": HALVES, "finance": {"minimize": "worst"}}),
        ("60 req/s", {}, {"limits": {"max_sellers": 1}}),
    ],
    ids=["apis", "no calls", "autoscaling", "batch", "worst", "sellers"],
)
def test_it_holds_for_every_kind_of_problem(demand: Any, more: dict[str, Any], fields: dict[str, Any], tmp_path: Path) -> None:
    """Machines divisible never cost more than whole ones, and the check has nothing to say."""
    loaded = tiny.load(tmp_path, tiny.problem(chat(demand, **more), **fields))
    plan = priced(loaded)
    assert plan.worth is not None
    assert verify(plan, loaded) == []
    assert plan.worth.cost == pytest.approx(sum((row.hourly or 0.0) * row.peak for row in plan.worth.demand), rel=1e-4)


def test_what_is_paid_once_is_left_out_and_spares_that_grow_are_not(tmp_path: Path) -> None:
    plain = worth(tmp_path / "plain", chat("60 req/s"))
    once = {"spare_replicas": 1, "pool_cost": "$1/h", "min_replicas": 3}
    assert worth(tmp_path / "once", chat("60 req/s"), operations=once).cost == pytest.approx(plain.cost, rel=1e-5)
    assert worth(tmp_path / "grows", chat("60 req/s"), operations={"availability": "99.9%"}).cost > plain.cost * 1.01


def _wrong(plan: Plan, **changes: Any) -> Plan:
    assert plan.worth is not None
    return plan.model_copy(update={"worth": plan.worth.model_copy(update=changes)})


def test_the_check_finds_what_cannot_be(limited: tuple[Plan, LoadedProblem]) -> None:
    plan, loaded = limited
    assert verify(plan, loaded) == []
    assert plan.worth is not None
    demand, limits = plan.worth.demand, plan.worth.limits
    for wrong, said in (
        ({"cost": plan.cost.total * 1.1}, "with machines divisible"),
        ({"demand": demand[1:]}, "workload chat has no price"),
        ({"demand": (*demand, demand[0])}, "workload chat has 2 prices"),
        ({"demand": (demand[0].model_copy(update={"peak": 301.0}), demand[1])}, "busiest stated, 300 found"),
        ({"limits": (*limits, limits[0].model_copy(update={"limit": "limits.quotas[7]"}))}, "no limit limits.quotas[7]"),
        ({"limits": limits[:-1]}, "limit limits.sites[0].power has no price"),
    ):
        found = verify(_wrong(plan, **wrong), loaded)
        assert len(found) == 1
        assert said in found[0]
