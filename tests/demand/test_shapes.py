"""What enters a prompt, by hand: means add up exactly, whatever the spread of their parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flows import effect, flows, pulled, span, streams

from planner.demand.stream import Stream

# 30 of instructions, the request's 100, half of the plan's 60, four passages of 250, 400 of earlier turns.
PLAN = {"name": "plan", "output_tokens": {"mean": 60, "scv": 1}}
ANSWER = {
    "name": "answer",
    "input_tokens": {"mean": 30, "scv": 0.1},
    "takes": {"plan": 0.5},
    "chunks": {"count": 4, "tokens": {"mean": 250, "scv": 0.5}},
    "history": {"mean": 400, "scv": 2},
}
WHOLE = 30 + 100 + 30 + 1000 + 400


def answer(*effects: dict[str, Any], **fields: Any) -> Stream:
    levers = [effect(f"l{i}", stage="answer", **each) for i, each in enumerate(effects)]
    found = flows(PLAN, {**ANSWER, **fields}, levers=levers, input_tokens={"mean": 100, "scv": 1})
    return streams(found, pulled(found, *(each["name"] for each in levers)))["desk/answer"]


def test_a_prompt_is_the_sum_of_its_parts() -> None:
    assert answer().prompt.mean == pytest.approx(WHOLE, rel=1e-9)
    assert answer(request=False).prompt.mean == pytest.approx(WHOLE - 100, rel=1e-9)
    assert answer(takes={}).prompt.mean == pytest.approx(WHOLE - 30, rel=1e-9)


def test_variances_of_independent_parts_add_up() -> None:
    """Passages are k independent draws: k times the variance, not k². Half an output has a quarter of its variance.

    Of a log-normal, 512 values keep the second moment within 3 % up to a squared coefficient of variation of 1.7.
    """
    variance = 0.1 * 30**2 + 100**2 + 0.25 * 60**2 + 4 * 0.5 * 250**2 + 1.0 * 400**2
    prompt = answer(history={"mean": 400, "scv": 1}).prompt
    assert prompt.second_moment == pytest.approx(variance + WHOLE**2, rel=0.03)
    assert prompt.values.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize("turned", [False, True])
def test_the_longest_prompts_do_not_hang_on_the_order_of_their_parts(turned: bool) -> None:
    """Log-normals of means 100 and 400 and squared variation 1: of four million sums the 99th percentile is 2,077."""
    own, history = {"mean": 100, "scv": 1}, {"mean": 400, "scv": 1}
    parts = {"input_tokens": history, "history": own} if turned else {"input_tokens": own, "history": history}
    (stream,) = flows({"name": "answer", "request": False, **parts}).streams
    assert stream.prompt.quantile(0.99) == pytest.approx(2077, rel=0.02)


@pytest.mark.parametrize(
    ("lever", "mean"),
    [
        ({"chunks": 1}, WHOLE - 750),
        ({"chunks": 0}, WHOLE - 1000),
        ({"chunks": 6}, WHOLE + 500),
        ({"history_tokens": span(50, 100)}, WHOLE - 300),
        ({"input_tokens": span(0.5, 0.8)}, 0.8 * WHOLE),
    ],
)
def test_levers_change_their_part(lever: dict[str, Any], mean: float) -> None:
    assert answer(lever).prompt.mean == pytest.approx(mean, rel=1e-9)


def test_a_summary_is_never_longer_than_what_it_sums_up() -> None:
    (way,) = flows(PLAN, ANSWER, levers=[effect("summary", stage="answer", history_tokens=span(500, 900))]).ways
    assert way.settings == ()


def test_factors_come_before_cuts() -> None:
    cut = answer({"input_tokens": span(0.5)}, {"input_at_most": 800}).prompt
    assert cut.maximum == 800
    assert cut.mean == pytest.approx(float(np.minimum(0.5 * answer().prompt.values, 800).mean()))


def test_outputs_are_scaled_and_cut() -> None:
    fields = {"output_tokens": {"mean": 200, "scv": 1}}
    assert answer(**fields).output.mean == pytest.approx(200, rel=1e-9)
    assert answer({"output_tokens": span(0.7, 0.9)}, **fields).output.mean == pytest.approx(180, rel=1e-9)
    assert answer({"output_at_most": 150}, **fields).output.maximum == 150


def test_what_a_stage_takes_shrinks_with_it() -> None:
    shorter = effect("short", stage="plan", output_tokens=span(0.5))
    found = flows(PLAN, ANSWER, levers=[shorter])
    assert streams(found, pulled(found, "short"))["desk/answer"].prompt.mean == pytest.approx(WHOLE - 15, rel=1e-9)


def test_what_a_stage_that_is_left_out_would_have_put_out_is_not_taken() -> None:
    found = flows(PLAN, ANSWER, levers=[effect("skip", stage="plan", off=True)])
    assert streams(found, pulled(found, "skip"))["desk/answer"].prompt.mean == pytest.approx(WHOLE - 30, rel=1e-9)


# Rounds weigh 1, 1/2, 1/4; each adds 70 tokens to the next: (0·1 + 70/2 + 140/4)/1.75 = 40 in the mean; of two rounds 70/3.
@pytest.mark.parametrize(("rounds", "more"), [(None, 40.0), (2, 70 / 3), (1, 0.0)])
def test_prompts_grow_by_rounds(rounds: int | None, more: float) -> None:
    loop = {"mean": 2, "at_most": 3, "grows_by": 70}
    budget = [{"rounds_at_most": rounds}] if rounds else []
    assert answer(*budget, loop=loop).prompt.mean == pytest.approx(WHOLE + more, rel=1e-9)


def test_a_cached_beginning_is_never_longer_than_the_prompt() -> None:
    prefix = {"prefix": {"tokens": 5000, "hit_rate": span(0.6, 0.9)}}
    assert (answer(prefix).prefix_tokens, answer(prefix).prefix_hit) == (pytest.approx(WHOLE), 0.6)


@pytest.mark.parametrize(("balancer", "hit"), [("prefix_aware", 0.6), ("least_loaded", 0.1)])
def test_a_balancer_that_does_not_look_for_it_finds_it_less_often(balancer: str, hit: float) -> None:
    prefix = {"tokens": 30, "hit_rate": span(0.6, 0.9), "blind_hit_rate": span(0.1, 0.2)}
    found = flows(levers=[effect("it", prefix=prefix)], problem={"operations": {"balancer": balancer}})
    assert streams(found, pulled(found, "it"))["desk"].prefix_hit == hit


def test_models_that_do_not_generate_put_out_one_token() -> None:
    found = flows({"name": "rank", "role": "rerank", "input_tokens": {"mean": 20}}, {"name": "answer"})
    rank = streams(found, found.ways[0])["desk/rank"]
    assert (rank.prompt.mean, rank.output.mean, rank.role) == (120, 1, "rerank")
