from __future__ import annotations

from math import inf
from types import SimpleNamespace

import pytest

from planner.errors import InvalidInput, MissingFact
from planner.supply.listings import hourly_cost, listings, unpriced


def test_each_price_is_a_way_to_pay(tiny: SimpleNamespace) -> None:
    prices = [tiny.price(on_demand="$30/h", spot="$12/h", reserved_1y="$20/h", reserved_3y="$15/h")]
    found = list(listings(tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", prices)})))
    assert [(each.kind, each.list_price, each.committed, each.limit) for each in found] == [
        ("on_demand", 30.0, False, inf),
        ("reserved_1y", 20.0, True, inf),
        ("reserved_3y", 15.0, True, inf),
        ("spot", 12.0, False, inf),
    ]
    assert {each.place for each in found} == {"aws/p5@us-east-1", "aws/p5@us-east-1 (spot)"}
    assert found[0].source == "price page (2026-07)"


def test_what_is_bought_is_committed_and_what_stands_is_sunk(tiny: SimpleNamespace) -> None:
    catalog = tiny.catalog(
        instances={"dgx/h100": tiny.instance("dgx/h100")},
        owned={"new": tiny.owned("dgx/h100", available=4), "more": tiny.owned("dgx/h100")},
        fleet={"old": tiny.fleet("dgx/h100")},
    )
    new, more, old = listings(catalog)
    assert (new.tag, new.kind, new.committed, new.limit, new.power) == ("owned:new", "owned", True, 4.0, 8000.0)
    assert new.list_price == pytest.approx(catalog.owned["new"].hourly)
    assert more.limit == inf
    assert (old.tag, old.kind, old.committed, old.limit, old.list_price) == ("fleet:old", "fleet", False, 2.0, 1.5)


def test_only_spot_is_inflated(tiny: SimpleNamespace) -> None:
    catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", [tiny.price(on_demand="$30/h", spot="$12/h")])})
    operations = tiny.problem(operations={"spot_restart": "30min", "spot_interruptions_per_hour": 0.5}).operations
    # ν·T = 0.5 · 0.5 h = 0.25: 12/0.75 = 16.
    assert [hourly_cost(each, operations) for each in listings(catalog)] == [30.0, pytest.approx(16.0)]


def test_interruptions_that_take_all_the_time_are_refused(tiny: SimpleNamespace) -> None:
    catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", [tiny.price(spot="$12/h")])})
    operations = tiny.problem(operations={"spot_restart": "1h", "spot_interruptions_per_hour": 1.0}).operations
    with pytest.raises(InvalidInput, match=r"operations\.spot_interruptions_per_hour: 1 spot .* 3600 s each take 100%"):
        hourly_cost(next(listings(catalog)), operations)


def test_two_rows_for_one_region_are_refused(tiny: SimpleNamespace) -> None:
    rows = [tiny.price(on_demand="$30/h"), tiny.price(on_demand="$31/h")]
    with pytest.raises(InvalidInput, match="more than one price row for us-east-1"):
        list(listings(tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", rows)})))


def test_a_row_without_a_price_is_named(tiny: SimpleNamespace) -> None:
    catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", [tiny.price()]), "dgx/h100": tiny.instance("dgx/h100")})
    assert list(unpriced(catalog)) == ["aws/p5@us-east-1"]
    assert list(listings(catalog)) == []


@pytest.mark.parametrize("section", ["owned", "fleet"])
def test_a_machine_in_no_catalog_is_named(tiny: SimpleNamespace, section: str) -> None:
    row = getattr(tiny, section)("dgx/h100")
    with pytest.raises(MissingFact, match=rf"{section}\.mine names the machine 'dgx/h100'"):
        list(listings(tiny.catalog(**{section: {"mine": row}})))
