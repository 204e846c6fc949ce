"""The tables of call graphs in the console report: which way is taken, what its stages, paths, tiers and tags cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report import graphs
from planner.report.console_tables import name_lines, table
from planner.report.ink import Ink

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

PATHS_SHOWN = 6
"""Paths of a workload shown; rarer ones are counted."""


def ways(plan: Plan, ink: Ink) -> Table:
    """How each workload with stages or levers is served."""
    made = table(ink, "Workload", "Levers pulled", "!Time given", ">Model calls", ">$/1k requests", ">Compared")
    for way in plan.ways:
        made.add_row(
            ink(way.workload, "bold"),
            ink.lines(*graphs.pulled(way)),
            ink.lines(*graphs.given(way)),
            ink(fmt.significant(way.model_calls)),
            ink(fmt.money(way.per_thousand_requests)),
            ink(fmt.count(way.considered)),
        )
    return made


def stages(plan: Plan, ink: Ink, width: int) -> Table:
    """What each stage is called for, what serves it, what it costs."""
    made = table(ink, "Stage", "Served by", ">Reached", ">Calls", ">Retried", ">$/1k requests", ">Cost", ">Share")
    for way in plan.ways:
        if len(plan.ways) > 1:
            made.add_row(ink(way.workload, "bold"))
        for row in graphs.rows_of(plan, way):
            one = row.cost
            served = [line for name in row.served for line in name_lines(name, width)]
            counts = (fmt.percent(one.reached), fmt.significant(one.calls), fmt.percent(one.retried)) if row.calls else ("",) * 3
            made.add_row(
                ink(one.stage),
                ink.lines(*served) if one.streams else ink(served[0], "dim"),
                *map(ink, counts),
                *map(ink, (fmt.money(one.per_thousand_requests), fmt.hourly(one.hourly), fmt.percent(one.share))),
            )
    return made


def paths(plan: Plan, ink: Ink) -> RenderableType:
    """The ways through call graphs that branch."""
    from rich.console import Group

    made, rest = table(ink, "Path", ">Share", ">Model calls", ">$/1k requests"), []
    for way in plan.ways:
        found = graphs.paths_of(plan, way.workload)
        if found and len(plan.ways) > 1:
            made.add_row(ink(way.workload, "bold"))
        for path in found[:PATHS_SHOWN]:
            figures = (fmt.percent(path.share), fmt.significant(path.model_calls), fmt.money(path.per_thousand_requests))
            made.add_row(ink(graphs.path_name(path)), *map(ink, figures))
        if len(found) > PATHS_SHOWN:
            more = fmt.plural(len(found) - PATHS_SHOWN, "rarer path")
            rest.append(ink(f" and {more} of {way.workload} in plan.json, under cost.by_path", "dim"))
    return Group(made, *rest) if rest else made


def labels(plan: Plan, ink: Ink) -> Table:
    """What tiers of tenants and tags cost."""
    made = table(ink, "Kind", "Label", ">Cost", ">Share")
    for row in plan.cost.by_label:
        made.add_row(ink(row.kind), ink(row.label), ink(fmt.hourly(row.hourly)), ink(fmt.percent(row.share)))
    return made
