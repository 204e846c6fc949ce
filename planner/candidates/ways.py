"""Which ways to serve a workload are worth the full look: what each costs at least, wherever its calls are served.

Pools are evaluated for every pair of streams that may share them, so the work grows with the square of their number. Ways
are screened first by a bound that needs each stream by itself:

    bound[w] = cost[w] + Σ_r λ[r]·c[r],   c[r] = min over deployments of price·GPUs/μ[r],

with μ the capacity of a replica for the stream alone, in the best company offered. No pool serves a call for less: in any mix
a stream takes at least the share 1/μ of a replica. A plan costs at least Σ_g min_w bound[w], and with a way that is not the
cheapest of its workload by as much more as its bound is higher. Ways left out limit how far the proof reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.apis import Apis
from planner.candidates.build import BATCH, Search
from planner.candidates.evaluate import Evaluator
from planner.candidates.pools import TIERS, anchors_of, tiers_of
from planner.demand.ways import Way, together

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

MOST_PAIRS = 700
"""Pairs of streams that may share a pool up to which ways are not screened: some 25 streams of different workloads."""

WORTH = 0.1
"""Share of the cost of a whole plan by which a way's bound may be above the best of its workload and still be looked at."""


@dataclass(frozen=True)
class Screening:
    """What ways cost at least."""

    bound: Floats
    """[W] Least cost of a workload served so, all else apart [$/h]; inf where it cannot be."""
    least: float
    """Least cost of a plan [$/h]."""
    regret: Floats
    """[W] How far each is above the best way of its workload [$/h]."""


def screened(search: Search, apis: Apis, progress: Callable[[str], None]) -> Screening:
    """Return what every way costs at least; all sites are enumerated for it.

    Parameters
    ----------
    search : of all streams
    apis : usable APIs
    progress : told what is being done

    Returns
    -------
    Screening
    """
    search.extend(float(np.max(search.site_cost, where=np.isfinite(search.site_cost), initial=0.0)))
    call = np.minimum(
        np.array([cheapest_call(search, r) for r in range(len(search.streams))]),
        3600.0 * apis.call_cost.min(axis=1, initial=np.inf),
    )
    hours = np.array([period.hours for period in search.problem.periods])
    share = hours / hours.sum()
    names = {stream.name: r for r, stream in enumerate(search.streams)}
    bound = np.array([_bound(way, call, names, share) for way in search.ways])
    workloads = np.array([way.workload for way in search.ways])
    best = {name: float(bound[workloads == name].min()) for name in dict.fromkeys(workloads.tolist())}
    regret = bound - np.array([best[name] for name in workloads.tolist()])
    progress(f"{len(search.ways):,} ways screened by what each costs at least")
    return Screening(bound, sum(best.values()), regret)


def _bound(way: Way, call: Floats, names: dict[str, int], share: Floats) -> float:
    used = [(float(np.dot(share, rate)), call[names[name]]) for name, rate in way.rates.items()]
    return way.cost + float(sum(rate * cost for rate, cost in used if rate > 0))


def cheapest_call(search: Search, r: int) -> float:
    """Return the least cost of 1 call/s of a stream for an hour, on any deployment [$/h].

    Deployments are evaluated in the order of their bound until the bound of the next exceeds the best found: it is exact.
    """
    need = search.gpu_price[r, search.space.machine] * search.space.gpus()
    by_bound = need * search.least[:, r].max(axis=0)
    order = np.argsort(by_bound, kind="stable")
    order = order[np.isfinite(by_bound[order])]
    best = np.inf
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        rows = np.sort(rows[by_bound[rows] <= best])
        if not len(rows):
            break
        best = min(best, float((need[rows] / _most(search.evaluator, rows, r)).min()))
    return best


def _most(evaluator: Evaluator, rows: Index, r: int) -> Floats:
    """[rows] Most calls per second a replica serves of a stream alone, by itself or in company; 0 where it cannot."""
    rates = []
    for pooled in (1, *(tiers_of([evaluator.streams[r]], evaluator.operations) and TIERS)):
        found = evaluator.solve(rows, r, evaluator.targets[r], pooled)
        rates.append(np.where(found.feasible, np.broadcast_to(found.state.rate, found.feasible.shape), 0.0))
    return np.asarray(np.maximum(np.max(rates, axis=0), 1e-300))


def chosen(search: Search, found: Screening, most: float) -> list[int]:
    """Return the ways worth the full look: by how little they are above the best of their workload, while pairs stay few.

    Parameters
    ----------
    search : of all streams
    found : what ways cost at least
    most : cost above the best of its workload from which a way is not worth it [$/h]

    Returns
    -------
    Indices into the search's ways; of each workload at least the best
    """
    index = {stream.name: r for r, stream in enumerate(search.streams)}
    order = sorted(range(len(search.ways)), key=lambda w: (found.regret[w], w))
    kept: list[int] = []
    used: set[int] = set()
    for w in order:
        if not np.isfinite(found.regret[w]) or (found.regret[w] > 0 and found.regret[w] > most):
            continue
        more = used | {index[name] for name in search.ways[w].rates}
        ids = sorted(more)
        if found.regret[w] > 0 and more != used and search.evaluator.together[np.ix_(ids, ids)].sum() > MOST_PAIRS:
            continue
        used = more
        kept.append(w)
    return sorted(kept)


def narrowed(search: Search, apis: Apis, ways: list[int]) -> tuple[Search, Apis]:
    """Return the search and APIs of some ways and their streams alone, no deployment evaluated yet."""
    left = tuple(search.ways[w] for w in ways)
    used = {name for way in left for name in way.rates}
    keep = [r for r, stream in enumerate(search.streams) if stream.name in used]
    streams = tuple(
        replace(search.streams[r], rate=tuple(map(max, zip(*(w.rates[name] for w in left if name in w.rates), strict=True))))
        for r in keep
        for name in (search.streams[r].name,)
    )
    cells = tuple(replace(cell, streams=tuple(cell.streams[r] for r in keep)) for cell in search.supply.cells)
    evaluator = Evaluator(
        search.evaluator.factory, streams, search.problem.operations, search.problem.solver.confidence, together(streams, left)
    )
    lean = replace(
        search,
        streams=streams,
        ways=left,
        supply=replace(search.supply, cells=cells),
        good=search.good[keep],
        eligible=search.eligible[keep],
        least=search.least[:, keep],
        evaluated=np.zeros_like(search.evaluated),
        evaluator=evaluator,
        anchors=anchors_of(evaluator, tiers_of(streams, search.problem.operations)),
    )
    prices = tuple(tuple(row[r] for r in keep) for row in apis.prices)
    return lean, replace(apis, prices=prices, call_cost=apis.call_cost[keep])
