"""τ, cache bytes and attention FLOP on plain floats are those on columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.attention import AttentionCost, attention_flops
from planner.perf.memory import KvCoefficients
from planner.perf.scalar import ScalarAttention, ScalarKv, ScalarStep
from planner.perf.step import StepModel, iteration_time

time = st.one_of(st.just(0.0), st.floats(1e-9, 1e-1))
share = st.one_of(st.just(0.0), st.floats(1e-4, 0.9), st.just(1.0))
columns = st.fixed_dictionaries(
    dict.fromkeys(("host", "host_sequence", "weights", "experts", "flops", "comm", "prompt_host", "prompt_request"), time)
    | {
        "sparsity": share,
        "skew": st.one_of(st.just(0.0), st.floats(0.01, 2.0)),
        "imbalance": st.floats(1.0, 2.0),
        "stages": st.sampled_from([1.0, 2.0, 4.0]),
        "norm": st.floats(1.0, 20.0),
        "kv": st.floats(1e-14, 1e-11),
        "attention": st.floats(1e-16, 1e-13),
        "attention_half": st.just(1000.0),
        "width": st.sampled_from([1.0, 2.0, 5.0]),
        "draft": time,
    }
)


def bundle(kind, values):
    return kind(**{name: np.array([value]) for name, value in values.items()})


@given(
    values=columns,
    sequences=st.integers(0, 512),
    kv=st.floats(0, 1e11),
    tokens=st.integers(0, 8192),
    flop=st.floats(0, 1e15),
    prompts=st.integers(0, 8),
)
def test_same_iteration_time_as_on_columns(values, sequences, kv, tokens, flop, prompts):
    flop = flop if tokens else 0.0
    model = bundle(StepModel, values)
    load = [np.array([float(value)]) for value in (sequences, kv, tokens, flop)]
    # A model without experts has a sparsity of 0; τ of no sequence with one of 1 is 0·log 0 on columns.
    if values["sparsity"] < 1 or sequences:
        expected = float(iteration_time(model, *load, prompts=float(prompts))[0])
        assert ScalarStep.of(model).time(sequences, kv, tokens, flop, prompts) == pytest.approx(expected, rel=1e-12)


@given(
    state=st.floats(0, 1e6),
    full=st.floats(0, 1e5),
    windowed=st.floats(0, 1e5),
    window=st.floats(1, 4096),
    context=st.floats(0, 1e5),
)
def test_same_cache_bytes_as_on_columns(state, full, windowed, window, context):
    made = bundle(KvCoefficients, {"state": state, "full": full, "windowed": windowed, "window": window})
    assert ScalarKv.of(made).at(context) == pytest.approx(float(made.at(np.array([context]))[0]), rel=1e-12)


@given(
    full=st.floats(0, 1e6),
    windowed=st.one_of(st.just(0.0), st.floats(1, 1e6)),
    window=st.floats(1, 4096),
    new=st.integers(1, 8192),
    cached=st.integers(0, 8192),
)
def test_same_attention_as_on_columns(full, windowed, window, new, cached):
    values = {"full_pair": full, "windowed_pair": windowed, "window": window, "token": 7.0, "half": 565.0}
    made = bundle(AttentionCost, values)
    expected = float(attention_flops(made, np.array([float(new)]), np.array([float(cached)]))[0])
    assert ScalarAttention.of(made).flops(new, cached) == pytest.approx(expected, rel=1e-12)


def test_a_row_is_taken_and_single_columns_hold_for_all(case):
    both = case.step("llama-3.1-8b")
    rows = both.slower(np.array([1.0, 2.0]))
    assert ScalarStep.of(rows, 1).weights == 2 * ScalarStep.of(rows, 0).weights
    assert ScalarStep.of(rows, 1).norm == ScalarStep.of(both).norm


def test_drafts_are_tokens_of_the_linear_layers_and_not_sequences(case):
    one = ScalarStep.of(case.step("llama-3.1-8b"))
    more = one.time(8, 1e9, 0, 0.0, drafts=24) - one.time(8, 1e9, 0, 0.0)
    assert more == pytest.approx(one.layers(32) - one.layers(8) + 24 * one.comm)
