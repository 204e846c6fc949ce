"""From workloads to streams of model calls, and the ways to serve each workload that cause them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from planner.demand import lengths
from planner.demand.arrivals import rates
from planner.demand.budgets import percentile_of, timed
from planner.demand.compose import Asked, Composed, Unstable
from planner.demand.failover import spread
from planner.demand.graph import stages_of
from planner.demand.issues import attempt, mistake
from planner.demand.moments import mean_context, paired_mean_context
from planner.demand.settings import combinations, settings_of
from planner.demand.shapes import Parts, parts_of
from planner.demand.store_choice import no_choice
from planner.demand.store_shared import settle
from planner.demand.stream import Lengths, Stream
from planner.demand.trace import read_trace
from planner.demand.ways import Flows, Register, Way, lean
from planner.domain.problem import Period, Problem
from planner.domain.workload import Workload
from planner.errors import InvalidInput, Issue

_WORTH_SAYING = 0.01
"""Relative change of the mean context from which paired lengths are worth a remark."""


MOST_WAYS = 20_000
"""Ways to serve a workload that are looked at; more combinations of levers than a review could follow."""


def build_flows(problem: Problem, base: Path) -> Flows:
    """Return the streams that a problem's workloads may cause, and the ways that cause them.

    Parameters
    ----------
    problem : Problem
        The whole problem; periods and workloads are read.
    base : Path
        Folder that relative paths start from: the problem file's.

    Returns
    -------
    Flows
        In the workloads' order.

    Raises
    ------
    InvalidInput
        Every mistake of every workload at once, by YAML path.
    """
    issues: list[Issue] = []
    streams: list[Stream] = []
    ways: list[Way] = []
    read = [_read(problem, workload, base, f"workloads[{i}]", issues) for i, workload in enumerate(problem.workloads)]
    settled = settle(problem.stores, [asked for asked in read if asked is not None])
    for index, asked in enumerate(read):
        whole = replace(asked, shared=settled.get(asked.workload.name, {})) if asked is not None else None
        found = attempt(issues, f"workloads[{index}]", partial(_ways, whole)) if whole is not None else None
        if found is not None:
            asks = problem.workloads[index].failover
            found = spread(found, asks) if asks is not None else found
            streams += found.streams
            ways += found.ways
    if issues:
        raise InvalidInput(issues)
    return Flows(tuple(streams), tuple(ways))


def _ways(asked: Asked) -> Flows:
    """Return the ways to serve a workload that may be the cheapest, with their streams."""
    levers, register = asked.workload.levers, Register()
    hurried = bool(timed(asked.workload.objectives))
    many = math.prod(1 + len(settings_of(lever, hurried=hurried)) for lever in levers)
    if many > MOST_WAYS:
        raise mistake("levers", f"{many:,} ways to combine them, {MOST_WAYS:,} can be looked at", "offer fewer options")
    _check_stores(asked)
    found: list[Way] = []
    unstable: list[str] = []
    for settings in combinations(levers, hurried=hurried):
        try:
            found += Composed(asked, settings).ways(register)
        except Unstable as reason:
            unstable.append(str(reason))
    if not found:
        raise _no_way(unstable)
    ways = tuple(lean(found))
    return Flows.of_ways(register.found.values(), ways)


def _check_stores(asked: Asked) -> None:
    """Require that every store searched can be held at all, and fast enough to be known to keep a promise."""
    for index, stage in enumerate(asked.stages):
        if stage.store is not None:
            message = no_choice(asked.problem.store(stage.store), percentile_of(asked.workload.objectives))
            if message:
                remedy = "raise latency_at_most, or allow other `types`, or give `nodes` with a latency_p99 that you measured"
                raise mistake(f"stages[{index}].store", message, remedy)


def _no_way(unstable: Sequence[str]) -> InvalidInput:
    """Say why a workload cannot be served in any way."""
    if unstable:
        return mistake("stages", f"retries never settle: {unstable[0]}", "raise the component's limit, or allow fewer attempts")
    return mistake(
        "objectives",
        "what components, stores and retries take leaves the models no time within the targets",
        "raise the targets, or lower latency_p95, timeouts or rounds, or allow faster `types` of stores",
    )


def _read(problem: Problem, workload: Workload, base: Path, path: str, issues: list[Issue]) -> Asked | None:
    """Return a workload with its traces and distributions read; None where `issues` had to be added."""
    periods, before = problem.periods, len(issues)
    arrivals = attempt(issues, f"{path}.demand", lambda: rates(workload.demand, periods, base))
    prompt = attempt(issues, f"{path}.input_tokens", lambda: lengths.from_spec(workload.input_tokens, base, column="input"))
    output = attempt(issues, f"{path}.output_tokens", lambda: lengths.from_spec(workload.output_tokens, base, column="output"))
    if prompt is not None:
        attempt(issues, f"{path}.shared_prefix", lambda: _check_prefix(workload, prompt))
    stages, parts = stages_of(workload), {}
    for index, stage in enumerate(stages if output is not None else ()):
        if stage.calls_model and not workload.stages and output is not None:
            parts[stage.name] = Parts(None, None, None, output)
        elif stage.calls_model:
            where = f"{path}.stages[{index}]"
            made = attempt(issues, where, partial(parts_of, stage, workload.output_tokens, base))
            parts |= {} if made is None else {stage.name: made}
    if arrivals is None or prompt is None or output is None or len(issues) > before:
        return None
    return Asked(
        problem=problem,
        workload=workload,
        stages=stages,
        arrivals=arrivals,
        request=prompt,
        parts=parts,
        movable=is_movable(workload, periods),
        assumptions=(*arrivals.assumptions, *_length_assumptions(workload, base, prompt, output)),
    )


def _check_prefix(workload: Workload, prompt: Lengths) -> None:
    """Require the shared part to fit into the mean prompt it is counted in."""
    prefix = workload.shared_prefix
    if prefix is not None and prefix.tokens > prompt.mean:
        message = f"a shared prefix of {prefix.tokens:g} tokens exceeds the mean prompt of {prompt.mean:.0f}"
        raise mistake("tokens", message, "input_tokens count the whole prompt, prefix included")


def is_movable(workload: Workload, periods: Sequence[Period]) -> bool:
    """Return whether work may be shifted between periods: no latency promise, and a deadline that spans the whole cycle.

    Periods of different months or scenarios are no cycle: work of one month cannot be done in another, whatever its deadline.
    """
    cycle = 3600.0 * sum(period.hours for period in periods)
    if len({(period.months, period.scenario) for period in periods}) > 1:
        return False
    return not workload.objectives and workload.deadline is not None and workload.deadline >= cycle


def _length_assumptions(workload: Workload, base: Path, prompt: Lengths, output: Lengths) -> tuple[str, ...]:
    """Say what was assumed of lengths, their independence and the shared prefix."""
    said = (
        *lengths.assumptions(workload.input_tokens, prompt, "input"),
        *lengths.assumptions(workload.output_tokens, output, "output"),
    )
    return (*said, *_dependence(workload, base, prompt, output), *_short_prompts(workload, prompt))


def _dependence(workload: Workload, base: Path, prompt: Lengths, output: Lengths) -> tuple[str, ...]:
    """Say how far off independence of prompt and output is, where one trace tells."""
    file = workload.input_tokens.trace
    if file is None or workload.output_tokens.trace != file:
        return ()
    trace = read_trace(file, base)
    ratio = paired_mean_context(trace.input_tokens, trace.output_tokens) / mean_context(prompt, output)
    if abs(ratio - 1) < _WORTH_SAYING:
        return ()
    return (f"prompt and output lengths taken as independent; paired as in trace {trace.name} contexts are {ratio - 1:+.0%}",)


def _short_prompts(workload: Workload, prompt: Lengths) -> tuple[str, ...]:
    """Say that prompts shorter than the shared prefix count as wholly shared."""
    prefix = workload.shared_prefix
    share = float((prompt.values < prefix.tokens).mean()) if prefix else 0.0
    return (f"{share:.0%} of prompts are shorter than the shared prefix and count as wholly shared",) if share > 0 else ()
