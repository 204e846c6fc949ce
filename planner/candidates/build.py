"""From a problem to pool columns: enumerate, weigh memory, screen by price, evaluate, prune.

Evaluating a capacity takes some forty times the work of an upper bound on it. So every deployment is screened by the
bound first, and only those that could be as cheap as the best found are evaluated. `Search.unproved` later names the
deployments that a lower price, seen by the optimizer's duals, might still bring in; the caller evaluates them and
solves again until none is left, so that screening never costs optimality.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates import eligible as rules
from planner.candidates.columns import ColumnFactory
from planner.candidates.evaluate import Evaluator
from planner.candidates.pools import Anchor, Pools, anchors_of, make_pools
from planner.candidates.prune import undominated
from planner.candidates.rejection import Ledger
from planner.candidates.space import Space, build_space, hardware_of
from planner.demand.stream import Stream
from planner.domain.catalog import Catalog
from planner.domain.problem import Problem
from planner.supply.cells import Supply

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Bools = NDArray[np.bool_]

SLACK = 1.05
"""Deployments whose bound is within this factor of the best evaluated cost are evaluated in the first round."""

BATCH = 512
"""Deployments evaluated per stream before the best cost is looked at again."""


@dataclass
class Search:
    """The deployments of a problem and how far they have been evaluated."""

    catalog: Catalog
    """Facts."""
    problem: Problem
    """Choices and limits."""
    streams: tuple[Stream, ...]
    """Who is to be served."""
    supply: Supply
    """Machines."""
    cell_machine: tuple[int, ...]
    """Machine of each cell."""
    space: Space
    """Combinations that fit in memory."""
    eligible: Bools
    """[R, N] who may use them."""
    bound: Floats
    """[R, N] rate of one replica that cannot be exceeded [1/s]; 0 where not eligible."""
    evaluated: Bools
    """[N] whether the capacity has been computed."""
    evaluator: Evaluator
    """Performance model."""
    anchors: tuple[Anchor, ...]
    """Levels offered."""
    ledger: Ledger
    """Why others are not there."""
    considered: int
    """Combinations enumerated."""

    def gpu_price(self) -> Floats:
        """Return [R, machine]: the lowest price of an accelerator-hour a stream can get there [$/h]; inf if none."""
        price = np.full((len(self.streams), len(self.space.hardware)), np.inf)
        for purchase in self.supply.purchases:
            cell = self.supply.cells[purchase.cell]
            machine = self.cell_machine[purchase.cell]
            open_to = np.array(cell.streams, dtype=bool)
            price[open_to, machine] = np.minimum(price[open_to, machine], purchase.hourly / cell.gpus)
        return price

    def evaluate(self, rows: Index) -> Pools:
        """Compute the pools of some rows; note those no stream can use."""
        self.evaluated[rows] = True
        pools, capacities = make_pools(self.evaluator, rows, self.eligible[:, rows], self.anchors)
        self._note_slow(rows, capacities)
        return pools

    def _note_slow(self, rows: Index, capacities: Sequence[object]) -> None:
        """Count rows that fail a promise even when almost idle, by stream and promise, with the best figure seen."""
        for anchor, found in zip((a for a in self.anchors if self.eligible[a.stream][rows].any()), capacities, strict=True):
            mine = rows[np.flatnonzero(self.eligible[anchor.stream, rows])]
            for which, name in enumerate(found.names):  # type: ignore[attr-defined]
                failing = np.flatnonzero(~found.feasible & (found.binding == which))  # type: ignore[attr-defined]
                if not len(failing):
                    continue
                best = failing[found.strain[failing].argmin()]  # type: ignore[attr-defined]
                stream = self.streams[anchor.stream].name
                for row in mine[failing].tolist():
                    strain = float(found.strain[np.flatnonzero(mine == row)[0]])  # type: ignore[attr-defined]
                    self.ledger.add("latency", self.space.describe(row), f"{name} at {strain:.2f} × its limit when idle", stream=stream)
                del best


def prepare(catalog: Catalog, problem: Problem, streams: Sequence[Stream], supply: Supply, progress: Callable[[str], None]) -> Search:
    """Return the search of a problem: everything that fits, with bounds, nothing evaluated yet.

    Parameters
    ----------
    catalog, problem, streams, supply : the problem
    progress : told what is being done

    Returns
    -------
    Search
    """
    ledger = Ledger()
    for what, code, sentence in supply.rejected:
        ledger.add("dominated" if code == "dominated" else "rules", what, sentence)
    names = rules.usable_names(catalog, problem, streams, ledger)
    good = rules.good_enough(catalog, problem, streams, names, ledger)
    useful = tuple(name for m, name in enumerate(names.models) if good[:, m].any())
    good = good[:, [names.models.index(name) for name in useful]]
    space = build_space(catalog, useful, supply, names.formats, ledger)
    _, cell_machine = hardware_of(supply, catalog)
    eligible = rules.eligibility(space, good, cell_machine, supply, problem, streams)
    kept = np.flatnonzero(eligible.any(axis=0))
    considered = len(space)
    progress(f"{considered:,} deployments, {len(kept):,} usable by the rules")
    space, eligible = space.take(kept), eligible[:, kept]
    longest = max((stream.longest_context(1.0) for stream in streams), default=1.0)
    evaluator = Evaluator(ColumnFactory(catalog, space, longest), streams, problem.operations.max_utilization)
    fits = _fitting(evaluator, space, ledger)
    space, eligible = space.take(fits), eligible[:, fits]
    evaluator.factory.space = space
    bound = np.zeros(eligible.shape)
    for r in range(len(streams)):
        mine = np.flatnonzero(eligible[r])
        bound[r, mine] = evaluator.screen(mine, r)
    progress(f"{len(space):,} fit in memory")
    return Search(
        catalog, problem, tuple(streams), supply, cell_machine, space, eligible, bound, np.zeros(len(space), dtype=bool),
        evaluator, anchors_of(evaluator), ledger, considered,
    )  # fmt: skip


def _fitting(evaluator: Evaluator, space: Space, ledger: Ledger) -> Index:
    """Return the rows whose weights leave room for KV cache; the others are counted by model, precision and machine."""
    if not len(space):
        return np.zeros(0, dtype=np.intp)
    budget = evaluator.memory(np.arange(len(space)))
    fits = budget.free > 0
    failing = np.flatnonzero(~fits)
    key = (space.model[failing] * len(space.precisions) + space.precision[failing]) * len(space.hardware) + space.machine[failing]
    for value in np.unique(key).tolist():
        rows = failing[key == value]
        best = int(rows[np.argmax(budget.free[rows])])
        machine = space.hardware[space.machine[best]]
        sentence = (
            f"weights {budget.weights[best] / 1e9:.1f} GB a device > {(budget.weights + budget.free)[best] / 1e9:.1f} GB usable "
            f"at {space.shapes[space.shape[best]]}"
        )
        name = f"{space.models[space.model[best]]} {space.precisions[space.precision[best]]} {machine.node}×{machine.accelerator}"
        ledger.add("memory", name, sentence, count=len(rows))
    return np.flatnonzero(fits)


def first_round(search: Search, progress: Callable[[str], None]) -> Pools:
    """Evaluate the deployments that could be as cheap per call as the best, stream by stream.

    Parameters
    ----------
    search : prepared
    progress : told what is being done

    Returns
    -------
    Pools, dominated ones left out.
    """
    price = search.gpu_price()
    gpus = search.space.gpus()
    machine = search.space.machine
    found: list[Pools] = []
    for r in range(len(search.streams)):
        cost = np.where(search.bound[r] > 0, price[r, machine] * gpus / np.maximum(search.bound[r], 1e-300), np.inf)
        order = np.argsort(cost, kind="stable")
        order = order[np.isfinite(cost[order])]
        best = min((_cheapest(pools, r, price, gpus, machine) for pools in found), default=np.inf)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            if cost[batch[0]] > best * SLACK:
                break
            fresh = batch[~search.evaluated[batch]]
            if len(fresh):
                pools = prune(search, search.evaluate(fresh))
                found.append(pools)
                best = min(best, _cheapest(pools, r, price, gpus, machine))
    progress(f"{int(search.evaluated.sum()):,} evaluated")
    return prune(search, join(found))


def _cheapest(pools: Pools, stream: int, price: Floats, gpus: Index, machine: Index) -> float:
    """Return the lowest cost of a call/s for one hour on any of the pools [$/h per call/s]."""
    need = pools.demand[:, stream].max(axis=0) if len(pools.row) else np.zeros(0)
    good = np.isfinite(need)
    if not good.any():
        return float("inf")
    rows = pools.row[good]
    return float((need[good] * gpus[rows] * price[stream, machine[rows]]).min())


def join(parts: Sequence[Pools]) -> Pools:
    """Put pools together."""
    from planner.candidates.pools import _join

    streams = parts[0].demand.shape[1] if parts else 0
    return _join(parts, streams)


def prune(search: Search, pools: Pools) -> Pools:
    """Leave out dominated pools."""
    if not len(pools.row):
        return pools
    gpus = search.space.gpus()[pools.row]
    keep = undominated(search.space.machine[pools.row], gpus, pools.demand, pools.call_cost)
    return pools.take(np.flatnonzero(keep))
