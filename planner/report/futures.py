"""Scenarios as reports show them: what commitments cost in whichever comes, and what knowing or waiting is worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.domain.plan_procurement import Futures
from planner.report import format as fmt
from planner.report.console_tables import table
from planner.report.ink import Ink
from planner.report.markup import escape
from planner.report.markup import table as page_table

if TYPE_CHECKING:
    from rich.table import Table


def summary(found: Futures) -> str:
    """Say what knowing and what waiting are worth."""
    said = []
    if found.perfect_information is not None:
        said.append(f"Knowing from the start which scenario comes would save {fmt.hourly(found.perfect_information)} on average.")
    if found.waiting is not None:
        said.append(f"Ordering nothing after the start would cost {fmt.hourly(found.waiting)} more.")
    if found.in_parts:
        said.append("Machines are counted in parts here, so costs are a little below the plan's.")
    return " ".join(said)


def minimized(plan: Plan) -> str:
    """Say of a plan that minimizes the cost of its dearest scenario what that is, beside the average."""
    worst = plan.proof.worst
    if worst is None:
        return ""
    return (
        f"Minimized is the cost of the dearest scenario: {fmt.hourly(worst)}, or less in the others, "
        f"{fmt.hourly(plan.cost.total)} on average. "
    )


def _columns(found: Futures) -> list[str]:
    chances = [f">If {one.name} comes ({fmt.percent(one.probability)})" for one in found.scenarios]
    return ["Committing", *chances, ">Expected", ">Worst regret"]


def _rows(found: Futures) -> Iterator[list[str]]:
    """Yield what is best where the scenario is known, then each set of commitments."""
    known = [one.known for one in found.scenarios]
    whole = None not in known
    expected = sum(one.probability * (one.known or 0.0) for one in found.scenarios) if whole else None
    yield ["knowing what comes", *map(_cost, known), _cost(expected), "–"]
    for row in found.commitments:
        costs = [row.costs[one.name] for one in found.scenarios]
        yield [row.name, *map(_cost, costs), _cost(row.expected), _cost(row.worst_regret)]


def _cost(value: float | None) -> str:
    return "no plan found" if value is None else fmt.hourly(value)


def on_console(found: Futures, ink: Ink) -> Table:
    """The table of regrets."""
    made = table(ink, *_columns(found))
    for row in _rows(found):
        made.add_row(*map(ink, row))
    return made


def on_page(plan: Plan) -> str:
    """The same as Markdown."""
    return page_table(_columns(plan.futures), ([*map(escape, row)] for row in _rows(plan.futures))) if plan.futures else ""
