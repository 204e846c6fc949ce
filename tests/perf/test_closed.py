"""Closed loop: limits, Little's law, monotonicity, and an independent simulation of the same engine."""

from dataclasses import fields, replace

import numpy as np
import pytest
from loads import linear_step, stack

from planner.perf.closed import Clients, closed_loop

ITERATION, SEQUENCE, TOKEN = 12e-3, 60e-6, 30e-6
STEP = linear_step(ITERATION, SEQUENCE, TOKEN)  # 12 ms + 60 µs a sequence + 30 µs a prompt token (handbook §5)
HOST = 0.01


def calls(number, prompt=1000.0, output=250.0, **changes):
    values = {
        "number": number, "prompt": prompt, "output": output, "room": 1e9, "chunk": 2048.0, "prompts_first": 0.0, "host": HOST,
        "arrival_wait": 0.5, "synchrony": 0.0,
    }  # fmt: skip
    shape = np.broadcast_shapes(*(np.shape(value) for value in (values | changes).values()))
    return Clients(
        **{name: np.broadcast_to(np.asarray(v, float), shape or (1,)).copy() for name, v in (values | changes).items()}
    )


def loop(clients, step=STEP):
    return closed_loop(step.for_calls(np.zeros(1), np.zeros(1), 1.0 / clients.prompt), clients)


def test_one_client_never_waits():
    # Alone: 10 ms outside + one iteration of 12 ms with 1,000 prompt tokens of 30 µs; then 249 iterations of 12.06 ms.
    seen = loop(calls(1.0))
    assert seen.ttft[0] == pytest.approx(0.010 + 0.012 + 0.030, rel=0.01)
    assert seen.tpot[0] == pytest.approx(0.01206, rel=0.01)
    assert seen.rate[0] == pytest.approx(1.0 / (0.052 + 249 * 0.01206), rel=0.01)


def test_littles_law_holds():
    clients = calls(np.array([2.0, 8.0, 32.0, 128.0]))
    seen = loop(clients)
    assert seen.rate * (seen.ttft + 249.0 * seen.tpot) == pytest.approx(clients.number, rel=1e-3)
    assert seen.sequences == pytest.approx(seen.rate * 249.0 * seen.tpot, rel=1e-3)


def test_more_clients_are_slower_each_and_more_together():
    seen = loop(calls(np.arange(1.0, 200.0)))
    assert (np.diff(seen.rate) > -1e-9).all()
    assert (np.diff(seen.tpot) > -1e-9).all()


def test_prompts_longer_than_outputs_do_not_break_the_cycle():
    # 128 clients of 4,096 + 128 tokens: prompts alone take 128 · 123 ms; each call's outputs 128 · 20 ms.
    seen = loop(calls(128.0, prompt=4096.0, output=128.0))
    assert seen.rate[0] == pytest.approx(1.0 / (4096 * TOKEN), rel=0.25)
    assert seen.rate[0] < 1.0 / (4096 * TOKEN)


def test_room_holds_the_others_outside():
    few, many = loop(calls(16.0)), loop(calls(64.0, room=16.0))
    assert many.waiting[0]
    assert not few.waiting[0]
    assert many.sequences[0] == pytest.approx(16.0)
    assert many.rate[0] >= few.rate[0]
    assert many.ttft[0] > 40.0 / many.rate[0]  # 48 clients outside
    assert many.rate[0] * (many.ttft[0] + 249.0 * many.tpot[0]) == pytest.approx(64.0, rel=1e-3)


def test_waves_move_waiting_from_tokens_to_the_first():
    apart, together = loop(calls(32.0)), loop(calls(32.0, synchrony=1.0))
    assert together.ttft[0] > 3.0 * apart.ttft[0]
    assert together.tpot[0] < apart.tpot[0]
    # The mean prompt of a wave of 32 is done after half of them: 17/32 of 32·30 ms and the decode iterations it shared.
    assert together.ttft[0] == pytest.approx(HOST + 17 * 0.030 + 8 * 0.014, rel=0.1)


def test_prompts_first_cost_an_iteration_of_their_own():
    shared, first = loop(calls(8.0)), loop(calls(8.0, prompts_first=1.0))
    # Beside the same prompt tokens, decoding stands still for 12 ms of host time at every prompt.
    assert first.tpot[0] > shared.tpot[0]
    assert first.tpot[0] - shared.tpot[0] < 7 * 0.012 / 249 * 1.2


def test_columns_equal_single_deployments():
    steps = [STEP, linear_step(20e-3, 10e-6, 90e-6)]
    both = calls(np.array([24.0, 24.0]))
    together = loop(both, stack(steps))
    for index, step in enumerate(steps):
        alone = loop(replace(both, **{f.name: getattr(both, f.name)[:1] for f in fields(both)}), step)
        assert together.ttft[index] == alone.ttft[0]
        assert together.tpot[index] == alone.tpot[0]


def simulate(clients, prompt, output, calls_wanted, *, first=False, seed=5):
    """Run the engine iteration by iteration; outputs are uniform between 0.8 and 1.2 of the mean, so clients lose step."""
    draw = np.random.default_rng(seed)
    length = lambda: int(draw.uniform(0.8, 1.2) * output)  # noqa: E731
    now, done, ttft, tpot = 0.0, 0, [], []
    waiting = []  # (arrival, prompt tokens left)
    decoding = [(0.0, 0.0, int(draw.uniform(0, output)), 0) for _ in range(clients)]  # (arrival, first token, left, all)
    while done < calls_wanted:
        room = 2048.0 - (0 if first else len(decoding))
        taken, finished, queue = 0.0, 0, []
        ready = []
        for arrival, left in waiting:
            share = min(left, room - taken)
            taken += share
            if left - share <= 0:
                ready.append(arrival)
                finished += 1
            else:
                queue.append((arrival, left - share))
        alone = first and taken > 0
        now += ITERATION + (0.0 if alone else SEQUENCE * len(decoding)) + TOKEN * taken
        still = []
        for arrival, start, left, whole in decoding:
            if alone or left > 1:
                still.append((arrival, start, left - (0 if alone else 1), whole))
                continue
            done += 1
            if done > calls_wanted // 4 and whole:
                ttft.append(start - arrival)
                tpot.append((now - start) / (whole - 1))
            queue.append((now, float(prompt)))
        for arrival in ready:
            whole = length()
            still.append((arrival, now, whole - 1, whole))
        decoding, waiting = still, queue
    return float(np.mean(ttft)), float(np.mean(tpot))


@pytest.mark.parametrize(
    ("clients", "prompt", "first"), [(4, 1000, 0), (32, 1000, 0), (32, 1000, 1), (16, 3000, 0), (16, 3000, 1)]
)
def test_agrees_with_a_simulation(clients, prompt, first):
    # The simulation's clients send again at an iteration's end, so they wait for none: no residual iteration.
    seen = loop(calls(float(clients), prompt=float(prompt), prompts_first=float(first), arrival_wait=0.0, host=0.0))
    ttft, tpot = simulate(clients, prompt, 250, 3000, first=bool(first))
    assert seen.tpot[0] == pytest.approx(tpot, rel=0.05)
    assert seen.ttft[0] == pytest.approx(ttft, rel=0.25)
