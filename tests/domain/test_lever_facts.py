"""Rows of lever facts: what a range, a curve and a price must satisfy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from planner.domain.lever_facts import (
    Component,
    ContextEffect,
    EscalationPoint,
    FineTuneFact,
    PositionEffect,
    Router,
    SemanticCacheCurve,
)

READ = {"source": "test", "as_of": "2026-01"}
POINT = {"escalated": 0.3, "recovered_low": 0.5, "recovered_high": 0.6}
ROUTER = {"strong": "big", "weak": "small", "kind": "rule", "points": [POINT], **READ}
HIT = {"threshold": 0.9, "hit_rate_low": 0.2, "hit_rate_high": 0.3}
CACHE = {"method": "static", "traffic": "questions", "points": [HIT], **READ}
LENGTH = {"tokens": 8192, "score": 80.0, "kept_low": 0.85, "kept_high": 0.9}
CONTEXT = {"model": "m", "benchmark": "b", "base_tokens": 4096, "base_score": 92.0, "points": [LENGTH], **READ}
PLACE = {"position": 0.5, "accuracy_low": 50.0, "accuracy_high": 52.0}
POSITION = {"model": "m", "task": "t", "passages": 20, "points": [PLACE], **READ}
COMPONENT = {"kind": "rerank", "per_call": "$2.50/kreq", "per_call_low": "$2/kreq", **READ}
TUNING = {"method": "lora", "model": "m", "base_parameters": 8e9, "rate_low": "100 tok/s", "rate_high": "200 tok/s", **READ}

WHOLE: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Router, ROUTER),
    (SemanticCacheCurve, CACHE),
    (ContextEffect, CONTEXT),
    (PositionEffect, POSITION),
    (Component, COMPONENT),
    (FineTuneFact, TUNING),
]


@pytest.mark.parametrize(("kind", "row"), WHOLE)
def test_a_sound_row(kind: type[BaseModel], row: dict[str, Any]) -> None:
    assert kind.model_validate(row)
    with pytest.raises(ValidationError):
        kind.model_validate({**row, "unheard_of": 1})
    with pytest.raises(ValidationError):
        kind.model_validate({key: value for key, value in row.items() if key != "source"})


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        (Router, {**ROUTER, "points": []}, "at least 1"),
        (Router, {**ROUTER, "points": [POINT, POINT]}, "ascend in escalated, but 0.3 follows 0.3"),
        (Router, {**ROUTER, "points": [POINT, {**POINT, "escalated": 0.2}]}, "ascend"),
        (Router, {**ROUTER, "points": [{**POINT, "escalated": 1.2}]}, "less than or equal to 1"),
        (Router, {**ROUTER, "points": [{**POINT, "recovered_low": -0.1}]}, "greater than or equal to 0"),
        (Router, {**ROUTER, "points": [{**POINT, "recovered_low": 0.7}]}, "recovered_low 0.7 is above recovered_high 0.6"),
        (Router, {**ROUTER, "points": [{**POINT, "escalated": 0}]}, "give recovered 0"),
        (Router, {**ROUTER, "points": [{**POINT, "escalated": 1}]}, "give recovered 1"),
        (Router, {**ROUTER, "points": [{**POINT, "escalated": float("nan")}]}, "greater than or equal to 0"),
        (Router, {**ROUTER, "kind": "oracle"}, "classifier"),
        (SemanticCacheCurve, {**CACHE, "points": [{**HIT, "hit_rate_low": 0.4}]}, "hit_rate_low"),
        (SemanticCacheCurve, {**CACHE, "points": [{**HIT, "false_hits_low": 0.1}]}, "both or none"),
        (SemanticCacheCurve, {**CACHE, "points": [{**HIT, "false_hits_low": 0.2, "false_hits_high": 0.5}]}, "share of requests"),
        (SemanticCacheCurve, {**CACHE, "points": [HIT, {**HIT, "threshold": 0.8}]}, "ascend in threshold"),
        (ContextEffect, {**CONTEXT, "points": [{**LENGTH, "tokens": 4096}]}, "ascend in tokens"),
        (ContextEffect, {**CONTEXT, "points": [{**LENGTH, "kept_low": 0.95}]}, "kept_low"),
        (ContextEffect, {**CONTEXT, "base_score": 120.0}, "100"),
        (PositionEffect, {**POSITION, "points": [PLACE, PLACE]}, "ascend in position"),
        (PositionEffect, {**POSITION, "points": [{**PLACE, "accuracy_low": 60.0}]}, "accuracy_low"),
        (Component, {"kind": "logging", **READ}, "neither a price nor a rate nor a latency"),
        (Component, {**COMPONENT, "per_call_low": "$3/kreq"}, "per_call_low"),
        (Component, {**COMPONENT, "per_token_low": "$3/Mtok"}, "give per_token as well"),
        (Component, {**COMPONENT, "per_call": 0.0025}, "such as '$2.50/kreq'"),
        (Component, {**COMPONENT, "latency_p50": "2s", "latency_p99": "1s"}, "latency_p50 2 is above latency_p99 1"),
        (FineTuneFact, {**TUNING, "rate_low": None}, "both or none"),
        (FineTuneFact, {**TUNING, "rate_low": None, "rate_high": None}, "neither a rate nor hours"),
        (FineTuneFact, {**TUNING, "gpu_hours_low": 3.0, "gpu_hours_high": 2.0}, "gpu_hours_low 3 is above"),
    ],
)
def test_a_row_that_cannot_be(kind: type[BaseModel], row: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(row)
    assert words in str(caught.value)


def test_the_ends_of_a_curve_may_be_written() -> None:
    for end in (0.0, 1.0):
        assert EscalationPoint(escalated=end, recovered_low=end, recovered_high=end).escalated == end


def test_prices_by_the_call() -> None:
    made = Component.model_validate({**COMPONENT, "fixed": "$73/month"})
    assert made.per_call == pytest.approx(0.0025)
    assert made.per_call_low == pytest.approx(0.002)
    assert made.fixed == pytest.approx(0.1)
