"""Many solves, of variants of one problem or of several problems: each is done once, kept, and told in the order asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.errors import Interrupted, WorkerLost
from planner.study.executors import Executor, Serial
from planner.study.journal import Journal, opened
from planner.study.probe import Solve
from planner.study.result import Result, Solving
from planner.study.variant import Variant, check, fingerprint

Task = tuple[LoadedProblem, Variant]
"""A problem, and what to change in it."""


@dataclass(frozen=True)
class Row:
    """A variant and what came of it."""

    variant: Variant
    """What was changed."""
    result: Result
    """What came of it."""

    def plain(self) -> dict[str, Any]:
        """Return plain data for a file."""
        return {"name": self.variant.name, "changes": self.variant.changes, **self.result.plain()}


@dataclass(frozen=True)
class Course:
    """How a sweep is done."""

    solve: Solve
    """Solver, a function of a module."""
    executor: Executor = field(default_factory=Serial)
    """Where solves run."""
    journal: Path | None = None
    """Where results are kept as they come, to go on after an interruption."""
    progress: Callable[[str], None] = lambda _: None
    """Told how far it is."""


def sweep(loaded: LoadedProblem, variants: Sequence[Variant], course: Course) -> list[Row]:
    """Solve every variant that was not solved before.

    Parameters
    ----------
    loaded : the problem as it stands
    variants : what to change, one solve each; those that change the same are solved once
    course : where to solve, where to keep results

    Returns
    -------
    Rows, one a variant, in order. They are the same wherever they were solved, as long as no solve met its time limit.

    Raises
    ------
    InvalidInput
        With every mistake in any variant, before anything is solved.
    Interrupted
        Stopped by hand; the journal holds what was done.
    """
    return sweep_all([(loaded, variant) for variant in variants], course)


def sweep_all(solves: Sequence[Task], course: Course) -> list[Row]:
    """Solve variants, each of its own problem; otherwise like `sweep`."""
    keys = [fingerprint(loaded, variant) for loaded, variant in solves]
    with opened(course.journal) as journal:
        missing = {key: one for key, one in zip(keys, solves, strict=True) if key not in journal.known}
        check(missing.values())
        _solve(missing, journal, course, len(set(keys)))
        return [Row(variant, Result(**journal.known[key])) for key, (_, variant) in zip(keys, solves, strict=True)]


def _solve(missing: dict[str, Task], journal: Journal, course: Course, total: int) -> None:
    """Solve what is missing, and keep each result as it comes."""
    if not missing:
        return
    files = {id(loaded.document): (loaded.document, loaded.base) for loaded, _ in missing.values()}
    numbers = {name: number for number, name in enumerate(files)}
    work = Solving(tuple(files.values()), course.solve)
    tasks = [(numbers[id(loaded.document)], variant.overrides) for loaded, variant in missing.values()]
    keys, before, started = list(missing), total - len(missing), time.monotonic()
    if before:
        course.progress(f"{before} of {total} were solved before")
    results = course.executor.run(work, tasks)
    done = 0
    try:
        for index, result in results:
            journal.add(keys[index], result)
            done += 1
            left = (time.monotonic() - started) / done * (len(keys) - done)
            course.progress(f"{before + done} of {total} solved{f', about {spell(left)} left' if done < len(keys) else ''}")
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {before + done} of {total} are solved{_kept(course)}") from None
    except WorkerLost as error:
        raise WorkerLost(f"{error}; {before + done} of {total} are solved{_kept(course)}") from None


def _kept(course: Course) -> str:
    if course.journal is None:
        return " and lost: name a file with -o or --journal to be able to go on"
    return f" and kept in {course.journal}: the same command goes on from there"


def spell(seconds: float) -> str:
    """Write a time left: `40 s`, `12 min`, `3.5 h`.

    Examples
    --------
    >>> spell(39.6), spell(700), spell(12600)
    ('40 s', '12 min', '3.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.2g} h"
