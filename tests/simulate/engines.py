"""Small engines whose iterations can be timed by hand."""

from dataclasses import replace
from typing import Any

import numpy as np

from planner.perf.scalar import ScalarAttention, ScalarKv, ScalarStep
from planner.simulate.engine import Engine
from planner.simulate.requests import Requests, plain

NONE = {
    "host": 0.0, "host_sequence": 0.0, "weights": 0.0, "experts": 0.0, "sparsity": 0.0, "skew": 0.0, "imbalance": 1.0,
    "stages": 1.0, "flops": 0.0, "norm": 2.0, "kv": 0.0, "attention": 0.0, "attention_half": 0.0, "comm": 0.0,
    "prompt_host": 0.0, "prompt_request": 0.0,
}  # fmt: skip


def step(**values: float) -> ScalarStep:
    """Make a step of which only the given terms take time."""
    return ScalarStep(**(NONE | values))


def engine(made: ScalarStep, **changes: Any) -> Engine:
    """Make an engine with a byte of cache a token, room for 10,000 tokens, whole tokens as blocks."""
    token = ScalarKv(state=0.0, full=1.0, windowed=0.0, window=1.0)
    free = ScalarAttention(full_pair=0.0, windowed_pair=0.0, window=1.0, token=0.0, half=0.0)
    return replace(Engine(made, free, token, token, 10_000.0, 64, 100, 10_000, block_tokens=1.0, watermark=0.0), **changes)


def calls(*rows: tuple[float, int, int]) -> Requests:
    """Make calls of (arrival, prompt, output)."""
    arrival, prompt, output = zip(*rows, strict=True)
    return plain(np.array(arrival, float), np.array(prompt), np.array(output))


def realistic(**changes: Any) -> Engine:
    """Make an engine in the manner of an 8-billion model on one accelerator: reads weights in 6 ms, 128 KiB a token; made up."""
    made = step(
        host=2e-3, host_sequence=2e-5, weights=6e-3, flops=2e-5, norm=3.0, kv=1 / 2.3e12, attention=2e-15, attention_half=1000.0,
        comm=1e-7, prompt_host=5e-4, prompt_request=3e-4,
    )  # fmt: skip
    cache = ScalarKv(state=0.0, full=131072.0, windowed=0.0, window=1.0)
    cost = ScalarAttention(full_pair=524288.0, windowed_pair=0.0, window=1.0, token=0.0, half=1000.0)
    return replace(Engine(made, cost, cache, cache, 50e9, 256, 2048, 32768), **changes)


def mixed(rate: float, span: float, seed: int = 1, prompt: float = 1150.0, output: float = 210.0) -> Requests:
    """Make Poisson calls with gamma prompts and exponential outputs."""
    rng = np.random.Generator(np.random.PCG64(seed))
    count = rng.poisson(rate * span)
    prompts = np.maximum(rng.gamma(2.0, prompt / 2.0, count), 1.0).astype(np.int64)
    outputs = np.maximum(rng.exponential(output, count), 1.0).astype(np.int64)
    return plain(np.sort(rng.uniform(0, span, count)), prompts, outputs)
