"""`planner report`: a plan for those who decide on it: a page, a comment, figures, and tables for analysts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.domain.plan import Plan

FORMS = ("html", "github", "figures", "csv", "parquet", "focus")
PLACES = {"html": "report.html", "figures": "figures", "csv": "tables", "parquet": "tables"}
"""Form → where it goes beside the plan unless told otherwise; the others go to standard output."""
KINDS = {"html": "page", "github": "comment", "figures": "figure", "csv": "table", "parquet": "table", "focus": "charges"}
"""Form → what each of its files is."""
VERSION = "report/v1"
"""Version of the JSON."""
_EPILOG = """\b
Examples:
  planner report plan/plan.json -o report.html
  planner report plan/plan.json --format github | gh pr comment 12 --body-file -
  planner report plan/plan.json --format focus --month 2027-01 -o focus.csv
"""


@click.command(epilog=_EPILOG)
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File, or folder for figures and tables.  [default: report.html, figures/ or tables/ beside the plan; else stdout]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="html",
    show_default=True,
    help="A page; Markdown for a pull request; SVG and PNG; tables; costs in the columns of FinOps FOCUS.",
)
@click.option(
    "--month", metavar="YYYY-MM", help="Month that the charges of --format focus are written for; else the plan's first."
)
@json_output.option("Print one JSON object: files written, or the text.")
def report(plan: Path, output: Path | None, form: str, month: str | None, as_json: bool) -> None:
    """Write a plan as a page that opens offline, a comment, figures, or tables.

    Nothing is computed: every figure stands in the plan.

    Exit codes: 0 done, 2 invalid input.
    """
    from planner.cli.simulate import read_plan

    if month is not None and form != "focus":
        raise click.UsageError("--month goes with --format focus")
    made = read_plan(plan)
    content = _content(made, form, plan, month)
    place = output or (plan.parent / PLACES[form] if form in PLACES else None)
    written = [] if place is None else _written(place, content)
    for path in written:
        click.echo(f"wrote {path}", err=True)
    if as_json:
        files = json_output.files(written, KINDS[form])
        text = {"text": content} if place is None else {}
        json_output.echo({"version": VERSION, "problem": made.problem, "format": form, "files": files, **text})
    elif place is None:
        click.echo(content, nl=False)


def _written(place: Path, content: str | Mapping[str, str | bytes]) -> list[Path]:
    """Write one text to a file, or several files into a folder."""
    from planner import atomic

    if not isinstance(content, str):
        return atomic.write_all(place, content)
    atomic.write(place, content)
    return [place]


def _content(plan: Plan, form: str, path: Path, month: str | None) -> str | Mapping[str, str | bytes]:
    """Return one text, or several files by their names."""
    if form == "html":
        from planner.report.page import render

        return render(plan)
    if form == "github":
        from planner.report.comment import comment

        return comment(plan)
    if form == "figures":
        from planner.report.figures import files

        return files(plan)
    if form == "focus":
        from planner.report.focus import focus

        return focus(plan, str(path), month)
    from planner.report import tables

    return tables.csv_files(plan) if form == "csv" else tables.parquet_files(plan)
