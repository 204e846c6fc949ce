"""What was committed to before: paid in every plan, used freely, there until it ends; beside sums done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

HOURS = 730
LOW = 3
"""Machines that 20 requests a second take (`test_procurement`)."""


def row(count: int, **fields: Any) -> dict[str, Any]:
    place = {"instance": "shop/mini-1", "region": "eu-1", "region_group": "eu", **tiny.READ}
    return {**place, "count": count, "hourly": 0.5, "committed": True, **fields}


def facts(**fleet: Any) -> dict[str, Any]:
    """One kind of machine, $1 an hour or $0.7 for a year, and the fleet."""
    made = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y="$0.7/h")
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    return {**made, "fleet": fleet}


def half_years(count: int = 2) -> list[dict[str, Any]]:
    return [{"name": f"m{6 * i}", "hours": HOURS * 6, "months": [6 * i, 6 * i + 6]} for i in range(count)]


def solved(folder: Path, rate: float, fleet: dict[str, Any], periods: Any = None, **fields: Any) -> tuple[LoadedProblem, Plan]:
    chosen = {"offers": {"allow": ["on_demand", "reserved_1y", "fleet"]}}
    given = {"choose": chosen, **fields} | ({"periods": periods} if periods else {})
    loaded = tiny.load(folder, tiny.problem(tiny.workload(rate=f"{rate} req/s"), **given), facts(**fleet))
    return loaded, plan_as_stated(loaded, lambda _: None)


@pytest.mark.parametrize("count", [1, LOW, LOW + 2])
def test_it_is_paid_whether_used_or_not_and_the_rest_is_rented(tmp_path: Path, count: int) -> None:
    """Three machines are needed; those held cost $0.5 each in any case, those missing $0.7, reserved."""
    _, made = solved(tmp_path, 20.0, {"old": row(count)})
    assert made.cost.machines == pytest.approx(0.5 * count + 0.7 * max(LOW - count, 0))
    assert made.cost.committed == pytest.approx(0.5 * count)
    assert made.proof.bound == pytest.approx(made.cost.total)
    (old,) = [buy for buy in made.purchases if buy.already]
    assert (old.machines, old.hourly, old.kind) == ({"always": count}, 0.5, "fleet")
    assert "already committed" in render(made)


def test_it_is_there_until_it_ends(tmp_path: Path) -> None:
    """Of a year the first half is held at $0.5, the second rented at $1: a year reserved then would be owed twice."""
    _, made = solved(tmp_path, 20.0, {"old": row(LOW, until=6, paid="reserved_1y")}, half_years())
    held = {buy.kind: buy.machines for buy in made.purchases}
    assert held == {"reserved_1y": {"m0": LOW, "m6": 0}, "on_demand": {"m0": 0, "m6": LOW}}
    assert made.cost.machines == pytest.approx(LOW * (0.5 * 0.5 + 0.5 * 1.0))
    assert made.cost.committed == pytest.approx(LOW * 0.25)


def test_it_comes_when_it_is_delivered(tmp_path: Path) -> None:
    _, made = solved(tmp_path, 20.0, {"new": {**row(LOW, until=48, paid="owned"), "from": 6}}, half_years())
    held = {buy.kind: (buy.live, buy.machines) for buy in made.purchases}
    assert held == {"owned": ((6, 12), {"m0": 0, "m6": LOW}), "on_demand": (None, {"m0": LOW, "m6": 0})}


def test_payments(tmp_path: Path) -> None:
    """$0.3 of $0.5 an hour are still paid for six months; two that come in month 6 take $900 then, are worth $720 later."""
    early = row(LOW, until=6, paid="reserved_1y", pays=0.3)
    late = {**row(2, until=36, paid="owned", due="$900", worth="$900", pays=0.1), "from": 6}
    _, made = solved(tmp_path, 20.0, {"early": early, "late": late}, half_years())
    assert made.cash is not None
    paid = [month.committed for month in made.cash.months]
    assert paid[:6] == pytest.approx([LOW * 0.3 * HOURS] * 6)
    assert paid[6:8] == pytest.approx([2 * (900 + 0.1 * HOURS), 2 * 0.1 * HOURS])
    assert made.cash.worth_after == pytest.approx(2 * 900 * 24 / 30)
    assert made.cash.owed_after == 0.0
    assert sum(month.rented for month in made.cash.months) == pytest.approx((LOW - 2) * HOURS * 6)


def test_what_a_reservation_owes_after_the_horizon(tmp_path: Path) -> None:
    _, made = solved(tmp_path, 20.0, {"long": row(LOW, until=30, paid="reserved_3y")}, half_years())
    assert made.cash is not None
    assert made.cash.owed_after == pytest.approx(LOW * 0.5 * HOURS * 18)


def test_it_is_paid_where_nobody_may_use_it(tmp_path: Path) -> None:
    """Three idle machines of the fleet, which the choice of offers leaves out, and three rented: every split adds up."""
    chosen = {"offers": {"allow": ["on_demand"]}}
    loaded, made = solved(tmp_path, 20.0, {"old": row(3)}, choose=chosen)
    assert made.cost.machines == pytest.approx(3 * 0.5 + LOW * 1.0)
    assert verify(made, loaded) == []


def test_idle_machines_elsewhere_have_a_row_of_their_own(tmp_path: Path) -> None:
    """Held in the US, where data may not go: nobody's cost, and all splits add up to the total with it."""
    away = row(3, region="us-9", region_group="us")
    loaded, made = solved(tmp_path, 20.0, {"away": away}, choose={"regions": {"allow": ["eu-1"]}})
    rows = {part.workload: part.hourly for part in made.cost.by_workload}
    assert rows["already committed, idle"] == pytest.approx(1.5)
    assert sum(rows.values()) == pytest.approx(made.cost.total)
    assert verify(made, loaded) == []


def test_the_carbon_of_idle_machines_is_theirs(tmp_path: Path) -> None:
    """At $1,000 a tonne: what idle machines emit is paid beside their price, in every split and in the statement's own line."""
    away = row(3, region="us-9", region_group="us")
    made_of = {**facts(away=away), "grids": {"any": {"regions": ["*"], "carbon": "400 g/kWh", **tiny.READ}}}
    chosen = {"regions": {"allow": ["eu-1"]}, "offers": {"allow": ["on_demand"]}}
    problem = tiny.problem(tiny.workload(rate="20 req/s"), choose=chosen, finance={"carbon_price": "$1000/t"})
    loaded = tiny.load(tmp_path, problem, made_of)
    made = plan_as_stated(loaded, lambda _: None)
    assert verify(made, loaded) == []
    (old,) = [buy for buy in made.purchases if buy.already]
    assert old.carbon_cost > 0.01
    rows = {part.workload: part.hourly for part in made.cost.by_workload}
    assert rows["already committed, idle"] == pytest.approx(1.5 + old.carbon_cost)
    assert made.cost.statement is not None
    lines = {line.item: line.hourly for line in made.cost.statement.lines}
    assert lines["carbon"] == pytest.approx(made.cost.carbon)


def test_a_quota_counts_it_as_it_is_paid(tmp_path: Path) -> None:
    """One is held elsewhere, out of reach, and still counts: four allow just the three that are needed."""
    here = {"regions": {"allow": ["eu-1"]}}
    quota = {"quotas": [{"accelerator": "mini", "gpus": LOW + 1}]}
    _, made = solved(tmp_path, 20.0, {"old": row(1, region="us-9", region_group="us")}, limits=quota, choose=here)
    assert sum(buy.machines["always"] for buy in made.purchases) == LOW + 1
    with pytest.raises(InvalidInput, match="2 accelerators allowed, 3 of the fleet are there already"):
        solved(
            tmp_path,
            20.0,
            {"old": row(3, paid="owned")},
            limits={"quotas": [{"accelerator": "mini", "gpus": 2, "offer": "owned"}]},
        )


@pytest.mark.parametrize("change", ["count", "gone", "cost", "split"])
def test_the_check_finds_a_commitment_broken(tmp_path: Path, change: str) -> None:
    loaded, made = solved(tmp_path, 20.0, {"old": row(LOW + 1, until=6)}, half_years())
    assert verify(loads(dumps(made)), loaded) == []
    (old,) = [buy for buy in made.purchases if buy.already]
    others = tuple(buy for buy in made.purchases if not buy.already)
    wrong = {
        "count": {"purchases": (old.model_copy(update={"machines": {"m0": LOW, "m6": 0}}), *others)},
        "gone": {"purchases": others},
        "cost": {"purchases": (old.model_copy(update={"hourly": 0.4}), *others)},
        "split": {"cost": made.cost.model_copy(update={"committed": 0.1})},
    }[change]
    said = verify(made.model_copy(update=wrong), loaded)
    assert any("committed" in failure for failure in said)


def test_a_plan_without_any_reads_as_always(tmp_path: Path) -> None:
    _, made = solved(tmp_path, 20.0, {}, half_years())
    assert "already" not in dumps(made)
    assert "committed" not in dumps(made)


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"until": 4}, "catalogs.overrides.fleet.old.until", "month 4 lies within the step from month 0 to 6"),
        ({"from": 7, "until": 7}, "fleet.old", "it comes after 7 months and is gone after 7"),
        ({"pays": 0.6}, "fleet.old", r"0.6 \$/h are paid of a cost of 0.5"),
        ({"salvage": "$5"}, "fleet.old", "salvage is more than it is worth now"),
        ({"paid": "owned", "committed": False}, "fleet.old", "machines paid as owned are paid in any case"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, fields: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as error:
        solved(tmp_path, 20.0, {"old": row(LOW, **fields)}, half_years())
    assert {issue.path for issue in error.value.issues} == {path}


def test_until_needs_months(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="until 6 has no meaning without months"):
        solved(tmp_path, 20.0, {"old": row(LOW, until=6)})
