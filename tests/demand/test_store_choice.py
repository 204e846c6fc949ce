"""Which nodes, tiers and formats hold a store: by hand, on both sides of the crossovers, and against every combination."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import stores
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.store_choice import Holding, Load, choices, no_choice, parts_of
from planner.domain.stores import Store

QUICK = {**stores.NODE, "searched": [{**stores.POINT, "vectors": "10M", "rate": "10000 req/s"}]}
FAR = {**stores.COLD, "per_query": "$1/kreq", "searched": [{**stores.POINT, "vectors": "10M", "rate": "10000 req/s"}]}
HALF = {"hot_vectors": 0.25, "hot_queries": 0.5, "cold": ["far"]}


def cheapest(store: Store, mean: float, percentile: float | None = None) -> Holding:
    return choices(store, Load(mean, mean, percentile))[0]


def tiered(**fields: Any) -> Store:
    """8M vectors, 3.2 GB: 4 nodes of 1 GB in memory, or 1 node for a quarter and the rest cold."""
    nodes = {"node": QUICK, "far": FAR}
    return stores.made(nodes, **{"vectors": "8M", "tiers": [HALF], "types": {"allow": ["node"]}, **fields})


CROSSOVER = (3.0 - 2.4 * 0.73 / 730) / (0.5 * 3.6)
"""Queries/s at which tiers cost what 3 more nodes do: 2.4 GB at 0.001 $/h a GB, half of the queries at 3.6 $/h a query/s."""


@pytest.mark.parametrize(("factor", "cold"), [(0.99, True), (1.01, False)])
def test_tiers_pay_below_the_crossover_only(factor: float, cold: bool) -> None:
    (part,) = cheapest(tiered(), factor * CROSSOVER).parts
    assert (part.cold is not None) == cold
    least = min(4.0, 1.0 + 2.4 * 0.73 / 730 + factor * CROSSOVER * 0.5 * 3.6)
    assert part.hourly == pytest.approx(least)


@pytest.mark.parametrize(("factor", "precision"), [(0.99, "int8"), (1.01, "float32")])
def test_a_smaller_format_pays_below_the_crossover_only(factor: float, precision: str) -> None:
    """float32: 4 nodes of $1/h; int8: 1 node at `factor` · $4/h."""
    small = {**QUICK, "precision": "int8", "hourly": f"${4 * factor}/h"}
    store = stores.made({"whole": QUICK, "small": small}, vectors="8M")
    (part,) = cheapest(store, 1.0).parts
    assert store.nodes[part.hot.offer].precision == precision
    only = stores.made({"whole": QUICK, "small": small}, vectors="8M", precisions=["float32"])
    assert cheapest(only, 1.0).hourly == pytest.approx(4.0)


def test_a_cold_part_that_is_rare_enough_leaves_the_promise_to_the_hot_one() -> None:
    """At p95 with 4 % cold the hot 20 ms hold (at p99 of the hot part); with 10 % cold the cold 20 ms / (1 − 0.5) would too, if
    it were slower: 100 ms / 0.5.
    """
    slow = {**FAR, "searched": [{**stores.POINT, "vectors": "10M", "rate": "10000 req/s", "latency_p99": "100ms"}]}
    for hot, latency in ((0.96, 0.020), (0.90, 0.200)):
        store = stores.made({"node": QUICK, "far": slow}, vectors="8M", tiers=[{**HALF, "hot_queries": hot}])
        parts = [part for part in parts_of(store, store.parts[0], Load(1.0, 1.0, 95.0)) if part.cold is not None]
        assert min(part.latency for part in parts) == pytest.approx(latency, rel=0.02)


def test_faster_nodes_are_offered_where_a_promise_waits() -> None:
    """$1/h at 10 ms, $3/h at 1 ms, twice that at half the rate; without a promise only the cheapest."""
    store = stores.made({"node": stores.NODE, "fast": stores.FAST})
    found = choices(store, Load(10.0, 10.0, 95.0))
    assert [(each.hourly, round(each.latency, 6)) for each in found] == [(1.0, 0.020), (3.0, 0.002)]
    assert len(choices(store, Load(10.0, 10.0, None))) == 1
    assert len(choices(store, Load(10.0, 10.0, 95.0, step=0.0181))) == 1
    hurried = stores.made({"node": stores.NODE, "fast": stores.FAST}, latency_at_most="5ms")
    assert [each.hourly for each in choices(hurried, Load(10.0, 10.0, 95.0))] == [3.0]


def test_segments_have_nodes_of_their_own_where_they_may_stand() -> None:
    """30 queries/s: 60 % of them in the EU at 50 a copy; a node for each segment, the EU one the dearer."""
    eu = {**stores.NODE, "hourly": "$2/h", "region_groups": ["eu"]}
    us = {**stores.NODE, "region_groups": ["us"]}
    segments = [
        {"name": "europe", "vectors": 0.5, "queries": 0.6, "region_groups": ["eu"]},
        {"name": "rest", "vectors": 0.5, "queries": 0.4},
    ]
    found = cheapest(stores.made({"eu": eu, "us": us}, segments=segments), 30.0)
    assert {part.segment: (part.hot.offer, part.hot.peak) for part in found.parts} == {
        "europe": ("eu", 18.0),
        "rest": ("us", 12.0),
    }
    assert found.hourly == 3.0


def test_what_cannot_be_held_is_said() -> None:
    slow = stores.made({"node": stores.NODE}, latency_at_most="5ms")
    assert no_choice(slow, 95.0) == "nothing holds 'docs' within 0.005 s; the fastest takes 0.02 s"
    unknown = stores.made({"node": {**stores.NODE, "searched": [{**stores.POINT, "latency_p99": None}]}})
    assert "none is known" in no_choice(unknown, 95.0)
    assert no_choice(unknown, None) == ""


@given(
    prices=st.lists(st.floats(0.1, 5.0), min_size=3, max_size=3),
    latencies=st.lists(st.integers(1, 50), min_size=3, max_size=3),
    peak=st.floats(0.0, 300.0),
    split=st.floats(0.1, 0.9),
)
def test_nothing_left_out_is_both_cheaper_and_faster(
    prices: list[float], latencies: list[int], peak: float, split: float
) -> None:
    """Against every combination of parts of two segments."""
    nodes = {
        f"n{i}": {**stores.NODE, "hourly": f"${round(price, 3)}/h", "searched": [{**stores.POINT, "latency_p99": f"{late}ms"}]}
        for i, (price, late) in enumerate(zip(prices, latencies, strict=True))
    }
    cut = round(split, 2)
    segments = [{"name": "a", "vectors": 0.5, "queries": cut}, {"name": "b", "vectors": 0.5, "queries": 1 - cut}]
    store, load = stores.made(nodes, segments=segments), Load(peak, peak, 95.0)
    found = choices(store, load)
    every = [list(parts_of(store, segment, load)) for segment in store.parts]
    for combination in itertools.product(*every):
        cost, late = sum(part.hourly for part in combination), max(part.latency for part in combination)
        assert any(each.hourly <= cost + 1e-9 and each.latency <= late + 1e-12 for each in found)
    for one, other in itertools.pairwise(found):
        assert one.hourly < other.hourly
        assert one.latency > other.latency
