"""Cross-checks of the models that levers name: some of them must reach the floors of the stages they are to serve."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog import select
from planner.catalog.check_quality import best_score, brought, role_of
from planner.catalog.findings import Findings, Parts
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import QualityFloor
from planner.domain.levers import Option
from planner.domain.llm import Score
from planner.domain.stages import Stage, answering
from planner.domain.workload import Workload


def check_reach(parts: Parts, findings: Findings) -> None:
    """Warn of options none of whose models reaches a floor by any published score."""
    for index, workload in parts.workloads:
        for place, lever in enumerate(workload.levers):
            for number, option in enumerate(lever.options):
                path: KeyPath = ("workloads", index, "levers", place, "options", number)
                for where, names, stage in _named(workload, option):
                    _reach(parts, workload, names, stage, (*path, *where), findings)


def _named(workload: Workload, option: Option) -> Iterator[tuple[KeyPath, tuple[str, ...], Stage | None]]:
    """Yield where an option names models that must be good enough, which, and for what stage; None = the call itself."""
    for number, effect in enumerate(option.effects):
        if effect.models is not None:
            for stage in _stages(workload, effect.stage):
                yield ("effects", number, "models"), effect.models, stage
    cascade = option.cascade
    if cascade is not None and cascade.large is not None:  # of the small ones the curve says how good they are
        answer = answering(workload.stages)
        for stage in _stages(workload, cascade.stage or (answer.name if answer else None)):
            yield ("cascade", "large"), cascade.large, stage


def _stages(workload: Workload, name: str | None) -> list[Stage | None]:
    """Return the stages that a name means and that call models: all for none."""
    if not workload.stages:
        return [None]
    return [stage for stage in workload.stages if stage.calls_model and name in (stage.name, None)]


def _reach(
    parts: Parts, workload: Workload, names: tuple[str, ...], stage: Stage | None, path: KeyPath, findings: Findings
) -> None:
    """Check the floors of one stage; what is misspelt is reported for itself."""
    catalog = parts.catalog
    if not all(select.matching(catalog, "models", name) for name in names):
        return
    usable = select.usable_models(catalog, [parts.choose], workload.data.licences, role_of(stage))
    served = [model for model in usable if any(model in select.matching(catalog, "models", name) for name in names)]
    for floor in _floors(workload, stage):
        if floor.over == "average" or floor.measured is not None or floor.benchmark not in catalog.benchmarks:
            continue
        scored = brought(workload, stage, floor.benchmark)
        best = best_score(_scores(parts, workload, served), floor.benchmark)
        if max(scored or 0.0, best[1] if best is not None else 0.0) >= floor.at_least:
            continue
        known = f"the best is {best[0]} with {best[1]:g}" if best is not None else "none has a published score"
        own = f" and the scores that levers bring end at {scored:g}" if scored is not None else ""
        message = f"no model named here reaches {floor.at_least:g} on {floor.benchmark}: {known}{own}"
        findings.warn(path, message, "name better models, give `scores` on your own task, or lower the floor")


def _scores(parts: Parts, workload: Workload, models: list[str]) -> list[tuple[str, tuple[Score, ...]]]:
    """Return name and scores of models, and of the APIs that offer them where the workload may use those."""
    catalog = parts.catalog
    found = [(model, catalog.models[model].scores) for model in models]
    offers = catalog.apis.items() if workload.data.external_api else ()
    return found + [(name, offer.scores) for name, offer in offers if offer.open_model in models]


def _floors(workload: Workload, stage: Stage | None) -> tuple[QualityFloor, ...]:
    """Return the floors that hold for a stage: its own, and the workload's if it answers."""
    if stage is None:
        return workload.quality
    return (*stage.quality, *(workload.quality if stage == answering(workload.stages) else ()))
