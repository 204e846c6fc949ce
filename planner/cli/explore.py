"""`planner explore`: what else could be done, what promises cost, and what the cost hangs on, written into a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output, sweeping

if TYPE_CHECKING:
    from planner.domain.plan import Plan
    from planner.study.explore import Part

VERSION = "explore/v1"
PARTS = ("alternatives", "frontiers", "sensitivity")
REPORT = "report.md"
"""Written anew beside a plan where it is of the same problem and catalogs."""

_EPILOG = """\b
Examples:
  planner explore plan/plan.json && planner report plan/plan.json
  planner explore plan/plan.json problem.yaml --part alternatives --most 20 -o explored.json
"""


@click.command(epilog=_EPILOG)
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.argument("problem", type=click.Path(path_type=Path), metavar="[PROBLEM.yaml]", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.json", help="Write the plan here instead.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this.  [default: all; repeatable]")
@click.option(
    "--most", type=click.IntRange(min=1), default=80, show_default=True, metavar="N", help="Solves at most; parts take turns."
)
@sweeping.options
def explore(plan: Path, problem: Path | None, output: Path | None, parts: tuple[Part, ...], most: int, **given: Any) -> None:
    """Solve around a plan, and write what is found into its file, so that every report of it shows that.

    Alternatives: without each model, accelerator and seller it uses, on one of them alone, without APIs or commitments, with
    spares, with more bits, each with what it gives up. Frontiers: the least cost at other levels of the promises and limits kept
    with the least room. Sensitivity: prices, demand, lengths and model error, each moved down and up by 20 %. All else
    in the plan stays as it is; what was found before is replaced.
    """
    from planner.errors import PlanRejected
    from planner.plan.verify import verify
    from planner.study.explore import PARTS as ALL
    from planner.study.explore import bare
    from planner.study.explore import explore as solve_around

    made, loaded = sweeping.read_both(plan, problem, given["gap"], given["time_limit"])
    target = output or plan
    course = sweeping.course(given, target)
    failures = verify(bare(made), sweeping.read(Path(loaded.document.file), None, None))
    if failures:
        raise PlanRejected(failures)
    found = solve_around(made, loaded, course, parts or ALL, most)
    written = _write(found, target)
    if given["as_json"]:
        json_output.echo({**_plain(found), "files": json_output.files(written)})
    else:
        _print(found)


def _write(found: Plan, target: Path) -> list[Path]:
    """Write the plan, and its report beside it if one is there of the same problem and catalogs, both or none; return them."""
    from planner import atomic
    from planner.report import jsonout, markdown

    texts: dict[str, str | bytes] = {target.name: jsonout.dumps(found)}
    report = target.with_name(REPORT)
    said = report.read_text(encoding="utf-8", errors="replace") if report.is_file() else ""
    if all(sign in said for sign in ("# Plan for ", found.problem_digest, found.catalog_digest)):
        texts[REPORT] = markdown.render(found)
    written = atomic.write_all(target.parent, texts)
    for path in written:
        click.echo(f"wrote {path}", err=True)
    return written


def _plain(found: Plan) -> dict[str, Any]:
    """Return what was found as plain data."""
    body = found.model_dump(mode="json", include={"alternatives", "frontiers", "sensitivities", "explored"})
    head = {"version": VERSION, "problem": found.problem, "cost": found.cost.total, "bound": found.proof.bound}
    return {**head, **{name: body[name] for name in ("alternatives", "frontiers", "sensitivities", "explored")}}


def _print(found: Plan) -> None:
    """Print a table a part, then what was left out."""
    from planner.report import choices
    from planner.report import format as fmt

    sections: Sequence[tuple[str, tuple[Sequence[str], Sequence[Sequence[str]]]]] = (
        ("Alternatives", choices.alternatives(found)),
        ("Cost at other levels", choices.levels(found)),
        ("What the cost hangs on", choices.swings(found)),
    )
    sweeping.print_lines(f"{found.problem}: {fmt.hourly(found.cost.total)}")
    for title, (columns, rows) in sections:
        if rows:
            sweeping.print_lines("", title)
            sweeping.print_table(columns, [[cell.replace("\n", "; ") for cell in row] for row in rows])
    sweeping.print_lines("", *choices.notes(found))
