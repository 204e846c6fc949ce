"""What to commit to, and when: plans over a horizon beside sums done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

HOURS = 730


def facts(reserved: float, **more: Any) -> dict[str, Any]:
    """One kind of machine: $1 an hour, or `reserved` for a year."""
    made = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y=f"${reserved}/h")
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    return made | more


def plan(folder: Path, periods: list[dict[str, Any]], rates: dict[str, float], catalog: dict[str, Any], **fields: Any) -> Plan:
    chosen = {"offers": {"allow": ["on_demand", "reserved_1y", "owned"]}}
    rate = {name: f"{value} req/s" for name, value in rates.items()}
    problem = tiny.problem(tiny.workload(rate=rate), periods=periods, choose=chosen, **fields)
    return plan_as_stated(tiny.load(folder, problem, catalog), lambda _: None)


def machines(folder: Path, rate: float) -> int:
    """Return how many machines a rate needs."""
    alone = plan(folder, [{"name": "always", "hours": 1}], {"always": rate}, facts(99.0))
    return sum(buy.machines["always"] for buy in alone.purchases)


def held(made: Plan, kind: str) -> dict[tuple[int, int] | None, dict[str, int]]:
    return {buy.live: buy.machines for buy in made.purchases if buy.kind == kind}


@pytest.mark.parametrize(("reserved", "high_too"), [(0.35, True), (0.45, False)])
def test_reserve_up_to_the_load_that_enough_hours_exceed(tmp_path: Path, reserved: float, *, high_too: bool) -> None:
    """Newsvendor: a machine that is needed a share q of the hours is reserved if c_res < q·c_od (handbook §9); here q = 0.4."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    assert 0 < low < high
    periods = [{"name": "night", "hours": 0.6 * HOURS}, {"name": "day", "hours": 0.4 * HOURS}]
    made = plan(tmp_path, periods, {"night": 20.0, "day": 60.0}, facts(reserved))
    base = high if high_too else low
    assert held(made, "reserved_1y") == {None: {"night": base, "day": base}}
    assert held(made, "on_demand") == ({} if high_too else {None: {"night": 0, "day": high - low}})
    by_hand = reserved * base + (0.0 if high_too else 0.4 * (high - low))
    assert made.cost.machines == pytest.approx(by_hand)


def steps(months: int, step: int = 6) -> list[dict[str, Any]]:
    return [{"name": f"m{start}", "hours": HOURS * step, "months": [start, start + step]} for start in range(0, months, step)]


def test_growth_is_rented_where_a_year_outlasts_it(tmp_path: Path) -> None:
    """Reserved at 0.6: over 12 months with more from month 6 on, a year begun then is owed 12/6 of 0.6 = 1.2 > 1: rented."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    made = plan(tmp_path, steps(12), {"m0": 20.0, "m6": 60.0}, facts(0.6))
    assert held(made, "reserved_1y") == {(0, 12): {"m0": low, "m6": low}}
    assert held(made, "on_demand") == {None: {"m0": 0, "m6": high - low}}
    assert made.cost.machines == pytest.approx(0.6 * low + 0.5 * (high - low))


def test_growth_is_reserved_from_when_it_comes_if_it_lasts(tmp_path: Path) -> None:
    """Over 18 months the year begun in month 6 ends with the horizon: reserved then. The base's second half year is owed 2·0.6
    if reserved anew, so it is rented: 0.6·12/18 for the first year and 6/18 for the rest."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    made = plan(tmp_path, steps(18), {"m0": 20.0, "m6": 60.0, "m12": 60.0}, facts(0.6))
    years = held(made, "reserved_1y")
    assert years == {(0, 12): {"m0": low, "m6": low, "m12": 0}, (6, 18): {"m0": 0, "m6": high - low, "m12": high - low}}
    assert held(made, "on_demand") == {None: {"m0": 0, "m6": 0, "m12": low}}
    assert made.cost.machines == pytest.approx(0.6 * low * 12 / 18 + 0.6 * (high - low) * 12 / 18 + low * 6 / 18)
    assert {buy.ordered for buy in made.purchases if buy.live} == {0, 6}


def rack(capex: float, **more: Any) -> dict[str, Any]:
    """Return a machine of one's own that draws 600 W and comes three months after the order."""
    return {
        "instance": "shop/mini-1", "region": "eu-1", "region_group": "eu", "capex": f"${capex}", "power": "600W", "pue": 1.5,
        "energy_price": "$0.10/kWh", "lead_months": 3, **tiny.READ, **more,
    }  # fmt: skip


def test_own_machines_are_bought_where_they_are_used_enough_hours(tmp_path: Path) -> None:
    """Owning costs capex·CRF/8760 + energy an hour of life: at 8 % and 4 years CRF = 0.301921. Against $1 rented by the hour
    it breaks even at capex* = (1 − energy)·8760/CRF; 1 % below it is bought, 1 % above rented. It comes three months after the
    order."""
    energy = 1.5 * 0.6 * 0.10
    even = (1.0 - energy) * 8760 / 0.30192080
    need = machines(tmp_path / "need", 20.0)
    for factor, bought in ((0.99, True), (1.01, False)):
        row = rack(factor * even)
        made = plan(tmp_path / str(factor), steps(36), {"m0": 20.0, **{f"m{m}": 20.0 for m in range(6, 36, 6)}},
                    facts(0.99999, owned={"rack": row}))  # fmt: skip
        own = held(made, "owned")
        assert bool(own) is bought
        if bought:
            assert own == {(6, 36): {"m0": 0, **{f"m{m}": need for m in range(6, 36, 6)}}}
            (order,) = {buy.ordered for buy in made.purchases if buy.kind == "owned"}
            assert order == 3


def test_cash_leaves_when_it_is_due(tmp_path: Path) -> None:
    """18 months, reserved at 0.6 with a quarter upfront: 0.25·0.6·730·12 at the start of a year, 0.45 an hour while it lasts."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    catalog = facts(0.6)
    catalog["instances"]["shop/mini-1"]["prices"][0]["upfront"] = 0.25
    made = plan(tmp_path, steps(18), {"m0": 20.0, "m6": 60.0, "m12": 60.0}, catalog)
    cash = made.cash
    assert cash is not None
    assert len(cash.months) == 18
    more = high - low
    first, hourly = 0.25 * 0.6 * HOURS * 12, 0.75 * 0.6 * HOURS
    assert [cash.months[m].reserved for m in (0, 1, 6, 12)] == pytest.approx(
        [low * (first + hourly), low * hourly, low * hourly + more * (first + hourly), more * hourly]
    )
    assert [cash.months[m].rented for m in (0, 11, 12, 17)] == pytest.approx([0.0, 0.0, low * HOURS, low * HOURS])
    assert (cash.owed_after, cash.worth_after) == (0.0, 0.0)
    assert cash.total == pytest.approx((low + more) * 0.6 * HOURS * 12 + low * HOURS * 6)
    by_hand = low * first + more * first / 1.08**0.5
    by_hand += sum((low * hourly if m < 12 else 0.0) / 1.08 ** (m / 12) for m in range(18))
    by_hand += sum((more * hourly if m >= 6 else 0.0) / 1.08 ** (m / 12) for m in range(18))
    by_hand += sum((low * HOURS if m >= 12 else 0.0) / 1.08 ** (m / 12) for m in range(18))
    assert cash.npv == pytest.approx(by_hand)


def test_what_is_bought_is_paid_on_delivery_and_worth_something_at_the_end(tmp_path: Path) -> None:
    """$8,000 in month 6 of 36, 1.5·0.6 kW·$0.10 = $0.09 an hour to run; after 30 of 48 months 30/48 of what it loses is gone."""
    need = machines(tmp_path / "need", 20.0)
    rates = {"m0": 20.0, **{f"m{m}": 20.0 for m in range(6, 36, 6)}}
    made = plan(tmp_path, steps(36), rates, facts(0.99999, owned={"rack": rack(8000.0, salvage=0.1)}))
    cash = made.cash
    assert cash is not None
    assert [cash.months[m].bought for m in (5, 6, 7)] == pytest.approx([0.0, 8000.0 * need, 0.0])
    assert [cash.months[m].running for m in (5, 6, 35)] == pytest.approx([0.0, 0.09 * HOURS * need, 0.09 * HOURS * need])
    assert [cash.months[m].rented for m in (0, 6)] == pytest.approx([HOURS * need, 0.0])
    assert cash.worth_after == pytest.approx(need * (8000.0 - (8000.0 - 800.0) * 30 / 48))


def test_a_year_that_outlasts_the_horizon_is_owed(tmp_path: Path) -> None:
    """Reserved at 0.2: six months' use of a year costs 0.4 an hour, less than renting; half of it is still owed then."""
    need = machines(tmp_path / "need", 20.0)
    made = plan(tmp_path, steps(6), {"m0": 20.0}, facts(0.2))
    assert made.cash is not None
    assert made.cost.machines == pytest.approx(0.4 * need)
    assert made.cash.total == pytest.approx(need * 0.2 * HOURS * 6)
    assert made.cash.owed_after == pytest.approx(need * 0.2 * HOURS * 6)


def test_without_months_there_is_no_cash_flow(tmp_path: Path) -> None:
    made = plan(tmp_path, [{"name": "always", "hours": HOURS}], {"always": 20.0}, facts(0.5))
    assert made.cash is None
    assert '"cash"' not in dumps(made)
    assert '"live"' not in dumps(made)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"total": 1.0}, "cash.total"),
        ({"npv": 1.0}, "cash.npv"),
        ({"months": {"rented": 5.0}}, "cash.rented"),
        ({"months": {"total": 5.0}}, "cash.months[0]"),
    ],
)
def test_the_check_finds_wrong_payments(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    rate = {"m0": "20 req/s", "m6": "60 req/s"}
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate=rate), periods=steps(12)), facts(0.6))
    made = plan_as_stated(loaded, lambda _: None)
    assert made.cash is not None
    assert verify(made, loaded) == []
    months = made.cash.months
    if "months" in change:
        change = {"months": (months[0].model_copy(update=change["months"]), *months[1:])}
    wrong = made.model_copy(update={"cash": made.cash.model_copy(update=change)})
    assert any(said in failure for failure in verify(wrong, loaded))


def test_static_sizing_and_the_floor_by_hand(tmp_path: Path) -> None:
    """By day 60 % of 730 hours need `low` machines, else `high`; static sizing holds `high` all the time. The floor is the load
    itself: what a machine carries at most is read off its busiest hour."""
    low, high = machines(tmp_path / "low", 20.0), machines(tmp_path / "high", 60.0)
    periods = [{"name": "night", "hours": 0.6 * HOURS}, {"name": "day", "hours": 0.4 * HOURS}]
    made = plan(tmp_path, periods, {"night": 20.0, "day": 60.0}, facts(99.0))
    sizing = made.sizing
    assert sizing is not None
    assert sizing.static_cost == pytest.approx(high)
    assert sizing.gpu_hours == pytest.approx(HOURS * (0.6 * low + 0.4 * high))
    (pool,) = made.pools
    need = sum(max(load.utilization.values()) * load.replicas * made.periods[load.period] for load in pool.loads)
    assert sizing.floor_gpu_hours == pytest.approx(need, rel=1e-3)
    assert sizing.floor_gpu_hours < sizing.gpu_hours


def test_one_period_has_nothing_to_follow(tmp_path: Path) -> None:
    made = plan(tmp_path, [{"name": "always", "hours": HOURS}], {"always": 20.0}, facts(0.5))
    assert made.sizing is None


def futures(high: float, *ends: int) -> list[dict[str, Any]]:
    """Two scenarios, the high one with this probability, over steps that end in these months."""
    begins = (0, *ends[:-1])
    return [
        {"name": f"m{begin}@{name}", "hours": chance * HOURS * (end - begin), "months": [begin, end], "scenario": name}
        for begin, end in zip(begins, ends, strict=True)
        for name, chance in (("low", 1.0 - high), ("high", high))
    ]


@pytest.mark.parametrize(("high", "now"), [(0.45, True), (0.35, False)])
def test_what_only_a_scenario_needs_is_committed_to_if_it_is_likely_enough(tmp_path: Path, high: float, *, now: bool) -> None:
    """Reserved at 0.4: what is needed with probability q is reserved before it is known if 0.4 < q, else rented when it comes."""
    few, many = machines(tmp_path / "few", 20.0), machines(tmp_path / "many", 60.0)
    made = plan(tmp_path, futures(high, 12), {"m0@low": 20.0, "m0@high": 60.0}, facts(0.4))
    years = held(made, "reserved_1y")
    base = many if now else few
    assert years == {(0, 12): {"m0@low": base, "m0@high": base}}
    assert held(made, "on_demand") == ({} if now else {None: {"m0@low": 0, "m0@high": many - few}})
    assert made.cost.machines == pytest.approx(0.4 * base + (0.0 if now else high * (many - few)))


def test_waiting_pays_where_the_scenario_shows_in_time(tmp_path: Path) -> None:
    """Demand grows in month 6 with probability 0.4, over 18 months: a year reserved then, knowing, costs 0.6·12/18 of what it is
    needed for, and only if it is needed. The base is reserved for a year and rented for six months, in one order or the other."""
    few, many = machines(tmp_path / "few", 20.0), machines(tmp_path / "many", 60.0)
    rates = {f"m{m}@{name}": 60.0 if m and name == "high" else 20.0 for m in (0, 6, 12) for name in ("low", "high")}
    made = plan(tmp_path, futures(0.4, 6, 12, 18), rates, facts(0.6))
    grown = [buy for buy in made.purchases if buy.live == (6, 18)]
    assert sum(buy.machines["m12@high"] - buy.machines["m12@low"] for buy in grown) == many - few
    assert {buy.scenario for buy in grown} <= {"low", "high"}
    assert made.cost.machines == pytest.approx((0.6 * 12 + 6) / 18 * few + 0.4 * 0.6 * (many - few) * 12 / 18)
    assert made.cash is not None
    assert made.cash.total == pytest.approx(made.cost.machines * 18 * HOURS)


def test_regrets_by_hand(tmp_path: Path) -> None:
    """3 machines, or 8 with probability 0.45, reserved at 0.4 or rented at 1.

    The plan reserves 8: 3.2 whatever comes. Knowing costs 0.4·3 = 1.2 or 3.2, on average 0.55·1.2 + 0.45·3.2 = 2.1: worth 1.1.
    As if the low one were certain: 1.2, or 1.2 + 5 rented = 6.2; on average 3.45, and 3 too much in the worst case.
    """
    few, many = machines(tmp_path / "few", 20.0), machines(tmp_path / "many", 60.0)
    assert (few, many) == (3, 8)
    made = plan(tmp_path, futures(0.45, 12), {"m0@low": 20.0, "m0@high": 60.0}, facts(0.4))
    told = made.futures
    assert told is not None
    assert [(one.name, one.probability, one.cost, one.known) for one in told.scenarios] == [
        ("low", pytest.approx(0.55), pytest.approx(3.2), pytest.approx(1.2)),
        ("high", pytest.approx(0.45), pytest.approx(3.2), pytest.approx(3.2)),
    ]
    assert told.perfect_information == pytest.approx(1.1)
    assert told.waiting == pytest.approx(0.0)
    rows = {row.name: (row.costs, row.expected, row.worst_regret) for row in told.commitments}
    approx = pytest.approx
    assert rows["the plan"] == ({"low": approx(3.2), "high": approx(3.2)}, approx(3.2), approx(2.0))
    assert rows["as if low were certain"] == ({"low": approx(1.2), "high": approx(6.2)}, approx(3.45), approx(3.0))
    assert rows["as if high were certain"] == rows["the plan"]


def test_waiting_is_worth_what_ordering_all_at_the_start_costs_more(tmp_path: Path) -> None:
    """Over 18 months: a year may begin in month 6 once the scenario shows. If it may not, what grows is rented: 1 instead of 0.6
    for a year with probability 0.4; the base is rented for six months either way."""
    few, many = machines(tmp_path / "few", 20.0), machines(tmp_path / "many", 60.0)
    rates = {f"m{m}@{name}": 60.0 if m and name == "high" else 20.0 for m in (0, 6, 12) for name in ("low", "high")}
    made = plan(tmp_path, futures(0.4, 6, 12, 18), rates, facts(0.6))
    assert made.futures is not None
    assert made.futures.waiting == pytest.approx(0.4 * (1.0 - 0.6) * (many - few) * 12 / 18)
    text = render(made)
    assert "## Scenarios" in text
    assert "Ordering nothing after the start would cost $0.533/h more." in text
    assert "If high comes (40%)" in text


def test_a_plan_read_from_its_file_is_checked_like_the_one_made(tmp_path: Path) -> None:
    """A third of 730 hours has more digits than a plan is written with."""
    periods = [
        {"name": f"always@{name}", "hours": HOURS / 3, "months": [0, 12], "scenario": name} for name in ("low", "mid", "high")
    ]
    rate = {"always@low": "10 req/s", "always@mid": "20 req/s", "always@high": "30 req/s"}
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate=rate), periods=periods), facts(0.6))
    made = loads(dumps(plan_as_stated(loaded, lambda _: None)))
    assert verify(made, loaded) == []
    other = made.model_copy(update={"periods": {**made.periods, "always@low": 100.0}})
    assert any("periods are not" in failure for failure in verify(other, loaded))
