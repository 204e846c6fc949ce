"""What it would cost had something been forced into the plan: choices are narrowed to it, and the problem is solved again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.catalog.problem import LoadedProblem
from planner.catalog.select import permitted
from planner.catalog.yamlfile import dotted
from planner.domain.workload import Workload
from planner.errors import InvalidInput
from planner.study import words as spoken
from planner.study.difference import between
from planner.study.overrides import Override
from planner.study.result import Result, solved
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant, varied

KINDS = ("accelerators", "models", "precisions", "engines", "kv_precisions", "sellers", "regions", "apis")
"""What words are looked for in, the first kind that has one wins."""


@dataclass(frozen=True)
class Forced:
    """A workload whose choices are narrowed."""

    workload: str
    """Whose."""
    overrides: tuple[Override, ...]
    """How."""
    unmatched: tuple[str, ...]
    """Words that nothing can be narrowed by, such as layouts."""


def forced(loaded: LoadedProblem, words: Sequence[str]) -> list[Forced]:
    """Return how to narrow each workload's choices to what words name; none where a rule already excludes it.

    Parameters
    ----------
    loaded : the problem
    words : found in names of accelerators, models, precisions, engines, sellers, regions and APIs, letter case aside
    """
    made = (_narrowed(loaded, workload, words) for workload in loaded.problem.workloads[: len(loaded.document.data["workloads"])])
    return [one for one in made if one is not None]


def _narrowed(loaded: LoadedProblem, workload: Workload, words: Sequence[str]) -> Forced | None:
    """Return how to narrow one workload's choices; None if no word names anything it may use."""
    kept: dict[str, frozenset[str]] = {}
    unmatched = []
    for word in words:
        kind, names = _meant(loaded, workload, word)
        if not names:
            unmatched.append(word)
            continue
        kept[kind] = kept.get(kind, names) & names
    if not kept or not all(kept.values()):
        return None
    where = dotted(("workloads", workload.name))
    overrides = [Override(f"{where}.choose.{kind}.allow", sorted(names)) for kind, names in kept.items()]
    if "apis" not in kept and loaded.catalog.apis:
        overrides.append(Override(f"{where}.choose.apis.forbid", ["*"]))
    found = Forced(workload.name, tuple(overrides), tuple(unmatched))
    try:
        varied(loaded.document, loaded.base, found.overrides)
    except InvalidInput:
        return None
    return found


def _meant(loaded: LoadedProblem, workload: Workload, word: str) -> tuple[str, frozenset[str]]:
    """Return the first kind that has names with a word in them which a workload may use, and these names."""
    for kind in KINDS:
        names = permitted(loaded.catalog, kind, (loaded.problem.choose, workload.choose))
        found = frozenset(name for name in names if word.lower() in name.lower())
        if found:
            return kind, found
    return "", frozenset()


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
    variants = [Variant("as it is"), *(Variant(one.workload, one.overrides) for one in narrowed)]
    base, *rows = [row.result for row in sweep(loaded, variants, course)]
    solved(base, loaded.document.file)
    for one, result in zip(narrowed, rows, strict=True):
        loose = f"; {', '.join(one.unmatched)} cannot be forced, so this is the cheapest with or without" if one.unmatched else ""
        yield f"{one.workload} forced onto {' '.join(words)}: {_said(base, result)}{loose}"


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
    return f"{now}, {sign}{size} ({known.value / base.cost:+.1%}) against {spoken.dollars(base.cost)}{doubt}"
