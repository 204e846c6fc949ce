"""Levers that pay, and their twins that do not, with the crossover computed by hand: a little to either side the answer flips.

Calls go to one API, so that cost is arithmetic: 2 requests/s, 800 prompt and 200 output tokens at $0.30 and $1.20 a million, that
is $0.24 and $0.24 per thousand requests, $3.456 an hour in all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated

RATE = 2.0
HOURLY = RATE * 3600
INPUT, OUTPUT = 800 * 0.3e-6, 200 * 1.2e-6
PLAIN = HOURLY * (INPUT + OUTPUT)


def span(low: float, high: float) -> dict[str, float]:
    return {"low": low, "high": high}


def solved(folder: Path, kind: str, facts: dict[str, Any] | None = None, /, stages: Any = None, **option: Any) -> Plan:
    lever = {"name": "lever", "kind": kind, "options": [{"name": "on", **option}], **tiny.READ}
    fields: dict[str, Any] = {"stages": stages} if stages else {}
    calls = tiny.workload(
        rate=f"{RATE} req/s",
        objectives=[],
        data={"external_api": True},
        choose={"instances": {"forbid": ["*"]}},
        quality=[{"benchmark": "exam", "at_least": 48}],
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
def test_a_history_summary(tmp_path: Path, share: float) -> None:
    """1,000 tokens of earlier turns are resent; a summary of 300 spares 700."""
    saved = HOURLY * 700 * 0.3e-6
    stages = [{"name": "answer", "history": {"mean": 1000, "scv": 1}}]
    effects = effect(stage="answer", history_tokens=span(200, 300), quality=span(0.97, 1))
    plan = solved(tmp_path, "history_summary", stages=stages, effects=effects, hourly=f"${share * saved:.9f}/h")
    assert pulled(plan) == (share < 1)


# Training, data and evaluation are paid once and spread over a year; without passages each request saves 8 × 250 tokens.
# N* = once / (Δ$ per request · months): the volume at which it breaks even (handbook §11).
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_fine_tuning_instead_of_retrieval_breaks_even_at_a_volume(tmp_path: Path, share: float) -> None:
    saved = 8 * 250 * 0.3e-6
    once = share * saved * HOURLY * 730 * 12
    effects = effect(stage="answer", chunks=0, models=["org/small"], scores={"exam": span(49, 52)})
    plan = solved(tmp_path, "fine_tune", stages=RETRIEVAL, effects=effects, once=f"${once:.6f}", months=12)
    break_even = once / (saved * 730 * 12)
    assert pulled(plan) == (share < 1) == (break_even < HOURLY)


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


# 75 are asked, so that the large model alone may answer: ten times the price. With the router three in ten calls go there too,
# and 80 · 0.95 = 76 are reached; the fee is what seven tenths of the large calls cost less all of the small ones.
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_cascade(tmp_path: Path, share: float) -> None:
    facts = tiny.catalog()
    large = {"model": "large", "open_model": "org/large", "input_price": "$3/Mtok", "output_price": "$12/Mtok"}
    facts["apis"]["cloud/large"] = {**facts["apis"]["cloud/small"], **large}
    saved = 10 * PLAIN - (PLAIN + 0.3 * 10 * PLAIN)
    point = {"escalated": 0.3, "quality": span(0.95, 0.98)}
    option = {"name": "on", "cascade": {"small": ["org/small"], "points": [point]}, "hourly": f"${share * saved:.9f}/h"}
    calls = tiny.workload(
        rate=f"{RATE} req/s",
        objectives=[],
        data={"external_api": True},
        choose={"instances": {"forbid": ["*"]}},
        quality=[{"benchmark": "exam", "at_least": 75}],
        levers=[{"name": "router", "kind": "cascade", "options": [option], **tiny.READ}],
    )
    plan = plan_as_stated(tiny.load(tmp_path, tiny.problem(calls), facts), lambda _: None)
    assert pulled(plan) == (share < 1)
    assert plan.cost.total == pytest.approx(10 * PLAIN + min(share - 1, 0) * saved, rel=1e-6)
    assert plan.ways[0].model_calls == pytest.approx(1.3 if share < 1 else 1.0)


def test_offering_a_lever_never_raises_cost(tmp_path: Path) -> None:
    for number, (kind, (saved, option)) in enumerate(SAVINGS.items()):
        for fee in (0.0, 0.5, 3.0):
            plan = solved(tmp_path / f"{number}-{fee}", kind, **option, hourly=f"${fee * saved:.9f}/h")
            assert plan.cost.total <= PLAIN * (1 + 1e-9)
