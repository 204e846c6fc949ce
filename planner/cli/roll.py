"""`planner roll`: from an executed plan to the next problem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem

VERSION = "roll/v1"
"""Version of the JSON."""

_FILES = ("file", "files", "path")
"""Fields that name files relative to the problem."""


@click.command(epilog="\b\nExample:\n  planner roll plan/plan.json problem.yaml --months 3 --scenario base -o next.yaml")
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.argument("problem", type=click.Path(path_type=Path), metavar="PROBLEM.yaml")
@click.option("--months", type=click.IntRange(min=1), required=True, help="Months that are over: whole steps of the horizon.")
@click.option("--scenario", metavar="NAME", help="The scenario that came; needed where the problem has several.")
@click.option("--keep-end", is_flag=True, help="Let the horizon end when it did; otherwise it is as long as it was.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the problem here instead of stdout.")
@json_output.option("Print one JSON object: the problem, what was carried and what was left.")
def roll(
    plan: Path, problem: Path, months: int, scenario: str | None, keep_end: bool, output: Path | None, as_json: bool
) -> None:
    """Write the next problem of a plan that was executed for some months.

    Demand goes on as it was; what was signed is carried as committed machines, with count, cost, delivery and end; what the plan
    would order later is open again.
    """
    from planner import atomic
    from planner.catalog.problem import load_problem
    from planner.cli.simulate import read_plan
    from planner.roll.moved import Move
    from planner.roll.roll import rolled

    loaded = load_problem(problem)
    _same_folder(loaded, problem, output)
    made = rolled(read_plan(plan), loaded, Move(months, scenario, keep_end))
    if output is not None:
        atomic.write(output, made.text)
    if as_json:
        files = json_output.files([] if output is None else [output], "problem")
        json_output.echo({"version": VERSION, "months": months, "scenario": scenario, **made.plain(), "files": files})
    elif output is None:
        click.echo(made.text, nl=False)
    for line in made.said:
        click.echo(line, err=True)
    if output is not None:
        click.echo(f"wrote {output}; now run: planner solve {output}", err=True)


def _same_folder(loaded: LoadedProblem, problem: Path, output: Path | None) -> None:
    """Refuse to write a file elsewhere whose relative paths would then lead nowhere."""
    from planner.errors import InvalidInput

    if output is None or output.resolve().parent == problem.resolve().parent:
        return
    named = [name for name in _named(loaded.document.data) if not Path(name).is_absolute()]
    if named:
        message = f"the problem names files relative to its folder ({named[0]}), which would not be found from here"
        raise InvalidInput.at(str(output), message, f"write it beside {problem}")


def _named(node: Any, key: str = "") -> Iterator[str]:
    """Yield the names of files in a problem."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _named(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value, key)
    elif key in _FILES and isinstance(node, str):
        yield node
