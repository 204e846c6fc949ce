from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.step import expert_coverage, iteration_time, smooth_max

positive = st.floats(1e-6, 1e3)


@given(memory=positive, compute=positive, norm=st.floats(1, 50))
def test_smooth_maximum_lies_between_maximum_and_sum(memory, compute, norm):
    joint = smooth_max(np.asarray(memory), np.asarray(compute), np.asarray(norm))
    assert max(memory, compute) * (1 - 1e-12) <= joint <= (memory + compute) * (1 + 1e-12)


def test_smooth_maximum_by_hand_and_in_the_limit():
    # 3-4-5 at q = 2; the sum at 1; the maximum for q → ∞; no overflow far out.
    three, four = np.asarray(3.0), np.asarray(4.0)
    assert smooth_max(three, four, np.asarray(2.0)) == pytest.approx(5)
    assert smooth_max(three, four, np.asarray(1.0)) == pytest.approx(7)
    assert smooth_max(three, four, np.asarray(1e6)) == pytest.approx(4)
    assert smooth_max(np.asarray(1e-200), np.asarray(1e200), np.asarray(50.0)) == pytest.approx(1e200)
    assert smooth_max(np.asarray(0.0), np.asarray(0.0), np.asarray(3.0)) == 0


def covered(sparsity, tokens, skew=0.0, imbalance=1.0):
    return expert_coverage(np.asarray(sparsity), np.asarray(tokens), np.asarray(skew), np.asarray(imbalance))


def test_coverage_by_hand():
    # 8 of 256 experts: one token 1/32; two 1 − (31/32)²; none without experts; all in the limit.
    assert covered(8 / 256, 1.0) == pytest.approx(1 / 32)
    assert covered(8 / 256, 2.0) == pytest.approx(1 - (31 / 32) ** 2)
    assert covered(0.0, 100.0) == 0
    assert covered(1.0, 3.0) == 1
    assert covered(8 / 256, 1e5) == pytest.approx(1)


def test_skewed_coverage_by_hand():
    # s = 1: an expert's popularity is exponential, so N tokens miss a share 1/(1 + N·w), w = −log(1 − k/E).
    w = -np.log(1 - 8 / 256)
    assert covered(8 / 256, 32.0, skew=1.0) == pytest.approx(1 - 1 / (1 + 32 * w))
    assert covered(8 / 256, 32.0, skew=1e-9) == pytest.approx(covered(8 / 256, 32.0), rel=1e-6)
    # 25–40 % fewer at 16–64 tokens (handbook §3), for 128 experts of which 8 are visited.
    fewer = 1 - covered(8 / 128, np.array([16.0, 64.0]), skew=0.67) / covered(8 / 128, np.array([16.0, 64.0]))
    assert (fewer > 0.1).all()
    assert (fewer < 0.4).all()
    # The busiest rank reads more than the mean, but never more than all of its own.
    assert covered(8 / 256, 1.0, imbalance=1.3) == pytest.approx(1.3 / 32)
    assert covered(8 / 256, 1e5, imbalance=1.3) == 1


def test_more_of_any_load_never_takes_less_time(case):
    steps = [case.step("llama-3.1-8b"), case.step("deepseek-v3", "h200", "fp8", tp=8), case.step("llama-3.1-70b", tp=4, pp=2)]
    base = np.array([8.0, 1e9, 256.0, 1e12])
    for step in steps:
        before = iteration_time(step, *base)
        for place in range(4):
            more = base.copy()
            more[place] *= 2
            assert iteration_time(step, *more) > before


def test_convex_at_fixed_coverage(case):
    # The mean of two iterations is never shorter than the iteration of their mean: load adds up (design §3.4).
    step = case.step("deepseek-v3", "h200", "fp8", tp=8)
    random = np.random.default_rng(1)
    first, second = random.uniform(0, [256, 1e11, 8192, 1e14], (2, 500, 4)).swapaxes(-1, -2).transpose(0, 1, 2)
    whole = np.asarray(1.0)
    middle = iteration_time(step, *((first + second) / 2), coverage=whole)
    mean = (iteration_time(step, *first, coverage=whole) + iteration_time(step, *second, coverage=whole)) / 2
    assert np.all(middle <= mean * (1 + 1e-12))


def test_calls_of_one_kind_take_the_time_of_their_iterations(case):
    """What is multiplied out once per deployment gives the same iterations: τ(B, P) = decode + added·P."""
    host = {"prompt_host": np.asarray(5e-3), "prompt_request": np.asarray(2e-3)}
    for made in (case.step("llama-3.1-70b", tp=4, pp=2), case.step("deepseek-v3", "h200", "fp8", tp=8)):
        step = replace(made, **host)
        called = step.for_calls(np.asarray(2e8), np.asarray(3e9), np.asarray(1 / 500))
        for sequences, prompt in ((0.01, 1.0), (8.0, 512.0), (300.0, 7000.0)):
            before, after = called.layers(np.asarray(sequences)), called.layers(np.asarray(sequences + prompt))
            got = called.decode(sequences, before) + prompt * called.added(np.asarray(prompt), before, after)
            whole = iteration_time(step, sequences, sequences * 2e8, prompt, prompt * 3e9, prompts=prompt / 500)
            assert got == pytest.approx(whole, rel=1e-12)
            alone = iteration_time(step, sequences, sequences * 2e8, 0.0, 0.0)
            assert called.decode(sequences, before) == pytest.approx(alone, rel=1e-12)
