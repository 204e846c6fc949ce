from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loads import call, calls, linear_step, promises, replica, replicas, steps

from planner.perf import capacity
from planner.perf.bounds import bounding_load, least_demands, longest_iteration
from planner.perf.capacity import CLOSE, NEAR, solve, state_at_rate
from planner.perf.limits import OCCUPANCY_Z, SMALLEST_LOAD, Replica, Target, largest_load, strains, worst
from planner.perf.steady import State, steady_state
from planner.perf.step import StepModel


def test_tpot_bound_by_hand():
    """λ = (1 − τ0/SLO)/w, w = 30 µs·1000 + 60 µs·250 (handbook §5.6): (1 − 12/24)/0.045 = 11.1/s, less what a call sees beyond
    the mean: crowding, 0.14 ms, and 48 ms of prompts left behind over answers of 250 tokens, E[1/O] = 2/250: 0.3 ms of 24."""
    found = solve(linear_step(), call(), replica(chunk_tokens=8192), [Target("tpot", 50.0, 24e-3)])
    assert found.names[found.binding[0]] == "tpot p50"
    assert found.state.rate[0] == pytest.approx((1 - 12 / (24 - 0.14 - 0.3)) / 0.045, rel=3e-3)


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
    above = steady_state(step, part, place.chunk_tokens, found.state.sequences * (1.0 + 1.001 * CLOSE))
    past = worst(strains(above, part, place, targets))[0]
    full = found.state.sequences[0] >= largest_load(place, part, step.width)[0] * (1.0 - CLOSE)  # of tokens to be verified
    assert past > 1.0 or found.strain[0] >= 1.0 - NEAR or full


@settings(max_examples=150, deadline=None)
@given(step=steps(), part=calls(), place=replicas(), targets=promises())
def test_nothing_above_the_bounding_load_is_feasible(step, part, place, targets):
    bound = bounding_load(step, part, place, targets)
    assume(2.0 * SMALLEST_LOAD < bound[0] < largest_load(place, part, step.width)[0])
    for factor in (1.0 + 1e-9, 1.1, 2.0):
        state = steady_state(step, part, place.chunk_tokens, bound * factor)
        assert worst(strains(state, part, place, targets))[0] >= 1.0 - 1e-9


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


def draw(rows: int, seed: int = 1):
    """Columns of deployments as random as those of `steps`, with what a single row of them is."""
    rng = np.random.default_rng(seed)

    def log(low, high):
        return np.exp(rng.uniform(np.log(low), np.log(high), rows))

    sparse, weights = rng.random(rows) < 0.4, log(1e-3, 4e-2)
    step = StepModel(
        host=log(1e-4, 1e-2), host_sequence=log(1e-7, 6e-5), weights=np.where(sparse, 0.2, 1.0) * weights,
        experts=np.where(sparse, weights, 0.0), sparsity=np.where(sparse, log(0.01, 0.3), 0.0),
        stages=rng.choice([1.0, 2.0, 4.0], rows), flops=log(1e-6, 6e-5), norm=rng.choice([1.0, 1.6, 2.0, 3.0], rows),
        kv=1.0 / log(5e11, 2e13), attention=1.0 / log(5e13, 5e15), attention_half=np.full(rows, 500.0), comm=log(1e-8, 1e-5),
        skew=np.where(sparse, rng.choice([0.0, 0.7], rows), 0.0), imbalance=np.where(sparse, 1.3, 1.0),
        prompt_host=log(1e-5, 1e-2), prompt_request=log(1e-5, 3e-3),
    )  # fmt: skip
    kv = log(2e4, 3e5)
    part = replace(call(1000.0, 250.0), kv=1250.0 * kv, held=1258.0 * kv, held_second=1.5 * (1258.0 * kv) ** 2)
    place = Replica(
        kv_bytes=log(5e9, 3e11), max_sequences=rng.choice([32.0, 256.0, 1024.0], rows),
        chunk_tokens=rng.choice([1024.0, 8192.0], rows), host=np.full(rows, 0.01), pooled=rng.choice([1.0, 4.0], rows),
        utilization=0.8,
    )  # fmt: skip
    return step, part, place


TARGETS = ([], [Target("ttft", 95.0, 2.0), Target("tpot", 95.0, 0.08)], [Target("e2e", 97.0, 20.0), Target("ttft", 50.0, 0.5)])


@pytest.mark.parametrize("targets", TARGETS)
def test_columns_equal_single_deployments_bit_for_bit(targets):
    step, part, place = draw(203)
    together, again = solve(step, part, place, targets), solve(step, part, place, targets)
    assert together.feasible.mean() > 0
    for name in State.__dataclass_fields__:
        values = np.broadcast_to(getattr(together.state, name), (203,))
        assert values.tobytes() == np.broadcast_to(getattr(again.state, name), (203,)).tobytes()
        for index in range(0, 203, 7):
            one = np.array([index])
            alone = solve(step.take(one), part.take(one), place.take(one), targets)
            assert getattr(alone.state, name)[0] == values[index]
            assert alone.feasible[0] == together.feasible[index]
            assert alone.binding[0] == together.binding[index]
            assert alone.strain[0] == together.strain[index]


@pytest.mark.parametrize("targets", TARGETS)
def test_the_search_is_short(targets, monkeypatch):
    """Both ends, a first guess and some three steps of interpolation; a bisection to 0.2 % would take 23."""
    asked = []
    plain = capacity.strains
    monkeypatch.setattr(capacity, "strains", lambda state, *rest: asked.append(state.sequences.size) or plain(state, *rest))
    solve(*draw(1000), targets)
    assert sum(asked) / 1000 <= 7.0
    assert len(asked) <= 20


def test_state_at_rate_inverts_the_rate():
    got = state_at_rate(linear_step(), call(), replica(), np.array([0.1, 3.0, 9.0]))
    np.testing.assert_allclose(got.rate, [0.1, 3.0, 9.0], rtol=1e-9)


@pytest.mark.parametrize(
    ("target", "bound"),
    [
        (Target("tpot", 95.0, 0.05), 0.05),
        (Target("tpot", 40.0, 0.05), np.inf),  # below the median it says nothing of the mean
        (Target("ttft", 95.0, 0.05), np.inf),
        (Target("e2e", 90.0, 5.0), np.inf),  # of very uneven answers the 90th percentile may lie below the mean
        (Target("e2e", 95.0, 5.0), 0.02),
    ],
)
def test_what_targets_say_of_iterations(target, bound):
    assert longest_iteration([target], 250.0) == bound
