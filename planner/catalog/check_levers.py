"""Cross-checks of levers: names, stages, models and benchmarks exist, options say what their kind asks for, caches are safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from planner.catalog import select
from planner.catalog.check_stages import twice
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.levers import Effect, Kind, Lever, Option, present
from planner.domain.stages import Stage, answering
from planner.domain.workload import Workload

_Needs = Callable[[Option], bool]


def _some(says: Callable[[Effect], bool]) -> _Needs:
    return lambda option: any(says(effect) for effect in option.effects)


def _budgets(effect: Effect) -> bool:
    said = (effect.input_at_most, effect.output_at_most, effect.input_tokens, effect.output_tokens)
    return any(one is not None for one in said)


NEEDS: dict[Kind, tuple[tuple[_Needs, str], ...]] = {
    "semantic_cache": ((lambda o: o.answered is not None or o.curve is not None, "`answered` and `wrong`, or `curve`"),),
    "prompt_cache": ((_some(lambda e: e.prefix is not None), "an effect with `prefix`"),),
    "retrieval_depth": ((_some(lambda e: e.chunks is not None), "an effect with `chunks`"),),
    "compression": (
        (
            _some(lambda e: e.input_tokens is not None or e.output_tokens is not None),
            "an effect on `input_tokens` or `output_tokens`",
        ),
        (_some(lambda e: e.quality is not None or bool(e.scores)), "what it does to `quality`"),
    ),
    "token_budget": ((_some(_budgets), "an effect on or a limit of `input_tokens` or `output_tokens`"),),
    "history_summary": ((_some(lambda e: e.history_tokens is not None), "an effect with `history_tokens`"),),
    "call_budget": (
        (_some(lambda e: e.rounds_at_most is not None or e.calls is not None), "an effect with `rounds_at_most` or `calls`"),
    ),
    "skip": ((_some(lambda e: e.off or e.calls is not None), "an effect with `off` or `calls`"),),
    "student": ((_some(lambda e: e.models is not None), "an effect with `models`"),),
    "fine_tune": (
        (_some(lambda e: e.models is not None), "an effect with `models`"),
        (lambda o: o.once > 0, "what training costs, `once` and `months`"),
    ),
    "cascade": ((lambda o: o.cascade is not None, "`cascade`"),),
    "intent": ((_some(lambda e: len(e.classes) > 1), "an effect with two `classes` or more"),),
    "lane": ((_some(lambda e: e.lane is not None), "an effect with `lane`"),),
    "other": (),
}
"""Kind → what its options must say."""


def check_levers(parts: Parts, findings: Findings) -> None:
    """Check every workload's levers."""
    for index, workload in parts.workloads:
        path: KeyPath = ("workloads", index, "levers")
        twice(workload.levers, path, "levers", findings)
        for place, lever in enumerate(workload.levers):
            twice(lever.options, (*path, place, "options"), "options", findings)
            for number, option in enumerate(lever.options):
                where = (*path, place, "options", number)
                _kind(lever, option, where, findings)
                if _stages(workload, option, where, findings):
                    _idle(workload, option, where, findings)
                    _answered(workload, option, where, findings)
                    _served(workload, option, where, findings)
                _names(parts, option, where, findings)
                _personal(workload, option, where, findings)


def _kind(lever: Lever, option: Option, path: KeyPath, findings: Findings) -> None:
    """An option must say what its kind is about."""
    for said, what in NEEDS[lever.kind]:
        if not said(option):
            findings.error(path, f"a lever of kind {lever.kind} must say {what}", f"add {what}, or name another kind")


def _stages(workload: Workload, option: Option, path: KeyPath, findings: Findings) -> bool:
    """Stages named must exist; return whether they do."""
    known = {stage.name for stage in workload.stages} or {workload.name}
    named: list[tuple[KeyPath, str | None]] = [(("effects", i, "stage"), effect.stage) for i, effect in enumerate(option.effects)]
    named += [(("still", i), name) for i, name in enumerate(option.still)]
    named += [(("cascade", "stage"), option.cascade.stage)] if option.cascade is not None else []
    unknown = [(place, name) for place, name in named if name is not None and name not in known]
    for place, name in unknown:
        findings.error((*path, *place), f"there is no stage {name!r}", remedy_for(name, known))
    return not unknown


_PARTS = {"chunks": ("chunks", "store"), "history_tokens": ("history",), "rounds_at_most": ("loop",)}
"""What an effect changes → the parts of a stage it may be about."""


def _idle(workload: Workload, option: Option, path: KeyPath, findings: Findings) -> None:
    """What an effect changes must be there to be changed."""
    for number, effect in enumerate(option.effects):
        stages = [stage for stage in workload.stages if effect.stage in (stage.name, None)]
        where = repr(effect.stage) if effect.stage is not None else "the workload"
        for field, kinds in _PARTS.items():
            if getattr(effect, field) is not None and not any(getattr(s, kind) is not None for s in stages for kind in kinds):
                message = f"{field} changes nothing: {where} has no `{kinds[0]}`"
                findings.error((*path, "effects", number, field), message, f"give the stage `{kinds[0]}`, or remove {field}")
        if effect.on and stages and not any(stage.optional for stage in stages):
            message = f"it turns {where} on, which is there in any case"
            findings.error((*path, "effects", number, "on"), message, "mark the stage `optional: true`, or remove `on`")


def _answered(workload: Workload, option: Option, path: KeyPath, findings: Findings) -> None:
    """What is left out must leave the stage that answers, or turn one on in its place: else a stage before it would answer."""
    there, answer = present(workload.stages, option.effects), answering(workload.stages)
    if answer is None or there[answer.name]:
        return
    left = [stage for stage in workload.stages if there[stage.name] and stage.calls_model and stage.role == "generate"]
    if left and left[-1].optional:
        return
    number = next(i for i, effect in enumerate(option.effects) if effect.off and effect.stage in (answer.name, None))
    message = f"it leaves out {answer.name!r}, the stage that answers"
    remedy = "leave out other stages, or turn on an optional stage that answers instead"
    findings.error((*path, "effects", number, "off"), message, remedy)


def _served(workload: Workload, option: Option, path: KeyPath, findings: Findings) -> None:
    """Models can be named only for stages that call one."""
    stages: dict[str | None, Stage] = {stage.name: stage for stage in workload.stages}
    named: list[tuple[KeyPath, str | None]] = [
        (("effects", i, "stage"), effect.stage)
        for i, effect in enumerate(option.effects)
        if effect.models is not None or effect.classes
    ]
    named += [(("cascade", "stage"), option.cascade.stage)] if option.cascade is not None else []
    for place, name in named:
        if name in stages and not stages[name].calls_model:
            findings.error((*path, *place), f"{name!r} calls a component and no model", "name a stage that calls a model")


def _names(parts: Parts, option: Option, path: KeyPath, findings: Findings) -> None:
    """Models and benchmarks named must exist."""
    catalog = parts.catalog
    groups: list[tuple[KeyPath, tuple[str, ...]]] = [
        (("effects", i, "models"), effect.models or ()) for i, effect in enumerate(option.effects)
    ]
    groups += [
        (("effects", i, "classes", number, "models"), kind.models or ())
        for i, effect in enumerate(option.effects)
        for number, kind in enumerate(effect.classes)
    ]
    if option.cascade is not None:
        groups += [(("cascade", "small"), option.cascade.small), (("cascade", "large"), option.cascade.large or ())]
    for place, patterns in groups:
        for number, pattern in enumerate(patterns):
            if not select.matching(catalog, "models", pattern):
                remedy = remedy_for(pattern, catalog.models, "`planner catalog list models`")
                findings.error((*path, *place, number), f"{pattern!r} matches no model", remedy)
    for place, name in _benchmarks(option):
        if name not in catalog.benchmarks:
            remedy = remedy_for(name, catalog.benchmarks, "`planner catalog list benchmarks`")
            findings.error((*path, *place), f"no benchmark is named {name!r}", remedy)


def _benchmarks(option: Option) -> Iterator[tuple[KeyPath, str]]:
    """Yield the benchmarks that an option names, and where."""
    for number, effect in enumerate(option.effects):
        for name in effect.scores:
            yield ("effects", number, "scores", name), name
        for which, kind in enumerate(effect.classes):
            for place, floor in enumerate(kind.quality):
                yield ("effects", number, "classes", which, "quality", place, "benchmark"), floor.benchmark


def _personal(workload: Workload, option: Option, path: KeyPath, findings: Findings) -> None:
    """A semantic cache must not answer requests whose answer depends on who asks."""
    if option.answered is None and option.curve is None:
        return
    if workload.personalized >= 1.0:
        message = "every answer depends on who asks (personalized), so another's answer is never right"
        findings.error(path, message, "remove the cache, or lower `personalized`")
    elif workload.personalized > 0.0:
        message = f"{workload.personalized:.0%} of answers depend on who asks; the cache is taken to recognize and leave them"
        findings.warn(path, message, "make sure that it does: keys must hold whatever the answer depends on")
