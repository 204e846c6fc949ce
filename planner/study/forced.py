"""What it would cost had something been forced into the plan: choices are narrowed to it, and the problem is solved again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.catalog.meaning import Meaning, meant
from planner.catalog.problem import LoadedProblem
from planner.catalog.select import permitted
from planner.catalog.yamlfile import dotted
from planner.domain.calls import Choice, Choices
from planner.domain.workload import Workload
from planner.errors import InvalidInput
from planner.study import words as spoken
from planner.study.difference import between
from planner.study.overrides import Override
from planner.study.result import Result, solved
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant, varied


@dataclass(frozen=True)
class Forced:
    """A workload whose choices are narrowed."""

    workload: str
    """Whose."""
    overrides: tuple[Override, ...]
    """How."""
    unmatched: tuple[str, ...]
    """Words that nothing can be narrowed by, such as drafts."""


def forced(loaded: LoadedProblem, words: Sequence[str]) -> list[Forced]:
    """Return how to narrow each workload's choices to what words name; none where a rule already excludes it.

    Parameters
    ----------
    loaded : the problem
    words : what they mean is for `planner.catalog.meaning` to say
    """
    meaning = meant(loaded.catalog, words)
    made = (
        _narrowed(loaded, workload, meaning) for workload in loaded.problem.workloads[: len(loaded.document.data["workloads"])]
    )
    return [one for one in made if one is not None]


def _narrowed(loaded: LoadedProblem, workload: Workload, meaning: Meaning) -> Forced | None:
    """Return how to narrow one workload's choices; None if words name nothing, or something that it may not use."""
    kept = {kind: _kept(loaded, kind, names, workload.choose) for kind, names in meaning.names.items()}
    if not kept or not all(kept.values()):
        return None
    where = dotted(("workloads", workload.name))
    overrides = [Override(f"{where}.choose.{kind}.allow", names) for kind, names in kept.items()]
    for index, stage in enumerate(workload.stages):
        own = {kind for kind in kept if getattr(stage.choose, kind) != Choice()}  # stands in place of the workload's
        allow = {kind: _kept(loaded, kind, meaning.names[kind], stage.choose) for kind in kept if kind in own}
        overrides += [Override(f"{where}.stages[{index}].choose.{kind}.allow", names) for kind, names in allow.items() if names]
    if "apis" not in kept and loaded.catalog.apis:
        overrides.append(Override(f"{where}.choose.apis.forbid", ["*"]))
    return Forced(workload.name, tuple(overrides), meaning.unknown)


def _kept(loaded: LoadedProblem, kind: str, names: frozenset[str], choices: Choices) -> list[str]:
    """Return the names of a kind that are meant and may be used, empty if none may; models of other roles stay as they are."""
    may, models = permitted(loaded.catalog, kind, (loaded.problem.choose, choices)), loaded.catalog.models
    found = may & names
    if kind == "models" and found:
        roles = {models[name].role for name in found}
        found |= {name for name in may if models[name].role not in roles}
    return sorted(found)


def costs(loaded: LoadedProblem, words: Sequence[str], narrowed: Sequence[Forced], course: Course) -> Iterator[str]:
    """Yield what it would cost had each workload been forced to what words name.

    Parameters
    ----------
    loaded : the problem
    words : as the user wrote them
    narrowed : how, from `forced`
    course : where to solve

    Raises
    ------
    Infeasible, NoPlanInTime
        If the problem has no plan as it stands.
    """
    wrong = [_mistake(loaded, one) for one in narrowed]
    able = [one for one, why in zip(narrowed, wrong, strict=True) if why is None]
    variants = [Variant("as it is"), *(Variant(one.workload, one.overrides) for one in able)]
    base, *rows = [row.result for row in sweep(loaded, variants, course)]
    solved(base, loaded.document.file)
    results = iter(rows)
    for one, why in zip(narrowed, wrong, strict=True):
        loose = f"; {', '.join(one.unmatched)} cannot be forced, so this is the cheapest with or without" if one.unmatched else ""
        told = f"no plan ({why})" if why is not None else _said(base, next(results))
        yield f"{one.workload} forced onto {' '.join(words)}: {told}{loose}"


def _mistake(loaded: LoadedProblem, one: Forced) -> str | None:
    """Return why a narrowed problem can have no plan, known before it is solved, such as a floor that what is left misses."""
    try:
        varied(loaded.document, loaded.base, one.overrides)
    except InvalidInput as error:
        return error.issues[0].message
    return None


def _said(base: Result, result: Result) -> str:
    """Write what forcing does to the cost."""
    if not result.solved or result.cost is None or base.cost is None:
        return f"no plan ({result.status})"
    known = between(base, result)
    now = spoken.dollars(result.cost)
    if known.none:
        return f"{now}, no more than the plan"
    sign, size = "+" if known.value >= 0 else "−", spoken.dollars(abs(known.value))
    doubt = "" if known.sure else ", less than the gaps can tell"
    return f"{now}, {sign}{size} ({known.value / base.cost:+.1%}) against {spoken.dollars(base.cost)}{doubt}: {_instead(result)}"


def _instead(result: Result) -> str:
    """Write what the forced plan is made of, and the promise nearest its target."""
    figures = result.figures
    held = spoken.listed([*figures["deployments"], *figures["apis"]])
    return held if figures["tightest"] is None else f"{held}; nearest its limit is {figures['tightest']}"
