"""Facts of levers and components: the figures planned with, the ranges they are from, and how they are known."""

from __future__ import annotations

from typing import Any

import pytest

from planner.demand.settings import Setting, View, settings_of
from planner.domain.levers import Lever
from planner.domain.stages import Component
from planner.plan.effects import component, ranges, said

READ = {"source": "a paper", "as_of": "2026-01"}


def setting(kind: str = "other", **option: Any) -> Setting:
    lever = Lever.model_validate({"name": "it", "kind": kind, "options": [{"name": "one", **option}], **READ})
    return settings_of(lever, hurried=False)[0]


CACHE = {
    "answered": {"low": 0.2, "high": 0.4},
    "wrong": {"low": 0.0, "high": 0.02},
    "stale": {"low": 0.1, "high": 0.5},
    "delay": {"p95": "30ms"},
    "per_request": "$0.1/kreq",
}


@pytest.mark.parametrize(
    ("view", "answers", "wrong"), [("pessimistic", "10%", "2%"), ("middle", "21%", "1%"), ("optimistic", "36%", "0%")]
)
def test_figures_are_those_of_the_view(view: View, answers: str, wrong: str) -> None:
    text = "; ".join(said(setting("semantic_cache", **CACHE), view))
    assert f"answers {answers} of requests (known: 20% to 40%)" in text
    assert f"wrong answers {wrong} (known: 0% to 2%)" in text
    assert text.endswith("adds 30 ms at p95; $0.0001 a request")


def test_effects_are_told_stage_by_stage() -> None:
    effect = {
        "stage": "answer",
        "calls": {"low": 1, "high": 1.1},
        "output_at_most": 300,
        "chunks": 4,
        "quality": {"low": 0.98, "high": 0.98},
        "lane": {"share": 0.25, "deadline": "1h"},
        "scores": {"exam": {"low": 61, "high": 63}},
    }
    found = list(said(setting(effects=[effect]), "pessimistic"))
    assert found == [
        "answer: calls × 1.1 (known: 1 to 1.1)",
        "answer: output cut at 300 tokens",
        "answer: 4 passages",
        "answer: 25% of calls may wait 3600 s",
        "answer: score × 0.98",
        "answer: exam 61 (known: 61 to 63)",
    ]


def test_a_cascade_tells_its_point() -> None:
    cascade = {"small": ["org/small"], "points": [{"escalated": 0.2, "quality": {"low": 0.9, "high": 0.95}}]}
    made = setting("cascade", cascade=cascade)
    assert list(said(made, "pessimistic")) == [
        "sends on 20% of calls and reaches 90% (known: 90% to 95%) of the large models' score"
    ]
    assert len(ranges(made)) == 1


def test_points_are_no_ranges() -> None:
    assert ranges(setting(effects=[{"calls": {"low": 0.5, "high": 0.5}}])) == []


def test_a_component_says_what_it_takes() -> None:
    row = Component.model_validate(
        {
            "kind": "moderation",
            "per_call": "$1/kreq",
            "hourly": "$2/h",
            "rate_per_replica": "5/s",
            "latency_mean": "40ms",
            "latency_p95": "90ms",
            **READ,
        }
    )
    assert component(row) == "$0.001 a call, $2 an hour and replica, 5 calls/s a replica, 40 ms, 90 ms at p95"
    assert component(Component.model_validate({"kind": "logging", "per_call": "$0/kreq", **READ})) == "free, at once"
