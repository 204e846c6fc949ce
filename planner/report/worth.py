"""What one more of demand and limits is worth, as reports show it."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Plan
from planner.domain.plan_worth import DemandWorth, LimitWorth
from planner.report import format as fmt
from planner.report.markup import escape
from planner.report.markup import table as page_table

TITLE = "What one more is worth"
"""Of the section."""
TITLES = ("Of what", "One more", ">Is worth")
"""Of the columns."""


def summary(plan: Plan) -> str:
    """Say what the figures are; nothing where there are none."""
    if plan.worth is None:
        return ""
    parts, whole = fmt.hourly(plan.worth.cost), fmt.hourly(plan.cost.total)
    return (
        f"Over many machines, taken as divisible: all calls cost {parts} so, and {whole} with whole machines. "
        "The next step may cost a whole machine, or nothing; planner explain tells."
    )


def rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    """Yield a row for each workload and limit."""
    if plan.worth is not None:
        yield from (_demand(row) for row in plan.worth.demand)
        yield from (_limit(row) for row in plan.worth.limits)


def _demand(row: DemandWorth) -> tuple[str, ...]:
    cost = "unknown" if row.hourly is None else f"costs {fmt.hourly(row.hourly)}"
    return (f"demand of {row.workload}, {fmt.significant(row.peak)} req/s at its busiest", "req/s", cost)


def _limit(row: LimitWorth) -> tuple[str, ...]:
    return (row.name, row.unit, f"saves {fmt.hourly(row.hourly)}" if row.hourly else "nothing: not scarce")


def on_page(plan: Plan) -> str:
    """Write the table in Markdown; nothing where there is nothing to say."""
    made = [[*map(escape, row)] for row in rows(plan)]
    return page_table(list(TITLES), made) if made else ""
