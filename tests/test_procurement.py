"""What to commit to, and when: plans over a horizon beside sums done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated

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


def test_own_machines_are_bought_where_they_are_used_enough_hours(tmp_path: Path) -> None:
    """Owning costs capex·CRF/8760 + energy an hour of life: at 8 % and 4 years CRF = 0.301921. Against $1 rented by the hour
    it breaks even at capex* = (1 − energy)·8760/CRF; 1 % below it is bought, 1 % above rented. It comes three months after the
    order."""
    energy = 1.5 * 0.6 * 0.10
    even = (1.0 - energy) * 8760 / 0.30192080
    need = machines(tmp_path / "need", 20.0)
    for factor, bought in ((0.99, True), (1.01, False)):
        row = {
            "instance": "shop/mini-1", "region": "eu-1", "region_group": "eu", "capex": f"${factor * even}", "power": "600W",
            "pue": 1.5, "energy_price": "$0.10/kWh", "lead_months": 3, **tiny.READ,
        }  # fmt: skip
        made = plan(tmp_path / str(factor), steps(36), {"m0": 20.0, **{f"m{m}": 20.0 for m in range(6, 36, 6)}},
                    facts(0.99999, owned={"rack": row}))  # fmt: skip
        own = held(made, "owned")
        assert bool(own) is bought
        if bought:
            assert own == {(6, 36): {"m0": 0, **{f"m{m}": need for m in range(6, 36, 6)}}}
            (order,) = {buy.ordered for buy in made.purchases if buy.kind == "owned"}
            assert order == 3
