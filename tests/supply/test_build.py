from __future__ import annotations

from math import inf
from types import SimpleNamespace
from typing import Any

import pytest

from planner.domain.catalog import Catalog
from planner.errors import InvalidInput, MissingFact
from planner.supply.build import build_supply
from planner.supply.cells import Supply


def build(tiny: SimpleNamespace, catalog: Catalog, *workloads: Any, **fields: Any) -> Supply:
    problem = tiny.problem(*workloads, **fields)
    return build_supply(problem, catalog, tiny.streams(problem))


def names(supply: Supply) -> list[str]:
    return [cell.name for cell in supply.cells]


def paid(supply: Supply) -> dict[str, list[str]]:
    """Cell → tags of its purchases."""
    tags: dict[str, list[str]] = {cell.name: [] for cell in supply.cells}
    for purchase in supply.purchases:
        cell, _, tag = purchase.name.rpartition("/")
        assert supply.cells[purchase.cell].name == cell
        tags[cell].append(tag)
    return tags


def p5(tiny: SimpleNamespace, **prices: str) -> Catalog:
    rows = [tiny.price(**(prices or {"on_demand": "$30/h", "reserved_1y": "$20/h", "spot": "$12/h"}))]
    made: Catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", rows)})
    return made


def test_one_cell_a_region_and_one_for_spot(tiny: SimpleNamespace) -> None:
    supply = build(tiny, p5(tiny), tiny.workload("chat"), tiny.workload("batch", interruptible=True))
    cell, spot = supply.cells
    assert (cell.name, cell.interruptible, cell.streams) == ("aws/p5@us-east-1", False, (True, True))
    assert (spot.name, spot.interruptible, spot.streams) == ("aws/p5@us-east-1 (spot)", True, (False, True))
    assert (cell.instance, cell.seller, cell.accelerator, cell.gpus, cell.region_group) == ("aws/p5", "aws", "h100", 8, "us")
    assert cell.power == pytest.approx(10_200.0)
    assert paid(supply) == {cell.name: ["on_demand", "reserved_1y"], spot.name: ["spot"]}
    # 0.05 /h × 600 s (defaults): 12/(1 − 1/120) = 12·120/119.
    assert supply.purchases[2].hourly == pytest.approx(12 * 120 / 119)
    assert supply.purchases[2].list_price == 12.0
    assert supply.rejected == ()


def test_spot_nobody_may_use_is_left_out_with_the_reason(tiny: SimpleNamespace) -> None:
    # And then figures that leave spot no time do not matter.
    operations = {"spot_restart": "2h", "spot_interruptions_per_hour": 1.0}
    supply = build(tiny, p5(tiny), operations=operations)
    assert names(supply) == ["aws/p5@us-east-1"]
    [(what, code, _)] = supply.rejected
    assert (what, code) == ("aws/p5@us-east-1 (spot)", "interruptible")
    with pytest.raises(InvalidInput, match="a spot machine never works"):
        build(tiny, p5(tiny), tiny.workload(interruptible=True), operations=operations)


def test_own_machines_join_the_cell_of_their_place_or_make_one(tiny: SimpleNamespace) -> None:
    rows = [tiny.price("berlin", "eu", on_demand="$30/h")]
    catalog = tiny.catalog(
        instances={"colo/h100": tiny.instance("colo/h100", rows), "dgx/h100": tiny.instance("dgx/h100")},
        owned={"new": tiny.owned("colo/h100", available=4)},
        fleet={"old": tiny.fleet("dgx/h100")},
    )
    supply = build(tiny, catalog)
    assert paid(supply) == {"colo/h100@berlin": ["on_demand", "owned:new"], "dgx/h100@berlin": ["fleet:old"]}
    rented, bought, old = supply.purchases
    assert (rented.committed, bought.committed, old.committed) == (False, True, False)
    assert (rented.limit, bought.limit, old.limit) == (inf, 4.0, 2.0)
    assert (bought.kind, old.kind, old.hourly) == ("owned", "fleet", 1.5)


def test_choices_leave_out_purchases_and_places(tiny: SimpleNamespace) -> None:
    supply = build(tiny, p5(tiny), choose={"offers": {"forbid": ["reserved_*", "spot"]}})
    assert paid(supply) == {"aws/p5@us-east-1": ["on_demand"]}
    assert [row[:2] for row in supply.rejected] == [
        ("aws/p5@us-east-1/reserved_1y", "offer"),
        ("aws/p5@us-east-1 (spot)", "offer"),
    ]
    nowhere = build(tiny, p5(tiny), choose={"accelerators": {"forbid": ["h*"]}})
    assert nowhere.cells == nowhere.purchases == ()
    # One row for the place, not one for each way to pay.
    assert nowhere.rejected[0] == ("aws/p5@us-east-1", "accelerator", "accelerator h100 is forbidden by h*")
    assert len(nowhere.rejected) == 2


def test_offers_of_one_workload_split_the_cell(tiny: SimpleNamespace) -> None:
    # chat may not be bound to reservations. On demand is open to both, so it is also to be had in batch's own cell, where
    # it tops up the reserved machines.
    chat = tiny.workload("chat", choose={"offers": {"allow": ["on_demand"]}})
    supply = build(tiny, p5(tiny, on_demand="$30/h", reserved_1y="$20/h"), chat, tiny.workload("batch"))
    assert paid(supply) == {
        "aws/p5@us-east-1 (on_demand)": ["on_demand"],
        "aws/p5@us-east-1 (reserved_1y+on_demand)": ["reserved_1y", "on_demand"],
    }
    assert [cell.streams for cell in supply.cells] == [(True, True), (False, True)]


def test_offers_that_exclude_each_other_share_nothing(tiny: SimpleNamespace) -> None:
    chat = tiny.workload("chat", choose={"offers": {"allow": ["on_demand"]}})
    batch = tiny.workload("batch", choose={"offers": {"allow": ["reserved_1y"]}})
    supply = build(tiny, p5(tiny, on_demand="$30/h", reserved_1y="$20/h"), chat, batch)
    assert list(paid(supply).values()) == [["on_demand"], ["reserved_1y"]]
    assert [cell.streams for cell in supply.cells] == [(True, False), (False, True)]


def test_limited_machines_are_not_counted_twice(tiny: SimpleNamespace) -> None:
    rows = [tiny.price("berlin", "eu", on_demand="$30/h")]
    catalog = tiny.catalog(instances={"dgx/h100": tiny.instance("dgx/h100", rows)}, fleet={"old": tiny.fleet("dgx/h100")})
    chat = tiny.workload("chat", choose={"offers": {"forbid": ["on_demand"]}})
    supply = build(tiny, catalog, chat, tiny.workload("batch"))
    # The fleet is open to both, on demand to batch alone: the fleet's two machines stand in one cell only.
    assert sorted(paid(supply).values()) == [["fleet:old"], ["on_demand"]]


def test_no_stream_ever_meets_a_purchase_it_may_not_use(tiny: SimpleNamespace) -> None:
    kinds = ["on_demand", "reserved_1y", "reserved_3y", "owned"]
    rows = [tiny.price("berlin", "eu", on_demand="$30/h", reserved_1y="$20/h", reserved_3y="$15/h")]
    catalog = tiny.catalog(instances={"dgx/h100": tiny.instance("dgx/h100", rows)}, owned={"new": tiny.owned("dgx/h100")})
    workloads = [tiny.workload(f"w{n}", choose={"offers": {"forbid": kinds[:n]}}) for n in range(3)]
    supply = build(tiny, catalog, *workloads)
    assert len(set(names(supply))) == len(supply.cells)
    met = {(p.kind, n) for p in supply.purchases for n in range(3) if supply.cells[p.cell].streams[n]}
    assert met == {(kind, n) for n in range(3) for kind in kinds[n:]}


def test_one_region_name_on_two_continents_is_two_cells(tiny: SimpleNamespace) -> None:
    rows = [tiny.price("main", "us", on_demand="$30/h")]
    instances = {"dgx/h100": tiny.instance("dgx/h100", rows)}
    catalog = tiny.catalog(instances=instances, owned={"new": tiny.owned("dgx/h100", region="main")})
    supply = build(tiny, catalog, tiny.workload(data={"region_groups": ["us"]}), tiny.workload("eu"))
    assert {cell.region_group: cell.streams for cell in supply.cells} == {"us": (True, True), "eu": (False, True)}


def test_power_counts_only_under_a_limit(tiny: SimpleNamespace) -> None:
    rows = [tiny.price("berlin", "eu", on_demand="$30/h")]
    catalog = tiny.catalog(
        accelerators={"h100": tiny.accelerator("h100"), "secret": tiny.accelerator("secret", tdp=None)},
        instances={
            "dgx/h100": tiny.instance("dgx/h100", rows),
            "lab/secret": tiny.instance("lab/secret", rows, accelerator="secret"),
        },
        owned={"new": tiny.owned("dgx/h100"), "lab": tiny.owned("lab/secret", power="5kW")},
    )
    free = build(tiny, catalog)
    assert [(cell.name, round(cell.power)) for cell in free.cells] == [("dgx/h100@berlin", 10200), ("lab/secret@berlin", 0)]
    # Under a limit the stated 8 kW and 5 kW count for the owned machines, and nothing stands in for an unknown.
    tight = build(tiny, catalog, limits={"power": "100kW"})
    assert [(cell.name, round(cell.power)) for cell in tight.cells] == [
        ("dgx/h100@berlin (on_demand)", 10200),
        ("dgx/h100@berlin (owned)", 8000),
        ("lab/secret@berlin", 5000),
    ]
    [(what, code, sentence)] = tight.rejected
    assert (what, code) == ("lab/secret@berlin/on_demand", "power_unknown")
    assert "catalogs.overrides.accelerators.secret.tdp" in sentence


def test_two_owned_offers_of_different_draw_have_different_names(tiny: SimpleNamespace) -> None:
    owned = {"air": tiny.owned("dgx/h100"), "water": tiny.owned("dgx/h100", power="7kW")}
    catalog = tiny.catalog(instances={"dgx/h100": tiny.instance("dgx/h100")}, owned=owned)
    supply = build(tiny, catalog, limits={"power": "100kW"})
    assert names(supply) == ["dgx/h100@berlin (owned 8000 W eu)", "dgx/h100@berlin (owned 7000 W eu)"]


def test_a_row_without_prices_is_reported(tiny: SimpleNamespace) -> None:
    catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", [tiny.price()])})
    assert [row[:2] for row in build(tiny, catalog).rejected] == [("aws/p5@us-east-1", "no_price")]


def test_an_unknown_accelerator_is_named(tiny: SimpleNamespace) -> None:
    rows = [tiny.price(on_demand="$30/h")]
    catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", rows, accelerator="h900")})
    with pytest.raises(MissingFact, match=r"instances\.aws/p5 names the accelerator 'h900'"):
        build(tiny, catalog)
