from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.attention import attention_flops, causal_pairs, compile_attention, windowed_pairs


def flops(case, name, new, cached=0.0, half=0.0, tp=1, **changes):
    coefficients = case.coefficients(attention_half=half)
    return float(attention_flops(compile_attention(case.model(name, **changes), coefficients, case.layout(tp=tp)), new, cached))


def test_whole_prompt_costs_the_textbook_flop(case):
    # 4·L·n_q·d·I²/2 (handbook §2): Llama-3.1-8B, 4096 tokens: 4·32·32·128·4096²/2 = 4.4e12.
    assert flops(case, "llama-3.1-8b", 4096.0) == pytest.approx(4 * 32 * 32 * 128 * 4096**2 / 2)


def test_short_prompts_run_at_the_measured_rate(case):
    # Time ∝ G must be F·(1 + s½/s): at s = s½ twice the plateau's time.
    assert flops(case, "llama-3.1-8b", 1190.0, half=1190.0) == pytest.approx(2 * flops(case, "llama-3.1-8b", 1190.0))


def test_cached_prefix_saves_its_own_pairs_only(case):
    whole = flops(case, "llama-3.1-8b", 3000.0)
    assert flops(case, "llama-3.1-8b", 1000.0) + flops(case, "llama-3.1-8b", 2000.0, cached=1000.0) == pytest.approx(whole)


@given(new=st.floats(1, 1e5), cached=st.floats(0, 1e5), window=st.floats(1, 1e5))
def test_windowed_pairs_match_their_sum_and_never_exceed_causal(new, cached, window):
    pairs = windowed_pairs(new, cached, window)
    assert pairs <= causal_pairs(new, cached) * (1 + 1e-9) + 1e-6
    assert pairs <= new * window * (1 + 1e-9)


def test_windowed_pairs_by_counting():
    # Tokens 3..9 (p = 3, I = 7), each seeing min(position, 5): continuous count 2²/2 less … = ∫min(x, 5) from 3 to 10.
    assert windowed_pairs(7.0, 3.0, 5.0) == pytest.approx((25 - 9) / 2 + 5 * 5)
    assert windowed_pairs(7.0, 3.0, np.inf) == pytest.approx(causal_pairs(7.0, 3.0))


def test_windowed_layers_grow_linearly(case):
    # gpt-oss-120b: 18 layers see everything, 18 see 128 tokens.
    layer = 4 * 64 * 64
    expected = 18 * layer * (8192**2 / 2 + 128 * 8192 - 128**2 / 2)
    assert flops(case, "gpt-oss-120b", 8192.0) == pytest.approx(expected)


def test_mla_counts_uncompressed_heads(case):
    # 2·128·(128 + 64 + 128) FLOP a pair and layer, DeepSeek-V3.
    assert flops(case, "deepseek-v3", 1000.0) == pytest.approx(61 * 2 * 128 * 320 * 1000**2 / 2)


def test_sparse_attention_caps_pairs_and_adds_the_indexer(case):
    sparse = {"index_heads": 64, "index_dim": 128, "index_topk": 2048}
    attention = 61 * 2 * 128 * 320 * (2048 * 32768 - 2048**2 / 2)
    indexer = 61 * 2 * 64 * 128 * 32768**2 / 2
    assert flops(case, "deepseek-v3", 32768.0, **sparse) == pytest.approx(attention + indexer)
    assert flops(case, "deepseek-v3", 32768.0, tp=8, **sparse) == pytest.approx(attention + 8 * indexer)
    assert flops(case, "deepseek-v3", 131072.0, **sparse) < flops(case, "deepseek-v3", 131072.0) / 3


def test_linear_attention_is_linear(case):
    only_linear = {"attention_layers": 0, "linear_layers": 32, "state_elements": 1e6}
    one, two = (flops(case, "llama-3.1-8b", tokens, **only_linear) for tokens in (1000.0, 2000.0))
    assert one == pytest.approx(4 * 32 * 1e6 * 1000)
    assert two == pytest.approx(2 * one)


def test_vector_equals_scalar(case):
    lengths = np.array([16.0, 128.0, 1000.0, 50000.0])
    cost = compile_attention(case.model("gpt-oss-120b"), case.coefficients(), case.layout())
    assert attention_flops(cost, lengths, 10.0).tolist() == [float(attention_flops(cost, s, 10.0)) for s in lengths]
