"""APIs against own machines as rows of text, the same for console and Markdown."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.domain.plan_costs import BuyOrBuild
from planner.report import format as fmt

COLUMNS = ("Workload", ">At the API", ">Own", ">$/M own", ">$/M API", ">Break-even volume", ">Use")
"""Headings; `>` aligns right."""

NOTE = (
    "All calls at the cheapest API that may take them, against machines as paid in the plan; per million tokens in and out, as "
    "busy as planned → used to their limits. Break-even: requests a month, and use of own capacity, from which on own machines "
    "cost no more (docs/buy-or-build.md)."
)


def rows(plan: Plan) -> list[list[str]]:
    """Return one row for each workload that an API could serve."""
    return [_row(one) for one in plan.buy_or_build]


def _row(one: BuyOrBuild) -> list[str]:
    own = "none" if one.own_hourly is None else fmt.hourly(one.own_hourly)
    part = f" for {fmt.percent(one.own_calls)}" if one.own_hourly is not None and one.own_calls < 1 - 1e-6 else ""
    return [
        one.workload,
        fmt.hourly(one.api_hourly),
        own + part,
        _per_million(one),
        fmt.money(one.api_per_million),
        f"{fmt.count(round(one.breakeven.requests_per_month))}/month" if one.breakeven else "never",
        "never" if one.breakeven_utilization is None or one.breakeven_utilization > 1 else fmt.percent(one.breakeven_utilization),
    ]


def _per_million(one: BuyOrBuild) -> str:
    if one.own_per_million is not None and one.own_per_million_full is not None:
        return f"{fmt.money(one.own_per_million)} → {fmt.money(one.own_per_million_full)}"
    return f"→ {fmt.money(one.breakeven.per_million_full)}" if one.breakeven else ""
