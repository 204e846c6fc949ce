"""Levers that pay, and their twins that do not, with the crossover computed by hand: a little to either side the answer flips.

Calls go to one API, so that cost is arithmetic: 2 requests/s, 800 prompt and 200 output tokens at $0.30 and $1.20 a million, that
is $0.24 and $0.24 per thousand requests, $3.456 an hour in all. Two kinds are checked on machines too, where cost goes in steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated

RATE = 2.0
HOURLY = RATE * 3600
INPUT, OUTPUT = 800 * 0.3e-6, 200 * 1.2e-6
PLAIN = HOURLY * (INPUT + OUTPUT)


def span(low: float, high: float) -> dict[str, float]:
    return {"low": low, "high": high}


def solved(
    folder: Path,
    kind: str,
    facts: dict[str, Any] | None = None,
    /,
    *,
    stages: Any = None,
    rate: float = RATE,
    at_least: float = 48,
    quality: Any = (),
    objectives: Any = (),
    **option: Any,
) -> Plan:
    """Plan for calls that only APIs may answer, with one lever of one option."""
    lever = {"name": "lever", "kind": kind, "options": [{"name": "on", **option}], **tiny.READ}
    fields: dict[str, Any] = {"stages": stages} if stages else {}
    calls = tiny.workload(
        rate=f"{rate!r} req/s",
        objectives=list(objectives),
        data={"external_api": True},
        choose={"instances": {"forbid": ["*"]}},
        quality=list(quality) or [{"benchmark": "exam", "at_least": at_least}],
        levers=[lever],
        **fields,
    )
    return plan_as_stated(tiny.load(folder, tiny.problem(calls), facts), lambda _: None)


def pulled(plan: Plan) -> bool:
    return bool(plan.ways[0].settings)


def effect(**fields: Any) -> list[dict[str, Any]]:
    return [fields]


# Kind → what it saves of PLAIN per hour, by hand, and its option. A fee 1 % below that pays, 1 % above it does not.
SAVINGS: dict[str, tuple[float, dict[str, Any]]] = {
    # A fifth of the requests needs no call, at the low end of the range.
    "semantic_cache": (0.2 * PLAIN, {"answered": span(0.2, 0.4), "wrong": span(0, 0.01)}),
    # Prompts keep three quarters, at the high end.
    "compression": (0.25 * HOURLY * INPUT, {"effects": effect(input_tokens=span(0.6, 0.75), quality=span(0.97, 1))}),
    "token_budget": (0.1 * HOURLY * OUTPUT, {"effects": effect(output_tokens=span(0.8, 0.9), quality=span(0.98, 1))}),
    "skip": (0.4 * PLAIN, {"effects": effect(calls=span(0.5, 0.6))}),
    "call_budget": (0.3 * PLAIN, {"effects": effect(calls=span(0.7, 0.7), quality=span(0.99, 1))}),
}


@pytest.mark.parametrize("kind", SAVINGS)
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_lever_is_pulled_while_its_fee_is_below_what_it_saves(tmp_path: Path, kind: str, share: float) -> None:
    saved, option = SAVINGS[kind]
    plan = solved(tmp_path, kind, **option, hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)
    assert plan.cost.total == pytest.approx(PLAIN + min(share - 1, 0) * saved, rel=1e-6)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_fee_per_request_counts_for_every_request(tmp_path: Path, share: float) -> None:
    saved, option = SAVINGS["compression"]
    plan = solved(tmp_path, "compression", **option, per_request=f"${1000 * share * saved / HOURLY:.9f}/kreq")
    assert pulled(plan) == (share < 1)


@pytest.mark.parametrize(("quality", "is_pulled"), [(0.97, True), (0.95, False)])
def test_a_lever_that_costs_too_much_quality_is_not_pulled(tmp_path: Path, quality: float, is_pulled: bool) -> None:
    """The API scores 50 and 48 are asked: 96 % may be kept, and no less."""
    plan = solved(tmp_path, "compression", effects=effect(input_tokens=span(0.5, 0.5), quality=span(quality, 1)))
    assert pulled(plan) == is_pulled


@pytest.mark.parametrize(("wrong", "is_pulled"), [(0.03, True), (0.05, False)])
def test_wrong_answers_count_against_the_floor(tmp_path: Path, wrong: float, is_pulled: bool) -> None:
    plan = solved(tmp_path, "semantic_cache", answered=span(0.2, 0.4), wrong=span(0, wrong))
    assert pulled(plan) == is_pulled


# Without the cached half of the prompt, at a tenth of the price: what 400 tokens, found nine times in ten, save.
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_prompt_cache(tmp_path: Path, share: float) -> None:
    facts = tiny.catalog()
    facts["apis"]["cloud/small"]["cached_input_price"] = "$0.03/Mtok"
    saved = HOURLY * 0.9 * 400 * 0.27e-6
    prefix = {"tokens": 400, "hit_rate": span(0.9, 1)}
    plan = solved(tmp_path, "prompt_cache", facts, effects=effect(prefix=prefix), hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)


RETRIEVAL = [{"name": "answer", "chunks": {"count": 8, "tokens": {"mean": 250}}}]


# Eight passages of 250 tokens, half of them spared; a reranker is paid for every request.
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_retrieval_depth_with_a_reranker(tmp_path: Path, share: float) -> None:
    saved = HOURLY * 4 * 250 * 0.3e-6
    fee = {"kind": "rerank", "per_call": f"${1000 * share * saved / HOURLY:.9f}/kreq", **tiny.READ}
    stages = [{"name": "rerank", "optional": True, "component": fee}, *RETRIEVAL]
    effects = [{"stage": "rerank", "on": True}, {"stage": "answer", "chunks": 4, "quality": span(0.98, 1)}]
    plan = solved(tmp_path, "retrieval_depth", stages=stages, effects=effects)
    assert pulled(plan) == (share < 1)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_retrieval_depth_alone(tmp_path: Path, share: float) -> None:
    """Three passages of 250 tokens instead of eight; the filter that chooses them is paid by the hour."""
    saved = HOURLY * 5 * 250 * 0.3e-6
    effects = effect(stage="answer", chunks=3, quality=span(0.98, 1))
    plan = solved(tmp_path, "retrieval_depth", stages=RETRIEVAL, effects=effects, hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)
    assert plan.cost.total == pytest.approx(PLAIN + HOURLY * 2000 * 0.3e-6 + min(share - 1, 0) * saved, rel=1e-6)


@pytest.mark.parametrize(("kept", "used"), [(0.92, "small"), (0.91, "large")])
def test_fewer_passages_let_a_model_keep_its_score(tmp_path: Path, kept: float, used: str) -> None:
    """Eight passages of 1,000 tokens make contexts of more than 9,000, where the small model keeps 80 % of its 50; with four it
    keeps enough while 50 · kept · 0.98 reach the 45 asked, from 0.918 on.
    """
    curves = [
        {"model": "org/small", "points": [{"tokens": 9000, "share": kept}, {"tokens": 20000, "share": 0.8}]},
        {"model": "org/large", "points": [{"tokens": 20000, "share": 1.0}]},
    ]
    floor = [{"benchmark": "exam", "at_least": 45, "context": {"kept": curves}}]
    stages = [{"name": "answer", "chunks": {"count": 8, "tokens": {"mean": 1000}}}]
    effects = effect(stage="answer", chunks=4, quality=span(0.98, 1))
    plan = solved(tmp_path, "retrieval_depth", with_large(3.0), stages=stages, quality=floor, effects=effects)
    assert pulled(plan)
    assert [route.api for route in plan.apis] == [f"cloud/{used}"]


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_history_summary(tmp_path: Path, share: float) -> None:
    """1,000 tokens of earlier turns are resent; a summary of 300 spares 700."""
    saved = HOURLY * 700 * 0.3e-6
    stages = [{"name": "answer", "history": {"mean": 1000, "scv": 1}}]
    effects = effect(stage="answer", history_tokens=span(200, 300), quality=span(0.97, 1))
    plan = solved(tmp_path, "history_summary", stages=stages, effects=effects, hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)


# Data $4,000, training $1,500 and evaluation $500 are paid once and spread over six months; without passages each request saves
# 8 · 250 tokens. N* = (C_data + C_train + C_eval)/Δ$ = $6,000/$0.0006 = 10 million requests in that time (handbook §11).
DATA, TRAINING, EVALUATION, MONTHS = 4000.0, 1500.0, 500.0, 6.0
BREAK_EVEN = (DATA + TRAINING + EVALUATION) / (8 * 250 * 0.3e-6)


@pytest.mark.parametrize("upkeep", [0.0, 250.0])
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_fine_tuning_instead_of_retrieval_breaks_even_at_a_volume(tmp_path: Path, share: float, upkeep: float) -> None:
    """Updates of $250 a month add their $1,500 to what is paid once: n_upd·C_update."""
    assert pytest.approx(10e6) == BREAK_EVEN
    requests = share * (BREAK_EVEN + MONTHS * upkeep / (8 * 250 * 0.3e-6))
    effects = effect(stage="answer", chunks=0, models=["org/small"], scores={"exam": span(49, 52)})
    paid = {"once": f"${DATA + TRAINING + EVALUATION}", "months": MONTHS, "per_month": f"${upkeep}"}
    rate = requests / (MONTHS * 730 * 3600)
    plan = solved(tmp_path, "fine_tune", stages=RETRIEVAL, rate=rate, effects=effects, **paid)
    assert pulled(plan) == (share > 1)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_student_elsewhere(tmp_path: Path, share: float) -> None:
    """Another offer of a student at half the price; what it costs to have it is the fee."""
    facts = tiny.catalog()
    small = facts["apis"]["cloud/small"]
    facts["models"]["org/student"] = {**facts["models"]["org/small"], "scores": []}
    facts["apis"]["cloud/student"] = {
        **small, "model": "student", "open_model": "org/student", "input_price": "$0.15/Mtok", "output_price": "$0.60/Mtok",
    }  # fmt: skip
    effects = effect(models=["org/student"], scores={"exam": span(49, 50)})
    plan = solved(tmp_path, "student", facts, effects=effects, hourly=f"${share * PLAIN / 2:.9f}/h")
    assert pulled(plan) == (share < 1)


def with_large(input_price: float) -> dict[str, Any]:
    """The catalog with an offer of the large model, its output at four times the price of its input [$/Mtok]."""
    facts = tiny.catalog()
    prices = {"input_price": f"${input_price:.9f}/Mtok", "output_price": f"${4 * input_price:.9f}/Mtok"}
    facts["apis"]["cloud/large"] = {**facts["apis"]["cloud/small"], "model": "large", "open_model": "org/large", **prices}
    return facts


# 75 are asked, so that the large model alone may answer: ten times the price. With the router three in ten calls go there too,
# and 80 · 0.95 = 76 are reached; the fee is what seven tenths of the large calls cost less all of the small ones.
CASCADE = {"small": ["org/small"], "points": [{"escalated": 0.3, "quality": span(0.95, 0.98)}]}


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_cascade(tmp_path: Path, share: float) -> None:
    saved = 10 * PLAIN - (PLAIN + 0.3 * 10 * PLAIN)
    fee = f"${share * saved:.9f}/h"
    plan = solved(tmp_path, "cascade", with_large(3.0), at_least=75, cascade=CASCADE, hourly=fee)
    assert pulled(plan) == (share < 1)
    assert plan.cost.total == pytest.approx(10 * PLAIN + min(share - 1, 0) * saved, rel=1e-6)
    assert plan.ways[0].model_calls == pytest.approx(1.3 if share < 1 else 1.0)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_cascade_without_a_fee_needs_small_models_that_cost_less_than_what_is_not_sent_on(tmp_path: Path, share: float) -> None:
    """Asking the small model first pays while p_small < (1 − 0.3)·p_large."""
    plan = solved(tmp_path, "cascade", with_large(share * 0.3 / 0.7), at_least=75, cascade=CASCADE)
    assert pulled(plan) == (share > 1)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("student", {"effects": effect(models=["org/small"], scores={"exam": span(79, 80)})}),
        ("fine_tune", {"effects": effect(models=["org/small"], scores={"exam": span(79, 80)}), "once": "$1", "months": 12}),
        ("cascade", {"cascade": CASCADE}),
    ],
)
def test_what_a_lever_says_of_a_model_holds_for_no_other_api(tmp_path: Path, kind: str, option: dict[str, Any]) -> None:
    """An API that costs next to nothing and scores 5 is neither the student nor the small model of a cascade."""
    facts = with_large(3.0)
    base = {key: value for key, value in facts["apis"]["cloud/small"].items() if key != "open_model"}
    poor = {"model": "poor", "input_price": "$0.01/Mtok", "output_price": "$0.01/Mtok"}
    facts["apis"]["cloud/poor"] = {**base, **poor, "scores": [{"benchmark": "exam", "score": 5, **tiny.READ}]}
    plan = solved(tmp_path, kind, facts, at_least=75, **option)
    assert pulled(plan)
    assert {route.api for route in plan.apis} == ({"cloud/small", "cloud/large"} if kind == "cascade" else {"cloud/small"})


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_classifier_before_the_models(tmp_path: Path, share: float) -> None:
    """Decided beforehand seven calls in ten cost a tenth; the classifier is paid for every request."""
    saved = 0.7 * (10 - 1) * (INPUT + OUTPUT)
    fee = f"${1000 * share * saved:.9f}/kreq"
    plan = solved(tmp_path, "cascade", with_large(3.0), at_least=75, cascade={**CASCADE, "ask_first": False}, per_request=fee)
    assert pulled(plan) == (share < 1)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_routing_by_intent(tmp_path: Path, share: float) -> None:
    """Six calls in ten are easy: their floor lets the small model answer at a tenth of the price; all pay for the classifier."""
    saved = 0.6 * (10 - 1) * (INPUT + OUTPUT)
    easy = {"name": "easy", "share": 0.6, "quality": [{"benchmark": "exam", "at_least": 45}]}
    effects = effect(classes=[easy, {"name": "hard", "share": 0.4}], quality=span(0.95, 1))
    fee = f"${1000 * share * saved:.9f}/kreq"
    plan = solved(tmp_path, "intent", with_large(3.0), at_least=75, effects=effects, per_request=fee)
    assert pulled(plan) == (share < 1)
    assert {route.api for route in plan.apis} == ({"cloud/small", "cloud/large"} if share < 1 else {"cloud/large"})


@pytest.mark.parametrize(("at_least", "is_pulled"), [(47.4, True), (47.6, False)])
def test_mistakes_of_a_classifier_count_against_every_floor(tmp_path: Path, at_least: float, is_pulled: bool) -> None:
    """The small model scores 50 and one answer in twenty goes astray: 47.5 are reached, and 76 of the large one's 80."""
    easy = {"name": "easy", "share": 0.6, "quality": [{"benchmark": "exam", "at_least": at_least}]}
    effects = effect(classes=[easy, {"name": "hard", "share": 0.4}], quality=span(0.95, 1))
    plan = solved(tmp_path, "intent", with_large(3.0), at_least=75, effects=effects, per_request="$0.1/kreq")
    assert pulled(plan) == is_pulled


@pytest.mark.parametrize(("keeps", "is_pulled"), [(0.94, True), (0.93, False)])
def test_a_cascade_that_keeps_too_little(tmp_path: Path, keeps: float, is_pulled: bool) -> None:
    """80 · 0.9375 = 75: what keeps less of the large model's score does not reach the floor."""
    cascade = {**CASCADE, "points": [{"escalated": 0.3, "quality": span(keeps, 1)}]}
    assert pulled(solved(tmp_path, "cascade", with_large(3.0), at_least=75, cascade=cascade)) == is_pulled


@pytest.mark.parametrize(("at_least", "ratio", "used"), [(50, 10, "small"), (50.1, 10, "large"), (50, 0.99, "large")])
def test_the_route_is_direct_to_the_cheapest_that_is_good_enough(
    tmp_path: Path, at_least: float, ratio: float, used: str
) -> None:
    plan = solved(tmp_path, "other", with_large(0.3 * ratio), at_least=at_least, hourly="$1/h")
    assert [route.api for route in plan.apis] == [f"cloud/{used}"]
    assert not pulled(plan)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_leaving_out_a_component(tmp_path: Path, share: float) -> None:
    """Moderation at $0.10 a thousand; whoever leaves it out for trusted tenants pays for knowing them."""
    check = {"kind": "moderation", "per_call": "$0.1/kreq", **tiny.READ}
    stages = [{"name": "check", "component": check}, {"name": "answer"}]
    effects = effect(stage="check", off=True)
    plan = solved(tmp_path, "skip", stages=stages, effects=effects, per_request=f"${share * 0.1:.6f}/kreq")
    assert pulled(plan) == (share < 1)


# What may wait goes where nobody promises latency, at half the price.
PROMISED = [{"metric": "ttft", "percentile": 95, "target": "1500ms"}]


@pytest.mark.parametrize("deadline", ["20min", "24h"])
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_lane(tmp_path: Path, share: float, deadline: str) -> None:
    """Four calls in ten may wait; the queue for them is paid by the hour."""
    facts = tiny.catalog()
    later = {key: value for key, value in facts["apis"]["cloud/small"].items() if key != "latency"}
    facts["apis"]["cloud/later"] = {**later, "model": "later", "input_price": "$0.15/Mtok", "output_price": "$0.60/Mtok"}
    saved = 0.4 * PLAIN / 2
    effects = effect(lane={"share": 0.4, "deadline": deadline})
    plan = solved(tmp_path, "lane", facts, objectives=PROMISED, effects=effects, hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)
    assert plan.cost.total == pytest.approx(PLAIN + min(share - 1, 0) * saved, rel=1e-6)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_semantic_cache_of_a_given_price_needs_a_hit_rate(tmp_path: Path, share: float) -> None:
    """At $1 an hour 1/3.456 = 28.9 % of requests must be answered; a tenth of them would be too old."""
    answered = share / PLAIN / 0.9
    stale = span(0.05, 0.1)
    plan = solved(tmp_path, "semantic_cache", answered=span(answered, 0.5), wrong=span(0, 0.01), stale=stale, hourly="$1/h")
    assert pulled(plan) == (share > 1)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_call_budget_ends_loops(tmp_path: Path, share: float) -> None:
    """Rounds go on with probability 1/2: within four (1 − 2⁻⁴)·2 = 1.875, within two (1 − 2⁻²)·2 = 1.5, and 0.375 are spared."""
    saved = 0.375 * PLAIN
    stages = [{"name": "answer", "loop": {"mean": 2.0, "at_most": 4}}]
    effects = effect(stage="answer", rounds_at_most=2, quality=span(0.99, 1))
    plan = solved(tmp_path, "call_budget", stages=stages, effects=effects, hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)
    assert plan.cost.total == pytest.approx(1.875 * PLAIN + min(share - 1, 0) * saved, rel=1e-6)


# On machines. A lever saves whole machines or nothing; what it saves is the distance between two plans, each a count of machines.
MINI = 0.8  # $/h
ON_MACHINES: dict[str, dict[str, Any]] = {
    "semantic_cache": {"answered": span(0.4, 0.5), "wrong": span(0, 0.01)},
    "token_budget": {"effects": effect(output_tokens=span(0.5, 0.6), quality=span(0.99, 1))},
}


@pytest.mark.parametrize("kind", ON_MACHINES)
def test_on_machines_a_lever_is_worth_the_machines_it_spares(tmp_path: Path, kind: str) -> None:
    def planned(name: str, **more: Any) -> Plan:
        lever = {"name": "lever", "kind": kind, "options": [{"name": "on", **ON_MACHINES[kind], **more}], **tiny.READ}
        calls = tiny.workload(rate="120 req/s", levers=[lever] if name != "plain" else [])
        choose = {"instances": {"allow": ["shop/mini-1"]}, "offers": {"allow": ["on_demand"]}, "precisions": {"allow": ["bf16"]}}
        return plan_as_stated(tiny.load(tmp_path / name, tiny.problem(calls, choose=choose)), lambda _: None)

    plain, free = planned("plain"), planned("free")
    machines = [plan.cost.total / MINI for plan in (plain, free)]
    assert machines == [pytest.approx(round(count)) for count in machines]
    spared = round(machines[0]) - round(machines[1])
    assert spared >= 1
    low, high = (planned(f"{share}", hourly=f"${share * spared * MINI:.9f}/h") for share in (0.99, 1.01))
    assert pulled(low)
    assert not pulled(high)
    assert low.cost.total == pytest.approx(plain.cost.total - 0.01 * spared * MINI)
    assert high.cost.total == pytest.approx(plain.cost.total)


SHARES = st.floats(0.0, 1.0).map(lambda share: round(share, 4))
RANGES = st.tuples(SHARES, SHARES).map(lambda ends: span(min(ends), max(ends)))


@st.composite
def any_lever(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return a kind and an option of it, good or bad, at a random fee."""
    kind = draw(st.sampled_from(["semantic_cache", "compression", "token_budget", "skip", "student", "other"]))
    option: dict[str, Any] = {"hourly": f"${draw(SHARES) * 2 * PLAIN:.6f}/h"}
    if kind == "semantic_cache":
        return kind, {**option, "answered": draw(RANGES), "wrong": draw(RANGES)}
    said: dict[str, Any] = {"quality": draw(RANGES), "calls": draw(RANGES)}
    if kind in ("compression", "token_budget"):
        said |= {"input_tokens": span(draw(SHARES) + 0.1, 2.0), "output_tokens": span(0.1, draw(SHARES) + 0.1)}
    if kind == "student":
        said |= {"models": ["org/small"], "scores": {"exam": span(20, 100 * draw(SHARES) + 20)}}
    return kind, {**option, "effects": effect(**said)}


@settings(max_examples=12, deadline=None)
@given(any_lever())
def test_offering_a_lever_never_raises_cost(tmp_path_factory: pytest.TempPathFactory, offered: tuple[str, Any]) -> None:
    kind, option = offered
    plan = solved(tmp_path_factory.mktemp("offered"), kind, **option)
    assert plan.cost.total <= PLAIN * (1 + 1e-9)
    assert pulled(plan) or plan.cost.total == pytest.approx(PLAIN)
