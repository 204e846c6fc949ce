"""Rolling on from an executed plan: no commitment is broken, no month's demand changes, and nothing gets dearer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.problem import LoadedProblem, load_problem
from planner.catalog.yamlfile import parse
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.pipeline import plan_as_stated
from planner.report.jsonout import dumps, loads
from planner.roll.file import text_of
from planner.roll.moved import Move
from planner.roll.roll import rolled

OFFERS = {"offers": {"allow": ["on_demand", "reserved_1y", "owned"]}}
HORIZON = {"start": "2027-01", "months": 18, "step": "quarter", "typical_hours": 1}
RACK = {
    "instance": "shop/mini-1", "region": "eu-1", "region_group": "eu", "capex": "$12000", "power": "600W", "pue": 1.5,
    "energy_price": "$0.10/kWh", "lead_months": 3, "life_years": 3, "salvage": "10%", "available": 5, **tiny.READ,
}  # fmt: skip


def facts(**sections: Any) -> dict[str, Any]:
    made = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y="$0.7/h") | {"upfront": 0.25}
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    return {**made, "owned": {"rack": RACK}, **sections}


def load(folder: Path, *workloads: dict[str, Any], **fields: Any) -> LoadedProblem:
    periods = {} if "periods" in fields else {"horizon": HORIZON}
    catalog = fields.pop("catalog", facts())
    return tiny.load(folder, tiny.problem(*workloads, **{"choose": OFFERS, **periods, **fields}), catalog)


def solved(loaded: LoadedProblem) -> Plan:
    return loads(dumps(plan_as_stated(loaded, lambda _: None)))


def growing(rate: str = "20 req/s", growth: str | None = "5%/month", **fields: Any) -> dict[str, Any]:
    demand = {"rate": rate, **({"growth": growth} if growth else {}), **fields}
    return tiny.workload() | {"demand": demand}


def move(loaded: LoadedProblem, plan: Plan, months: int, scenario: str | None = None, *, keep_end: bool = True) -> LoadedProblem:
    made = rolled(plan, loaded, Move(months, scenario, keep_end))
    path = loaded.base / f"next-{loaded.problem.horizon.start if loaded.problem.horizon else len(loaded.problem.periods)}.yaml"
    path.write_text(made.text)
    return load_problem(path)


@dataclass(frozen=True)
class Signed:
    """A commitment by the calendar: months from the first start."""

    begin: int
    end: int
    kind: str
    count: int
    hourly: float


def signed(loaded: LoadedProblem, over: int) -> list[Signed]:
    """What a problem is committed to, by the calendar of the first."""
    rows = [row for row in loaded.catalog.fleet.values() if row.committed and row.until]
    found = [Signed(max(row.starts, 0) + over, (row.until or 0) + over, row.paid, row.count, row.hourly) for row in rows]
    return sorted(found, key=lambda one: (one.begin, one.end, one.kind, one.count))


LIFE = {"reserved_1y": 12, "owned": 36}


def test_rolled_to_the_end_no_commitment_is_broken_and_nothing_gets_dearer(tmp_path: Path) -> None:
    """Fifteen months by the quarter. Each step signs what the plan orders in its first three months; every commitment is there
    with its count and its hourly cost until its end, and all payments made on the way are those that the first plan foresaw."""
    loaded = load(tmp_path, growing(), catalog=facts(owned={"rack": {**RACK, "available": 2}}), horizon={**HORIZON, "months": 15})
    first = plan = solved(loaded)
    assert first.cash is not None
    assert {buy.kind for buy in first.purchases} >= {"reserved_1y", "owned"}, "the case is meant to have both"
    made: list[Signed] = []
    paid, over = 0.0, 0
    while True:
        assert plan.cash is not None
        last = over == 12
        paid += sum(month.total for month in plan.cash.months[: None if last else 3])
        for buy in plan.purchases:
            if buy.ordered is not None and buy.ordered < 3 and not buy.already and buy.live:
                begin = buy.live[0] + over
                hourly = 0.7 if buy.kind == "reserved_1y" else loaded.catalog.owned["rack"].hourly
                made.append(Signed(begin, begin + LIFE[buy.kind], buy.kind, max(buy.machines.values()), hourly))
        if last:
            break
        loaded, over = move(loaded, plan, 3), over + 3
        for one in made:
            alive = [row for row in signed(loaded, over) if (row.end, row.kind, row.count) == (one.end, one.kind, one.count)]
            assert bool(alive) == (one.end > over), (one, signed(loaded, over))
            assert all(row.hourly == pytest.approx(one.hourly) and row.begin == max(one.begin, over) for row in alive)
        plan = solved(loaded)
        for period in plan.periods:
            month = over + int(next(p.months[0] for p in loaded.problem.periods if p.name == period and p.months))
            due = sum(one.count for one in made if one.begin <= month < one.end)
            assert sum(buy.machines[period] for buy in plan.purchases if buy.already) == due
    assert made
    assert paid == pytest.approx(first.cash.total, rel=1e-6)
    assert sum(one.count for one in made if one.kind == "owned") == 2


def test_demand_of_a_month_is_what_it_was(tmp_path: Path) -> None:
    """Growth from the start, from a launch that is over and from one that is to come, events, an end: the same in each period."""
    event = {"name": "fair", "from": "2027-08-02", "to": "2027-08-06", "times": 2}
    gone = {"name": "past", "from": "2027-02-02", "to": "2027-02-06", "times": 3}
    workloads = [
        growing() | {"name": "started", "demand": {"rate": "5 req/s", "growth": "4%/month", "shape": "office_hours"}},
        growing() | {"name": "launched", "demand": {"rate": "5 req/s", "growth": "20%/quarter", "launch": "2027-02", "scale": 2}},
        growing()
        | {"name": "later", "demand": {"rate": "5 req/s", "growth": "50%/year", "launch": "2027-09", "events": [event]}},
        growing() | {"name": "falling", "demand": {"rate": "5 req/s", "growth": "-3%/month", "events": [gone, event]}},
        growing() | {"name": "ended", "demand": {"rate": "5 req/s", "ends": "2027-03"}},
    ]
    loaded = load(tmp_path, *workloads, horizon={**HORIZON, "typical_hours": 2})
    after = move(loaded, stub(loaded), 6)
    assert [workload.name for workload in after.problem.workloads] == ["started", "launched", "later", "falling"]
    assert [period.name for period in after.problem.periods] == [
        p.name for p in loaded.problem.periods if p.months and p.months[0] >= 6
    ]
    for workload in after.problem.workloads:
        before = next(one for one in loaded.problem.workloads if one.name == workload.name)
        for period in after.problem.periods:
            now = workload.demand.scale * workload.demand.profile[period.name]
            assert now == pytest.approx(before.demand.scale * before.demand.profile[period.name])
    assert not [issue for issue in after.warnings if "no effect" in issue.message]


def stub(loaded: LoadedProblem, **fields: Any) -> Plan:
    """A plan of nothing: what is rolled does not depend on it."""
    none: dict[str, Any] = dict.fromkeys(("pools", "apis", "purchases", "promises", "latencies", "reasons", "facts"), ())
    proof = {
        "termination": "optimal",
        "objective": 0,
        "bound": 0,
        "gap": 0,
        "solver": "",
        "candidates": 0,
        "rejected": {},
        "columns": 0,
        "kept": 0,
    }
    cost = dict.fromkeys(("total", "machines", "apis", "misses", "operations", "per_month"), 0.0) | {
        "by_pool": (),
        "by_workload": (),
    }
    periods = {period.name: period.hours for period in loaded.problem.periods}
    names = {
        "planner": "",
        "problem": "tiny",
        "problem_digest": loaded.digest,
        "catalog_digest": loaded.catalog.digest,
        "seed": 0,
    }
    return Plan.model_validate({**names, "periods": periods, "proof": proof, "cost": cost, **none, **fields})


SCENARIOS = [
    {"name": "calm", "probability": "60%"},
    {"name": "boom", "probability": "40%", "demand": {"chat": 1.5}, "growth": "10%/month"},
]


@pytest.mark.parametrize("name", ["calm", "boom"])
def test_the_scenario_that_came_is_in_the_demand(tmp_path: Path, name: str) -> None:
    loaded = load(tmp_path, growing(growth="2%/month", launch="2027-05"), growing() | {"name": "other"}, scenarios=SCENARIOS)
    after = move(loaded, stub(loaded), 3, name)
    assert after.problem.scenarios == ()
    for workload in after.problem.workloads:
        before = next(one for one in loaded.problem.workloads if one.name == workload.name)
        for period in after.problem.periods:
            now = workload.demand.scale * workload.demand.profile[period.name]
            assert now == pytest.approx(before.demand.scale * before.demand.profile[f"{period.name} @ {name}"])


def test_without_scenarios_none_is_the_dearest(tmp_path: Path) -> None:
    loaded = load(tmp_path, growing(), scenarios=SCENARIOS, finance={"minimize": "worst", "discount_rate": 0.1})
    after = move(loaded, stub(loaded), 3, "boom")
    assert (after.problem.finance.minimize, after.problem.finance.discount_rate) == ("expected", 0.1)


def test_what_was_ordered_for_a_scenario_is_signed_only_where_it_came(tmp_path: Path) -> None:
    loaded = load(tmp_path, growing(growth=None), scenarios=SCENARIOS)
    plan = solved(loaded)
    later = [buy for buy in plan.purchases if buy.ordered is not None and 3 <= buy.ordered < 9]
    assert any(buy.scenario == "boom" for buy in later)
    for name in ("calm", "boom"):
        rows = signed(move(loaded, plan, 9, name), 0)
        due = [buy for buy in plan.purchases if buy.ordered is not None and buy.ordered < 9 and buy.scenario in (None, name)]
        assert sum(row.count for row in rows) == sum(max(buy.machines.values()) for buy in due)


def half_years(*scenarios: str) -> list[dict[str, Any]]:
    names = scenarios or (None,)
    return [
        {
            "name": f"m{begin}{name or ''}",
            "hours": 4380 / len(names),
            "months": [begin, begin + 6],
            **({"scenario": name} if name else {}),
        }
        for begin in (0, 6, 12)
        for name in names
    ]


def test_periods_move_on_and_keep_their_end(tmp_path: Path) -> None:
    rate = {"m0": "20 req/s", "m6": "30 req/s", "m12": "40 req/s"}
    loaded = load(tmp_path, tiny.workload(rate=rate), periods=half_years())
    plan = solved(loaded)
    after = move(loaded, plan, 6, keep_end=False)
    assert [(period.name, period.months) for period in after.problem.periods] == [("m6", (0, 6)), ("m12", (6, 12))]
    again = solved(after)
    assert plan.cash is not None
    assert again.cash is not None
    assert sum(m.total for m in plan.cash.months[:6]) + again.cash.total == pytest.approx(plan.cash.total)


def test_periods_of_the_scenario_that_came_are_certain(tmp_path: Path) -> None:
    rate = {f"m{m}{name}": f"{10 + m} req/s" for m in (0, 6, 12) for name in ("low", "high")}
    loaded = load(tmp_path, tiny.workload(rate=rate), periods=half_years("low", "high"))
    after = move(loaded, stub(loaded), 6, "high")
    assert [(p.name, p.hours, p.months, p.scenario) for p in after.problem.periods] == [
        ("m6high", pytest.approx(4380), (0, 6), None),
        ("m12high", pytest.approx(4380), (6, 12), None),
    ]


def test_a_horizon_stays_as_long_or_keeps_its_end(tmp_path: Path) -> None:
    loaded = load(tmp_path, growing())
    for keep, months in ((True, 12), (False, 18)):
        after = move(loaded, stub(loaded), 6, keep_end=keep)
        assert after.problem.horizon is not None
        assert (after.problem.horizon.start, after.problem.horizon.months) == ("2027-07", months)


def test_rows_of_the_fleet_grow_older(tmp_path: Path) -> None:
    """36 months from $3,600 to nothing: after six they are worth $3,000; what ends is left out; what comes, comes sooner."""
    place = {"instance": "shop/mini-1", "region": "eu-1", "region_group": "eu", "count": 1, "committed": True, **tiny.READ}
    fleet = {
        "old": {**place, "until": 6}, "own": {**place, "until": 36, "worth": "$3600", "paid": "owned"},
        "new": {**place, "from": 9, "until": 45, "due": "$900", "worth": "$900", "paid": "owned"}, "always": place,
    }  # fmt: skip
    loaded = load(tmp_path, growing(), catalog=facts(fleet=fleet))
    after = move(loaded, stub(loaded), 6).catalog.fleet
    assert {name: (row.starts, row.until, row.worth, row.due) for name, row in after.items()} == {
        "old": (0, 0, 0, 0), "own": (0, 30, 3000.0, 0), "new": (3, 39, 900.0, 900.0), "always": (0, None, 0, 0),
    }  # fmt: skip


def test_what_cannot_be_rolled_is_told(tmp_path: Path) -> None:
    loaded = load(tmp_path / "a", growing(), scenarios=SCENARIOS)
    for given_move, said in (
        (Move(2, "calm", keep_end=True), "2 months end within a step; steps end after 3, 6, 9, 12, 15, 18 months"),
        (Move(18, "calm", keep_end=True), "nothing is left of the horizon after 18 months"),
        (Move(3, None, keep_end=True), "which scenario came"),
        (Move(3, "bust", keep_end=True), "no scenario 'bust'"),
    ):
        with pytest.raises(InvalidInput, match=said):
            rolled(stub(loaded), loaded, given_move)
    with pytest.raises(InvalidInput, match="another version of the problem"):
        rolled(stub(loaded, problem_digest="x"), loaded, Move(3, "calm", keep_end=True))
    plain = load(tmp_path / "b", growing())
    with pytest.raises(InvalidInput, match="the problem has no scenarios"):
        rolled(stub(plain), plain, Move(3, "calm", keep_end=True))
    short = load(tmp_path / "c", growing(ends="2027-05"))
    with pytest.raises(InvalidInput, match="no workload has requests afterwards"):
        rolled(stub(short), short, Move(6, None, keep_end=True))
    timeless = tiny.load(tmp_path / "d", tiny.problem())
    with pytest.raises(InvalidInput, match="a plan without months cannot be rolled"):
        rolled(stub(timeless), timeless, Move(6, None, keep_end=True))


def test_a_purchase_that_is_no_more_in_the_catalogs_is_told(tmp_path: Path) -> None:
    loaded = load(tmp_path, growing())
    plan = solved(loaded)
    wrong = tuple(buy.model_copy(update={"hourly": buy.hourly * 2}) for buy in plan.purchases)
    with pytest.raises(InvalidInput, match="is not in the catalogs of the problem"):
        rolled(plan.model_copy(update={"purchases": wrong}), loaded, Move(3, None, keep_end=True))


SCALARS = st.one_of(
    st.text(max_size=12).filter(lambda text: text.isprintable()),
    st.sampled_from(["no", "1e5", "2027-01", "2027-01-02", "0x1f", "12:30", "null", "~", "", "1_000", ".5", "-3", "0o7"]),
    st.integers(-1000, 1000), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(),
)  # fmt: skip


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), min_size=1, max_size=4
    )
)
def test_a_file_reads_back_as_it_was_written(data: dict[str, Any]) -> None:
    assert parse(text_of(data, "a comment\nof two lines"), "x").data == data
