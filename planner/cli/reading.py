"""What a problem file was read as, in a few lines a person can check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.domain.workload import Demand, Lengths, Workload


def summary(loaded: LoadedProblem) -> Iterator[str]:
    """Yield the lines that say what was read, quantities in base units."""
    problem, catalog = loaded.problem, loaded.catalog
    yield f"{loaded.document.file}: valid"
    periods = ", ".join(f"{period.name} ({period.hours:g} h)" for period in problem.periods)
    yield f"  problem    {problem.metadata.name}; periods: {periods}"
    for workload in problem.workloads:
        yield from _workload(workload)
    sizes = f"{len(catalog.models)} models, {len(catalog.accelerators)} accelerators, {len(catalog.instances)} instances"
    yield f"  catalogs   {sizes}; digest {catalog.digest[:12]}"
    yield f"  solver     gap {problem.solver.gap:.3%}, time limit {problem.solver.time_limit:g} s, seed {problem.solver.seed}"


def _workload(workload: Workload) -> Iterator[str]:
    yield f"  workload   {workload.name}: {_demand(workload.demand)}"
    yield f"             input {_lengths(workload.input_tokens)}; output {_lengths(workload.output_tokens)}"
    for objective in workload.objectives:
        price = objective.price_per_miss
        kind = "hard" if price is None else f"${price:g} per miss"
        yield f"             promise {objective.metric} p{objective.percentile:g} ≤ {objective.target:g} s ({kind})"
    if workload.deadline is not None:
        yield f"             batch, finished within {workload.deadline / 3600:g} h"
    for floor in workload.quality:
        yield f"             quality {floor.benchmark} ≥ {floor.at_least:g}"


def _demand(demand: Demand) -> str:
    scale = "" if demand.scale == 1 else f" × {demand.scale:g}"
    if isinstance(demand.rate, dict):
        return ", ".join(f"{name} {rate:g} req/s" for name, rate in demand.rate.items()) + scale
    if demand.users is not None:
        each, people = demand.users.requests_per_user, demand.users.active
        return f"{people:g} users × {each:g} req/s = {people * each:g} req/s{scale}"
    if demand.trace is not None:
        return f"trace {demand.trace.path}{scale}"
    return f"{demand.rate:g} req/s{scale}"


def _lengths(lengths: Lengths) -> str:
    if lengths.mean is not None:
        spread = (
            f", p95 {lengths.p95:g}" if lengths.p95 is not None else f", scv {lengths.scv:g}" if lengths.scv is not None else ""
        )
        return f"mean {lengths.mean:g}{spread} tokens"
    if lengths.percentiles is not None:
        return ", ".join(f"{name} {tokens:g}" for name, tokens in lengths.percentiles.items()) + " tokens"
    return (
        f"{len(lengths.histogram)} bins"
        if lengths.histogram is not None
        else f"trace {lengths.trace.path if lengths.trace else ''}"
    )
