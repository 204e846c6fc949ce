"""What it costs to keep promises at the pessimistic edge of predictions instead of taking them as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from planner.catalog.evidence import evidence_for, pessimism
from planner.domain.catalog import Catalog
from planner.domain.plan_costs import Cost
from planner.domain.plan_pools import Deployment, Pool
from planner.plan.pool import deployment_of, replicas_of
from planner.plan.solved import Columns, Solved, open_pools, run_of
from planner.plan.spares import spares_of
from planner.plan.strain import share_kept

PLAIN = 0.5
"""Confidence at which predictions are taken as they come."""

SAMPLE = 8
"""Periods in which pools are asked at most: each takes a dozen predictions of every pool."""

MOST = 4.0
"""Largest share of its load a pool is tried with."""


def edge_of(catalog: Catalog, deployment: Deployment, confidence: float) -> tuple[float, float]:
    """Return how much slower than predicted a deployment's iterations, and its calls' waits outside them, are taken to be [1]."""
    fmt = catalog.precisions[deployment.precision].compute
    names = deployment.accelerator, deployment.engine
    return pessimism(catalog, *names, fmt, "tpot", confidence), pessimism(catalog, *names, fmt, "ttft", confidence)


def basis_of(catalog: Catalog, deployment: Deployment) -> str:
    """Say what the edge of a deployment rests on."""
    found = evidence_for(catalog, deployment.accelerator, deployment.engine, catalog.precisions[deployment.precision].compute)
    if found is None:
        return "no measurement of it or of anything like it"
    if found.note:
        return f"{found.points:,} measurements; {found.note}"
    if found.accelerator == "*":
        return f"{found.points:,} measurements of other accelerators, each predicted without its own"
    return f"{found.points:,} measurements of {found.accelerator} under {deployment.engine}, each predicted without its model"


def doubt_reasons(solved: Solved, pools: Sequence[Pool], cost: Cost) -> list[str]:
    """Return what the pessimistic edge is, and about what it costs.

    The pools are asked how much more of their load they would carry at confidence 0.5; fewer whole replicas would then do.
    That is what this fleet pays for doubt; another fleet might pay less.
    """
    search = solved.search
    confidence = search.problem.solver.confidence
    edges = {pool.name: edge_of(search.catalog, pool.deployment, confidence) for pool in pools}
    if not any(max(edge) > 1.0 for edge in edges.values()):
        return []
    said = ", ".join(f"{name} {iteration:.2f} times" for name, (iteration, _) in edges.items())
    some = _some(solved)
    spared = sum(_spared(solved, columns, some) for columns in open_pools(solved))
    hours = {search.problem.periods[t].name: search.problem.periods[t].hours for t in some}
    whole = sum(_gpu_hours(pool, hours) for pool in pools)
    share = spared / whole if whole else 0.0
    price = f"{share:.0%} fewer accelerators, about ${cost.machines * share:,.2f}/h less" if spared else "as many accelerators"
    return [
        (
            f"Promises are kept even where machines are as slow as {confidence:.0%} of comparable measurements at most were "
            f"(solver.confidence): iterations are taken to last longer than predicted, {said}. "
            f"Taking predictions as they come, these pools would need {price}."
        )
    ]


def _gpu_hours(pool: Pool, hours: Mapping[str, float]) -> float:
    """Return accelerators times hours of a pool, over some periods."""
    layout = pool.deployment.layout
    held = sum(load.replicas * hours[load.period] for load in pool.loads if load.period in hours)
    return held * layout.tp * layout.pp * layout.dp


def _some(solved: Solved) -> list[int]:
    """Return the periods that are asked: all of a few; of many, some from the busiest to the quietest."""
    order = np.argsort(-solved.outcome.replicas.sum(axis=0), kind="stable")
    return sorted(order[np.unique(np.linspace(0, len(order) - 1, SAMPLE).astype(int))].tolist())


def _spared(solved: Solved, columns: Columns, some: Sequence[int]) -> float:
    """Return accelerators times hours a pool could do without if predictions were taken as they come."""
    search = solved.search
    problem, spares = search.problem, spares_of(solved, columns)
    layout = deployment_of(solved, columns).layout
    replicas, gpus, saved = replicas_of(solved, columns, PLAIN), layout.gpus, 0.0
    every, counts = run_of(solved.outcome, columns)
    for t in some:
        spare = spares.of(int(counts[t]))
        working = int(counts[t]) - spare
        flow = every[:, t]
        if working < 1 or not flow.any():
            continue
        rates = {search.streams[r].name: float(flow[r]) / working for r in np.flatnonzero(flow > 0)}
        fewest = max(
            int(np.ceil(working / share_kept(replicas, rates, working, MOST) - 1e-9)),
            problem.operations.min_replicas - spare,
            1,
        )
        saved += (working - min(fewest, working)) * gpus * problem.periods[t].hours
    return saved
