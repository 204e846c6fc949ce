"""What a little more of demand and limits is worth, machines divisible, over every deployment of the catalog.

A plan of few machines looks at no machine dearer than itself, and at no pool of more replicas than its demand needs; many
machines may be such. So sites are enumerated to the last, pools have the company of many replicas, and deployments that the
prices could want are evaluated until none is left: column generation, with deployments as columns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.candidates.build import Search, prune
from planner.candidates.columns import ColumnFactory
from planner.candidates.evaluate import Evaluator
from planner.candidates.pools import Pools, join
from planner.candidates.rejection import Ledger
from planner.candidates.remaining import ShadowPrices, least_costs
from planner.domain.plan_worth import DemandWorth, LimitWorth, Worth
from planner.domain.problem import Problem
from planner.optimize.assemble import Assembled, assemble
from planner.optimize.divisible import TIMES, Marginal, full, marginal
from planner.optimize.model import decided, nothing
from planner.optimize.program import Bools, Program
from planner.plan.solved import Solved
from planner.supply.limits import quota_name

BATCH = 1024
"""Deployments evaluated between two linear programs."""

EFFORT = 400_000
"""Most evaluations in all: about two seconds. What is left could at most make the prices somewhat lower."""

TAKEN = 1e-6
"""Share of a workload from which on it counts as served in a way [1]."""

SITES: dict[str, Literal["kW", "rack"]] = {"power": "kW", "cooling": "kW", "racks": "rack"}
"""What is limited at a site, and what it is counted in."""

BEYOND = 1e30
"""More than anything is worth [$/h]."""


@dataclass(frozen=True, eq=False)
class Found:
    """Prices, and the program that they are of."""

    assembled: Assembled
    """The program."""
    at: Marginal
    """Its prices."""


def worth_of(solved: Solved) -> Worth | None:
    """Return what a little more of demand and limits is worth; None where the relaxation cannot tell.

    Parameters
    ----------
    solved : the optimizer's answer, which stays as it is

    Returns
    -------
    Worth or None

    References
    ----------
    docs/formulation.md (machines divisible).
    """
    found = _found(solved)
    if found is None:
        return None
    demand = tuple(_demand(solved.search, found))
    return Worth(cost=max(found.at.cost, 0.0), demand=demand, limits=tuple(_limits(solved.search.problem, found)))


def _found(solved: Solved) -> Found | None:
    """Return prices that no deployment of the catalog would change, if they are found within the time of a solve."""
    deadline = time.monotonic() + solved.search.problem.solver.time_limit
    if full(solved.assembled.program, decided(solved.outcome)):  # no other pool may be opened
        return _priced(solved.assembled, solved, deadline)
    own, pools = _anew(solved), solved.pools
    own.extend(float(np.max(own.site_cost, where=np.isfinite(own.site_cost), initial=0.0)))
    left = EFFORT // (own.pairs() + 9 * len(own.streams))
    while True:
        found = _priced(assemble(own, pools, solved.apis), solved, deadline)
        rows = np.zeros(0, dtype=np.intp) if found is None else _wanted(own, found.at)[: min(BATCH, left)]
        if not len(rows):
            return found
        left -= len(rows)
        pools = prune(own, join([pools, prune(own, own.evaluate(np.sort(rows)))], len(own.streams)))


def _anew(solved: Solved) -> Search:
    """Return a search to go on with, in which every pool may have the company of many replicas."""
    search = solved.search
    many = tuple(replace(stream, rate=tuple(TIMES * rate for rate in stream.rate)) for stream in search.streams)
    factory, problem = ColumnFactory(search.catalog, search.space), search.problem
    evaluator = Evaluator(factory, many, problem.operations, problem.solver.confidence, search.evaluator.together)
    evaluated = search.evaluated & ~_alone(search, solved.pools)
    return replace(search, ledger=Ledger(), evaluated=evaluated, evaluator=evaluator, today=None)


def _alone(search: Search, pools: Pools) -> Bools:
    """[N] Whether a pool of a deployment could have more company than its demand so far asked for."""
    most = max((anchor.fewest for anchor in search.anchors), default=1)
    if most == 1:
        return np.zeros(len(search.space), dtype=bool)
    stream = np.array([anchor.stream for anchor in search.anchors])[pools.anchor]
    served = np.zeros((len(search.streams), len(search.space)), dtype=bool)
    accompanied = served.copy()
    served[stream, pools.row] = True
    top = pools.fewest == most
    accompanied[stream[top], pools.row[top]] = True
    alone: Bools = ~served.any(axis=0) | np.any(served & ~accompanied, axis=0)
    return alone


def _priced(assembled: Assembled, solved: Solved, deadline: float) -> Found | None:
    """Return the prices of a program, machines and pools as in the answer where they are limited."""
    program = assembled.program
    none = decided(solved.outcome) if assembled is solved.assembled else nothing(program)
    at = marginal(program, replace(none, machines=decided(solved.outcome).machines), deadline=deadline)
    return None if at is None else Found(assembled, at)


def _wanted(search: Search, at: Marginal) -> NDArray[np.intp]:
    """Return the deployments not yet evaluated that might lower the cost, the most promising first."""
    cells = len(search.supply.cells)
    beyond = np.full(at.calls.shape, BEYOND)  # of many machines one never serves all of a stream
    prices = ShadowPrices(at.cost, beyond, at.calls, at.gpus[:cells], lambda _, reach: np.zeros(reach.shape[-1]))
    rows, least = least_costs(search, prices)
    order = np.argsort(least, kind="stable")
    return rows[order[least[order] < at.cost - 1e-9 * max(at.cost, 1.0)]]


def _demand(search: Search, found: Found) -> Iterator[DemandWorth]:
    """Yield what more demand of each workload costs: its calls at their prices, and what follows it beside models."""
    choices = found.assembled.choices
    taken = dict(zip(choices.way.tolist(), found.at.ways.tolist(), strict=True))
    for workload in search.problem.workloads:
        mine = [index for index, way in enumerate(search.ways) if way.workload == workload.name]
        peak = max((max(search.ways[index].requests) for index in mine), default=0.0)
        if peak <= 0:
            continue
        calls = sum(found.at.streams[r] for r, stream in enumerate(search.streams) if stream.workload.name == workload.name)
        beside = [
            (taken[index], item.following) for index in mine if taken.get(index, 0.0) > TAKEN for item in search.ways[index].items
        ]
        unknown = any(following is None for _, following in beside)
        hourly = None if unknown else float(calls + sum(share * (following or 0.0) for share, following in beside)) / peak
        yield DemandWorth(workload=workload.name, peak=peak, hourly=hourly)


def _limits(problem: Problem, found: Found) -> Iterator[LimitWorth]:
    """Yield what more of each limit of the problem saves."""
    program, at, limits = found.assembled.program, found.at, problem.limits
    saved = {limit.name: each for limit, each in zip(program.gpu_limits, at.gpu_limits.tolist(), strict=True)}
    for index, quota in enumerate(limits.quotas):
        path = f"limits.quotas[{index}]"
        yield LimitWorth(limit=path, name=f"quota of {quota_name(quota)}", unit="GPU", hourly=saved[path])
    if limits.max_gpus is not None:
        path = "limits.max_gpus"
        yield LimitWorth(limit=path, name="max_gpus", unit="GPU", hourly=saved[path])
    yield from _others(problem, program, at)


def _others(problem: Problem, program: Program, at: Marginal) -> Iterator[LimitWorth]:
    """Yield the limits that are not counted in accelerators."""
    if problem.limits.budget is not None:
        yield LimitWorth(limit="limits.budget", name="budget", unit="$/h", hourly=at.budget)
    if problem.limits.power is not None:
        yield LimitWorth(limit="limits.power", name="power", unit="kW", hourly=at.power * 1e3)
    for average, each in zip(program.average_limits, at.average_limits.tolist(), strict=True):
        yield LimitWorth(limit=average.name, name="carbon", unit="kg/h", hourly=each)
    saved = {limit.name: each for limit, each in zip(program.machine_limits, at.machine_limits.tolist(), strict=True)}
    for index, site in enumerate(problem.limits.sites):
        for what, unit in SITES.items():
            path = f"limits.sites[{index}].{what}"
            if path in saved:
                yield LimitWorth(limit=path, name=f"{what} of {site.name}", unit=unit, hourly=saved[path])
