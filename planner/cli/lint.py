"""`planner lint`: what a reviewer would ask about a problem file that is valid."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.lint.rule import Finding
    from planner.lint.run import Linted

VERSION = "lint/v1"
"""Version of the JSON."""
_EPILOG = """\b
Example:
  planner lint problem.yaml
  planner lint problems/*.yaml --strict --ignore no-spares
  planner lint problem.yaml --json | jq -r '.files[].findings[].code'
"""


@click.command(epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PROBLEM.yaml...")
@click.option("--strict", is_flag=True, help="Exit with 1 if there is anything to ask.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave out a rule. Repeatable.")
@json_output.option()
def lint(files: tuple[Path, ...], strict: bool, ignore: tuple[str, ...], as_json: bool) -> None:
    """Ask what a reviewer would ask about problem files: targets, tails, loops, caches, pools, commitments.

    A comment `# lint: ignore CODE` on a line of the file, or the line above, accepts what is found there.

    Exit codes: 0 done, 1 something was found and --strict was given, 2 invalid input.
    """
    found = _linted(files, ignore)
    if as_json:
        json_output.echo(_body(found))
    else:
        _render(found)
    click.get_current_context().exit(1 if strict and any(one.findings for one in found) else 0)


def _linted(files: tuple[Path, ...], ignore: tuple[str, ...]) -> list[Linted]:
    """Lint every file; mistakes of all files are reported together."""
    from planner.catalog.problem import load_problem
    from planner.catalog.suggest import remedy_for
    from planner.errors import InvalidInput, Issue
    from planner.lint.rules import CODES, READING
    from planner.lint.run import lint as ask

    known = (*CODES, READING)
    issues = [
        Issue("command line", 0, "--ignore", f"there is no rule {code!r}", remedy_for(code, known))
        for code in ignore
        if code not in known
    ]
    made = []
    for file in files:
        try:
            made.append(ask(load_problem(file), ignore))
        except InvalidInput as error:
            issues += error.issues
    if issues:
        raise InvalidInput(issues)
    return made


def _body(found: list[Linted]) -> dict[str, object]:
    """Return what is printed as JSON."""
    files = [
        {"file": one.file, "findings": [asdict(row) for row in one.findings], "accepted": [asdict(row) for row in one.accepted]}
        for one in found
    ]
    return {"version": VERSION, "found": sum(len(one.findings) for one in found), "files": files}


def _render(found: list[Linted]) -> None:
    """Print one block a finding, then how many there are."""
    from planner.report.console import standard
    from planner.report.ink import Ink, printable

    console = standard()
    ink = Ink.of(console)
    for one in found:
        for row in one.findings:
            console.print(
                ink(f"{printable(one.file)}:{row.line}: {printable(row.path)}: ") + ink(row.code, "yellow"), soft_wrap=True
            )
            for line in _lines(row):
                console.print(ink(f"    {printable(line)}"), soft_wrap=True)
    for one in found:
        console.print(ink(f"{printable(one.file)}: {_count(one)}", "bold"), soft_wrap=True)


def _lines(row: Finding) -> list[str]:
    """Say what was found, what to do, and why."""
    why = f"why: {row.why}" + (f" ({row.source})" if row.source else "")
    return [row.message, *([f"→ {row.remedy}"] if row.remedy else []), why]


def _count(one: Linted) -> str:
    """Say how much was found."""
    found, accepted = len(one.findings), len(one.accepted)
    said = "nothing to ask" if not found else f"{found} question{'s' if found > 1 else ''}"
    return said + (f", {accepted} accepted" if accepted else "")
