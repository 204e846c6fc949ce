from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads import call, calls, linear_step, replica, stack, steps

from planner.domain.problem import Operations
from planner.perf.capacity import state_at_rate
from planner.perf.steady import (
    MIN_CHUNK,
    call_step,
    lumpy_second,
    pollaczek_khinchine,
    prompt_cost,
    prompt_lump,
    queued_second,
    serving,
    state_at,
    steady_state,
)
from planner.perf.step import iteration_time

NONE, ONE = np.zeros(1), np.ones(1)
MAX_UTILIZATION = Operations().max_utilization


def test_linear_step_by_hand():
    """τ0 = 12 ms, τ1 = 60 µs, c_p = 30 µs; O = 250, I = 1000, E[X²] = 2·I², λ = 10/s: B = 2500·T and P = 4·B. At T = 22.04 ms,
    B = 55.1: τ_d = 15.31 ms, P·c_p = 6.61 ms, x = 6.61/15.31 = 0.432, κ = 21.92/12 + ½·(15.31/12)·2·0.432² = 1.827 + 0.238, and
    crowding adds 60 µs·2.065 = 0.124 ms to 21.92 ms."""
    state = state_at_rate(linear_step(), call(1000, 250), replica(chunk_tokens=8192.0), np.array([10.0]))
    assert state.iteration[0] == pytest.approx(22.04e-3, rel=3e-4)
    assert state.sequences[0] == pytest.approx(2500 * state.iteration[0], rel=1e-9)
    assert state.crowding[0] == pytest.approx(2.065, rel=2e-3)
    assert state.crowded[0] == pytest.approx(0.1239e-3, rel=2e-3)
    assert state.sequences_variance[0] == pytest.approx(55.1 * 2.065, rel=2e-3)
    assert state.load[0] == pytest.approx(1.0 - 12 / 22.04, rel=1e-3)


def test_without_prompts_an_iteration_is_a_decode_iteration():
    part = call(prompt=0.0)
    state = steady_state(linear_step(), part, np.array([2048.0]), np.array([10.0]))
    # 10 decoding calls, and κ = T/τ_0 = 12.6/12 more where a call is: a negative binomial seen from inside.
    assert state.iteration[0] == pytest.approx(12e-3 + (10 + 12.6 / 12) * 60e-6)
    assert [state.prompt_wait[0], state.jitter[0], state.prompt_load[0]] == [0.0, 0.0, 0.0]


def test_one_sequence_is_a_single_user():
    """A load that goes to nothing leaves a call alone with itself: τ(1), for κ = 1."""
    state = steady_state(linear_step(), call(prompt=1e-9), np.array([2048.0]), np.array([1e-6]))
    assert state.iteration[0] == pytest.approx(12.06e-3)
    assert state.rate[0] == pytest.approx(1e-6 / (250 * 12.06e-3))


def test_infinite_chunk_takes_a_prompt_in_one_iteration():
    """S → I·c_p, and the wait → M/G/1 with that service."""
    state = steady_state(linear_step(), call(), np.array([1e12]), np.array([50.0]))
    assert state.service[0] == pytest.approx(1000 * 30e-6, rel=1e-6)


@pytest.mark.parametrize(("scv", "wait", "variance"), [(1.0, 1.0, 3.0), (0.0, 0.5, 7 / 12)])
def test_published_queues(scv, wait, variance):
    """ρ = ½, S = 1. M/M/1: W_q = ρ/(μ−λ) = 1, Var W_q = ρ(2−ρ)/(μ−λ)² = 3. M/D/1: W_q = ρ/2(1−ρ) = ½,
    Var W_q = W² + λ/3(1−ρ) = ¼ + ⅓ = 7/12 (Kleinrock I, §5.6; Gross and Harris §2.2, §5.1)."""
    third = 6.0 if scv else 1.0
    got = pollaczek_khinchine(np.array([0.5]), np.array([1.0 + scv]), np.array([third]), np.array([0.5]))
    assert got[0][0] == pytest.approx(wait)
    assert got[1][0] == pytest.approx(variance)


def test_overload_waits_for_ever():
    mean, variance = pollaczek_khinchine(np.array([1.0, 1.2]), np.ones(2), np.ones(2), np.ones(2))
    assert np.isinf(mean).all()
    assert (variance == 0).all()


def test_burstiness_gives_kingman():
    """λE'/2(1−ρ) with E' = I²(1 + c_I² + 1.3·(c_a² − 1)·ρ^(1/c_a² − 1)): Kingman's formula but for the last factors, which
    are 1.3·0.25^−¾ = 3.68 at ρ = ¼ and c_a² = 4, and 1 for arrivals smoother than Poisson."""
    part, quarter = replace(call(100, scv_prompt=2.0), burstiness=np.array([4.0])), np.array([0.25])
    assert queued_second(part, quarter, ONE)[0] == pytest.approx(100**2 * (3.0 + 3.0 * 3.677), rel=1e-3)
    smooth = replace(part, burstiness=np.array([0.2]))
    assert queued_second(smooth, quarter, ONE)[0] == pytest.approx(100**2 * (3.0 - 0.8))
    assert part.burst[0] == 2.5


def test_company_takes_bursts_and_part_of_the_wait_away():
    """At 4 replicas 0.35 + 0.65/4 = 0.5125 of a lone replica's wait stays, and a quarter of what bursts add."""
    part, half, four = call(100, scv_prompt=2.0), np.array([0.5]), np.array([4.0])
    assert queued_second(part, half, four)[0] == pytest.approx(0.5125 * 3e4)
    bursty = replace(part, burstiness=np.array([2.0]))
    added = queued_second(bursty, half, ONE)[0] - 3e4
    assert queued_second(bursty, half, four)[0] == pytest.approx(0.5125 * 3e4 + added / 4)
    assert lumpy_second(part, np.array([1e9]))[0] == pytest.approx(0.12 * 3e4)


def test_lump_is_the_prompt_and_what_it_meets():
    got = prompt_lump(np.array([100.0, 100.0, 0.0]), np.array([0.0, 50.0, 0.0]), np.array([1000.0, 120.0, 1000.0]))
    np.testing.assert_allclose(got, [100.0, 120.0, 1.0])


def test_short_prompts_that_share_an_iteration_pay_for_compute():
    """Compute hides under 10 ms of weight reading up to 100 tokens; 20 prompts of 50 tokens an iteration do not fit there."""
    step = replace(linear_step(0.0, 0.0, 0.0), weights=np.array([10e-3]), flops=np.array([1e-4]), norm=np.array([1e3]))
    state = steady_state(step, call(prompt=50.0, output=1.0), np.array([8192.0]), np.array([20.0]))
    assert state.prompt_tokens[0] == 1000.0
    # A share 20/21 of the iterations carries 1050 + 20 tokens (107 ms), the rest 20 (10 ms); decoding costs the same in company.
    assert state.iteration[0] == pytest.approx((20 * 107e-3 + 10e-3) / 21, rel=1e-3)


@settings(max_examples=100, deadline=None)
@given(step=steps(), part=calls(), load=st.floats(0.01, 2000.0), chunk=st.sampled_from([512.0, 2048.0, 8192.0]))
def test_state_is_that_of_whole_iterations(step, part, load, chunk):
    """τ_d, c_p and T_f from what is prepared once per deployment equal the iteration times they are defined by."""

    def time(prompt):
        flop = part.attention * prompt / np.maximum(part.prompt, 1.0)
        return iteration_time(step, np.array([load]), load * part.kv, prompt, flop, prompts=prompt / np.maximum(part.prompt, 1.0))

    state = steady_state(step, part, np.array([chunk]), np.array([load]))
    room = np.maximum(chunk - step.width * load, MIN_CHUNK)
    lump = prompt_lump(part.prompt, load * part.prompt / part.output, room)
    decode = time(NONE)
    np.testing.assert_allclose(state.decode, decode, rtol=1e-12)
    np.testing.assert_allclose(state.prompt_cost * lump, time(lump) - decode, rtol=1e-12, atol=1e-12 * decode[0])
    full = np.maximum(time(np.atleast_1d(room)) - decode, room * state.prompt_cost)
    np.testing.assert_allclose(state.full, decode + full, rtol=1e-12)
    shared = decode + load * part.prompt / part.output * state.prompt_cost
    np.testing.assert_allclose(state.iteration, shared + (state.decode - state.idle) * state.crowding / load, rtol=1e-12)


def test_a_replica_made_ready_once_has_the_same_states():
    made, part, chunk = stack([linear_step(), linear_step(20e-3)]), call(), np.full(2, 2048.0)
    place = serving(made, part, chunk)
    for load in (np.array([0.5, 8.0]), np.array([100.0, 2047.0])):  # the last leaves no room for the smallest chunk
        got, expected = state_at(place, part, load), steady_state(made, part, chunk, load)
        for name in got.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


@settings(max_examples=100, deadline=None)
@given(step=steps(), part=calls())
def test_iteration_lies_between_decode_and_full_and_rate_grows(step, part):
    """Replicas are loaded to 80 % of their highest rate: up to there more calls at once are more calls a second, so that each
    rate has one state. Near the highest, crowding may slow a replica by more than another call brings, by 2 % once.
    """
    state = steady_state(step, part, np.array([4096.0]), np.exp(np.linspace(-4.0, 7.0, 60)))
    assert (state.iteration >= state.decode - 1e-12).all()
    rate = state.rate[state.prompt_load < 0.95]
    used = rate < MAX_UTILIZATION * rate.max()
    assert (np.diff(used.astype(int)) <= 0).all()
    assert (np.diff(rate[used]) > -1e-9 * rate[used][1:]).all()
    assert (np.diff(state.idle) >= 0).all()


@settings(max_examples=50, deadline=None)
@given(step=steps(sparse=False), part=calls())
def test_prompt_cost_of_dense_models_grows_with_sequences_and_tokens(step, part):
    called = call_step(replace(step, prompt_host=np.zeros(1)), part)  # but for the launch, which tokens share

    def cost(sequences, tokens):
        return prompt_cost(called, sequences, called.layers(sequences), tokens)

    size = np.linspace(1.0, 500.0, 30)
    assert (np.diff(cost(size, np.full(30, 300.0))) >= -1e-15).all()
    assert (np.diff(cost(np.full(30, 20.0), size)) >= -1e-15).all()


def test_columns_equal_single_deployments():
    made, parts = [linear_step(), linear_step(20e-3)], [call(), call(200, 20)]
    together = steady_state(stack(made), stack(parts), np.full(2, 2048.0), np.array([5.0, 50.0]))
    for index, load in enumerate((5.0, 50.0)):
        alone = steady_state(made[index], parts[index], np.array([2048.0]), np.array([load]))
        for name in alone.__dataclass_fields__:
            assert getattr(together, name)[index] == getattr(alone, name)[0]
