"""What a simulation showed, printed for people or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.cli import json_output
from planner.report import format as fmt

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from planner.domain.plan_promises import SimulatedPromise
    from planner.report.ink import Ink
    from planner.simulate.seen import Seen
    from planner.simulate.session import Session

VERSION = "simulation/v1"
"""Version of the JSON."""

_COUNTED = {
    "preemptions": "preemptions",
    "rejected": "calls rejected",
    "unanswered": "calls never answered",
    "sent_again": "calls sent again",
    "prefix_hits": "prefix hits",
}
"""Tallies that are told where they are not zero, in words."""


def as_json(session: Session) -> None:
    """Print a session as JSON; times in seconds, null = not known or without bound."""
    said = {
        "version": VERSION,
        "holds": not session.missed,
        "missed": len(session.missed),
        "remarks": list(session.remarks),
        "pools": [_pool(one) for one in session.seen],
    }
    json_output.echo(said)


def _pool(seen: Seen) -> dict[str, Any]:
    """Return one pool in one period."""
    job = seen.job
    return {
        "pool": seen.pool,
        "period": seen.period,
        "replicas": job.count,
        "balancer": job.run.balancer,
        "seed": job.run.seed,
        "seconds": job.end,
        "warm_up": job.warm,
        "calls": len(job.requests),
        "away": [list(times) for times in seen.away],
        "promises": [{**promise.model_dump(), "missed_while_away": seen.missed_away(promise)} for promise in seen.promises],
        "latencies": [asdict(row) for row in seen.figures()],
        **seen.tally,
    }


def render(session: Session) -> None:
    """Print a session as tables."""
    from planner.report.console import WIDEST, standard
    from planner.report.console_tables import bullets
    from planner.report.ink import Ink

    console = standard()
    ink = Ink.of(console)
    width = min(console.width, WIDEST)
    blocks: list[tuple[str, RenderableType]] = [(_verdict(session), "")]
    if session.promises:
        blocks.append(("Promises", _promises(session, ink)))
    blocks.append(("Latencies in the simulation", _latencies(session, ink)))
    blocks.append(("Pools", bullets([_line(one) for one in session.seen], ink)))
    if session.remarks:
        blocks.append(("Remarks", bullets(session.remarks, ink)))
    for title, body in blocks:
        console.print(ink(title, "bold"), width=width)
        console.print(body, width=width)
        if body:
            console.print()


def _verdict(session: Session) -> str:
    """Count what held."""
    count, hard = len(session.promises), len(session.missed)
    if not count:
        return "No latency promises"
    if hard:
        return f"{hard} of {fmt.plural(count, 'promise')} missed in the simulation"
    soft = sum(not promise.holds for promise in session.promises)
    kept = f"All {count:,} promises hold" if count > 1 else "The one promise holds"
    return f"{kept} in the simulation" if not soft else f"All hard promises hold in the simulation, {soft} soft missed"


def _promises(session: Session, ink: Ink) -> Table:
    """Every promise beside what was seen."""
    from planner.report.console_tables import table

    names, failing = _short(session), any(one.job.failures for one in session.seen)
    columns = ("!", "Stream", "!Pool", "Period", "!Promise", ">Predicted", ">Attained", ">Calls")
    made = table(ink, *columns, *([">Missed while away"] if failing else []))
    for one in session.seen:
        for promise in one.promises:
            away = one.missed_away(promise)
            made.add_row(
                ink("✓", "green") if promise.holds else ink("✗", "yellow" if promise.soft else "red"),
                *map(ink, (names[promise.stream], promise.route, promise.period, _name(promise))),
                *map(ink, (fmt.duration(promise.predicted), _time(promise.attained), fmt.count(promise.calls))),
                *([ink("–" if away is None else fmt.percent(away))] if failing else []),
            )
    return made


def _short(session: Session) -> dict[str, str]:
    """Return the names of streams without the settings of levers."""
    return {stream.name: stream.short for one in session.seen for stream in one.job.run.streams}


def _name(promise: SimulatedPromise) -> str:
    """Name a promise, `TTFT p95 ≤ 1.0 s`."""
    soft = " soft" if promise.soft else ""
    return f"{promise.metric.upper()} {fmt.percentile(promise.percentile)} ≤ {fmt.duration(promise.target)}{soft}"


def _time(seconds: float | None) -> str:
    return "never" if seconds is None else fmt.duration(seconds)


def _latencies(session: Session, ink: Ink) -> Table:
    """Mean and percentiles of every stream in every pool."""
    from planner.report.console_tables import table

    names = _short(session)
    made = table(ink, "Stream", "!Pool", "Period", "!Metric", ">Mean", ">p50", ">p95", ">p99", ">Calls")
    for one in session.seen:
        for row in one.figures():
            if row.calls:
                figures = map(_time, (row.mean, row.p50, row.p95, row.p99))
                where = (names[row.stream], one.pool, one.period, row.metric.upper())
                made.add_row(*map(ink, (*where, *figures, fmt.count(row.calls))))
    return made


def _replicas(seen: Seen) -> str:
    """Count the replicas that were simulated, and those of the plan where they are more."""
    planned, count = seen.job.run.pool.loads[seen.job.run.period].replicas, seen.job.count
    return fmt.plural(count, "replica") if count == planned else f"{count:,} of {fmt.plural(planned, 'replica')}"


def _line(seen: Seen) -> str:
    """Say what a pool went through."""
    job, tally = seen.job, seen.tally
    parts = [
        f"{seen.pool} in {seen.period}: {fmt.plural(len(job.requests), 'call')} in {fmt.duration(job.end)}",
        f"the first {fmt.duration(job.warm)} not looked at",
        f"{_replicas(seen)}, {job.run.balancer.replace('_', ' ')}, busy {fmt.percent(tally['busy'])}",
        *(f"{tally[name]:,.0f} {words}" for name, words in _COUNTED.items() if tally[name]),
        *(f"a replica missing from {fmt.duration(start)} to {fmt.duration(end)}" for start, end in seen.away),
    ]
    return ", ".join(parts)
