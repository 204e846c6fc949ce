"""How many output tokens and calls a core simulates per second, as ratios to the stored baseline.

    python benchmarks/bench_simulate.py            compare with benchmarks/baseline.json
    python benchmarks/bench_simulate.py --store    write it

A made-up deployment in the manner of an 8-billion model on one accelerator. One thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from harness import best_of, print_rates

from planner.perf.scalar import ScalarAttention, ScalarKv, ScalarStep
from planner.simulate.cluster import simulate
from planner.simulate.engine import Engine, Speculation
from planner.simulate.requests import Requests, plain

PROMPT, OUTPUT = 1150.0, 210.0
"""Mean lengths, those of a conversation trace [token]."""
CROWD = 64
"""Calls that decode together in the first benchmark [1]."""
RATE = 3.0
"""Calls per second and replica in the others [1/s]."""


def replica(speculation: Speculation | None = None) -> Engine:
    """Return a replica that reads its weights in 6 ms and spends 20 µs of compute on a token."""
    step = ScalarStep(
        host=2e-3,
        host_sequence=2e-5,
        weights=6e-3,
        experts=0.0,
        sparsity=0.0,
        skew=0.0,
        imbalance=1.0,
        stages=1.0,
        flops=2e-5,
        norm=3.0,
        kv=1 / 2.3e12,
        attention=2e-15,
        attention_half=1000.0,
        comm=1e-7,
        prompt_host=5e-4,
        prompt_request=3e-4,
    )
    cache = ScalarKv(state=0.0, full=131072.0, windowed=0.0, window=1.0)
    attention = ScalarAttention(full_pair=524288.0, windowed_pair=0.0, window=1.0, token=0.0, half=1000.0)
    return Engine(step, attention, cache, cache, 50e9, 256, 2048, 32768, speculation=speculation)


def conversation(rate: float, span: float) -> Requests:
    """Return Poisson calls with gamma prompts and exponential outputs; always the same."""
    rng = np.random.Generator(np.random.PCG64(1))
    count = rng.poisson(rate * span)
    prompts = np.maximum(rng.gamma(2.0, PROMPT / 2.0, count), 1.0).astype(np.int64)
    outputs = np.maximum(rng.exponential(OUTPUT, count), 1.0).astype(np.int64)
    return plain(np.sort(rng.uniform(0.0, span, count)), prompts, outputs)


def crowded() -> tuple[Engine, Requests]:
    """Return a replica whose slots are always full, and calls enough for them."""
    made = replica()
    return Engine(**{**vars(made), "max_sequences": CROWD}), conversation(1e3, 3.0)


def measure(repeats: int) -> dict[str, float]:
    """Return simulated output tokens and calls per second."""
    engine, calls = crowded()
    trace, alone = conversation(10 * RATE, 120.0), conversation(RATE, 600.0)
    drafting = replica(Speculation(3, 0.7, draft_share=0.05))
    runs: dict[str, tuple[float, Callable[[], object]]] = {
        "simulate: output tokens per second, 64 at once": (float(calls.output.sum()), lambda: simulate(engine, calls)),
        "simulate: calls per second, 1 replica": (len(alone), lambda: simulate(replica(), alone)),
        "simulate: calls per second, drafting": (len(alone), lambda: simulate(drafting, alone)),
        "simulate: calls per second, 10 replicas": (
            len(trace),
            lambda: simulate(replica(), trace, replicas=10, balancer="least_loaded"),
        ),
    }
    return {name: count / best_of(repeats, run) for name, (count, run) in runs.items()}


if __name__ == "__main__":
    print_rates(__doc__, measure, 5)
