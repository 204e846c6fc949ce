"""Splits of the cost: by hand, and adding up to the cent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from planner.catalog.problem import LoadedProblem
from planner.demand.stream import Stream
from planner.domain.plan import Plan, Purchase
from planner.domain.plan_pools import ApiRoute, Pool
from planner.plan import costing
from planner.plan.pool import all_calls

Case = tuple[Plan, LoadedProblem]
CENT = 0.01
PERIODS = {"day": 10.0, "night": 14.0}


def pool(day: int, night: int, gpus: int = 1, shares: dict[str, tuple[float, float]] | None = None, **more: Any) -> Pool:
    loads = [SimpleNamespace(period=p, replicas=n, binding="prompt load") for p, n in (("day", day), ("night", night))]
    rates = [
        SimpleNamespace(stream=stream, period=period, rate=rate)
        for stream, both in (shares or {}).items()
        for period, rate in zip(PERIODS, both, strict=True)
    ]
    place = {"instance": "shop/box", "region": "here", "standing": ""} | more
    layout = SimpleNamespace(layout=SimpleNamespace(gpus=gpus))
    return cast("Pool", SimpleNamespace(deployment=layout, loads=loads, shares=rates, **place))


def purchase(cost: float, kind: str = "on_demand", region: str = "here") -> Purchase:
    standing = "spot" if kind == "spot" else ""
    made = SimpleNamespace(instance="shop/box", region=region, standing=standing, cost=cost, carbon_cost=0.0)
    return cast("Purchase", made)


def stream(rate: tuple[float, float], *, movable: bool = False) -> Stream:
    lengths = [SimpleNamespace(mean=1000.0), SimpleNamespace(mean=100.0)]
    named = {"prompt": lengths[0], "output": lengths[1], "prefix_tokens": 400.0, "prefix_hit": 0.5}
    return cast("Stream", SimpleNamespace(name="chat", rate=rate, movable=movable, called=1.0, **named))


def test_machines_cost_by_the_hours_they_are_held() -> None:
    """3 by day for 10 h and 1 at night for 14 h at $2: (30 + 14)·2/24 = $3.67/h."""
    assert costing.average_machine_cost({"day": 3, "night": 1}, 2.0, PERIODS) == pytest.approx(44 * 2 / 24)


def test_pools_share_their_place_by_accelerator_hours() -> None:
    """$12/h of machines; the first pool uses 2·10 + 2·14 = 48 accelerator-hours, the second 2·(10 + 0) = 20."""
    pools = [pool(2, 2), pool(1, 0, gpus=2)]
    first, second = costing.pool_costs(pools, [purchase(12.0)], PERIODS, 0.5)
    assert (first, second) == pytest.approx((12 * 48 / 68 + 0.5, 12 * 20 / 68 + 0.5))


def test_places_are_kept_apart() -> None:
    pools = [pool(1, 1), pool(1, 1, standing="spot"), pool(1, 1, region="there")]
    bought = [purchase(3.0), purchase(1.0, "spot"), purchase(5.0, region="there")]
    assert costing.pool_costs(pools, bought, PERIODS, 0.0) == pytest.approx([3.0, 1.0, 5.0])


def test_streams_pay_by_their_part_of_the_binding_resource() -> None:
    """By day a takes 1·0.1 and b 2·0.05 of one replica: half each of 10 h; at night a is alone for 14 h."""
    shared = pool(1, 1, shares={"a": (1.0, 3.0), "b": (2.0, 0.0)})
    paid = costing.stream_shares(shared, {"prompt load": {"a": 0.1, "b": 0.05}}, PERIODS)
    assert paid == pytest.approx({"a": 19 / 24, "b": 5 / 24})


def test_a_call_at_an_api_by_hand() -> None:
    """1,000 prompt tokens, of which 400·½ cached: 800·$2 + 200·$0.5 per million, and 100·$6 per million out."""
    route = cast("ApiRoute", SimpleNamespace(input_price=2e-6, cached_input_price=0.5e-6, output_price=6e-6))
    assert costing.call_prices(route, stream((1.0, 1.0))) == pytest.approx((1.7e-3, 6e-4))


def test_a_workload_per_token_and_call_by_hand() -> None:
    """24 calls/s by day for 10 of 24 h = 36,000 calls/h on average; $36/h, a quarter for 36M prompt tokens/h of 39.6M."""
    row = costing.workload_cost("chat", [stream((24.0, 0.0))], 36.0, 9.0, 72.0, PERIODS)
    assert row.share == 0.5
    assert row.per_thousand_calls == pytest.approx(1.0)
    assert row.per_million_input == pytest.approx(9 / 36)
    assert row.per_million_output == pytest.approx(27 / 3.6)
    assert row.tokens_per_hour == pytest.approx(39.6e6)


def test_all_calls_of_a_period_or_of_the_cycle() -> None:
    periods = cast("Any", [SimpleNamespace(hours=hours) for hours in PERIODS.values()])
    assert all_calls(stream((24.0, 0.0)), 0, periods) == 24.0
    assert all_calls(stream((24.0, 0.0), movable=True), 1, periods) == pytest.approx(240 / 14)


def test_every_split_of_a_plan_adds_up(mixed: Case) -> None:
    cost = mixed[0].cost
    assert cost.machines + cost.apis + cost.misses + cost.operations == pytest.approx(cost.total, abs=CENT / 1e3)
    assert sum(row.hourly for row in cost.by_workload) == pytest.approx(cost.total, abs=CENT / 1e3)
    assert sum(row.share for row in cost.by_workload) == pytest.approx(1.0)
    assert sum(row.hourly for row in cost.by_pool) == pytest.approx(cost.machines + cost.operations, abs=CENT / 1e3)
    assert sum(buy.cost for buy in mixed[0].purchases) == pytest.approx(cost.machines, abs=CENT / 1e3)


def test_prices_per_token_add_up_to_the_workload(mixed: Case) -> None:
    """800 prompt and 200 output tokens a call (cut log-normals: as read from the plan's own calls)."""
    plan, loaded = mixed
    from planner.demand.streams import build_flows

    for made, row in zip(build_flows(loaded.problem, loaded.base).streams, plan.cost.by_workload, strict=True):
        calls = row.hourly / row.per_thousand_calls * 1e3
        tokens = (row.per_million_input or 0.0) * made.prompt.mean + (row.per_million_output or 0.0) * made.output.mean
        assert calls * tokens / 1e6 == pytest.approx(row.hourly, rel=1e-9)
