"""Cross-checks of quality floors: the benchmark exists and some model that may be used reaches the floor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planner.catalog import select
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Choice, Choices, QualityFloor
from planner.domain.catalog import Catalog
from planner.domain.llm import Role, Score
from planner.domain.stages import Stage, answering
from planner.domain.workload import Workload


def check_quality(parts: Parts, findings: Findings) -> None:
    """Check the floors of every workload, and warn where nothing keeps quality up."""
    for index, stated in parts.workloads:
        path: KeyPath = ("workloads", index)
        workload = _as_answered(stated)
        for place, stage in enumerate(stated.stages):
            own = _as_served(stated, stage).model_copy(update={"quality": stage.quality})
            _floors(parts, own, stage, (*path, "stages", place, "quality"), findings)
        _floors(parts, workload, answering(stated.stages), (*path, "quality"), findings)
        if not workload.quality and workload.choose.models.allow is None and parts.choose.models.allow is None:
            message = "neither a quality floor nor a list of models: the cheapest model wins, whatever its quality"
            findings.warn(path, message, "add `quality`, or list models under `choose.models.allow`")


def _as_served(workload: Workload, stage: Stage) -> Workload:
    """Return a workload with the choices that hold for one stage: the stage's own where it gives any."""
    own = {kind: getattr(stage.choose, kind) for kind in type(stage.choose).model_fields}
    chosen = {kind: choice for kind, choice in own.items() if choice != Choice()}
    return workload.model_copy(update={"choose": workload.choose.model_copy(update=chosen)})


def _as_answered(workload: Workload) -> Workload:
    """Return a workload with the choices of its answering stage."""
    answer = answering(workload.stages)
    return _as_served(workload, answer) if answer is not None else workload


def _floors(parts: Parts, workload: Workload, stage: Stage | None, path: KeyPath, findings: Findings) -> None:
    """Check the floors that hold for one stage, each by itself and all together."""
    known = [_floor(parts, workload, stage, (*path, place), place, findings) for place in range(len(workload.quality))]
    if len(known) > 1 and all(known):
        _all_at_once(parts, workload, stage, path, findings)


def brought(workload: Workload, stage: Stage | None, benchmark: str) -> float | None:
    """Return the best score on a benchmark that levers bring for a stage, at its better end; None if they bring none."""
    effects = (effect for lever in workload.levers for option in lever.options for effect in option.effects)
    here = (effect for effect in effects if effect.stage is None or stage is None or effect.stage == stage.name)
    return max((effect.scores[benchmark].high for effect in here if benchmark in effect.scores), default=None)


def _floor(parts: Parts, workload: Workload, stage: Stage | None, path: KeyPath, place: int, findings: Findings) -> bool:
    """Check one floor; return whether some usable model reaches it."""
    floor, catalog = workload.quality[place], parts.catalog
    scored = brought(workload, stage, floor.benchmark)
    if floor.measured is not None and floor.measured < floor.at_least and floor.over == "each":
        message = f"the score measured on the task, {floor.measured:g}, is below the floor of {floor.at_least:g}"
        findings.error((*path, "measured"), message, f"lower the floor to {floor.measured:g} or less, or remove `measured`")
        return False
    if floor.measured is not None or (scored is not None and scored >= floor.at_least):
        return True
    if floor.benchmark not in catalog.benchmarks:
        remedy = remedy_for(floor.benchmark, catalog.benchmarks, "`planner catalog list benchmarks`")
        findings.error((*path, "benchmark"), f"no benchmark is named {floor.benchmark!r}", remedy)
        return False
    best = best_score(usable_scores(parts, workload, stage), floor.benchmark)
    if best is not None and best[1] >= floor.at_least:
        return True
    field, (message, remedy) = "benchmark" if (best, scored) == (None, None) else "at_least", _below(floor, best, scored)
    findings.error((*path, field), message, _elsewhere(catalog, floor.benchmark, remedy, role_of(stage)))
    return False


def _below(floor: QualityFloor, best: tuple[str, float] | None, scored: float | None) -> tuple[str, str]:
    """Return message and remedy of a floor that neither published scores nor those that levers bring reach."""
    name = floor.benchmark
    if best is not None:
        message = f"no model that may be used reaches {floor.at_least:g} on {name}; the best is {best[0]} with {best[1]:g}"
        return message, f"lower the floor to {best[1]:g} or less"
    message = f"no model that may be used has a published {name} score"
    if scored is None:
        return message, "name another benchmark, or allow more models"
    return f"{message}, and levers bring no more than {scored:g}", f"lower the floor to {scored:g} or less"


def _all_at_once(parts: Parts, workload: Workload, stage: Stage | None, path: KeyPath, findings: Findings) -> None:
    """Floors that different models reach one by one may be out of reach together; scores that levers bring are not published."""
    floors = [f for f in workload.quality if f.measured is None and brought(workload, stage, f.benchmark) is None]
    rows_of = usable_scores(parts, workload, stage)
    if len(floors) > 1 and not any(all(_reaches(rows, floor) for floor in floors) for _, rows in rows_of):
        message = "each floor is reached by some model, but no model that may be used has published scores that reach all of them"
        findings.error(path, message, "lower a floor, or remove the least important one")


def role_of(stage: Stage | None) -> Role:
    """Return what kind of model a stage calls, or a workload without stages."""
    return "generate" if stage is None else stage.role


def usable_scores(parts: Parts, workload: Workload, stage: Stage | None) -> list[tuple[str, tuple[Score, ...]]]:
    """Return name and scores of every model and API a stage may use, as far as choices, levers and licences say."""
    catalog, role = parts.catalog, role_of(stage)
    choices = [choice for choice in (parts.choose, workload.choose) if _names_known(catalog, choice)]
    licences = _known_licences(catalog, workload.data.licences)
    usable = set(select.usable_models(catalog, choices, licences, role))
    widest = select.usable_models(catalog, [parts.choose] if parts.choose in choices else [], licences, role)
    usable |= {name for name in widest if any(name in select.matching(catalog, "models", p) for p in _by_lever(workload, stage))}
    models = [(name, catalog.models[name].scores) for name in sorted(usable)]
    if not workload.data.external_api or role != "generate":
        return models
    return models + [(name, _api_scores(catalog, name)) for name in select.usable_apis(catalog, choices)]


def _by_lever(workload: Workload, stage: Stage | None) -> Iterator[str]:
    """Yield the models that levers put in place of those the workload chooses."""
    for option in (option for lever in workload.levers for option in lever.options):
        for effect in option.effects:
            if effect.stage is None or stage is None or effect.stage == stage.name:
                yield from effect.models or ()
        cascade = option.cascade
        if cascade is not None and (cascade.stage is None or stage is None or cascade.stage == stage.name):
            yield from cascade.large or ()


def _names_known(catalog: Catalog, choices: Choices) -> bool:
    """Say whether every model and API allowed exists; a misspelt one is reported for itself."""
    listed = [("models", choices.models.allow or ()), ("apis", choices.apis.allow or ())]
    return all(
        select.matching(catalog, kind, name) or (kind == "models" and select.sold(catalog, name))
        for kind, names in listed
        for name in names
    )


def _known_licences(catalog: Catalog, licences: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return a licence rule, or no rule where it names an unknown licence, which is reported for itself."""
    known = {model.licence for model in catalog.models.values()}
    return licences if licences is not None and known.issuperset(licences) else None


def _api_scores(catalog: Catalog, name: str) -> tuple[Score, ...]:
    """Scores of an API offer: its own and those of the open model behind it."""
    offer = catalog.apis[name]
    behind = catalog.models[offer.open_model].scores if offer.open_model in catalog.models else ()
    return offer.scores + behind


def best_score(scores: Iterable[tuple[str, tuple[Score, ...]]], benchmark: str) -> tuple[str, float] | None:
    """Return the best name and score on a benchmark."""
    tops = [(top, name) for name, rows in scores if (top := _top(rows, benchmark)) is not None]
    if not tops:
        return None
    top, name = max(tops)
    return name, top


def _top(rows: Iterable[Score], benchmark: str) -> float | None:
    return max((row.score for row in rows if row.benchmark == benchmark), default=None)


def _reaches(rows: Iterable[Score], floor: QualityFloor) -> bool:
    top = _top(rows, floor.benchmark)
    return top is not None and top >= floor.at_least


def _elsewhere(catalog: Catalog, benchmark: str, remedy: str, role: Role) -> str:
    """Add the best model of the whole catalog to a remedy."""
    best = best_score([(name, model.scores) for name, model in catalog.models.items() if model.role == role], benchmark)
    return f"{remedy}; best in the catalog: {best[0]} with {best[1]:g}" if best else remedy
