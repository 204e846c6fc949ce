"""Payments over a horizon as reports show them: what is paid when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.domain.plan_procurement import Cash, CashMonth
from planner.report import format as fmt
from planner.report.console_tables import table
from planner.report.ink import Ink
from planner.report.markup import escape
from planner.report.markup import table as page_table
from planner.report.words import month, months

if TYPE_CHECKING:
    from rich.table import Table

PARTS = ("rented", "reserved", "bought", "running", "apis", "other", "committed")
"""What is paid for."""

_ROWS = 12
"""Rows of the table: months, or as many together as it takes."""


def spans(plan: Plan, cash: Cash) -> Iterator[tuple[str, Sequence[CashMonth]]]:
    """Yield the rows of the table: months by themselves, by the quarter or by the half-year."""
    together = next(step for step in (1, 3, 6) if len(cash.months) <= step * _ROWS)
    for first in range(0, len(cash.months), together):
        some = cash.months[first : first + together]
        yield month(plan, first) if len(some) == 1 else months(plan, first, first + len(some)), some


def _rows(plan: Plan, cash: Cash) -> Iterator[list[str]]:
    """Yield a row for each span, then the sums; parts that are never paid are left out."""
    shown = parts_of(cash)
    for name, some in (*spans(plan, cash), ("in all", cash.months)):
        figures = (sum(getattr(one, part) for one in some) for part in (*shown, "total"))
        yield [name, *map(fmt.money, figures)]


def parts_of(cash: Cash) -> list[str]:
    """Return what is paid for at some time."""
    return [part for part in PARTS if any(getattr(month, part) for month in cash.months)]


def summary(cash: Cash) -> str:
    """Say what all payments are worth today, and what is left at the end."""
    said = f"worth {fmt.money(cash.npv)} at the start, at {fmt.percent(cash.discount_rate)} a year"
    owed = f"; {fmt.money(cash.owed_after)} still owed for reserved machines after the horizon" if cash.owed_after else ""
    worth = f"; machines bought are then worth {fmt.money(cash.worth_after)}" if cash.worth_after else ""
    return f"{fmt.money(cash.total)} paid over {fmt.plural(len(cash.months), 'month')}, {said}{owed}{worth}."


def _columns(cash: Cash) -> list[str]:
    return ["", *(f">{part.capitalize() if part != 'apis' else 'APIs'}" for part in parts_of(cash)), ">Total"]


def on_console(plan: Plan, cash: Cash, ink: Ink) -> Table:
    """What is paid when."""
    made = table(ink, *_columns(cash))
    for row in _rows(plan, cash):
        made.add_row(*map(ink, row))
    return made


def on_page(plan: Plan) -> str:
    """The same as Markdown."""
    return page_table(_columns(plan.cash), ([*map(escape, row)] for row in _rows(plan, plan.cash))) if plan.cash else ""
