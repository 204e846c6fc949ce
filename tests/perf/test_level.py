from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from planner.perf.capacity import OCCUPANCY_Z, Target, solve
from planner.perf.level import RESOURCES, corner_latencies, demands, make_level, state_for
from planner.perf.steady import steady_state
from planner.perf.step import expert_coverage, iteration_time
from loads import call, calls, linear_step, promises, replica, replicas, stack, steps

NONE = np.zeros(1)


class Mix:
    """Several streams on one replica, straight from the iteration time; with routed experts read at the corner's coverage."""

    def __init__(self, step, parts, rates, place, corner):
        self.step, self.parts, self.rates, self.place, self.corner = step, parts, rates, place, corner.state
        self.coverage = expert_coverage(step.sparsity, self.corner.sequences / step.stages)
        low, high = 0.0, float(self.corner.iteration[0]) * (1.0 + 1e-6)
        self.settles = self.iteration(high) <= high  # else no T up to T* satisfies τ(loads during T) = T
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.iteration(middle) > middle else (low, middle)
        self.T = high
        self.sequences = sum(rate * high * part.output[0] for rate, part in zip(rates, parts, strict=True))
        self.decode = self.decode_time(high)
        self.chunk = place.chunk_tokens - self.sequences

    def decode_time(self, T, coverage="corner"):
        B = sum(rate * T * part.output for rate, part in zip(self.rates, self.parts, strict=True))
        K = sum(rate * T * part.output * part.kv for rate, part in zip(self.rates, self.parts, strict=True))
        return iteration_time(self.step, B, K, NONE, NONE, self.coverage if coverage == "corner" else None)

    def cost(self, T, part, lump):
        """What `lump` prompt tokens of a call add to an iteration, a token."""
        B = sum(rate * T * other.output for rate, other in zip(self.rates, self.parts, strict=True))
        read = expert_coverage(self.step.sparsity, (self.corner.sequences + lump) / self.step.stages)
        flop = part.attention * lump / part.prompt
        with_prompt = iteration_time(self.step, B, NONE, lump, flop, read)
        return (with_prompt - iteration_time(self.step, B, NONE, NONE, NONE, self.coverage)) / lump

    def lump(self, T, part):
        B = sum(rate * T * other.output for rate, other in zip(self.rates, self.parts, strict=True))
        prompts = sum(rate * T * other.prompt for rate, other in zip(self.rates, self.parts, strict=True))
        return np.minimum(part.prompt + prompts, self.place.chunk_tokens - B)

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
            burst = max(1.0, 0.5 + 0.5 * part.burstiness[0])
            variance = variance + active * (own + part.held**2 * burst * self.T / self.corner.idle)
        return float((mean + OCCUPANCY_Z * np.sqrt(variance))[0])

    def sequences99(self):
        variance = sum(
            rate * part.output * self.T * max(1.0, 0.5 + 0.5 * part.burstiness[0]) * self.T / self.corner.idle
            for rate, part in zip(self.rates, self.parts, strict=True)
        )
        return float((self.sequences + OCCUPANCY_Z * np.sqrt(variance))[0])

    def service(self, part, power):
        full = self.decode + self.chunk * self.cost(self.T, part, self.chunk)
        excess = max(part.burstiness[0] - 1.0, 0.0) * part.prompt**2
        return (part.prompt if power == 1 else part.prompt_second + excess) * (full / self.chunk) ** power

    def wait(self):
        """Pollaczek–Khinchine of the mixture."""
        load = sum(rate * self.service(part, 1) for rate, part in zip(self.rates, self.parts, strict=True))
        second = sum(rate * self.service(part, 2) for rate, part in zip(self.rates, self.parts, strict=True))
        return float(load[0]), float((second / 2.0 / (1.0 - load))[0])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
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
