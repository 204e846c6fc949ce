"""Cross-checks of call graphs: names, order, token flow, loops, components, and who answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from planner.catalog.check_choices import check_names
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.lever_facts import Component
from planner.domain.stages import Stage, ancestors, answering, before, cycle
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
        if workload.shared_prefix is not None:
            message = "a request of several stages has several prompts: this shared beginning is not counted in any of them"
            findings.warn((*path, "shared_prefix"), message, "give shared_prefix at the stages whose prompts begin with it")
        if _order(workload, (*path, "stages"), findings):
            _waited_for(parts, workload, (*path, "stages"), findings)
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


def _order(workload: Workload, path: KeyPath, findings: Findings) -> bool:
    """Stages named must exist, and no stage may wait for itself; what a prompt takes must be there by then.

    Returns whether there is an order that later checks can follow.
    """
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
        return False
    order = before(workload.stages)
    around = cycle(order)
    if around:
        place = next(i for i, stage in enumerate(workload.stages) if stage.name == around[0])
        message = f"stages wait for each other in a circle: {' → '.join(around)}"
        findings.error((*path, place, "after"), message, "take one out of `after`; repetition is written as `loop`")
        return False
    _flow(workload, order, path, findings)
    return True


def _flow(workload: Workload, order: Mapping[str, tuple[str, ...]], path: KeyPath, findings: Findings) -> None:
    places = {stage.name: place for place, stage in enumerate(workload.stages)}
    for place, stage in enumerate(workload.stages):
        for name in stage.takes:
            if name not in ancestors(order, stage.name):
                message = f"takes the output of {name!r}, which has not ended by then"
                findings.error((*path, place, "takes", name), message, f"put {name!r} into `after`, or before it in the list")
            elif not workload.stages[places[name]].calls_model:
                message = f"takes the output of {name!r}, which calls no model and has no tokens"
                findings.error((*path, place, "takes", name), message, "describe what it returns as `chunks` or `input_tokens`")


def _answer(workload: Workload, path: KeyPath, findings: Findings) -> None:
    """Some stage must answer, and its first token must be one."""
    answer = answering(workload.stages)
    if answer is None:
        message = "no stage answers: none calls a generating model without a lever"
        findings.error((*path, "stages"), message, "add the stage that generates the answer")
        return
    place = workload.stages.index(answer)
    if answer.loop is not None and any(o.metric == "ttft" for o in workload.objectives):
        message = f"the answering stage {answer.name!r} loops, so a request has no single first token"
        findings.error((*path, "stages", place, "loop"), message, "promise e2e instead, or let a last stage answer")
    for number, stage in enumerate(workload.stages):
        silent = stage.calls_model and stage.role == "generate" and stage.output_tokens is None
        if silent and stage.name != answer.name:
            message = f"how much {stage.name!r} generates is not said"
            findings.error(
                (*path, "stages", number, "output_tokens"), message, "give output_tokens: only the answer's are the workload's"
            )


def _waited_for(parts: Parts, workload: Workload, path: KeyPath, findings: Findings) -> None:
    """A component that a promised time waits for must have a tail: one without would be planned with its mean, or with none."""
    answer = answering(workload.stages)
    if answer is None:
        return
    order, metrics = before(workload.stages), {objective.metric for objective in workload.objectives}
    waited = ancestors(order, answer.name) if metrics & {"ttft", "e2e"} else set()
    highest = max((o.percentile for o in workload.objectives if o.metric in ("ttft", "e2e")), default=0.0)
    if "e2e" in metrics:
        waited |= {name for name in order if answer.name in ancestors(order, name)}
    for place, stage in enumerate(workload.stages):
        row = _row(parts, stage)
        if stage.name not in waited or row is None:
            continue
        if row.latency_p95 is not None or row.latency_p99 is not None:
            if row.latency_p99 is None and highest > 95.0:
                message = f"p{highest:g} is promised, and {stage.name!r} is planned with its 95th percentile, the highest known"
                findings.warn((*path, place), message, "give its latency_p99, or promise p95")
            continue
        message = f"the request is promised a latency, and that of {stage.name!r} at the 95th percentile is not said"
        if stage.uses is None:
            findings.error((*path, place, "component", "latency_p95"), message, "give latency_p95")
        else:
            remedy = "write it inline as `component` with a latency_p95 that you measured"
            findings.error((*path, place, "uses"), f"{message} by {stage.uses} in the catalog", remedy)


def _row(parts: Parts, stage: Stage) -> Component | None:
    """Return what a stage calls, inline or by its name; None for a model, or a name that is reported for itself."""
    return stage.component or parts.catalog.components.get(stage.uses or "")


def _stage(workload: Workload, stage: Stage, path: KeyPath, findings: Findings) -> None:
    """A stage that nothing turns on is never called."""
    turned_on = {e.stage for lever in workload.levers for option in lever.options for e in option.effects if e.on}
    if stage.optional and turned_on.isdisjoint({stage.name, None}):
        findings.warn((*path, "optional"), "no lever turns this stage on, so it is never called", "add `on: true` to an effect")
