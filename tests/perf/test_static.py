from __future__ import annotations

import numpy as np
import pytest
from loads import call, linear_step, replica

from planner.perf.capacity import solve
from planner.perf.limits import Target
from planner.perf.static import batch_wait, longest_output, make_batch, solve_static, static_demand


def test_exponential_outputs_fill_a_quarter_of_32_slots():
    """O/E[O_max] = 1/H_32 = 24.6 % (handbook §5); log-normal outputs of the same SCV come close."""
    draws = np.random.default_rng(1).exponential(250.0, (40_000, 32)).max(axis=1)
    assert 250.0 / draws.mean() == pytest.approx(1.0 / (1.0 / np.arange(1, 33)).sum(), rel=0.01)
    assert 250.0 / longest_output(call(scv_output=1.0), 32.0)[0][0] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("size", [1.0, 4.0, 32.0, 256.0])
@pytest.mark.parametrize("scv", [0.3, 1.0, 4.0])
def test_longest_output_against_draws(size, scv):
    sigma = np.sqrt(np.log(1.0 + scv))
    rng = np.random.default_rng(3)
    draws = 250.0 * rng.lognormal(-(sigma**2) / 2, sigma, (4_000, int(size))).max(axis=1)
    mean, second = longest_output(call(scv_output=scv), size)
    assert mean[0] == pytest.approx(draws.mean(), abs=4.0 * draws.std() / np.sqrt(4_000))
    assert second[0] >= mean[0] ** 2


def test_batch_by_hand():
    """B = 4 of 100 + 50 tokens, no spread: T_pf = 12 ms + 400·30 µs = 24 ms, τ(4) = 12.24 ms, t_b = 24 + 50·12.24 = 636 ms."""
    batch = make_batch(linear_step(), call(100, 50, scv_output=0.0), replica(), 4.0)
    assert batch.prefill[0] == pytest.approx(24e-3)
    assert batch.iteration[0] == pytest.approx(12.24e-3)
    assert batch.service[0] == pytest.approx(0.636, rel=1e-6)
    # 3 calls/s: (4 − 1)/(2·3) = 0.5 s to fill; ρ = 3·0.636/4 = 0.477, W = ρ·t_b·(1/4)/2(1 − ρ) = 72.5 ms.
    assert batch_wait(batch, np.ones(1), np.array([3.0])).mean[0] == pytest.approx(0.5 + 0.0725, rel=1e-3)


def test_batch_of_one_is_a_single_server():
    """Kingman with c_a² = 1 is Pollaczek–Khinchine: ρ·S·(1 + c_s²)/2(1−ρ); log-normal service, SCV below the outputs'."""
    batch = make_batch(linear_step(), call(100, 50), replica(), 1.0)
    rate = 0.5 / batch.service
    expected = 0.5 * batch.service * (1 + batch.service_scv) / (2 * 0.5)
    np.testing.assert_allclose(batch_wait(batch, np.ones(1), rate).mean, expected)


def test_continuous_batching_clearly_beats_static_at_equal_promises():
    targets = [Target("ttft", 95.0, 20.0), Target("tpot", 95.0, 0.05)]
    static = solve_static(linear_step(), call(), replica(), targets)
    continuous = solve(linear_step(), call(), replica(), targets)
    assert static.feasible[0]
    assert static.strain[0] <= 1 + 1e-9
    assert continuous.state.rate[0] > 2.0 * static.state.rate[0]
    assert static_demand(static)[0] == pytest.approx(1.0 / static.state.rate[0])


def test_infeasible_has_no_demand():
    static = solve_static(linear_step(), call(), replica(), [Target("tpot", 95.0, 0.005)])
    assert not static.feasible[0]
    assert np.isinf(static_demand(static)[0])


def test_batch_stays_within_slots_and_memory():
    part = call()
    tight = solve_static(linear_step(), part, replica(kv_bytes=float(part.held[0]) * 30, max_sequences=64), [])
    assert tight.state.sequences[0] == 16.0
    assert solve_static(linear_step(), part, replica(kv_bytes=1e15, max_sequences=64), []).state.sequences[0] == 64.0
