"""Committed spend from the catalog to the check: newsvendor, other machines at other hours, terms, scenarios, payments."""

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
OFFERS = {"offers": {"allow": ["on_demand", "reserved_1y", "committed_spend"]}}


def facts(discount: str, reserved: str | None = None, **more: Any) -> dict[str, Any]:
    """One kind of machine at $1, less under a commitment to spend."""
    made = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", **({"reserved_1y": reserved} if reserved else {}))
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    plan = {"seller": "shop", "term": "1y", "discounts": [{"instances": "shop/mini*", "discount": discount}], **tiny.READ}
    made["spend_commitments"] = {"shop-1y": {**plan, **more}}
    return made


def loaded(
    folder: Path, periods: list[dict[str, Any]], rates: dict[str, float], catalog: dict[str, Any], **fields: Any
) -> LoadedProblem:
    rate = {name: f"{value} req/s" for name, value in rates.items()}
    choose = {"models": {"allow": ["org/small"]}, **OFFERS, **fields.pop("choose", {})}
    return tiny.load(folder, tiny.problem(tiny.workload(rate=rate), periods=periods, choose=choose, **fields), catalog)


def planned(problem: LoadedProblem) -> Plan:
    plan = plan_as_stated(problem, lambda _: None)
    assert verify(loads(dumps(plan)), problem) == []
    return plan


def machines(folder: Path, rate: float) -> int:
    rented = {"offers": {"allow": ["on_demand"]}}
    alone = planned(loaded(folder, [{"name": "always", "hours": 1}], {"always": rate}, facts("1%"), choose=rented))
    return sum(buy.machines["always"] for buy in alone.purchases)


WEEK = [{"name": "night", "hours": 0.6 * HOURS}, {"name": "day", "hours": 0.4 * HOURS}]


@pytest.mark.parametrize(("discount", "high_too"), [("65%", True), ("55%", False)])
def test_commit_up_to_the_load_that_enough_hours_exceed(tmp_path: Path, discount: str, *, high_too: bool) -> None:
    """Newsvendor: what is needed a share q of the hours is committed to if 1 − discount < q, here 0.4."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    plan = planned(loaded(tmp_path, WEEK, {"night": 20.0, "day": 60.0}, facts(discount)))
    draw = 1 - float(discount.rstrip("%")) / 100
    base = high if high_too else low
    (one,) = plan.committed_spend
    assert one.hourly == pytest.approx(base * draw)
    assert plan.cost.machines == pytest.approx(base * draw + (0.0 if high_too else 0.4 * (high - low)))
    by_kind = {buy.kind: buy for buy in plan.purchases}
    held = by_kind["committed_spend"].machines
    assert (low <= held["night"], held["day"]) == (True, base)  # what is committed to costs no more if it runs at night
    assert one.used == pytest.approx((0.6 * held["night"] + 0.4 * base) / base)
    assert by_kind["committed_spend"].cost == pytest.approx(base * draw)  # idle spend included
    text = render(plan)
    assert "## Committed spend" in text
    assert f"${base * draw:.2f}/h with shop for 1y" in text


def test_other_machines_in_other_hours_share_a_commitment(tmp_path: Path) -> None:
    """Europe by day and the US at night: reserved at 0.55 both regions cost 0.55 each all the time, committed at 0.6 once."""
    made = facts("40%", "$0.55/h")
    shape = made["instances"]["shop/mini-1"]
    shape["prices"].append(tiny.price("us-1", "us", on_demand="$1/h", reserved_1y="$0.55/h"))
    near = tiny.workload(
        "near", rate={"day": "1 req/s", "night": "0 req/s"}, data={"external_api": False, "region_groups": ["eu"]}
    )
    far = tiny.workload("far", rate={"day": "0 req/s", "night": "1 req/s"}, data={"external_api": False, "region_groups": ["us"]})
    halves = [{"name": "day", "hours": 365}, {"name": "night", "hours": 365}]
    choose = {"models": {"allow": ["org/small"]}, **OFFERS}
    problem = tiny.load(tmp_path, tiny.problem(near, far, periods=halves, choose=choose), made)
    plan = planned(problem)
    assert plan.cost.total == pytest.approx(0.6)
    (one,) = plan.committed_spend
    assert (one.hourly, one.used) == (pytest.approx(0.6), pytest.approx(1.0))


def steps(months: int, step: int = 6) -> list[dict[str, Any]]:
    return [{"name": f"m{start}", "hours": HOURS * step, "months": [start, start + step]} for start in range(0, months, step)]


def test_it_begins_at_a_step_lasts_its_term_and_is_paid_by_the_month(tmp_path: Path) -> None:
    """40 % off over 18 months, more from month 6 on: years from 0 or 6 for all that is needed from then on, and for the base a
    half year on demand before or after, as a year from month 12 would be owed twice its half: 1.2 > 1."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    plan = planned(loaded(tmp_path, steps(18), {"m0": 20.0, "m6": 60.0, "m12": 60.0}, facts("40%")))
    assert {one.live for one in plan.committed_spend} <= {(0, 12), (6, 18)}
    assert sum(one.hourly for one in plan.committed_spend) == pytest.approx(0.6 * high)
    assert plan.cost.machines == pytest.approx(0.6 * high * 12 / 18 + low * 6 / 18)
    cash = plan.cash
    assert cash is not None
    for month in (0, 6, 12):
        lasting = [one for one in plan.committed_spend if one.live and one.live[0] <= month < one.live[1]]
        assert cash.months[month].reserved == pytest.approx(sum(one.hourly for one in lasting) * HOURS)
    assert sum(month.rented for month in cash.months) == pytest.approx(low * HOURS * 6)
    assert cash.owed_after == 0.0


def test_a_term_beyond_the_horizon_is_owed(tmp_path: Path) -> None:
    """Six months of a year at 75 % off: twice 0.25 is still less than 1, half of it is owed after."""
    need = machines(tmp_path / "need", 20.0)
    plan = planned(loaded(tmp_path, steps(6), {"m0": 20.0}, facts("75%")))
    assert plan.cost.machines == pytest.approx(0.5 * need)
    assert plan.cash is not None
    assert (plan.cash.total, plan.cash.owed_after) == (
        pytest.approx(0.25 * need * HOURS * 6),
        pytest.approx(0.25 * need * HOURS * 6),
    )


def test_what_is_committed_before_the_scenario_shows_is_paid_in_all(tmp_path: Path) -> None:
    """Draws 0.4: committed at the start for what comes with probability 0.45, and paid where it does not come."""
    few, many = machines(tmp_path / "few", 20.0), machines(tmp_path / "many", 60.0)
    periods = [
        {"name": f"m0@{name}", "hours": chance * HOURS * 12, "months": [0, 12], "scenario": name}
        for name, chance in (("low", 0.55), ("high", 0.45))
    ]
    plan = planned(loaded(tmp_path, periods, {"m0@low": 20.0, "m0@high": 60.0}, facts("60%")))
    assert [one.hourly for one in plan.committed_spend] == [pytest.approx(0.4 * many)]
    told = plan.futures
    assert told is not None
    rows = {row.name: row.costs for row in told.commitments}
    assert rows["the plan"] == {"low": pytest.approx(0.4 * many), "high": pytest.approx(0.4 * many)}
    assert rows["as if low were certain"] == {"low": pytest.approx(0.4 * few), "high": pytest.approx(0.4 * few + many - few)}


def test_nobody_is_committed_without_having_asked(tmp_path: Path) -> None:
    plan = planned(
        loaded(tmp_path, WEEK, {"night": 20.0, "day": 60.0}, facts("65%"), choose={"offers": {"allow": ["on_demand"]}})
    )
    assert {buy.kind for buy in plan.purchases} == {"on_demand"}
    assert '"committed_spend"' not in dumps(plan)
    assert '"spend"' not in dumps(plan)


def test_quotas_of_on_demand_machines_count_those_under_it(tmp_path: Path) -> None:
    limits = {"quotas": [{"accelerator": "mini", "offer": "on_demand", "gpus": 1}]}
    made = facts("40%", "$0.9/h")
    plan = planned(loaded(tmp_path, [{"name": "always", "hours": HOURS}], {"always": 20.0}, made, limits=limits))
    held = {buy.kind: buy.machines["always"] for buy in plan.purchases}
    assert held["committed_spend"] == 1
    assert held["reserved_1y"] == machines(tmp_path / "need", 20.0) - 1


def changed(plan: Plan, **fields: Any) -> Plan:
    return plan.model_copy(update={"committed_spend": (plan.committed_spend[0].model_copy(update=fields),)})


def test_the_check_finds_spend_that_does_not_add_up(tmp_path: Path) -> None:
    problem = loaded(tmp_path, WEEK, {"night": 20.0, "day": 60.0}, facts("65%"))
    plan = planned(problem)
    (one,) = plan.committed_spend
    for fields, said in (
        ({"hourly": one.hourly / 2}, "is committed"),
        ({"cost": 0.0}, "cost 0.000000 stated"),
        ({"used": 1.0}, "share used 1.000000 stated"),
        ({"name": "other"}, "the catalogs have no commitment other"),
        ({"term": "3y"}, "it is shop's for 1y"),
    ):
        assert any(said in failure for failure in verify(changed(plan, **fields), problem)), said
    none = plan.model_copy(update={"committed_spend": ()})
    assert any("to which nothing is committed" in failure for failure in verify(none, problem))
    cheap = plan.model_copy(update={"purchases": (plan.purchases[0].model_copy(update={"hourly": 0.1}),)})
    assert any("$0.100000/h stated for shop/mini-1" in failure for failure in verify(cheap, problem))


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"seller": "shp"}, "seller"),
        ({"term": "2y"}, "term"),
        ({"discounts": []}, "discounts"),
        ({"discounts": [{"discount": "0%"}]}, "discounts[0].discount"),
        ({"discounts": [{"discount": "100%"}]}, "discounts[0].discount"),
        ({"discounts": [{"discount": "20%", "instances": "shop/maxi*"}]}, "discounts[0].instances"),
        ({"discounts": [{"discount": "20%", "regions": "eu-9"}]}, "discounts[0].regions"),
    ],
)
def test_bad_input_is_refused(tmp_path: Path, more: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, WEEK, {"night": 20.0, "day": 60.0}, facts("20%", **more))
    assert [issue.path for issue in caught.value.issues] == [f"spend_commitments.shop-1y.{path}"]
