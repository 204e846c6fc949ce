"""From a problem to pool columns: enumerate, weigh memory, screen by price, evaluate, prune.

Sites are enumerated in the order of what one replica there costs, up to the cost of the best plan. Evaluating a
capacity takes some forty times the work of an upper bound on it. So every deployment is screened by the bound first,
and only those that could be as cheap as the best found are evaluated. `remaining.least_costs` later tells which deployments the
optimizer's prices might still bring in; the caller evaluates them and solves again until none is left, so that neither
order nor screening ever costs optimality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.candidates import eligible as rules
from planner.candidates.averages import AverageFloor, average_floors, worth_tables
from planner.candidates.columns import ColumnFactory
from planner.candidates.evaluate import Evaluator, Screened
from planner.candidates.notes import note_pairs
from planner.candidates.pools import Anchor, Pools, anchors_of, join, make_pools, tiers_of
from planner.candidates.prune import undominated
from planner.candidates.rejection import Ledger
from planner.candidates.space import AllowedNames, Sites, Space, build_space, empty_space, find_sites
from planner.candidates.today import runs_today
from planner.demand.stream import Stream
from planner.demand.ways import Aside, Flows, Way, together
from planner.domain.catalog import Catalog
from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.perf.bounds import LEAST_ROWS
from planner.perf.capacity import Capacity
from planner.supply.cells import Supply
from planner.supply.terms import Term, is_there

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Bools = NDArray[np.bool_]

SLACK = 1.05
"""Deployments whose bound is within this factor of the best evaluated cost are evaluated in the first round."""

BATCH = 128
"""Deployments evaluated per stream before the best cost is looked at again."""


@dataclass
class Search:
    """The deployments of a problem, as far as they have been enumerated and evaluated."""

    catalog: Catalog
    """Facts."""
    problem: Problem
    """Choices and limits."""
    streams: tuple[Stream, ...]
    """Who is to be served."""
    ways: tuple[Way, ...]
    """How each workload may cause calls of them."""
    supply: Supply
    """Machines."""
    sites: Sites
    """Where replicas can stand."""
    good: Bools
    """[R, model, precision, kv] which formats each stream may use."""
    space: Space
    """Combinations enumerated so far that fit in memory."""
    eligible: Bools
    """[R, N] who may use them."""
    least: NDArray[np.float32]
    """[bound, R, N] share of a replica that a call/s takes at least; inf where not eligible."""
    evaluated: Bools
    """[N] whether the capacity has been computed."""
    evaluator: Evaluator
    """Performance model."""
    anchors: tuple[Anchor, ...]
    """Levels offered."""
    ledger: Ledger
    """Why others are not there."""
    considered: int = 0
    """Combinations enumerated."""
    aside: Aside | None = None
    """Ways not compared, if any."""
    reached: float = -1.0
    """Sites whose first replica costs at most this have been enumerated [$/h]."""
    today: Plan | None = None
    """What runs today, if the plan is made from it."""

    def pairs(self) -> int:
        """Return how many ordered pairs of streams may share a pool, each with itself included."""
        return int(self.evaluator.together.sum())

    @cached_property
    def averages(self) -> tuple[tuple[AverageFloor, list[Floats]], ...]:
        """Quality floors that hold on average, with what calls are worth by [model, precision, KV precision]."""
        found = average_floors(self.problem, self.streams)
        return tuple((held, worth_tables(self.catalog, held, self.streams, self.space)) for held in found)

    def worths(self, rows: Index) -> Iterator[tuple[int, Floats]]:
        """Yield (stream, what its calls are worth on some deployments) for every floor that holds on average."""
        space = self.space
        for held, tables in self.averages:
            for r, table in zip(held.streams, tables, strict=True):
                yield r, table[space.model[rows], space.precision[rows], space.kv[rows]]

    @property
    def asked(self) -> tuple[Stream, ...]:
        """Streams with calls, or of workloads that never have any."""
        busy = {s.workload.name for s in self.streams if max(s.rate) > 0}
        return tuple(s for s in self.streams if max(s.rate) > 0 or s.workload.name not in busy)

    @cached_property
    def site_cost(self) -> Floats:
        """[site] least average cost of a plan with one replica there [$/h]; inf where no machine has a price.

        A replica needs its machines for at least the shortest period, or for as long as they last where they are committed.
        """
        periods, cycle = self.problem.periods, self.problem.cycle_hours
        shortest = min(period.hours for period in periods) / cycle
        held: dict[Term, float] = {}
        cell_cost = np.full(len(self.supply.cells), np.inf)
        for bought in self.supply.purchases:
            if bought.term not in held:
                held[bought.term] = sum(period.hours for period in periods if is_there(bought.term, period)) / cycle
            share = held[bought.term] if bought.committed else shortest
            cell_cost[bought.cell] = min(cell_cost[bought.cell], bought.lowest * share)
        cell_gpus = np.array([cell.gpus for cell in self.supply.cells])
        costs = [
            np.min(cell_cost * -(-self.sites.shapes[shape].gpus // cell_gpus), where=self.sites.hosts[hardware], initial=np.inf)
            for hardware, shape in self.sites.pairs
        ]
        return np.array(costs)

    def extend(self, ceiling: float) -> int:
        """Enumerate the sites whose first replica costs at most `ceiling` and that have not been yet; return how many rows fit.

        A plan cheaper than the ceiling cannot contain a site dearer than it, so the search is complete once the ceiling
        is at least the cost of the best plan found.
        """
        pairs = [pair for pair, cost in zip(self.sites.pairs, self.site_cost, strict=True) if self.reached < cost <= ceiling]
        self.reached = max(self.reached, ceiling)
        names = AllowedNames(self.space.precisions, self.space.kv_precisions, self.space.engines, self.space.drafts)
        space = build_space(self.catalog, self.space.models, self.sites, pairs, names)
        eligible = rules.eligibility(space, self.good, self.sites.hosts, self.supply, self.problem, self.streams)
        kept = np.flatnonzero(eligible.any(axis=0))
        self.considered += len(space)
        space, eligible = space.take(kept), eligible[:, kept]
        self.evaluator.factory.space = space
        seen = self.evaluator.screen(np.arange(len(space)), eligible)
        self._note_memory(space, seen)
        fits = np.flatnonzero(seen.free > 0)
        self.space = self.space.joined(space.take(fits))
        self.evaluator.factory.space = self.space
        self.eligible = np.concatenate([self.eligible, (eligible & ~seen.cramped)[:, fits]], axis=1)
        self.least = np.concatenate([self.least, seen.least[:, :, fits]], axis=2)
        self.evaluated = np.concatenate([self.evaluated, np.zeros(len(fits), dtype=bool)])
        return len(fits)

    def _note_memory(self, space: Space, seen: Screened) -> None:
        """Count rows that do not fit by model, precision and machine, with the layout that comes nearest."""
        for rows in families(space, np.flatnonzero(seen.free <= 0)):
            best = int(rows[np.argmax(seen.free[rows])])
            weights, usable = seen.weights[best] / 1e9, (seen.weights[best] + seen.free[best]) / 1e9
            sentence = f"weights {weights:.1f} GB a device > {usable:.1f} GB usable at {space.shapes[space.shape[best]]}"
            self.ledger.add("memory", _family_name(space, best), sentence, count=len(rows), layouts=_layouts(space, rows))
        for stream, cramped in zip(self.streams, seen.cramped, strict=True):
            for rows in families(space, np.flatnonzero(cramped)):
                best = int(rows[np.argmax(seen.free[rows])])
                sentence = (
                    f"the KV cache of one call of {stream.longest_context():,.0f} tokens does not fit into the "
                    f"{seen.free[best] / 1e9:.1f} GB left on a device at {space.shapes[space.shape[best]]}"
                )
                who, what = stream.name, _layouts(space, rows)
                self.ledger.add("memory", _family_name(space, best), sentence, count=len(rows), stream=who, layouts=what)

    def note_unreached(self, cost: float) -> None:
        """Note the sites that were never enumerated because one replica costs more than the whole plan."""
        for (hardware, shape), least in zip(self.sites.pairs, self.site_cost, strict=True):
            if least > self.reached:
                what = f"{self.sites.hardware[hardware].accelerator} {self.sites.shapes[shape]}"
                self.ledger.add("cost", what, f"machines for one replica cost ${least:,.2f}/h, the whole plan ${cost:,.2f}/h")

    @cached_property
    def gpu_price(self) -> Floats:
        """[R, hardware] the lowest price of an accelerator-hour a stream can get there [$/h]; inf if none."""
        price = np.full((len(self.streams), len(self.sites.hardware)), np.inf)
        for purchase in self.supply.purchases:
            cell = self.supply.cells[purchase.cell]
            here = np.ix_(np.array(cell.streams, dtype=bool), self.sites.hosts[:, purchase.cell])
            price[here] = np.minimum(price[here], purchase.lowest / cell.gpus)
        return price

    def evaluate(self, rows: Index) -> Pools:
        """Compute the pools of some rows; note those no stream can use."""
        self.evaluated[rows] = True
        pools, capacities = make_pools(self.evaluator, rows, self.eligible[:, rows], self.anchors)
        self._note_slow(rows, capacities)
        return pools

    def _note_slow(self, rows: Index, capacities: Sequence[tuple[Anchor, Index, Capacity]]) -> None:
        """Note rows that miss a hard promise even when almost idle, with the promise and by how much."""
        for anchor, mine, found in capacities:
            if anchor.targets != tuple(self.evaluator.targets[anchor.stream]):
                continue
            stream = self.streams[anchor.stream].name
            for which in np.flatnonzero(~found.feasible).tolist():
                name, strain = found.names[found.binding[which]], float(found.strain[which])
                row = int(rows[mine[which]])
                self.ledger.add(
                    "latency", self.space.describe(row), f"{name} at {strain:.2f} × its limit when idle", stream=stream
                )


def prepare(catalog: Catalog, problem: Problem, flows: Flows, supply: Supply) -> Search:
    """Return the search of a problem: who may use what, and where replicas could stand; nothing enumerated yet.

    Parameters
    ----------
    catalog, problem, flows, supply : the problem

    Returns
    -------
    Search
    """
    ledger, streams = Ledger(), flows.streams
    for what, code, sentence in supply.rejected:
        ledger.add("dominated" if code == "dominated" else "rules", what, sentence)
    names = rules.usable_names(catalog, problem, streams, ledger)
    good = rules.good_enough(catalog, problem, streams, names, ledger)
    useful = np.flatnonzero(good.any(axis=(0, 2, 3)))
    sites = find_sites(supply, catalog)
    rules.note_layouts(sites.shapes, problem, streams, ledger)
    note_pairs(catalog, [names.models[m] for m in useful], sites, names.formats, ledger)
    space = empty_space([names.models[m] for m in useful], sites, names.formats)
    evaluator = Evaluator(
        ColumnFactory(catalog, space), streams, problem.operations, problem.solver.confidence, together(streams, flows.ways)
    )
    return Search(
        catalog=catalog,
        problem=problem,
        streams=streams,
        ways=flows.ways,
        supply=supply,
        sites=sites,
        good=good[:, useful],
        space=space,
        eligible=np.zeros((len(streams), 0), dtype=bool),
        least=np.zeros((LEAST_ROWS, len(streams), 0), dtype=np.float32),
        evaluated=np.zeros(0, dtype=bool),
        evaluator=evaluator,
        anchors=anchors_of(evaluator, tiers_of(streams, problem.operations)),
        ledger=ledger,
    )


def families(space: Space, rows: Index) -> list[Index]:
    """Split rows into those of the same model, precision and machine."""
    if not len(rows):
        return []
    key = (space.model[rows] * len(space.precisions) + space.precision[rows]) * len(space.hardware) + space.machine[rows]
    order = np.argsort(key, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1)


def _family_name(space: Space, row: int) -> str:
    """Name what `families` puts together."""
    machine = space.hardware[space.machine[row]].accelerator
    return f"{space.models[space.model[row]]} {space.precisions[space.precision[row]]} {machine}"


def _layouts(space: Space, rows: Index) -> tuple[str, ...]:
    """Return the layouts of some rows, each once."""
    return tuple(str(space.shapes[shape]) for shape in np.unique(space.shape[rows]))


def first_round(search: Search, known: Pools, progress: Callable[[str], None]) -> Pools:
    """Evaluate the deployments that could be as cheap per call as the best, stream by stream.

    Parameters
    ----------
    search : with deployments enumerated
    known : pools found before
    progress : told what is being done

    Returns
    -------
    Pools, dominated ones left out.
    """
    looked_for = [(r, np.ones(len(search.space), dtype=bool)) for r in range(len(search.streams))]
    looked_for += [(r, worth >= 0.0) for r, worth in search.worths(np.arange(len(search.space)))]
    pools = known
    while True:
        fresh = np.unique(
            np.concatenate([_promising(search, r, rows, _cheapest(search, pools, r, rows)) for r, rows in looked_for])
        )
        if not len(fresh):
            break
        pools = prune(search, join([pools, search.evaluate(fresh)], len(search.streams)))
    progress(f"{search.considered:,} deployments, {len(search.space):,} fit in memory, {int(search.evaluated.sum()):,} evaluated")
    return pools


def _promising(search: Search, stream: int, rows: Bools, best: float) -> Index:
    """Return the next of some deployments to evaluate for a stream: the cheapest by their bound, while near the best found."""
    price, least = search.gpu_price[stream, search.space.machine], search.least[:, stream].max(axis=0)
    need = times(price * search.space.gpus(), least)
    cost = np.where(search.evaluated | ~rows, np.inf, need)
    able = np.flatnonzero(cost <= min(best * SLACK, np.finfo(float).max))
    return able[np.argsort(cost[able], kind="stable")[:BATCH]]


def times(price: Floats, least: Floats) -> Floats:
    """Return what serving costs; inf where nothing is to be had or nothing can be served, also on machines that cost nothing."""
    usable = np.isfinite(price) & np.isfinite(least)
    cost: Floats = np.multiply(price, least, out=np.full(np.shape(price), np.inf), where=usable)
    return cost


def _cheapest(search: Search, pools: Pools, stream: int, among: Bools) -> float:
    """Return the lowest cost of a call/s for one hour on any pool of some deployments [$/h per call/s]."""
    need = pools.demand[:, stream].max(axis=0) if len(pools.row) else np.zeros(0)
    good = np.isfinite(need) & among[pools.row]
    if not good.any():
        return float("inf")
    rows = pools.row[good]
    price = search.gpu_price[stream, search.space.machine[rows]]
    return float((need[good] * search.space.gpus()[rows] * price).min())


def in_parts(search: Search, pools: Pools) -> float:
    """Return what it costs to serve every workload its cheapest way, machines in parts, as far as pools are known [$/h].

    Σ over workloads of min_way Σ_r mean rate_r·(cheapest call of r)

    Notes
    -----
    Whole machines, limits, and streams that only APIs can serve are left out: a guess at the cost of a plan, not a bound.
    """
    hours = np.array([period.hours for period in search.problem.periods])
    every = np.ones(len(search.space), dtype=bool)
    call = {stream.name: _cheapest(search, pools, r, every) for r, stream in enumerate(search.streams)}
    least: dict[str, float] = {}
    for way in search.ways:
        costs = [float(np.dot(rate, hours)) * call[name] for name, rate in way.rates.items() if np.isfinite(call[name])]
        least[way.workload] = min(least.get(way.workload, np.inf), sum(costs) / float(hours.sum()))
    return sum(least.values())


def with_today(search: Search, pools: Pools) -> Pools:
    """Return pools with those of the deployments that run today, as far as they are enumerated."""
    if search.today is None:
        return pools
    rows = np.flatnonzero(~search.evaluated)
    rows = rows[runs_today(search.space, rows, search.today)]
    return prune(search, join([pools, search.evaluate(rows)], len(search.streams))) if len(rows) else pools


def prune(search: Search, pools: Pools) -> Pools:
    """Leave out dominated pools."""
    return pools.take(np.flatnonzero(undominated_in(search, pools))) if len(pools.row) else pools


def undominated_in(search: Search, pools: Pools) -> Bools:
    """Return [K] which pools no other of them beats in everything."""
    gpus = search.space.gpus()[pools.row]
    worth = np.array([row for _, row in search.worths(pools.row)]).reshape(-1, len(pools.row))
    machine = search.space.machine[pools.row]
    kept = undominated(machine, search.sites.hosts, gpus, pools.demand, pools.call_cost, pools.fewest, worth)
    if search.today is not None:
        # What runs today need not be set up: no other pool makes it superfluous.
        kept = kept | runs_today(search.space, pools.row, search.today)
    return kept
