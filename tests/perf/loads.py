"""Random replicas and calls for the tests of the upper half of the performance model."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from planner.perf.limits import Replica, Target
from planner.perf.step import StepModel
from planner.perf.traffic import Traffic

HEAD = 4.0 * 32 * 4096
"""Attention FLOP per pair of tokens: 4 · layers · heads · head size of an 8B model (handbook §2)."""


def one(cls, **values):
    """Make a bundle with arrays of one entry, so that results have a shape."""
    return cls(**{name: np.atleast_1d(np.asarray(value, float)) for name, value in values.items()})


def linear_step(idle=12e-3, per_sequence=60e-6, per_prompt=30e-6) -> StepModel:
    """τ = τ0 + τ1·B + c_p·P, the model of the handbook's simulation: all cost per token in the linear terms."""
    return one(
        StepModel, host=idle, host_sequence=per_sequence - per_prompt, weights=0, experts=0, sparsity=0, stages=1,
        flops=0, norm=2, kv=0, attention=0, attention_half=0, comm=per_prompt, skew=0, imbalance=1, prompt_host=0,
        prompt_request=0,
    )  # fmt: skip


def call(prompt=1000.0, output=250.0, scv_prompt=1.0, scv_output=1.0, kv=131072.0, burstiness=1.0) -> Traffic:
    """A call with log-normal lengths: E[I³] = I³(1 + c²)³; context of a decoding call I + O(1 + c²)/2 (handbook §1)."""
    context = prompt + output * (1.0 + scv_output) / 2.0
    held = (context + 8.0) * kv
    return one(
        Traffic,
        output=output, output_second=output**2 * (1.0 + scv_output), output_inverse=(1.0 + scv_output) / output,
        prompt=prompt, prompt_second=prompt**2 * (1.0 + scv_prompt), prompt_third=prompt**3 * (1.0 + scv_prompt) ** 3,
        attention=HEAD * prompt**2 * (1.0 + scv_prompt) / 2.0,
        kv=context * kv, held=held, held_second=held**2 * 1.5, burstiness=burstiness,
    )  # fmt: skip


def replica(kv_bytes=50e9, max_sequences=256.0, chunk_tokens=2048.0, host=0.01, utilization=0.8, pooled=1.0) -> Replica:
    arrays = {
        name: np.atleast_1d(float(value))
        for name, value in {
            "kv_bytes": kv_bytes,
            "max_sequences": max_sequences,
            "chunk_tokens": chunk_tokens,
            "host": host,
            "pooled": pooled,
        }.items()
    }
    return Replica(**arrays, utilization=utilization)


def stack(parts):
    """Join bundles of one entry into columns."""
    first = parts[0]
    joined = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(first) if f.name != "utilization"}
    return type(first)(**joined, **({"utilization": first.utilization} if isinstance(first, Replica) else {}))


@st.composite
def steps(draw, sparse=None):
    """Deployments from a small GPU to a large node: weight reading 1–40 ms, 1–60 µs of compute per token."""

    def log(low, high):
        return float(np.exp(draw(st.floats(np.log(low), np.log(high)))))

    moe = draw(st.booleans()) if sparse is None else sparse
    weights = log(1e-3, 4e-2)
    return one(
        StepModel, host=log(1e-4, 1e-2), host_sequence=log(1e-7, 6e-5), weights=weights * (0.2 if moe else 1.0),
        experts=weights if moe else 0.0, sparsity=log(0.01, 0.3) if moe else 0.0, stages=draw(st.sampled_from([1, 1, 2, 4])),
        flops=log(1e-6, 6e-5), norm=draw(st.floats(1.0, 4.0)), kv=1.0 / log(5e11, 2e13), attention=1.0 / log(5e13, 5e15),
        attention_half=500.0, comm=log(1e-8, 1e-5), skew=draw(st.sampled_from([0.0, 0.7])) if moe else 0.0,
        imbalance=draw(st.sampled_from([1.0, 1.3])) if moe else 1.0,
        prompt_host=draw(st.sampled_from([0.0, 1.0])) * log(1e-5, 1e-2), prompt_request=log(1e-5, 3e-3),
        width=draw(st.sampled_from([1.0, 1.0, 1.0, 2.0, 4.0, 9.0])), draft=draw(st.sampled_from([0.0, 0.1])) * weights * moe,
    )  # fmt: skip


@st.composite
def calls(draw):
    """Calls from a classifier's (long in, few out) to a writer's."""

    def log(low, high):
        return float(np.exp(draw(st.floats(np.log(low), np.log(high)))))

    return call(
        prompt=log(20, 12000), output=log(4, 2000), scv_prompt=log(0.05, 3), scv_output=log(0.05, 4), kv=log(2e4, 3e5),
        burstiness=draw(st.sampled_from([0.5, 1.0, 2.0, 5.0])),
    )  # fmt: skip


@st.composite
def replicas(draw):
    return replica(
        kv_bytes=draw(st.sampled_from([5e9, 30e9, 300e9])), max_sequences=draw(st.sampled_from([32.0, 256.0, 1024.0])),
        chunk_tokens=draw(st.sampled_from([1024.0, 2048.0, 8192.0])), host=0.01,
    )  # fmt: skip


@st.composite
def promises(draw):
    """Any subset of the three metrics, at any tightness."""
    found = []
    for metric, low, high in (("ttft", 0.3, 20.0), ("tpot", 0.02, 0.3), ("e2e", 3.0, 200.0)):
        if draw(st.booleans()):
            seconds = float(np.exp(draw(st.floats(np.log(low), np.log(high)))))
            found.append(Target(metric, draw(st.sampled_from([50.0, 90.0, 95.0, 99.0])), seconds))
    return found
