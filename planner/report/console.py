"""A plan on a terminal: what the lead of a serving team wants to see at one glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.report import cash, changes, energy, failover, futures, scaling, spend, stores
from planner.report import console_graphs as called
from planner.report import console_tables as tables
from planner.report import format as fmt
from planner.report.gather import rejections
from planner.report.ink import Ink
from planner.report.words import (
    api_prices,
    compared,
    promise_verdict,
    proof,
    reliability,
    simulated,
    size,
    sizing,
    split,
    statement_title,
    units,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

WIDEST = 120
"""Columns beyond which tables and sentences are not stretched."""
PIPED = 100
"""Columns when there is no terminal to ask."""
_REASONS_SHOWN = 4


def render(plan: Plan, console: Console | None = None) -> None:
    """Print a plan.

    Parameters
    ----------
    plan : Plan
    console : rich.console.Console, optional
        Where to print; absent = standard output, in colour only on a terminal and without NO_COLOR.

    Notes
    -----
    Laid out for 100 columns; at 80 long names are broken over lines, never cut.
    """
    console = console or standard()
    ink = Ink.of(console)
    width = min(console.width, WIDEST)
    for title, body in _sections(plan, ink, width):
        if title:
            console.print(ink(title, "bold"), width=width)
        console.print(body, width=width)
        console.print()


def standard() -> Console:
    """Return the console on standard output; as wide as the terminal, or 100 columns where there is none."""
    import os

    from rich.console import Console

    made = Console(highlight=False)
    if made.is_terminal or "COLUMNS" in os.environ:
        return made
    return Console(highlight=False, width=PIPED)


def _sections(plan: Plan, ink: Ink, width: int) -> list[tuple[str, RenderableType]]:
    """Return titles and bodies, those with nothing to say left out."""
    from rich.console import Group

    made: list[tuple[str, RenderableType]] = [("", Group(*_headline(plan, ink)))]
    if plan.ways:
        made.append(("How requests are served", called.ways(plan, ink)))
    if plan.stores:
        made.append(("Vector stores", stores.on_console(plan, ink, width)))
    if plan.pools:
        made.append(("Pools", tables.pools(plan, ink, width)))
        told = reliability(plan)
        made += [("Availability", tables.bullets(told, ink))] if told else []
        made += [("Following demand", tables.bullets(said, ink))] if (said := scaling.sentences(plan)) else []
        made += [("When a region fails", tables.bullets(told, ink))] if (told := failover.sentences(plan)) else []
        made.append(("Memory of one GPU", tables.memory(plan, ink, width)))
    told = changes.summary(plan)
    made += [("Changes from today", tables.bullets(told, ink))] if told else []
    made.append(("Who is served where", tables.routing(plan, ink, width)))
    if plan.promises:
        made.append(("Promises", tables.promises(plan, ink, width)))
    made += _buying(plan, ink, width)
    made += _apis(plan, ink)
    made += _costs(plan, ink, width)
    for title, texts in (("Why this plan", plan.reasons), ("Warnings", plan.warnings)):
        if texts:
            made.append((title, tables.bullets(texts, ink, "yellow" if title == "Warnings" else "")))
    if plan.facts:
        made.append(("What it rests on, weakest first", tables.facts(plan, ink)))
    return made


def _buying(plan: Plan, ink: Ink, width: int) -> list[tuple[str, RenderableType]]:
    """Return what is bought, when it is paid, and what that is worth in each scenario."""
    from rich.console import Group

    made: list[tuple[str, RenderableType]] = []
    if plan.purchases:
        made.append(("Purchases", tables.purchases(plan, ink, width)))
    if plan.committed_spend:
        made.append(("Committed spend", tables.bullets(list(spend.sentences(plan)), ink)))
    if plan.futures:
        made.append(
            (
                "Scenarios",
                Group(ink(futures.minimized(plan) + futures.summary(plan.futures)), futures.on_console(plan.futures, ink)),
            )
        )
    if plan.cash:
        made.append(("Payments", Group(ink(cash.summary(plan.cash)), cash.on_console(plan, plan.cash, ink))))
    return made


def _apis(plan: Plan, ink: Ink) -> list[tuple[str, RenderableType]]:
    """Return what is paid at APIs, by the token and in units."""
    parts = (
        ("APIs", [f"{route.api}: {api_prices(route)}" for route in plan.apis]),
        ("Units bought at APIs", [f"{route.api}: {units(route)}" for route in plan.provisioned]),
    )
    return [(title, tables.bullets(texts, ink)) for title, texts in parts if texts]


def _costs(plan: Plan, ink: Ink, width: int) -> list[tuple[str, RenderableType]]:
    """Return the splits of the cost, and what is drawn and emitted."""
    from rich.console import Group

    made: list[tuple[str, RenderableType]] = [("Cost by workload", tables.workloads(plan, ink))]
    if plan.cost.statement is not None:
        made.append((statement_title(plan.cost.statement), tables.statement(plan.cost, plan.cost.statement, ink)))
    if plan.energy is not None:
        made.append(("Energy and carbon", Group(ink(energy.summary(plan.energy)), *energy.on_console(plan.energy, ink))))
    if plan.ways:
        made.append(("Cost by stage", called.stages(plan, ink, width)))
    if plan.cost.by_path:
        made.append(("Cost by path, stages reached independently of each other", called.paths(plan, ink)))
    if plan.cost.by_label:
        made.append(("Cost by tier and tag", called.labels(plan, ink)))
    if plan.buy_or_build:
        made.append(("APIs against own machines", tables.buying(plan, ink)))
    return made


def _headline(plan: Plan, ink: Ink) -> list[Text]:
    """Say cost, proof, size and promises in a few lines."""
    name = ink(plan.problem, "bold").append_text(ink(f"  ·  planner {plan.planner}", "dim"))
    total = ink(f"{fmt.hourly(plan.cost.total)}   {fmt.monthly(plan.cost.per_month)}", "bold")
    return [
        name,
        total,
        ink(proof(plan)),
        *([ink(simulated(plan))] if plan.simulation else []),
        ink(size(plan)),
        *([ink(sizing(plan))] if plan.sizing else []),
        _kept_line(plan, ink),
        ink(split(plan), "dim"),
        *([ink(said, "dim")] if (said := compared(plan)) else []),
        ink(_search(plan), "dim"),
    ]


def _kept_line(plan: Plan, ink: Ink) -> Text:
    """Count promises kept, missed, and warnings."""
    text, holds = promise_verdict(plan)
    style = "green" if holds and plan.promises else "" if holds else "red"
    line = ink(text, style)
    if plan.warnings:
        line.append_text(ink(f" · {fmt.plural(len(plan.warnings), 'warning')} below", "yellow"))
    return line


def _search(plan: Plan) -> str:
    """Say what was considered and why most of it fell away."""
    found = plan.proof
    codes = rejections(plan)
    named = ", ".join(f"{code} {number:,}" for code, number in codes[:_REASONS_SHOWN])
    more = f", {fmt.plural(len(codes) - _REASONS_SHOWN, 'more reason')}" if len(codes) > _REASONS_SHOWN else ""
    rejected = f" · rejected: {named}{more}" if codes else ""
    return f"{fmt.plural(found.candidates, 'deployment')} considered{rejected} · {found.solver}"
