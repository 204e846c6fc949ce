"""Serving engines and the coefficients that tie the analytic model to silicon."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Identifier, NonNegativeFloat, PositiveFloat, PositiveInt, Sourced
from planner.domain.hardware import NumberFormat
from planner.units import Bytes, Fraction, Seconds, Tokens


class Engine(Sourced):
    """A serving engine and the settings the planner fills in."""

    name: str
    """The name people use."""
    version: str
    """The version the settings were read from."""
    batching: Literal["continuous", "static"]
    """Whether requests join and leave at every iteration, or a batch runs until its longest member ends."""
    allocation: Literal["paged", "contiguous"]
    """Whether KV memory is given in blocks as it is needed, or reserved to the maximum length at the start."""
    vendors: tuple[str, ...]
    """Vendors whose accelerators it runs on."""
    min_compute_capability: float | None = None
    """Oldest NVIDIA compute capability supported."""
    precisions: tuple[Identifier, ...]
    """Weight precisions it has kernels for."""
    kv_precisions: tuple[Identifier, ...]
    """KV precisions it has kernels for."""
    memory_fraction: Fraction
    """Share of device memory the engine may take."""
    memory_tolerance: Fraction = 0.02
    """Share of that kept back for fragmentation and drift."""
    runtime_reserve: Bytes
    """Memory outside weights, activations and KV per device: CUDA context, graphs, libraries."""
    activation_floor: Bytes
    """Measured activation peak the analytic figure may not fall below."""
    activation_floor_moe: Bytes | None = None
    """The same for mixture-of-experts models; absent = as for dense ones."""
    block_tokens: PositiveInt = 16
    """Tokens in a KV block."""
    max_sequences: PositiveInt
    """Default limit of sequences decoding at once."""
    chunk_tokens: PositiveInt
    """Tokens one iteration may process (chunked prefill)."""
    expert_parallel: bool = False
    """Whether experts can be spread over ranks with attention data parallelism."""
    pipeline_parallel: bool = True
    """Whether layers can be spread over stages."""


class Coefficients(Sourced):
    """How far real kernels and hosts fall short of the datasheet, for one accelerator × engine × compute format.

    `*` in a key means any; the most specific row wins. Fitted values hold only with the peak rates of the
    accelerator they were fitted with.
    """

    accelerator: Identifier | Literal["*"]
    """Accelerator, or `*`."""
    engine: Identifier | Literal["*"]
    """Engine, or `*`."""
    format: NumberFormat | Literal["*"]
    """Compute format, or `*`."""
    flops_efficiency: Fraction
    """e: share of peak rate large matrix products reach."""
    expert_flops_efficiency: Fraction = 0.22
    """Share of peak rate that the small grouped products of routed experts reach (H100 bf16 plateau .20–.23, handbook §3;
    assumed elsewhere); never more than `flops_efficiency`."""
    bandwidth_efficiency: Fraction
    """u: share of peak bandwidth weight reading reaches."""
    norm: PositiveFloat
    """q of the smooth roofline (F^q + B^q)^(1/q); large = max."""
    kv_efficiency: Fraction
    """u_kv: share of peak bandwidth KV reading reaches in decode."""
    attention_efficiency: Fraction
    """m∞: share of the 16-bit peak that prefill attention reaches on long prompts."""
    attention_half: Tokens
    """s½: prompt length at which prefill attention reaches half of that."""
    host_per_layer: Seconds
    """t_L: launch and host time per layer and iteration."""
    host_per_sequence: NonNegativeFloat
    """t_r: host time per running sequence and iteration, in seconds."""
    host_per_step: NonNegativeFloat
    """t_s: fixed host time per iteration, in seconds."""
    host_per_request: NonNegativeFloat = 0.0
    """Time per request outside the engine's iterations (tokenizing, scheduling, HTTP), in seconds; part of TTFT."""
    expert_imbalance: PositiveFloat = 1.3
    """Load of the busiest expert-parallel rank over the mean."""
    status: Literal["measured", "fitted", "assumed"]
    """measured: read off silicon; fitted: regressed on measurements; assumed: carried over from a relative."""
    error: NonNegativeFloat | None = None
    """Mean absolute relative error left by the fit, where there was one."""
    valid: str = ""
    """The range the values hold in."""
