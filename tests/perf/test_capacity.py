from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loads import call, calls, linear_step, promises, replica, replicas, stack, steps

from planner.perf.capacity import OCCUPANCY_Z, Target, least_demands, solve, state_at_rate, strains, worst
from planner.perf.steady import steady_state


def test_tpot_bound_by_hand():
    """λ = (1 − τ0/SLO)/w, w = 30 µs·1000 + 60 µs·250 (handbook §5.6): (1 − 12/24)/0.045 = 11.1/s."""
    found = solve(linear_step(), call(), replica(chunk_tokens=8192), [Target("tpot", 50.0, 24e-3)])
    assert found.names[found.binding[0]] == "tpot p50"
    assert found.state.rate[0] == pytest.approx(11.11, rel=3e-3)


def test_memory_bound_by_hand():
    """Without prompts and spread of sizes: B + 2.326·√(B·T/τ0) sequences of 1 MB in 100 MB; T ≈ τ0, so B + 2.326·√B = 100."""
    part = replace(call(prompt=0.0), held=np.array([1e6]), held_second=np.array([1e12]))
    found = solve(linear_step(per_sequence=1e-9, per_prompt=0.0), part, replica(kv_bytes=1e8), [])
    load = found.state.sequences[0]
    assert found.names[found.binding[0]] == "kv memory"
    assert load + OCCUPANCY_Z * np.sqrt(load) == pytest.approx(100.0, rel=0.03)  # the rest holds calls in prefill


def test_impossible_promise():
    found = solve(linear_step(), call(), replica(), [Target("tpot", 50.0, 11e-3)])
    assert not found.feasible[0]
    assert found.names[found.binding[0]] == "tpot p50"
    assert found.strain[0] == pytest.approx(12 / 11, rel=0.01)


@settings(max_examples=150, deadline=None)
@given(step=steps(), part=calls(), place=replicas(), targets=promises())
def test_capacity_is_never_overstated_and_hardly_understated(step, part, place, targets):
    found = solve(step, part, place, targets)
    assume(found.feasible[0])
    assert found.strain[0] <= 1.0 + 1e-12
    above = steady_state(step, part, place.chunk_tokens, found.state.sequences * 1.003)
    past = worst(strains(above, part, place, targets))[0]
    assert past > 1.0 or found.strain[0] > 1.0 - 1e-3


@settings(max_examples=80, deadline=None)
@given(step=steps(sparse=False), part=calls(), place=replicas(), targets=promises(), looser=st.floats(1.0, 3.0))
def test_looser_target_never_lowers_capacity(step, part, place, targets, looser):
    tight = solve(step, part, place, targets)
    loose = solve(step, part, place, [replace(target, seconds=target.seconds * looser) for target in targets])
    assert loose.feasible[0] >= tight.feasible[0]
    if tight.feasible[0]:
        assert loose.state.sequences[0] >= tight.state.sequences[0] * (1 - 2.1e-3) or loose.strain[0] > 1 - 1e-4


@settings(max_examples=80, deadline=None)
@given(step=steps(), part=calls(), place=replicas(), limit=st.floats(0.01, 1.0))
def test_screening_bound_is_a_bound(step, part, place, limit):
    found = solve(step, part, place, [Target("tpot", 50.0, limit)])
    if found.feasible[0]:
        assert (found.state.rate[0] * least_demands(step, part, place, limit) <= 1 + 1e-9).all()


def test_columns_equal_single_deployments():
    made = [linear_step(), linear_step(20e-3, 10e-6, 90e-6), linear_step(90e-3)]
    parts = [call(), call(300, 600), call()]
    places = [replica(), replica(kv_bytes=1e10), replica()]
    targets = [Target("ttft", 95.0, 2.0), Target("tpot", 95.0, 0.04)]
    together = solve(stack(made), stack(parts), stack(places), targets)
    for index in range(3):
        alone = solve(made[index], parts[index], places[index], targets)
        assert together.state.rate[index] == pytest.approx(alone.state.rate[0], rel=1e-12)
        assert together.feasible[index] == alone.feasible[0]


def test_state_at_rate_inverts_the_rate():
    got = state_at_rate(linear_step(), call(), replica(), np.array([0.1, 3.0, 9.0]))
    np.testing.assert_allclose(got.rate, [0.1, 3.0, 9.0], rtol=1e-9)
