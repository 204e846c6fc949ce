"""Levers: changes to a workload that the solver may make, each with its effect as a range and where that is known from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, PositiveFloat, PositiveInt, Sourced, Strict
from planner.domain.calls import QualityFloor
from planner.domain.stages import Stage
from planner.units import HOURS_PER_MONTH, Dollars, DollarsPerCall, DollarsPerHour, Fraction, Seconds, Tokens

Kind = Literal[
    "semantic_cache",
    "prompt_cache",
    "retrieval_depth",
    "compression",
    "token_budget",
    "history_summary",
    "call_budget",
    "skip",
    "student",
    "fine_tune",
    "cascade",
    "intent",
    "lane",
    "other",
]


class Range(Strict):
    """A figure that is known as a range: plans are made with the end that costs more (`solver.effects`)."""

    low: NonNegativeFloat
    """Least that was seen or is claimed."""
    high: NonNegativeFloat
    """Most."""

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.high < self.low:
            raise ValueError(f"high ({self.high:g}) is below low ({self.low:g}); check the two figures")
        return self


class Share(Range):
    """A range of shares."""

    low: Fraction
    """Least."""
    high: Fraction
    """Most."""


class PrefixEffect(Strict):
    """A beginning of prompts that a cache then knows."""

    tokens: Tokens
    """Its length."""
    hit_rate: Share
    """Share of calls that find it on the replica they are sent to, if the balancer looks for it or every replica has it."""
    blind_hit_rate: Share | None = None
    """The same if the balancer does not look for it; absent = as `hit_rate`, which is right for a system prompt."""


class Lane(Strict):
    """Part of a stage's calls that may wait."""

    share: Fraction
    """Share of its calls."""
    deadline: Seconds
    """Time within which they must be finished."""


class Placed(Strict):
    """Where the right passage stands in the prompt, on a measured curve."""

    curve: Identifier
    """Its name (`planner catalog list position_effects`): a model, a task and a number of passages."""
    place: Literal["anywhere", "first", "last"] = "anywhere"
    """anywhere: the mean over all places; first, last: what a reranker can see to."""


class Moved(Strict):
    """What fewer passages, or better ordered ones, do to quality: accuracy after over accuracy before, gains not counted on."""

    before: Placed
    """As it is without the lever."""
    after: Placed
    """As the lever leaves it."""


class RequestClass(Strict):
    """Requests of one intent, told apart by a rule or classifier, with their own floor."""

    name: Identifier
    """Unique within the effect."""
    share: Annotated[float, Field(gt=0, le=1)]
    """Share of the calls."""
    quality: tuple[QualityFloor, ...] = ()
    """Floors for these calls, in place of the stage's; absent = the same."""
    models: tuple[str, ...] | None = None
    """Only these models serve them."""

    @model_validator(mode="after")
    def _each(self) -> RequestClass:
        if any(floor.over != "each" for floor in self.quality):
            raise ValueError("a floor of one class holds for each of its calls; remove `over: average`")
        return self


class Effect(Strict):
    """What an option changes at one stage; fields left out change nothing."""

    stage: Identifier | None = None
    """The stage; absent = all stages, or the call of a workload without stages."""
    on: bool = False
    """Turn the stage on, where it is optional."""
    off: bool = False
    """Leave the stage out."""
    calls: Range | None = None
    """Factor on how often it is called."""
    input_tokens: Range | None = None
    """Factor on its prompt tokens."""
    output_tokens: Range | None = None
    """Factor on its output tokens."""
    input_at_most: Tokens | None = None
    """Cut its prompts here."""
    output_at_most: Tokens | None = None
    """Cut its outputs here."""
    chunks: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Passages in its prompt instead."""
    history_tokens: Range | None = None
    """Mean tokens of earlier turns in its prompt instead."""
    rounds_at_most: PositiveInt | None = None
    """Budget of its loop instead."""
    prefix: PrefixEffect | None = None
    """A cached beginning of its prompts."""
    lane: Lane | None = None
    """Calls that may wait."""
    models: tuple[str, ...] | None = None
    """Only these models serve it, whatever the workload's choices."""
    quality: Range | None = None
    """Factor on the score of whatever model serves it."""
    scores: dict[Identifier, Range] = Field(default_factory=dict)
    """Benchmark → score measured on the workload's own task, which stands in place of the models' published one."""
    places: Moved | None = None
    """The factor on the score from measured curves of accuracy by place."""
    classes: tuple[RequestClass, ...] = Field(default=(), max_length=20)
    """Its calls by intent, each class routed by itself; what mistakes of the classifier take goes into `quality`."""

    @model_validator(mode="after")
    def _something(self) -> Effect:
        if self.on and self.off:
            raise ValueError("a stage cannot be turned on and left out at once; give one of on, off")
        if self.quality is not None and self.places is not None:
            raise ValueError("quality and places say the same; give one of them")
        total, names = sum(kind.share for kind in self.classes), [kind.name for kind in self.classes]
        if self.classes and abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the classes sum to {total:g}; give shares that sum to 1")
        if len(set(names)) < len(names):
            raise ValueError("two classes have the same name; give each its own")
        return self


def present(stages: Iterable[Stage], effects: Iterable[Effect]) -> dict[str, bool]:
    """Return which stages are called once effects have turned some on and left some out; the last to speak of one counts."""
    there = {stage.name: not stage.optional for stage in stages}
    for effect in effects:
        if effect.on or effect.off:
            there |= dict.fromkeys([effect.stage] if effect.stage is not None else list(there), effect.on)
    return there


class EscalationPoint(Strict):
    """One setting of a cascade's threshold."""

    escalated: Fraction
    """Share of calls sent on to the large models."""
    quality: Range
    """Share of the large models' score that the cascade then reaches."""


class Cascade(Strict):
    """Small models answer first, large ones what is sent on; the solver picks the share.

    The published curve gives one point for each threshold; a mix of two thresholds lies on the line between them.
    """

    stage: Identifier | None = None
    """The stage; absent = the call of a workload without stages."""
    small: tuple[str, ...] = Field(min_length=1)
    """Models that answer first."""
    large: tuple[str, ...] | None = None
    """Models that answer what is sent on; absent = as the workload chooses."""
    points: tuple[EscalationPoint, ...] = Field(default=(), max_length=50)
    """The escalation curve."""
    router: Identifier | None = None
    """The same as a curve of the catalog (`planner catalog list routers`)."""
    curve: str | None = None
    """The same as a CSV file, relative to the problem file: columns `escalated` and `recovered` (or `recovered_low` and
    `recovered_high`), shares of the calls and of the quality gap between small and large models."""
    weak_score: PositiveFloat | None = None
    """Score of the small models, for `router` and `curve`; absent = the router's own."""
    strong_score: PositiveFloat | None = None
    """Score of the large models, for `router` and `curve`; absent = the router's own."""
    ask_first: bool = True
    """Whether small models answer all calls before some are sent on; false = a rule or classifier decides beforehand."""
    deterministic: bool = False
    """Whether a fixed rule decides; preferred where the cost is the same."""

    @model_validator(mode="after")
    def _one_curve(self) -> Cascade:
        given = [name for name in ("points", "router", "curve") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"found {', '.join(given) or 'none'}; give exactly one of points, router, curve")
        if self.curve is not None and (self.weak_score is None or self.strong_score is None):
            raise ValueError("a curve speaks of the gap between two scores; give weak_score and strong_score")
        return self


class CacheAt(Strict):
    """A semantic cache as the catalog knows it, at one threshold."""

    name: Identifier
    """Its name (`planner catalog list semantic_caches`); thresholds do not carry over to other traffic."""
    threshold: Fraction
    """One of the thresholds it was measured at."""


class Delay(Strict):
    """Time that an option adds to every request."""

    mean: Seconds = 0.0
    """Mean."""
    p95: Seconds
    """95th percentile."""


class Option(Strict):
    """One way to pull a lever."""

    name: Identifier
    """Unique within the lever: `threshold 0.92`, `4 passages`."""
    effects: tuple[Effect, ...] = ()
    """What it changes, stage by stage."""
    cascade: Cascade | None = None
    """Small models first."""
    answered: Share | None = None
    """Semantic cache: share of requests that it answers, so that no stage is called."""
    wrong: Share | None = None
    """Semantic cache: share of requests that it answers wrongly."""
    curve: CacheAt | None = None
    """Semantic cache: the two shares as measured, from the catalog."""
    stale: Share | None = None
    """Semantic cache: share of what it could answer that is older than answers may be."""
    still: tuple[Identifier, ...] = ()
    """Stages that are called even for requests it answers: those before it, such as moderation."""
    delay: Delay | None = None
    """Time it adds to every request."""
    per_request: DollarsPerCall = 0.0
    """Cost for every request: a look-up, a classifier."""
    hourly: DollarsPerHour = 0.0
    """Cost as long as it is in use."""
    once: Dollars = 0.0
    """Cost of introducing it: data, training, evaluation."""
    months: PositiveFloat | None = None
    """Time over which `once` is spread."""
    per_month: Dollars = 0.0
    """Cost of keeping it up: updates, new data, evaluation."""

    @property
    def fixed(self) -> DollarsPerHour:
        """What it costs whatever the volume: by the hour, by the month, and `once` spread over its months [$/h]."""
        spread = self.once / self.months if self.months else 0.0
        return self.hourly + (self.per_month + spread) / HOURS_PER_MONTH

    @model_validator(mode="after")
    def _whole(self) -> Option:
        if self.once and self.months is None:
            raise ValueError("once needs months; give the time over which it is spread")
        if (self.answered is None) != (self.wrong is None):
            raise ValueError("answered and wrong go together; give both shares, or neither")
        if self.answered is not None and self.curve is not None:
            raise ValueError("answered and wrong say the same as curve; give one of the two")
        return self


class Lever(Sourced):
    """A change that the solver may make to a workload: at most one of its options, or none."""

    name: Identifier
    """Unique within the workload."""
    kind: Kind
    """What it is; decides what its options must say."""
    options: tuple[Option, ...] = Field(min_length=1, max_length=50)
    """The ways to pull it."""
