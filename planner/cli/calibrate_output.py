"""What `planner calibrate` says on a terminal: errors before and after, factors, doubts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from planner.calibrate.held_out import HELD_OUT
from planner.calibrate.own import BEYOND, Calibration, departures
from planner.calibrate.page_text import signed, whole
from planner.calibrate.scores import METRICS, statistics, unpredicted, with_errors
from planner.cli import validate_output
from planner.points.columns import PROBLEM
from planner.report import console
from planner.report.console_tables import table
from planner.report.ink import Ink, printable

if TYPE_CHECKING:
    from rich.table import Table

GROUPS = ("accelerator", "engine", "model", "precision")
FEW = 3
"""Points from which on a calibration is more than a hint."""
METRICS_FITTED = ("tpot", "ttft")
MOST_FACTORS = 24
MOST_WARNINGS = 8

Statistics = dict[str, float]


def render_errors(found: Calibration) -> None:
    """Print errors before and after, group by group."""
    screen = console.standard()
    ink, width = Ink.of(screen), min(screen.width, console.WIDEST)
    points = found.points[found.points[PROBLEM] == ""]
    groups = [(tuple(map(str, key)), part) for key, part in points.groupby(list(GROUPS), sort=True)]
    rows = [*groups, *([(("all points",), points)] if len(groups) > 1 else [])]
    metrics = [METRICS_FITTED] if width >= console.PIPED else [(name,) for name in METRICS_FITTED]
    screen.print(ink(_caption(found), "dim"), width=width)
    for shown in metrics:
        screen.print()
        screen.print(_error_table(rows, shown, bool(found.left_out), ink), width=width)


def _caption(found: Calibration) -> str:
    """Say what the figures mean."""
    said = "Median error and bias, before → fitted to these points, which says little of others. "
    if found.left_out:
        return f"{said}Held out: median error of points predicted by a fit without {found.left_out}."
    return f"{said}Nothing was held out: too few points, or too few that differ."


def _error_table(rows: Sequence[tuple[tuple[str, ...], pd.DataFrame]], metrics: Sequence[str], held: bool, ink: Ink) -> Table:
    """Lay out the groups."""
    headings = [name for metric in metrics for name in (f">{METRICS[metric]}", ">bias", *([">held out"] if held else []))]
    made = table(ink, "Group", ">n", *headings, leading=1)
    for names, part in rows:
        cells = [ink(cell) for metric in metrics for cell in _cells(part, metric, held=held)]
        made.add_row(ink.lines(*(name.rpartition("/")[2] for name in names)), ink(f"{len(part):,}"), *cells)
    return made


def _cells(part: pd.DataFrame, metric: str, *, held: bool) -> Iterator[str]:
    """Yield one group's cells for one metric; a dash for what was not measured."""
    before, after = (_statistics(part, metric, kind) for kind in ("shipped", "fitted"))
    if before is None or after is None:
        yield from ("–", "–", *(["–"] if held else []))
        return
    yield f"{whole(before['median'])}% → {whole(after['median'])}%"
    yield f"{signed(before['bias'])}% → {signed(after['bias'])}%"
    if held:
        apart = _statistics(part, metric, HELD_OUT)
        yield "–" if apart is None else f"{whole(apart['median'])}%"


def _statistics(part: pd.DataFrame, metric: str, kind: str) -> Statistics | None:
    """Return the errors of one kind of predictions, None where nothing was measured."""
    pairs = pd.DataFrame({"measured": part[f"{metric}_ms"], "predicted": part[f"{metric}_ms_{kind}"]})
    errors = with_errors(pairs[pairs["measured"] > 0.0])
    return statistics(errors["error"].to_numpy(float), errors["log_ratio"].to_numpy(float)) if len(errors) else None


def render_factors(calibration: Calibration) -> None:
    """Print the factors, those farthest from what was believed first."""
    found = departures(calibration.fit)
    screen = console.standard()
    ink, width = Ink.of(screen), min(screen.width, console.WIDEST)
    made = table(ink, "!Coefficient", "Where", ">Factor", ">Spreads")
    for one in found[:MOST_FACTORS]:
        names, factors = zip(*one.factors, strict=True)
        values = ink.lines(*(f"{factor:.3g}" for factor in factors))
        made.add_row(ink.lines(*names), ink(one.where), values, ink(f"{abs(one.spreads):.1f}"))
    screen.print()
    if not found:
        screen.print(ink("No factor differs from what the catalogs hold."), width=width)
        return
    screen.print(made, width=width)
    if len(found) > MOST_FACTORS:
        screen.print(ink(f"… and {len(found) - MOST_FACTORS} more, nearer to belief"), width=width)
    screen.print(
        ink("Spreads: distance from what was believed before, in standard deviations of the belief.", "dim"), width=width
    )
    screen.print()


def plain(found: Calibration, *, shared: bool) -> dict[str, Any]:
    """Return what was found as plain data: errors by kind of coefficients, fitted apart from held out; factors; doubts."""
    return {
        "points": found.used,
        "left_out": validate_output.rows_of(unpredicted(found.points)),
        "held_out": found.left_out or None,
        "scores": validate_output.rows_of(_all_errors(found, shared=shared)),
        "factors": [
            {"coefficients": dict(one.factors), "where": one.where, "spreads": one.spreads} for one in departures(found.fit)
        ],
        "warnings": list(doubts(found)),
    }


def _all_errors(found: Calibration, *, shared: bool) -> pd.DataFrame:
    """Return errors by group, then of all points: a row a metric and kind of coefficients."""
    points = found.points[found.points[PROBLEM] == ""]
    if shared:
        return validate_output.all_scores(points, list(GROUPS))
    parts = [(dict(zip(GROUPS, map(str, key), strict=True)), part) for key, part in points.groupby(list(GROUPS), sort=True)]
    kinds = ("shipped", "fitted", *([HELD_OUT] if found.left_out else []))
    return pd.DataFrame(
        {**dict.fromkeys(GROUPS), **names, "metric": metric, "kind": kind, "n": len(part), **errors}
        for names, part in [*parts, ({}, points)]
        for metric in METRICS_FITTED
        for kind in kinds
        if (errors := _statistics(part, metric, kind)) is not None
    )


def warn(found: Calibration) -> None:
    """Say on stderr what to be wary of."""
    for text in doubts(found):
        click.echo(f"warning: {printable(text)}", err=True)


def doubts(found: Calibration) -> Iterator[str]:
    """Yield what to be wary of."""
    if found.used < FEW:
        count = "one point tells" if found.used == 1 else f"{found.used} points tell"
        yield f"{count} little: factors stay near what the catalogs hold; three loads help, one of them a single client"
    for metric in METRICS_FITTED:
        yield from _no_gain(found, metric)
    far = [one for one in departures(found.fit) if abs(one.spreads) > BEYOND]
    for one in far[:MOST_WARNINGS]:
        name, factor = one.factors[0]
        yield (
            f"{name}, {one.where}: a factor of {factor:.3g} is {abs(one.spreads):.1f} spreads from what was believed; "
            "labels or settings may differ from what was said"
        )
    if len(far) > MOST_WARNINGS:
        yield f"{len(far) - MOST_WARNINGS} more factors are that far off"


def _no_gain(found: Calibration, metric: str) -> Iterator[str]:
    """Say that points do not help to predict each other, where some were held out and were predicted no better for the others."""
    if not found.left_out:
        return
    points = found.points[found.points[PROBLEM] == ""]
    before, apart = (_statistics(points, metric, kind) for kind in ("shipped", HELD_OUT))
    if before is not None and apart is not None and apart["median"] > before["median"]:
        yield (
            f"{METRICS[metric]} of points held out is off by {whole(apart['median'])}%, by {whole(before['median'])}% before: "
            "these points do not help to predict each other; labels may be wrong, or deployments need overlays of their own"
        )
