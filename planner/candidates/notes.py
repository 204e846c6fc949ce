"""Why pairs of models, formats, engines, accelerators and layouts were left out, each noted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from planner.candidates.drafts import drafting_problem, drafting_shape_problem
from planner.candidates.pairs import checkpoint_problem, cut_problem, engine_problem, format_problem
from planner.candidates.rejection import Ledger
from planner.candidates.space import AllowedNames, Sites
from planner.domain.catalog import Catalog


def note_pairs(catalog: Catalog, models: Sequence[str], sites: Sites, allowed: AllowedNames, ledger: Ledger) -> None:
    """Note every pair that cannot go together, with its reason, each once.

    Parameters
    ----------
    catalog, models, sites, allowed : as for `build_space`
    ledger : takes the reasons
    """
    for name in models:
        for fmt in allowed.precisions:
            problem = checkpoint_problem(catalog.models[name], fmt, catalog.precisions[fmt])
            if problem:
                ledger.add("checkpoint", f"{name} {fmt}", problem)
    for accelerator in dict.fromkeys(machine.accelerator for machine in sites.hardware):
        device = catalog.accelerators[accelerator]
        for engine in allowed.engines:
            problem = engine_problem(catalog.engines[engine], device)
            if problem:
                ledger.add("engine", f"{engine} {accelerator}", problem)
        for name in allowed.precisions:
            _note_format(ledger, accelerator, name, format_problem(device, name, catalog.precisions[name]))
        for name in allowed.kv_precisions:
            _note_format(ledger, accelerator, name, format_problem(device, name, catalog.kv_precisions[name]))
    for name in allowed.engines:
        _note_engine(catalog, models, sites, allowed, name, ledger)
    _note_drafting(catalog, sites, allowed, ledger)


def _note_drafting(catalog: Catalog, sites: Sites, allowed: AllowedNames, ledger: Ledger) -> None:
    """Note the engines and layouts that do not go with a way to draft that is offered."""
    for name in dict.fromkeys(way.speculator for way in allowed.drafts if way is not None):
        speculator = catalog.speculators[name]
        for engine in allowed.engines:
            problem = drafting_problem(speculator, catalog.engines[engine])
            if problem:
                ledger.add("drafting", f"{name} {speculator.target} {engine}", problem)
        problems = Counter(drafting_shape_problem(shape) for shape in sites.shapes)
        for reason, count in problems.items():
            if reason:
                ledger.add("drafting", f"{name} {speculator.target} pp", reason, count=count)


def _note_format(ledger: Ledger, accelerator: str, name: str, problem: str | None) -> None:
    if problem:
        ledger.add("format", f"{name} {accelerator}", problem)


def _note_engine(catalog: Catalog, models: Sequence[str], sites: Sites, allowed: AllowedNames, name: str, ledger: Ledger) -> None:
    """Note the formats an engine has no kernels for, and the layouts into which it cannot cut models, by reason."""
    engine = catalog.engines[name]
    for fmt in (*allowed.precisions, *allowed.kv_precisions):
        if fmt not in engine.precisions + engine.kv_precisions:
            ledger.add("engine", f"{fmt} {name}", f"{engine.name} {engine.version} has no kernels for {fmt}")
    for model in models:
        problems: dict[str, list[str]] = {}
        for shape in sites.shapes:
            if problem := cut_problem(shape, catalog.models[model], engine):
                problems.setdefault(problem, []).append(str(shape))
        for problem, layouts in problems.items():
            ledger.add("layout", f"{model} {name}", problem, count=len(layouts), layouts=tuple(layouts))
