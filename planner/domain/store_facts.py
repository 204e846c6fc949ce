"""What vector stores are known to do: nodes that one may rent, what they hold, how fast they answer, and prices of egress."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from planner.domain.base import PositiveFloat, PositiveInt, Sourced, Strict
from planner.domain.lever_facts import LeverFact
from planner.units import (
    Bytes,
    Count,
    DollarsPerByte,
    DollarsPerCall,
    DollarsPerHour,
    Fraction,
    RequestRate,
    Seconds,
)

Index = Literal["hnsw", "opensearch", "qdrant", "pgvector", "flat"]
"""Kind of index; decides how much memory a vector takes."""

StorePrecision = Literal["float32", "float16", "int8", "int4", "binary"]
"""How the index keeps a dimension."""

RegionGroup = Literal["us", "eu", "asia", "me", "other", "global"]
"""A continent."""


class Searched(Strict):
    """What one copy was measured to do at one size and one recall."""

    vectors: Count
    """Vectors it held."""
    dimensions: PositiveInt
    """Their dimensions."""
    recall: Fraction
    """Share of the true neighbours found."""
    rate: RequestRate
    """Most queries per second that it answered."""
    latency_p99: Seconds | None = None
    """99th percentile of the latency, one query at a time; absent = not known, and then no promise can wait for it."""


class Written(Strict):
    """What is left of the query rate while vectors are written."""

    inserts: RequestRate
    """Vectors written per second."""
    rate: RequestRate
    """Most queries per second that it answered meanwhile."""


class StoreOffer(LeverFact):
    """A node of a vector store, or a store without nodes, that may be rented.

    Nodes are paid by the hour and hold as much as fits in memory. Stores without nodes (`memory` absent) are paid for what
    they keep and for each query.
    """

    seller: str = ""
    """Who sells it; empty = software you run."""
    index: Index
    """Kind of index; decides the memory of a vector."""
    precision: StorePrecision
    """How the index keeps a dimension."""
    memory: Bytes | None = None
    """Memory of a node; absent = no nodes."""
    usable_memory: Annotated[Fraction, Field(gt=0, le=1)] | None = None
    """Share of it that the index may fill, where `memory` is what was shown to fit; absent = as the store says."""
    bytes_per_dimension: PositiveFloat | None = None
    """Bytes kept of a dimension, where that is more than the precision says (a second copy to refine results with)."""
    hourly: DollarsPerHour = 0.0
    """Price of a node."""
    storage_per_month: DollarsPerByte = 0.0
    """Price of keeping a byte for a month."""
    per_query: DollarsPerCall = 0.0
    """Price of a query."""
    per_written: DollarsPerByte = 0.0
    """Price of writing a byte."""
    region_groups: tuple[RegionGroup, ...] | None = None
    """Continents where it may stand; absent = anywhere."""
    searched: tuple[Searched, ...] = Field(min_length=1, max_length=100)
    """What was measured, query by query."""
    written: tuple[Written, ...] = Field(default=(), max_length=100)
    """What was measured while vectors were written."""

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if (self.memory is None) != (self.hourly == 0.0):
            raise ValueError("memory and hourly belong together: a node has both, a store without nodes neither; give both")
        if self.memory is None and not (self.storage_per_month or self.per_query):
            raise ValueError("it has no price; give hourly with memory, or storage_per_month and per_query")
        return self


class EgressPrice(Sourced):
    """What a byte costs that leaves a cloud."""

    price: DollarsPerByte
    """Price, first tier."""
    conditions: str = ""
    """Tier, destination."""
