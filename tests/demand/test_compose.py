"""Sets of levers pulled on one workload: calls, promises and costs by hand."""

from __future__ import annotations

from typing import Any

import pytest
import tiny
from flows import RATE, component, effect, flows, lever, pulled, rates, span, streams

from planner.demand.compose import latency_of
from planner.domain.calls import Objective
from planner.domain.lever_facts import Component
from planner.errors import InvalidInput

PLANNER = {"name": "planner", "probability": 0.4, "loop": {"mean": 2, "at_most": 3}}
ANSWER = {"name": "answer"}


def promised(metric: str, target: str, percentile: float = 95) -> dict[str, Any]:
    return {"metric": metric, "percentile": percentile, "target": target}


def target_of(objectives: tuple[Objective, ...], metric: str) -> float:
    return min(objective.target for objective in objectives if objective.metric == metric)


# Four requests in ten, 1 + 1/2 + 1/4 rounds each; 1 + 0.1 + 0.01 tries an answer.
def test_visits_rounds_and_tries_multiply() -> None:
    answer = {**ANSWER, "retries": {"attempts": 3, "errors": 0.1}}
    found = flows(PLANNER, answer)
    (way,) = found.ways
    assert rates(found, way) == {"desk/planner": pytest.approx(7.0), "desk/answer": pytest.approx(11.1)}
    assert way.model_calls == pytest.approx(0.7 + 1.11)
    assert [step.retried for step in way.steps] == [pytest.approx(0.0), pytest.approx(0.11 / 1.11)]
    assert [step.reached for step in way.steps] == [0.4, 1.0]


# A budget of two rounds leaves 1 + 1/2, of one round 1; a gate halves how often it plans at all.
@pytest.mark.parametrize(
    ("fields", "calls"), [({"rounds_at_most": 2}, 0.6), ({"rounds_at_most": 1}, 0.4), ({"rounds_at_most": 9}, 0.7)]
)
def test_a_budget_of_rounds_cuts_the_loop(fields: dict[str, Any], calls: float) -> None:
    found = flows(PLANNER, ANSWER, levers=[effect("budget", stage="planner", **fields)])
    (way,) = found.ways  # without the budget there are as many calls or more
    assert way.model_calls == pytest.approx(1 + calls)
    assert bool(way.settings) == (calls < 0.7)


def test_the_tighter_of_two_budgets_counts_and_factors_multiply() -> None:
    budgets = [effect("two", stage="planner", rounds_at_most=2), effect("one", stage="planner", rounds_at_most=1)]
    gate = effect("gate", stage="planner", calls=span(0.3, 0.5))
    found = flows(PLANNER, ANSWER, levers=[*budgets, gate])
    (best,) = found.ways  # the rest has as many calls or more, of the same kind
    assert best.model_calls == pytest.approx(1 + 0.4 * 0.5)
    assert dict(best.settings) == {"one": "on", "gate": "on"}


def test_a_cache_spares_all_stages_but_those_before_it() -> None:
    """It could answer half at the low end; a fifth of that is stale at the high end, a quarter of requests are personal: 0.3."""
    option = {"answered": span(0.5, 0.9), "wrong": span(0, 0.01), "stale": span(0.1, 0.2), "still": ["check", "planner"]}
    cache = lever("cache", "semantic_cache", **option)
    found = flows({"name": "check", "component": component()}, PLANNER, ANSWER, levers=[cache], personalized=0.25)
    way = pulled(found, "cache")
    assert rates(found, way) == {"desk/planner": pytest.approx(7.0), "desk/answer": pytest.approx(RATE * 0.7)}
    assert {step.stage: step.answered for step in way.steps} == {"check": 0.0, "planner": 0.0, "answer": pytest.approx(0.3)}
    assert [step.calls for step in way.steps] == [1.0, pytest.approx(0.7), pytest.approx(0.7)]


def test_wrong_answers_raise_the_floor_of_the_answer_alone() -> None:
    own = [{"benchmark": "exam", "at_least": 30}]
    cache = lever("cache", "semantic_cache", answered=span(0.5), wrong=span(0, 0.04))
    quality = [{"benchmark": "exam", "at_least": 48}]
    found = flows({**PLANNER, "quality": own}, ANSWER, levers=[cache], quality=quality)
    made = streams(found, pulled(found, "cache"))
    assert [floor.at_least for floor in made["desk/answer"].workload.quality] == [pytest.approx(48 / 0.96)]
    assert [floor.at_least for floor in made["desk/planner"].workload.quality] == [30]


def test_whichever_stage_answers_is_held_to_the_floor_for_wrong_answers() -> None:
    """A lever puts another stage at the end: its output is the answer, and wrong answers from the cache count against it."""
    cache = lever("cache", "semantic_cache", answered=span(0.5), wrong=span(0, 0.04))
    polish = lever("polish", effects=[{"stage": "polish", "on": True}, {"stage": "answer", "output_tokens": span(0.5)}])
    stages = [ANSWER, {"name": "polish", "optional": True}]
    found = flows(*stages, levers=[cache, polish], quality=[{"benchmark": "exam", "at_least": 48}])
    way = pulled(found, "cache", "polish")
    made = streams(found, way)
    assert way.answer == "polish"
    assert [floor.at_least for floor in made["desk/polish"].workload.quality] == [pytest.approx(48 / 0.96)]
    assert made["desk/answer"].workload.quality == ()


POINT = {"escalated": 0.3, "quality": span(0.95, 0.98)}


def cascade(**fields: Any) -> dict[str, Any]:
    return lever("router", "cascade", cascade={"small": ["org/small"], "points": [POINT], **fields})


@pytest.mark.parametrize(("ask_first", "small", "calls"), [(True, 10.0, 1.3), (False, 7.0, 1.0)])
def test_a_cascade_parts_calls(ask_first: bool, small: float, calls: float) -> None:
    found = flows(levers=[cascade(ask_first=ask_first)], quality=[{"benchmark": "exam", "at_least": 76}])
    way = pulled(found, "router")
    made = streams(found, way)
    assert rates(found, way) == {"desk small": pytest.approx(small), "desk large": pytest.approx(3.0)}
    assert way.model_calls == pytest.approx(calls)
    assert made["desk small"].workload.quality == ()  # the curve says what both reach together, of the large one's score
    assert [floor.at_least for floor in made["desk large"].workload.quality] == [pytest.approx(76 / 0.95)]
    assert made["desk small"].workload.choose.models.allow == ("org/small",)


def test_what_is_sent_on_takes_the_time_of_both() -> None:
    found = flows(levers=[cascade()], objectives=[promised("ttft", "2s"), promised("tpot", "50ms")])
    ways = [way for way in found.ways if way.settings]
    assert len(ways) == 3  # shares of the target that the small model may take
    for way in ways:
        made = streams(found, way)
        small, large = made["desk small"].objectives, made["desk large"].objectives
        assert target_of(small, "e2e") + target_of(large, "ttft") == pytest.approx(2.0)
        assert target_of(small, "tpot") == target_of(large, "tpot") == 0.05


def test_a_cascade_that_sends_nothing_on_is_not_offered() -> None:
    """Its quality is a share of the large models' score; without one nothing would hold its answers to the floor."""
    points = [{"escalated": 0, "quality": span(0.7)}, POINT]
    option = {"name": "on", "cascade": {"small": ["org/small"], "points": points}}
    router = {**lever("router", "cascade"), "options": [option]}
    found = flows(levers=[router], quality=[{"benchmark": "exam", "at_least": 76}])
    assert [dict(way.settings) for way in found.ways] == [{}, {"router": "on 0.3 sent on"}]


def test_a_lane_parts_what_may_wait() -> None:
    lane = effect("lane", lane={"share": 0.25, "deadline": "24h"})
    found = flows(levers=[lane], objectives=[promised("ttft", "1s")], problem={"periods": [{"name": "day", "hours": 24}]})
    made = streams(found, pulled(found, "lane"))
    now, later = made["desk"], made["desk that may wait"]
    assert (now.rate, later.rate) == ((7.5,), (2.5,))
    assert (now.deadline, len(now.objectives), now.movable) == (None, 1, False)
    assert (later.deadline, later.objectives, later.movable) == (86400, (), True)


def test_a_split_adds_up_to_the_target() -> None:
    """Check (90 ms) → planner and search (80 ms) side by side → answer; what the cache's look-up takes comes off the answer."""
    stages = [
        {"name": "check", "component": component(latency_p95="90ms")},
        {"name": "planner", "after": ["check"], "loop": {"mean": 2, "at_most": 3}},
        {"name": "search", "after": ["check"], "component": component(latency_p95="80ms")},
        {"name": "answer", "after": ["planner", "search"]},
    ]
    late = lever("late", delay={"p95": "30ms"}, effects=[{"stage": "answer", "output_tokens": span(0.5)}])
    found = flows(*stages, levers=[late], objectives=[promised("ttft", "2s")])
    assert len(found.ways) > 8
    for way in found.ways:
        made, ((stage, budget),) = streams(found, way), way.budgets
        delay = 0.03 if way.settings else 0.0
        assert stage == "planner"
        assert target_of(made["desk/answer"].objectives, "ttft") == pytest.approx(2 - delay - 0.09 - max(budget, 0.08))
        assert target_of(made["desk/planner"].objectives, "e2e") == pytest.approx(budget / 3)  # three rounds at p95


def test_tries_of_a_component_take_their_time() -> None:
    """One try in ten fails: at the 95th percentile there are two, 100 ms each, with a pause of 50 ms between them."""
    check = {
        "name": "check",
        "component": component(latency_p95="100ms"),
        "retries": {"attempts": 3, "errors": 0.1, "backoff": "50ms"},
    }
    found = flows(check, ANSWER, objectives=[promised("ttft", "1s")])
    (stream,) = found.streams
    assert target_of(stream.objectives, "ttft") == pytest.approx(1 - 0.25)


def test_stages_beside_the_answer_are_part_of_the_whole_request() -> None:
    """A guard reads the request while the answer is made; the request ends when a last stage has heard both."""
    stages = [
        ANSWER,
        {"name": "guard", "after": [], "role": "guard"},
        {"name": "log", "after": ["answer", "guard"], "role": "guard"},
    ]
    found = flows(*stages, objectives=[promised("e2e", "10s")])
    for way in found.ways:
        made = streams(found, way)
        answer, guard, log = (target_of(made[f"desk/{name}"].objectives, "e2e") for name in ("answer", "guard", "log"))
        assert answer + log <= 10 + 1e-9
        assert guard + log <= 10 + 1e-9


def test_what_follows_the_answer_is_promised_what_the_whole_is_and_no_more() -> None:
    """First tokens at the 99th percentile are over by then: of the log only the 90th of the whole request is asked."""
    found = flows(ANSWER, {"name": "log", "role": "guard"}, objectives=[promised("ttft", "1s", 99), promised("e2e", "10s", 90)])
    for way in found.ways:
        assert {(o.metric, o.percentile) for o in streams(found, way)["desk/log"].objectives} == {("e2e", 90)}


def test_a_component_beside_the_answer_that_takes_longer_than_the_target_is_refused() -> None:
    slow = {"name": "guard", "after": [], "component": component(latency_p95="11s")}
    with pytest.raises(InvalidInput) as caught:
        flows({**ANSWER, "after": []}, slow, objectives=[promised("e2e", "10s")])
    assert [issue.path for issue in caught.value.issues] == ["workloads[0].objectives"]
    assert flows({**ANSWER, "after": []}, slow, objectives=[promised("ttft", "10s")]).ways


# Ten calls a second: 10·(1 + f + f²) tries with f = 0.1 are 11.1, more than 11 and less than 11.2.
@pytest.mark.parametrize(("limit", "is_stable"), [(11.2, True), (11.0, False), (5.0, False)])
def test_retries_that_feed_their_own_overload_are_refused(limit: float, is_stable: bool) -> None:
    check = {"name": "check", "component": component(limit=f"{limit} req/s"), "retries": {"attempts": 3, "errors": 0.1}}
    if is_stable:
        assert [step.calls for step in flows(check, ANSWER).ways[0].steps] == [pytest.approx(1.11), 1.0]
        return
    with pytest.raises(InvalidInput) as caught:
        flows(check, ANSWER)
    (issue,) = caught.value.issues
    assert issue.path == "workloads[0].stages"
    assert issue.message.startswith(f"retries never settle: check: 10 calls/s are wanted and {limit:g} tries/s accepted")


def test_a_lever_that_takes_load_off_a_component_makes_retries_settle() -> None:
    check = {"name": "check", "component": component(limit="6 req/s"), "retries": {"attempts": 3, "errors": 0.1}}
    cache = lever("cache", "semantic_cache", answered=span(0.5), wrong=span(0, 0.01))
    (way,) = flows(check, ANSWER, levers=[cache]).ways
    assert way.settings == (("cache", "on"),)
    assert way.steps[0].calls == pytest.approx(0.5 * 1.11)


PERIODS = {"periods": [{"name": "day", "hours": 8}, {"name": "night", "hours": 16}]}


def test_components_cost_calls_tokens_replicas_and_a_least_bill() -> None:
    """30/s by day and 6/s by night are 14/s in the mean; replicas of 10/s for the busiest hour: three at $2.

    By the call $0.1 a thousand and 100 tokens at $1 a million: $0.0002 · 14 · 3600 = $10.08, and $6.
    """
    paid = component(per_call="$0.1/kreq", hourly="$2/h", rate_per_replica="10 req/s") | {"per_token": "$1/Mtok"}
    demand = {"rate": {"day": "30 req/s", "night": "6 req/s"}}
    for least, cost in ((None, 16.08), ("$16/h", 16.08), ("$20/h", 20.0)):
        check = {"name": "check", "component": paid | ({"fixed": least} if least else {})}
        (way,) = flows(check, ANSWER, demand=demand, problem=PERIODS).ways
        assert way.cost == pytest.approx(cost)


def test_levers_cost_requests_hours_introduction_and_upkeep() -> None:
    """$1 a thousand at 10/s = $36; $2; $8,760 over twelve months of 730 h = $1; $730 a month = $1: $40 an hour."""
    fees = {"per_request": "$1/kreq", "hourly": "$2/h", "once": "$8760", "months": 12, "per_month": "$730"}
    way = pulled(flows(levers=[lever("dear", effects=[{"calls": span(0.5)}], **fees)]), "dear")
    assert [(item.category, item.what, item.hourly) for item in way.items] == [("lever", "dear", pytest.approx(40.0))]


def test_models_and_scores_of_a_student_stand_in_place_of_the_workloads() -> None:
    student = effect("student", models=["org/student"], scores={"exam": span(49, 52)})
    found = flows(levers=[student], quality=[{"benchmark": "exam", "at_least": 48}], choose={"models": {"allow": ["org/large"]}})
    seen = streams(found, pulled(found, "student"))["desk"].workload
    assert seen.choose.models.allow == ("org/student",)
    assert (seen.quality[0].measured, seen.quality[0].at_least) == (49, 48)


def test_a_deadline_is_shared_out_over_calls_one_after_the_other() -> None:
    """At the 99th percentile a loop of mean 2 within three rounds has three; with the answer that makes four calls in a row."""
    found = flows(PLANNER, ANSWER, deadline="4h")
    assert {stream.deadline for stream in found.streams} == {3600.0}


@pytest.mark.parametrize(("burst", "share", "seen"), [(5.0, 0.25, 2.0), (0.2, 0.5, 0.6), (5.0, 1.0, 5.0)])
def test_a_stage_reached_by_chance_sees_thinned_bursts(burst: float, share: float, seen: float) -> None:
    """Of arrivals kept with probability p, c² = 1 + p·(c² − 1)."""
    demand = {"rate": "10 req/s", "burstiness": burst}
    found = flows({"name": "plan", "probability": share}, ANSWER, demand=demand)
    assert {stream.short: stream.burstiness for stream in found.streams} == {
        "desk/plan": pytest.approx(seen),
        "desk/answer": burst,
    }


@pytest.mark.parametrize(
    ("known", "percentile", "taken"),
    [
        ({"latency_p95": "0.1s", "latency_p99": "0.3s"}, 95.0, 0.1),
        ({"latency_p95": "0.1s", "latency_p99": "0.3s"}, 99.0, 0.3),
        ({"latency_p95": "0.1s"}, 99.0, 0.1),
        ({"latency_p99": "0.3s"}, 90.0, 0.3),
        ({"latency_mean": "0.05s"}, 95.0, 0.05),
        ({"per_call": "$1/kreq"}, 95.0, 0.0),
    ],
)
def test_components_are_planned_at_the_percentile_that_is_promised(
    known: dict[str, str], percentile: float, taken: float
) -> None:
    made = Component.model_validate({"kind": "rerank", **known, **tiny.READ})
    assert latency_of(made, percentile) == taken
