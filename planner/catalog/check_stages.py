"""Cross-checks of call graphs: names, order, token flow, loops, components, and who answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from planner.catalog.check_choices import check_names
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.stages import Stage, ancestors, before, cycle
from planner.domain.workload import Workload


def check_stages(parts: Parts, findings: Findings) -> None:
    """Check every workload's call graph."""
    names = {workload.name for _, workload in parts.workloads}
    for index, workload in parts.workloads:
        path: KeyPath = ("workloads", index)
        if not workload.stages:
            continue
        twice(workload.stages, (*path, "stages"), "stages", findings)
        _stream_names(workload, names, (*path, "stages"), findings)
        if workload.retries is not None:
            findings.error((*path, "retries"), "a request of several stages is not one call", "give retries at each stage")
        _order(workload, (*path, "stages"), findings)
        _answer(workload, path, findings)
        for place, stage in enumerate(workload.stages):
            check_names(parts.catalog, stage.choose, (*path, "stages", place, "choose"), findings)
            _stage(workload, stage, (*path, "stages", place), findings)


def twice(rows: object, path: KeyPath, what: str, findings: Findings) -> None:
    """Names within a list must differ."""
    found: Counter[str] = Counter()
    for place, row in enumerate(rows if isinstance(rows, tuple) else ()):
        found[row.name] += 1
        if found[row.name] == 2:
            findings.error((*path, place, "name"), f"two {what} are named {row.name!r}", "give each a name of its own")


def _stream_names(workload: Workload, names: set[str], path: KeyPath, findings: Findings) -> None:
    """The calls of a stage go by `workload/stage`, which no other workload may be named."""
    for place, stage in enumerate(workload.stages):
        if f"{workload.name}/{stage.name}" in names:
            findings.error((*path, place, "name"), f"{workload.name}/{stage.name} is also a workload", "rename one of them")


def _order(workload: Workload, path: KeyPath, findings: Findings) -> None:
    """Stages named must exist, and no stage may wait for itself; what a prompt takes must be there by then."""
    known = {stage.name for stage in workload.stages}
    wrong = False
    for place, stage in enumerate(workload.stages):
        for number, name in enumerate(stage.after or ()):
            if name not in known:
                findings.error((*path, place, "after", number), f"there is no stage {name!r}", remedy_for(name, known))
                wrong = True
        for name in stage.takes:
            if name not in known:
                findings.error((*path, place, "takes", name), f"there is no stage {name!r}", remedy_for(name, known))
                wrong = True
    if wrong or len(known) < len(workload.stages):
        return
    order = before(workload.stages)
    around = cycle(order)
    if around:
        place = next(i for i, stage in enumerate(workload.stages) if stage.name == around[0])
        message = f"stages wait for each other in a circle: {' → '.join(around)}"
        findings.error((*path, place, "after"), message, "take one out of `after`; repetition is written as `loop`")
        return
    _flow(workload, order, path, findings)


def _flow(workload: Workload, order: Mapping[str, tuple[str, ...]], path: KeyPath, findings: Findings) -> None:
    places = {stage.name: place for place, stage in enumerate(workload.stages)}
    for place, stage in enumerate(workload.stages):
        for name in stage.takes:
            if name not in ancestors(order, stage.name):
                message = f"takes the output of {name!r}, which has not ended by then"
                findings.error((*path, place, "takes", name), message, f"put {name!r} into `after`, or before it in the list")
            elif _is_component(workload.stages[places[name]]):
                message = f"takes the output of {name!r}, which calls no model and has no tokens"
                findings.error((*path, place, "takes", name), message, "describe what it returns as `chunks` or `input_tokens`")


def _is_component(stage: Stage) -> bool:
    return stage.component is not None or stage.uses is not None


def _answer(workload: Workload, path: KeyPath, findings: Findings) -> None:
    """Some stage must answer, and its first token must be one."""
    answering = [s for s in workload.stages if not _is_component(s) and s.role == "generate" and not s.optional]
    if not answering:
        message = "no stage answers: none calls a generating model without a lever"
        findings.error((*path, "stages"), message, "add the stage that generates the answer")
        return
    place = workload.stages.index(answering[-1])
    if answering[-1].loop is not None and any(o.metric == "ttft" for o in workload.objectives):
        message = f"the answering stage {answering[-1].name!r} loops, so a request has no single first token"
        findings.error((*path, "stages", place, "loop"), message, "promise e2e instead, or let a last stage answer")
    for number, stage in enumerate(workload.stages):
        silent = not _is_component(stage) and stage.role == "generate" and stage.output_tokens is None
        if silent and stage.name != answering[-1].name:
            message = f"how much {stage.name!r} generates is not said"
            findings.error(
                (*path, "stages", number, "output_tokens"), message, "give output_tokens: only the answer's are the workload's"
            )


def _stage(workload: Workload, stage: Stage, path: KeyPath, findings: Findings) -> None:
    """A component on the way of a promise must have a tail; a stage that nothing turns on is never called."""
    timed = any(objective.metric in ("ttft", "e2e") for objective in workload.objectives)
    row = stage.component
    if timed and row is not None and row.latency_p95 is None and row.latency_p99 is None:
        message = f"the request is promised a latency, and that of {stage.name!r} at the 95th percentile is not said"
        findings.error((*path, "component", "latency_p95"), message, "give latency_p95")
    turned_on = {e.stage for lever in workload.levers for option in lever.options for e in option.effects if e.on}
    if stage.optional and stage.name not in turned_on:
        findings.warn((*path, "optional"), "no lever turns this stage on, so it is never called", "add `on: true` to an effect")
