"""How many deployments × streams a core evaluates per second, as ratios to the stored baseline.

    python benchmarks/bench_perf.py            compare with benchmarks/baseline.json
    python benchmarks/bench_perf.py --store    write it

Columns are random but of realistic size; a third of them are mixtures of experts. One thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # noqa: E402
from harness import best_of, print_rates  # noqa: E402

from planner.perf.capacity import solve  # noqa: E402
from planner.perf.level import demands, make_level  # noqa: E402
from planner.perf.limits import Replica, Target  # noqa: E402
from planner.perf.step import StepModel  # noqa: E402
from planner.perf.traffic import Traffic  # noqa: E402

ROWS = 8192
BATCH = 128
"""Deployments the planner evaluates together while it searches: the cost of calling NumPy shows here."""
TARGETS = [Target("ttft", 95.0, 2.0), Target("tpot", 95.0, 0.08)]


def random_step(rng: np.random.Generator, rows: int) -> StepModel:
    """Return deployments that read their weights in 2–60 ms and spend 1–50 µs of compute on a token."""

    def log(low: float, high: float) -> np.ndarray:
        return np.exp(rng.uniform(np.log(low), np.log(high), rows))

    sparse = rng.random(rows) < 1 / 3
    weights = log(2e-3, 6e-2)
    return StepModel(
        host=log(1e-3, 8e-3),
        host_sequence=log(4e-6, 5e-5),
        weights=np.where(sparse, 0.2, 1.0) * weights,
        experts=np.where(sparse, weights, 0.0),
        sparsity=np.where(sparse, log(0.02, 0.25), 0.0),
        stages=rng.choice([1.0, 1.0, 1.0, 2.0], rows),
        flops=log(1e-6, 5e-5),
        norm=rng.choice([1.6, 2.3, 3.0], rows),
        kv=1.0 / log(5e11, 2e13),
        attention=1.0 / log(5e13, 5e15),
        attention_half=np.full(rows, 1000.0),
        comm=log(1e-8, 5e-6),
        skew=np.where(sparse, 0.67, 0.0),
        imbalance=np.ones(rows),
        prompt_host=log(1e-4, 8e-3),
        prompt_request=log(1e-4, 3e-3),
    )


def random_case(rows: int) -> tuple[StepModel, Traffic, Replica]:
    """Return deployments and a chat stream of 1000 + 250 tokens on them; always the same."""
    rng = np.random.default_rng(1)
    prompt, output = 1000.0, 250.0
    kv = np.exp(rng.uniform(np.log(3e4), np.log(3e5), rows))
    held = (prompt + output + 8.0) * kv
    traffic = Traffic(
        output=np.array([output]),
        output_second=np.array([2.0 * output**2]),
        output_inverse=np.array([2.0 / output]),
        prompt=np.array([prompt]),
        prompt_second=np.array([2.0 * prompt**2]),
        prompt_third=np.array([8.0 * prompt**3]),
        attention=np.exp(rng.uniform(np.log(2e11), np.log(4e12), rows)),
        kv=(prompt + output) * kv,
        held=held,
        held_second=1.5 * held**2,
        burstiness=np.array([1.2]),
    )
    replica = Replica(
        kv_bytes=np.exp(rng.uniform(np.log(5e9), np.log(4e11), rows)),
        max_sequences=rng.choice([256.0, 1024.0], rows),
        chunk_tokens=rng.choice([2048.0, 8192.0], rows),
        host=np.full(rows, 0.01),
        pooled=np.ones(rows),
        utilization=0.8,
    )
    return random_step(rng, rows), traffic, replica


def measure(repeats: int) -> dict[str, float]:
    """Return evaluations per second of capacities, in long columns and in batches, and of levels with one stream's demands."""
    step, traffic, replica = random_case(ROWS)
    found = solve(step, traffic, replica, TARGETS)

    def corners() -> None:
        demands(step, make_level(found.state, traffic, replica, TARGETS), traffic, replica)

    alone = best_of(repeats, lambda: solve(step, traffic, replica, TARGETS))
    few = random_case(BATCH)
    batch = best_of(repeats, lambda: solve(*few, TARGETS))
    return {
        "perf: capacities per second": ROWS / alone,
        "perf: capacities per second, in batches": BATCH / batch,
        "perf: levels per second": ROWS / best_of(repeats, corners),
    }


if __name__ == "__main__":
    print_rates(__doc__, measure, 15)
