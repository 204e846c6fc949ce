"""Cross-checks of quality floors: the benchmark exists and some model that may be used reaches the floor."""

from __future__ import annotations

from collections.abc import Iterable

from planner.catalog import select
from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Choice, Choices, QualityFloor
from planner.domain.catalog import Catalog
from planner.domain.llm import Score
from planner.domain.stages import Stage
from planner.domain.workload import Workload


def check_quality(parts: Parts, findings: Findings) -> None:
    """Check the floors of every workload, and warn where nothing keeps quality up."""
    for index, stated in parts.workloads:
        path: KeyPath = ("workloads", index)
        workload = _as_answered(stated)
        for place, stage in enumerate(stated.stages):
            own = _as_served(stated, stage).model_copy(update={"quality": stage.quality})
            for number in range(len(stage.quality)):
                _floor(parts, own, (*path, "stages", place, "quality", number), number, findings)
        known = [_floor(parts, workload, (*path, "quality", place), place, findings) for place in range(len(workload.quality))]
        if len(known) > 1 and all(known):
            _all_at_once(parts, workload, (*path, "quality"), findings)
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
    models = [s for s in workload.stages if s.component is None and s.uses is None and s.role == "generate"]
    return _as_served(workload, models[-1]) if models else workload


def _measured(workload: Workload) -> set[str]:
    """Return the benchmarks on which levers bring scores of their own: floors there may be reached by them."""
    return {name for lever in workload.levers for option in lever.options for effect in option.effects for name in effect.scores}


def _floor(parts: Parts, workload: Workload, path: KeyPath, place: int, findings: Findings) -> bool:
    """Check one floor; return whether some usable model reaches it."""
    floor, catalog = workload.quality[place], parts.catalog
    if floor.benchmark in _measured(workload) or floor.measured is not None:
        return True
    if floor.benchmark not in catalog.benchmarks:
        remedy = remedy_for(floor.benchmark, catalog.benchmarks, "`planner catalog list benchmarks`")
        findings.error((*path, "benchmark"), f"no benchmark is named {floor.benchmark!r}", remedy)
        return False
    best = _best(usable_scores(parts, workload), floor.benchmark)
    if best is not None and best[1] >= floor.at_least:
        return True
    name = floor.benchmark
    if best is None:
        message = f"no model that may be used has a published {name} score"
        findings.error((*path, "benchmark"), message, _elsewhere(catalog, name, "name another benchmark, or allow more models"))
    else:
        message = f"no model that may be used reaches {floor.at_least:g} on {name}; the best is {best[0]} with {best[1]:g}"
        findings.error((*path, "at_least"), message, _elsewhere(catalog, name, f"lower the floor to {best[1]:g} or less"))
    return False


def _all_at_once(parts: Parts, workload: Workload, path: KeyPath, findings: Findings) -> None:
    """Floors that different models reach one by one may be out of reach together."""
    if not any(all(_reaches(rows, floor) for floor in workload.quality) for _, rows in usable_scores(parts, workload)):
        message = "each floor is reached by some model, but no model that may be used has published scores that reach all of them"
        findings.error(path, message, "lower a floor, or remove the least important one")


def usable_scores(parts: Parts, workload: Workload) -> list[tuple[str, tuple[Score, ...]]]:
    """Return name and scores of every model and API a workload may use, as far as its choices and licences say."""
    catalog = parts.catalog
    choices = [choice for choice in (parts.choose, workload.choose) if _names_known(catalog, choice)]
    licences = _known_licences(catalog, workload.data.licences)
    models = [(name, catalog.models[name].scores) for name in select.usable_models(catalog, choices, licences)]
    if not workload.data.external_api:
        return models
    return models + [(name, _api_scores(catalog, name)) for name in sorted(select.permitted(catalog, "apis", choices))]


def _names_known(catalog: Catalog, choices: Choices) -> bool:
    """Say whether every model and API allowed exists; a misspelt one is reported for itself."""
    listed = [("models", choices.models.allow or ()), ("apis", choices.apis.allow or ())]
    return all(select.matching(catalog, kind, name) for kind, names in listed for name in names)


def _known_licences(catalog: Catalog, licences: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return a licence rule, or no rule where it names an unknown licence, which is reported for itself."""
    known = {model.licence for model in catalog.models.values()}
    return licences if licences is not None and known.issuperset(licences) else None


def _api_scores(catalog: Catalog, name: str) -> tuple[Score, ...]:
    """Scores of an API offer: its own and those of the open model behind it."""
    offer = catalog.apis[name]
    behind = catalog.models[offer.open_model].scores if offer.open_model in catalog.models else ()
    return offer.scores + behind


def _best(scores: Iterable[tuple[str, tuple[Score, ...]]], benchmark: str) -> tuple[str, float] | None:
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


def _elsewhere(catalog: Catalog, benchmark: str, remedy: str) -> str:
    """Add the best model of the whole catalog to a remedy."""
    best = _best([(name, model.scores) for name, model in catalog.models.items()], benchmark)
    return f"{remedy}; best in the catalog: {best[0]} with {best[1]:g}" if best else remedy
