"""Parameter counts: one hand-solved case per kind of layer, published totals per architecture, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog import parameters
from planner.catalog.parameters import Block, count


def test_llama_3_1_8b_counts_to_the_last_weight() -> None:
    """Meta's checkpoint holds 8,030,261,248 weights (safetensors index of meta-llama/Llama-3.1-8B).

    attention  32 layers · (4096·32·128·2 + 2·4096·8·128)  = 32 · 41,943,040  = 1,342,177,280
    dense      32 layers · (3·4096·14336 + 2·4096) + 4096  = 32 · 176,168,960 + 4096 = 5,637,410,816
    tables     2 · 128256 · 4096                           = 1,050,673,152
    """
    attention = parameters.grouped_attention(4096, 32, 8, 128)
    dense = parameters.mlp(4096, 14336) + 2 * 4096
    table = 128256 * 4096
    counted = count(
        [Block("attention", 32, attention), Block("dense", 32, dense)], embedding=table, head=table, tied=False, extra=4096
    )
    assert counted.attention == 1_342_177_280
    assert counted.dense == 5_637_410_816
    assert counted.total == 8_030_261_248
    assert counted.active == 8_030_261_248 - table


def test_mixtral_8x7b_counts_to_the_published_total() -> None:
    """46.7B total, 12.9B active with the input table (Jiang et al., arXiv:2401.04088, section 2)."""
    table = 32000 * 4096
    expert = parameters.mlp(4096, 14336)
    blocks = [
        Block("attention", 32, parameters.grouped_attention(4096, 32, 8, 128)),
        Block("experts", 32, 8 * expert, 2 * expert),
        Block("dense", 32, 4096 * 8 + 2 * 4096),
    ]
    counted = count(blocks, embedding=table, head=table, tied=False, extra=4096)
    assert counted.total == 46_702_792_704
    assert (counted.active + table) / 1e9 == pytest.approx(12.9, abs=0.05)


def test_biases_norms_gates_and_sinks_add_what_they_say() -> None:
    """h=8, H=4, K=2, d=2: queries 8 wide, keys 4 wide; plain layer 8·8·2 + 2·8·4 = 192."""
    plain = parameters.grouped_attention(8, 4, 2, 2)
    assert plain == 192
    assert parameters.grouped_attention(8, 4, 2, 2, qkv_bias=True) == plain + 8 + 4 + 4
    assert parameters.grouped_attention(8, 4, 2, 2, out_bias=True) == plain + 8
    assert parameters.grouped_attention(8, 4, 2, 2, qk_norm="head") == plain + 2 + 2
    assert parameters.grouped_attention(8, 4, 2, 2, qk_norm="full") == plain + 8 + 4
    assert parameters.grouped_attention(8, 4, 2, 2, output_gate=True) == plain + 8 * 8
    assert parameters.grouped_attention(8, 4, 2, 2, shared_kv=True) == plain - 8 * 4
    assert parameters.grouped_attention(8, 4, 2, 2, sinks=True) == plain + 4


def test_latent_attention_by_hand() -> None:
    """h=10, H=2, r_kv=3, rope 1, nope 2, v 2.

    direct queries 10·2·3 = 60; with r_q=4: 10·4 + 4 + 4·6 = 68
    latent 10·(3+1) + 3 = 43; up 3·2·(2+2) = 24; out 2·2·10 = 40
    """
    assert parameters.latent_attention(10, 2, 3, 1, 2, 2, None) == 60 + 43 + 24 + 40
    assert parameters.latent_attention(10, 2, 3, 1, 2, 2, 4) == 68 + 43 + 24 + 40


def test_deepseek_v3_latent_attention_is_187_million_a_layer() -> None:
    """7168·1536 + 1536 + 1536·128·192 + 7168·576 + 512 + 512·128·256 + 128·128·7168 (shape: arXiv:2412.19437, section 4.2)."""
    assert parameters.latent_attention(7168, 128, 512, 64, 128, 128, 1536) == 187_107_328


def test_sparse_indexer_of_deepseek_v3_2() -> None:
    """1536·64·128 + 7168·128 + 2·128 + 7168·64 = 13,959,424 a layer: 0.85B in 61 layers, 671.88B against 671.03B."""
    assert parameters.sparse_indexer(7168, 1536, 64, 128) == 13_959_424


@pytest.mark.parametrize(
    ("gated", "bias", "expected"), [(True, False, 90), (False, False, 60), (True, True, 113), (False, True, 73)]
)
def test_mlp_by_hand(gated: bool, bias: bool, expected: int) -> None:
    """h=3, i=10: 3·30 = 90 gated, 2·30 = 60 plain; biases 2·10 + 3 = 23 gated, 10 + 3 = 13 plain."""
    assert parameters.mlp(3, 10, gated=gated, bias=bias) == expected


def test_linear_layers_by_hand() -> None:
    """Small shapes multiplied out: each sum below lists the tensors in the order of the docstring's equation."""
    # gated DeltaNet h=4, 1 key head of 2, 2 value heads of 3, kernel 4: k=2, v=6
    assert parameters.gated_delta_net(4, 1, 2, 2, 3, 4) == 4 * (4 + 12 + 4) + (4 + 6) * 4 + 4 + 3 + 6 * 4
    # Mamba-2 h=4, 2 heads of 3, 1 group, state 5, kernel 4: e=6, e+2gn=16
    assert parameters.mamba2(4, 2, 3, 1, 5, 4) == 4 * (6 + 16 + 2) + 16 * 5 + 6 + 6 + 6 * 4
    # Mamba-1 h=4, e=8, n=2, r=1, kernel 4
    assert parameters.mamba1(4, 8, 2, 1, 4) == 2 * 4 * 8 + 8 * 5 + 8 * 5 + 8 + 8 + 16 + 8 + 8 * 4
    assert parameters.mamba1(4, 8, 2, 1, 4, norms=True) == parameters.mamba1(4, 8, 2, 1, 4) + 5
    # lightning attention h=4, 2 heads of 3
    assert parameters.lightning_attention(4, 2, 3) == 5 * 4 * 6 + 6


def test_tying_removes_the_head_from_storage_but_not_from_work() -> None:
    tied = count([], embedding=100.0, head=100.0, tied=True)
    untied = count([], embedding=100.0, head=100.0, tied=False)
    assert (tied.total, untied.total) == (100.0, 200.0)
    assert tied.active == untied.active == 100.0


def test_grouped_attention_with_all_heads_is_multi_head_attention() -> None:
    """Limit K = H: four square projections."""
    assert parameters.grouped_attention(64, 8, 8, 8) == 4 * 64 * 64


def test_vectors_equal_scalars() -> None:
    hidden, inner = np.array([512.0, 4096.0]), np.array([1024.0, 14336.0])
    assert parameters.mlp(hidden, inner).tolist() == [parameters.mlp(h, i) for h, i in zip(hidden, inner, strict=True)]
    vector = parameters.grouped_attention(hidden, 8, 2, 64)
    assert vector.tolist() == [parameters.grouped_attention(h, 8, 2, 64) for h in hidden]


@given(heads=st.integers(1, 64), share=st.integers(1, 8), dim=st.integers(1, 256), hidden=st.integers(1, 8192))
def test_fewer_kv_heads_never_cost_more(heads: int, share: int, dim: int, hidden: int) -> None:
    full = heads * share
    assert parameters.grouped_attention(hidden, full, heads, dim) <= parameters.grouped_attention(hidden, full, full, dim)


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1e9)), max_size=6))
def test_blocks_add_up(parts: list[tuple[int, float]]) -> None:
    counted = count([Block("dense", layers, each) for layers, each in parts], embedding=0.0, head=0.0, tied=False)
    assert counted.total == pytest.approx(sum(layers * each for layers, each in parts))
