"""Pools: deployments at service levels, with what each stream takes of their resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.evaluate import Compiled, Evaluator, chunks, concatenate, soft_targets
from planner.demand.stream import Stream
from planner.domain.problem import Operations
from planner.perf import capacity, misses
from planner.perf import level as levels
from planner.perf.capacity import Capacity
from planner.perf.limits import RowTarget, Target
from planner.perf.misses import Climb
from planner.perf.static import static_demand
from planner.perf.steady import State
from planner.perf.tails import Latencies
from planner.perf.traffic import Traffic

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Bools = NDArray[np.bool_]

SOFT_STRETCH = (1.0, 1.3, 1.8, 3.0, np.inf)
"""Multiples of soft targets at which levels are offered: the price per miss then decides how often to miss."""


TIERS = (4, 16)
"""Replica counts from which a pool is offered at what that much company allows: between them the gain of the smaller counts.
Few, because each is another column for every pool; what a pool of 6 loses against a tier of its own is small (assumption)."""


@dataclass(frozen=True)
class Anchor:
    """A stream, and the promises a level is made to keep for it."""

    stream: int
    """Index."""
    targets: tuple[Target, ...]
    """Hard promises, and soft ones stretched."""
    fewest: int = 1
    """Replicas whose company is taken for granted: such a pool has no fewer that carry load."""


@dataclass(frozen=True, eq=False)
class Pools:
    """Pool columns; K of them."""

    row: Index
    """[K] deployment, a row of the space."""
    anchor: Index
    """[K] index of the anchor."""
    level: levels.Level
    """[K] corner of the additive resources."""
    demand: Floats
    """[J, R, K] share of a replica's resource per call/s; inf where a stream may not use the pool."""
    call_cost: Floats
    """[R, K] expected price of missed soft targets per call [$]."""
    fewest: Index
    """[K] replicas that carry load, at least."""

    def take(self, index: Index) -> Pools:
        """Return the chosen pools."""
        return Pools(
            self.row[index],
            self.anchor[index],
            self.level.take(index),
            self.demand[:, :, index],
            self.call_cost[:, index],
            self.fewest[index],
        )


def anchors_of(evaluator: Evaluator, tiers: Sequence[int] = TIERS, streams: Sequence[int] | None = None) -> tuple[Anchor, ...]:
    """Return every level worth offering to some streams, or all: one each, several for soft promises; the same for each tier."""
    made: list[Anchor] = []
    for r in range(len(evaluator.streams)) if streams is None else streams:
        stream = evaluator.streams[r]
        soft = soft_targets(stream)
        for stretch in SOFT_STRETCH if soft else (1.0,):
            stretched = [Target(t.metric, t.percentile, t.seconds * stretch) for t, _ in soft if np.isfinite(stretch)]
            made.append(Anchor(r, (*evaluator.targets[r], *stretched)))
    return (*made, *(Anchor(one.stream, one.targets, tier) for tier in tiers for one in made))


def tiers_of(streams: Sequence[Stream], operations: Operations) -> Sequence[int]:
    """Return the tiers at which company can help: none where the balancer does not look at load and no stream is bursty."""
    helps = operations.balancer == "least_loaded" or any(stream.burstiness > 1.0 for stream in streams)
    return TIERS if helps else ()


def make_pools(
    evaluator: Evaluator, rows: Index, eligible: Bools, anchors: Sequence[Anchor]
) -> tuple[Pools, list[tuple[Anchor, Index, Capacity]]]:
    """Return the pools of some deployments, one per anchor that the deployment can serve.

    Parameters
    ----------
    evaluator : performance model
    rows : deployments
    eligible : [R, len(rows)] which streams may use them
    anchors : levels to offer

    Returns
    -------
    (pools; anchor, positions in `rows` it may use, and capacities there, per anchor without company)

    Notes
    -----
    A tier is offered where the pool without company needs more replicas for everything it may serve at once: elsewhere no
    plan has that many of it.
    """
    with evaluator.keeping(rows):
        return _made(evaluator, rows, eligible, anchors)


def _made(
    evaluator: Evaluator, rows: Index, eligible: Bools, anchors: Sequence[Anchor]
) -> tuple[Pools, list[tuple[Anchor, Index, Capacity]]]:
    """Return what `make_pools` does, the deployments ready for the formulas."""
    parts: list[Pools] = []
    capacities: list[tuple[Anchor, Index, Capacity]] = []
    most: dict[tuple[int, tuple[Target, ...]], Floats] = {}
    for index, anchor in enumerate(anchors):
        key = anchor.stream, anchor.targets
        mine = np.flatnonzero(eligible[anchor.stream] & (most[key] > anchor.fewest if anchor.fewest > 1 else True))
        if not len(mine):
            most.setdefault(key, np.zeros(len(rows)))
            continue
        found = evaluator.solve(rows[mine], anchor.stream, anchor.targets, anchor.fewest)
        made = _pools_of(evaluator, rows[mine], eligible[:, mine], index, anchor, found)
        parts += made
        if anchor.fewest == 1:
            capacities.append((anchor, mine, found))
            most[key] = _most_replicas(evaluator, rows, join(made, len(evaluator.streams)))
    return join(parts, len(evaluator.streams)), capacities


def _most_replicas(evaluator: Evaluator, rows: Index, pools: Pools) -> Floats:
    """[rows] Replicas that all calls a pool may serve need at their busiest; any number where calls may be moved together.

    0 for static batches, which gain nothing by company.
    """
    served = np.isfinite(pools.demand).all(axis=0)
    movable = np.array([stream.movable for stream in evaluator.streams])
    busiest = np.array([stream.peak_rate for stream in evaluator.streams])
    load = np.einsum("jrk,r->jk", np.where(served, pools.demand, 0.0), busiest).max(axis=0, initial=0.0)
    load = np.where((served & movable[:, None]).any(axis=0), np.inf, load)
    need = np.zeros(len(rows))
    need[np.searchsorted(rows, pools.row)] = np.where(evaluator.batches_statically(pools.row), 0.0, load)
    return need


def _pools_of(evaluator: Evaluator, rows: Index, eligible: Bools, index: int, anchor: Anchor, found: Capacity) -> list[Pools]:
    """Return the pools of deployments at one anchor's level, in pieces."""
    still = evaluator.batches_statically(rows)
    continuous, static = (chunks(np.flatnonzero(found.feasible & which)) for which in (~still, still))
    return [
        *(_pools_at(evaluator, rows[piece], eligible[:, piece], index, anchor, found, piece) for piece in continuous),
        *(_static_pools(evaluator, rows[piece], index, anchor, found, piece) for piece in static),
    ]


def _pools_at(
    evaluator: Evaluator, rows: Index, eligible: Bools, index: int, anchor: Anchor, found: Capacity, piece: Index
) -> Pools:
    """Return the pools of deployments at one anchor's level, with the demand of every stream."""
    sharing = np.flatnonzero(evaluator.together[anchor.stream]).tolist()
    made = evaluator.compile(rows, sharing, anchor.fewest)
    traffic = dict(zip(sharing, made.traffic, strict=True))
    corner = levels.make_level(_states(found, piece), traffic[anchor.stream], made.replica, anchor.targets)
    corner = spread_level(corner, len(rows))
    demand = np.full((len(levels.RESOURCES), len(evaluator.streams), len(rows)), np.inf)
    call_cost = np.zeros((len(evaluator.streams), len(rows)))
    for r in sharing:
        targets = anchor.targets if r == anchor.stream else evaluator.targets[r]
        need, call_cost[r] = _taken(made, corner, traffic[r], targets, soft_targets(evaluator.streams[r]))
        demand[:, r] = np.where(eligible[r], need, np.inf)
    return Pools(rows, np.full(len(rows), index, dtype=np.intp), corner, demand, call_cost, np.full(len(rows), anchor.fewest))


def _taken(
    made: Compiled, corner: levels.Level, traffic: Traffic, hard: Sequence[Target], soft: Sequence[tuple[Target, float]]
) -> tuple[Floats, Floats]:
    """Return [J, rows] what a call/s of a stream takes of pools, inf where a hard promise breaks, and [rows] what misses cost."""
    need, seen = levels.demands(made.step, corner, traffic, made.replica)
    usable = np.ones(need.shape[1:], dtype=bool)
    for target in hard:
        usable &= seen.percentile(target.metric, target.percentile) <= target.seconds * (1 + 1e-6)
    missed = np.zeros(need.shape[1:])
    if soft:
        climbs = misses.climbs(made.step, traffic, made.replica, corner.state.iteration, corner.wait)
        missed = sum((price * most_missed(corner, seen, climbs[target.metric], target) for target, price in soft), missed)
    return np.where(usable, need, np.inf), missed


def demand_at(evaluator: Evaluator, pools: Pools) -> tuple[Floats, Floats]:
    """Return what streams take of pools whose levels are those of others.

    Parameters
    ----------
    evaluator : of the streams
    pools : K of them

    Returns
    -------
    ([J, R, K] share of a replica's resource per call/s, inf where a promise breaks; [R, K] price of misses per call [$])

    Notes
    -----
    Static batches serve the stream they were made for alone.
    """
    demand = np.full((len(levels.RESOURCES), len(evaluator.streams), len(pools.row)), np.inf)
    call_cost = np.zeros(demand.shape[1:])
    shared = ~evaluator.batches_statically(pools.row)
    for fewest in np.unique(pools.fewest).tolist():
        for piece in chunks(np.flatnonzero(shared & (pools.fewest == fewest))):
            made = evaluator.compile(pools.row[piece], range(len(evaluator.streams)), fewest)
            corner = pools.level.take(piece)
            for r, (stream, traffic) in enumerate(zip(evaluator.streams, made.traffic, strict=True)):
                demand[:, r, piece], call_cost[r, piece] = _taken(
                    made, corner, traffic, evaluator.targets[r], soft_targets(stream)
                )
    return demand, call_cost


def own_pools(evaluator: Evaluator, anchors: Sequence[Anchor], rows: Sequence[Index]) -> Pools:
    """Return the pools of anchors, each on deployments of its own, with what the anchors take of them and nobody else.

    Parameters
    ----------
    evaluator : performance model
    anchors : levels to offer
    rows : for each the deployments, ascending; none that batches statically

    Notes
    -----
    Anchors whose promises are of the same metrics and percentiles are solved as one column: for many anchors with a few
    deployments each that takes a fraction of the time.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, anchor in enumerate(anchors):
        if len(rows[index]):
            key = (anchor.fewest, *((target.metric, target.percentile) for target in anchor.targets))
            alike.setdefault(key, []).append(index)
    everywhere = np.unique(np.concatenate([rows[i] for same in alike.values() for i in same])) if alike else np.zeros(0, np.intp)
    with evaluator.keeping(everywhere):
        return join([_own_pools(evaluator, anchors, rows, same) for same in alike.values()], len(evaluator.streams))


def _own_pools(evaluator: Evaluator, anchors: Sequence[Anchor], rows: Sequence[Index], same: Sequence[int]) -> Pools:
    """Return the pools of anchors whose promises are alike."""
    made = [evaluator.compile(rows[i], [anchors[i].stream], anchors[i].fewest) for i in same]
    of = np.repeat(np.array(same), [len(rows[i]) for i in same])
    row = np.concatenate([rows[i] for i in same])
    spread = [np.broadcast_to(each.traffic[0].held, len(each.rank_kv)) for each in made]
    step = concatenate([each.step for each in made])
    traffic = concatenate([replace(each.traffic[0], held=held) for each, held in zip(made, spread, strict=True)])
    replica = replace(concatenate([each.replica for each in made]), utilization=made[0].replica.utilization)
    targets = [
        RowTarget(target.metric, target.percentile, np.array([anchors[i].targets[t].seconds for i in of.tolist()]))
        for t, target in enumerate(anchors[same[0]].targets)
    ]
    found = capacity.solve(step, traffic, replica, targets)
    able = np.flatnonzero(found.feasible)
    of, row, step, traffic, replica = of[able], row[able], step.take(able), traffic.take(able), replica.take(able)
    targets = [RowTarget(target.metric, target.percentile, target.seconds[able]) for target in targets]
    corner = spread_level(levels.make_level(_states(found, able), traffic, replica, targets), len(row))
    need, _ = levels.demands(step, corner, traffic, replica)
    demand = np.full((len(levels.RESOURCES), len(evaluator.streams), len(row)), np.inf)
    demand[:, [anchors[i].stream for i in of.tolist()], np.arange(len(row))] = need
    fewest = np.full(len(row), anchors[same[0]].fewest)
    return Pools(row, of, corner, demand, np.zeros(demand.shape[1:]), fewest)


def _static_pools(evaluator: Evaluator, rows: Index, index: int, anchor: Anchor, found: Capacity, piece: Index) -> Pools:
    """Return the pools of static batches, which serve their anchor alone: one resource, their time.

    Every call counts as missing a soft target, for want of a level that bounds the latency at lower rates.
    """
    state, endless = _states(found, piece), np.full(len(rows), np.inf)
    demand = np.full((len(levels.RESOURCES), len(evaluator.streams), len(rows)), np.inf)
    demand[:, anchor.stream] = 0.0
    demand[0, anchor.stream] = static_demand(found)[piece]
    missed = sum(price for _, price in soft_targets(evaluator.streams[anchor.stream]))
    corner = levels.Level(state, endless, np.ones(len(rows)), endless, np.zeros(len(rows)), launched=np.zeros(len(rows)))
    call_cost = np.full((len(evaluator.streams), len(rows)), float(missed))
    return Pools(rows, np.full(len(rows), index, dtype=np.intp), corner, demand, call_cost, np.ones(len(rows), dtype=np.intp))


def _states(found: Capacity, piece: Index) -> State:
    """Return the states of some deployments at their capacity."""
    return State(**{name: np.asarray(getattr(found.state, name))[piece] for name in _state_fields()})


def most_missed(corner: levels.Level, seen: Latencies, climb: Climb, target: Target) -> Floats:
    """Return the largest share of calls that can miss a target at a level: all where the level leaves the latency open [1].

    Parameters
    ----------
    corner : the level
    seen : latencies there
    climb : how the latency rises to them
    target : soft
    """
    queue, jitter = np.isinf(corner.wait), np.isinf(corner.jitter) & (seen.tpot.ceiling > target.seconds)
    unbounded = {"ttft": queue, "tpot": jitter, "e2e": queue | np.isinf(corner.jitter)}[target.metric]
    climb = replace(climb, last=np.where(np.isfinite(climb.last), climb.last, climb.first))
    return np.where(unbounded, 1.0, misses.most_missed(target.metric, getattr(seen, target.metric), climb, target.seconds))


def _state_fields() -> tuple[str, ...]:
    return tuple(State.__dataclass_fields__)


def spread_level(corner: levels.Level, count: int) -> levels.Level:
    """Spread every field of a level to `count` entries."""

    def spread(values: Floats) -> Floats:
        return np.broadcast_to(np.asarray(values, dtype=float), (count,)).copy()

    state = State(**{name: spread(getattr(corner.state, name)) for name in _state_fields()})
    return levels.Level(state, **{name: spread(getattr(corner, name)) for name in levels.PARTS})


def join(parts: Sequence[Pools], streams: int) -> Pools:
    """Put pools of several anchors together."""
    if not parts:
        empty = np.zeros(0)
        state = State(**dict.fromkeys(_state_fields(), empty))
        none = np.zeros(0, dtype=np.intp)
        corner = levels.Level(state, **dict.fromkeys(levels.PARTS, empty))
        return Pools(none, none, corner, np.zeros((len(levels.RESOURCES), streams, 0)), np.zeros((streams, 0)), none)
    state = concatenate([part.level.state for part in parts])
    rest = {n: np.concatenate([getattr(p.level, n) for p in parts]) for n in levels.PARTS}
    return Pools(
        row=np.concatenate([part.row for part in parts]),
        anchor=np.concatenate([part.anchor for part in parts]),
        level=levels.Level(state=state, **rest),
        demand=np.concatenate([part.demand for part in parts], axis=2),
        call_cost=np.concatenate([part.call_cost for part in parts], axis=1),
        fewest=np.concatenate([part.fewest for part in parts]),
    )
