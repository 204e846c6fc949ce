"""The inputs of the formulas: frozen bundles of arrays with one entry per deployment, in SI units.

Every field broadcasts against every other, so a column may be a single number. Nothing here has a default: whoever
fills the columns has the fact or refuses the deployment.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.step import Array


@dataclass(frozen=True)
class Columns:
    """Base of all bundles: fields are arrays that broadcast together."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Common shape of the fields."""
        return np.broadcast_shapes(*(np.shape(getattr(self, f.name)) for f in fields(self)))

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return the chosen deployments; `index` counts along the common shape."""
        shape = self.shape
        return type(self)(**{f.name: np.broadcast_to(getattr(self, f.name), shape)[index] for f in fields(self)})


@dataclass(frozen=True)
class ModelColumns(Columns):
    """Architecture of the model (handbook §1)."""

    layers: Array
    """L, all layers [1]."""
    hidden: Array
    """h, hidden size [1]."""
    vocabulary: Array
    """V, vocabulary size [1]."""
    heads: Array
    """n_q, query heads [1]."""
    kv_heads: Array
    """n_kv, key/value heads of the layers with full attention [1]."""
    head_dim: Array
    """d, head dimension of those layers [1]."""
    attention_layers: Array
    """Layers with softmax attention, windowed ones included [1]."""
    window: Array
    """w, sliding window [token]; no meaning where `window_layers` is 0."""
    window_layers: Array
    """Layers among `attention_layers` that see only the window [1]."""
    window_kv_heads: Array
    """Key/value heads of the windowed layers [1]; equal to `kv_heads` where they do not differ."""
    window_head_dim: Array
    """Head dimension of the windowed layers [1]; equal to `head_dim` where it does not differ."""
    kv_lora_rank: Array
    """r_kv, MLA latent [element]; 0 where the model has no MLA."""
    rope_dim: Array
    """d_rope, MLA rotary part, cached once [element]; 0 without MLA."""
    nope_dim: Array
    """MLA non-rotary part of a head [element]; 0 without MLA."""
    value_dim: Array
    """MLA value dimension of a head [element]; 0 without MLA."""
    index_heads: Array
    """DSA indexer heads [1]; 0 without sparse attention."""
    index_dim: Array
    """DSA indexer head dimension, one key cached per token and layer [element]; 0 without sparse attention."""
    index_topk: Array
    """Tokens the indexer keeps [token]; 0 without sparse attention."""
    linear_layers: Array
    """Layers with constant state: Mamba, gated DeltaNet, lightning attention [1]."""
    state_elements: Array
    """Recurrent and convolution state per such layer and sequence [element]."""
    attention_parameters: Array
    """Parameters of attention and linear-attention projections [1]."""
    dense_parameters: Array
    """Parameters of dense MLPs, shared experts, routers and norms [1]."""
    expert_parameters: Array
    """Parameters of all routed experts [1]; 0 for dense models."""
    expert_parameters_active: Array
    """Routed-expert parameters one token visits [1]."""
    embedding_parameters: Array
    """Parameters of the input table [1]."""
    head_parameters: Array
    """Parameters of the output projection, tied or not [1]."""
    tied: Array
    """1 where the head shares the input table's storage, else 0."""
    experts: Array
    """E, routed experts per layer [1]; 0 for dense models."""
    experts_per_token: Array
    """k, routed experts a token visits per layer [1]."""
    expert_layers: Array
    """Layers with routed experts [1]."""
    expert_intermediate: Array
    """Inner size of one expert [1]."""

    @property
    def is_mla(self) -> NDArray[np.bool_]:
        """Whether keys and values are one shared latent."""
        return np.asarray(self.kv_lora_rank) > 0

    @property
    def is_sparse(self) -> NDArray[np.bool_]:
        """Whether an indexer chooses the tokens attention reads (DSA)."""
        return np.asarray(self.index_topk) > 0


@dataclass(frozen=True)
class PrecisionColumns(Columns):
    """Bytes per number (handbook §1)."""

    weight_bytes: Array
    """b_w, per stored weight of MLPs and experts, scales included [B]."""
    attention_bytes: Array
    """Per stored attention weight [B]; equal to `weight_bytes` where a recipe treats them alike."""
    embedding_bytes: Array
    """Per element of input table and head [B]."""
    kv_bytes: Array
    """b_kv, per cached element, scales included [B]."""
    state_bytes: Array
    """Per element of linear-attention state [B]."""
    activation_bytes: Array
    """b, per activation element sent between devices [B]."""


@dataclass(frozen=True)
class HardwareColumns(Columns):
    """One device and its node, against datasheet peaks (handbook §12.6: fits hold only with their peaks)."""

    memory: Array
    """M, memory per device as the driver reports it [B]."""
    bandwidth: Array
    """BW, peak memory bandwidth [B/s]."""
    peak: Array
    """Peak dense rate in the precision's compute format [FLOP/s]."""
    peak16: Array
    """Peak dense rate in bf16 or fp16 [FLOP/s]; attention runs in it."""
    devices: Array
    """Devices per node [1]."""
    scale_up: Array
    """Devices the fast link joins at full rate [1]."""


@dataclass(frozen=True)
class LinkColumns(Columns):
    """Collectives of the deployment's groups; `planner.perf.collectives` computes them (handbook §4)."""

    allreduce_alpha: Array
    """Fixed time of an all-reduce over the tensor-parallel group [s]; any value where tp = 1."""
    allreduce_beta: Array
    """Its bus bandwidth [B/s]; any value where tp = 1."""
    p2p_alpha: Array
    """Fixed time of a pipeline hop [s]; any value where pp = 1."""
    p2p_beta: Array
    """Its bandwidth [B/s]; any value where pp = 1."""
    alltoall_alpha: Array
    """Fixed time of an all-to-all over the expert group [s]; any value without expert parallelism."""
    alltoall_beta: Array
    """Its bandwidth per device [B/s]; any value without expert parallelism."""


@dataclass(frozen=True)
class CoefficientColumns(Columns):
    """How far kernels and hosts fall short of the datasheet (handbook §2, §3)."""

    flops_efficiency: Array
    """e, share of peak rate large matrix products reach [1]."""
    expert_flops_efficiency: Array
    """Share of the 16-bit peak grouped products of routed experts reach [1]."""
    bandwidth_efficiency: Array
    """u, share of peak bandwidth weight reading reaches [1]."""
    expert_bandwidth_efficiency: Array
    """The same for routed experts [1]."""
    norm: Array
    """q of the smooth roofline [1]."""
    kv_efficiency: Array
    """u_kv, share of peak bandwidth KV reading reaches [1]."""
    attention_efficiency: Array
    """m∞, share of the 16-bit peak long-prompt attention reaches [1]."""
    attention_half: Array
    """s½, prompt length at which it reaches half of that [token]."""
    host_per_layer: Array
    """t_L, host and launch time per layer [s]."""
    host_per_sequence: Array
    """t_r, host time per running sequence [s]."""
    host_per_step: Array
    """t_s, fixed host time per iteration [s]."""
    host_per_request: Array
    """Time per request outside iterations [s]; part of the time to first token, not of τ."""
    prompt_host_per_layer: Array
    """t_p, extra host time per layer of an iteration with prompts [s]."""
    prompt_host_per_request: Array
    """Time a prompt adds to an iteration beside its tokens [s]."""
    arrival_wait: Array
    """Iterations a call waits before the scheduler sees it [1]."""
    synchrony: Array
    """Share of closed-loop calls whose prompts come all at once [1]."""
    handover: Array
    """Time between prompt workers and decode workers beside the transfer [s]."""
    expert_imbalance: Array
    """Load of the busiest expert-parallel rank over the mean [1]."""
    expert_skew: Array
    """Squared coefficient of variation of the experts' popularity [1]; 0 = uniform."""
    collective_latency: Array
    """Factor on α of all collectives [1]."""
    collective_bandwidth: Array
    """Factor on β of all collectives [1]."""


@dataclass(frozen=True)
class EngineColumns(Columns):
    """Engine settings that decide memory and batching (handbook §1)."""

    memory_fraction: Array
    """u_M, share of device memory the engine may take [1]."""
    tolerance: Array
    """Share of that kept back for fragmentation and drift [1]."""
    runtime_reserve: Array
    """Device memory outside weights, activations, buffers and KV [B]."""
    activation_floor: Array
    """Measured activation peak the formulas may not fall below [B]."""
    block_tokens: Array
    """blk, tokens in a KV block [token]."""
    max_sequences: Array
    """B_max, limit of sequences decoding at once [1]."""
    chunk_tokens: Array
    """T_max, tokens one iteration may process [token]."""
    contiguous: Array
    """1 where KV memory is reserved to the maximum length at admission, 0 where it is paged."""


@dataclass(frozen=True)
class LayoutColumns(Columns):
    """How one replica lies on devices; devices = tp·pp·dp."""

    tp: Array
    """Tensor-parallel degree [1]."""
    pp: Array
    """Pipeline stages [1]."""
    dp: Array
    """Attention data-parallel ranks [1]: each holds its own sequences and a copy of the attention weights."""
    ep: Array
    """Expert-parallel degree [1]; 1 = experts are cut by tensor parallelism."""

    @property
    def gpus(self) -> Array:
        """Devices of a replica [1]."""
        return self.tp * self.pp * self.dp

    @property
    def expert_ranks(self) -> Array:
        """Devices of one stage that share its routed experts [1]."""
        return np.where(np.asarray(self.ep) > 1, self.tp * self.dp, self.tp)

    @property
    def exchanges_tokens(self) -> NDArray[np.bool_]:
        """Whether tokens travel to experts of other data-parallel ranks, by all-to-all."""
        return (np.asarray(self.ep) > 1) & (np.asarray(self.dp) > 1)
