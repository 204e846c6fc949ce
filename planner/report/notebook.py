"""A plan as a piece of HTML for a notebook: the glance that a report begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report import gather, graphs
from planner.report.ink import printable
from planner.report.words import busy, formats, layout, place, promise_name, promise_verdict, proof, size, split

_POOLS = ("Pool", "Model", "Numbers", "Layout", "Machine", "Region", "Replicas", "Busiest", "Cost")
_PROMISES = ("", "Stream", "On", "Promise", "Target", "Predicted", "Margin")


def html(plan: Plan) -> str:
    """Write the glance of a plan as HTML.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
        A `<div>` without scripts or styles. Names and sentences are escaped, so nothing in them can change the page.
    """
    verdict, holds = promise_verdict(plan)
    head = [
        ("Cost", f"{fmt.hourly(plan.cost.total)} · {fmt.monthly(plan.cost.per_month)}"),
        ("Made of", split(plan)),
        ("Proof", proof(plan)),
        ("Size", size(plan)),
        ("Promises", f"{'✓' if holds else '✗'} {verdict}"),
    ]
    parts = [
        f"<h3>Plan for {_text(plan.problem)}</h3>",
        _table((), head),
        _part("Warnings", _list(plan.warnings)),
        _part("Pools", _table(_POOLS, _pools(plan))),
        _part("Promises", _table(_PROMISES, _promises(plan))),
        _part("Why this plan", _list(plan.reasons)),
    ]
    return f"<div>{''.join(parts)}</div>"


def _pools(plan: Plan) -> Iterable[Sequence[str]]:
    costs = gather.hourly_of(plan)
    for pool in plan.pools:
        what = pool.deployment
        counts = gather.by_period(gather.replicas(pool), lambda number: f"{number:,.0f}")
        cost = fmt.hourly(costs[pool.name]) if pool.name in costs else "–"
        names = (pool.name, what.model, formats(what), layout(what), pool.instance, place(pool))
        yield (*names, "\n".join(counts), "\n".join(busy(pool)), cost)


def _promises(plan: Plan) -> Iterable[Sequence[str]]:
    """Every promise, in the period where it is hardest to keep."""
    names = graphs.short_names(plan)
    for row in gather.kept(plan):
        one = row.worst
        stream = names.get(one.stream, one.stream)
        figures = (fmt.duration(one.target), fmt.duration(one.predicted), fmt.margin(one.margin))
        yield ("✓" if one.holds else "✗", stream, one.route, promise_name(one), *figures)


def _part(title: str, body: str) -> str:
    """Write a heading and what stands below it; nothing where there is nothing to say."""
    return f"<h4>{_text(title)}</h4>{body}" if body else ""


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>" if lines else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; empty if it has no row."""
    head = f"<thead><tr>{''.join(f'<th>{_text(name)}</th>' for name in columns)}</tr></thead>" if columns else ""
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>" if body else ""


def _cell(text: str) -> str:
    return "<br>".join(_text(line) for line in text.split("\n"))


def _text(text: str) -> str:
    return escape(printable(text))
