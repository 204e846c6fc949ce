"""The tables of the console report: one function a table, each row a thing of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from planner.domain.plan import Plan
from planner.domain.plan_costs import Cost, Statement
from planner.report import buying as bought
from planner.report import format as fmt
from planner.report import gather, graphs
from planner.report.bars import PARTS, memory_bar
from planner.report.ink import Ink
from planner.report.words import (
    PAID_FOR,
    all_cents,
    attained,
    busy,
    cents,
    formats,
    layout,
    machines,
    paid_how,
    place,
    promise_name,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

FACTS_SHOWN = 6
_NARROW = 100
"""Below this many columns the part of a name before its slash stands on a line of its own."""


def table(ink: Ink, *columns: str, leading: int = 0) -> Table:
    """Start a table; a column named `>x` is aligned right, and neither it nor one named `!x` is broken over lines."""
    from rich.table import Table

    made = Table(box=ink.box(), padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", leading=leading, show_edge=False)
    for name in columns:
        kind = name[:1]
        justify: Literal["left", "right"] = "right" if kind == ">" else "left"
        made.add_column(ink(name.lstrip(">!")), justify=justify, no_wrap=kind in (">", "!"), overflow="fold")
    return made


def pools(plan: Plan, ink: Ink, width: int) -> Table:
    """What runs, where, how many, how busy, at what cost."""
    made = table(ink, "!Pool", "Runs", "On", ">Replicas", ">Busiest", ">Cost", leading=1)
    costs = gather.hourly_of(plan)
    for pool in plan.pools:
        what = pool.deployment
        made.add_row(
            ink(pool.name, "bold"),
            ink.lines(
                *name_lines(what.model, width), ink(formats(what), "dim"), ink(f"{what.engine} {what.engine_version}", "dim")
            ),
            ink.lines(*name_lines(pool.instance, width), ink(place(pool), "dim"), ink(layout(what), "dim")),
            ink.lines(*gather.by_period(gather.replicas(pool), lambda number: f"{number:,.0f}")),
            ink.lines(*busy(pool)),
            ink(fmt.hourly(costs[pool.name]) if pool.name in costs else ""),
        )
    return made


def name_lines(name: str, width: int) -> list[str]:
    """Break `organization/name` behind the slash where columns are scarce."""
    slash = name.find("/") + 1
    return [name[:slash], name[slash:]] if width < _NARROW and slash else [name]


def memory(plan: Plan, ink: Ink, width: int) -> Table:
    """Where the memory of one device goes, pool by pool."""
    made = table(ink, "!Pool", "!", *(f">{sign} {name}" for name, sign in PARTS), ">usable")
    for pool in plan.pools:
        figures = [fmt.gigabytes(getattr(pool.memory, name)) for name, _ in PARTS]
        bar = memory_bar(pool.memory, 36 if width >= _NARROW else 14)
        made.add_row(ink(pool.name, "bold"), ink(bar), *map(ink, figures), ink(fmt.gigabytes(pool.memory.total)))
    return made


def routing(plan: Plan, ink: Ink, width: int) -> Table:
    """Which pool or API answers which stream."""
    made = table(ink, "Stream", "Served by", ">Share", ">Calls")
    previous, names = "", graphs.short_names(plan)
    for flow in gather.flows(plan):
        made.add_row(
            ink("" if flow.stream == previous else names.get(flow.stream, flow.stream)),
            ink.lines(*name_lines(flow.route, width)),
            ink.lines(*gather.by_period(gather.over_periods(plan, flow, lambda share: share.share), fmt.percent)),
            ink.lines(*gather.by_period(gather.over_periods(plan, flow, lambda share: share.rate), fmt.rate)),
        )
        previous = flow.stream
    return made


def promises(plan: Plan, ink: Ink, width: int) -> Table:
    """Every promise in the period where it is hardest to keep."""
    several, narrow = len(plan.periods) > 1, width < _NARROW
    seen = (">Attained",) if plan.simulation else ()
    columns = ("!", "Stream", "On", "!Promise", ">Target", ">Predicted", *seen, ">Margin", ">Misses")
    made, names = table(ink, *columns, *(["Period"] if several and not narrow else [])), graphs.short_names(plan)
    for row in gather.kept(plan):
        one = row.worst
        mark = ink("✓", "green") if one.holds else ink("✗", "red")
        simulated = [attained(plan, one)] if plan.simulation else []
        figures = (fmt.duration(one.target), fmt.duration(one.predicted), *simulated)
        rest = (fmt.margin(one.margin), fmt.percent(one.miss_share))
        route = ink.lines(*name_lines(one.route, width))
        stream = ink.lines(names.get(one.stream, one.stream), *([ink(one.period, "dim")] if several and narrow else []))
        made.add_row(
            mark,
            stream,
            route,
            ink(promise_name(one)),
            *map(ink, (*figures, *rest)),
            *([ink(one.period)] if several and not narrow else []),
        )
    return made


def purchases(plan: Plan, ink: Ink, width: int) -> Table:
    """What to hold, and how it is paid for."""
    made = table(ink, ">Machines", "Machine", "Holds", "!Paid", ">Each", ">Cost")
    for buy in plan.purchases:
        made.add_row(
            ink.lines(*gather.by_period(machines(plan, buy), lambda number: f"{number:,.0f}")),
            ink.lines(*name_lines(buy.instance, width), ink(buy.region, "dim")),
            ink(f"{buy.gpus_per_machine} × {buy.accelerator}"),
            ink.lines(*paid_how(plan, buy)),
            ink(fmt.hourly(buy.hourly)),
            ink(fmt.hourly(buy.cost)),
        )
    return made


def workloads(plan: Plan, ink: Ink) -> Table:
    """What each workload costs, and per unit of its work."""
    made = table(ink, "Workload", ">Cost", ">Share", ">$/M input", ">$/M output", ">$/1k calls")
    for row in plan.cost.by_workload:
        unit_costs = (row.per_million_input, row.per_million_output, row.per_thousand_calls)
        figures = ["–" if value is None else fmt.money(value) for value in unit_costs]
        made.add_row(ink(row.workload), ink(fmt.hourly(row.hourly)), ink(fmt.percent(row.share)), *map(ink, figures))
    return made


def buying(plan: Plan, ink: Ink) -> Table:
    """What an API would cost, and from where on own machines cost no more."""
    made = table(ink, *bought.COLUMNS)
    for row in bought.rows(plan):
        made.add_row(*map(ink, row))
    return made


def bullets(texts: Sequence[str], ink: Ink, style: str = "") -> RenderableType:
    """Write sentences below one another, wrapped under their own first letter."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1))
    made.add_column()
    made.add_column(overflow="fold")
    for text in texts:
        made.add_row(ink(" •", style), ink(text, style))
    return made


def statement(cost: Cost, made: Statement, ink: Ink) -> Table:
    """What is paid for, in lines that add up to the total to the cent."""
    found = table(ink, "Line", "Paid for", ">Cost", ">A month")
    for line in made.lines:
        paid_for = ink(PAID_FOR.get(line.item, ""), "dim")
        found.add_row(ink(line.item), paid_for, ink(fmt.hourly(line.hourly)), ink(cents(line.cents_per_month)))
    found.add_row(ink("total", "bold"), ink(""), ink(fmt.hourly(cost.total), "bold"), ink(cents(all_cents(made)), "bold"))
    return found


def facts(plan: Plan, ink: Ink) -> RenderableType:
    """The weakest facts the plan rests on, and how many more there are."""
    from rich.console import Group

    rows = gather.weakest(plan.facts)
    made = table(ink, "Standing", "About", "What is taken as true")
    for row in rows[:FACTS_SHOWN]:
        made.add_row(ink(row.standing), ink(row.subject), ink(row.statement))
    rest = Counter(row.standing for row in rows[FACTS_SHOWN:])
    if not rest:
        return made
    named = ", ".join(f"{number:,} {standing}" for standing, number in rest.items())
    return Group(made, ink(f" and {named} in plan.json, under facts, each with its source", "dim"))
