"""Vector stores as reports show them: what each part stands on, how much of it, how full, and what decided that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.domain.plan_stores import StorePart
from planner.report import format as fmt
from planner.report.console_tables import name_lines, table
from planner.report.ink import Ink
from planner.report.markup import escape, stacked
from planner.report.markup import table as page_table

if TYPE_CHECKING:
    from rich.table import Table


def part_name(row: StorePart) -> str:
    """Name a part: its segment, and hot or cold."""
    return row.segment if row.tier == "whole" else f"{row.segment}, {row.tier}"


def standing(row: StorePart) -> str:
    """Say how many nodes: copies of so many shards, or that there are none."""
    spares = f" ({row.spares} spare)" if row.spares else ""
    if not row.nodes:
        return f"{fmt.plural(row.shards, 'index', 'indexes')}, no nodes"
    return f"{row.nodes} nodes: {row.copies} × {row.shards}{spares}"


def figures(row: StorePart) -> tuple[str, ...]:
    """Memory of a copy, recall, queries against what the copies beside the spares are given, latency, cost."""
    most = (row.copies - row.spares) * row.capacity
    return (
        fmt.gigabytes(row.memory),
        f"{row.recall:.3g}",
        f"{fmt.significant(row.queries_per_second)} of {fmt.significant(most)}/s",
        fmt.duration(row.latency) if row.latency is not None else "–",
        row.binding,
        fmt.hourly(row.hourly),
    )


COLUMNS = (">Memory a copy", ">Recall", ">Queries", ">Latency", "Bound by", ">Cost")
"""Titles of the figures."""


def on_console(plan: Plan, ink: Ink, width: int) -> Table:
    """What every store stands on."""
    made = table(ink, "Store", "On", *COLUMNS)
    for row in plan.stores:
        made.add_row(
            ink.lines(row.store, part_name(row)),
            ink.lines(*name_lines(row.offer, width), standing(row)),
            *map(ink, figures(row)),
        )
    return made


def on_page(plan: Plan) -> str:
    """The same as Markdown."""
    rows = [
        [escape(row.store), escape(part_name(row)), stacked([row.offer, standing(row)]), *map(escape, figures(row))]
        for row in plan.stores
    ]
    return page_table(["Store", "Segment", "On", *COLUMNS], rows) if rows else ""
