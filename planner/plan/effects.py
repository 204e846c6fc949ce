"""The facts behind pulled levers and components: figures planned with, the ranges they are from, where those are known from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from planner.candidates.build import Search
from planner.demand.budgets import timed
from planner.demand.settings import Setting, View, answered_share, end, settings_of
from planner.demand.ways import Way
from planner.domain.base import Sourced
from planner.domain.lever_facts import Component
from planner.domain.levers import Effect, Option, Range
from planner.domain.plan import Fact
from planner.domain.workload import Workload

ENDS = {"pessimistic": "the end of each range that costs more", "middle": "the middle of ranges", "optimistic": "the better end"}
"""View → what plans are made with, in words."""


def effect_facts(search: Search, taken: Sequence[Way]) -> Iterator[Fact]:
    """Yield a fact for every lever pulled and every component called.

    Parameters
    ----------
    search : problem
    taken : how each workload is served
    """
    view = search.problem.solver.effects
    workloads = {workload.name: workload for workload in search.problem.workloads}
    for way in taken:
        workload = workloads[way.workload]
        for setting in pulled_settings(workload, way):
            lever, figures = setting.lever, "; ".join(said(setting, view, workload.personalized))
            text = f"{setting.label} ({lever.kind.replace('_', ' ')}): {figures or 'changes nothing that counts'}"
            taken_with = f"; planned with {ENDS[view]} (solver.effects)" if ranges(setting) else ""
            yield _fact(f"{way.workload}: {lever.name}", f"{text}{taken_with}", lever)
        there = {step.stage for step in way.steps}
        for stage in workload.stages:
            if stage.component is not None and stage.name in there:
                yield _fact(f"{way.workload}/{stage.name}", f"component: {component(stage.component)}", stage.component)


def pulled_settings(workload: Workload, way: Way) -> list[Setting]:
    """Return the settings of a way, from their names."""
    hurried, labels = bool(timed(workload.objectives)), dict(way.settings)
    every = (setting for lever in workload.levers for setting in settings_of(lever, hurried=hurried))
    return [setting for setting in every if labels.get(setting.lever.name) == setting.label]


def _fact(subject: str, statement: str, row: Sourced) -> Fact:
    doubts = f"; not read in a source: {', '.join(row.unverified)}" if row.unverified else ""
    standing = "assumed" if row.unverified else "published"
    return Fact.model_validate(
        {
            "subject": subject,
            "statement": f"{statement}{doubts}",
            "standing": standing,
            "source": f"{row.source} ({row.as_of})",
        }
    )


def said(setting: Setting, view: View, personalized: float = 0.0) -> Iterator[str]:
    """Yield what a setting does, in words with the figures planned with."""
    option, point = setting.option, setting.point
    if option.answered is not None:
        yield f"answers {_percent(answered_share(setting, view, personalized))} of requests{_known(option.answered, _percent)}"
    for name, share in (("too old", option.stale), ("wrong answers", option.wrong)):
        if share is not None:
            yield f"{name} {_taken(share, 'high', view, _percent)}"
    if point is not None:
        kept = _taken(point.quality, "low", view, _percent)
        yield f"sends on {_percent(point.escalated)} of calls and reaches {kept} of the large models' score"
    for effect in option.effects:
        where = f"{effect.stage}: " if effect.stage is not None else ""
        yield from (f"{where}{text}" for text in changes(effect, view))
    yield from costs(option)


def changes(effect: Effect, view: View) -> Iterator[str]:
    """Yield what an effect changes at a stage."""
    factors = (("calls", effect.calls), ("prompt", effect.input_tokens), ("output", effect.output_tokens))
    yield from (word for word, on in (("turned on", effect.on), ("left out", effect.off)) if on)
    yield from (f"{name} × {_taken(known, 'high', view)}" for name, known in factors if known is not None)
    limits = (("prompt cut at {:g} tokens", effect.input_at_most), ("output cut at {:g} tokens", effect.output_at_most))
    counts = (("{:g} passages", effect.chunks), ("at most {:g} rounds", effect.rounds_at_most))
    yield from (text.format(value) for text, value in (*limits, *counts) if value is not None)
    if effect.history_tokens is not None:
        yield f"{_taken(effect.history_tokens, 'high', view)} tokens of earlier turns"
    if effect.prefix is not None:
        yield f"{effect.prefix.tokens:g} tokens found cached in {_taken(effect.prefix.hit_rate, 'low', view, _percent)} of calls"
    if effect.lane is not None:
        yield f"{_percent(effect.lane.share)} of calls may wait {effect.lane.deadline:g} s"
    for kind in effect.classes:
        floors = ", ".join(f"{floor.benchmark} {floor.at_least:g}" for floor in kind.quality)
        yield f"{_percent(kind.share)} {kind.name}{f' at {floors}' if floors else ''}"
    if effect.models is not None:
        yield f"served by {', '.join(effect.models)}"
    if effect.quality is not None:
        yield f"score × {_taken(effect.quality, 'low', view)}"
    for benchmark, score in effect.scores.items():
        yield f"{benchmark} {_taken(score, 'low', view)}"


def costs(option: Option) -> Iterator[str]:
    """Yield the time and money that an option takes."""
    if option.delay is not None:
        yield f"adds {option.delay.p95 * 1e3:g} ms at p95"
    prices = (("a request", option.per_request), ("an hour", option.hourly), ("a month", option.per_month))
    yield from (f"${price:g} {per}" for per, price in prices if price)
    if option.once:
        yield f"${option.once:g} once, spread over {option.months:g} months"


def component(row: Component) -> str:
    """Say what a component costs and how long it takes."""
    parts = [f"${price:g} {per}" for per, price in (("a call", row.per_call), ("an hour and replica", row.hourly)) if price]
    parts += [f"{row.rate_per_replica:g} calls/s a replica"] if row.rate_per_replica is not None else []
    parts += [f"at most {row.limit:g} calls/s"] if row.limit is not None else []
    parts += [f"{row.latency_mean * 1e3:g} ms"] if row.latency_mean else []
    parts += [f"{row.latency_p95 * 1e3:g} ms at p95"] if row.latency_p95 is not None else []
    return ", ".join(parts) or "free, at once"


def ranges(setting: Setting) -> list[Range]:
    """Return the figures of a setting that are known as ranges wider than a point."""
    option = setting.option
    found = [option.answered, option.wrong, option.stale, setting.point.quality if setting.point is not None else None]
    for effect in option.effects:
        found += [effect.calls, effect.input_tokens, effect.output_tokens, effect.history_tokens, effect.quality]
        found += [*effect.scores.values(), effect.prefix.hit_rate if effect.prefix is not None else None]
    return [one for one in found if one is not None and one.high > one.low]


def _taken(known: Range, worse: Literal["low", "high"], view: View, write: Callable[[float], str] = "{:.4g}".format) -> str:
    """Write the figure planned with, and the range it is from."""
    return f"{write(end(known, worse, view))}{_known(known, write)}"


def _known(known: Range, write: Callable[[float], str] = "{:.4g}".format) -> str:
    return f" (known: {write(known.low)} to {write(known.high)})" if known.high > known.low else ""


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g}%"
