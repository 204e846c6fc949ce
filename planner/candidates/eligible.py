"""Which models, formats, engines, layouts and machines each stream may use, by rules, choices and quality floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.drafts import ways_to_draft
from planner.candidates.pairs import checkpoint_problem
from planner.candidates.quality import at_length, judge, reachable, score_of, unknown_length
from planner.candidates.rejection import Ledger
from planner.candidates.space import AllowedNames, Space
from planner.demand.stream import Stream
from planner.domain.catalog import Catalog
from planner.domain.layout import Shape
from planner.domain.llm import Model
from planner.domain.problem import Problem
from planner.supply.cells import Supply
from planner.supply.choice import allowed, refusal

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Names:
    """Names that some stream may use."""

    models: tuple[str, ...]
    """Models."""
    formats: AllowedNames
    """Precisions, KV precisions and engines."""


def model_problem(name: str, model: Model, stream: Stream, problem: Problem) -> tuple[str, str] | None:
    """Return (code, sentence) why a stream may not use a model at any precision, None if it may."""
    workload = stream.workload
    if model.role != stream.role:
        return "choice", f"is made to {model.role}, not to {stream.role}"
    if not allowed(name, problem.choose.models, workload.choose.models):
        return "choice", "is not among the allowed models"
    licences = workload.data.licences
    if licences is not None and (model.licence is None or model.licence not in licences):
        return "licence", f"licence {model.licence or 'not known'} is not among {', '.join(licences)}"
    context = stream.longest_context()
    if context > model.max_context:
        return "context", f"99 % of calls need {context:,.0f} tokens, it takes {model.max_context:,.0f}"
    return None


def usable_names(catalog: Catalog, problem: Problem, streams: Sequence[Stream], ledger: Ledger) -> Names:
    """Return what at least one stream may use; what none may is noted in the ledger."""
    models = []
    for name, model in catalog.models.items():
        problems = [model_problem(name, model, stream, problem) for stream in streams]
        if any(found is None for found in problems):
            models.append(name)
        for stream, found in zip(streams, problems, strict=True):
            if found is not None and model.role == stream.role:
                ledger.add(found[0], name, found[1], stream=stream.name)

    def named(kind: str) -> tuple[str, ...]:
        chosen = [(getattr(problem.choose, kind), getattr(stream.workload.choose, kind)) for stream in streams]
        return tuple(name for name in getattr(catalog, kind) if any(allowed(name, *pair) for pair in chosen))

    drafts = ways_to_draft(catalog, named("speculators"), models, problem.solver.effects)
    return Names(tuple(models), AllowedNames(named("precisions"), named("kv_precisions"), named("engines"), drafts))


def note_layouts(shapes: Sequence[Shape], problem: Problem, streams: Sequence[Stream], ledger: Ledger) -> None:
    """Note the layouts that choices leave out, for each stream."""
    for stream in streams:
        for name in map(str, shapes):
            reason = refusal(name, problem.choose.layouts, stream.workload.choose.layouts)
            if reason is not None:
                ledger.add("choice", name, reason, stream=stream.name)


def good_enough(catalog: Catalog, problem: Problem, streams: Sequence[Stream], names: Names, ledger: Ledger) -> Bools:
    """Return [R, model, precision, kv]: whether a stream may use a model in these formats.

    Parameters
    ----------
    catalog, problem, streams : facts and rules
    names : what some stream may use
    ledger : takes the combinations below a quality floor

    Returns
    -------
    Mask; choices of precision and KV precision included.
    """
    formats = names.formats
    shape = (len(streams), len(names.models), len(formats.precisions), len(formats.kv_precisions))
    mask = np.zeros(shape, dtype=bool)
    for r, stream in enumerate(streams):
        choose = (problem.choose, stream.workload.choose)
        weights = [allowed(name, *(c.precisions for c in choose)) for name in formats.precisions]
        caches = [allowed(name, *(c.kv_precisions for c in choose)) for name in formats.kv_precisions]
        permitted = np.outer(weights, caches)
        for m, name in enumerate(names.models):
            if model_problem(name, catalog.models[name], stream, problem) is None:
                mask[r, m] = permitted & _quality(catalog, stream, name, formats, ledger)
    return mask


def _quality(catalog: Catalog, stream: Stream, name: str, formats: AllowedNames, ledger: Ledger) -> Bools:
    """Return [precision, kv]: whether every quality floor of a stream holds for a model."""
    mask = np.ones((len(formats.precisions), len(formats.kv_precisions)), dtype=bool)
    if not stream.workload.quality:
        return mask
    model, context = catalog.models[name], stream.longest_context()
    hopeless = next((floor for floor in stream.workload.quality if not reachable(floor, model)), None)
    if hopeless is not None:
        score = score_of(hopeless, model.scores)
        reason = f"{score:g} against {hopeless.at_least:g}" if score is not None else "no published score"
        ledger.add("quality", name, f"{hopeless.benchmark}: {reason}", count=mask.size, stream=stream.name)
        return np.zeros_like(mask)
    at = [(floor, at_length(floor, name, context)) for floor in stream.workload.quality]
    floors = [longer for _, longer in at if longer is not None]
    if len(floors) < len(at):
        unknown = next(floor for floor, longer in at if longer is None)
        ledger.add("quality", name, unknown_length(unknown, context), count=mask.size, stream=stream.name)
        return np.zeros_like(mask)
    for p, precision in enumerate(formats.precisions):
        if checkpoint_problem(model, precision, catalog.precisions[precision]):
            continue
        for k, kv in enumerate(formats.kv_precisions):
            for floor in floors:
                weights, cache = catalog.precisions[precision], catalog.kv_precisions[kv]
                verdict = judge(floor, model, weights, precision, cache, kv, context)
                if not verdict.holds:
                    mask[p, k] = False
                    ledger.add("quality", f"{name} {precision} {kv}", verdict.reason, stream=stream.name)
                    break
    return mask


def eligibility(space: Space, good: Bools, hosts: Bools, supply: Supply, problem: Problem, streams: Sequence[Stream]) -> Bools:
    """Return [R, N]: whether each stream may use each row of the space.

    Parameters
    ----------
    space : combinations
    good : `good_enough`
    hosts : [hardware, cell] of `Sites`
    supply : cells, with the streams that may run there
    problem, streams : choices of engines, layouts and drafts

    Returns
    -------
    Mask
    """
    open_to = np.array([cell.streams for cell in supply.cells], dtype=bool).reshape(len(supply.cells), len(streams))
    machines = (hosts.astype(int) @ open_to > 0).T
    engines = _let(space.engines, "engines", problem, streams)
    layouts = _let([str(shape) for shape in space.shapes], "layouts", problem, streams)
    drafts = np.array(
        [[way is None or _may_draft(way.speculator, problem, s) for way in space.drafts] for s in streams], dtype=bool
    ).reshape(len(streams), len(space.drafts))
    fits = good[:, space.model, space.precision, space.kv]
    chosen = engines[:, space.engine] & layouts[:, space.shape] & drafts[:, space.draft]
    return np.asarray(fits & machines[:, space.machine] & chosen)


def _let(names: Sequence[str], kind: str, problem: Problem, streams: Sequence[Stream]) -> Bools:
    """Return [R, name] which names of a kind the choices of problem and stream let through."""
    let = [[allowed(n, getattr(problem.choose, kind), getattr(s.workload.choose, kind)) for n in names] for s in streams]
    return np.array(let, dtype=bool).reshape(len(streams), len(names))


def _may_draft(name: str, problem: Problem, stream: Stream) -> bool:
    return allowed(name, problem.choose.speculators, stream.workload.choose.speculators)
