"""Plans made from what runs today: no change for unchanged demand, changes where they are worth it, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.changes import summary
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

CHEAP = {"offers": {"allow": ["on_demand"]}}


def solved(loaded: LoadedProblem, today: Plan | None = None) -> Plan:
    made = replace(loaded, today=today)
    plan = loads(dumps(plan_as_stated(made, lambda _: None)))
    assert verify(plan, made) == []
    return plan


def two(first: str = "4 req/s", second: str = "6 req/s") -> list[dict[str, Any]]:
    slow = [{"metric": "ttft", "percentile": 95, "target": "3s"}, {"metric": "tpot", "percentile": 95, "target": "120ms"}]
    return [tiny.workload(rate=first), tiny.workload("other", rate=second, objectives=slow)]


def what_runs(plan: Plan) -> Any:
    pools = sorted((p.deployment.model, p.instance, p.region, tuple((x.period, x.replicas) for x in p.loads)) for p in plan.pools)
    return pools, sorted((b.instance, b.region, b.kind, tuple(b.machines.items())) for b in plan.purchases)


PROBLEMS = {
    "one": tiny.problem(choose=CHEAP),
    "two workloads": tiny.problem(*two(), choose=CHEAP),
    "with a gap": tiny.problem(*two(), choose=CHEAP, solver={"gap": 0.05, "time_limit": "20s"}),
    "day and night": tiny.problem(
        tiny.workload(rate={"day": "12 req/s", "night": "3 req/s"}),
        periods=[{"name": "day", "hours": 300}, {"name": "night", "hours": 430}],
        operations={"pool_cost": "$0.2/h", "spare_replicas": 1},
    ),
    "reserved": tiny.problem(
        tiny.workload(rate="20 req/s"),
        horizon={"start": "2027-01", "months": 12, "step": "quarter", "typical_hours": 1},
        choose={"offers": {"allow": ["on_demand", "reserved_1y"]}},
    ),
    "an API": tiny.problem(tiny.workload(data={"external_api": True}), choose=CHEAP),
    "availability": tiny.problem(tiny.workload(rate="20 req/s"), choose=CHEAP, operations={"availability": 0.999}),
}


@pytest.mark.parametrize("moving", [0, 1000])
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_plan_made_again_from_its_own_result_changes_nothing(tmp_path: Path, name: str, moving: int) -> None:
    given = PROBLEMS[name]
    operations = {**given.get("operations", {}), "moving": {"per_pool": f"${moving}"}}
    loaded = tiny.load(tmp_path, {**given, "operations": operations})
    first = solved(loaded)
    again = solved(loaded, first)
    assert what_runs(again) == what_runs(first)
    assert again.changes is not None
    assert again.changes.none
    assert again.changes.saved_per_month == pytest.approx(0.0, abs=1e-6)
    assert summary(again) == ["No change from today: the same pools, replicas and machines as in the plan of tiny."]
    assert "## Changes from today" in render(again)
    assert again.cost.total == pytest.approx(first.cost.total)


def test_with_demand_doubled_it_proposes_changes(tmp_path: Path) -> None:
    first = solved(tiny.load(tmp_path / "a", tiny.problem(tiny.workload(rate="20 req/s"), choose=CHEAP)))
    loaded = tiny.load(tmp_path / "b", tiny.problem(tiny.workload(rate="40 req/s"), choose=CHEAP))
    plan = solved(loaded, first)
    told = plan.changes
    assert told is not None
    assert not told.none
    assert told.cost_today is None
    assert told.pools
    assert all(change.after > change.before for change in told.machines)
    assert any(line.startswith("what runs today is no plan as it is") for line in summary(plan))
    assert plan.cost.total == pytest.approx(solved(loaded).cost.total)


def test_less_demand_gives_machines_back_and_says_what_is_saved(tmp_path: Path) -> None:
    first = solved(tiny.load(tmp_path / "a", tiny.problem(tiny.workload(rate="40 req/s"), choose=CHEAP)))
    plan = solved(tiny.load(tmp_path / "b", tiny.problem(tiny.workload(rate="10 req/s"), choose=CHEAP)), first)
    told = plan.changes
    assert told is not None
    assert told.cost_today == pytest.approx(first.cost.total)
    assert told.saved_per_month == pytest.approx((first.cost.total - plan.cost.total) * 730)
    assert any(line.startswith("given back") for line in summary(plan))


def cheaper_elsewhere() -> tuple[dict[str, Any], dict[str, Any]]:
    """Machines of one kind in two places; the other place becomes 20 % cheaper."""
    before = tiny.catalog()
    before["instances"] = {
        "shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", tiny.price("eu-1", "eu", on_demand="$1/h")),
        "mart/mini-1": tiny.machine("mart/mini-1", "mini", 1, "none", tiny.price("eu-2", "eu", on_demand="$1.2/h")),
    }
    after = {**before, "instances": {**before["instances"]}}
    after["instances"]["mart/mini-1"] = tiny.machine(
        "mart/mini-1", "mini", 1, "none", tiny.price("eu-2", "eu", on_demand="$0.8/h")
    )
    return before, after


@pytest.mark.parametrize("per_pool", [0, 1000, 4000, 8000])
def test_moving_pays_only_above_what_it_costs(tmp_path: Path, per_pool: int) -> None:
    """Three machines at $1 or, elsewhere, $0.8: $0.6 an hour saved; over a year of 8,760 hours that is $5,256."""
    before, after = cheaper_elsewhere()
    made = tiny.problem(tiny.workload(rate="20 req/s"), choose=CHEAP, operations={"moving": {"per_pool": f"${per_pool}"}})
    first = solved(tiny.load(tmp_path / "a", made, before))
    plan = solved(tiny.load(tmp_path / "b", made, after), first)
    moves = per_pool < 5256
    told = plan.changes
    assert told is not None
    assert told.none is not moves
    assert told.moving == (per_pool if moves else 0)
    assert plan.cost.operations == pytest.approx(per_pool / 8760 if moves else 0.0)
    assert plan.cost.total == pytest.approx(3 * 0.8 + per_pool / 8760 if moves else 3 * 1.0)
    assert {pool.region for pool in plan.pools} == {"eu-2" if moves else "eu-1"}


def test_a_dearer_move_never_makes_more_changes(tmp_path: Path) -> None:
    before, after = cheaper_elsewhere()
    counts = []
    first = None
    for n, per_pool in enumerate((0, 500, 3000, 9000)):
        made = tiny.problem(*two(), choose=CHEAP, operations={"moving": {"per_pool": f"${per_pool}"}})
        first = first or solved(tiny.load(tmp_path / "a", made, before))
        told = solved(tiny.load(tmp_path / f"{n}", made, after), first).changes
        assert told is not None
        counts.append(sum(change.what == "opened" for change in told.pools))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_over_a_horizon_it_is_spread_over_its_hours(tmp_path: Path) -> None:
    """Moved for a quarter of 2,160 hours only: $0.6 an hour saves $1,296."""
    before, after = cheaper_elsewhere()
    horizon = {"start": "2027-01", "months": 3, "step": "quarter", "typical_hours": 1}
    for per_pool, moves in ((1200, True), (1400, False)):
        made = tiny.problem(
            tiny.workload(rate="20 req/s"), choose=CHEAP, horizon=horizon, operations={"moving": {"per_pool": f"${per_pool}"}}
        )
        first = solved(tiny.load(tmp_path / f"a{per_pool}", made, before))
        plan = solved(tiny.load(tmp_path / f"b{per_pool}", made, after), first)
        assert {pool.region for pool in plan.pools} == {"eu-2" if moves else "eu-1"}


@pytest.mark.parametrize("field", ["moving", "moving_hourly", "saved_per_month"])
def test_the_check_finds_wrong_figures(tmp_path: Path, field: str) -> None:
    before, after = cheaper_elsewhere()
    made = tiny.problem(tiny.workload(rate="20 req/s"), choose=CHEAP, operations={"moving": {"per_pool": "$500"}})
    first = solved(tiny.load(tmp_path / "a", made, before))
    loaded = replace(tiny.load(tmp_path / "b", made, after), today=first)
    plan = plan_as_stated(loaded, lambda _: None)
    assert plan.changes is not None
    wrong = plan.model_copy(update={"changes": plan.changes.model_copy(update={field: 7.0})})
    assert any(f"changes.{field}" in failure for failure in verify(wrong, loaded))
    without = plan.model_copy(update={"changes": None})
    assert any("do not agree" in failure for failure in verify(without, loaded))


def test_a_plan_from_nothing_reads_as_always(tmp_path: Path) -> None:
    plan = solved(tiny.load(tmp_path, tiny.problem(choose=CHEAP)))
    assert plan.changes is None
    assert '"changes"' not in dumps(plan)
    assert summary(plan) == []
