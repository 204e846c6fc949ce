"""Mistakes in call graphs and levers: one clear message each, with its path and the remedy, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import yaml
from call_graphs import CHECK, TOKENS, effect, facts, issues, lever, span, stages

from planner.catalog.problem import load_problem
from planner.errors import InvalidInput


def test_a_good_file_has_no_finding(tmp_path: Path) -> None:
    offers = [
        {**lever("call_budget", **effect(stage="plan", rounds_at_most=1, quality=span(0.9, 1))), "name": "budget"},
        {**lever("semantic_cache", answered=span(0.1, 0.2), wrong=span(0, 0.01), still=["check"]), "name": "cache"},
    ]
    assert issues(tmp_path, levers=offers) == []


# What is wrong → (fields, path within the workload, part of the message, part of the remedy)
WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a circle": ({"stages": stages({"after": ["answer"]})}, "stages[0].after", "check → answer → plan → check", "`loop`"),
    "an unknown stage to wait for": (
        {"stages": stages({}, {"after": ["chek"]})},
        "stages[1].after[0]",
        "no stage 'chek'",
        "did you mean 'check'",
    ),
    "an unknown output": (
        {"stages": stages({}, {}, {"takes": {"plam": 1}})},
        "stages[2].takes.plam",
        "no stage 'plam'",
        "did you mean 'plan'",
    ),
    "an output that is not there yet": (
        {"stages": stages({}, {}, {"after": ["check"]})},
        "stages[2].takes.plan",
        "has not ended",
        "`after`",
    ),
    "tokens of a component": (
        {"stages": stages({}, {"takes": {"check": 1}})},
        "stages[1].takes.check",
        "has no tokens",
        "`chunks`",
    ),
    "two stages of one name": (
        {"stages": stages({}, {"name": "check"}, {"takes": {}})},
        "stages[1].name",
        "two stages are named 'check'",
        "its own",
    ),
    "a probability above 1": ({"stages": stages({}, {"probability": 1.2})}, "stages[1].probability", "at most 1", "at most 1"),
    "an answer in rounds": (
        {"stages": stages({}, {}, {"loop": {"mean": 2, "at_most": 3}})},
        "stages[2].loop",
        "no single first token",
        "e2e",
    ),
    "nobody answers": ({"stages": stages()[:1]}, "stages", "no stage answers", "generates"),
    "an unknown length": (
        {"stages": stages({}, {"output_tokens": None})},
        "stages[1].output_tokens",
        "is not said",
        "output_tokens",
    ),
    "a component without a tail": (
        {"stages": stages({"component": {**CHECK, "latency_p95": None}})},
        "stages[0].component.latency_p95",
        "not said",
        "give latency_p95",
    ),
    "an unknown component": (
        {"stages": stages({"component": None, "uses": "cloud/filtre"})},
        "stages[0].uses",
        "no component is named",
        "did you mean 'cloud/filter'",
    ),
    "a component of the catalog without a tail": (
        {"stages": stages({"component": None, "uses": "cloud/mean"})},
        "stages[0].uses",
        "not said by cloud/mean",
        "latency_p95",
    ),
    "a shared beginning of no prompt in particular": (
        {"shared_prefix": {"tokens": 100, "hit_rate": 0.9}},
        "shared_prefix",
        "not counted",
        "at the stages",
    ),
    "retries of the whole": ({"retries": {"attempts": 2}}, "retries", "not one call", "each stage"),
    "retries that never end": (
        {"stages": stages({}, {"retries": {"attempts": 3, "errors": 1}})},
        "stages[1].retries",
        "never end",
        "check errors",
    ),
    "an unknown model of a stage": (
        {"stages": stages({}, {"choose": {"models": {"allow": ["org/smal"]}}})},
        "stages[1].choose.models.allow[0]",
        "matches no model",
        "org/small",
    ),
    "a floor of a stage that nothing reaches": (
        {"stages": stages({}, {"quality": [{"benchmark": "exam", "at_least": 90}]})},
        "stages[1].quality[0].at_least",
        "the best is org/large with 80",
        "80 or less",
    ),
    "a lever without a source": (
        {"levers": [{k: v for k, v in lever(**effect(calls=span(0, 1))).items() if k != "source"}]},
        "levers[0].source",
        "'source' is missing",
        "add",
    ),
    "an effect without a range": (
        {"levers": [lever(**effect(calls={"low": 0.5}))]},
        "levers[0].options[0].effects[0].calls.high",
        "'high' is missing",
        "add",
    ),
    "a range upside down": (
        {"levers": [lever(**effect(calls=span(0.9, 0.5)))]},
        "levers[0].options[0].effects[0].calls",
        "below low",
        "check the two",
    ),
    "an effect on an unknown stage": (
        {"levers": [lever(**effect(stage="anwser", calls=span(0, 1)))]},
        "levers[0].options[0].effects[0].stage",
        "no stage 'anwser'",
        "answer",
    ),
    "an unknown stage that is still called": (
        {"levers": [lever("semantic_cache", answered=span(0, 0.1), wrong=span(0, 0), still=["chck"])]},
        "levers[0].options[0].still[0]",
        "no stage 'chck'",
        "check",
    ),
    "an unknown task": (
        {"levers": [lever(**effect(scores={"exams": span(60, 61)}))]},
        "levers[0].options[0].effects[0].scores.exams",
        "no benchmark",
        "exam",
    ),
    "an unknown student": (
        {"levers": [lever("student", **effect(stage="answer", models=["org/tiny"]))]},
        "levers[0].options[0].effects[0].models[0]",
        "matches no model",
        "org/",
    ),
    "a cache that says nothing of errors": (
        {"levers": [lever("semantic_cache", answered=span(0, 0.1))]},
        "levers[0].options[0]",
        "go together",
        "give both",
    ),
    "training for nothing": (
        {"levers": [lever("fine_tune", **effect(models=["org/small"]))]},
        "levers[0].options[0]",
        "what training costs",
        "`once`",
    ),
    "an unknown router": (
        {"levers": [lever("cascade", cascade={"stage": "answer", "small": ["org/small"], "router": "mff"})]},
        "levers[0].options[0].cascade.router",
        "no router is named",
        "did you mean 'mf'",
    ),
    "a cache that would answer everybody alike": (
        {"levers": [lever("semantic_cache", answered=span(0, 0.1), wrong=span(0, 0))], "personalized": 1},
        "levers[0].options[0]",
        "depends on who asks",
        "remove the cache",
    ),
    "a cache on some personal answers": (
        {"levers": [lever("semantic_cache", answered=span(0, 0.1), wrong=span(0, 0))], "personalized": 0.3},
        "levers[0].options[0]",
        "30% of answers depend on who asks",
        "keys",
    ),
    "a stage nothing turns on": ({"stages": stages({"optional": True})}, "stages[0].optional", "never called", "on: true"),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_mistake_has_one_message(tmp_path: Path, what: str) -> None:
    fields, path, message, remedy = WRONG[what]
    (found,) = issues(tmp_path, **fields)
    assert found.path == f"workloads[0].{path}"
    assert message in found.message
    assert remedy in found.remedy


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    wrong = stages({"after": ["nobody"]}, {"takes": {"nothing": 1}}, {"quality": [{"benchmark": "exma", "at_least": 1}]})
    assert len(issues(tmp_path, stages=wrong, levers=[lever("lane", **effect(stage="no", calls=span(0, 1)))])) == 5


def test_names_of_the_catalog_are_put_in_their_place(tmp_path: Path) -> None:
    """A router recovers 60 to 70 % of a gap from 50 to 80 at half of the calls: 68/80 to 71/80 of the large model's score."""
    offers = [
        {**lever("cascade", cascade={"stage": "answer", "small": ["org/small"], "router": "mf"}), "name": "route"},
        {**lever("semantic_cache", curve={"name": "arena", "threshold": 0.9}), "name": "cache"},
    ]
    made = tiny.workload(stages=stages({"component": None, "uses": "cloud/filter"}), levers=offers)
    (workload,) = tiny.load(tmp_path, tiny.problem(made), facts()).problem.workloads
    cascade, cache = (row.options[0] for row in workload.levers)
    assert workload.stages[0].component is not None
    assert workload.stages[0].component.per_call == pytest.approx(0.001)
    assert cascade.cascade is not None
    (found,) = (point for point in cascade.cascade.points if point.escalated == 0.5)
    assert (found.quality.low, found.quality.high) == (pytest.approx(68 / 80), pytest.approx(71 / 80))
    assert (cache.answered.low, cache.wrong.high) == (0.2, 0.02)  # type: ignore[union-attr]
    assert "test" in workload.levers[0].note


def test_a_curve_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("escalated,recovered\n0.25,0.5\n")
    cascade = {"stage": "answer", "small": ["org/small"], "curve": "curve.csv", "weak_score": 40, "strong_score": 80}
    made = tiny.workload(stages=stages(), levers=[lever("cascade", cascade=cascade)])
    (workload,) = tiny.load(tmp_path, tiny.problem(made)).problem.workloads
    points = workload.levers[0].options[0].cascade.points  # type: ignore[union-attr]
    (found,) = (point for point in points if point.escalated == 0.25)
    assert found.quality.low == pytest.approx(60 / 80)


LOG = {"name": "log", "component": {"kind": "logging", "per_call": "$1/kreq", **tiny.READ}}
TTFT = {"metric": "ttft", "percentile": 95, "target": "1500ms"}
E2E = {"metric": "e2e", "percentile": 95, "target": "20s"}


@pytest.mark.parametrize(
    ("log", "objectives", "found"),
    [
        (LOG, [TTFT], 0),  # nobody waits for it before the first token
        (LOG, [E2E], 1),
        (LOG, [], 0),
        ({**LOG, "after": []}, [TTFT, E2E], 0),  # beside the answer: neither before it nor after it
    ],
)
def test_only_components_that_a_promise_waits_for_need_a_tail(
    tmp_path: Path, log: dict[str, Any], objectives: list[dict[str, Any]], found: int
) -> None:
    seen = issues(tmp_path, stages=[*stages(), log], objectives=objectives)
    assert [issue.path for issue in seen] == ["workloads[0].stages[3].component.latency_p95"] * found


@pytest.mark.parametrize("target", [{"stage": "check", "on": True}, {"on": True}])
def test_a_stage_that_a_lever_turns_on_is_called(tmp_path: Path, target: dict[str, Any]) -> None:
    assert issues(tmp_path, stages=stages({"optional": True}), levers=[lever(**effect(**target))]) == []


def test_floors_hold_for_the_stage_that_answers_without_levers(tmp_path: Path) -> None:
    """A last stage that only a lever turns on may use a small model alone: the floor is not held against that."""
    polish = {"name": "polish", "optional": True, "output_tokens": TOKENS, "choose": {"models": {"allow": ["org/small"]}}}
    floor = [{"benchmark": "exam", "at_least": 60}]
    assert issues(tmp_path, stages=[*stages(), polish], quality=floor, levers=[lever(**effect(stage="polish", on=True))]) == []


def test_floors_of_a_stage_are_held_against_models_of_its_role(tmp_path: Path) -> None:
    embed = {"name": "embed", "role": "embed", "quality": [{"benchmark": "exam", "at_least": 50}]}
    (found,) = issues(tmp_path, stages=[embed, *stages({"after": []})])
    assert found.path == "workloads[0].stages[0].quality[0].benchmark"
    assert "org/" not in found.remedy


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    tiny.load(tmp_path, tiny.problem())
    made = tiny.problem(tiny.workload(stages=stages({}, {"probability": 1.2}, {"takes": {"plam": 1}})))
    path = tmp_path / "lines.yaml"
    path.write_text(yaml.safe_dump({**made, "catalogs": {"builtin": False, "files": ["catalog.yaml"]}}, sort_keys=False))
    text = path.read_text().splitlines()
    with pytest.raises(InvalidInput) as caught:
        load_problem(path)
    (found,) = caught.value.issues
    assert "probability: 1.2" in text[found.line - 1]
    path.write_text(path.read_text().replace("probability: 1.2", "probability: 0.2"))
    with pytest.raises(InvalidInput) as caught:
        load_problem(path)
    (found,) = caught.value.issues
    assert "plam: 1" in text[found.line - 1]


@pytest.mark.parametrize(("percentile", "warned"), [(95, 0), (99, 1)])
def test_a_promise_above_what_is_known_of_a_component_is_flagged(tmp_path: Path, percentile: float, warned: int) -> None:
    found = issues(tmp_path, objectives=[{**TTFT, "percentile": percentile}])
    assert [issue.path for issue in found] == ["workloads[0].stages[0]"] * warned
    assert all("planned with its 95th percentile" in issue.message for issue in found)
