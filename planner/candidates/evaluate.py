"""Whole columns of deployments through the performance model, in chunks that fit the processor's caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.candidates.columns import ColumnFactory, DeploymentColumns
from planner.candidates.deployed import budget_of, step_of
from planner.candidates.traffic import Ground, StreamMoments, stream_moments, traffic_on
from planner.demand.stream import Stream
from planner.domain.calls import Objective
from planner.domain.problem import Operations
from planner.perf import bounds, capacity, static
from planner.perf.limits import Replica, Target
from planner.perf.memory import KvCoefficients, MemoryBudget
from planner.perf.pooling import company, dealt_burstiness
from planner.perf.steady import MIN_CHUNK
from planner.perf.step import StepModel
from planner.perf.traffic import Traffic

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Index = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_T = TypeVar("_T", bound="DataclassInstance")

CHUNK = 8192
"""Deployments evaluated together: some tens of arrays of this length stay in the second-level cache."""

KEPT = 4 * CHUNK
"""Deployments kept ready at most: with thirty streams some hundreds of megabytes."""


@dataclass(frozen=True)
class Compiled:
    """Deployments ready for the formulas."""

    step: StepModel
    """Iteration time."""
    replica: Replica
    """Limits."""
    budget: MemoryBudget
    """Memory of the fullest device."""
    cache: KvCoefficients
    """KV cache of one sequence."""
    rank_kv: Floats
    """KV memory that one sequence can use, of its attention data-parallel rank [B]."""
    traffic: tuple[Traffic, ...]
    """One a stream."""

    def take(self, index: Index) -> Compiled:
        """Return the chosen deployments, without traffic."""
        parts = self.step.take(index), self.replica.take(index), self.budget.take(index), self.cache.take(index)
        return Compiled(*parts, self.rank_kv[index], ())


@dataclass(frozen=True)
class Bench:
    """Deployments that will be looked at many times, for one stream after the other: ready for the formulas once and for all."""

    rows: Index
    """Ascending, of the space."""
    made: Compiled
    """They, without company."""
    ground: Ground
    """What their traffic rests on."""
    step: StepModel
    """Iteration time before it is taken to be slower."""
    traffic: dict[int, Traffic]
    """Of the streams asked for so far."""


@dataclass(frozen=True)
class Screened:
    """What is known of deployments before their capacity is computed."""

    free: Floats
    """[rows] Memory of the fullest device left for KV cache [B]; negative where the weights do not fit."""
    weights: Floats
    """[rows] Weights of that device [B]."""
    least: NDArray[np.float32]
    """[bound, R, rows] Share of a replica that a call/s takes at least; inf where the stream may not use it or does not fit."""
    cramped: Bools
    """[R, rows] Whether the weights fit but not the KV cache of a single call of the stream at its 99th percentile."""


def hard_targets(stream: Stream) -> list[Target]:
    """Return a stream's hard promises; a batch deadline is an end-to-end promise at the 99th percentile."""
    found = [target_of(objective) for objective in stream.objectives if objective.price_per_miss is None]
    if stream.deadline is not None and not stream.movable:
        found.append(Target("e2e", 99.0, stream.deadline))
    return found


def soft_targets(stream: Stream) -> list[tuple[Target, float]]:
    """Return a stream's soft promises with their price per miss [$], times the share of its rate that there are calls for."""
    return [(target_of(o), stream.called * o.price_per_miss) for o in stream.objectives if o.price_per_miss is not None]


def target_of(objective: Objective) -> Target:
    """Return an objective as the formulas take it."""
    return Target(objective.metric, objective.percentile, objective.target)


class Evaluator:
    """Evaluates rows of a space for a set of streams."""

    def __init__(
        self,
        factory: ColumnFactory,
        streams: Sequence[Stream],
        operations: Operations,
        confidence: float,
        together: Bools | None = None,
    ) -> None:
        """Keep the streams' moments; `together` [R, R] says who may share a pool (all if None)."""
        self.together = np.ones((len(streams), len(streams)), dtype=bool) if together is None else together
        self.factory, self.streams, self.operations, self.confidence = factory, tuple(streams), operations, confidence
        self._bench: Bench | None = None
        self.moments: tuple[StreamMoments, ...] = tuple(stream_moments(stream) for stream in streams)
        self.targets = tuple(hard_targets(stream) for stream in streams)

    def compile(self, rows: Index, streams: Sequence[int], pooled: int = 1) -> Compiled:
        """Return some rows ready for the formulas, with the traffic of some streams (the others' is left out).

        Parameters
        ----------
        rows : deployments
        streams : whose traffic is wanted
        pooled : replicas that share the load behind one balancer

        Returns
        -------
        Compiled
        """
        bench = self._bench if self._bench is not None and np.isin(rows, self._bench.rows).all() else self._benched(rows)
        for r in streams:
            if r not in bench.traffic:
                bench.traffic[r] = traffic_on(bench.ground, bench.step, self.moments[r])
        made, traffic = bench.made, [bench.traffic[r] for r in streams]
        if bench is self._bench:
            at = np.searchsorted(bench.rows, rows)
            made, traffic = made.take(at), [each.take(at) for each in traffic]
        company_of = np.full(len(rows), company(pooled, self.operations.balancer))
        return replace(
            made,
            replica=replace(made.replica, pooled=company_of),
            traffic=tuple(self.dealt(each, pooled) for each in traffic),
        )

    @contextmanager
    def keeping(self, rows: Index) -> Iterator[None]:
        """Keep ascending rows ready for the formulas meanwhile, so that looking at some of them again costs little."""
        self._bench = self._benched(rows) if 0 < len(rows) <= KEPT else None
        try:
            yield
        finally:
            self._bench = None

    def _benched(self, rows: Index) -> Bench:
        """Return deployments ready for the formulas."""
        columns = self.factory.columns(rows)
        budget, step = budget_of(columns), step_of(columns)
        iteration, waiting = self.factory.pessimism(rows, self.confidence)
        replica = Replica(
            kv_bytes=np.maximum(budget.replica_kv, 1.0),
            max_sequences=_slots(columns, step) * columns.layout.dp,
            chunk_tokens=columns.engine.chunk_tokens * columns.layout.dp,
            host=columns.coefficients.host_per_request * waiting,
            pooled=np.ones(len(rows)),
            utilization=self.operations.max_utilization,
        )
        ground = Ground.of(columns)
        made = Compiled(step.slower(iteration), replica, budget, ground.held, budget.replica_kv / columns.layout.dp, ())
        return Bench(rows, made, ground, step, {})

    def dealt(self, traffic: Traffic, pooled: int) -> Traffic:
        """Return what one of so many replicas sees of a pool's calls."""
        return replace(traffic, burstiness=dealt_burstiness(traffic.burstiness, pooled, self.operations.balancer))

    def screen(self, rows: Index, eligible: Bools) -> Screened:
        """Return what memory and the least time per call say of some rows, of which [R, rows] may be used."""
        free, weights = np.zeros(len(rows)), np.zeros(len(rows))
        least = np.full((bounds.LEAST_ROWS, *eligible.shape), np.inf, dtype=np.float32)
        cramped = np.zeros(eligible.shape, dtype=bool)
        everyone = range(len(self.streams))
        pairs = zip(self.streams, self.targets, strict=True)
        longest = [bounds.longest_iteration(targets, stream.output.mean) for stream, targets in pairs]
        for start in range(0, len(rows), CHUNK):
            here = slice(start, start + CHUNK)
            made = self.compile(rows[here], everyone)
            free[here], weights[here] = made.budget.free, made.budget.weights
            for r, stream in enumerate(self.streams):
                fits = eligible[r, here] & (free[here] > 0)
                cramped[r, here] = fits & (made.cache.at(np.array(stream.longest_context())) > made.rank_kv)
                traffic = made.traffic[r]
                need = bounds.least_demands(made.step, traffic, made.replica, longest[r] * traffic.emitted)
                least[:, r, here] = np.where(fits & ~cramped[r, here], need, np.inf)
        return Screened(free, weights, least, cramped)

    def batches_statically(self, rows: Index) -> Bools:
        """Return which rows run an engine whose batches end together; they serve one stream each."""
        space = self.factory.space
        engines = [self.factory.catalog.engines[name].batching == "static" for name in space.engines]
        return np.array(engines, dtype=bool)[space.engine[rows]]

    def solve(self, rows: Index, stream: int, targets: Sequence[Target], pooled: int = 1) -> capacity.Capacity:
        """Return the capacities of rows, at least one, for a stream alone that is promised `targets`.

        Each is one of `pooled` replicas.
        """
        parts = []
        for chunk in chunks(rows):
            made = self.compile(chunk, [stream], pooled)
            found = capacity.solve(made.step, made.traffic[0], made.replica, targets)
            still = self.batches_statically(chunk)
            if still.any():
                found = static.chosen(still, static.solve_static(made.step, made.traffic[0], made.replica, targets), found)
            parts.append(found)
        return capacity.Capacity(
            feasible=np.concatenate([part.feasible for part in parts]),
            state=concatenate([part.state for part in parts]),
            binding=np.concatenate([part.binding for part in parts]),
            strain=np.concatenate([part.strain for part in parts]),
            names=parts[0].names,
        )


def _slots(columns: DeploymentColumns, step: StepModel) -> Floats:
    """Return the sequences a rank may decode at once: those the engine is set to, and whose drafts fit into an iteration [1]."""
    limit = columns.engine.max_sequences
    if columns.speculation is None:
        return limit
    return np.where(step.width > 1.0, np.minimum(limit, (columns.engine.chunk_tokens - MIN_CHUNK) / step.width), limit)


def chunks(rows: Index, size: int = CHUNK) -> Iterator[Index]:
    """Cut rows into pieces."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def concatenate(parts: Sequence[_T]) -> _T:
    """Join bundles of arrays field by field; single values are spread to the length of their part first."""
    names = [f.name for f in fields(parts[0])]
    columns: dict[str, list[Floats]] = {name: [] for name in names}
    for part in parts:
        arrays = np.broadcast_arrays(*(np.atleast_1d(getattr(part, name)) for name in names))
        for name, array in zip(names, arrays, strict=True):
            columns[name].append(array)
    return type(parts[0])(**{name: np.concatenate(column) for name, column in columns.items()})
