"""Vector stores of a problem: what they hold, how well they must find it, who may be searched where, how they are kept fresh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeInt, PositiveFloat, PositiveInt, Strict
from planner.domain.calls import Choice, Choices, Lengths
from planner.domain.store_facts import RegionGroup, StoreOffer, StorePrecision
from planner.units import Bytes, Count, DollarsPerByte, Fraction, RequestRate, Seconds

WHOLE = 1e-6
"""How far shares may be from adding up to 1."""


def named(name: str, patterns: Sequence[str]) -> bool:
    """Whether some name or pattern fits a name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class Segment(Strict):
    """Part of a store that must be kept by itself, for compliance: its own nodes, its own replicas."""

    name: Identifier
    """Unique within the store."""
    vectors: Fraction
    """Share of the vectors."""
    queries: Fraction
    """Share of the queries."""
    region_groups: tuple[RegionGroup, ...] | None = None
    """Continents where it may stand; absent = as the workloads' data rules say."""


class Tier(Strict):
    """A part kept in memory and the rest in a cheaper store: offered, and taken if it costs less and promises hold."""

    hot_vectors: Annotated[Fraction, Field(gt=0, lt=1)]
    """Share of the vectors kept in memory."""
    hot_queries: Fraction
    """Share of the queries that those answer; the rest goes to the cold store."""
    cold: tuple[str, ...] = Field(min_length=1)
    """What may hold the rest: names or patterns among the catalog's stores and the store's own `nodes`."""


class Egress(Strict):
    """Retrieved payload leaves a cloud and is paid for: one of `price` and `cloud`."""

    price: DollarsPerByte | None = None
    """Price of a byte."""
    cloud: Identifier | None = None
    """A cloud in the catalog (`planner catalog list egress`) that the store stands in, the models elsewhere."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.price is None) == (self.cloud is None):
            raise ValueError("say what a byte costs in one way; give exactly one of price, cloud")
        return self


class Refresh(Strict):
    """Documents that are embedded again and again: batch calls of an embedding model, one for each chunk."""

    documents: RequestRate
    """Documents a second (`2M/day`)."""
    tokens: Lengths
    """Tokens of one chunk."""
    deadline: Seconds = 86400.0
    """Time within which a document must be in the index."""
    choose: Choices = Choices()
    """What may embed them; the queries' own model must be the same."""
    interruptible: bool = True
    """Whether it may run on spot machines."""
    share_pools: bool = False
    """Whether it may run on pools that serve others; false = only on pools of its own."""


class Backfill(Strict):
    """Documents embedded once, when the index is first made or its model changes; spread over the months it lasts."""

    documents: Count
    """Documents."""
    months: PositiveFloat
    """Time over which its cost is spread."""


class Store(Strict):
    """A vector store that stages search (`store: NAME`); several stages and workloads may search the same one."""

    name: Identifier
    """Unique within the problem."""
    description: str = ""
    """What it holds."""
    vectors: Count | None = None
    """Vectors in all; or `documents`."""
    documents: Count | None = None
    """Documents, of each tenant where there are `tenants`."""
    chunks: PositiveFloat = 1.0
    """Chunks per document, a vector each."""
    tenants: Count = 1.0
    """Tenants with so many documents each."""
    dimensions: PositiveInt
    """Of a vector."""
    links: PositiveInt = 16
    """m of the graph index: links per vector."""
    payload: Bytes | None = None
    """Text and metadata kept with a vector, in memory too, and returned for each passage found."""
    types: Choice = Choice()
    """What may hold it: names or patterns among the catalog's stores (`planner catalog list stores`) and its own `nodes`."""
    precisions: tuple[StorePrecision, ...] | None = None
    """How the index may keep a dimension; absent = any that was measured to reach the recall."""
    nodes: dict[Identifier, StoreOffer] = Field(default_factory=dict)
    """Nodes of your own, beside the catalog's."""
    recall_at_least: Fraction
    """Share of the true neighbours that must be found."""
    latency_at_most: Seconds | None = None
    """Slowest that it may be planned with; absent = whatever the promises leave."""
    segments: tuple[Segment, ...] = Field(default=(), max_length=40)
    """Parts kept by themselves; absent = one."""
    tiers: tuple[Tier, ...] = Field(default=(), max_length=10)
    """Hot and cold parts that may be told apart; absent = all in memory."""
    replicas: PositiveInt = 1
    """Fewest copies that answer queries."""
    spares: NonNegativeInt = 1
    """Copies kept beyond need, for failures."""
    utilization: Annotated[Fraction, Field(gt=0, lt=1)] = 0.6
    """Share of the measured query rate that is used (assumption, handbook §7)."""
    usable_memory: Annotated[Fraction, Field(gt=0, le=1)] = 0.8
    """Share of a node's memory that the index may fill (assumption: the rest is for the system, merging, growth)."""
    while_writing: Annotated[Fraction, Field(gt=0, le=1)] = 0.3
    """Share of the query rate left while vectors are written, for nodes where that was not measured (assumption: the median
    of those that were, catalogs/levers/stores.yaml)."""
    egress: Egress | None = None
    """What retrieved payload costs on its way to the models; absent = nothing."""
    refresh: Refresh | None = None
    """How it is kept fresh; its writes take from the query rate."""
    backfill: Backfill | None = None
    """Embedding everything once; needs `refresh`, which says with what."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.vectors is None) == (self.documents is None):
            raise ValueError("how much it holds must be said in one way; give exactly one of vectors, documents")
        if self.backfill is not None and self.refresh is None:
            raise ValueError("backfill needs refresh, which says what a document is and what may embed it; give refresh")
        if self.egress is not None and self.payload is None:
            raise ValueError("egress is paid for payload; give payload, the bytes returned for each passage")
        for what in ("vectors", "queries"):
            total = math.fsum(getattr(segment, what) for segment in self.segments)
            if self.segments and abs(total - 1.0) > WHOLE:
                raise ValueError(f"shares of {what} over segments add up to {total:g}, not 1; check the shares")
        return self

    @property
    def count(self) -> float:
        """Vectors in all, documents × chunks × tenants [1]."""
        return self.vectors if self.vectors is not None else (self.documents or 0.0) * self.chunks * self.tenants

    @property
    def parts(self) -> tuple[Segment, ...]:
        """Segments; the whole where there are none."""
        return self.segments or (Segment(name="all", vectors=1.0, queries=1.0),)

    def offers(self, segment: Segment, patterns: Sequence[str] | None = None) -> dict[str, StoreOffer]:
        """Return the `nodes` that a segment may stand on: those that patterns name, or that `types` allow."""
        allow, forbid = (patterns, ()) if patterns is not None else (self.types.allow, self.types.forbid)
        return {
            name: offer
            for name, offer in self.nodes.items()
            if (allow is None or named(name, allow))
            and not named(name, forbid)
            and (self.precisions is None or offer.precision in self.precisions)
            and (
                segment.region_groups is None or offer.region_groups is None or {*segment.region_groups} & {*offer.region_groups}
            )
        }

    @property
    def inserts(self) -> float:
        """Vectors written per second [1/s]."""
        return self.refresh.documents * self.chunks if self.refresh is not None else 0.0
