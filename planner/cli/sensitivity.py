"""`planner sensitivity`: what the cost hangs on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output, sweeping

if TYPE_CHECKING:
    from planner.study.result import Result
    from planner.study.sensitivity import Bar, Tornado

VERSION = "sensitivity/v1"

_EPILOG = """\b
Examples:
  planner sensitivity problem.yaml --figure tornado.svg
  planner sensitivity problem.yaml --by 30% --driver workloads.chat.demand.burstiness=1,4 --json
"""


@click.command(epilog=_EPILOG)
@click.argument("problem", type=click.Path(path_type=Path), metavar="PROBLEM.yaml")
@click.option("--by", default="20%", show_default=True, metavar="SHARE", help="How far numbers are moved, both ways.")
@click.option("--driver", "own", multiple=True, metavar="PATH=LOW,HIGH", help="A further number to move. Repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write bars here as CSV.")
@click.option("--figure", type=click.Path(path_type=Path), metavar="OUT.svg", help="Draw a tornado, as SVG or PNG.")
@sweeping.options
def sensitivity(problem: Path, by: str, own: tuple[str, ...], output: Path | None, figure: Path | None, **given: Any) -> None:
    """Find what the cost hangs on: prices, demand, token lengths, hit rates, model error, each moved down and up.

    One number is moved at a time and the plan made anew. Model error: promises kept at predictions as they come, and at the
    pessimistic edge of 95 % of comparable measurements (solver.confidence).
    """
    from planner.calibrate.figure import check_suffix

    suffix = "" if figure is None else check_suffix(figure)
    share = _share(by)
    loaded = sweeping.read(problem, given["gap"], given["time_limit"])
    from planner.study.sensitivity import read_driver, tornado

    found = tornado(loaded, sweeping.course(given, output), share, [read_driver(text) for text in own])
    if output is not None:
        columns = [
            "driver",
            "low",
            "high",
            "cost_low_per_hour",
            "cost_per_hour",
            "cost_high_per_hour",
            "status_low",
            "status_high",
        ]
        sweeping.write(output, sweeping.csv_text(columns, [_cells(bar) for bar in found.bars]))
    if figure is not None:
        from planner import atomic

        atomic.write(figure, _drawn(found, suffix))
        json_output.wrote(figure, "figure")
    if given["as_json"]:
        json_output.echo(_plain(loaded.problem.metadata.name, found))
    else:
        _print(found)


def _drawn(found: Tornado, suffix: str) -> str | bytes:
    """Draw a tornado, as reports of plans do."""
    from planner.report.figures import WIDE
    from planner.report.figures import tornado as figure
    from planner.report.figures.png import png
    from planner.report.figures.scene import Scene
    from planner.report.figures.svg import standalone
    from planner.study.drivers import sensitivity as kept

    rows, base = [kept(bar) for bar in found.bars], found.base.result.cost or 0.0
    scene = figure.draw(rows, base, WIDE) or Scene(WIDE)
    return png(scene) if suffix == ".png" else standalone(scene, figure.TITLE, figure.told(rows, base))


def _share(text: str) -> float:
    """Read how far numbers are moved."""
    from pydantic import TypeAdapter, ValidationError

    from planner.errors import InvalidInput
    from planner.units import Fraction

    try:
        share: float = TypeAdapter(Fraction).validate_python(text)
    except ValidationError:
        share = math.nan
    if not 0.0 < share < 1.0:
        raise InvalidInput.at("command line", f"{text!r} is no share between 0 and 1", "write it like 20%", path="--by")
    return share


def _cells(bar: Bar) -> list[Any]:
    return [bar.driver.name, *bar.driver.ends, bar.low.cost, bar.base.cost, bar.high.cost, bar.low.status, bar.high.status]


def _plain(problem: str, found: Tornado) -> dict[str, Any]:
    """Return a tornado as plain data."""
    bars = [
        {
            "driver": bar.driver.name,
            "swing": bar.swing if math.isfinite(bar.swing) else None,
            "low": {"to": bar.driver.ends[0], **bar.low.plain()},
            "high": {"to": bar.driver.ends[1], **bar.high.plain()},
        }
        for bar in found.bars
    ]
    return {
        "version": VERSION,
        "problem": problem,
        "base": found.base.result.plain(),
        "bars": bars,
        "left_out": list(found.left_out),
    }


def _print(found: Tornado) -> None:
    """Print a bar a row, the longest first."""
    from planner.report import format as fmt

    base = found.base.result.cost or 0.0
    body = [
        (bar.driver.name, bar.driver.ends[0], _effect(bar.base, bar.low), bar.driver.ends[1], _effect(bar.base, bar.high))
        for bar in found.bars
    ]
    sweeping.print_table(("Moved", ">To", ">Cost", ">To ", ">Cost "), body)
    lines = [f"as it is: {fmt.hourly(base)}; one number is moved at a time, and the plan made anew"]
    if any("within" in cell for row in body for cell in row):
        lines.append("within the gap: less than the proofs of both plans can tell apart; --gap 0% tells more")
    sweeping.print_lines(*lines, *(f"not moved: {text}" for text in found.left_out))


def _effect(base: Result, moved: Result) -> str:
    """Write what moving a number does to the cost."""
    from planner.study.difference import between

    if not moved.solved:
        return moved.status
    return difference(between(base, moved))


def difference(found: Any) -> str:
    """Write a difference of costs with its sign, and whether the gaps leave doubt about it."""
    from planner.report import format as fmt

    if found.none:
        return "no change"
    sign = "+" if found.value >= 0 else "−"
    size = f"{sign}{fmt.hourly(abs(found.value))}"
    return size if found.sure else f"{size} (within the gap)"
