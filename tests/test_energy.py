"""Energy and carbon from a problem to its plan, over the tiny catalog with two grids: eu-1 clean, us-1 not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
from click.testing import CliRunner

from planner.catalog.problem import LoadedProblem
from planner.cli import main
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.perf.energy import HOST_SHARE, busy_power, mean_power, power_fit
from planner.pipeline import plan_as_stated, plan_problem
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads

GRIDS = {
    "clean": {"regions": ["eu-1"], "carbon": "40 g/kWh", **tiny.READ},
    "dirty": {"regions": ["*/us-*"], "carbon": "400 g/kWh", **tiny.READ},
}
DRAW = 2 * 500 * 10_200 / 5_600 / 1e3
"""kW of a machine of two `mid`."""
MID = {"choose": {"instances": {"allow": ["shop/mid-2"]}, "offers": {"allow": ["on_demand"]}}}


def loaded(folder: Path, *workloads: dict[str, Any], grids: dict[str, Any] | None = None, **fields: Any) -> LoadedProblem:
    facts = {**tiny.catalog(), "grids": GRIDS if grids is None else grids}
    return tiny.load(folder, tiny.problem(*(workloads or (tiny.workload(rate="9 req/s"),)), **fields), facts)


def solved(case: LoadedProblem) -> Plan:
    plan = plan_as_stated(case, lambda _: None)
    assert verify(plan, case) == []
    return plan


def test_carbon_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    """One machine of 1.821 kW in us-1: 2.842 kW with PUE 1.56, 1.137 kg/h at 400 g/kWh."""
    assert solved(loaded(tmp_path / "not", **MID)).energy is None
    plan = solved(loaded(tmp_path / "asked", **MID, energy={}))
    part = plan.energy
    assert part is not None
    assert (part.facility_kw, part.carbon) == (pytest.approx(DRAW * 1.56), pytest.approx(DRAW * 1.56 * 0.4))
    (place,), (pool,) = part.places, part.pools
    assert (place.region, place.grid, place.carbon) == ("us-1", "dirty", {"always": pytest.approx(part.carbon)})
    assert (pool.rated_kw, pool.carbon, pool.assumed) == (pytest.approx(DRAW), pytest.approx(part.carbon), True)
    assert plan.cost.carbon == 0.0
    assert loads(dumps(plan)).energy is not None


def test_the_expected_draw_by_hand(tmp_path: Path) -> None:
    """MFU = FLOP/s of all tokens over peak, MBU = weights and caches read over bandwidth, while a replica runs.

    `mid` by the line of the H100: 500 W·(0.48 + 1.45·MFU + 0.29·MBU), and 0.5·500 W of host each.
    """
    plan = solved(loaded(tmp_path, **MID, energy={}))
    (pool,), part = plan.pools, plan.energy
    assert part is not None
    (load,), rate = pool.loads, sum(share.rate for share in pool.shares)
    layout, weights = pool.deployment.layout, 3.0e9 - 32000 * 2048
    devices, wide = load.replicas * layout.gpus, 2 if pool.deployment.precision == "bf16" else 1
    peak = 300e12 * (3 - wide)
    mfu = rate * (800 + 200) * 2 * weights / devices / peak
    caches = load.sequences * 2 * 24 * 4 * 128 * 2 * 900
    mbu = (weights * wide + caches) / layout.gpus / load.iteration / 900e9
    drawn = busy_power(500.0, mfu, mbu, power_fit(["mid"]))  # type: ignore[arg-type] # floats broadcast as arrays do
    assert load.sequences > 5  # never idle
    hand = devices * (float(mean_power(500.0, drawn, 1.0)[0]) + HOST_SHARE * 500) / 1e3  # type: ignore[arg-type]
    assert part.pools[0].expected_kw == pytest.approx(hand, rel=0.05)
    per_million = part.pools[0].expected_kw * 1.56 / (rate * 3600 * 1000) * 1e6  # type: ignore[operator]
    assert part.pools[0].kwh_per_million_tokens == pytest.approx(per_million, rel=0.02)


def test_a_price_of_carbon_moves_work_to_the_clean_grid(tmp_path: Path) -> None:
    """us-1 costs $2.20/h and emits 1.137 kg/h, eu-1 $2.60/h and 0.1137: even at $0.40/1.0232 kg = $391/t."""
    even = 0.4 / (DRAW * 1.56 * 0.36) * 1000
    for price, region in ((even * 0.99, "us-1"), (even * 1.01, "eu-1")):
        plan = solved(loaded(tmp_path / region, **MID, finance={"carbon_price": f"${price}/t"}))
        (buy,), part = plan.purchases, plan.energy
        assert part is not None
        assert buy.region == region
        assert plan.cost.carbon == buy.carbon_cost == pytest.approx(part.carbon / 1000 * price)
        assert plan.cost.total == pytest.approx(plan.cost.machines + plan.cost.carbon)
        lines = {line.item: line.hourly for line in plan.cost.statement.lines}  # type: ignore[union-attr]
        assert lines["carbon"] == pytest.approx(plan.cost.carbon)


def test_a_limit_of_carbon_does_too(tmp_path: Path) -> None:
    dirty, clean = DRAW * 1.56 * 0.4, DRAW * 1.56 * 0.04
    assert solved(loaded(tmp_path / "a", **MID, limits={"carbon": f"{dirty * 1.001} kg/h"})).purchases[0].region == "us-1"
    assert solved(loaded(tmp_path / "b", **MID, limits={"carbon": f"{dirty * 0.999} kg/h"})).purchases[0].region == "eu-1"
    with pytest.raises(Infeasible) as caught:
        plan_problem(loaded(tmp_path / "c", **MID, limits={"carbon": f"{clean * 0.9} kg/h"}), progress=lambda _: None)
    assert any(text.startswith("raise the carbon limit from") for text in caught.value.relaxations), caught.value.relaxations


def test_machines_of_unknown_grids_are_left_out_under_a_limit(tmp_path: Path) -> None:
    one = {"clean": GRIDS["clean"]}
    assert solved(loaded(tmp_path / "free", grids=one, **MID)).purchases[0].region == "us-1"
    plan = solved(loaded(tmp_path / "limit", grids=one, **MID, limits={"carbon": "10 t/month"}))
    assert plan.purchases[0].region == "eu-1"
    told = solved(loaded(tmp_path / "told", grids=one, **MID, energy={})).energy
    assert told is not None
    assert (told.unknown, told.carbon, told.places[0].carbon) == (("shop/mid-2@us-1",), 0.0, {"always": None})


def test_what_apis_emit_is_said_not_to_be_known(tmp_path: Path) -> None:
    notes = tiny.workload("notes", "0.01 req/s", objectives=[], data={"external_api": True})
    plan = solved(loaded(tmp_path, notes, limits={"carbon": "1 t/month"}))
    assert plan.apis
    assert any("What cloud/small emits is not known" in reason for reason in plan.reasons)


NIGHTS = ["$0.02/kWh"] * 12 + ["$0.50/kWh"] * 12


def test_work_that_may_wait_goes_where_energy_is_cheap(tmp_path: Path) -> None:
    """A fleet pays its own hours: 10 kW · PUE 1, $5 an hour by day and $0.20 at night, so a day's batch runs at night."""
    facts = {**tiny.catalog(), "grids": GRIDS}
    fleet = {"instance": "shop/mid-2", "region": "eu-1", "region_group": "eu", "count": 4, "power": "10kW", "pue": 1.0}
    facts["fleet"] = {"old": {**fleet, "energy_price": NIGHTS, **tiny.READ}}
    batch = tiny.workload("batch", {"day": "2 req/s", "night": "0 req/s"}, objectives=[], deadline="24h")
    periods = [{"name": "night", "hours": 12, "hours_of_day": [0, 12]}, {"name": "day", "hours": 12, "hours_of_day": [12, 24]}]
    case = tiny.load(tmp_path, tiny.problem(batch, periods=periods, choose={"offers": {"allow": ["fleet"]}}), facts)
    plan = solved(case)
    (buy,) = plan.purchases
    assert (buy.machines["day"], buy.machines["night"] > 0) == (0, True)
    assert buy.hourly == pytest.approx(10 * 0.26)
    assert buy.cost == plan.cost.total == pytest.approx(buy.machines["night"] * 0.2 / 2)
    lines = {line.item: line.hourly for line in plan.cost.statement.lines}  # type: ignore[union-attr]
    assert lines["energy"] == pytest.approx(plan.cost.total)


TAMPERINGS: dict[str, tuple[Any, str]] = {
    "carbon for free": (lambda d: d["cost"].update(carbon=0.0), "cost.carbon: "),
    "less carbon": (lambda d: d["energy"].update(carbon=0.1), "energy.carbon: 0.1 stated"),
    "less power": (lambda d: d["energy"].update(facility_kw=0.1), "energy.facility_kw: 0.1 stated"),
    "less at a place": (lambda d: d["energy"]["places"][0].update(carbon={"always": 0.1}), "places add up to 0.1"),
    "another expectation": (lambda d: d["energy"]["pools"][0].update(expected_kw=0.1), "is stated to draw 0.1 kW"),
    "nothing told": (lambda d: d.update(energy=None), "the problem asks for it"),
    "more machines": (lambda d: d["purchases"][0].update(machines={"always": 9}), "limits.carbon: "),
}


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, LoadedProblem]:
    limits = {"carbon": "2 kg/h"}
    case = loaded(tmp_path_factory.mktemp("priced"), **MID, limits=limits, finance={"carbon_price": "$100/t"})
    return solved(case), case


@pytest.mark.parametrize("done", TAMPERINGS)
def test_tampering_is_refused(priced: tuple[Plan, LoadedProblem], done: str) -> None:
    tamper, said = TAMPERINGS[done]
    plan, case = priced
    data = json.loads(plan.model_dump_json())
    tamper(data)
    failures = verify(Plan.model_validate(data), case)
    assert any(said in failure for failure in failures), failures


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"grids": {**GRIDS, "twin": {"regions": ["eu-1"], **tiny.READ}}}, "shop/eu-1 is fed by clean and by twin"),
        ({"grids": {"short": {"regions": ["eu-1"], "carbon": ["1 g/kWh"] * 7, **tiny.READ}}}, "7 figures"),
    ],
)
def test_grids_that_make_no_sense_are_refused(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        loaded(tmp_path, **fields)


def test_periods_that_know_no_hours_are_warned_of(tmp_path: Path) -> None:
    grids = {"clean": {**GRIDS["clean"], "carbon": ["40 g/kWh"] * 12 + ["60 g/kWh"] * 12}}
    periods = [{"name": "day", "hours": 12}, {"name": "night", "hours": 12}]
    case = loaded(tmp_path, grids=grids, periods=periods)
    assert any("no period says which hours" in warning.message for warning in case.warnings)


def test_reports_show_it(tmp_path: Path) -> None:
    loaded(tmp_path, **MID, energy={})
    done = CliRunner().invoke(main, ["solve", str(tmp_path / "problem.yaml"), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0
    for text in (done.output, (tmp_path / "out" / "report.md").read_text()):
        assert "Energy and carbon" in text
        assert "2.84 kW with cooling and losses, 1.14 kg/h CO2e (0.83 t/mo)" in " ".join(text.split())
