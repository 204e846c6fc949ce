"""From config fields to layers: which attention, state and feed-forward blocks a model has, and how many of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from planner.catalog import parameters
from planner.catalog.hf_families import Family
from planner.catalog.hf_mixtures import Mixture, mixture
from planner.catalog.hf_reader import Reader
from planner.catalog.hf_states import constant_state
from planner.catalog.parameters import Block
from planner.domain.llm import Attention, AttentionKind, Experts, LinearAttention

_HEADS = ("num_attention_heads", "n_head")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "multi_query_group_num")
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer")
_MOST_LAYERS = 2000
_WINDOWED = ("sliding_attention", "chunked_attention")


@dataclass
class Anatomy:
    """What a model is made of, ready to be counted."""

    hidden: int
    layers: int
    attention: Attention
    blocks: list[Block] = field(default_factory=list)
    linear: LinearAttention | None = None
    experts: Experts | None = None
    extra: float = 0.0
    """Weights outside layers, table and head."""


def depth(reader: Reader) -> int:
    """Return the number of layers."""
    layers = reader.positive(*_LAYERS)
    if layers > _MOST_LAYERS:
        reader.refuse(_LAYERS[0], f"{layers} layers are more than the {_MOST_LAYERS} any model has")
        return 1
    return layers


def norm(family: Family, hidden: int) -> int:
    """Count one norm vector, with its bias where the family has one."""
    return hidden * (2 if family.norm_bias else 1)


def head_dim(reader: Reader, hidden: int, heads: int) -> int:
    """Return the head dimension; absent, it is h/H by the convention of every family that leaves it out."""
    given = reader.optional("head_dim", "attention_head_dim")
    if given:
        return given
    if "head_dim" in reader.defaults:
        return reader.whole("head_dim")
    if hidden % heads:
        reader.refuse("head_dim", f"missing, and hidden size {hidden} is not a multiple of {heads} heads")
    return max(hidden // heads, 1)


def attention_kind(heads: int, kv_heads: int) -> AttentionKind:
    """Name the sharing of keys and values."""
    if kv_heads == heads:
        return "mha"
    return "mqa" if kv_heads == 1 else "gqa"


def window(reader: Reader, family: Family, layers: int) -> tuple[int | None, int]:
    """Return the sliding window and how many layers see only it.

    `layer_types` decides where the config has it, else the family's rule; a window no shorter than the context is none.
    """
    size = reader.optional(family.window_field)
    if not size or size >= reader.whole("max_position_embeddings", "seq_length", "n_positions", "max_seq_len"):
        return None, 0
    types = reader.per_layer("layer_types", layers)
    count = _window_rule(reader, family, layers) if types is None else sum(kind in _WINDOWED for kind in types)
    return (size, count) if count else (None, 0)


def _window_rule(reader: Reader, family: Family, layers: int) -> int:
    """Count windowed layers by the family's rule."""
    if family.window == "all":
        return layers
    if family.window == "late":
        first = reader.optional("max_window_layers") if reader.flag("use_sliding_window", default=False) else layers
        return max(0, layers - (layers if first is None else first))
    if family.window == "none":
        return 0
    rotary = reader.per_layer("no_rope_layers", layers)
    if rotary:
        return sum(item == 1 for item in rotary)
    stated = reader.config.get("sliding_window_pattern")
    period = len(stated) if isinstance(stated, str) else reader.optional("sliding_window_pattern") or family.pattern
    return layers - layers // max(period, 1)


def softmax_attention(reader: Reader, family: Family, hidden: int, layers: int, softmax: int) -> tuple[Attention, float]:
    """Return the attention of the `softmax` layers out of `layers` that have it, and the weights of one of them."""
    if reader.has("kv_lora_rank"):
        return _latent(reader, hidden, softmax)
    heads = reader.positive(*_HEADS)
    kv_heads = reader.optional(*_KV_HEADS) or (reader.whole("num_key_value_heads") if reader.defaults else heads)
    dim = head_dim(reader, hidden, heads)
    bias = reader.flag(family.bias_field, default=family.qkv_bias)
    out_bias = reader.flag("attention_out_bias", default=bias and family.out_bias)
    normed = not family.qk_norm_field or reader.flag(family.qk_norm_field, default=False)
    size, windowed = window(reader, family, layers)
    weights = parameters.grouped_attention(
        hidden,
        heads,
        kv_heads,
        dim,
        qkv_bias=bias,
        out_bias=out_bias,
        qk_norm=family.qk_norm if normed else "none",
        output_gate=family.output_gate,
        sinks=family.sinks,
    )
    attention = Attention(
        kind=attention_kind(heads, kv_heads),
        layers=softmax,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=dim,
        qkv_bias=bias,
        window=size,
        window_layers=windowed,
    )
    return attention, weights


def _latent(reader: Reader, hidden: int, layers: int) -> tuple[Attention, float]:
    """Return latent attention, with the sparse indexer where the config has one."""
    heads, latent = reader.positive(*_HEADS), reader.positive("kv_lora_rank")
    rope, nope, value = (reader.positive(name) for name in ("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"))
    rank = reader.optional("q_lora_rank")
    weights = parameters.latent_attention(hidden, heads, latent, rope, nope, value, rank)
    index_heads = reader.optional("index_n_heads")
    index_dim = reader.positive("index_head_dim") if index_heads else None
    if index_heads and index_dim:
        weights += parameters.sparse_indexer(hidden, rank or hidden, index_heads, index_dim)
    attention = Attention(
        kind="mla",
        layers=layers,
        heads=heads,
        kv_heads=1,
        head_dim=rope + nope,
        kv_lora_rank=latent,
        q_lora_rank=rank,
        qk_rope_head_dim=rope,
        qk_nope_head_dim=nope,
        v_head_dim=value,
        index_heads=index_heads,
        index_head_dim=index_dim,
        index_topk=reader.positive("index_topk") if index_heads else None,
    )
    return attention, weights


def decoder(reader: Reader, family: Family) -> Anatomy:
    """Lay out a decoder: attention or a constant state, then a dense or mixed feed-forward layer, in every layer."""
    hidden, layers = reader.positive("hidden_size", "n_embd", "d_model"), depth(reader)
    state = constant_state(reader, hidden, layers)
    softmax = layers - (state.linear.layers if state else 0)
    attention, weights = softmax_attention(reader, family, hidden, layers, softmax)
    found = mixture(reader, family, hidden, layers)
    anatomy = Anatomy(hidden, layers, attention, extra=norm(family, hidden))
    anatomy.blocks = [Block("attention", softmax, weights), Block("dense", layers, family.norms * norm(family, hidden))]
    if state:
        anatomy.linear = state.linear
        anatomy.blocks.append(Block("attention", state.linear.layers, state.weights))
    _add_feed_forward(anatomy, reader, family, found)
    return anatomy


def _add_feed_forward(anatomy: Anatomy, reader: Reader, family: Family, found: Mixture | None) -> None:
    """Add expert layers and, where there are layers without experts, dense ones."""
    dense = anatomy.layers - (found.experts.layers if found else 0)
    if found:
        anatomy.experts = found.experts
        anatomy.blocks += found.blocks
    if dense > 0:
        inner = reader.positive("intermediate_size_mlp", "intermediate_size", "n_inner", "ffn_hidden_size")
        bias = reader.flag("mlp_bias", default=family.mlp_bias)
        anatomy.blocks.append(Block("dense", dense, parameters.mlp(anatomy.hidden, inner, gated=family.gated, bias=bias)))
