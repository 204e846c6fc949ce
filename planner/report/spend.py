"""Committed spend in words, the same for console and Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report.words import months


def sentences(plan: Plan) -> Iterator[str]:
    """Yield what is committed to, for when, and how much of it is used."""
    for one in plan.committed_spend:
        when = f", {months(plan, *one.live)}" if one.live else ""
        if_so = f", if {one.scenario} comes" if one.scenario else ""
        much = f"{fmt.hourly(one.hourly)} with {one.seller} for {one.term}{when}{if_so}"
        yield f"{one.name}: {much}, {fmt.percent(one.used)} of it used, costs {fmt.hourly(one.cost)}"
