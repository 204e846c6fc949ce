"""`planner frontier`: what promises cost against each other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output, sweeping
from planner.cli.scenarios import cost, machines, proof

if TYPE_CHECKING:
    from planner.study.frontier import Axis, Point

VERSION = "frontier/v1"

_EPILOG = """\b
Examples:
  planner frontier problem.yaml --axis ttft:chat=200ms,300ms,500ms --axis quality:chat=60,65,70 --figure frontier.svg
  planner frontier problem.yaml --axis 'carbon=2 t/month,4 t/month,null' --axis tpot:chat=30ms,60ms -o frontier.csv
"""


@click.command(epilog=_EPILOG)
@click.argument("problem", type=click.Path(path_type=Path), metavar="PROBLEM.yaml")
@click.option("--axis", "asked", multiple=True, required=True, metavar="WHAT=V,V,…", help="What to vary. Repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write points here as CSV.")
@click.option(
    "--figure", type=click.Path(path_type=Path), metavar="OUT.svg", help="Draw cost over the first axis, as SVG or PNG."
)
@sweeping.options
def frontier(problem: Path, asked: tuple[str, ...], output: Path | None, figure: Path | None, **given: Any) -> None:
    """Find what promises cost against each other: the least cost for every combination of targets.

    WHAT is ttft:WORKLOAD, tpot:WORKLOAD, e2e:WORKLOAD, quality:WORKLOAD[:BENCHMARK], budget, power, carbon, max_gpus, or a path
    into the problem file. A combination is dominated if another asks for no less and costs no more.
    """
    from planner.calibrate.figure import check_suffix
    from planner.study.frontier import check_floors, points, read_axis, variants

    suffix = "" if figure is None else check_suffix(figure)
    axes = [read_axis(text) for text in asked]
    _few(axes)
    loaded = sweeping.read(problem, given["gap"], given["time_limit"])
    check_floors(loaded.problem, axes)
    from planner.study.sweep import sweep

    made = variants(axes)
    rows = sweep(loaded, [variant for variant, _ in made], sweeping.course(given, output))
    found = points(axes, rows, [numbers for _, numbers in made])
    if output is not None:
        sweeping.write(output, _csv(axes, found))
    if figure is not None:
        from planner.calibrate.figure import write
        from planner.study.figure import frontier as draw

        write(figure, draw(axes, found, suffix))
        json_output.wrote(figure, "figure")
    if given["as_json"]:
        json_output.echo(
            {"version": VERSION, "problem": loaded.problem.metadata.name, "points": [_plain(axes, p) for p in found]}
        )
    else:
        _print(axes, found)


def _few(axes: list[Axis]) -> None:
    """Refuse what takes for ever, and the same axis twice."""
    from planner.errors import InvalidInput
    from planner.study.grid import EDGE, MOST

    paths = [axis.overrides[0].path for axis in axes]
    if len(set(paths)) < len(paths):
        raise InvalidInput.at(EDGE, "an axis is given twice", "write all its values in one --axis", path="--axis")
    count = math.prod(len(axis.overrides) for axis in axes)
    if count > MOST:
        raise InvalidInput.at(EDGE, f"these are {count:,} combinations; at most {MOST:,} are solved at once", "ask for fewer")


def _plain(axes: list[Axis], point: Point) -> dict[str, Any]:
    """Return a point as plain data."""
    asked = {axis.label: one.value for axis, one in zip(axes, point.row.variant.overrides, strict=True)}
    return {"asked": asked, **point.row.plain(), "dominated_by": point.dominated_by or None}


def _csv(axes: list[Axis], found: list[Point]) -> str:
    """Return points as CSV."""
    columns = [*(axis.label for axis in axes), "status", "cost_per_hour", "bound_per_hour", "gap", "holds", "dominated_by"]
    rows = []
    for point in found:
        result = point.row.result
        asked = _asked(point)
        held = machines(result.figures)
        rows.append([*asked, result.status, result.cost, result.bound, result.gap, held, point.dominated_by])
    return sweeping.csv_text(columns, rows)


def _asked(point: Point) -> list[str]:
    """Write what a point asks for."""
    return [str(one).partition("=")[2] for one in point.row.variant.overrides]


def _print(axes: list[Axis], found: list[Point]) -> None:
    """Print a row a combination, and which of them are worth asking for."""
    body = [
        (*_asked(point), cost(point.row), proof(point.row), machines(point.row.result.figures), _standing(point))
        for point in found
    ]
    sweeping.print_table((*(f">{axis.label}" for axis in axes), ">Cost", ">Gap", "Holds", "Standing"), body)
    best = sum(point.row.result.solved and not point.dominated_by for point in found)
    sweeping.print_lines(f"{best} of {len(found)} combinations are on the frontier: the others ask for no more and cost no less")


def _standing(point: Point) -> str:
    """Say whether a point is on the frontier."""
    if not point.row.result.solved:
        return "no plan"
    return f"dominated by {point.dominated_by}" if point.dominated_by else "on the frontier"
