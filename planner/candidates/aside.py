"""Ways that were not compared, on the pools that were: so that the bound speaks of them too.

Comparing a way in full gives its streams levels of their own on every deployment, and each level the demand of every other
stream: work that grows with the square of the streams. What a stream takes of a pool whose level is another's is one look at
that pool. So ways put aside join the program with the pools that the compared ones gave rise to, and the relaxation of that
wider program is below every plan over those pools, whichever way each workload is served.

Their streams get levels of their own too, on the few deployments where a call costs least.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.candidates import eligible as rules
from planner.candidates.alike import once
from planner.candidates.apis import Apis, servable, usable_apis
from planner.candidates.build import Search, undominated_in
from planner.candidates.evaluate import Evaluator
from planner.candidates.pools import Anchor, Pools, anchors_of, demand_at, join, own_pools, tiers_of
from planner.candidates.rejection import Ledger
from planner.candidates.space import AllowedNames
from planner.demand.stream import Stream
from planner.demand.ways import Aside, seen
from planner.supply.cells import Supply
from planner.supply.dominate import needed_by_relaxations
from planner.supply.rules import place_rules

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Bools = NDArray[np.bool_]


FEW = 4
"""Deployments on which a stream put aside gets levels of its own."""


@dataclass(frozen=True, eq=False)
class Wide:
    """All ways that the pools of a search serve, ready to be assembled."""

    search: Search
    """With more streams and ways; not to be enumerated further."""
    pools: Pools
    """The same pools, with what the further streams take of them."""
    apis: Apis
    """For all streams."""
    way: tuple[int, ...]
    """Indices of its ways among all, the compared ones first."""
    shared: int
    """How many of its pools are those of the search, the first ones."""

    @property
    def lean(self) -> Wide:
        """Without further pools that another beats in everything."""
        needed = undominated_in(self.search, self.pools) | (np.arange(len(self.pools.row)) < self.shared)
        return replace(self, pools=self.pools.take(np.flatnonzero(needed)))

    @property
    def size(self) -> int:
        """Streams × pools × periods."""
        return len(self.search.streams) * len(self.pools.row) * len(self.search.problem.periods)

    @property
    def in_parts(self) -> Search:
        """The search for relaxations in which machines may be had in parts: those that then make no difference host nothing.

        Where an availability is asked for, the size of a machine decides what fails together, so all make a difference.
        """
        search = self.search
        if search.problem.operations.availability is not None:
            return search
        hosts = needed_by_relaxations(search.supply, search.sites.hosts, search.problem, search.catalog)
        return replace(search, sites=replace(search.sites, hosts=hosts))


def widened(search: Search, pools: Pools, aside: Aside) -> Wide:
    """Return a search with the ways put aside, as far as its deployments or an API serve them.

    Parameters
    ----------
    search : with the compared ways
    pools : its pools
    aside : all ways
    """
    tried = [w for w in aside.ways if np.isfinite(aside.regret[w])]
    fresh = _fresh(search, aside, tried)
    wide = replace(search, streams=(*search.streams, *fresh), supply=_open_to(search, fresh))
    rows = np.unique(pools.row)
    able = np.concatenate([search.eligible[:, rows], _may(search, rows, fresh)])
    view = _View(wide, rows, able)
    shared = view.seen_by_all(pools)
    own, anchors = view.own_levels(shared, len(search.streams))
    wide = replace(wide, anchors=(*search.anchors, *anchors))
    return _of_able(wide, shared, own, aside, tried)


@dataclass(frozen=True, eq=False)
class _View:
    """All streams on the deployments evaluated."""

    wide: Search
    """With all streams."""
    rows: Index
    """Deployments evaluated, ascending."""
    able: Bools
    """[R, rows] Which of them each stream may use."""

    @cached_property
    def evaluator(self) -> Evaluator:
        """Of all streams."""
        known = self.wide.evaluator
        return Evaluator(known.factory, self.wide.streams, known.operations, known.confidence)

    def seen_by_all(self, pools: Pools) -> Pools:
        """Return pools with what every stream takes of them that did not before, alike ones looked at once."""
        old, streams = pools.demand.shape[1], self.wide.streams
        of, firsts = once(streams[old:], seen)
        known = self.wide.evaluator
        demand, call_cost = demand_at(Evaluator(known.factory, firsts, known.operations, known.confidence), pools)
        may = self.able[old:, np.searchsorted(self.rows, pools.row)]
        return replace(
            pools,
            demand=np.concatenate([pools.demand, np.where(may, demand[:, of], np.inf)], axis=1),
            call_cost=np.concatenate([pools.call_cost, call_cost[of]]),
        )

    def own_levels(self, shared: Pools, old: int) -> tuple[Pools, tuple[Anchor, ...]]:
        """Return levels of their own for the further streams, each on the `FEW` deployments where it costs least.

        Of the tiers the one is offered that takes most replicas for granted and still fewer than the stream alone needs.
        """
        wide = self.wide
        single = anchors_of(self.evaluator, (), range(old, len(wide.streams)))
        alone = own_pools(self.evaluator, single, [self._likely(shared, anchor.stream) for anchor in single])
        stream = np.array([anchor.stream for anchor in single], dtype=np.intp)[alone.anchor]
        need: Floats = alone.demand[:, stream, np.arange(len(stream))].max(axis=0)
        best = _least_of_each(alone.anchor, self._price(stream, alone.row) * need)
        alone, need = alone.take(best), need[best] * np.array([s.peak_rate for s in wide.streams])[stream[best]]
        anchors, rows = [*single], [np.sort(alone.row[alone.anchor == i]) for i in range(len(single))]
        tiers = sorted(tiers_of(wide.streams, wide.problem.operations))
        for tier, next_one in zip(tiers, [*tiers[1:], np.inf], strict=True):
            anchors += [replace(anchor, fewest=tier) for anchor in single]
            fits = (need > tier) & (need <= next_one)
            rows += [np.sort(alone.row[(alone.anchor == i) & fits]) for i in range(len(single))]
        own = own_pools(self.evaluator, anchors, rows)
        return self._with_others(replace(own, anchor=own.anchor + len(wide.anchors))), tuple(anchors)

    def _likely(self, shared: Pools, stream: int) -> Index:
        """Return the deployments where a stream may cost least: by the levels of others, or all where none serves it."""
        need = shared.demand[:, stream].max(axis=0)
        (served,) = np.nonzero(np.isfinite(need))
        if not len(served):
            able = self.rows[self.able[stream]]
            return np.compress(~self.evaluator.batches_statically(able), able)
        cost = self._price(np.full(len(served), stream), shared.row[served]) * need[served]
        ranked = dict.fromkeys(shared.row[served][np.argsort(cost, kind="stable")].tolist())
        return np.array(sorted([*ranked][:FEW]), dtype=np.intp)

    def _price(self, stream: Index, rows: Index) -> Floats:
        """Return what a replica of deployments costs streams [$/h]."""
        space = self.wide.space
        price: Floats = self.wide.gpu_price[stream, space.machine[rows]] * space.gpus()[rows]
        return price

    def _with_others(self, own: Pools) -> Pools:
        """Return pools with what all other streams take of them."""
        none = replace(own, demand=own.demand[:, :0], call_cost=own.call_cost[:0])
        seen = self.seen_by_all(none)
        mine = np.isfinite(own.demand)
        return replace(seen, demand=np.where(mine, own.demand, seen.demand))


def _least_of_each(group: Index, cost: Floats) -> Index:
    """Return the `FEW` least entries of each group."""
    order = np.lexsort((np.arange(len(group)), cost, group))
    first = np.searchsorted(group[order], group[order], side="left")
    return np.sort(order[np.arange(len(order)) - first < FEW])


def _of_able(wide: Search, shared: Pools, own: Pools, aside: Aside, tried: Sequence[int]) -> Wide:
    """Leave out the ways that nothing serves, and the streams that no other needs."""
    apis = usable_apis(wide.catalog, wide.problem, wide.streams, Ledger())
    pools = join([shared, own], len(wide.streams))
    names = {s.name for s, served in zip(wide.streams, servable(pools, apis), strict=True) if served}
    ways = (*aside.compared, *(w for w in tried if aside.flows.ways[w].rates.keys() <= names))
    used = {name for w in ways for name in aside.flows.ways[w].rates}
    keep = np.array([r for r, stream in enumerate(wide.streams) if stream.name in used])
    streams = tuple(wide.streams[r] for r in keep)
    supply = replace(wide.supply, cells=tuple(replace(c, streams=tuple(c.streams[r] for r in keep)) for c in wide.supply.cells))
    search = replace(wide, streams=streams, ways=tuple(aside.flows.ways[w] for w in ways), supply=supply)
    pools = replace(pools, demand=pools.demand[:, keep], call_cost=pools.call_cost[keep])
    return Wide(search, pools, usable_apis(wide.catalog, wide.problem, streams, Ledger()), ways, len(shared.row))


def _fresh(search: Search, aside: Aside, tried: Sequence[int]) -> tuple[Stream, ...]:
    """Return the streams that only ways put aside use, of those that may stand where a compared one may."""
    known = {stream.name for stream in search.streams}
    used = {name for w in tried for name in aside.flows.ways[w].rates}
    places = {place_rules(stream) for stream in search.streams}
    fresh = (stream for stream in aside.flows.streams if stream.name in used - known)
    return tuple(stream for stream in fresh if place_rules(stream) in places)


def _open_to(search: Search, fresh: Sequence[Stream]) -> Supply:
    """Return the machines with the further streams, which may use what compared ones of the same rules may."""
    cells = zip(search.supply.cells, _masks(search, fresh), strict=True)
    return replace(search.supply, cells=tuple(replace(cell, streams=(*cell.streams, *mask)) for cell, mask in cells))


def _masks(search: Search, fresh: Sequence[Stream]) -> Iterator[tuple[bool, ...]]:
    """Yield for each cell which further streams may use it."""
    like = {place_rules(stream): r for r, stream in enumerate(search.streams)}
    own = [like[place_rules(stream)] for stream in fresh]
    yield from (tuple(cell.streams[r] for r in own) for cell in search.supply.cells)


def _may(search: Search, rows: Index, fresh: Sequence[Stream]) -> Bools:
    """Return [S, rows] which deployments further streams may use; those to which the same models are open are judged once."""
    space = search.space.take(rows)
    used = np.unique(space.model)
    formats = AllowedNames(space.precisions, space.kv_precisions, space.engines, space.drafts)
    of, firsts = once(fresh, _judged)
    good = np.zeros((len(firsts), len(space.models), len(space.precisions), len(space.kv_precisions)), dtype=bool)
    names = rules.Names(tuple(space.models[m] for m in used), formats)
    good[:, used] = rules.good_enough(search.catalog, search.problem, firsts, names, Ledger())
    cells = zip(search.supply.cells, _masks(search, fresh), strict=True)
    own = replace(search.supply, cells=tuple(replace(cell, streams=mask) for cell, mask in cells))
    return rules.eligibility(space, good[of], search.sites.hosts, own, search.problem, fresh)


def _judged(stream: Stream) -> tuple[object, ...]:
    """Return all by which models and formats are judged for a stream."""
    rules_of = stream.workload
    return rules_of.quality, rules_of.choose, rules_of.data.licences, stream.role, stream.longest_context()
