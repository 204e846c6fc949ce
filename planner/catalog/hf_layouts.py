"""Layouts that are not a plain stack of attention and feed-forward layers."""

from __future__ import annotations

from planner.catalog import parameters
from planner.catalog.hf_families import Family
from planner.catalog.hf_layers import Anatomy, attention_kind, decoder, depth, norm, softmax_attention, window
from planner.catalog.hf_mixtures import build
from planner.catalog.hf_reader import Reader
from planner.catalog.hf_states import mamba2
from planner.catalog.parameters import Block
from planner.domain.llm import Attention


def anatomy(reader: Reader, family: Family) -> Anatomy:
    """Lay a model out as its family does."""
    builders = {
        "decoder": decoder,
        "gemma4": gemma4,
        "nemotron_h": nemotron_h,
        "nemotron_nas": nemotron_nas,
        "encoder": encoder,
        "falcon": falcon,
    }
    return builders[family.layout](reader, family)


def gemma4(reader: Reader, family: Family) -> Anatomy:
    """Lay out Gemma 4: global layers with larger heads and shared keys and values, experts beside a dense layer."""
    hidden, layers = reader.positive("hidden_size"), depth(reader)
    heads, local_kv, local_dim = (reader.positive(n) for n in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    shared = reader.flag("attention_k_eq_v", default=False)
    global_kv = (reader.optional("num_global_key_value_heads") if shared else None) or local_kv
    global_dim = reader.optional("global_head_dim") or local_dim
    size, windowed = window(reader, family, layers)
    moe = reader.flag("enable_moe_block", default=False)
    found = build(reader, family, hidden, layers) if moe else None
    local = parameters.grouped_attention(hidden, heads, local_kv, local_dim, qk_norm="head")
    wide = parameters.grouped_attention(hidden, heads, global_kv, global_dim, qk_norm="head", shared_kv=shared)
    # the router's scale and one scale per expert, and three more norms, where there are experts
    norms = family.norms + (4 if moe else 0)
    experts = found.experts if found else None
    always = norms * hidden + (experts.count if experts else 0)
    blocks = [
        Block("attention", windowed, local),
        Block("attention", layers - windowed, wide),
        Block("dense", layers, always + parameters.mlp(hidden, reader.positive("intermediate_size"))),
        *(found.blocks if found else []),
    ]
    attention = Attention(
        kind=attention_kind(heads, global_kv),
        layers=layers,
        heads=heads,
        kv_heads=global_kv,
        head_dim=global_dim,
        window=size,
        window_layers=windowed,
        window_kv_heads=local_kv,
        window_head_dim=local_dim,
    )
    return Anatomy(hidden, layers, attention, blocks, experts=experts, extra=hidden)


def nemotron_h(reader: Reader, family: Family) -> Anatomy:
    """Lay out Nemotron-H: one mixer a layer, M Mamba-2, * attention, - dense, E experts."""
    hidden = reader.positive("hidden_size")
    pattern = _pattern(reader)
    layers = max(len(pattern), 1)
    attention, weights = softmax_attention(reader, family, hidden, layers, pattern.count("*"))
    result = Anatomy(hidden, layers, attention, extra=norm(family, hidden))
    result.blocks = [Block("attention", pattern.count("*"), weights), Block("dense", layers, hidden)]
    if "M" in pattern:
        state = mamba2(reader, hidden, pattern.count("M"))
        result.linear = state.linear
        result.blocks.append(Block("attention", state.linear.layers, state.weights))
    if "-" in pattern:
        dense = parameters.mlp(hidden, reader.positive("intermediate_size"), gated=False)
        result.blocks.append(Block("dense", pattern.count("-"), dense))
    if "E" in pattern:
        found = build(reader, family, hidden, pattern.count("E"))
        result.experts = found.experts
        result.blocks += found.blocks
    return result


def _pattern(reader: Reader) -> str:
    """Return Nemotron-H's layers as letters, from the pattern or from the newer list of names."""
    names = reader.items("layers_block_type")
    letters = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"}
    field = "layers_block_type" if names else "hybrid_override_pattern"
    pattern = "".join(letters.get(str(name), "?") for name in names) if names else reader.text(field)
    stated = reader.optional("num_hidden_layers")
    if not pattern or set(pattern) - set("M*-E") or (stated is not None and stated != len(pattern)):
        reader.refuse(field, f"expected one of M * - E for each of {stated or 'the'} layers, got {pattern[:60]!r}")
    return pattern


def nemotron_nas(reader: Reader, family: Family) -> Anatomy:
    """Lay out a searched Llama: layers may lack attention, and feed-forward widths differ."""
    hidden, layers = reader.positive("hidden_size"), depth(reader)
    heads = reader.positive("num_attention_heads")
    configs = reader.per_layer("block_configs", layers) or []
    groups = [group for config in configs if (group := _searched(config, "attention", "n_heads_in_group"))]
    if len(set(groups)) != 1 or not groups[0].is_integer():
        reader.refuse("block_configs", "expected one entry a layer, with one n_heads_in_group among the layers with attention")
        groups = [1.0]
    kv_heads, dim = max(heads // int(groups[0]), 1), max(hidden // heads, 1)
    widths = [_searched_width(config, hidden) for config in configs]
    blocks = [
        Block("attention", len(groups), parameters.grouped_attention(hidden, heads, kv_heads, dim)),
        Block("dense", len(groups) + sum(width > 0 for width in widths), norm(family, hidden)),
        *(Block("dense", 1, parameters.mlp(hidden, width)) for width in widths),
    ]
    attention = Attention(kind=attention_kind(heads, kv_heads), layers=len(groups), heads=heads, kv_heads=kv_heads, head_dim=dim)
    return Anatomy(hidden, layers, attention, blocks, extra=norm(family, hidden))


def _searched(config: object, part: str, name: str) -> float:
    """Return a number of one part of a layer's searched config; 0 if the part is left out."""
    inner = config.get(part) if isinstance(config, dict) else None
    value = inner.get(name) if isinstance(inner, dict) else None
    return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else 0.0


def _searched_width(config: object, hidden: int) -> int:
    """Return a layer's inner size: two thirds of ffn_mult·h, rounded up to a multiple of 256 (remote code of the checkpoint)."""
    return -(-int(2 * _searched(config, "ffn", "ffn_mult") * hidden / 3) // 256) * 256


def encoder(reader: Reader, family: Family) -> Anatomy:
    """Lay out BERT or XLM-RoBERTa: position and type tables, biases everywhere, a pooler or a classification head."""
    hidden, layers = reader.positive("hidden_size"), depth(reader)
    heads, inner = reader.positive("num_attention_heads"), reader.positive("intermediate_size")
    dim = max(hidden // heads, 1)
    attention = Attention(kind="mha", layers=layers, heads=heads, kv_heads=heads, head_dim=dim, qkv_bias=True)
    tables = (reader.positive("max_position_embeddings") + reader.positive("type_vocab_size")) * hidden
    weights = parameters.grouped_attention(hidden, heads, heads, dim, qkv_bias=True, out_bias=True)
    blocks = [
        Block("attention", layers, weights),
        Block("dense", layers, 2 * norm(family, hidden) + parameters.mlp(hidden, inner, gated=False, bias=True)),
    ]
    classifies = any("SequenceClassification" in str(name) for name in reader.items("architectures") or [])
    pooler = hidden * hidden + hidden + (hidden + 1 if classifies else 0)
    return Anatomy(hidden, layers, attention, blocks, extra=tables + norm(family, hidden) + pooler)


def falcon(reader: Reader, family: Family) -> Anatomy:
    """Lay out Falcon 7B/40B/180B: parallel attention and feed-forward layers, inner size 4·h."""
    hidden, layers = reader.positive("hidden_size", "n_embed"), depth(reader)
    heads = reader.positive("num_attention_heads", "n_head")
    new = reader.flag("new_decoder_architecture", default=False)
    grouped = reader.optional("num_kv_heads", "n_head_kv") or heads
    shared = 1 if reader.flag("multi_query", default=True) else heads
    kv_heads, dim = grouped if new else shared, max(hidden // heads, 1)
    bias = reader.flag("bias", default=False)
    weights = parameters.grouped_attention(hidden, heads, kv_heads, dim, qkv_bias=bias, out_bias=bias)
    inner = reader.optional("ffn_hidden_size") or 4 * hidden
    norms = 2 if new or not reader.flag("parallel_attn", default=True) else 1
    dense = norms * norm(family, hidden) + parameters.mlp(hidden, inner, gated=False, bias=bias)
    attention = Attention(
        kind=attention_kind(heads, kv_heads), layers=layers, heads=heads, kv_heads=kv_heads, head_dim=dim, qkv_bias=bias
    )
    blocks = [Block("attention", layers, weights), Block("dense", layers, dense)]
    return Anatomy(hidden, layers, attention, blocks, extra=norm(family, hidden))
