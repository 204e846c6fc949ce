"""What `planner validate` says of accuracy on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from planner.calibrate import scores
from planner.calibrate.bars import BARS, verdicts
from planner.calibrate.page_text import correlation, percent, signed, whole
from planner.calibrate.scores import KINDS, METRICS
from planner.cli import json_output
from planner.report import console
from planner.report.console_tables import table
from planner.report.ink import Ink, printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from planner.calibrate.elsewhere import Elsewhere

VERSION = "scores/v1"
"""Version of the JSON."""
MOST_REASONS = 8
_CAPTION = (
    "Relative errors: mean, median, 90th percentile; bias = median of predicted/measured less 1; rank = correlation of "
    "tokens/s/GPU where only concurrency and layout differ."
)


def say_left_out(lost: pd.DataFrame) -> None:
    """Say which rows could not be compared, and why: `problem`, `n`, most rows first."""
    for problem, n in zip(lost["problem"][:MOST_REASONS], lost["n"][:MOST_REASONS], strict=True):
        click.echo(f"left out {n:,}: {printable(problem)}", err=True)
    if len(lost) > MOST_REASONS:
        click.echo(f"left out {int(lost['n'][MOST_REASONS:].sum()):,} for {len(lost) - MOST_REASONS:,} other reasons", err=True)


def render(points: pd.DataFrame, groups: list[str]) -> None:
    """Print the table of groups, and the bars."""
    screen = console.standard()
    ink, width = Ink.of(screen), min(screen.width, console.WIDEST)
    compared, kinds = scores.compare(points), scores.kinds_in(points)
    scored = scores.table(compared, groups)
    metrics = [("tpot", "ttft")] if width >= console.PIPED else [("tpot",), ("ttft",)]
    tables = [_group_table(scored, groups, kinds, shown, ink) for shown in metrics]
    screen.print(ink(_CAPTION, "dim"), width=width)
    for drawn in (*tables, _bar_table(scores.table(compared), kinds, ink)):
        screen.print()
        screen.print(drawn, width=width)


def render_apart(elsewhere: Elsewhere) -> None:
    """Print how near the shipped coefficients are to what other groups measured."""
    from planner.calibrate.elsewhere import BY, scored

    screen = console.standard()
    ink, width = Ink.of(screen), min(screen.width, console.WIDEST)
    made = table(ink, "Other sources, as shipped", "What", "GPU", "Engine", ">n", ">med", ">p90", ">bias")
    for _, row in scored(elsewhere.compared).iterrows():
        figures = [
            f"{row['n']:,}",
            *(f"{whole(float(row[name]))}%" for name in ("median", "p90")),
            f"{signed(float(row['bias']))}%",
        ]
        made.add_row(*(ink(printable(str(row[name]))) for name in BY), *map(ink, figures))
    screen.print()
    screen.print(made, width=width)
    say_left_out(elsewhere.left_out)


def all_scores(points: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Return the scores of every group, then those of all points, whose group is blank; shares of 1."""
    compared = scores.compare(points)
    scored = scores.table(compared, groups)
    both = pd.concat([scored, scores.table(compared)], ignore_index=True) if groups else scored
    return both[scored.columns]


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as plain data; null = not known, or without bound."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=10))
    return rows


def plain(points: pd.DataFrame, groups: list[str], elsewhere: Elsewhere | None, written: Mapping[Path, str]) -> dict[str, Any]:
    """Return all that is printed, and what was written, as plain data."""
    from planner.calibrate.elsewhere import scored

    apart = {} if elsewhere is None else {"apart": rows_of(scored(elsewhere.compared))}
    return {
        "version": VERSION,
        "scores": rows_of(all_scores(points, groups)),
        **apart,
        "left_out": rows_of(scores.unpredicted(points)),
        "files": json_output.files(written),
    }


def _group_table(scored: pd.DataFrame, groups: list[str], kinds: list[str], metrics: Sequence[str], ink: Ink) -> Table:
    """Lay out the groups, one line for each kind of coefficients."""
    headings = [name for metric in metrics for name in (f">{METRICS[metric]}", ">med", ">p90", ">bias")]
    made = table(ink, "Group", ">n", "!Coefficients", *headings, ">rank", leading=1)
    for key, group in scored.groupby(groups, dropna=False, sort=True) if groups else [(("all points",), scored)]:
        rows = {(row["metric"], row["kind"]): row for _, row in group.iterrows()}
        columns = zip(*(_figures(rows, kind, metrics) for kind in kinds), strict=True)
        made.add_row(
            ink.lines(*(str(part).rpartition("/")[2] for part in key)),
            ink(f"{int(group['n'].max()):,}"),
            ink.lines(*(KINDS[kind] for kind in kinds)),
            *(ink.lines(*column) for column in columns),
        )
    return made


def _figures(rows: Mapping[tuple[str, str], pd.Series[Any]], kind: str, metrics: Sequence[str]) -> Iterator[str]:
    """Yield one group's cells for one kind of coefficients; a dash for what was not measured."""
    for metric in metrics:
        row = rows.get((metric, kind))
        for name in ("mape", "median", "p90"):
            yield "–" if row is None else f"{whole(float(row[name]))}%"
        yield "–" if row is None else f"{signed(float(row['bias']))}%"
    ranked = rows.get(("tokens", kind))
    yield "–" if ranked is None else correlation(float(ranked["rank"]), 2)


def _bar_table(overall: pd.DataFrame, kinds: list[str], ink: Ink) -> Table:
    """Lay out the bars and what every kind of coefficients reaches."""
    made = table(ink, "Over all points", ">bar", *(f">{KINDS[kind]}" for kind in kinds))
    for bar in BARS:
        if bar.metric in METRICS:
            write = percent if bar.percent else correlation
            cells = [
                ink(f"{'✓' if one.met else '✗'} {write(one.value)}", "green" if one.met else "red") if one.known else ink("–")
                for one in verdicts(overall, kinds, [bar])
            ]
            made.add_row(ink(bar.text), ink(f"{'≥' if bar.at_least else '≤'} {write(bar.limit)}"), *cells)
    return made
