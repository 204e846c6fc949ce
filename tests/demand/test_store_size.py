"""Sizing of one segment, solved by hand: shards by memory, measured size and writes; copies by queries; cost and latency."""

from __future__ import annotations

import math
from typing import Any

import pytest
import stores
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.store_size import Held, Need, holdings
from planner.domain.store_facts import StoreOffer


def need(peak: float = 10.0, base: float = 1.0, percentile: float = 95.0, **fields: Any) -> Need:
    store = stores.made(**fields)
    return Need(store, store.count, peak, peak / 2, store.inserts, percentile, base)


def held(asked: Need, offer: StoreOffer | None = None) -> list[Held]:
    return list(holdings(asked, "shop/node", offer or stores.offer()))


def test_one_node_holds_and_answers_all() -> None:
    """1M · 400 B = 0.4 GB on 1 GB; 10 queries/s of 100 · 0.5: one node, $1/h."""
    (one,) = held(need())
    assert (one.shards, one.copies, one.memory, one.capacity, one.hourly) == (1, 1, 4e8, 50.0, 1.0)
    assert one.binding == "memory"


def test_queries_add_copies() -> None:
    """101 queries/s at 50 a copy: 3 copies, and a spare."""
    (one,) = held(need(101.0, spares=1))
    assert (one.copies, one.binding, one.hourly) == (4, "queries", 4.0)


def test_memory_and_measured_size_add_shards() -> None:
    """2.4M vectors measured at 1M: 3 shards, though 0.96 GB fit on one node; with 1 kB of payload each 3.36 GB, 4 shards."""
    (one,) = held(need(vectors="2.4M"))
    assert (one.shards, one.binding) == (3, "measured size")
    (other,) = held(need(vectors="2.4M", payload="1kB"))
    assert (other.shards, other.memory, other.binding) == (4, pytest.approx(3.36e9), "memory")


def test_availability_decides_where_nothing_else_does() -> None:
    (one,) = held(need(replicas=2, spares=1))
    assert (one.copies, one.binding) == (3, "availability")


def test_no_measurement_is_used_beyond_its_size_nor_below_the_recall() -> None:
    """At 10M one node answers 20/s; at 1M ten shards answer 100/s each. Recall 0.99 was measured at 1M only."""
    points = [
        stores.POINT,
        {**stores.POINT, "vectors": "10M", "rate": "20 req/s"},
        {**stores.POINT, "recall": 0.99, "rate": "10 req/s"},
    ]
    node = stores.offer(searched=points, memory="8GB")
    found = {(one.point.vectors, one.point.recall): (one.shards, one.capacity) for one in held(need(vectors="10M"), node)}
    assert found == {(1e6, 0.95): (10, 50.0), (1e7, 0.95): (1, 10.0), (1e6, 0.99): (10, 5.0)}
    assert [one.point.recall for one in held(need(recall_at_least=0.97), node)] == [0.99]
    assert held(need(recall_at_least=0.995), node) == []


def test_a_store_without_nodes_is_paid_by_bytes_queries_and_writes() -> None:
    """0.4 GB at $0.73 a GB-month = 0.0004 $/h; 5 queries/s on average at $10 a million = 0.18 $/h."""
    (one,) = held(need(spares=3), StoreOffer.model_validate(stores.COLD))
    assert one.hourly == pytest.approx(0.4 * 0.73 / 730 + 5 * 3600 * 10e-6)
    assert one.copies == 1


def test_writes_take_from_the_query_rate() -> None:
    """Measured: 40/s at up to 100 inserts/s. Asked 150 inserts/s: two shards. Not measured: the share assumed is left."""
    fresh = {"documents": "150 req/s", "tokens": {"mean": 10}}
    (one,) = held(need(refresh=fresh), stores.offer(written=[{"inserts": "100 req/s", "rate": "40 req/s"}]))
    assert (one.shards, one.capacity) == (2, 20.0)
    (other,) = held(need(refresh=fresh, while_writing=0.25))
    assert (other.shards, other.capacity) == (1, 12.5)
    assert any("25% of the query rate" in text for text in other.assumed)


def test_more_dimensions_than_measured_are_slower_in_proportion_and_said_so() -> None:
    (one,) = held(need(dimensions=200))
    assert one.capacity == 25.0
    assert one.latency == pytest.approx(2 * 0.010 / 0.5)
    assert any("100 dimensions" in text for text in one.assumed)


def test_latency_grows_with_load_shards_and_percentile() -> None:
    """10 ms at p99 / (1 − 0.5) = 20 ms; at p99 of 4 shards each may take what 0.99^(1/4) stays within, ln(0.0025)/ln(0.01)."""
    (one,) = held(need())
    assert one.latency == pytest.approx(0.020)
    (four,) = held(need(vectors="4M", percentile=99.0))
    assert four.latency == pytest.approx(0.020 * math.log(1 - 0.99**0.25) / math.log(0.01))
    (unknown,) = held(need(), stores.offer(searched=[{**stores.POINT, "latency_p99": None}]))
    assert unknown.latency is None


def test_shared_copies_add_up_to_no_less_than_one_user_would_need() -> None:
    """Two users of 2 fewest copies of 50/s: at 60 + 30, exactly 2 are paid for; at 120 + 60, 4 are needed and 5 paid for:

    their shares of the 2 are 1⅓ and ⅔, so the first needs ⌈2.4 − 1⅓⌉ = 2 more and the second ⌈1.2 − ⅔⌉ = 1 more.
    """
    for peaks, copies in (((60.0, 30.0), 2.0), ((120.0, 60.0), 5.0)):
        bases = [peak / sum(peaks) for peak in peaks]
        paid = sum(held(need(peak, base, replicas=2))[0].copies for peak, base in zip(peaks, bases, strict=True))
        assert paid == pytest.approx(copies)


@given(
    peaks=st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=5),
    weights=st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5),
    replicas=st.integers(1, 5),
)
def test_sharing_never_pays_for_too_few(peaks: list[float], weights: list[float], replicas: int) -> None:
    """Whatever the shares: Σ copies >= max(fewest, ⌈Σ peak / capacity⌉)."""
    bases = [weight / sum(weights[: len(peaks)]) for weight in weights[: len(peaks)]]
    paid = sum(held(need(peak, base, replicas=replicas))[0].copies for peak, base in zip(peaks, bases, strict=True))
    assert paid >= max(replicas, sum(peaks) / 50.0) - 1e-6


@given(peaks=st.lists(st.floats(0.1, 1000.0), min_size=1, max_size=5), replicas=st.integers(1, 5))
def test_sharing_by_searches_costs_at_most_a_copy_for_each_further_user(peaks: list[float], replicas: int) -> None:
    paid = sum(held(need(peak, peak / sum(peaks), replicas=replicas))[0].copies for peak in peaks)
    assert paid <= max(replicas, math.ceil(sum(peaks) / 50.0 - 1e-9)) + len(peaks) - 1 + 1e-6


def cheapest(vectors: float, peak: float, recall: float, writes: float) -> float:
    points = [
        {"vectors": f"{size}M", "dimensions": 100, "recall": r, "rate": f"{rate} req/s", "latency_p99": "10ms"}
        for size, r, rate in ((1, 0.9, 300), (1, 0.97, 90), (4, 0.92, 120), (4, 0.98, 30))
    ]
    written = [{"inserts": "50 req/s", "rate": "200 req/s"}, {"inserts": "200 req/s", "rate": "60 req/s"}]
    fresh = {"refresh": {"documents": f"{writes} req/s", "tokens": {"mean": 10}}} if writes else {}
    asked = need(peak, vectors=f"{vectors}M", recall_at_least=recall, **fresh)
    return min((one.hourly for one in held(asked, stores.offer(searched=points, written=written))), default=math.inf)


@given(
    vectors=st.floats(0.1, 20.0), more=st.floats(1.0, 4.0), peak=st.floats(0.0, 500.0), recall=st.floats(0.85, 0.98),
    writes=st.floats(0.0, 400.0),
)  # fmt: skip
def test_more_vectors_queries_writes_or_recall_are_never_cheaper(
    vectors: float, more: float, peak: float, recall: float, writes: float
) -> None:
    vectors, writes = round(vectors, 3), round(writes, 3)
    cost = cheapest(vectors, peak, recall, writes) * (1 + 1e-9)
    assert cheapest(round(vectors * more, 3), peak, recall, writes) * (1 + 1e-8) >= cost / (1 + 1e-9)
    assert cheapest(vectors, peak * more, recall, writes) >= cost / (1 + 1e-9)
    assert cheapest(vectors, peak, recall - 0.05, writes) <= cost
