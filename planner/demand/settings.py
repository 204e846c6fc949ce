"""Settings of levers: every way to pull each one, and what a set of them amounts to at each stage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from planner.domain.levers import (
    Cascade,
    Effect,
    EscalationPoint,
    Lane,
    Lever,
    Option,
    PrefixEffect,
    Range,
    RequestClass,
    present,
)
from planner.domain.stages import Stage

View = Literal["pessimistic", "middle", "optimistic"]
"""Which end of a range plans are made with."""

LEADS = (0.1, 0.25, 0.5)
"""Shares of a latency target that small models may take of a cascade before calls are sent on: the solver picks one."""


@dataclass(frozen=True)
class Setting:
    """One way to pull a lever, every choice in it made."""

    lever: Lever
    """The lever."""
    option: Option
    """Its option."""
    point: EscalationPoint | None = None
    """Its cascade's share of calls sent on."""
    lead: float = 0.0
    """Share of latency targets that its cascade's small models may take."""

    @property
    def label(self) -> str:
        """Say which it is: `4 passages`, `0.92`, `router 0.3 sent on after 25% of the time`; unique within the lever."""
        if self.point is None:
            return self.option.name
        wait = f" after {self.lead:.0%} of the time" if self.lead else ""
        return f"{self.option.name} {self.point.escalated:g} sent on{wait}"

    @property
    def judged(self) -> bool:
        """Whether something other than a fixed rule decides call by call."""
        cascade = self.option.cascade
        return cascade is not None and not cascade.deterministic


Settings = tuple[Setting, ...]
"""Levers pulled together; levers that are not pulled are not named."""


def settings_of(lever: Lever, *, hurried: bool) -> list[Setting]:
    """Return the ways to pull a lever; `hurried` says whether the workload promises latencies.

    A point of a cascade that sends nothing on is none of them: its quality is a share of the large models' score, and without
    a call of theirs no floor would hold.
    """
    found: list[Setting] = []
    for option in lever.options:
        cascade = option.cascade
        if cascade is None:
            found.append(Setting(lever, option))
        else:
            leads = LEADS if hurried and cascade.ask_first else (0.0,)
            found += [Setting(lever, option, point, lead) for point in cascade.points if point.escalated > 0.0 for lead in leads]
    return found


def combinations(levers: Sequence[Lever], *, hurried: bool) -> Iterator[Settings]:
    """Yield every set of settings, at most one of each lever: none first, then fewer before more, in the order offered."""
    choices: list[list[Setting | None]] = [[*settings_of(lever, hurried=hurried), None] for lever in levers]
    together = itertools.product(*choices)
    found = [tuple(setting for setting in each if setting is not None) for each in together]
    yield from sorted(found, key=lambda each: (len(each), sum(setting.judged for setting in each)))


def end(known: Range, worse: Literal["low", "high"], view: View) -> float:
    """Return the figure that plans are made with: the worse end, the middle, or the better end."""
    if view == "middle":
        return (known.low + known.high) / 2.0
    taken = worse if view == "pessimistic" else ("high" if worse == "low" else "low")
    return known.low if taken == "low" else known.high


@dataclass
class Changed:
    """A stage as a set of settings leaves it."""

    stage: Stage
    """The stage."""
    there: bool
    """Whether it is called at all."""
    calls: float = 1.0
    """Factor on how often it is called."""
    inputs: float = 1.0
    """Factor on its prompt."""
    outputs: float = 1.0
    """Factor on its output."""
    input_most: float | None = None
    """Prompts are cut here [token]."""
    output_most: float | None = None
    """Outputs are cut here [token]."""
    chunks: int | None = None
    """Passages in its prompt instead."""
    history: float | None = None
    """Mean tokens of earlier turns instead."""
    rounds: int | None = None
    """Budget of its loop instead."""
    prefix: PrefixEffect | None = None
    """Cached beginning of its prompts."""
    lane: Lane | None = None
    """Calls that may wait."""
    classes: tuple[RequestClass, ...] = ()
    """Calls by intent."""
    models: tuple[str, ...] | None = None
    """Only these models."""
    keeps: float = 1.0
    """Share of its score that is kept [1]."""
    scores: dict[str, float] = field(default_factory=dict)
    """Benchmark → score in place of published ones."""
    cascade: tuple[Cascade, EscalationPoint, float] | None = None
    """Small models first: the cascade, its point, and the share of targets the small ones may take."""
    said: tuple[str, ...] = ()
    """Settings that changed more than how often it is called."""

    @property
    def shaping(self) -> tuple[object, ...]:
        """All that decides how long its calls are."""
        limits = (self.input_most, self.output_most, self.chunks, self.history, self.rounds)
        return (self.stage.name, self.inputs, self.outputs, *limits, self.prefix)


def called(stages: Sequence[Stage], settings: Settings) -> list[Stage]:
    """Return the stages that are called once settings have turned some on and left some out."""
    there = present(stages, (effect for setting in settings for effect in setting.option.effects))
    return [stage for stage in stages if there[stage.name]]


def changed(
    stages: Sequence[Stage], settings: Settings, answer: str | None, view: View, personalized: float = 0.0
) -> dict[str, Changed]:
    """Return every stage as the settings leave it.

    Parameters
    ----------
    stages : of the workload
    settings : levers pulled
    answer : the answering stage, whose quality wrong answers from a cache lower; None = nothing answers
    view : end of ranges to plan with
    personalized : share of requests that no semantic cache answers [1]

    Returns
    -------
    stage → Changed
    """
    there = {stage.name for stage in called(stages, settings)}
    found = {stage.name: Changed(stage, stage.name in there) for stage in stages}
    for setting in settings:
        for effect in setting.option.effects:
            for name in [effect.stage] if effect.stage is not None else list(found):
                _apply(found[name], effect, setting.label, view)
        cascade, point = setting.option.cascade, setting.point
        routed = cascade.stage or answer if cascade is not None else None
        if cascade is not None and point is not None and routed is not None:
            here = found[routed]
            here.cascade = (cascade, point, setting.lead)
            here.keeps *= end(point.quality, "low", view)
            here.said = (*here.said, setting.label)
        answered = answered_share(setting, view, personalized)
        for name, here in found.items():
            if answered and name not in setting.option.still:
                here.calls *= 1.0 - answered
        if setting.option.wrong is not None and answer is not None:
            here = found[answer]
            here.keeps *= 1.0 - end(setting.option.wrong, "high", view)
            here.said = (*here.said, setting.label)
    return found


def answered_share(setting: Setting, view: View, personalized: float = 0.0) -> float:
    """Return the share of requests that a semantic cache answers: what it could, less what is too old or personal [1]."""
    option = setting.option
    if option.answered is None:
        return 0.0
    stale = end(option.stale, "high", view) if option.stale is not None else 0.0
    return end(option.answered, "low", view) * (1.0 - stale) * (1.0 - personalized)


def delay_of(settings: Settings) -> float:
    """Return the time that settings add to every request, as if their 95th percentiles came together [s]."""
    return sum(setting.option.delay.p95 for setting in settings if setting.option.delay is not None)


def _apply(here: Changed, effect: Effect, label: str, view: View) -> None:
    """Change a stage by one effect; factors multiply, limits take the tighter, all else the later."""
    if effect.calls is not None:
        here.calls *= end(effect.calls, "high", view)
    before = (here.inputs, here.outputs, here.keeps)
    here.inputs *= end(effect.input_tokens, "high", view) if effect.input_tokens else 1.0
    here.outputs *= end(effect.output_tokens, "high", view) if effect.output_tokens else 1.0
    here.keeps *= end(effect.quality, "low", view) if effect.quality else 1.0
    here.input_most = _tighter(here.input_most, effect.input_at_most)
    here.output_most = _tighter(here.output_most, effect.output_at_most)
    here.rounds = effect.rounds_at_most if here.rounds is None else min(here.rounds, effect.rounds_at_most or here.rounds)
    here.chunks = here.chunks if effect.chunks is None else effect.chunks
    here.history = here.history if effect.history_tokens is None else end(effect.history_tokens, "high", view)
    here.prefix, here.lane = effect.prefix or here.prefix, effect.lane or here.lane
    here.models = effect.models or here.models
    here.classes = effect.classes or here.classes
    here.scores |= {name: end(score, "low", view) for name, score in effect.scores.items()}
    shaped = (effect.input_at_most, effect.output_at_most, effect.rounds_at_most, effect.chunks, effect.history_tokens)
    other = (effect.prefix, effect.lane, effect.models, effect.scores or None, effect.classes or None)
    if (here.inputs, here.outputs, here.keeps) != before or any(one is not None for one in (*shaped, *other)):
        here.said = (*here.said, label)


def _tighter(one: float | None, other: float | None) -> float | None:
    return min((x for x in (one, other) if x is not None), default=None)
