"""Serving engines and the coefficients that tie the analytic model to silicon."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Identifier, NonNegativeFloat, PositiveFloat, PositiveInt, Sourced, Strict
from planner.domain.hardware import NumberFormat
from planner.domain.speculation import SpeculationMethod
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
    """Limit of sequences decoding at once that the planner sets."""
    server_sequences: PositiveInt | None = None
    """The limit of a server started without that setting on a device of 70 GiB or more; absent = `max_sequences`."""
    prompts_first: bool = False
    """Whether prompts run in iterations of their own, before decoding goes on, rather than together with it."""
    chunk_tokens: PositiveInt
    """Tokens one iteration may process (chunked prefill)."""
    expert_parallel: bool = False
    """Whether experts can be spread over ranks with attention data parallelism."""
    pipeline_parallel: bool = True
    """Whether layers can be spread over stages."""
    speculation: tuple[SpeculationMethod, ...] = ()
    """Methods of speculative decoding it knows."""


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
    """Share of the 16-bit peak that the small grouped products of routed experts reach, whatever their format (H100 bf16
    plateau .20–.23, handbook §3; assumed elsewhere); never more than `flops_efficiency` of the format's own peak."""
    bandwidth_efficiency: Fraction
    """u: share of peak bandwidth weight reading reaches."""
    expert_bandwidth_efficiency: Fraction | None = None
    """The same for routed experts; absent = as for other weights."""
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
    prompt_host_per_layer: Seconds = 0.0001
    """t_p: extra host time per layer of an iteration that carries prompts, which runs without a captured graph.
    aiconfigurator adds 0.8 ms for vLLM (handbook §2, chunked prefill); the default is a guess where launches overlap."""
    prompt_host_per_request: NonNegativeFloat = 0.002
    """Time a prompt holds the engine up beside its tokens (admission, cache blocks, sampling), in seconds; a guess."""
    arrival_wait: NonNegativeFloat = 0.5
    """Iterations a call waits on average before the scheduler sees it; half of the one it arrives in is the least."""
    synchrony: Fraction = 0.1
    """Closed-loop measurements only: share of calls whose prompts come all at once, as those of the first wave do."""
    handover: NonNegativeFloat = 0.05
    """Disaggregated workers: time from the last prompt iteration of one to the first decode iteration of the other beside
    the transfer itself, in seconds; a guess."""
    expert_imbalance: PositiveFloat = 1.3
    """Load of the busiest expert-parallel rank over the mean."""
    expert_skew: NonNegativeFloat = 0.67
    """Squared coefficient of variation of the experts' popularity; 0 = uniform routing. Under skew fewer experts are read
    (25–40 % fewer at 16–64 tokens, handbook §3), which 0.67 gives."""
    collective_latency: PositiveFloat = 1.0
    """Factor on the fabric's measured latencies."""
    collective_bandwidth: PositiveFloat = 1.0
    """Factor on the fabric's measured bandwidths."""
    status: Literal["measured", "fitted", "assumed"]
    """measured: read off silicon; fitted: regressed on measurements; assumed: carried over from a relative."""
    error: NonNegativeFloat | None = None
    """Mean absolute relative error left by the fit, where there was one."""
    valid: str = ""
    """The range the values hold in."""


Kind = Literal["dense", "mixture", "latent", "heads", "recurrent", "quantized"]
"""What a model and its format bring into play: routed experts or none, one shared latent (MLA) or keys and values per head,
layers with constant state, activations quantized on the fly."""

Coefficient = Literal[
    "flops_efficiency",
    "expert_flops_efficiency",
    "bandwidth_efficiency",
    "expert_bandwidth_efficiency",
    "kv_efficiency",
    "attention_efficiency",
    "host_per_layer",
    "host_per_sequence",
    "host_per_step",
    "host_per_request",
    "prompt_host_per_layer",
    "prompt_host_per_request",
    "arrival_wait",
    "synchrony",
    "handover",
    "expert_skew",
    "collective_latency",
    "collective_bandwidth",
]
"""A field of `Coefficients` that calibration may scale."""


class Factor(Sourced):
    """A factor on a coefficient, found by calibration: all factors that speak of a deployment multiply its coefficient.

    `*` in a key means any. Kernel values stay as they were measured; what end-to-end measurements add to them stands here,
    so a user's own measurements are an overlay of a few more factors.
    """

    coefficient: Coefficient
    """What it multiplies."""
    accelerator: Identifier | Literal["*"] = "*"
    """Accelerator, or `*`."""
    generation: Identifier | Literal["*"] = "*"
    """A word of the accelerator's `architecture`, such as `Blackwell`, or `*`."""
    engine: Identifier | Literal["*"] = "*"
    """Engine, or `*`."""
    version: str = ""
    """Versions of the engine it holds for, by their beginning: `0.5.9`; empty = any, known or not."""
    format: NumberFormat | Literal["*"] = "*"
    """Compute format, or `*`."""
    kind: Kind | Literal["*"] = "*"
    """What the model brings into play, or `*`."""
    factor: PositiveFloat
    """The factor."""
    status: Literal["fitted", "assumed"] = "fitted"
    """fitted: regressed on measurements; assumed: set by hand."""


class Ratios(Strict):
    """Quantiles of measured over predicted, of measurements that the fit had not seen."""

    p05: PositiveFloat
    """A twentieth of them are below this."""
    p10: PositiveFloat
    """A tenth."""
    p25: PositiveFloat
    """A quarter."""
    p50: PositiveFloat
    """The median."""
    p75: PositiveFloat
    """A quarter are above this."""
    p90: PositiveFloat
    """A tenth."""
    p95: PositiveFloat
    """A twentieth."""


class Evidence(Sourced):
    """What was measured of an accelerator under an engine in a format, and how far predictions were off.

    `*` in a key means any: the row that stands in where nothing nearer was measured. The most specific row wins.
    """

    accelerator: Identifier | Literal["*"]
    """Accelerator, or `*`."""
    engine: Identifier | Literal["*"]
    """Engine, or `*`."""
    format: NumberFormat | Literal["*"]
    """Compute format, or `*`."""
    points: PositiveInt
    """Measurements."""
    models: tuple[Identifier, ...]
    """Models measured."""
    gpus: tuple[PositiveInt, PositiveInt]
    """Fewest and most accelerators of a replica."""
    input_tokens: tuple[PositiveFloat, PositiveFloat]
    """Shortest and longest prompts."""
    output_tokens: tuple[PositiveFloat, PositiveFloat]
    """Shortest and longest outputs."""
    concurrency: tuple[PositiveFloat, PositiveFloat]
    """Fewest and most clients."""
    ttft: Ratios
    """Measured over predicted mean time to first token."""
    tpot: Ratios
    """Measured over predicted mean time per output token."""
