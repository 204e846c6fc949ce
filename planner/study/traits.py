"""What tells two plans of one problem apart, in figures that a reviewer weighs against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from planner.candidates.quality import api_score, value_of
from planner.catalog.problem import LoadedProblem
from planner.domain.hardware import COMMITTED, COMMITTED_TERMS, SPOT
from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.domain.workload import Workload
from planner.supply.cells import OWN


def traits(plan: Plan, loaded: LoadedProblem) -> dict[str, Any]:
    """Return plain data that `compared` tells plans apart by.

    Parameters
    ----------
    plan : of the problem
    loaded : the problem, for published scores

    Returns
    -------
    dict
        Names are sorted, so that the same plan gives the same data.
    """
    calls = {True: 0.0, False: 0.0}
    for outside, routes in ((False, plan.pools), (True, plan.external)):
        for route in routes:
            calls[outside] += sum(share.rate * plan.periods[share.period] for share in route.shares)
    energy = plan.energy
    return {
        "engines": sorted({pool.deployment.engine for pool in plan.pools}),
        "sellers": sorted({"machines of your own" if buy.kind in OWN else buy.seller for buy in plan.purchases}),
        "regions": sorted({buy.region for buy in plan.purchases}),
        "paid": sorted({buy.kind for buy in plan.purchases if any(buy.machines.values())}),
        "spot": any(buy.kind in SPOT and any(buy.machines.values()) for buy in plan.purchases),
        "committed": _committed(plan),
        "drafts": sorted({how.speculator for pool in plan.pools if (how := pool.deployment.speculation) is not None}),
        "outside": calls[True] / sum(calls.values()) if any(calls.values()) else 0.0,
        "spares": min((_spares(pool, loaded) for pool in plan.pools), default=0),
        "near": _near(plan),
        "scores": dict(_scores(plan, loaded)),
        "power": None if energy is None else energy.facility_kw,
        "bounded": plan.proof.whole,
    }


def _committed(plan: Plan) -> float:
    """Return what is committed to beyond the hour [$/h]."""
    machines = sum(buy.cost for buy in plan.purchases if buy.kind in COMMITTED)
    return machines + sum(route.cost for route in plan.provisioned if route.term in COMMITTED_TERMS)


def _spares(pool: Pool, loaded: LoadedProblem) -> int:
    """Return the fewest spares a pool has while it serves."""
    stated = loaded.problem.operations.spare_replicas
    return min((stated if load.spares is None else load.spares for load in pool.loads if load.replicas), default=0)


def _near(plan: Plan) -> dict[str, list[float]]:
    """Return the worst prediction of each promise, with its target [s]; promises that never end are left out."""
    worst: dict[str, list[float]] = {}
    for promise in plan.promises:
        name = f"{promise.stream} {promise.metric.upper()} p{promise.percentile:g}"
        if math.isfinite(promise.predicted):
            before = worst.get(name, [0.0, promise.target])
            worst[name] = [max(before[0], promise.predicted), promise.target]
    return worst


def _scores(plan: Plan, loaded: LoadedProblem) -> Iterator[tuple[str, float]]:
    """Yield the least score of what serves each workload without stages, on the benchmarks of its floors.

    As published, less what the numbers take away at short contexts; none where one that serves it is not known.
    """
    for workload in loaded.problem.workloads:
        for index, floor in enumerate(workload.quality):
            found = [*_own(plan, loaded, workload, index), *_outside(plan, loaded, workload, index)]
            known = [value for value in found if value is not None]
            if known and len(known) == len(found) and floor.measured is None:
                yield f"{workload.name} {floor.benchmark}", min(known)


def _own(plan: Plan, loaded: LoadedProblem, workload: Workload, index: int) -> list[float | None]:
    made = [pool.deployment for pool in plan.pools if any(s.stream == workload.name and s.rate > 0 for s in pool.shares)]
    floor = workload.quality[index]
    return [value_of(loaded.catalog, floor, one.model, one.precision, one.kv_precision, 0.0) for one in made]


def _outside(plan: Plan, loaded: LoadedProblem, workload: Workload, index: int) -> list[float | None]:
    used = [route.api for route in plan.external if any(s.stream == workload.name and s.rate > 0 for s in route.shares)]
    return [api_score(loaded.catalog, workload.quality[index], api) for api in used]
