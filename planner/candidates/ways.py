"""Which ways to serve a workload are worth the full look, by an estimate of what each costs.

Pools are evaluated for every pair of streams that may share them, so the work grows with the square of their number; levers
multiply streams. Where they are many, ways are compared first by what their calls cost one stream at a time:

    estimate[w] = cost[w] + Σ_r λ[r]·c[r],   c[r] = min over deployments of price·GPUs/μ[r],

μ the capacity of a replica for the stream alone. Deployments are those that serve the most patient stream of a kind at the least
bound of cost per call, a few of every model and format. It is an estimate, not a proof: a lever may make another deployment the
best, and whole replicas and shared pools are not seen. What is left out is told with the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.alike import Floors, once
from planner.candidates.api_costs import call_cost
from planner.candidates.apis import usable_price
from planner.candidates.build import Search, prepare, times
from planner.candidates.evaluate import concatenate, hard_targets
from planner.candidates.rejection import Ledger
from planner.candidates.traffic import Ground, stream_moments, traffic_on
from planner.demand.stream import Stream
from planner.demand.ways import Aside, Flows, Way, seen, together
from planner.domain.catalog import Catalog
from planner.domain.problem import Problem
from planner.perf import capacity
from planner.perf.limits import RowTarget
from planner.supply.cells import Supply

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

MOST_PAIRS = 700
"""Pairs of streams that may share a pool up to which no way is left out: some 26 streams of different workloads."""

ROWS = 240
"""Deployments on which a kind of stream is compared."""

ALIKE = 4
"""Of these, at most so many of one model and format: the best machines and layouts."""

WORTH = 0.1
"""Share of the whole estimate by which a way may be above the best of its workload and still be looked at."""


@dataclass(frozen=True)
class Screening:
    """What ways are estimated to cost."""

    estimate: Floats
    """[W] Cost of a workload served so [$/h]; inf where it cannot be."""
    regret: Floats
    """[W] How far each is above the best way of its workload [$/h]."""
    least: float
    """Cost of all workloads, each served in its best way [$/h]."""


def pairs(flows: Flows) -> int:
    """Return how many ordered pairs of streams may share a pool, each with itself included."""
    return int(together(flows.streams, flows.ways).sum())


def worth_a_look(
    flows: Flows,
    catalog: Catalog,
    problem: Problem,
    supply_of: Callable[[Sequence[Stream]], Supply],
) -> Aside | None:
    """Return which ways may be the cheapest and which are put aside; None where streams are few, so that all are compared.

    Parameters
    ----------
    flows : everything the workloads may cause
    catalog, problem : facts and rules
    supply_of : streams → machines they may use
    """
    if pairs(flows) <= MOST_PAIRS:
        return None
    found = screened(flows, catalog, problem, supply_of)
    return Aside(flows, tuple(chosen(flows, found)), found.regret)


def screened(flows: Flows, catalog: Catalog, problem: Problem, supply_of: Callable[[Sequence[Stream]], Supply]) -> Screening:
    """Return what every way is estimated to cost."""
    families: dict[tuple[object, ...], list[Stream]] = {}
    for stream in flows.streams:
        key = (stream.workload.name, stream.stage, stream.role, stream.part, stream.workload.choose)
        families.setdefault(key, []).append(stream)
    firsts = tuple(max(members, key=_patience) for members in families.values())
    search = prepare(catalog, problem, Flows(firsts, ()), supply_of(firsts))
    search.extend(float(np.max(search.site_cost, where=np.isfinite(search.site_cost), initial=0.0)))
    floors = Floors(catalog)
    cost: dict[str, float] = {}
    for r, members in enumerate(families.values()):
        cost |= _family_costs(search, r, members, floors)
    hours = np.array([period.hours for period in problem.periods])
    estimate = np.array([_estimate(way, cost, hours / hours.sum()) for way in flows.ways])
    workloads = np.array([way.workload for way in flows.ways])
    best = {name: float(estimate[workloads == name].min()) for name in dict.fromkeys(workloads.tolist())}
    with np.errstate(invalid="ignore"):
        regret = estimate - np.array([best[name] for name in workloads.tolist()])
    lost = np.isnan(regret)  # where no way of a workload has an estimate, none is preferred to another
    return Screening(estimate, np.where(lost, 0.0, regret), sum(cost for cost in best.values() if np.isfinite(cost)))


def _patience(stream: Stream) -> float:
    """Return how much time a stream's promises leave in all [s]; the most patient of a kind may use what any of it may."""
    return sum(target.seconds for target in hard_targets(stream)) if hard_targets(stream) else np.inf


def _estimate(way: Way, call: dict[str, float], share: Floats) -> float:
    used = [(float(np.dot(share, rate)), call[name]) for name, rate in way.rates.items()]
    return way.cost + float(sum(rate * cost for rate, cost in used if rate > 0))


def _family_costs(search: Search, r: int, members: Sequence[Stream], floors: Floors) -> dict[str, float]:
    """Return what 1 call/s of each stream of a kind costs for an hour, on the deployments its first may use [$/h]."""
    rows, price = _rows(search, r)
    of, firsts = once(members, seen)
    rates = _rates(search, rows, firsts) if len(rows) else np.zeros((len(firsts), 0))
    with np.errstate(divide="ignore"):
        cost = np.where(rates > 0, price / rates, np.inf)
    found = {}
    known: dict[tuple[object, ...], NDArray[np.bool_]] = {}
    for stream, shape in zip(members, of, strict=True):
        key = (stream.workload.quality, stream.longest_context())
        passed = known[key] if key in known else known.setdefault(key, _passed(search, rows, stream, floors))
        own = float(np.min(cost[shape], where=passed, initial=np.inf))
        found[stream.name] = min(own, 3600.0 * _by_api(search, stream))
    return found


def _rows(search: Search, r: int) -> tuple[Index, Floats]:
    """Return the deployments on which a kind of stream is compared, and what a replica there costs [$/h]."""
    space = search.space
    price = search.gpu_price[r, space.machine] * space.gpus()
    bound = times(price, search.least[:, r].max(axis=0))
    bound = np.where(search.evaluator.batches_statically(np.arange(len(space))), np.inf, bound)
    order = np.argsort(bound, kind="stable")
    order = order[np.isfinite(bound[order])]
    formats = (space.model * len(space.precisions) + space.precision) * len(space.kv_precisions) + space.kv
    counts: dict[int, int] = {}
    kept = []
    for row in order.tolist():
        key = int(formats[row])
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= ALIKE:
            kept.append(row)
        if len(kept) == ROWS:
            break
    rows = np.sort(np.array(kept, dtype=np.intp))
    return rows, price[rows]


def _rates(search: Search, rows: Index, streams: Sequence[Stream]) -> Floats:
    """[streams, rows] Most calls per second that a replica serves of each stream alone; 0 where it cannot.

    All streams whose promises are of the same metrics and percentiles are solved as one column.
    """
    evaluator = search.evaluator
    made = evaluator.compile(rows, [])
    ground = Ground.of(evaluator.factory.columns(rows))
    found = np.zeros((len(streams), len(rows)))
    by_promise: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for index, stream in enumerate(streams):
        by_promise.setdefault(tuple((t.metric, t.percentile) for t in hard_targets(stream)), []).append(index)
    for promise, members in by_promise.items():
        traffic = []
        for index in members:
            part = evaluator.dealt(traffic_on(ground, made.step, stream_moments(streams[index])), 1)
            traffic.append(replace(part, held=np.broadcast_to(part.held, len(rows))))
        limits = np.array([[t.seconds for t in hard_targets(streams[index])] for index in members])
        targets = [RowTarget(metric, p, np.repeat(limits[:, i], len(rows))) for i, (metric, p) in enumerate(promise)]
        count = len(members)
        solved = capacity.solve(
            concatenate([made.step] * count), concatenate(traffic), concatenate([made.replica] * count), targets
        )
        rate = np.where(solved.feasible, np.broadcast_to(solved.state.rate, solved.feasible.shape), 0.0)
        found[members] = rate.reshape(count, len(rows))
    return found


def _passed(search: Search, rows: Index, stream: Stream, floors: Floors) -> NDArray[np.bool_]:
    """[rows] Whether a deployment's model and formats reach a stream's floors."""
    space, context = search.space, stream.longest_context()
    passed = np.ones(len(rows), dtype=bool)
    for floor in stream.workload.quality:
        names = [
            (space.models[space.model[row]], space.precisions[space.precision[row]], space.kv_precisions[space.kv[row]])
            for row in rows.tolist()
        ]
        passed &= np.array([floors.reaches(floor, context, *name) for name in names], dtype=bool)
    return passed


def _by_api(search: Search, stream: Stream) -> float:
    """Return the least price of a call at any API a stream may use [$]; inf if none."""
    if not stream.workload.data.external_api:
        return float("inf")
    catalog, problem = search.catalog, search.problem
    paid = ((offer, usable_price(name, offer, stream, catalog, problem, Ledger())) for name, offer in catalog.apis.items())
    return min((call_cost(stream, each, offer.cache) for offer, each in paid if each is not None), default=float("inf"))


def chosen(flows: Flows, found: Screening) -> list[int]:
    """Return the ways worth the full look: those least above the best of their workload, while pairs of streams stay few.

    Parameters
    ----------
    flows : all ways
    found : what they are estimated to cost

    Returns
    -------
    Indices of ways; of each workload at least the best, and the best that pulls no lever: whatever the estimate misses,
    a plan gets no dearer by what was offered
    """
    index = {stream.name: r for r, stream in enumerate(flows.streams)}
    may = together(flows.streams, flows.ways)
    kept: list[int] = []
    used: set[int] = set()
    order = _in_order(flows, found)
    needed = _needed(flows, found, order)
    for w in dict.fromkeys([*needed, *order]):
        more = used | {index[name] for name in flows.ways[w].rates}
        ids = sorted(more)
        if w in needed or more == used or may[np.ix_(ids, ids)].sum() <= MOST_PAIRS:
            used = more
            kept.append(w)
    return sorted(kept)


def _needed(flows: Flows, found: Screening, order: Sequence[int]) -> list[int]:
    """Return the best way of each workload, and the best that pulls no lever and can be served."""
    best: dict[str, int] = {}
    for w in order:
        best.setdefault(flows.ways[w].workload, w)
    plain: dict[str, int] = {}
    for w in sorted(range(len(flows.ways)), key=lambda w: (found.regret[w], w)):
        if not flows.ways[w].settings and np.isfinite(found.regret[w]):
            plain.setdefault(flows.ways[w].workload, w)
    return [*best.values(), *plain.values()]


def _in_order(flows: Flows, found: Screening) -> list[int]:
    """Return the ways in the order of their worth: the near ones, then of each workload the best without each lever.

    What a lever saves can only be told beside a way that does not pull it.
    """
    order = sorted(range(len(flows.ways)), key=lambda w: (found.regret[w], w))
    near = [w for w in order if found.regret[w] <= WORTH * found.least]
    best = {flows.ways[w].workload: flows.ways[w] for w in reversed(near)}
    without = [
        next((w for w in order if flows.ways[w].workload == name and setting not in flows.ways[w].settings), None)
        for name, way in best.items()
        for setting in way.settings
    ]
    rest = [w for w in without if w is not None and np.isfinite(found.regret[w])]
    return list(dict.fromkeys([*near, *sorted(rest, key=lambda w: (found.regret[w], w))]))
