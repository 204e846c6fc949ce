"""What a problem file was read as, in a few lines a person can check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.demand.stream import Lengths, Stream
    from planner.demand.ways import Flows, Step, Way
    from planner.domain.calls import Objective
    from planner.domain.problem import Period, Problem
    from planner.domain.stages import Stage
    from planner.domain.workload import Workload

_INDENT = " " * 13
_FEW = 6
"""Periods up to which a rate is shown for each."""


def summary(loaded: LoadedProblem, flows: Flows) -> Iterator[str]:
    """Yield the lines that say what was read, quantities in base units."""
    problem, catalog = loaded.problem, loaded.catalog
    yield f"{loaded.document.file}: valid"
    yield f"  problem    {problem.metadata.name}; {_time(problem)}"
    if problem.horizon is not None:
        yield f"{_INDENT}its periods hold {_overstated(problem, flows):.1%} more requests than are expected"
    for workload in problem.workloads:
        ways = flows.of(workload.name)
        streams = {stream.name: stream for stream in flows.streams if stream.name in ways[0].rates}
        if workload.stages:
            yield from _staged(workload, ways[0], streams, problem.periods)
        else:
            for stream in streams.values():
                yield from _stream(stream, problem.periods)
        yield from _levers(workload, ways[0])
        if len(ways) > 1:
            yield f"{_INDENT}{_ways(ways)}"
    sizes = f"{len(catalog.models)} models, {len(catalog.accelerators)} accelerators, {len(catalog.instances)} instances"
    yield f"  catalogs   {sizes}; digest {catalog.digest[:12]}"
    yield f"  solver     gap {problem.solver.gap:.3%}, time limit {problem.solver.time_limit:g} s, seed {problem.solver.seed}"


def _time(problem: Problem) -> str:
    """Say what time is planned for, and in which pieces."""
    horizon = problem.horizon
    if horizon is None:
        return "periods: " + ", ".join(f"{period.name} ({period.hours:g} h)" for period in problem.periods)
    steps = len({period.months for period in problem.periods})
    whole = f"{horizon.months} months from {horizon.start}, {problem.cycle_hours:g} h"
    return f"horizon: {whole}, in {steps} {horizon.step}s and {len(problem.periods)} periods"


def _overstated(problem: Problem, flows: Flows) -> float:
    """Return by how much the periods of a horizon overstate the requests of all workloads together.

    Σ_w n_w / Σ_w n_w/(1 + e_w) − 1,  n_w requests of workload w in all periods, e_w its own overstatement
    """
    held = expected = 0.0
    for workload in problem.workloads:
        asked = flows.of(workload.name)[0].requests
        requests = sum(period.hours * rate for period, rate in zip(problem.periods, asked, strict=True))
        held += requests
        expected += requests / (1.0 + getattr(workload.demand, "overstated", 0.0))
    return held / expected - 1.0 if expected > 0 else 0.0


def _stream(stream: Stream, periods: Sequence[Period]) -> Iterator[str]:
    yield f"  workload   {stream.short}: {_rates(stream.rate, periods)}; burstiness {stream.burstiness:.3g}"
    yield f"{_INDENT}input  {_lengths(stream.prompt)}"
    yield f"{_INDENT}output {_lengths(stream.output)}"
    for objective in stream.objectives:
        yield f"{_INDENT}promise {_promise(objective)}"
    if stream.deadline is not None:
        yield f"{_INDENT}batch, finished within {stream.deadline / 3600:g} h"
    for floor in stream.workload.quality:
        yield f"{_INDENT}quality {floor.benchmark} ≥ {floor.at_least:g}"
    if stream.home is not None:
        yield f"{_INDENT}in {', '.join(stream.home)}; while all groups of regions are up {stream.called:.0%} of these calls"
    for assumption in stream.assumptions:
        yield f"{_INDENT}assumed: {assumption}"


def _staged(workload: Workload, way: Way, streams: dict[str, Stream], periods: Sequence[Period]) -> Iterator[str]:
    """Yield what a workload with stages was read as: requests and promises, then its stages in order."""
    from planner.domain.stages import before

    labels = [*([f"tier {workload.tier}"] if workload.tier else []), *(f"tag {tag}" for tag in workload.tags)]
    head = (_rates(way.requests, periods), f"{len(workload.stages)} stages", *labels)
    yield f"  workload   {workload.name}: {'; '.join(head)}"
    for objective in workload.objectives:
        yield f"{_INDENT}promise {_promise(objective)}, of the whole request"
    if workload.deadline is not None:
        yield f"{_INDENT}batch, finished within {workload.deadline / 3600:g} h"
    for floor in workload.quality:
        yield f"{_INDENT}quality {floor.benchmark} ≥ {floor.at_least:g}, of the answer"
    steps, awaited = {step.stage: step for step in way.steps}, before(workload.stages)
    for number, stage in enumerate(workload.stages, 1):
        step = steps.get(stage.name)
        yield f"    stage {number:<2} {stage.name}: {_called(stage, step, awaited[stage.name])}"
        for name in step.streams if step is not None else ():
            yield f"{_INDENT}input  {_lengths(streams[name].prompt)}"
            yield f"{_INDENT}output {_lengths(streams[name].output)}"
        for objective in stage.objectives:
            yield f"{_INDENT}promise {_promise(objective)}, of one call"
        for floor in stage.quality:
            yield f"{_INDENT}quality {floor.benchmark} ≥ {floor.at_least:g}"
    for assumption in dict.fromkeys(text for stream in streams.values() for text in stream.assumptions):
        yield f"{_INDENT}assumed: {assumption}"


def _called(stage: Stage, step: Step | None, awaited: Sequence[str]) -> str:
    """Say what a stage calls, how often, and after what."""
    what = "component" if stage.component is not None else f"store {stage.store}" if stage.store is not None else stage.role
    after = f", after {' and '.join(awaited)}" if awaited else ", at once"
    if step is None:
        return f"{what}, left out unless a lever turns it on{after}"
    often = f"{step.calls:.4g} calls a request" if step.calls != 1.0 else "1 call a request"
    part = f" (reached by {step.reached:.0%})" if step.reached < 1.0 else ""
    return f"{what}, {often}{part}{after}"


def _levers(workload: Workload, way: Way) -> Iterator[str]:
    """Yield the levers offered, with their options; of the way that is shown, those it pulls."""
    for lever in workload.levers:
        options = ", ".join(option.name for option in lever.options)
        yield f"{_INDENT}lever  {lever.name} ({lever.kind.replace('_', ' ')}): {options}"
    if way.settings:
        yield f"{_INDENT}shown with {', '.join(f'{lever}: {setting}' for lever, setting in way.settings)}, which costs no more"


def _ways(ways: Sequence[Way]) -> str:
    """Count the ways to serve a workload."""
    settings, splits = len({way.settings for way in ways}), len({way.budgets for way in ways})
    return f"{len(ways):,} ways to serve it: {settings:,} sets of levers, {splits:,} splits of its latency"


def _rates(rate: Sequence[float], periods: Sequence[Period]) -> str:
    if len(periods) > _FEW:
        return f"{min(rate):.4g} to {max(rate):.4g} req/s over {len(periods)} periods"
    return ", ".join(f"{period.name} {each:.4g} req/s" for period, each in zip(periods, rate, strict=True))


def _lengths(lengths: Lengths) -> str:
    return f"mean {lengths.mean:.0f}, p95 {lengths.quantile(0.95):.0f} tokens ({lengths.origin})"


def _promise(objective: Objective) -> str:
    price = objective.price_per_miss
    kind = "hard" if price is None else f"${price:g} per miss"
    return f"{objective.metric} p{objective.percentile:g} ≤ {objective.target:g} s ({kind})"
