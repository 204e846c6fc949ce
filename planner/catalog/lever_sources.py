"""What levers, stages and floors name in the catalog or in files, put in their place: routers, curves, components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from planner.catalog.curves import read_curve
from planner.catalog.findings import Findings, Parts
from planner.catalog.routing import mixes
from planner.catalog.select import plain, without_aliases
from planner.catalog.suggest import nearest, remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain import lever_facts
from planner.domain.calls import ContextLoss, Kept, KeptAt, QualityFloor
from planner.domain.catalog import Catalog
from planner.domain.levers import CacheAt, Cascade, Effect, EscalationPoint, Lever, Option, Placed, Range, Share
from planner.domain.stages import Stage
from planner.domain.workload import Workload
from planner.errors import InvalidInput


def check_sources(parts: Parts, findings: Findings) -> None:
    """Everything named must be there and say what is needed of it."""
    for index, workload in parts.workloads:
        path: KeyPath = ("workloads", index)
        for floor, at in _floors(workload):
            _known_curves(floor, parts.catalog, (*path, *at), findings)
        for place, stage in enumerate(workload.stages):
            if stage.uses is not None and stage.uses not in parts.catalog.components:
                remedy = remedy_for(stage.uses, parts.catalog.components, "`planner catalog list components`")
                findings.error((*path, "stages", place, "uses"), f"no component is named {stage.uses!r}", remedy)
        for option, where in _options(workload, path):
            try:
                _option(option, parts.catalog, parts.base)
            except _Missing as missing:
                findings.error((*where, *missing.path), missing.message, missing.remedy)
            except InvalidInput as error:
                findings.errors += error.issues


def with_sources(workload: Workload, catalog: Catalog, base: Path) -> Workload:
    """Return a workload whose stages, levers and floors hold what they name.

    Parameters
    ----------
    workload : checked with `check_sources`
    catalog : routers, curves, components
    base : folder that curves are relative to
    """
    workload = workload.model_copy(update={"quality": _measured(workload.quality, catalog)})
    if not (workload.stages or workload.levers):
        return workload
    stages = tuple(_stage(stage, catalog) for stage in workload.stages)
    levers = tuple(_lever(lever, catalog, base) for lever in workload.levers)
    return workload.model_copy(update={"stages": stages, "levers": levers})


class _Missing(Exception):
    """Something named is not there, or does not say enough."""

    def __init__(self, path: KeyPath, message: str, remedy: str) -> None:
        super().__init__(message)
        self.path, self.message, self.remedy = path, message, remedy


def _options(workload: Workload, path: KeyPath) -> Iterator[tuple[Option, KeyPath]]:
    for index, lever in enumerate(workload.levers):
        for place, option in enumerate(lever.options):
            yield option, (*path, "levers", index, "options", place)


def _floors(workload: Workload) -> Iterator[tuple[QualityFloor, KeyPath]]:
    for number, floor in enumerate(workload.quality):
        yield floor, ("quality", number)
    for place, stage in enumerate(workload.stages):
        for number, floor in enumerate(stage.quality):
            yield floor, ("stages", place, "quality", number)
    for option, path in _options(workload, ()):
        for place, effect in enumerate(option.effects):
            for which, kind in enumerate(effect.classes):
                for number, floor in enumerate(kind.quality):
                    yield floor, (*path, "effects", place, "classes", which, "quality", number)


def _known_curves(floor: QualityFloor, catalog: Catalog, path: KeyPath, findings: Findings) -> None:
    """Curves must be the catalog's, or one's own; models named must exist."""
    if floor.context is None:
        return
    known = {row.benchmark for row in catalog.context_effects.values()}
    named = floor.context.curves
    if named is not None and named not in known:
        remedy = remedy_for(named, known, "`planner catalog list context_effects`")
        findings.error((*path, "context", "curves"), f"no curves of quality by context are named {named!r}", remedy)
    if named is None and not floor.context.kept and floor.context.unknown is None:
        message = "it names no curve, so nobody knows what long contexts take"
        findings.error((*path, "context"), message, f"give `curves` ({', '.join(sorted(known))}), `kept`, or `unknown`")
    for number, kept in enumerate(floor.context.kept):
        if plain(catalog, kept.model) not in catalog.models:
            remedy = remedy_for(kept.model, catalog.models, "`planner catalog list models`")
            findings.error((*path, "context", "kept", number, "model"), f"no model is named {kept.model!r}", remedy)


def _measured(floors: Sequence[QualityFloor], catalog: Catalog) -> tuple[QualityFloor, ...]:
    """Return floors with the curves that they name, the pessimistic end of each point, one's own before the catalog's."""
    return tuple(
        floor
        if floor.context is None or floor.context.curves is None
        else floor.model_copy(update={"context": _with_curves(floor.context, catalog)})
        for floor in floors
    )


def _with_curves(loss: ContextLoss, catalog: Catalog) -> ContextLoss:
    own = tuple(kept.model_copy(update={"model": plain(catalog, kept.model)}) for kept in loss.kept)
    published = [
        Kept(model=row.model, points=(KeptAt(tokens=row.base_tokens, share=1.0), *map(_kept_at, row.points)))
        for row in catalog.context_effects.values()
        if row.benchmark == loss.curves
    ]
    return loss.model_copy(update={"kept": (*own, *published)})


def _kept_at(point: lever_facts.ContextPoint) -> KeptAt:
    return KeptAt(tokens=point.tokens, share=min(point.kept_low, 1.0))


def _stage(stage: Stage, catalog: Catalog) -> Stage:
    update: dict[str, Any] = {"choose": without_aliases(catalog, stage.choose), "quality": _measured(stage.quality, catalog)}
    if stage.uses is not None:
        update |= {"component": catalog.components[stage.uses], "uses": None}
    return stage.model_copy(update=update)


def _lever(lever: Lever, catalog: Catalog, base: Path) -> Lever:
    options = tuple(_option(option, catalog, base) for option in lever.options)
    sources = [_source(option, catalog) for option in lever.options]
    note = "; ".join(dict.fromkeys(filter(None, (lever.note, *sources))))
    return lever.model_copy(update={"options": options, "note": note})


def _source(option: Option, catalog: Catalog) -> str:
    """Say where a curve named was published."""
    rows: list[lever_facts.LeverFact] = []
    if option.cascade is not None and option.cascade.router is not None:
        rows.append(catalog.routers[option.cascade.router])
    if option.curve is not None:
        rows.append(catalog.semantic_caches[option.curve.name])
    moved = [effect.places for effect in option.effects if effect.places is not None]
    rows += [catalog.position_effects[place.curve] for each in moved for place in (each.before, each.after)]
    told = [f"{row.source} ({row.as_of}){f': {row.caution}' if row.caution else ''}" for row in rows]
    return "; ".join(dict.fromkeys(told))


def _option(option: Option, catalog: Catalog, base: Path) -> Option:
    effects = tuple(_effect(effect, catalog, ("effects", number)) for number, effect in enumerate(option.effects))
    update: dict[str, Any] = {"effects": effects}
    if option.cascade is not None:
        cascade = option.cascade if option.cascade.points else _cascade(option.cascade, catalog, base)
        names = {"small": cascade.small, "large": cascade.large}
        update["cascade"] = cascade.model_copy(update={key: _plain(catalog, value) for key, value in names.items()})
    if option.curve is not None:
        update |= _cache(option.curve, catalog)
    return option.model_copy(update=update)


def _effect(effect: Effect, catalog: Catalog, path: KeyPath = ()) -> Effect:
    update: dict[str, Any] = {"models": _plain(catalog, effect.models)}
    if effect.classes:
        update["classes"] = tuple(
            kind.model_copy(update={"models": _plain(catalog, kind.models), "quality": _measured(kind.quality, catalog)})
            for kind in effect.classes
        )
    if effect.places is not None:
        after, before = (
            _accuracy(getattr(effect.places, end), catalog, (*path, "places", end, "curve")) for end in ("after", "before")
        )
        kept = (after.low / before.high, after.high / before.low)
        update |= {"quality": Range(low=min(kept[0], 1.0), high=min(kept[1], 1.0)), "places": None}
    return effect.model_copy(update=update)


def _accuracy(place: Placed, catalog: Catalog, path: KeyPath) -> Range:
    """Return the accuracy measured with the right passage at a place [%]; anywhere = the mean over all places, interpolated."""
    if place.curve not in catalog.position_effects:
        remedy = remedy_for(place.curve, catalog.position_effects, "`planner catalog list position_effects`")
        raise _Missing(path, f"no curve of accuracy by place is named {place.curve!r}", remedy)
    points = catalog.position_effects[place.curve].points
    if place.place == "anywhere":
        width = points[-1].position - points[0].position
        low, high = (
            sum((b.position - a.position) * (getattr(a, end) + getattr(b, end)) / 2 for a, b in pairwise(points)) / width
            for end in ("accuracy_low", "accuracy_high")
        )
        return Range(low=low, high=high)
    point = points[0 if place.place == "first" else -1]
    return Range(low=point.accuracy_low, high=point.accuracy_high)


def _plain(catalog: Catalog, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(plain(catalog, name) for name in names)


def _cascade(cascade: Cascade, catalog: Catalog, base: Path) -> Cascade:
    """Turn the share of the gap that is recovered into the share of the large models' score that is reached.

    (weak + recovered·(strong − weak)) / strong
    """
    field = "router" if cascade.router is not None else "curve"
    weak, strong = cascade.weak_score, cascade.strong_score
    if cascade.router is not None:
        if cascade.router not in catalog.routers:
            remedy = remedy_for(cascade.router, catalog.routers, "`planner catalog list routers`")
            raise _Missing(("cascade", "router"), f"no router is named {cascade.router!r}", remedy)
        row = catalog.routers[cascade.router]
        curve: Sequence[lever_facts.EscalationPoint] = row.points
        weak, strong = weak or row.weak_score, strong or row.strong_score
    else:
        curve = _read(base, cascade.curve or "")
    if weak is None or strong is None:
        message = f"scores of the weak and the strong model of {cascade.router} are not known"
        raise _Missing(("cascade", "router"), message, "give cascade.weak_score and cascade.strong_score")
    if not 0.0 <= weak <= strong or strong == 0.0:
        message = f"the small models score {weak:g} and the large ones {strong:g}: there is no gap to recover"
        raise _Missing(("cascade", field), message, "give weak_score and strong_score, the larger one to the large models")

    def reached(recovered: float) -> float:
        return (weak + recovered * (strong - weak)) / strong

    points = tuple(
        EscalationPoint(
            escalated=point.escalated, quality=Range(low=reached(point.recovered_low), high=reached(point.recovered_high))
        )
        for point in (curve if cascade.deterministic else mixes(curve))
    )
    return cascade.model_copy(update={"points": points, "router": None, "curve": None})


def _read(base: Path, name: str) -> tuple[lever_facts.EscalationPoint, ...]:
    """Read a curve of one's own; a file that is not there is a mistake of the problem file, one within it is the curve's."""
    path = base / name
    if not path.is_file():
        beside = nearest(path.name, sorted(file.name for file in path.parent.glob("*.csv"))) if path.parent.is_dir() else None
        remedy = f"did you mean {beside!r}?" if beside else f"the path is relative to {base}; check its spelling"
        raise _Missing(("cascade", "curve"), f"there is no file {name!r}", remedy)
    return read_curve(path)


def _cache(at: CacheAt, catalog: Catalog) -> dict[str, Any]:
    """Return the shares answered and answered wrongly at a threshold that was measured."""
    if at.name not in catalog.semantic_caches:
        remedy = remedy_for(at.name, catalog.semantic_caches, "`planner catalog list semantic_caches`")
        raise _Missing(("curve", "name"), f"no semantic cache is named {at.name!r}", remedy)
    points = catalog.semantic_caches[at.name].points
    point = next((point for point in points if abs(point.threshold - at.threshold) < 1e-9), None)
    if point is None:
        measured = ", ".join(f"{point.threshold:g}" for point in points)
        raise _Missing(("curve", "threshold"), f"it was not measured at {at.threshold:g}", f"use one of {measured}")
    if point.false_hits_low is None or point.false_hits_high is None:
        message = f"how many answers of {at.name} are wrong at {at.threshold:g} is not known"
        raise _Missing(("curve", "threshold"), message, "use another threshold, or give answered and wrong yourself")
    return {
        "answered": Share(low=point.hit_rate_low, high=point.hit_rate_high),
        "wrong": Share(low=point.false_hits_low, high=point.false_hits_high),
        "curve": None,
    }
