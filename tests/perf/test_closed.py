"""Closed loop: limits, Little's law, monotonicity, and an independent simulation of the same engine."""

import numpy as np
import pytest
from loads import call, linear_step, replica, stack

from planner.perf.closed import closed_loop
from planner.perf.steady import steady_state

STEP = linear_step()  # 12 ms + 60 µs a sequence + 30 µs a prompt token (handbook §5)


def test_one_client_never_waits():
    # Alone: TTFT = one iteration with 1,000 prompt tokens = 12 + 30 ms, plus 10 ms outside; then 250 iterations of 12.06 ms.
    seen = closed_loop(STEP, call(), replica(), np.array([1.0]))
    assert seen.ttft[0] == pytest.approx(0.012 + 0.030 + 0.010, rel=0.02)
    assert seen.tpot[0] == pytest.approx(0.01206, rel=0.01)
    assert seen.rate[0] == pytest.approx(1.0 / (0.052 + 250 * 0.01206), rel=0.01)


def test_littles_law_holds():
    clients = np.array([2.0, 8.0, 32.0, 128.0])
    seen = closed_loop(STEP, call(), replica(), clients)
    assert seen.rate * (seen.ttft + 250.0 * seen.tpot) == pytest.approx(clients, rel=1e-6)


def test_more_clients_are_slower_each_and_more_together():
    clients = np.arange(1.0, 200.0)
    seen = closed_loop(STEP, call(), replica(), clients)
    assert (np.diff(seen.rate) > -1e-9).all()
    assert (np.diff(seen.tpot) > -1e-12).all()


def test_slots_hold_the_others_outside():
    seen = closed_loop(STEP, call(), replica(max_sequences=16.0), np.array([64.0]))
    full = steady_state(STEP, call(), np.array([2048.0]), np.array([16.0]))
    assert seen.state.sequences[0] == pytest.approx(16.0, rel=1e-6)
    assert seen.rate[0] == pytest.approx(full.rate[0], rel=0.01)
    assert seen.ttft[0] > 40.0 / full.rate[0]  # 48 clients outside


def test_columns_equal_single_deployments():
    steps = [linear_step(), linear_step(20e-3, 10e-6, 90e-6)]
    together = closed_loop(stack(steps), call(), replica(), np.array([24.0]))
    for index, step in enumerate(steps):
        alone = closed_loop(step, call(), replica(), np.array([24.0]))
        assert together.ttft[index] == pytest.approx(alone.ttft[0], rel=1e-12)


def simulate(clients: int, prompt: int, output: int, calls: int) -> tuple[float, float]:
    """Run the engine iteration by iteration: decode everybody, then as many prompt tokens as the chunk leaves room for."""
    now, done = 0.0, 0
    waiting = [(0.0, float(prompt)) for _ in range(clients)]  # (arrival, prompt tokens left)
    decoding: list[tuple[float, float, int]] = []  # (arrival, first token, tokens left)
    ttft, tpot = [], []
    while done < calls:
        room = 2048 - len(decoding)
        taken, finished = 0.0, []
        queue = []
        for arrival, left in waiting:
            share = min(left, room - taken)
            taken += share
            (finished if left - share <= 0 else queue).append((arrival, left - share))
        now += 12e-3 + 60e-6 * len(decoding) + 30e-6 * taken
        still = []
        for arrival, first, left in decoding:
            if left > 1:
                still.append((arrival, first, left - 1))
                continue
            done += 1
            if done > calls // 4:
                ttft.append(first - arrival)
                tpot.append((now - first) / output)
            queue.append((now, float(prompt)))
        decoding = still + [(arrival, now, output) for arrival, _ in finished]
        waiting = queue
    return float(np.mean(ttft)), float(np.mean(tpot))


@pytest.mark.parametrize("clients", [4, 32])
def test_against_a_simulation_of_the_same_engine(clients):
    """Equal lengths march in step, the hardest case for a mean-value form: TPOT within 10 %, TTFT within a factor of two."""
    seen = closed_loop(STEP, call(1000.0, 250.0, 0.0, 0.0), replica(host=0.0), np.array([float(clients)]))
    ttft, tpot = simulate(clients, 1000, 250, 30 * clients)
    assert seen.tpot[0] == pytest.approx(tpot, rel=0.10)
    assert 0.5 < seen.ttft[0] / ttft < 2.0
