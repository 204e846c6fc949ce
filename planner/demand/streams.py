"""From workloads to streams of model calls.

Each workload passes through stages that change how often models are called and with what: here the direct call, one stream
per workload. Further stages (call graph, retries, caches) take a workload's streams and return others, in `_workload_streams`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from planner.demand import lengths
from planner.demand.arrivals import Arrivals, rates
from planner.demand.issues import attempt, mistake
from planner.demand.moments import mean_context, paired_mean_context
from planner.demand.stream import Lengths, Stream
from planner.demand.trace import read_trace
from planner.domain.problem import Period, Problem
from planner.domain.workload import Workload
from planner.errors import InvalidInput, Issue

_WORTH_SAYING = 0.01
"""Relative change of the mean context from which paired lengths are worth a remark."""


def build_streams(problem: Problem, base: Path) -> tuple[Stream, ...]:
    """Return the streams that a problem's workloads cause.

    Parameters
    ----------
    problem : Problem
        The whole problem; periods and workloads are read.
    base : Path
        Folder that relative paths start from: the problem file's.

    Returns
    -------
    tuple of Stream
        In the workloads' order.

    Raises
    ------
    InvalidInput
        Every mistake of every workload at once, by YAML path.
    """
    issues: list[Issue] = []
    streams: list[Stream] = []
    for index, workload in enumerate(problem.workloads):
        streams += _workload_streams(workload, problem.periods, base, f"workloads[{index}]", issues)
    if issues:
        raise InvalidInput(issues)
    return tuple(streams)


def _workload_streams(
    workload: Workload, periods: Sequence[Period], base: Path, path: str, issues: list[Issue]
) -> tuple[Stream, ...]:
    """Return one workload's streams; none where `issues` had to be added."""
    arrivals = attempt(issues, f"{path}.demand", lambda: rates(workload.demand, periods, base))
    prompt = attempt(issues, f"{path}.input_tokens", lambda: lengths.from_spec(workload.input_tokens, base, column="input"))
    output = attempt(issues, f"{path}.output_tokens", lambda: lengths.from_spec(workload.output_tokens, base, column="output"))
    if prompt is not None:
        attempt(issues, f"{path}.shared_prefix", lambda: _check_prefix(workload, prompt))
    if arrivals is None or prompt is None or output is None:
        return ()
    return (_direct(workload, periods, base, arrivals, prompt, output),)


def _check_prefix(workload: Workload, prompt: Lengths) -> None:
    """Require the shared part to fit into the mean prompt it is counted in."""
    prefix = workload.shared_prefix
    if prefix is not None and prefix.tokens > prompt.mean:
        message = f"a shared prefix of {prefix.tokens:g} tokens exceeds the mean prompt of {prompt.mean:.0f}"
        raise mistake("tokens", message, "input_tokens count the whole prompt, prefix included")


def _direct(
    workload: Workload, periods: Sequence[Period], base: Path, arrivals: Arrivals, prompt: Lengths, output: Lengths
) -> Stream:
    """Return the stream of a workload whose every request is one call of a model."""
    prefix = workload.shared_prefix
    return Stream(
        name=workload.name,
        workload=workload,
        rate=arrivals.rate,
        burstiness=arrivals.burstiness,
        prompt=prompt,
        output=output,
        prefix_tokens=prefix.tokens if prefix else 0.0,
        prefix_hit=prefix.hit_rate if prefix else 0.0,
        objectives=workload.objectives,
        deadline=workload.deadline,
        movable=is_movable(workload, periods),
        assumptions=(*arrivals.assumptions, *_length_assumptions(workload, base, prompt, output)),
    )


def is_movable(workload: Workload, periods: Sequence[Period]) -> bool:
    """Return whether work may be shifted between periods: no latency promise, and a deadline that spans the whole cycle."""
    cycle = 3600.0 * sum(period.hours for period in periods)
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
