"""Ways to hold a whole store: of every latency level, the cheapest nodes for each of its segments, all in memory or in tiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.demand.store_size import Held, Need, holdings
from planner.domain.store_facts import StoreOffer
from planner.domain.stores import Segment, Store, Tier


@dataclass(frozen=True)
class Load:
    """What a workload asks of a store."""

    peak: float
    """Queries in the busiest period [1/s]."""
    mean: float
    """Queries on average [1/s]."""
    percentile: float | None
    """Percentile of the promise that waits for it; None = none does."""
    base: float = 1.0
    """Share of the fewest copies that the workload pays for and may use [1]."""
    step: float = 0.0
    """Least gain of latency for which a dearer way is offered [s]."""


@dataclass(frozen=True)
class Part:
    """A segment as it is held."""

    segment: str
    """The segment."""
    hot: Held
    """What is in memory; the whole where there are no tiers."""
    cold: Held | None
    """The rest."""
    latency: float
    """Of a query, at the percentile that a promise waits for [s]; 0 where none does."""

    @property
    def hourly(self) -> float:
        """Cost [$/h]."""
        return self.hot.hourly + (self.cold.hourly if self.cold is not None else 0.0)

    @property
    def key(self) -> tuple[object, ...]:
        """What it is, whatever the queries."""
        return self.segment, self.hot.key, self.cold.key if self.cold is not None else None

    @property
    def name(self) -> str:
        """Say what it stands on, and at which measured recall and size."""
        held = (self.hot, *([self.cold] if self.cold is not None else []))
        said = " + ".join(f"{each.offer} × {each.shards} at recall {each.point.recall:g}/{each.point.vectors:g}" for each in held)
        return f"{self.segment}: {said}"


@dataclass(frozen=True)
class Holding:
    """A whole store as it is held."""

    store: str
    """The store."""
    parts: tuple[Part, ...]
    """Its segments."""

    @property
    def latency(self) -> float:
        """Of a query to whichever segment is slowest [s]."""
        return max(part.latency for part in self.parts)

    @property
    def hourly(self) -> float:
        """Cost [$/h]."""
        return sum(part.hourly for part in self.parts)

    @property
    def key(self) -> tuple[object, ...]:
        """What it is, whatever the queries: alike for all who share it."""
        return tuple(part.key for part in self.parts)

    @property
    def name(self) -> str:
        """Name it: unique within the store."""
        return ", ".join(part.name for part in self.parts)


def choices(store: Store, load: Load, only: Holding | None = None) -> list[Holding]:
    """Return the ways to hold a store of which none is both cheaper and faster, the cheapest first.

    Parameters
    ----------
    store : with its nodes
    load : what is asked of it
    only : nodes and shards that are settled already, because others share them

    Returns
    -------
    Ways; none where no node reaches the recall or the latency

    Notes
    -----
    For every latency that some part can have, each segment takes its cheapest part no slower: with the latency of a store that
    of its slowest segment, no other combination can be cheaper at that latency.
    """
    settled = {part.segment: part.key for part in only.parts} if only is not None else {}
    by_segment = [
        _undominated([part for part in parts_of(store, segment, load) if settled.get(segment.name, part.key) == part.key])
        for segment in store.parts
    ]
    found: list[Holding] = []
    for level in sorted({part.latency for parts in by_segment for part in parts}, reverse=True):
        taken = [next((part for part in parts if part.latency <= level), None) for parts in by_segment]
        fit = tuple(part for part in taken if part is not None)
        if len(fit) == len(taken):
            found.append(Holding(store.name, fit))
    unlike = {holding.key: holding for holding in reversed(found)}
    kept: list[Holding] = []
    for holding in sorted(unlike.values(), key=lambda each: (each.hourly, each.latency)):
        if not kept or holding.latency < kept[-1].latency - load.step:
            kept.append(holding)
    return kept


def no_choice(store: Store, percentile: float | None) -> str:
    """Say why a store cannot be held, whatever its load; empty if it can."""
    if choices(store, Load(0.0, 0.0, percentile)):
        return ""
    if store.latency_at_most is None:
        return f"the request is promised a latency, and of {store.name!r} none is known at the recall asked for"
    fastest = min((holding.latency for holding in choices(_unhurried(store), Load(0.0, 0.0, percentile or 99.0))), default=None)
    known = f"; the fastest takes {fastest:.3g} s" if fastest is not None else ", and no latency is known"
    return f"nothing holds {store.name!r} within {store.latency_at_most:g} s{known}"


def _unhurried(store: Store) -> Store:
    return store.model_copy(update={"latency_at_most": None})


def parts_of(store: Store, segment: Segment, load: Load) -> Iterator[Part]:
    """Yield every way to hold a segment: all in memory, or in one of the tiers offered."""
    need = Need(
        store=store,
        vectors=store.count * segment.vectors,
        peak=load.peak * segment.queries,
        mean=load.mean * segment.queries,
        inserts=store.inserts * segment.vectors,
        percentile=load.percentile if load.percentile is not None else 50.0,
        base=load.base,
    )
    for hot in _held(need, store.offers(segment)):
        yield from _timed(store, Part(segment.name, hot, None, 0.0), hot.latency, load)
    for tier in store.tiers:
        yield from _tiered(need, segment, tier, load)


def _held(need: Need, offers: Mapping[str, StoreOffer]) -> list[Held]:
    return [held for name, offer in offers.items() for held in holdings(need, name, offer)]


def _tiered(need: Need, segment: Segment, tier: Tier, load: Load) -> Iterator[Part]:
    """Yield a hot part in memory with a cold one behind it.

    Where the share 1 − q that goes to the cold part is below what may be late, 1 − p, its latency does not count, and that of
    the hot part does at p' = 1 − (q − p)/q, so that both together stay within 1 − p. Elsewhere the slower of the two counts.
    """
    store, rest = need.store, 1.0 - tier.hot_queries
    h = tier.hot_vectors
    hot = replace(need, vectors=h * need.vectors, inserts=h * need.inserts)
    hot = replace(hot, peak=tier.hot_queries * need.peak, mean=tier.hot_queries * need.mean)
    cold = replace(need, vectors=(1.0 - h) * need.vectors, inserts=(1.0 - h) * need.inserts)
    cold = replace(cold, peak=rest * need.peak, mean=rest * need.mean)
    late = 1.0 - need.percentile / 100.0
    if rest < late:
        hot = replace(hot, percentile=100.0 * (1.0 - (late - rest) / (1.0 - rest)))
    in_memory = {name: offer for name, offer in store.offers(segment).items() if offer.memory is not None}
    for one in _held(hot, in_memory):
        for other in _held(cold, store.offers(segment, tier.cold)):
            both = max(one.latency, other.latency) if one.latency is not None and other.latency is not None else None
            yield from _timed(store, Part(segment.name, one, other, 0.0), one.latency if rest < late else both, load)


def _timed(store: Store, part: Part, latency: float | None, load: Load) -> Iterator[Part]:
    """Yield a part with its latency, if it is known and low enough; where no promise waits, any will do."""
    limit = store.latency_at_most
    if limit is not None and (latency is None or latency > limit):
        return
    if load.percentile is None:
        yield part
    elif latency is not None:
        yield replace(part, latency=latency)


def _undominated(parts: Sequence[Part]) -> list[Part]:
    """Return the parts of which none is both cheaper and faster, the cheapest first."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda each: (each.hourly, each.latency, each.name)):
        if not kept or part.latency < kept[-1].latency:
            kept.append(part)
    return kept
