"""Vector stores in a plan: what each segment stands on, how much of it, and what decided that."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict


class StorePart(Strict):
    """One segment of a vector store, or the hot or cold part of one, on one kind of node."""

    store: str
    """The store."""
    segment: str
    """The segment."""
    tier: Literal["whole", "hot", "cold"]
    """Whether it is all of the segment, or what is kept in memory, or the rest."""
    offer: str
    """What it stands on."""
    workloads: tuple[str, ...]
    """Who searches it."""
    vectors: float
    """Vectors in one copy."""
    memory: float
    """Of one copy, payload included [B]."""
    shards: int
    """Nodes of one copy; for stores without nodes, indexes."""
    copies: int
    """Copies, spares included."""
    spares: int
    """Of these, kept for failures."""
    nodes: int
    """Nodes in all; none for stores without nodes."""
    recall: float
    """As measured, with so many vectors a shard or more."""
    measured_vectors: float
    """Vectors at which it was measured."""
    queries_per_second: float
    """In the busiest period [1/s]."""
    capacity: float
    """Queries per second that one copy is given at most [1/s]."""
    latency: float | None
    """Of a query, at the percentile that a promise waits for [s]; absent where it is not known and none waits."""
    hourly: float
    """Nodes, storage, queries and writes [$/h]."""
    binding: Literal["memory", "measured size", "queries", "availability"]
    """What decides the number of nodes: vectors that fit, vectors at which it was measured, queries, or the fewest copies."""
