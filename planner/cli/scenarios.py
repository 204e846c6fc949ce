"""`planner scenarios`: one problem under many assumptions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output, sweeping

if TYPE_CHECKING:
    from planner.study.sweep import Row
    from planner.study.variant import Variant

VERSION = "scenarios/v1"

_EPILOG = """\b
Examples:
  planner scenarios problem.yaml --grid 'workloads.chat.demand.rate=x1,x1.5,x2' --grid 'limits.budget=null,$40/h' -o out.csv
  planner scenarios problem.yaml --csv scenarios.csv -o out.csv --workers 2
"""


@click.command(epilog=_EPILOG)
@click.argument("problem", type=click.Path(path_type=Path), metavar="PROBLEM.yaml")
@click.option(
    "--grid", multiple=True, metavar="PATH=V,V,…", help="Values of one path; several make all combinations. Repeatable."
)
@click.option("--csv", "table", type=click.Path(path_type=Path), metavar="FILE", help="A column a path, a row a scenario.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write results here as CSV.")
@sweeping.options
def scenarios(problem: Path, grid: tuple[str, ...], table: Path | None, output: Path | None, **given: Any) -> None:
    """Solve a problem under many assumptions.

    A path leads to a value of the problem file, such as workloads.chat.demand.rate or limits.budget; x1.2 is 1.2 times what
    stands there. prices.machines, prices.apis and prices.ACCELERATOR move prices of the catalogs. With -o what was solved is
    kept as it comes, and the same command goes on from there.
    """
    variants = _variants(grid, table)
    loaded = sweeping.read(problem, given["gap"], given["time_limit"])
    from planner.study.sweep import sweep

    rows = sweep(loaded, variants, sweeping.course(given, output))
    if output is not None:
        sweeping.write(output, as_csv(rows))
    if given["as_json"]:
        body = [row.plain() for row in rows]
        json_output.echo({"version": VERSION, "problem": loaded.problem.metadata.name, "scenarios": body})
    else:
        _print(rows)


def _variants(grid: tuple[str, ...], table: Path | None) -> list[Variant]:
    """Return what to solve."""
    from planner.study.grid import of_csv, of_grid

    if bool(grid) == (table is not None):
        raise click.UsageError("give scenarios by --grid or by --csv, one of the two")
    return of_grid(grid) if table is None else of_csv(table)


def as_csv(rows: list[Row]) -> str:
    """Return results as CSV: what was changed, status, cost, bound, gap, and what the plan is made of."""
    paths = list(dict.fromkeys(path for row in rows for path in row.variant.changes))
    predicted = list(dict.fromkeys(name for row in rows for name in row.result.figures.get("predicted", {})))
    columns = ["name", *paths, "status", "cost_per_hour", "bound_per_hour", "gap", "accelerators", "models", "apis", "pools"]
    columns += ["replicas", "carbon_kg_per_hour", *(f"{name} [s]" for name in predicted), "message"]
    return sweeping.csv_text(columns, [_cells(row, paths, predicted) for row in rows])


def _cells(row: Row, paths: list[str], predicted: list[str]) -> list[Any]:
    from planner.study.overrides import shown

    result, figures = row.result, row.result.figures
    changed = [shown(row.variant.changes[path]) if path in row.variant.changes else "" for path in paths]
    held = [machines(figures), *("; ".join(figures.get(name, [])) for name in ("models", "apis"))]
    counts = [figures.get(name) for name in ("pools", "replicas", "carbon")]
    told = [figures.get("predicted", {}).get(name) for name in predicted]
    message = result.message.replace("\n", " ")
    return [row.variant.name, *changed, result.status, result.cost, result.bound, result.gap, *held, *counts, *told, message]


def machines(figures: dict[str, Any]) -> str:
    """Write what a plan holds: `2 × h100-sxm + 1 × l40s`, APIs last."""
    held = [f"{count:,} × {kind}" for kind, count in figures.get("accelerators", {}).items()]
    return " + ".join([*held, *figures.get("apis", [])])


def cost(row: Row) -> str:
    """Write what a plan costs, or why there is none."""
    from planner.report import format as fmt

    return row.result.status if row.result.cost is None else fmt.hourly(row.result.cost)


def proof(row: Row) -> str:
    """Write how far from the best a plan may be."""
    from planner.report import format as fmt

    return "" if row.result.gap is None else fmt.percent(row.result.gap)


def _print(rows: list[Row]) -> None:
    """Print a row a scenario, then what they have in common."""
    body = [(row.variant.name, cost(row), proof(row), machines(row.result.figures)) for row in rows]
    sweeping.print_table(("Scenario", ">Cost", ">Gap", "Holds"), body)
    solved = [row for row in rows if row.result.solved]
    without = f"; {len(rows) - len(solved)} without a plan" if len(solved) < len(rows) else ""
    if solved:
        least, most = (pick(solved, key=lambda row: row.result.cost or 0.0) for pick in (min, max))
        ends = f"from {cost(least)} ({least.variant.name}) to {cost(most)} ({most.variant.name})"
        sweeping.print_lines(f"{len(solved)} of {len(rows)} scenarios have a plan, {ends}{without}")
    else:
        sweeping.print_lines(f"none of {len(rows)} scenarios has a plan")
    if any(row.result.status == "feasible" for row in rows):
        sweeping.print_lines("some stopped at the time limit before they were proved to the gap: --time-limit gives them longer")
