"""Vector stores of a plan: what each segment stands on, for all workloads together, why, and the facts behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from planner.candidates.build import Search
from planner.demand.store_size import Held
from planner.demand.ways import Way
from planner.domain.plan import Fact
from planner.domain.plan_stores import StorePart
from planner.domain.stores import Store

Tier = Literal["whole", "hot", "cold"]
Key = tuple[str, str, Tier]


def store_parts(search: Search, taken: Sequence[Way]) -> Iterator[StorePart]:
    """Yield a row for every segment, hot and cold parts apart.

    Parameters
    ----------
    search : problem
    taken : how each workload is served
    """
    for (name, segment, tier), held in _held(taken).items():
        store = search.problem.store(name)
        yield _row(store, segment, tier, tuple(held), list(held.values()))


def _held(taken: Sequence[Way]) -> dict[Key, dict[str, Held]]:
    """Return (store, segment, tier) → workload → what it pays for."""
    found: dict[Key, dict[str, Held]] = {}
    for way in taken:
        for holding in way.stores:
            for part in holding.parts:
                first: Tier = "hot" if part.cold is not None else "whole"
                found.setdefault((holding.store, part.segment, first), {})[way.workload] = part.hot
                if part.cold is not None:
                    found.setdefault((holding.store, part.segment, "cold"), {})[way.workload] = part.cold
    return found


def _row(store: Store, segment: str, tier: Tier, workloads: tuple[str, ...], held: Sequence[Held]) -> StorePart:
    """Return the row of what workloads pay for together: alike but for the copies."""
    first, nodes = held[0], store.nodes[held[0].offer].memory is not None
    copies = round(sum(one.copies for one in held))
    known = [one.latency for one in held if one.latency is not None]
    return StorePart(
        store=store.name,
        segment=segment,
        tier=tier,
        offer=first.offer,
        workloads=workloads,
        vectors=first.vectors,
        memory=first.memory,
        shards=first.shards,
        copies=copies,
        spares=store.spares if nodes else 0,
        nodes=copies * first.shards if nodes else 0,
        recall=first.point.recall,
        measured_vectors=first.point.vectors,
        queries_per_second=sum(one.peak for one in held),
        capacity=first.capacity,
        latency=max(known) if len(known) == len(held) else None,
        hourly=sum(one.hourly for one in held),
        binding=next((one.binding for one in held if one.binding == "queries"), first.binding),
    )


def store_facts(search: Search, taken: Sequence[Way]) -> Iterator[Fact]:
    """Yield where the figures of each node are from, and what was assumed of each store."""
    offers: dict[tuple[str, str], set[str]] = {}
    for (name, _, _), held in _held(taken).items():
        for one in held.values():
            offers.setdefault((name, one.offer), set()).update(one.assumed)
    for (name, offer), assumed in offers.items():
        store = search.problem.store(name)
        row = store.nodes[offer]
        doubts = f"; not read in a source: {', '.join(row.unverified)}" if row.unverified else ""
        caution = f"; {row.caution}" if row.caution else ""
        yield Fact(
            subject=f"{name} on {offer}",
            statement=f"memory, price and measured query rates{doubts}{caution}",
            standing="assumed" if row.unverified else "published",
            source=f"{row.source} ({row.as_of})",
        )
        for text in sorted(assumed):
            yield Fact(subject=f"{name} on {offer}", statement=text, standing="assumed", source="docs/retrieval.md")
    for name in dict.fromkeys(name for name, _ in offers):
        store = search.problem.store(name)
        text = f"{store.utilization:.0%} of measured query rates and {store.usable_memory:.0%} of memory are used"
        yield Fact(subject=name, statement=text, standing="assumed", source="stores: utilization, usable_memory")


def store_reasons(rows: Sequence[StorePart]) -> Iterator[str]:
    """Yield what decides the size of each part of a store."""
    for row in rows:
        where = f"{row.store} ({row.segment}{'' if row.tier == 'whole' else f', {row.tier}'})"
        size = f"{row.vectors:,.0f} vectors, {row.memory / 1e9:,.3g} GB a copy"
        stands = f"{row.copies} × {row.shards} {row.offer}" if row.nodes else row.offer
        why = {
            "memory": "as many as hold a copy and its spares",
            "measured size": f"no node was measured with more than {row.measured_vectors:,.0f} vectors at this recall",
            "queries": f"copies by {row.queries_per_second:,.4g} queries/s, {row.capacity:,.4g} each",
            "availability": "the fewest copies and spares asked for; queries and memory need no more",
        }[row.binding]
        yield f"{where} stands on {stands}, ${row.hourly:,.2f}/h: {size}; bound by {row.binding}: {why}."
