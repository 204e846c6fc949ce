"""Sizing one segment of a vector store on one kind of node: shards by memory and by what was measured, copies by queries.

A measurement says what a copy answers with so many vectors at such a recall. It is used for as many or fewer vectors; more are
cut into shards of at most that size, and every query asks all of them. Nothing is extrapolated to larger sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from planner.demand.store_memory import BYTES, index_bytes
from planner.domain.store_facts import Searched, StoreOffer
from planner.domain.stores import Store
from planner.units import HOURS_PER_MONTH

TAIL = 0.01
"""Share of queries slower than the latency that was measured."""

Binding = Literal["memory", "measured size", "queries", "availability"]
"""What decides the number of nodes."""


@dataclass(frozen=True)
class Need:
    """What is asked of a segment."""

    store: Store
    """The store."""
    vectors: float
    """Vectors in it [1]."""
    peak: float
    """Queries in the busiest period [1/s]."""
    mean: float
    """Queries on average [1/s]."""
    inserts: float
    """Vectors written [1/s]."""
    percentile: float
    """Percentile of the promise that waits for it."""
    base: float = 1.0
    """Share of the fewest copies that this workload pays for and may use [1]."""


@dataclass(frozen=True)
class Held:
    """Vectors on one kind of node."""

    offer: str
    """What they stand on."""
    point: Searched
    """The measurement it is planned with."""
    shards: int
    """Nodes of a copy."""
    copies: float
    """Copies paid for, spares included."""
    memory: float
    """Of one copy, payload included [B]."""
    vectors: float
    """Vectors of one copy [1]."""
    capacity: float
    """Queries per second that a copy may be given [1/s]."""
    peak: float
    """Queries per second in the busiest period [1/s]."""
    latency: float | None
    """Of a query, at the percentile [s]; None = not known."""
    hourly: float
    """Cost [$/h]."""
    binding: Binding
    """What decides the number of nodes."""
    assumed: tuple[str, ...] = ()
    """What was assumed."""

    @property
    def key(self) -> tuple[object, ...]:
        """What it is, whatever the queries: alike for all who share it."""
        return self.offer, self.point, self.shards


def holdings(need: Need, name: str, offer: StoreOffer) -> Iterator[Held]:
    """Yield the ways to hold a segment on one kind of node: by each measurement that reaches the recall, in as few shards as fit.

    S = max(⌈M/(u_m·memory)⌉, ⌈N/N_measured⌉, ⌈inserts/inserts_measured⌉ for each rate of writing measured)
    R = max(replicas, ⌈peak/(u·rate)⌉) + spares
    cost = R·S·price + R·M·storage + queries·S·price per query + R·writes·price per byte

    Parameters
    ----------
    need : what is asked
    name : of the offer
    offer : the kind of node

    Returns
    -------
    Ways, in the order of the measurements

    Notes
    -----
    Where the store has more dimensions than the measurement, its rate is scaled down and its latency up by their ratio
    (assumption: time is spent on distances). With a base share s, the fewest copies are split among those who share the store:
    R = s·(replicas + spares) + ⌈(peak − s·replicas·u·rate)/(u·rate)⌉, which is the above for s = 1.
    """
    store = need.store
    memory = bytes_of(store, offer, need.vectors)
    room = (offer.memory or math.inf) * (offer.usable_memory or store.usable_memory)
    by_memory = max(_ceil(memory / room), 1)
    by_writes = [_ceil(need.inserts / row.inserts) for row in offer.written if need.inserts > 0] or [1]
    for point in offer.searched:
        if point.recall + 1e-12 >= store.recall_at_least:
            by_size = _ceil(need.vectors / point.vectors)
            for shards in sorted({max(by_memory, by_size, each) for each in by_writes}):
                yield _held(need, name, offer, point, memory, shards, "memory" if shards == by_memory else "measured size")


def bytes_of(store: Store, offer: StoreOffer, vectors: float) -> float:
    """Return the memory of some vectors with their payload [B]."""
    each = offer.bytes_per_dimension or BYTES[offer.precision]
    return index_bytes(vectors, store.dimensions, each, store.links, offer.index) + vectors * (store.payload or 0.0)


def _held(need: Need, name: str, offer: StoreOffer, point: Searched, memory: float, shards: int, cut_by: Binding) -> Held:
    """Return so many shards on one kind of node, with as many copies as the queries need."""
    store = need.store
    rate, assumed = rate_of(need, offer, point, shards)
    capacity = store.utilization * rate
    fewest, spares = (store.replicas, store.spares) if offer.memory is not None else (1, 0)
    more = max(_ceil(need.peak / capacity - need.base * fewest), 0)
    copies = need.base * (fewest + spares) + more
    written = need.inserts * store.dimensions * BYTES[offer.precision] * 3600.0
    each = shards * offer.hourly + memory * offer.storage_per_month / HOURS_PER_MONTH + written * offer.per_written
    latency, told = latency_of(need, point, shards)
    few: Binding = "availability" if shards == 1 and fewest + spares > 1 else cut_by
    return Held(
        offer=name,
        point=point,
        shards=shards,
        copies=copies,
        memory=memory,
        vectors=need.vectors,
        capacity=capacity,
        peak=need.peak,
        latency=latency,
        hourly=copies * each + need.mean * 3600.0 * shards * offer.per_query,
        binding="queries" if more else few,
        assumed=(*assumed, *told),
    )


def rate_of(need: Need, offer: StoreOffer, point: Searched, shards: int) -> tuple[float, tuple[str, ...]]:
    """Return the queries per second that a copy answers at most, while vectors are written; and what was assumed."""
    store, assumed = need.store, []
    scale = min(point.dimensions / store.dimensions, 1.0)
    rate = point.rate * scale
    if scale < 1.0:
        assumed.append(f"measured at {point.dimensions} dimensions; rate and latency of {store.dimensions} taken in proportion")
    if need.inserts > 0:
        rows = [row.rate for row in offer.written if row.inserts + 1e-9 >= need.inserts / shards]
        if rows:
            rate = min(rate, max(rows) * scale)
        else:
            rate *= store.while_writing
            assumed.append(f"while vectors are written {store.while_writing:.0%} of the query rate is left")
    return rate, tuple(assumed)


def latency_of(need: Need, point: Searched, shards: int) -> tuple[float | None, tuple[str, ...]]:
    """Return the latency of a query at the percentile, [s], and what was assumed; None where it was not measured.

    t = t_99 · max(1, ln(1 − p^(1/S))/ln 0.01) · max(1, D/D_measured) / (1 − u)

    Notes
    -----
    A query waits for the slowest of S shards, so each may take what a share p^(1/S) stays within; beyond the 99th percentile
    tails are taken as exponential. Latencies are measured one query at a time; at a utilization u an M/M/1 queue takes
    1/(1 − u) times as long. Both are assumptions on the safe side.
    """
    if point.latency_p99 is None:
        return None, ()
    store = need.store
    each = (need.percentile / 100.0) ** (1.0 / shards)
    stretch = max(1.0, math.log1p(-each) / math.log(TAIL))
    wide = max(1.0, store.dimensions / point.dimensions)
    told = (f"latency at {store.utilization:.0%} of the rate taken as {1.0 / (1.0 - store.utilization):.3g} × that of one query",)
    far = (f"beyond the 99th percentile of one shard tails taken as exponential, × {stretch:.3g}",) if stretch > 1.0 else ()
    return point.latency_p99 * stretch * wide / (1.0 - store.utilization), (*told, *far)


def _ceil(value: float) -> int:
    """Round up, but not for rounding errors."""
    return math.ceil(value - 1e-9)
