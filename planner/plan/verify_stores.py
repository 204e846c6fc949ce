"""Whether every vector store holds what it must, is found in well enough, answers all queries, and costs what is stated.

Formulas are written down anew here, from docs/retrieval.md, and share nothing with those that size the stores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from planner.domain.plan_stores import StorePart
from planner.domain.store_facts import StoreOffer
from planner.domain.stores import Segment, Store
from planner.plan.basis import TOLERANCE, Basis, above, differs

BITS = {"float32": 32, "float16": 16, "int8": 8, "int4": 4, "binary": 1}
"""Bits of a dimension."""


def stores(basis: Basis) -> Iterator[str]:
    """Every store searched is held, and every part of it is right."""
    known = {store.name: store for store in basis.problem.stores}
    searched = {name for name, rates in _rates(basis).items() if rates}
    for name in sorted(searched):
        yield from _covered(basis, known[name])
    for row in basis.plan.stores:
        store = known.get(row.store)
        segment = next((part for part in store.parts if part.name == row.segment), None) if store is not None else None
        if store is None or segment is None or row.offer not in store.nodes:
            yield f"{row.store} ({row.segment}) on {row.offer}: the problem knows no such store, segment or node"
        else:
            yield from _part(basis, row, store, segment, store.nodes[row.offer])
    stated = sum(row.hourly for row in basis.plan.stores)
    charged = sum(i.hourly for way in basis.ways.values() if way is not None for i in way.items if i.category == "store")
    if differs(stated, charged):
        yield f"stores: ${stated:,.6f}/h by their parts, ${charged:,.6f}/h charged to workloads"


def _rates(basis: Basis) -> dict[str, list[float]]:
    """Return store → searches per second in each period, of all workloads."""
    found: dict[str, list[float]] = {}
    for workload in basis.problem.workloads:
        way = basis.ways.get(workload.name)
        calls = {step.stage: step.calls for step in way.steps} if way is not None else {}
        for stage in workload.stages:
            if stage.store is not None and stage.name in calls and way is not None:
                before = found.get(stage.store, [0.0] * len(way.requests))
                found[stage.store] = [a + calls[stage.name] * b for a, b in zip(before, way.requests, strict=True)]
    return found


def _covered(basis: Basis, store: Store) -> Iterator[str]:
    """Each segment is there once, whole or as a hot and a cold part."""
    for segment in store.parts:
        tiers = sorted(row.tier for row in basis.plan.stores if (row.store, row.segment) == (store.name, segment.name))
        if tiers not in (["whole"], ["cold", "hot"]):
            yield f"{store.name} ({segment.name}): {', '.join(tiers) or 'no part'} stated, the whole or hot and cold are needed"


def _shares(row: StorePart, store: Store, segment: Segment) -> list[tuple[float, float]]:
    """Return the (vectors, queries) shares of the store that a row may have: by the tiers offered."""
    if row.tier == "whole":
        return [(segment.vectors, segment.queries)]
    hot = [(tier.hot_vectors, tier.hot_queries) for tier in store.tiers]
    each = hot if row.tier == "hot" else [(1.0 - v, 1.0 - q) for v, q in hot]
    return [(segment.vectors * v, segment.queries * q) for v, q in each]


def _part(basis: Basis, row: StorePart, store: Store, segment: Segment, offer: StoreOffer) -> Iterator[str]:
    """One part: right size, recall, room, queries and cost."""
    where = f"{row.store} ({row.segment}, {row.tier}) on {row.offer}"
    total = store.vectors if store.vectors is not None else (store.documents or 0.0) * store.tenants * store.chunks
    rates = _rates(basis).get(store.name, [0.0])
    fit = [
        (v, q)
        for v, q in _shares(row, store, segment)
        if not differs(row.vectors / max(total, 1.0), v * total / max(total, 1.0))
        and not above(max(rates) * q, row.queries_per_second)
    ]
    if not fit:
        yield f"{where}: {row.vectors:,.0f} vectors at {row.queries_per_second:,.4g} queries/s is no part of it"
        return
    points = [p for p in offer.searched if not differs(p.recall, row.recall) and not differs(p.vectors, row.measured_vectors)]
    if not points or row.recall + TOLERANCE < store.recall_at_least:
        yield f"{where}: recall {row.recall:g} was not measured there, or is below {store.recall_at_least:g}"
        return
    yield from _room(where, row, store, offer)
    writes = store.refresh.documents * store.chunks * fit[0][0] if store.refresh is not None else 0.0
    yield from _queries(where, row, store, offer, max(p.rate * min(p.dimensions / store.dimensions, 1.0) for p in points), writes)
    yield from _latency(where, row, store, max(p.latency_p99 or math.inf for p in points), _percentile(basis, row))
    weights = [basis.hours[period] / basis.cycle for period in basis.hours]
    mean = sum(w * r for w, r in zip(weights, rates, strict=True)) if len(rates) == len(weights) else 0.0
    costs = [_cost(row, store, offer, mean * q, writes) for _, q in fit]
    if all(differs(row.hourly, cost) for cost in costs):
        yield f"{where}: ${row.hourly:,.6f}/h stated, ${costs[0]:,.6f}/h found"


def _room(where: str, row: StorePart, store: Store, offer: StoreOffer) -> Iterator[str]:
    """The index fits into the nodes of a copy, and a shard holds no more than was measured."""
    width = offer.bytes_per_dimension * 8 if offer.bytes_per_dimension is not None else BITS[offer.precision]
    bits = store.dimensions * width
    per_vector = {
        "hnsw": 1.2 * (bits / 8 + 16 * store.links),
        "opensearch": 1.1 * (bits / 8 + 8 * store.links),
        "qdrant": 1.5 * bits / 8,
        "pgvector": bits / 8 + 8,
        "flat": bits / 8,
    }[offer.index]
    memory = row.vectors * (per_vector + (store.payload or 0.0))
    if differs(row.memory / 1e9, memory / 1e9):
        yield f"{where}: {row.memory / 1e9:,.3f} GB a copy stated, {memory / 1e9:,.3f} GB found"
    share = offer.usable_memory if offer.usable_memory is not None else store.usable_memory
    if offer.memory is not None and above(memory, row.shards * offer.memory * share):
        yield f"{where}: {memory / 1e9:,.3f} GB do not fit into {row.shards} nodes"
    if above(row.vectors, row.shards * row.measured_vectors):
        yield f"{where}: a shard holds {row.vectors / row.shards:,.0f} vectors, measured were {row.measured_vectors:,.0f}"


def _queries(where: str, row: StorePart, store: Store, offer: StoreOffer, rate: float, writes: float) -> Iterator[str]:
    """The copies beside the spares answer all queries at the share of the rate that may be used, and are no fewer than asked."""
    if writes > 0:
        seen = [w.rate for w in offer.written if not above(writes / row.shards, w.inserts)]
        scale = min(offer.searched[0].dimensions / store.dimensions, 1.0)
        rate = min(rate, max(seen) * scale) if seen else rate * store.while_writing
    if above(row.capacity, store.utilization * rate):
        yield f"{where}: {row.capacity:,.4g} queries/s a copy stated, {store.utilization * rate:,.4g} found"
    if above(row.queries_per_second, (row.copies - row.spares) * row.capacity):
        come = f"{row.queries_per_second:,.4g} come"
        yield f"{where}: {row.copies - row.spares} copies answer {row.capacity:,.4g} queries/s each, {come}"
    least = store.replicas + store.spares if offer.memory is not None else 1
    if row.copies < least:
        yield f"{where}: {row.copies} copies, {least} are asked for"
    if row.nodes != (row.copies * row.shards if offer.memory is not None else 0):
        yield f"{where}: {row.nodes} nodes stated for {row.copies} copies of {row.shards}"


def _percentile(basis: Basis, row: StorePart) -> float | None:
    """Return the highest percentile that a promise of those who search waits for [1]; None where none does."""
    asked = [o for w in basis.problem.workloads if w.name in row.workloads for o in w.objectives if o.metric != "tpot"]
    return max((o.percentile / 100.0 for o in asked), default=None)


def _latency(where: str, row: StorePart, store: Store, measured: float, percentile: float | None) -> Iterator[str]:
    """A query takes as long as stated: the slowest of the shards, under load, at the percentile."""
    if percentile is None:
        return
    late = [1.0 - percentile]
    if row.tier == "hot":  # what rare queries to the cold part leave of the time
        rest = [1.0 - tier.hot_queries for tier in store.tiers]
        late = [late[0] if share >= late[0] else (late[0] - share) / (1.0 - share) for share in rest]
    wide = max(1.0, store.dimensions / _dimensions(store, row))
    each = [measured * wide / (1.0 - store.utilization) * max(1.0, _tail(one, row.shards)) for one in late]
    if row.latency is None or all(differs(row.latency * 1e3, one * 1e3) for one in each):
        yield f"{where}: {row.latency} s stated, {each[0]:.6g} s found"


def _tail(late: float, shards: int) -> float:
    """Return how many times the 99th percentile of one shard an exponential tail reaches where so few of all may be late."""
    return math.log(1.0 - (1.0 - late) ** (1.0 / shards)) / math.log(0.01)


def _dimensions(store: Store, row: StorePart) -> int:
    """Return the dimensions that the row's measurement was made at."""
    return max(point.dimensions for point in store.nodes[row.offer].searched if not differs(point.recall, row.recall))


def _cost(row: StorePart, store: Store, offer: StoreOffer, mean: float, writes: float) -> float:
    """Return what a part costs: nodes, bytes kept, bytes written, queries [$/h]."""
    written = 3600.0 * writes * store.dimensions * BITS[offer.precision] / 8.0
    kept = row.copies * (row.memory * offer.storage_per_month / 730.0 + written * offer.per_written)
    return math.fsum([row.copies * row.shards * offer.hourly, kept, mean * 3600.0 * row.shards * offer.per_query])
