"""Disaggregated workers: limits, Little's law, monotonicity, and an independent simulation of both kinds of worker."""

import heapq
from dataclasses import fields, replace
from itertools import count

import numpy as np
import pytest
from loads import linear_step, stack

from planner.perf.disagg import Stages, disaggregated

ITERATION, SEQUENCE, TOKEN = 12e-3, 60e-6, 30e-6
STEP = linear_step(ITERATION, SEQUENCE, TOKEN)  # 12 ms + 60 µs a sequence + 30 µs a prompt token (handbook §5)
HOST, HANDOVER = 0.01, 0.02
PROMPT, OUTPUT, CHUNK = 1000.0, 250.0, 2048.0
FULL = (ITERATION + TOKEN * CHUNK) * PROMPT / CHUNK
"""Time a prompt takes of a worker whose iterations are full: 36 ms."""


def stages(number, **changes):
    values = {
        "number": number, "prompt": PROMPT, "output": OUTPUT, "prompt_workers": 1.0, "prompt_ranks": 1.0, "prompt_chunk": CHUNK,
        "decode_workers": 1.0, "room": 1e9, "host": HOST, "handover": HANDOVER, "synchrony": 0.0,
    }  # fmt: skip
    shape = np.broadcast_shapes(*(np.shape(value) for value in (values | changes).values()))
    return Stages(**{name: np.broadcast_to(np.asarray(v, float), shape or (1,)).copy() for name, v in (values | changes).items()})


def loop(clients, step=STEP):
    call = step.for_calls(np.zeros(1), np.zeros(1), 1.0 / clients.prompt)
    return disaggregated(call, call, clients)


def test_one_client_never_waits():
    # Alone: 10 ms outside, one iteration of 12 + 30 ms, hand-over of 20 ms; then 249 iterations of 12.06 ms. A prompt worker
    # is busy for 42 ms of the 3.07 s of a cycle: what the formula still lets the client wait for is 0.3 ms.
    seen = loop(stages(1.0))
    assert seen.ttft[0] == pytest.approx(0.072, rel=0.01)
    assert seen.tpot[0] == pytest.approx(0.01206, rel=1e-3)
    assert seen.rate[0] == pytest.approx(1.0 / (0.072 + 249 * 0.01206), rel=1e-3)


def test_littles_law_holds():
    clients = stages(np.array([2.0, 8.0, 32.0, 128.0, 512.0]), decode_workers=2.0)
    seen = loop(clients)
    assert seen.rate * (seen.ttft + 249.0 * seen.tpot) == pytest.approx(clients.number, rel=1e-6)
    assert 2.0 * seen.sequences == pytest.approx(seen.rate * 249.0 * seen.tpot, rel=1e-6)


def test_more_clients_are_slower_each_and_more_together():
    seen = loop(stages(np.arange(1.0, 400.0)))
    assert (np.diff(seen.rate) > -1e-9).all()
    assert (np.diff(seen.tpot) > -1e-9).all()
    assert (np.diff(seen.ttft) > -1e-9).all()


def test_prompts_do_not_slow_decoding_down():
    """What disaggregation is for: an iteration lasts as long as the calls that decode make it, whatever the prompts."""
    seen = loop(stages(16.0, prompt=np.array([100.0, 1000.0, 4000.0])))
    assert seen.tpot == pytest.approx(ITERATION + SEQUENCE * seen.sequences, rel=1e-9)


@pytest.mark.parametrize("workers", [1.0, 3.0])
def test_prompt_workers_that_cannot_keep_up_set_the_pace(workers):
    # 20,000 clients of few tokens: one worker takes 27.7 prompts/s; the clients queue before it (Little).
    seen = loop(stages(20_000.0, output=20.0, prompt_workers=workers, decode_workers=8.0))
    assert seen.rate[0] == pytest.approx(workers / FULL, rel=1e-3)
    assert seen.ttft[0] == pytest.approx(20_000.0 / seen.rate[0] - 19.0 * seen.tpot[0], rel=1e-6)
    assert not seen.waiting[0]


def test_decode_memory_holds_the_others_outside():
    seen = loop(stages(64.0, room=8.0, decode_workers=2.0, prompt_workers=4.0))
    iteration = ITERATION + 8.0 * SEQUENCE
    assert seen.waiting[0]
    assert seen.sequences[0] == pytest.approx(8.0, rel=1e-5)
    assert seen.rate[0] == pytest.approx(16.0 / (249.0 * iteration), rel=1e-5)
    assert seen.ttft[0] == pytest.approx(64.0 / seen.rate[0] - 249.0 * iteration, rel=1e-5)  # 48 clients are not decoding
    assert not loop(stages(64.0, room=80.0, decode_workers=2.0, prompt_workers=4.0)).waiting[0]


def test_twice_the_workers_serve_twice_the_clients_alike():
    one, two = loop(stages(500.0, output=100.0)), loop(stages(1000.0, output=100.0, prompt_workers=2.0, decode_workers=2.0))
    assert two.rate[0] == pytest.approx(2.0 * one.rate[0], rel=0.01)
    assert two.tpot[0] == pytest.approx(one.tpot[0], rel=0.01)


def test_ranks_run_prompts_side_by_side():
    # Two ranks of 1,000 tokens in one iteration: each prompt lasts as long as both, and the iteration's 12 ms are shared.
    one, two = loop(stages(1.0, prompt_chunk=1000.0)), loop(stages(1.0, prompt_chunk=1000.0, prompt_ranks=2.0))
    assert two.ttft[0] - one.ttft[0] == pytest.approx(1000.0 * TOKEN, rel=0.05)
    many = stages(20_000.0, output=20.0, prompt_chunk=1000.0, decode_workers=8.0, prompt_ranks=np.array([1.0, 2.0]))
    assert loop(many).rate == pytest.approx([1.0 / 0.042, 2.0 / 0.072], rel=1e-3)


def test_a_long_prompt_takes_several_iterations():
    # 8,192 tokens in chunks of 2,048: four iterations of 12 + 61.4 ms.
    seen = loop(stages(1.0, prompt=8192.0, host=0.0, handover=0.0))
    assert seen.ttft[0] == pytest.approx(4 * (ITERATION + 2048 * TOKEN), rel=0.05)


def test_waves_wait_for_half_of_the_others():
    # 32 prompts at once fill 15.6 iterations of 73.4 ms; the mean one is done after half of them and its own.
    apart, together = loop(stages(32.0)), loop(stages(32.0, synchrony=1.0))
    assert together.ttft[0] == pytest.approx(HOST + HANDOVER + 0.5 * (32 + 2.048) * FULL, rel=1e-6)
    assert together.ttft[0] > 3.0 * apart.ttft[0]


def test_columns_equal_single_deployments():
    steps = [STEP, linear_step(20e-3, 10e-6, 90e-6)]
    both = stages(np.array([24.0, 24.0]))
    together = loop(both, stack(steps))
    for index, step in enumerate(steps):
        alone = loop(replace(both, **{f.name: getattr(both, f.name)[:1] for f in fields(both)}), step)
        assert together.ttft[index] == alone.ttft[0]
        assert together.tpot[index] == alone.tpot[0]


class Simulation:
    """Prompt workers and decode workers, event by event; outputs vary by a fifth so that clients lose step."""

    def __init__(self, prompt, prompt_workers, decode_workers, seed=5):
        self.draw, self.order, self.events = np.random.default_rng(seed), count(), []
        self.prompt, self.queue = prompt, []
        self.idle = list(range(prompt_workers))
        self.decoding = [[] for _ in range(decode_workers)]
        self.joining = [[] for _ in range(decode_workers)]
        self.running = [False] * decode_workers
        self.ttft, self.tpot, self.ends = [], [], []

    def at(self, time, what, *arguments):
        heapq.heappush(self.events, (time, next(self.order), what, arguments))

    def run(self, clients, calls):
        for _ in range(clients):
            self.at(self.draw.uniform(0.0, 3.0), self.arrive)
        while len(self.ends) < calls:
            now, _, what, arguments = heapq.heappop(self.events)
            what(now, *arguments)
        kept = slice(calls // 4, None)
        rate = (len(self.ends[kept]) - 1) / (self.ends[-1] - self.ends[kept][0])
        return float(np.mean(self.ttft[kept])), float(np.mean(self.tpot[kept])), rate

    def arrive(self, now):
        self.queue.append([now, self.prompt])
        if self.idle:
            self.work(now, self.idle.pop(), [])

    def work(self, now, worker, begun):
        """Start an iteration with what fits: a prompt begun before, then those that wait."""
        room, ready = CHUNK, []
        while room > 0 and (begun or self.queue):
            job = begun[0] if begun else self.queue[0]
            share = min(job[1], room)
            job[1] -= share
            room -= share
            if not begun:
                begun = [self.queue.pop(0)]
            if job[1] <= 0:
                ready.append(job[0])
                begun = []
        if room < CHUNK:
            self.at(now + ITERATION + TOKEN * (CHUNK - room), self.prompts_done, worker, begun, ready)
        else:
            self.idle.append(worker)

    def prompts_done(self, now, worker, begun, ready):
        for sent in ready:
            self.at(now + HANDOVER, self.join, sent)
        self.work(now, worker, begun)

    def join(self, now, sent):
        worker = min(range(len(self.decoding)), key=lambda w: len(self.decoding[w]) + len(self.joining[w]))
        output = int(self.draw.uniform(0.8, 1.2) * OUTPUT)
        self.joining[worker].append([sent, now, output - 1, output - 1])
        if not self.running[worker]:
            self.decode(now, worker)

    def decode(self, now, worker):
        self.decoding[worker] += self.joining[worker]
        self.joining[worker] = []
        self.running[worker] = bool(self.decoding[worker])
        if self.running[worker]:
            self.at(now + ITERATION + SEQUENCE * len(self.decoding[worker]), self.decoded, worker)

    def decoded(self, now, worker):
        for call in self.decoding[worker]:
            call[2] -= 1
            if call[2] == 0:
                self.ttft.append(call[1] - call[0])
                self.tpot.append((now - call[1]) / call[3])
                self.ends.append(now)
                self.at(now, self.arrive)
        self.decoding[worker] = [call for call in self.decoding[worker] if call[2]]
        self.decode(now, worker)


@pytest.mark.parametrize(
    ("clients", "prompt", "prompt_workers", "decode_workers"),
    [(4, 1000, 1, 1), (32, 1000, 1, 1), (64, 1000, 1, 2), (64, 1000, 2, 1), (24, 3000, 1, 1), (200, 1000, 1, 2)],
)
def test_agrees_with_a_simulation(clients, prompt, prompt_workers, decode_workers):
    asked = stages(float(clients), prompt=prompt, prompt_workers=prompt_workers, decode_workers=decode_workers, host=0.0)
    seen = loop(asked)
    ttft, tpot, rate = Simulation(float(prompt), prompt_workers, decode_workers).run(clients, 3000)
    assert seen.rate[0] == pytest.approx(rate, rel=0.01)
    assert seen.tpot[0] == pytest.approx(tpot, rel=0.01)
    assert seen.ttft[0] == pytest.approx(ttft, rel=0.1)
