"""Models: architecture as published, what they may be used for, how good they are; and number formats."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Identifier, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Sourced, Strict
from planner.domain.hardware import NumberFormat
from planner.units import Fraction, Tokens

AttentionKind = Literal["mha", "gqa", "mqa", "mla"]
Role = Literal["generate", "embed", "rerank", "guard"]


class Attention(Strict):
    """Softmax attention: its heads, its cache, and which layers see only a window."""

    kind: AttentionKind
    """MHA, GQA, MQA: per-head keys and values; MLA: one shared latent."""
    layers: NonNegativeInt
    """Layers with softmax attention (the rest are linear attention, Mamba, or none)."""
    heads: PositiveInt
    """Query heads."""
    kv_heads: PositiveInt
    """Key/value heads."""
    head_dim: PositiveInt
    """Dimension of a head."""
    qkv_bias: bool = False
    """Biases on the projections."""
    kv_lora_rank: PositiveInt | None = None
    """MLA: size of the cached latent."""
    q_lora_rank: PositiveInt | None = None
    """MLA: size of the query latent, absent if queries are projected directly."""
    qk_rope_head_dim: PositiveInt | None = None
    """MLA: rotary part of a head, cached once."""
    qk_nope_head_dim: PositiveInt | None = None
    """MLA: non-rotary part of a head."""
    v_head_dim: PositiveInt | None = None
    """MLA: value dimension of a head."""
    index_heads: PositiveInt | None = None
    """Sparse attention (DSA): heads of the indexer."""
    index_head_dim: PositiveInt | None = None
    """Sparse attention: dimension of an indexer head."""
    index_topk: PositiveInt | None = None
    """Sparse attention: tokens the indexer keeps."""
    window: PositiveInt | None = None
    """Sliding window, in tokens."""
    window_layers: NonNegativeInt = 0
    """How many of `layers` see only the window."""
    window_kv_heads: PositiveInt | None = None
    """Key/value heads of the windowed layers where they differ."""
    window_head_dim: PositiveInt | None = None
    """Head dimension of the windowed layers where it differs."""


class LinearAttention(Strict):
    """Layers with constant state per sequence: Mamba, gated DeltaNet, lightning attention."""

    kind: str
    """What it is called."""
    layers: PositiveInt
    """How many layers."""
    state_elements: NonNegativeFloat
    """Recurrent state per layer and sequence, in elements."""
    conv_state_elements: NonNegativeFloat = 0.0
    """Convolution state per layer and sequence, in elements."""


class Experts(Strict):
    """Mixture-of-experts layers."""

    layers: PositiveInt
    """Layers with routed experts."""
    count: PositiveInt
    """Routed experts per layer."""
    per_token: PositiveInt
    """Routed experts a token visits."""
    intermediate: PositiveInt
    """Inner size of one expert."""
    shared_intermediate: NonNegativeInt = 0
    """Inner size of all shared experts together."""


class Parameters(Strict):
    """Parameter counts of the language model by the way they are stored, sharded and read (all in units, not billions)."""

    attention: NonNegativeFloat
    """Attention and linear-attention projections: read every step, sharded by TP, replicated over attention-DP ranks."""
    dense: NonNegativeFloat
    """Dense MLPs, shared experts, routers, norms: read every step, sharded by TP."""
    experts: NonNegativeFloat = 0.0
    """All routed experts: stored whole, read as far as tokens touch them, sharded by EP."""
    experts_active: NonNegativeFloat = 0.0
    """Routed-expert parameters one token visits."""
    embedding: NonNegativeFloat
    """Input table: stored, looked up, not multiplied."""
    head: NonNegativeFloat
    """Output projection: multiplied for every sampled token; 0 stored bytes if tied, see `tied`."""
    tied: bool = False
    """Whether the head shares the embedding's storage."""

    @property
    def total(self) -> float:
        """All stored parameters."""
        return self.attention + self.dense + self.experts + self.embedding + (0.0 if self.tied else self.head)

    @property
    def active(self) -> float:
        """Parameters one token is multiplied with (without the input table, with the head)."""
        return self.attention + self.dense + self.experts_active + self.head


class Score(Sourced):
    """One published benchmark result; never comparable across sources without care."""

    benchmark: Identifier
    """Name of the benchmark, as in the catalog's list of tasks."""
    score: float
    """The figure, in the benchmark's own unit (mostly percent)."""
    setting: str = ""
    """Shots, thinking on or off, harness."""


class Model(Sourced):
    """An open-weight model."""

    family: str
    """Family name."""
    role: Role = "generate"
    """What it is for."""
    licence: str | None = None
    """Licence as published; None = not known, and then refused by any licence rule."""
    released: str | None = None
    """Release day."""
    hidden: PositiveInt
    """Hidden size."""
    layers: PositiveInt
    """All layers."""
    vocabulary: PositiveInt
    """Vocabulary size."""
    attention: Attention
    """Softmax attention."""
    linear_attention: LinearAttention | None = None
    """Constant-state layers."""
    experts: Experts | None = None
    """Routed experts."""
    parameters: Parameters
    """Counts by kind, derived from the config."""
    published_total: PositiveFloat | None = None
    """Published total, to check `parameters` against; absent if only a rounded name exists."""
    published_note: str = ""
    """Why the published total differs by more than 1 %, where it does (vision tower, MTP block, rounded name …)."""
    max_context: Tokens
    """Longest context the authors support."""
    effective_context: Tokens | None = None
    """Longest context with trusted quality (RULER and the like); absent = unknown."""
    native_precision: Identifier = "bf16"
    """Precision of the published weights, a name in `precisions`."""
    precisions: tuple[Identifier, ...] = ()
    """Precisions with a published checkpoint or an on-the-fly path; the native one always counts."""
    scores: tuple[Score, ...] = ()
    """Public benchmark results."""
    aliases: tuple[str, ...] = ()
    """Other spellings accepted in problem files."""


class Recovery(Sourced):
    """Share of the 16-bit score that a precision keeps."""

    recovery: PositiveFloat
    """1.0 = nothing lost."""
    low: PositiveFloat | None = None
    """Pessimistic end of the published range."""
    tasks: tuple[str, ...] = ()
    """Benchmarks it was measured on; empty = an average over a suite."""
    max_context: Tokens | None = None
    """Longest context it was measured at."""
    min_parameters: NonNegativeFloat = 0.0
    """Smallest model it was measured on, in parameters."""


class Precision(Sourced):
    """A named weight / activation number format."""

    bits_per_weight: PositiveFloat
    """Bits per stored weight with scales and zero points."""
    embedding_bits: PositiveFloat = 16.0
    """Bits per element of embedding and head, which most recipes leave unquantized."""
    attention_bits: PositiveFloat | None = None
    """Bits per attention weight where a recipe leaves attention unquantized (MXFP4, Kimi INT4); absent = like the rest."""
    compute: NumberFormat
    """Format of the multiplication; weight-only formats multiply in bf16 or fp16."""
    needs: tuple[NumberFormat, ...] = ()
    """Formats the accelerator's matrix units must support natively (empty = any that can multiply in `compute`)."""
    vendors: tuple[str, ...] = ()
    """Vendors with kernels for it; empty = all."""
    universal: bool = False
    """Whether any checkpoint can be converted on loading (bf16, fp8-dynamic) rather than needing a published one."""
    recoveries: tuple[Recovery, ...] = ()
    """Measured quality recovery; none = unknown, and then refused under a quality floor."""


class KvPrecision(Sourced):
    """A number format of the KV cache."""

    bits: PositiveFloat
    """Bits per cached element with scales."""
    needs: tuple[NumberFormat, ...] = ()
    """Formats the accelerator must support."""
    vendors: tuple[str, ...] = ()
    """Vendors with kernels for it; empty = all."""
    recovery: PositiveFloat | None = None
    """Share of the score kept; None = unknown, and then refused under a quality floor."""
    recovery_low: Fraction | None = None
    """Pessimistic end of the published range."""
