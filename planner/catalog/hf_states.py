"""Layers with a constant state per sequence: gated DeltaNet, Mamba-1, Mamba-2, lightning attention."""

from __future__ import annotations

from dataclasses import dataclass

from planner.catalog import parameters
from planner.catalog.hf_reader import Reader
from planner.domain.llm import LinearAttention


@dataclass(frozen=True)
class State:
    """Constant-state layers and the weights of one."""

    linear: LinearAttention
    weights: float


def constant_state(reader: Reader, hidden: int, layers: int) -> State | None:
    """Return the constant-state layers of a decoder, None if all its layers are softmax attention."""
    if reader.has("linear_num_value_heads"):
        return gated_delta_net(reader, hidden, _deltanet_layers(reader, layers))
    if reader.has("attn_layer_period"):
        return jamba(reader, hidden, layers - _jamba_attention(reader, layers))
    if 0 in (reader.items("attn_type_list") or []) or _lightning_types(reader):
        return lightning(reader, hidden, _lightning_layers(reader, layers))
    return None


def gated_delta_net(reader: Reader, hidden: int, layers: int) -> State:
    """Count gated DeltaNet layers: a d_k × d_v state per value head, and c − 1 steps of convolution."""
    keys, values = reader.positive("linear_num_key_heads"), reader.positive("linear_num_value_heads")
    key_dim, value_dim = reader.positive("linear_key_head_dim"), reader.positive("linear_value_head_dim")
    kernel = reader.positive("linear_conv_kernel_dim")
    linear = LinearAttention(
        kind="gated DeltaNet",
        layers=layers,
        state_elements=values * key_dim * value_dim,
        conv_state_elements=(2 * keys * key_dim + values * value_dim) * (kernel - 1),
    )
    return State(linear, parameters.gated_delta_net(hidden, keys, values, key_dim, value_dim, kernel))


def mamba2(reader: Reader, hidden: int, layers: int) -> State:
    """Count Mamba-2 layers: an n × d state per head, and c − 1 steps of convolution."""
    heads, dim = reader.positive("mamba_num_heads"), reader.positive("mamba_head_dim")
    groups, size, kernel = reader.positive("n_groups"), reader.positive("ssm_state_size"), reader.positive("conv_kernel")
    linear = LinearAttention(
        kind="Mamba-2",
        layers=layers,
        state_elements=heads * dim * size,
        conv_state_elements=(heads * dim + 2 * groups * size) * (kernel - 1),
    )
    return State(linear, parameters.mamba2(hidden, heads, dim, groups, size, kernel))


def jamba(reader: Reader, hidden: int, layers: int) -> State:
    """Count Jamba's Mamba-1 layers: n states per channel, and c − 1 steps of convolution."""
    inner = reader.positive("mamba_expand") * hidden
    size, kernel = reader.positive("mamba_d_state"), reader.positive("mamba_d_conv")
    stated = reader.config.get("mamba_dt_rank")
    rank = -(-hidden // 16) if stated in (None, "auto") else reader.positive("mamba_dt_rank")
    linear = LinearAttention(kind="Mamba-1", layers=layers, state_elements=inner * size, conv_state_elements=inner * (kernel - 1))
    return State(linear, parameters.mamba1(hidden, inner, size, rank, kernel, norms=True))


def lightning(reader: Reader, hidden: int, layers: int) -> State:
    """Count lightning-attention layers: a d × d state per head."""
    heads = reader.positive("num_attention_heads")
    dim = reader.positive("head_dim")
    linear = LinearAttention(kind="lightning attention", layers=layers, state_elements=heads * dim * dim)
    return State(linear, parameters.lightning_attention(hidden, heads, dim))


def _deltanet_layers(reader: Reader, layers: int) -> int:
    """Count DeltaNet layers from `layer_types` or the interval of full attention."""
    types = reader.per_layer("layer_types", layers)
    if types is not None:
        return max(types.count("linear_attention"), 1)
    return max(layers - layers // reader.positive("full_attention_interval"), 1)


def _jamba_attention(reader: Reader, layers: int) -> int:
    """Count Jamba's attention layers."""
    period, offset = reader.positive("attn_layer_period"), reader.whole("attn_layer_offset")
    return sum(index % period == offset for index in range(layers))


def _lightning_types(reader: Reader) -> bool:
    """Tell whether `layer_types` names linear layers without DeltaNet's fields."""
    return "linear_attention" in (reader.items("layer_types") or [])


def _lightning_layers(reader: Reader, layers: int) -> int:
    """Count lightning layers: 0 in MiniMax's `attn_type_list`, `linear_attention` in `layer_types`."""
    listed = reader.per_layer("attn_type_list", layers)
    if listed is not None:
        return max(listed.count(0), 1)
    return max((reader.per_layer("layer_types", layers) or []).count("linear_attention"), 1)
