"""Energy prices and carbon by region and hour, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.grids import grid_of
from planner.domain.catalog import Catalog
from planner.domain.offers import OwnedOffer
from planner.domain.problem import Period
from planner.errors import InvalidInput
from planner.supply.build import build_supply
from planner.supply.cells import Purchase
from planner.supply.hourly import by_period, hours_of, week_of

READ = {"source": "test", "as_of": "2026"}
CHEAP_NIGHTS = ["$0.04/kWh"] * 8 + ["$0.10/kWh"] * 16
CLEAN_NIGHTS = ["100 g/kWh"] * 8 + ["400 g/kWh"] * 16


def grid(*regions: str, **fields: Any) -> dict[str, Any]:
    return {"regions": list(regions), **READ, **fields}


def bought(tiny: SimpleNamespace, catalog: Catalog, **fields: Any) -> list[Purchase]:
    problem = tiny.problem(**fields)
    return list(build_supply(problem, catalog, tiny.streams(problem)).purchases)


def own(tiny: SimpleNamespace, grids: dict[str, Any] | None = None, **fields: Any) -> Catalog:
    """An 8×H100 node, 10.2 kW rated, bought in Berlin for next to nothing."""
    offer = tiny.owned("dgx/h100", **{"power": "10.2kW", "capex": "$1", "energy_price": "$0.08/kWh", **fields})
    made: Catalog = tiny.catalog(instances={"dgx/h100": tiny.instance("dgx/h100")}, owned={"new": offer}, grids=grids or {})
    return made


def test_the_worked_example(tiny: SimpleNamespace) -> None:
    """10.2 kW · 1.56 = 15.912 kW; at $0.08/kWh $1.27296/h, at 400 g/kWh 6.3648 kg/h (docs/energy.md)."""
    catalog = own(tiny, {"here": grid("berlin", carbon="400 g/kWh")})
    assert catalog.owned["new"].energy == pytest.approx(1.27296)
    (one,) = bought(tiny, catalog, finance={"carbon_price": "$100/t"})
    assert (one.draw, one.pue, one.grid) == (10_200.0, 1.56, "here")
    assert one.energy == pytest.approx(1.27296)
    assert one.carbon == (pytest.approx(6.3648),)
    assert one.carbon_cost == one.extra == (pytest.approx(0.63648),)


def test_a_list_of_equal_prices_is_that_price(tiny: SimpleNamespace) -> None:
    flat, same = own(tiny), own(tiny, energy_price=["$0.08/kWh"] * 24)
    (one,), (other,) = bought(tiny, flat), bought(tiny, same)
    assert (one.hourly, one.energy, one.extra) == (other.hourly, other.energy, other.extra)


DAY_NIGHT = [
    {"name": "day", "hours": 16, "hours_of_day": [8, 24]},
    {"name": "night", "hours": 8, "hours_of_day": [0, 8]},
]


def test_a_commitment_pays_the_mean_of_its_periods(tiny: SimpleNamespace) -> None:
    """16 hours at $0.10 and 8 at $0.04 are $0.08 on average: 15.912 kW · 0.08. Half the day at each would be $0.07."""
    (one,) = bought(tiny, own(tiny, energy_price=CHEAP_NIGHTS), periods=DAY_NIGHT)
    assert one.energy == pytest.approx(15.912 * 0.08)
    even = [{**DAY_NIGHT[0], "hours": 12}, {**DAY_NIGHT[1], "hours": 12}]
    (other,) = bought(tiny, own(tiny, energy_price=CHEAP_NIGHTS), periods=even)
    assert other.energy == pytest.approx(15.912 * 0.07)
    assert other.hourly - one.hourly == pytest.approx(-15.912 * 0.01)
    assert one.extra == other.extra == ()


def test_the_fleet_pays_each_period_its_own(tiny: SimpleNamespace) -> None:
    row = tiny.fleet("dgx/h100", hourly=1.0, power="10kW", pue=1.5, energy_price=CHEAP_NIGHTS)
    catalog = tiny.catalog(instances={"dgx/h100": tiny.instance("dgx/h100")}, fleet={"old": row})
    (one,) = bought(tiny, catalog, periods=DAY_NIGHT)
    assert [one.hourly + more for more in one.dearer] == pytest.approx([1.0 + 1.5, 1.0 + 0.6])
    assert one.hourly == pytest.approx(1.0 + 15 * 0.08)
    assert one.lowest == pytest.approx(1.6)


def test_carbon_of_each_period(tiny: SimpleNamespace) -> None:
    """Nights emit a quarter; two hours ahead of UTC the clean hours are 22 to 6."""
    (one,) = bought(tiny, own(tiny, {"here": grid("berlin", carbon=CLEAN_NIGHTS)}), periods=DAY_NIGHT)
    assert one.carbon == pytest.approx((15.912 * 0.4, 15.912 * 0.1))
    (ahead,) = bought(tiny, own(tiny, {"here": grid("berlin", carbon=CLEAN_NIGHTS, timezone=2)}), periods=DAY_NIGHT)
    assert ahead.carbon == pytest.approx((15.912 * (14 * 0.4 + 2 * 0.1) / 16, 15.912 * (6 * 0.1 + 2 * 0.4) / 8))


def test_the_price_of_the_grid(tiny: SimpleNamespace) -> None:
    catalog = own(tiny, {"here": grid("berlin", energy_price="$0.05/kWh")}, energy_price="grid")
    assert bought(tiny, catalog)[0].energy == pytest.approx(15.912 * 0.05)
    with pytest.raises(InvalidInput, match="no grid is known to feed berlin"):
        bought(tiny, own(tiny, energy_price="grid"))
    with pytest.raises(InvalidInput, match="the grid here states none"):
        bought(tiny, own(tiny, {"here": grid("berlin", carbon="1 g/kWh")}, energy_price="grid"))


def test_rented_machines_emit_by_their_boards(tiny: SimpleNamespace) -> None:
    """8 · 700 W · 1.8214 = 10.2 kW; PUE of the problem, since no row states one."""
    rows = {"aws/p5": tiny.instance("aws/p5", [tiny.price("us-1", "us", on_demand="$30/h")])}
    catalog = tiny.catalog(instances=rows, grids={"usa": grid("aws/us-1", carbon="400 g/kWh")})
    assert bought(tiny, catalog)[0].carbon == (pytest.approx(6.3648),)
    assert bought(tiny, catalog, energy={"pue": 1.1})[0].carbon == (pytest.approx(10.2 * 1.1 * 0.4),)


def test_unknown_grids_are_left_out_only_where_carbon_counts(tiny: SimpleNamespace) -> None:
    rows = {"aws/p5": tiny.instance("aws/p5", [tiny.price("us-1", "us", on_demand="$30/h")])}
    catalog = tiny.catalog(instances=rows)
    assert bought(tiny, catalog)[0].carbon is None
    problem = tiny.problem(limits={"carbon": "1 t/month"})
    supply = build_supply(problem, catalog, tiny.streams(problem))
    ((what, code, said),) = supply.rejected
    assert (what, code) == ("aws/p5@us-1/on_demand", "carbon_unknown") or (what, code) == ("aws/p5@us-1", "carbon_unknown")
    assert "limits.carbon is set and nothing is known of the grid that feeds us-1" in said


def test_names_win_over_patterns_and_two_names_are_a_mistake(tiny: SimpleNamespace) -> None:
    grids = {"all": grid("*"), "own": grid("aws/us-1"), "other": grid("us-*")}
    catalog = tiny.catalog(grids=grids)
    assert grid_of(catalog, "aws", "us-1") == "own"
    assert grid_of(catalog, "aws", "eu-1") == "all"
    with pytest.raises(InvalidInput, match="gcp/us-1 is fed by all and by other"):
        grid_of(catalog, "gcp", "us-1")


def test_hours_of_a_period() -> None:
    night = hours_of(Period(name="n", hours=8, hours_of_day=(22, 6)))
    assert night.reshape(7, 24)[0].nonzero()[0].tolist() == [0, 1, 2, 3, 4, 5, 22, 23]
    assert hours_of(Period(name="a", hours=8)).tolist() == pytest.approx([1 / 168] * 168)


@given(st.lists(st.floats(0, 1000), min_size=24, max_size=24), st.integers(-12, 14), st.integers(1, 23))
def test_parts_of_a_day_add_up_to_it(figures: list[float], ahead: int, cut: int) -> None:
    week = week_of(figures, ahead)
    parts = [Period(name="a", hours=cut, hours_of_day=(0, cut)), Period(name="b", hours=24 - cut, hours_of_day=(cut, 24))]
    each = by_period(week, parts)
    assert each @ np.array([cut, 24 - cut]) / 24 == pytest.approx(np.mean(figures), abs=1e-9)


def test_owned_rows_know_their_mean_price() -> None:
    row = OwnedOffer(
        instance="a/b",
        region="r",
        region_group="eu",
        capex="$1",
        power="1kW",
        energy_price=CHEAP_NIGHTS,
        source="s",
        as_of="2026",
    )
    assert row.mean_price == pytest.approx(0.08)
    with pytest.raises(ValueError, match="look it up there"):
        _ = row.model_copy(update={"energy_price": "grid"}).mean_price


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hours_of_day": [8, 8]}, "holds no hour"),
        ({"hours_of_day": [8, 9], "week": [1.0] * 168}, "give one of them"),
        ({"week": [1.0] * 24}, "168 figures"),
    ],
)
def test_periods_of_no_hours_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Period(name="p", hours=1, **fields)
