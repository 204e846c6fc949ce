"""What all commands of many solves share: options, where solves run, where results go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.domain.plan import Plan
    from planner.study.sweep import Course

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--gap",), {"metavar": "SHARE", "help": "Solve each to within this share of its best, such as 0.1%."}),
    (("--time-limit",), {"metavar": "TIME", "help": "Most time for each solve, such as 60s."}),
    (("--workers",), {"type": click.IntRange(min=1), "metavar": "N", "help": "Processes; as many as there are cores."}),
    (
        ("--cluster",),
        {
            "type": click.Choice(["ray", "dask"]),
            "help": "Solve on a cluster: at RAY_ADDRESS or DASK_SCHEDULER_ADDRESS, else here.",
        },
    ),
    (
        ("--journal",),
        {
            "type": click.Path(path_type=Path),
            "metavar": "FILE",
            "help": "Keep each result here as it comes, and go on from it; with -o, FILE.journal beside it.",
        },
    ),
    ((json_output.OPTION, "as_json"), {"is_flag": True, "help": "Print one JSON object."}),
    (("--progress",), {"is_flag": True, "help": "Show progress even where stderr is not a terminal."}),
)


def options(command: _F) -> _F:
    """Give a command the options of many solves."""
    for names, settings in reversed(_OPTIONS):
        command = click.option(*names, **settings)(command)
    return command


def read(problem: Path, gap: str | None, time_limit: str | None) -> LoadedProblem:
    """Load a problem; a gap and a time limit given here stand in place of the file's, for all its variants."""
    from planner.catalog.problem import load_problem
    from planner.study.overrides import Override
    from planner.study.variant import varied

    loaded = load_problem(problem)
    loaded.with_solver(gap=gap, time_limit=time_limit)  # tells a mistake by the option's name
    given = {"solver.gap": gap, "solver.time_limit": time_limit}
    overrides = [Override(path, value) for path, value in given.items() if value is not None]
    return varied(loaded.document, loaded.base, overrides) if overrides else loaded


def read_both(plan: Path, problem: Path | None, gap: str | None, time_limit: str | None) -> tuple[Plan, LoadedProblem]:
    """Read a plan with its problem, the one named or the one beside it; both of them as they were when it was made.

    Raises
    ------
    InvalidInput
        If there is no such problem, or the plan was made from another version of it or of the catalogs.
    """
    from planner.cli.simulate import problem_of, read_plan
    from planner.errors import InvalidInput

    made = read_plan(plan)
    found = problem_of(made, plan, problem).document.file
    loaded = read(Path(found), gap, time_limit)
    if made.catalog_digest != loaded.catalog.digest:
        message = "it was made with other catalogs than the problem has now"
        raise InvalidInput.at(str(plan), message, f"make the plan again: planner solve {found}")
    return made, loaded


def course(given: dict[str, Any], output: Path | None = None) -> Course:
    """Return how to solve, as the options say.

    Parameters
    ----------
    given : values of the options, by name
    output : file that results are written to, beside which a journal is kept
    """
    from planner.study.clusters import executor
    from planner.study.sweep import Course

    if output is not None:
        _can_write(output)
    where = executor(given["workers"] or cores(), given["cluster"])
    from planner.pipeline import quietly  # the solver is imported only once it is known that it will be asked

    beside = None if output is None else output.with_name(f"{output.name}.journal")
    return Course(quietly, where, given["journal"] or beside, progress(forced=given["progress"]))


def _can_write(output: Path) -> None:
    """Find out now, not after an hour of solving, whether a file can be written."""
    from planner.atomic import check_folder
    from planner.errors import InvalidInput

    if not output.parent.is_dir():
        message = f"cannot write here: there is no directory {output.parent}"
        raise InvalidInput.at(str(output), message, "make it first, or name another place")
    check_folder(output.parent, (output.name,))


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def progress(*, forced: bool) -> Callable[[str], None]:
    """Return where progress goes: a terminal's stderr, or nowhere."""
    shown = forced or sys.stderr.isatty()
    return (lambda text: click.echo(f"… {text}", err=True)) if shown else (lambda _: None)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; a column named `>x` is aligned right, and neither it nor one named `!x` is broken over lines."""
    from planner.report.console import standard
    from planner.report.console_tables import table
    from planner.report.ink import Ink

    console = standard()
    ink = Ink.of(console)
    made = table(ink, *columns)
    for row in rows:
        made.add_row(*(ink(cell) for cell in row))
    console.print(made)


def print_lines(*lines: str) -> None:
    """Print lines of text, never broken and never read as markup."""
    from planner.report.console import standard
    from planner.report.ink import Ink

    console = standard()
    ink = Ink.of(console)
    for line in lines:
        console.print(ink(line), soft_wrap=True)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a CSV file; numbers in full, nothing for what is not known."""
    import csv
    import io

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return stream.getvalue()


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all, and say so."""
    from planner import atomic

    atomic.write(path, text)
    json_output.wrote(path, "table")
