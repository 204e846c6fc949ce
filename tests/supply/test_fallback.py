"""Spot machines with fallback: price, who may use them, and how many replicas are missed at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.problem import Operations
from planner.supply.build import build_supply
from planner.supply.cells import Supply
from planner.supply.failures import unit_of
from planner.supply.fallback import blended, share_away
from planner.supply.limits import gpu_limits

SURE = {"availability": "99.9%", "spot_together": 1}


def operations(**fields: Any) -> Operations:
    never = {"gpu_per_year": 0, "node_per_year": 0}
    return Operations.model_validate({"availability": "99.9%", "failures": never, **fields})


def built(tiny: SimpleNamespace, *workloads: Any, room: Any = None, **fields: Any) -> tuple[Supply, list[float]]:
    """Cells of a machine that costs $30, $12 on the spot market, and what each limit leaves."""
    row = tiny.price(on_demand="$30/h", spot="$12/h") | {"available": room}
    catalog = tiny.catalog(
        instances={"aws/p5": tiny.instance("aws/p5", [row]), "aws/p4": tiny.instance("aws/p4", [tiny.price(spot="$5/h")])}
    )
    problem = tiny.problem(*workloads, operations=SURE, **fields)
    supply = build_supply(problem, catalog, tiny.streams(problem))
    limits = gpu_limits(problem, supply, catalog)
    by_purchase = [
        min((limit.gpus for limit in limits if limit.purchases[index]), default=float("inf"))
        for index in range(len(supply.purchases))
    ]
    return supply, by_purchase


def test_share_of_time_away_by_hand() -> None:
    """0.05 interruptions an hour and 2 h away: 20 h there, 2 h away, 1/11. At once back: never away. Never back: always."""
    assert share_away(0.05, 7200.0) == pytest.approx(1 / 11)
    assert share_away(0.05, 0.0) == 0.0
    assert share_away(0.05, 1e12) == pytest.approx(1.0)
    assert blended(12.0, 30.0, 1 / 11) == pytest.approx(150 / 11)


def test_a_cell_of_its_own_between_spot_and_on_demand(tiny: SimpleNamespace) -> None:
    chat, batch = tiny.workload("chat", interruptible="with_fallback"), tiny.workload("batch", interruptible=True)
    supply, _ = built(tiny, chat, batch, tiny.workload("voice"))
    who = {cell.name: (cell.interruptible, cell.fallback, cell.streams) for cell in supply.cells}
    assert who == {
        "aws/p5@us-east-1": (False, False, (True, True, True)),
        "aws/p5@us-east-1 (spot)": (True, False, (False, True, False)),
        "aws/p5@us-east-1 (spot with fallback)": (True, True, (True, True, False)),
        "aws/p4@us-east-1 (spot)": (True, False, (False, True, False)),
    }
    mixed = next(bought for bought in supply.purchases if bought.kind == "spot_with_fallback")
    assert mixed.list_price == pytest.approx(12 * 10 / 11 + 30 / 11)
    assert mixed.hourly == pytest.approx(mixed.list_price * 120 / 119)  # 0.05/h of 600 s are lost, as of all spot machines


def test_nothing_of_it_where_nobody_falls_back(tiny: SimpleNamespace) -> None:
    supply, _ = built(tiny, tiny.workload("batch", interruptible=True))
    assert not any(cell.fallback for cell in supply.cells)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"choose": {"offers": {"forbid": ["spot"]}}}, "offer"), ({"choose": {"offers": {"allow": ["spot"]}}}, "offer")],
)
def test_both_ways_to_pay_must_be_allowed(tiny: SimpleNamespace, fields: Any, code: str) -> None:
    supply, _ = built(tiny, tiny.workload("chat", interruptible="with_fallback"), **fields)
    assert not any(cell.fallback for cell in supply.cells)
    assert code in {row[1] for row in supply.rejected if "fallback" in row[0]}


def test_spot_machines_without_a_fallback_are_left_out_with_the_reason(tiny: SimpleNamespace) -> None:
    supply, _ = built(tiny, tiny.workload("chat", interruptible="with_fallback"))
    assert ("aws/p4@us-east-1 (spot)", "no_fallback") in {row[:2] for row in supply.rejected}


def test_quotas_and_rooms_of_both_prices_count_it(tiny: SimpleNamespace) -> None:
    chat = tiny.workload("chat", interruptible="with_fallback")
    for kind in ("spot", "on_demand"):
        supply, most = built(tiny, chat, limits={"quotas": [{"accelerator": "h100", "offer": kind, "gpus": 16}]})
        assert dict(zip((p.kind for p in supply.purchases), most, strict=True))["spot_with_fallback"] == 16
        supply, most = built(tiny, chat, room={kind: 3})
        assert dict(zip((p.kind for p in supply.purchases), most, strict=True))["spot_with_fallback"] == 24
    supply, _ = built(tiny, chat, room={"spot": 0})
    assert ("aws/p5@us-east-1 (spot with fallback)", "no_capacity") in {row[:2] for row in supply.rejected}


def test_a_replica_is_missed_from_the_end_of_the_warning_on() -> None:
    """0.05 interruptions an hour, 480 s each: x = 1/150, 1 − A = x/(1 + x) = 1/151; without a fallback 600 s: 1/121."""
    spot = {"interruptible": True}
    assert unit_of(1, 1, operations(), **spot, fallback=True).down == pytest.approx(1 / 151)
    assert unit_of(1, 1, operations(), **spot).down == pytest.approx(1 / 121)
    assert unit_of(1, 1, operations(spot_notice="0s"), **spot, fallback=True).down == pytest.approx(1 / 121)
    assert unit_of(1, 1, operations(spot_notice="1h"), **spot, fallback=True).down == 0.0


def test_spares_by_hand() -> None:
    """1 − A = 1/151 = 0.0066225 and 99.9 %: alone 99.34 %, so one spare, 1 − d² = 99.996 %. One is enough for seven replicas in
    all, P[2 or more] = 21·d² = 9.1e-4, not for eight, 28·d² = 1.2e-3; two for up to 28, P[3 or more] = 3,276·d³ = 9.3e-4."""
    unit = unit_of(1, 1, operations(), interruptible=True, fallback=True)
    assert [unit.spares(count, 0.999) for count in (1, 2, 7, 8, 22, 28)] == [1, 1, 1, 2, 2, 2]


def test_machines_taken_together_are_one_unit() -> None:
    """Three machines of one replica each: three are missed at once. Four replicas are on two such groups, of which one is kept in
    reserve. A replica on two machines shares three with another one: both are missed. One on four machines is on two pairs."""
    three = operations(spot_together=3)
    unit = unit_of(1, 1, three, interruptible=True, fallback=True)
    assert (unit.replicas, unit.down) == (3, pytest.approx(1 / 151))
    assert unit.spares(4, 0.999) == 3
    assert unit_of(8, 4, three, interruptible=True).replicas == 2
    assert unit_of(2, 8, three, interruptible=True).replicas == 12
    assert unit_of(32, 8, operations(spot_together=2), interruptible=True).down == pytest.approx(1 / 61)
    assert unit_of(1, 1, three, interruptible=False).replicas == 1


@given(
    together=st.integers(1, 5),
    count=st.integers(1, 40),
    spares=st.integers(0, 12),
    sizes=st.sampled_from([(1, 1), (1, 4), (2, 8), (8, 8), (16, 8), (32, 8)]),
    node=st.floats(0.0, 50.0),
)
def test_machines_that_are_missed_less_never_need_more(
    together: int, count: int, spares: int, sizes: tuple[int, int], node: float
) -> None:
    """What makes a cell superfluous: not spot, then with fallback, then spot, at any number of replicas and spares."""
    known = operations(spot_together=together, failures={"gpu_per_year": 0, "node_per_year": node})
    plain = unit_of(*sizes, known, interruptible=False).reached(count, spares)
    back = unit_of(*sizes, known, interruptible=True, fallback=True).reached(count, spares)
    spot = unit_of(*sizes, known, interruptible=True).reached(count, spares)
    assert spot <= back + 1e-12
    assert back <= plain + 1e-12
