"""Mixture-of-experts layers of a config: which layers have them, how large they are, what is shared."""

from __future__ import annotations

from dataclasses import dataclass

from planner.catalog import parameters
from planner.catalog.hf_families import Family
from planner.catalog.hf_reader import Reader
from planner.catalog.parameters import Block
from planner.domain.llm import Experts

_COUNT = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
_PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "moe_k", "top_k_experts", "num_experts_per_token")


@dataclass(frozen=True)
class Mixture:
    """Routed experts with the blocks to count for them."""

    experts: Experts
    blocks: list[Block]


def mixture(reader: Reader, family: Family, hidden: int, layers: int) -> Mixture | None:
    """Return the routed experts of a decoder, None if it has none."""
    count = reader.optional(*_COUNT)
    if not count or count == 1:
        return None
    return build(reader, family, hidden, expert_layers(reader, layers))


def build(reader: Reader, family: Family, hidden: int, layers: int) -> Mixture:
    """Count router, routed and shared experts of `layers` layers."""
    count, chosen = reader.positive(*_COUNT), reader.positive(*_PER_TOKEN)
    inner, shared = reader.positive("moe_intermediate_size", "intermediate_size"), shared_size(reader)
    latent = reader.optional("moe_latent_size")
    expert = parameters.mlp(latent or hidden, inner, gated=family.gated, bias=family.expert_bias)
    always = float(hidden * count) + (count if family.router_bias or family.expert_bias else 0)
    always += parameters.mlp(hidden, shared, gated=family.gated) if shared else 0.0
    always += hidden if shared and family.shared_gate else 0
    always += 2 * hidden * latent if latent else 0
    experts = Experts(layers=layers, count=count, per_token=chosen, intermediate=inner, shared_intermediate=shared)
    if chosen > count:
        reader.refuse(_PER_TOKEN[0], f"a token cannot visit {chosen} of {count} experts")
    return Mixture(experts, [Block("experts", layers, count * expert, chosen * expert), Block("dense", layers, always)])


def shared_size(reader: Reader) -> int:
    """Return the inner size of all shared experts together, 0 if there are none."""
    given = reader.optional("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size")
    if given is not None:
        return given
    if reader.has("interleave_moe_layer_step"):  # Llama 4 has one shared expert of the routed experts' size
        return reader.positive("intermediate_size")
    number = reader.optional("n_shared_experts", "moe_num_shared_experts", "num_shared_experts") or 0
    return number * reader.positive("moe_intermediate_size") if number else 0


def expert_layers(reader: Reader, layers: int) -> int:
    """Count the layers with experts by whichever rule the config states; without a rule all have them."""
    chosen = [index for index in range(layers) if _follows_rules(reader, index)]
    listed = reader.items("moe_layers")
    if listed is not None:
        chosen = [index for index in range(layers) if index in listed]
    frequency = reader.config.get("moe_layer_freq")
    if isinstance(frequency, list):
        stated = reader.per_layer("moe_layer_freq", layers) or []
        chosen = [index for index, item in enumerate(stated) if item]
    if not chosen:
        reader.refuse(_COUNT[0], "experts are configured but no layer has them")
    return max(len(chosen), 1)


def _follows_rules(reader: Reader, index: int) -> bool:
    """Tell whether one layer has experts under the rules DeepSeek, Qwen, Llama 4, Jamba and ERNIE configs state."""
    first = reader.optional("first_k_dense_replace", "moe_layer_start_index") or 0
    last = reader.optional("moe_layer_end_index")
    step = reader.optional("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval") or 1
    period, offset = reader.optional("expert_layer_period") or 1, reader.optional("expert_layer_offset") or 0
    dense = reader.items("mlp_only_layers") or []
    within = index >= first and (last is None or index <= last or last >= 10_000)
    return within and index not in dense and (index + 1) % step == 0 and index % period == offset % period
