from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from loads import call, calls, linear_step, promises, replica, replicas, stack, steps

from planner.perf.capacity import solve
from planner.perf.level import RESOURCES, corner_latencies, demands, make_level, state_for
from planner.perf.limits import OCCUPANCY_Z, Target
from planner.perf.steady import steady_state
from planner.perf.step import iteration_time

NONE = np.zeros(1)


class Mix:
    """Several streams on one replica, straight from the iteration time; with routed experts read at the corner's coverage."""

    def __init__(self, step, parts, rates, place, corner):
        self.step, self.parts, self.rates, self.place, self.corner = step, parts, rates, place, corner.state
        self.coverage = step.coverage(step.width * self.corner.sequences)
        low, high = 0.0, float(self.corner.iteration[0]) * (1.0 + 1e-6)
        self.settles = self.iteration(high) <= high  # else no T up to T* satisfies τ(loads during T) = T
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.iteration(middle) > middle else (low, middle)
        self.T = high
        self.sequences = sum(rate * high * part.output[0] for rate, part in zip(rates, parts, strict=True))
        self.decode = self.decode_time(high)
        self.chunk = place.chunk_tokens - step.width * self.sequences

    def decode_time(self, T, coverage="corner"):
        B = sum(rate * T * part.output for rate, part in zip(self.rates, self.parts, strict=True))
        K = sum(rate * T * part.output * part.kv for rate, part in zip(self.rates, self.parts, strict=True))
        return iteration_time(self.step, B, K, NONE, NONE, self.coverage if coverage == "corner" else None)

    def cost(self, T, part, lump):
        """What `lump` prompt tokens of a call add to an iteration, a token."""
        B = sum(rate * T * other.output for rate, other in zip(self.rates, self.parts, strict=True))
        read = self.step.coverage(self.step.width * self.corner.sequences + lump)
        flop = part.attention * lump / part.prompt
        step = replace(self.step, draft=NONE)  # what drafts read does not depend on prompts
        with_prompt = iteration_time(step, B, NONE, lump, flop, read, lump / part.prompt)
        return (with_prompt - iteration_time(step, B, NONE, NONE, NONE, self.coverage)) / lump

    def lump(self, T, part):
        B = sum(rate * T * other.output for rate, other in zip(self.rates, self.parts, strict=True))
        prompts = sum(rate * T * other.prompt for rate, other in zip(self.rates, self.parts, strict=True))
        return np.minimum(part.prompt + prompts, self.place.chunk_tokens - self.step.width * B)

    def iteration(self, T):
        prompts = sum(
            rate * T * part.prompt * self.cost(T, part, self.lump(T, part))
            for rate, part in zip(self.rates, self.parts, strict=True)
        )
        return float((self.decode_time(T) + prompts)[0])

    def kv99(self):
        """Mean and 2.326 standard deviations of live KV bytes."""
        mean = variance = 0.0
        for rate, part in zip(self.rates, self.parts, strict=True):
            active = rate * part.output * self.T
            prefill = np.maximum(1.0, part.prompt / self.chunk) * self.decode
            prefill = prefill + part.prompt * self.cost(self.T, part, self.lump(self.T, part))
            mean = mean + (active + rate * prefill) * part.held
            own = part.held_second - part.held**2
            burst = 0.5 + 0.5 * part.burstiness[0]
            variance = variance + active * (own + part.held**2 * burst * self.T / self.corner.idle)
        return float((mean + OCCUPANCY_Z * np.sqrt(variance))[0])

    def sequences99(self):
        variance = sum(
            rate * part.output * self.T * (0.5 + 0.5 * part.burstiness[0]) * self.T / self.corner.idle
            for rate, part in zip(self.rates, self.parts, strict=True)
        )
        return float((self.sequences + OCCUPANCY_Z * np.sqrt(variance))[0])

    def jitter(self):
        """Variance that prompts add to elapsed time per second of it."""
        return sum(
            rate
            * self.cost(self.T, part, self.lump(self.T, part)) ** 2
            * (part.prompt_second + (part.burstiness[0] - 1.0) * part.prompt**2)
            for rate, part in zip(self.rates, self.parts, strict=True)
        )

    def service(self, part, power):
        full = self.decode + self.chunk * self.cost(self.T, part, self.chunk)
        excess = (part.burstiness[0] - 1.0) * part.prompt**2
        return (part.prompt if power == 1 else part.prompt_second + excess) * (full / self.chunk) ** power

    def wait(self):
        """Pollaczek–Khinchine of the mixture."""
        load = sum(rate * self.service(part, 1) for rate, part in zip(self.rates, self.parts, strict=True))
        second = sum(rate * self.service(part, 2) for rate, part in zip(self.rates, self.parts, strict=True))
        return float(load[0]), float((second / 2.0 / (1.0 - load))[0])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(step=steps(), parts=st.lists(calls(), min_size=2, max_size=5), place=replicas(), targets=promises(), data=st.data())
def test_load_adds_up(step, parts, place, targets, data):
    """Any rates whose demands stay within a replica keep the corner: the theorem the optimizer rests on."""
    found = solve(step, parts[0], place, targets)
    assume(found.feasible[0])
    corner = make_level(found.state, parts[0], place, targets)
    need = np.stack([demands(step, corner, part, place)[0][:, 0] for part in parts])  # [R, J]
    weights = np.array([data.draw(st.floats(0.0, 1.0)) for _ in parts])
    assume(weights.sum() > 0)
    weights = weights / need.max(axis=1)  # so that streams of any size matter
    rates = weights / (weights @ need).max()  # the fullest resource at exactly 1

    mixed = Mix(step, parts, rates, place, corner)
    state, slack = corner.state, 1.0 + 1e-6
    assert mixed.settles
    assert mixed.sequences <= state.sequences[0] * slack
    assert mixed.sequences99() <= place.max_sequences[0] * slack
    assert mixed.decode[0] <= state.decode[0] * slack
    assert mixed.kv99() <= place.kv_bytes[0] * slack
    load, wait = mixed.wait()
    assert load <= place.utilization * slack
    assert wait <= corner.wait[0] * slack or np.isinf(corner.wait[0])
    if step.experts[0] == 0 and step.prompt_host[0] == 0:  # what prompts share, experts or launches, jitter takes as at P*
        assert mixed.jitter()[0] <= corner.jitter[0] * slack or np.isinf(corner.jitter[0])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(step=steps(sparse=False), part=calls(), place=replicas(), targets=promises())
def test_anchor_alone_loses_nothing(step, part, place, targets):
    """At its own corner the anchor of a dense deployment is served at the rate it has alone."""
    found = solve(step, part, place, targets)
    assume(found.feasible[0])
    corner = make_level(found.state, part, place, targets)
    need, seen = demands(step, corner, part, place)
    assert (need[:, 0] * found.state.rate[0]).max() == pytest.approx(1.0, abs=2e-3)
    for target in targets:
        assert seen.percentile(target.metric, target.percentile)[0] <= target.seconds * (1 + 1e-6)


def test_iteration_demand_of_a_linear_step_by_hand():
    """τ = 12 ms + 60 µs·B + 30 µs·P, TPOT p50 = T ≤ 24 ms: λ(60 µs·250 + 30 µs·1000) = 1 − 12/24, λ = 11.11/s."""
    step, part, place = linear_step(), call(1000, 250), replica(chunk_tokens=8192.0)
    found = solve(step, part, place, [Target("tpot", 50.0, 24e-3)])
    plain = found.state.iteration[0] - found.state.crowded[0]
    assert found.state.rate[0] == pytest.approx((1 - 12e-3 / plain) / 0.045 * plain / found.state.iteration[0], rel=2e-3)
    corner = make_level(found.state, part, place, [Target("tpot", 50.0, 24e-3)])
    # A joiner of 500 + 100 tokens needs 60 µs·100 + 30 µs·500 = 21 ms a call, of which T − crowded − τ0 is to be had per T.
    need, _ = demands(step, corner, call(500, 100), place)
    assert need[0, 0] == pytest.approx(0.021 * found.state.iteration[0] / (plain - 12e-3), rel=2e-3)
    assert need.shape == (len(RESOURCES), 1)


def test_no_latency_promise_leaves_queue_and_jitter_free():
    step, part, place = linear_step(), call(), replica()
    corner = make_level(solve(step, part, place, []).state, part, place, [])
    assert np.isinf(corner.wait[0])
    assert np.isinf(corner.jitter[0])
    assert (demands(step, corner, part, place)[0][3:] == 0).all()


def test_columns_equal_single_deployments():
    made = [linear_step(), linear_step(idle=20e-3, per_prompt=10e-6)]
    parts, places = [call(), call(300, 600)], [replica(), replica(chunk_tokens=4096)]
    targets = [Target("ttft", 95.0, 2.0), Target("tpot", 95.0, 0.04)]

    def run(step, part, place):
        corner = make_level(solve(step, part, place, targets).state, part, place, targets)
        return demands(step, corner, part, place)[0]

    together = run(stack(made), stack(parts), stack(places))
    for index in range(2):
        np.testing.assert_allclose(together[:, index], run(made[index], parts[index], places[index])[:, 0], rtol=1e-12)


def test_state_for_the_only_stream_is_the_state():
    step, part = linear_step(), call()
    state = steady_state(step, part, np.array([2048.0]), np.array([40.0]))
    own = state_for(step, state, part)
    np.testing.assert_allclose([own.prompt_cost, own.full], [state.prompt_cost, state.full])
    seen = corner_latencies(make_level(state, part, replica(), []), own, part, np.array([0.01]), state.prompt_wait, state.jitter)
    assert np.isfinite(seen.percentile("ttft", 95.0)).all()
