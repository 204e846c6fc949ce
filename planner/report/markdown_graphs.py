"""Call graphs and levers as Markdown: which way is taken, what its stages, paths, tiers and tags cost."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report import graphs
from planner.report.markup import escape, stacked, table

PATHS_NOTE = "Stages that are not always reached are taken as reached independently of each other.\n\n"
"""What the shares of paths rest on."""


def ways(plan: Plan) -> str:
    """How each workload with stages or levers is served."""
    rows = [
        [
            escape(way.workload),
            stacked(graphs.pulled(way)),
            stacked(graphs.given(way)),
            fmt.significant(way.model_calls),
            escape(fmt.money(way.per_thousand_requests)),
            fmt.count(way.considered),
        ]
        for way in plan.ways
    ]
    columns = ["Workload", "Levers pulled", "Time given", ">Model calls a request", ">Per thousand requests"]
    return table([*columns, ">Ways compared"], rows) if rows else ""


def stages(plan: Plan) -> str:
    """What each stage is called for, what serves it, what it costs."""
    rows = []
    for way in plan.ways:
        for row in graphs.rows_of(plan, way):
            one = row.cost
            counts = (fmt.percent(one.reached), fmt.significant(one.calls), fmt.percent(one.retried)) if row.calls else ("–",) * 3
            costs = (fmt.money(one.per_thousand_requests), fmt.hourly(one.hourly), fmt.percent(one.share))
            rows.append([escape(one.workload), escape(one.stage), stacked(row.served), *map(escape, counts), *map(escape, costs)])
    columns = ["Workload", "Stage", "Served by", ">Reached", ">Calls a request", ">Retried", ">Per thousand requests", ">Cost"]
    return table([*columns, ">Share"], rows) if rows else ""


def paths(plan: Plan) -> str:
    """The ways through call graphs that branch."""
    rows = [
        [
            *map(escape, (path.workload, graphs.path_name(path), fmt.percent(path.share), fmt.significant(path.model_calls))),
            escape(fmt.money(path.per_thousand_requests)),
        ]
        for path in plan.cost.by_path
    ]
    return table(["Workload", "Path", ">Share", ">Model calls", ">Per thousand requests"], rows) if rows else ""


def labels(plan: Plan) -> str:
    """What tiers of tenants and tags cost."""
    rows = [
        [row.kind, escape(row.label), escape(fmt.hourly(row.hourly)), escape(fmt.percent(row.share))]
        for row in plan.cost.by_label
    ]
    return table(["Kind", "Label", ">Cost", ">Share"], rows) if rows else ""


def streams(plan: Plan) -> str:
    """What streams are called in plan.json, where this page calls them by shorter names."""
    rows = [[escape(short), escape(name)] for name, short in graphs.short_names(plan).items() if short != name]
    return table(["On this page", "In plan.json"], rows) if rows else ""
