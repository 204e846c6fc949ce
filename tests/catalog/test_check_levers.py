"""Mistakes in levers: what each kind must say, who is named, what is left to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from call_graphs import TOKENS, effect, issues, lever, span, stages

from planner.catalog.check_levers import NEEDS
from planner.domain.levers import Kind

POINT = {"escalated": 0.5, "quality": span(0.9, 1)}
OPTION = "workloads[0].levers[0].options[0]"
HALF = span(0.5, 0.6)

# Kind → the option that says all it must; without any of it there is a finding.
WHOLE: dict[str, dict[str, Any]] = {
    "semantic_cache": {"answered": span(0.1, 0.2), "wrong": span(0, 0.01)},
    "prompt_cache": effect(stage="answer", prefix={"tokens": 100, "hit_rate": span(0.9, 1)}),
    "retrieval_depth": effect(stage="answer", chunks=4),
    "compression": effect(stage="answer", input_tokens=HALF, quality=span(0.9, 1)),
    "token_budget": effect(stage="answer", output_at_most=100),
    "history_summary": effect(stage="answer", history_tokens=span(100, 200)),
    "call_budget": effect(stage="plan", rounds_at_most=1),
    "skip": effect(stage="check", calls=HALF),
    "student": effect(stage="answer", models=["org/small"]),
    "fine_tune": {**effect(stage="answer", models=["org/small"]), "once": "$1000", "months": 12},
    "cascade": {"cascade": {"stage": "answer", "small": ["org/small"], "points": [POINT]}},
    "intent": effect(stage="answer", classes=[{"name": "easy", "share": 0.4}, {"name": "hard", "share": 0.6}]),
    "lane": effect(stage="plan", lane={"share": 0.5, "deadline": "1h"}),
}


def test_every_kind_has_its_needs() -> None:
    assert set(NEEDS) == set(get_args(Kind)) == {*WHOLE, "other"}


@pytest.mark.parametrize("kind", WHOLE)
def test_an_option_must_say_what_its_kind_is_about(tmp_path: Path, kind: str) -> None:
    assert issues(tmp_path, levers=[lever(kind, **WHOLE[kind])]) == []
    found = issues(tmp_path, levers=[lever(kind, per_request="$1/kreq")])
    assert len(found) == len(NEEDS[kind])  # type: ignore[index]
    for issue, (_, what) in zip(sorted(found, key=str), sorted(NEEDS[kind], key=lambda need: need[1]), strict=True):  # type: ignore[index]
        assert issue.path == OPTION
        assert f"kind {kind} must say {what}" in issue.message
        assert f"add {what}" in issue.remedy


def _cascade(**fields: Any) -> list[dict[str, Any]]:
    return [lever("cascade", cascade={"stage": "answer", "small": ["org/small"], **fields})]


def _cache(**fields: Any) -> list[dict[str, Any]]:
    return [lever("semantic_cache", **fields)]


def _twice(key: str) -> list[dict[str, Any]]:
    one = lever(**effect(calls=HALF))
    return [one, one] if key == "levers" else [{**one, "options": one["options"] * 2}]


def _intent(*classes: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return [lever("intent", **effect(stage="answer", classes=list(classes), **fields))]


def _moved(curve: str, **fields: Any) -> list[dict[str, Any]]:
    return [
        lever(
            "retrieval_depth", **effect(stage="answer", chunks=4, places={"before": MOVED, "after": {"curve": curve}}, **fields)
        )
    ]


EASY, HARD = {"name": "easy", "share": 0.4}, {"name": "hard", "share": 0.6}
MOVED = {"curve": "documents/small"}

# What is wrong → (levers, path, part of the message, part of the remedy)
WRONG: dict[str, tuple[list[dict[str, Any]], str, str, str]] = {
    "two levers of one name": (_twice("levers"), "workloads[0].levers[1].name", "two levers are named 'lever'", "its own"),
    "two options of one name": (
        _twice("options"),
        "workloads[0].levers[0].options[1].name",
        "two options are named 'on'",
        "its own",
    ),
    "compression that says nothing of quality": (
        [lever("compression", **effect(stage="answer", input_tokens=HALF))],
        OPTION,
        "what it does to `quality`",
        "add",
    ),
    "training without a time": (
        [lever("fine_tune", **effect(models=["org/small"]), once="$1000")],
        OPTION,
        "once needs months",
        "give the time",
    ),
    "intents that are not everything": (
        _intent(EASY, {**HARD, "share": 0.5}),
        f"{OPTION}.effects[0]",
        "the classes sum to 0.9",
        "sum to 1",
    ),
    "two intents of one name": (_intent(EASY, {**HARD, "name": "easy"}), f"{OPTION}.effects[0]", "same name", "its own"),
    "an unknown model for an intent": (
        _intent({**EASY, "models": ["org/smal"]}, HARD),
        f"{OPTION}.effects[0].classes[0].models[0]",
        "matches no model",
        "'org/small'",
    ),
    "an unknown benchmark for an intent": (
        _intent(EASY, {**HARD, "quality": [{"benchmark": "exams", "at_least": 50}]}),
        f"{OPTION}.effects[0].classes[1].quality[0].benchmark",
        "no benchmark is named 'exams'",
        "'exam'",
    ),
    "an unknown curve of places": (
        _moved("documents/smal"),
        f"{OPTION}.effects[0].places.after.curve",
        "no curve of accuracy by place",
        "'documents/small'",
    ),
    "places and a factor": (
        _moved("documents/small", quality=span(0.9, 1)),
        f"{OPTION}.effects[0]",
        "say the same",
        "give one of them",
    ),
    "fewer passages where there are none": (
        [lever("retrieval_depth", **effect(stage="plan", chunks=4))],
        f"{OPTION}.effects[0].chunks",
        "'plan' has no `chunks`",
        "give the stage `chunks`",
    ),
    "a summary of no history": (
        [lever("history_summary", **effect(stage="plan", history_tokens=span(1, 2)))],
        f"{OPTION}.effects[0].history_tokens",
        "'plan' has no `history`",
        "remove history_tokens",
    ),
    "a budget of rounds for no loop": (
        [lever("call_budget", **effect(stage="answer", rounds_at_most=2))],
        f"{OPTION}.effects[0].rounds_at_most",
        "'answer' has no `loop`",
        "give the stage `loop`",
    ),
    "a stage turned on that is there": (
        [lever(**effect(stage="check", on=True))],
        f"{OPTION}.effects[0].on",
        "there in any case",
        "optional: true",
    ),
    "a cascade at no stage": (_cascade(stage="anwser", points=[POINT]), f"{OPTION}.cascade.stage", "no stage", "'answer'"),
    "a cascade at a component": (_cascade(stage="check", points=[POINT]), f"{OPTION}.cascade.stage", "no model", "calls a model"),
    "an unknown small model": (
        _cascade(small=["org/smal"], points=[POINT]),
        f"{OPTION}.cascade.small[0]",
        "matches no model",
        "'org/small'",
    ),
    "an unknown large model": (
        _cascade(large=["org/larg"], points=[POINT]),
        f"{OPTION}.cascade.large[0]",
        "matches no model",
        "'org/large'",
    ),
    "no curve": (_cascade(), f"{OPTION}.cascade", "found none", "exactly one of points, router, curve"),
    "two curves": (_cascade(points=[POINT], router="mf"), f"{OPTION}.cascade", "found points, router", "exactly one"),
    "a router whose scores are not known": (
        _cascade(router="unscored"),
        f"{OPTION}.cascade.router",
        "scores of the weak and the strong model",
        "give cascade.weak_score",
    ),
    "small models that are better": (
        _cascade(router="mf", weak_score=90),
        f"{OPTION}.cascade.router",
        "score 90 and the large ones 80",
        "the larger one",
    ),
    "a curve without scores": (_cascade(curve="curve.csv"), f"{OPTION}.cascade", "gap between two scores", "weak_score"),
    "a curve of better small models": (
        _cascade(curve="curve.csv", weak_score=90, strong_score=80),
        f"{OPTION}.cascade.curve",
        "no gap",
        "the larger one",
    ),
    "a curve that is not there": (
        _cascade(curve="curves.csv", weak_score=50, strong_score=80),
        f"{OPTION}.cascade.curve",
        "no file 'curves.csv'",
        "did you mean 'curve.csv'",
    ),
    "an unknown cache": (
        _cache(curve={"name": "arna", "threshold": 0.9}),
        f"{OPTION}.curve.name",
        "no semantic cache is named",
        "did you mean 'arena'",
    ),
    "a threshold that was not measured": (
        _cache(curve={"name": "arena", "threshold": 0.7}),
        f"{OPTION}.curve.threshold",
        "not measured at 0.7",
        "0.9",
    ),
    "false hits that are not known": (
        _cache(curve={"name": "arena", "threshold": 0.8}),
        f"{OPTION}.curve.threshold",
        "wrong at 0.8 is not known",
        "give answered and wrong",
    ),
    "a cache said twice": (
        _cache(curve={"name": "arena", "threshold": 0.9}, answered=span(0.1, 0.2), wrong=span(0, 0)),
        OPTION,
        "say the same as curve",
        "give one",
    ),
    "students of a component": (
        [lever("student", **effect(stage="check", models=["org/small"]))],
        f"{OPTION}.effects[0].stage",
        "no model",
        "calls a model",
    ),
    "nobody left to answer": (
        [lever("skip", **effect(stage="answer", off=True))],
        f"{OPTION}.effects[0].off",
        "leaves out 'answer'",
        "turn on an optional stage",
    ),
    "nothing left at all": ([lever("skip", **effect(off=True))], f"{OPTION}.effects[0].off", "leaves out 'answer'", "leave out"),
    "an end that is missing": (
        [lever("lane", **effect(stage="plan", lane={"share": 0.5}))],
        f"{OPTION}.effects[0].lane.deadline",
        "'deadline' is missing",
        "add",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_mistake_has_one_message(tmp_path: Path, what: str) -> None:
    levers, path, message, remedy = WRONG[what]
    (tmp_path / "curve.csv").write_text("escalated,recovered_low,recovered_high\n0.5,0.4,0.6\n")
    (found,) = issues(tmp_path, levers=levers)
    assert (found.path, found.line) == (path, 1)
    assert message in found.message
    assert remedy in found.remedy


def test_what_is_wrong_within_a_curve_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("escalated,recovered\n0.5,1.4\n")
    (found,) = issues(tmp_path, levers=_cascade(curve="curve.csv", weak_score=50, strong_score=80))
    assert Path(found.file).name == "curve.csv"
    assert (found.line, found.path) == (2, "recovered")


@pytest.mark.parametrize("place", [0, 3])
def test_another_stage_may_answer_instead(tmp_path: Path, place: int) -> None:
    """One call that plans and answers may take the place of two, wherever in the list it stands."""
    graph = stages({}, {}, {"after": ["plan"]})
    graph.insert(place, {"name": "both", "optional": True, "after": [], "output_tokens": TOKENS})
    graph[1 if place == 0 else 0]["after"] = []
    swap = [{"stage": "both", "on": True}, {"stage": "plan", "off": True}, {"stage": "answer", "off": True}]
    assert issues(tmp_path, stages=graph, levers=[lever("other", effects=swap)]) == []


FLOOR = [{"benchmark": "exam", "at_least": 60}]  # org/small scores 50, org/large 80


@pytest.mark.parametrize(
    ("levers", "path"),
    [
        ([lever("student", **effect(stage="answer", models=["org/small"]))], "effects[0].models"),
        ([lever("student", **effect(models=["org/small"]))], "effects[0].models"),
        ([lever("student", **effect(stage="answer", models=["org/small"], scores={"exam": span(50, 59)}))], "effects[0].models"),
        (_cascade(large=["org/small"], points=[POINT]), "cascade.large"),
        ([lever("student", **effect(stage="answer", models=["org/*"]))], ""),
        ([lever("student", **effect(stage="plan", models=["org/small"]))], ""),
        ([lever("student", **effect(stage="answer", models=["org/small"], scores={"exam": span(55, 61)}))], ""),
        (_cascade(large=["org/large"], points=[POINT]), ""),
    ],
)
def test_models_that_no_floor_lets_through_are_told(tmp_path: Path, levers: list[dict[str, Any]], path: str) -> None:
    found = issues(tmp_path, levers=levers, quality=FLOOR)
    assert [issue.path for issue in found] == ([f"{OPTION}.{path}"] if path else [])
    assert all("no model named here reaches 60 on exam: the best is org/small with 50" in issue.message for issue in found)


@pytest.mark.parametrize(("high", "at_fault"), [(95, False), (85, True)])
def test_scores_that_levers_bring_reach_a_floor_or_do_not(tmp_path: Path, high: float, at_fault: bool) -> None:
    own = [lever("student", **effect(stage="answer", models=["org/large"], scores={"exam": span(80, high)}))]
    found = issues(tmp_path, levers=own, quality=[{"benchmark": "exam", "at_least": 90}])
    assert ("workloads[0].quality[0].at_least" in [issue.path for issue in found]) == at_fault


def test_scores_of_one_stage_do_not_reach_the_floor_of_another(tmp_path: Path) -> None:
    own = [lever("student", **effect(stage="plan", models=["org/large"], scores={"exam": span(91, 95)}))]
    (found,) = issues(tmp_path, levers=own, quality=[{"benchmark": "exam", "at_least": 90}])
    assert found.path == "workloads[0].quality[0].at_least"


@pytest.mark.parametrize("named", [effect(stage="answer", models=["org/large"]), {}])
def test_models_that_a_lever_names_may_reach_what_those_chosen_do_not(tmp_path: Path, named: dict[str, Any]) -> None:
    chosen = {"models": {"allow": ["org/small"]}}
    found = issues(tmp_path, levers=[lever(**named)], quality=FLOOR, choose=chosen)
    assert [issue.path for issue in found] == ([] if named else ["workloads[0].quality[0].at_least"])
