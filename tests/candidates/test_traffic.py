"""Moments of calls against direct averages over drawn calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.candidates.build import Search
from planner.candidates.traffic import Ground, output_inverse, stream_moments, traffic_on, work_moments
from planner.perf.memory import kv_held, kv_read

ROWS = np.arange(3)


def test_moments_of_the_prompt_with_a_cached_prefix(whole: Search) -> None:
    """Three of ten calls find 100 of their tokens cached and compute the rest, at least one token."""
    stream = replace(whole.streams[0], prefix_tokens=100.0, prefix_hit=0.3)
    found, tokens = stream_moments(stream), stream.prompt.values
    assert len(found.prompt) == 6
    for power, value in enumerate(found.prompt, 1):
        direct = 0.3 * np.mean(np.maximum(tokens - 100.0, 1.0) ** power) + 0.7 * np.mean(tokens**power)
        assert value == pytest.approx(float(direct))
    assert found.output == pytest.approx(stream.output.mean)
    assert found.longest == tokens[-1] + stream.output.values[-1]


def test_context_moments_by_drawing_active_calls(whole: Search) -> None:
    """A call met at a random moment: prompt as drawn, output drawn in proportion to its length, progress uniform."""
    stream, rng = whole.streams[0], np.random.default_rng(0)
    output = stream.output.values
    drawn = rng.choice(output, 400_000, p=output / output.sum()) * rng.random(400_000) + rng.choice(stream.prompt.values, 400_000)
    found = stream_moments(stream)
    assert found.context == pytest.approx(float(drawn.mean()), rel=0.01)
    assert found.context_second == pytest.approx(float(np.mean(drawn**2)), rel=0.02)


def test_bytes_follow_the_context(whole: Search) -> None:
    """Full attention: cache bytes at the mean context, with blocks of 16 half filled in what is held."""
    stream, columns = whole.streams[0], whole.evaluator.factory.columns(ROWS)
    base = stream_moments(stream)
    made = traffic_on(Ground.of(columns), whole.evaluator.compile(ROWS, []).step, base)
    assert made.kv == pytest.approx(kv_read(columns.model, columns.precision).full * base.context)
    held = kv_held(columns.model, columns.precision).full
    assert np.all(made.held >= held * base.context)
    assert np.all(made.held <= held * (base.context + 16.0))
    assert made.held_second / made.held**2 == pytest.approx(base.context_second / base.context**2)


def test_a_cached_prefix_saves_attention_and_never_costs(whole: Search) -> None:
    stream, ground = whole.streams[0], Ground.of(whole.evaluator.factory.columns(ROWS))
    costs, step = [], whole.evaluator.compile(ROWS, []).step
    for hit in (0.0, 0.5, 1.0):
        cached = replace(stream, prefix_tokens=200.0, prefix_hit=hit)
        costs.append(traffic_on(ground, step, stream_moments(cached)).attention)
    assert np.all(costs[0] > costs[1])
    assert costs[1] == pytest.approx((costs[0] + costs[2]) / 2)


def test_work_that_grows_with_the_square_is_more_uneven_than_tokens() -> None:
    """Prompts of 1 and 3 tokens: I² alone is 1 and 9, scaled to the mean of 2 tokens 0.4 and 3.6; half and half 0.7 and 3.3."""
    moments = [float(np.mean(np.array([1.0, 3.0]) ** power)) for power in range(1, 7)]
    for square, work in ((0.0, (1.0, 3.0)), (1.0, (0.4, 3.6)), (0.5, (0.7, 3.3))):
        second, third = work_moments(moments, np.array(square))
        assert float(second) == pytest.approx(np.mean(np.array(work) ** 2))
        assert float(third) == pytest.approx(np.mean(np.array(work) ** 3))


def test_inverse_of_outputs_leaves_out_calls_without_a_second_token() -> None:
    assert output_inverse(np.array([1.0, 2.0, 5.0])) == pytest.approx((1.0 + 0.25) / 2)
    assert output_inverse(np.array([1.0])) == 1.0
