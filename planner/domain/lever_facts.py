"""What levers rest on: published curves and prices of routers, caches, long contexts, side components and fine-tuning.

Every figure is a range. Where sources give one number, its width is what the number leaves open (sampling, a range of
runs); where nothing is known about that, both ends are the same and the row says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, PositiveFloat, PositiveInt, Sourced, Strict, Text
from planner.units import (
    Bytes,
    Dollars,
    DollarsPerCall,
    DollarsPerHour,
    DollarsPerToken,
    Fraction,
    RequestRate,
    Seconds,
    TokenRate,
    Tokens,
)

RouterKind = Literal["rule", "classifier", "model", "random"]
CacheControl = Literal["similarity", "error_target"]
ComponentKind = Literal["moderation", "guard", "rerank", "embedding", "vector_store", "router", "verifier", "logging", "other"]
Method = Literal["full", "lora", "qlora", "distil", "prune"]
Accuracy = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class LeverFact(Sourced):
    """A sourced figure with what it was measured on and what to mind before using it elsewhere."""

    conditions: Text = ""
    """What was measured: data, sizes, settings."""
    caution: Text = ""
    """Why it may not hold for your traffic."""


class EscalationPoint(Strict):
    """How much of the quality gap is recovered when a share of the calls goes to the strong model."""

    escalated: Fraction
    """Share of the calls that the strong model answers."""
    recovered_low: Fraction
    """Share of the quality gap between weak and strong recovered, pessimistic end."""
    recovered_high: Fraction
    """The same, optimistic end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ranges(self, ("recovered",))
        _check_ends(self)
        return self


class Router(LeverFact):
    """A way to tell which calls need the strong model of a cascade, as a curve over its threshold."""

    strong: Identifier
    """The strong model, a catalog name or as published."""
    weak: Identifier
    """The weak model, a catalog name or as published."""
    kind: RouterKind
    """A fixed rule, a classifier on the prompt, a language model, or chance."""
    benchmark: Identifier | None = None
    """What quality was measured with, a name in `benchmarks`; absent = none of them."""
    points: tuple[EscalationPoint, ...] = Field(min_length=1, max_length=10_000)
    """Points of the curve, ascending in `escalated`; (0, 0) and (1, 1) are known without saying."""
    average: Fraction | None = None
    """Share of the gap recovered on average over all thresholds (APGR), as published; a check on the points."""
    weak_score: float | None = None
    """Score of the weak model alone."""
    strong_score: float | None = None
    """Score of the strong model alone."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        _check_ascending("escalated", [point.escalated for point in self.points])
        return self


class CachePoint(Strict):
    """What a semantic cache does at one setting."""

    threshold: Fraction
    """The setting, see `control`."""
    hit_rate_low: Fraction
    """Share of requests answered from the cache, pessimistic end."""
    hit_rate_high: Fraction
    """The same, optimistic end."""
    false_hits_low: Fraction | None = None
    """Share *of requests* (not of hits) answered from the cache and wrongly, optimistic end; absent = not known."""
    false_hits_high: Fraction | None = None
    """The same, pessimistic end; absent = not known, and then no quality can be promised."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ranges(self, ("hit_rate", "false_hits"))
        if self.false_hits_high is not None and self.false_hits_high > self.hit_rate_high:
            raise ValueError("there are more false hits than hits; give false hits as a share of requests")
        return self


class SemanticCacheCurve(LeverFact):
    """A semantic cache on one kind of traffic: hits and false hits by threshold. Thresholds do not carry over."""

    method: str
    """How it decides: static threshold, learned threshold …"""
    traffic: str
    """What the requests were."""
    control: CacheControl = "similarity"
    """What `threshold` is: the least cosine similarity of a hit, or the share of wrong answers aimed at."""
    requests: PositiveInt | None = None
    """How many requests were sent, in the smallest run."""
    points: tuple[CachePoint, ...] = Field(min_length=1, max_length=10_000)
    """Points of the curve, ascending in `threshold`."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        _check_ascending("threshold", [point.threshold for point in self.points])
        return self


class ContextPoint(Strict):
    """Quality at one length of context."""

    tokens: Tokens
    """Length of the input."""
    score: Accuracy
    """Score there, as published, in percent."""
    kept_low: NonNegativeFloat
    """Score over that at the short context, pessimistic end."""
    kept_high: NonNegativeFloat
    """The same, optimistic end; above 1 where the longer input scored better."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ranges(self, ("kept",))
        return self


class ContextEffect(LeverFact):
    """How the quality of a model falls with the length of its input, on one benchmark."""

    model: Identifier
    """The model, a catalog name or as published."""
    benchmark: str
    """What was measured: RULER, NoLiMa …; never mix two."""
    base_tokens: Tokens
    """The short context that scores are compared with."""
    base_score: Accuracy
    """Score there, in percent."""
    points: tuple[ContextPoint, ...] = Field(min_length=1, max_length=1_000)
    """Longer contexts, ascending."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        _check_ascending("tokens", [self.base_tokens, *(point.tokens for point in self.points)])
        return self


class PositionPoint(Strict):
    """Accuracy with the gold passage at one place."""

    position: Fraction
    """Place of the gold passage: 0 = first, 1 = last."""
    accuracy_low: Accuracy
    """Share of questions answered rightly in percent, pessimistic end."""
    accuracy_high: Accuracy
    """The same, optimistic end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ranges(self, ("accuracy",))
        return self


class PositionEffect(LeverFact):
    """Lost in the middle: how accuracy depends on where among the passages the right one stands."""

    model: Identifier
    """The model, a catalog name or as published."""
    task: str
    """What was asked."""
    passages: PositiveInt
    """Passages in the prompt, the right one among them."""
    alone: Accuracy | None = None
    """Accuracy with the right passage only, in percent: the ceiling."""
    without: Accuracy | None = None
    """Accuracy without any passage, in percent: what the model knows by itself."""
    points: tuple[PositionPoint, ...] = Field(min_length=1, max_length=1_000)
    """Places, ascending."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        _check_ascending("position", [point.position for point in self.points])
        return self


class Component(LeverFact):
    """Something beside the models that is paid by the call, by the token or by the hour; what is absent is not known.

    All prices given are paid together: calls, tokens, and hours of as many replicas as the calls need; `fixed` is the least
    the sum can be. Where sources give a range, the plain field is its dear or slow end, so that a plan errs on the safe side.
    """

    kind: ComponentKind
    """What it is for."""
    seller: str = ""
    """Who sells it; empty = software you run."""
    call: str = ""
    """What one call is: a search of at most 100 documents, a read unit, a query …"""
    per_call: DollarsPerCall | None = None
    """Price of a call."""
    per_call_low: DollarsPerCall | None = None
    """Low end of the prices found."""
    per_token: DollarsPerToken | None = None
    """Price of a token sent."""
    per_token_low: DollarsPerToken | None = None
    """Low end of the prices found."""
    hourly: DollarsPerHour | None = None
    """Price of a replica."""
    rate_per_replica: RequestRate | None = None
    """Calls per second that a replica answers at most."""
    rate_per_replica_high: RequestRate | None = None
    """High end of the rates measured."""
    fixed: DollarsPerHour | None = None
    """Least bill, whatever the use."""
    limit: RequestRate | None = None
    """Most calls per second it accepts in all; calls beyond it fail and are tried again where there are retries."""
    latency_mean: Seconds | None = None
    """Mean latency of a call."""
    latency_p50: Seconds | None = None
    """Median latency of a call."""
    latency_p95: Seconds | None = None
    """95th percentile of the latency of a call."""
    latency_p99: Seconds | None = None
    """99th percentile of the latency of a call."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for low, high in (
            ("per_call_low", "per_call"),
            ("per_token_low", "per_token"),
            ("rate_per_replica", "rate_per_replica_high"),
            ("latency_p50", "latency_p95"),
            ("latency_p95", "latency_p99"),
            ("latency_p50", "latency_p99"),
        ):
            _check_range(self, low, high)
        for need, end in (("per_call", "low"), ("per_token", "low"), ("rate_per_replica", "high")):
            if getattr(self, f"{need}_{end}") is not None and getattr(self, need) is None:
                raise ValueError(f"{need}_{end} is one end of a range; give {need} as well")
        facts = ("per_call", "per_token", "hourly", "rate_per_replica", "fixed", *_LATENCIES)
        if all(getattr(self, name) is None for name in facts):
            raise ValueError("the component has neither a price nor a rate nor a latency; give one of them")
        return self


_LATENCIES = ("latency_mean", "latency_p50", "latency_p95", "latency_p99")


class TrainingPoint(Strict):
    """Quality after some training."""

    tokens: Tokens
    """Tokens trained on."""
    kept_low: NonNegativeFloat
    """Score over that of the parent model, on the benchmark where it is least."""
    kept_high: NonNegativeFloat
    """The same where it is most; above 1 where training improved on the parent."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ranges(self, ("kept",))
        return self


class FineTuneFact(LeverFact):
    """What it takes to make a model of one's own: training rate, GPU-hours or price, and what it was measured on."""

    method: Method
    """All weights, adapters, adapters on 4-bit weights, distillation, pruning (with what training follows it)."""
    model: Identifier
    """The model trained, a catalog name or as published."""
    base_parameters: PositiveFloat | None = None
    """Its parameters, in units (for pruning and distillation those of the small model); absent = not known."""
    accelerator: Identifier | None = None
    """The device, a name in `accelerators`; absent = not known or not in the catalog."""
    devices: PositiveInt | None = None
    """Devices used together."""
    rate_low: TokenRate | None = None
    """Tokens per second and device, pessimistic end."""
    rate_high: TokenRate | None = None
    """The same, optimistic end."""
    gpu_hours_low: PositiveFloat | None = None
    """Device-hours of the whole job, optimistic end."""
    gpu_hours_high: PositiveFloat | None = None
    """The same, pessimistic end."""
    memory: Bytes | None = None
    """Peak memory per device."""
    per_token: DollarsPerToken | None = None
    """Price of a training token, where a seller trains."""
    cost_high: Dollars | None = None
    """Price of the whole job, an upper bound."""
    quality: tuple[TrainingPoint, ...] = Field(default=(), max_length=1_000)
    """Share of the parent's score by tokens trained on, ascending."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_ranges(self, ("rate", "gpu_hours"))
        _check_ascending("tokens", [point.tokens for point in self.quality])
        known = (self.rate_high, self.gpu_hours_high, self.per_token, self.cost_high)
        if all(value is None for value in known) and not self.quality:
            raise ValueError("the fact has neither a rate nor hours nor a price nor a quality; give one of them")
        return self


def _check_ends(point: EscalationPoint) -> None:
    """Refuse what contradicts the meaning of the share recovered: nothing without escalation, all with nothing else."""
    ends = {0.0: "at escalated 0 the weak model answers all", 1.0: "at escalated 1 the strong model answers all"}
    told = ends.get(point.escalated)
    if told and (point.recovered_low, point.recovered_high) != (point.escalated, point.escalated):
        raise ValueError(f"{told}; give recovered {point.escalated:g}")


def _check_ranges(owner: Strict, names: Iterable[str]) -> None:
    """Check that each range has both ends or none, in order."""
    for name in names:
        low, high = f"{name}_low", f"{name}_high"
        if (getattr(owner, low) is None) != (getattr(owner, high) is None):
            raise ValueError(f"{low} and {high} belong together; give both or none")
        _check_range(owner, low, high)


def _check_range(owner: Strict, low: str, high: str) -> None:
    """Check that one figure, where both are known, is not above another."""
    lower, upper = getattr(owner, low), getattr(owner, high)
    if lower is not None and upper is not None and lower > upper:
        raise ValueError(f"{low} {lower:g} is above {high} {upper:g}; check which is which")


def _check_ascending(name: str, values: Sequence[float]) -> None:
    """Check that the places of points rise strictly."""
    for before, after in pairwise(values):
        if after <= before:
            raise ValueError(f"points must ascend in {name}, but {after:g} follows {before:g}; check their order")
