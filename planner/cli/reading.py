"""What a problem file was read as, in a few lines a person can check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.demand.stream import Lengths, Stream
    from planner.demand.ways import Flows
    from planner.domain.calls import Objective
    from planner.domain.problem import Period


def summary(loaded: LoadedProblem, flows: Flows) -> Iterator[str]:
    """Yield the lines that say what was read, quantities in base units."""
    problem, catalog = loaded.problem, loaded.catalog
    yield f"{loaded.document.file}: valid"
    periods = ", ".join(f"{period.name} ({period.hours:g} h)" for period in problem.periods)
    yield f"  problem    {problem.metadata.name}; periods: {periods}"
    for workload in problem.workloads:
        ways = flows.of(workload.name)
        for stream in flows.streams:
            if stream.name in ways[0].rates:
                yield from _stream(stream, problem.periods)
        more = len(flows.of(workload.name)) - 1
        if more:
            yield f"             {more:,} other ways to serve it, by the levers offered and by splits of its latency"
    sizes = f"{len(catalog.models)} models, {len(catalog.accelerators)} accelerators, {len(catalog.instances)} instances"
    yield f"  catalogs   {sizes}; digest {catalog.digest[:12]}"
    yield f"  solver     gap {problem.solver.gap:.3%}, time limit {problem.solver.time_limit:g} s, seed {problem.solver.seed}"


def _stream(stream: Stream, periods: Sequence[Period]) -> Iterator[str]:
    rates = ", ".join(f"{period.name} {rate:.4g} req/s" for period, rate in zip(periods, stream.rate, strict=True))
    yield f"  workload   {stream.name}: {rates}; burstiness {stream.burstiness:.3g}"
    yield f"             input  {_lengths(stream.prompt)}"
    yield f"             output {_lengths(stream.output)}"
    for objective in stream.objectives:
        yield f"             promise {_promise(objective)}"
    if stream.deadline is not None:
        yield f"             batch, finished within {stream.deadline / 3600:g} h"
    for floor in stream.workload.quality:
        yield f"             quality {floor.benchmark} ≥ {floor.at_least:g}"
    for assumption in stream.assumptions:
        yield f"             assumed: {assumption}"


def _lengths(lengths: Lengths) -> str:
    return f"mean {lengths.mean:.0f}, p95 {lengths.quantile(0.95):.0f} tokens ({lengths.origin})"


def _promise(objective: Objective) -> str:
    price = objective.price_per_miss
    kind = "hard" if price is None else f"${price:g} per miss"
    return f"{objective.metric} p{objective.percentile:g} ≤ {objective.target:g} s ({kind})"
