"""Layouts that are not a plain stack of layers, against published totals or by hand."""

from __future__ import annotations

import pytest
from hf_configs import shape

from planner.catalog.huggingface import import_config


def test_falcon_and_searched_layouts() -> None:
    """Falcon-7B holds 6,921,720,704 weights with its tied head (safetensors, tiiuae/falcon-7b).

    A searched Llama of 2 layers, h=512, 4 heads in groups of 2 of dimension 128: the first has attention
    (512·512·2 + 2·512·256 = 786,432) and no feed-forward, the second only a feed-forward of 512
    (two thirds of 512, rounded up to 256s: 3·512·512 = 786,432).
    Three norms with the final one, tables 2·1000·512.
    """
    falcon = {
        "model_type": "falcon",
        "hidden_size": 4544,
        "num_hidden_layers": 32,
        "num_attention_heads": 71,
        "vocab_size": 65024,
        "multi_query": True,
        "parallel_attn": True,
        "max_position_embeddings": 2048,
    }
    assert import_config(falcon, "tiiuae/falcon-7b").parameters.total == 6_921_720_704
    layers = [
        {"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": None}},
        {"attention": {"n_heads_in_group": None, "no_op": True}, "ffn": {"ffn_mult": 1.0}},
    ]
    searched = shape("nemotron-nas", (512, 2, 4, 4, 1, 1000), block_configs=layers)
    model = import_config(searched, "x/y")
    assert model.parameters.total == 2 * 786_432 + 3 * 512 + 2 * 1000 * 512
    assert (model.attention.layers, model.attention.kv_heads) == (1, 2)


def test_gemma_4_has_two_head_sizes() -> None:
    """gemma-4-26B-A4B: 25.23B (card: 25.2B), windowed layers with 8 heads of 256, global ones with 2 of 512 and shared values."""
    config = shape(
        "gemma4_text",
        (2816, 30, 16, 8, 2112, 262144),
        head_dim=256,
        global_head_dim=512,
        num_global_key_value_heads=2,
        attention_k_eq_v=True,
        enable_moe_block=True,
        num_experts=128,
        top_k_experts=8,
        moe_intermediate_size=704,
        sliding_window=1024,
        tie_word_embeddings=True,
        layer_types=(["sliding_attention"] * 5 + ["full_attention"]) * 5,
    )
    model = import_config(config, "google/gemma-4-26B-A4B-it")
    assert model.parameters.total / 1e9 == pytest.approx(25.2331, abs=1e-4)
    at = model.attention
    assert (at.kv_heads, at.head_dim, at.window_kv_heads, at.window_head_dim, at.window_layers) == (2, 512, 8, 256, 25)


def test_llama_4_chunks_three_layers_of_four() -> None:
    """Scout: 107.77B of text weights (109B with the vision tower), 36 of 48 layers see 8192 tokens, one shared expert."""
    config = shape(
        "llama4_text",
        (5120, 48, 40, 8, 8192, 202048),
        head_dim=128,
        intermediate_size_mlp=16384,
        num_local_experts=16,
        num_experts_per_tok=1,
        interleave_moe_layer_step=1,
        attention_chunk_size=8192,
        max_position_embeddings=10485760,
    )
    model = import_config(config, "meta-llama/Llama-4-Scout-17B-16E-Instruct")
    assert model.parameters.total / 1e9 == pytest.approx(107.7699, abs=1e-4)
    assert (model.attention.window, model.attention.window_layers, model.max_context) == (8192, 36, 10485760)
