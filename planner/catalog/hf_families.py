"""What a Hugging Face `model_type` fixes beyond the fields of its config: biases, norms, windows, defaults.

Each row was read in the modeling and configuration files of Hugging Face Transformers 5.23 (2026-11), or in the
checkpoint's own remote code for InternLM, EXAONE 3, MiMo, MiniMax-M1 and Nemotron-NAS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from planner.catalog.parameters import QkNorm

Layout = Literal["decoder", "gemma4", "nemotron_h", "nemotron_nas", "encoder", "falcon"]


@dataclass(frozen=True)
class Family:
    """Traits of a model type."""

    name: str
    """Name people use."""
    layout: Layout = "decoder"
    """Which builder lays its layers out."""
    tied: bool = False
    """`tie_word_embeddings` where the config leaves it out."""
    bias_field: str = "attention_bias"
    """Field that switches projection biases on."""
    qkv_bias: bool = False
    """Biases on queries, keys and values where that field is absent."""
    out_bias: bool = True
    """Whether the field switches the output projection's bias too."""
    qk_norm: QkNorm = "none"
    """Norms of queries and keys."""
    qk_norm_field: str = ""
    """Field that switches those norms, where there is one."""
    norms: int = 2
    """Norm vectors of hidden size in a layer."""
    norm_bias: bool = False
    """Whether norms have biases."""
    gated: bool = True
    """Gated feed-forward (SwiGLU) or plain."""
    mlp_bias: bool = False
    """Biases in the feed-forward layers where `mlp_bias` is absent."""
    expert_bias: bool = False
    """Biases in experts and router."""
    router_bias: bool = False
    """A correction bias per expert."""
    shared_gate: bool = False
    """A gate in front of the shared expert."""
    sinks: bool = False
    """Learned attention sinks."""
    output_gate: bool = False
    """A gate on the attention output."""
    window: Literal["none", "all", "pattern", "late"] = "none"
    """Layers a sliding window applies to where `layer_types` is absent."""
    window_field: str = "sliding_window"
    """Field with the window's size."""
    pattern: int = 0
    """Every so many layers one is global."""
    defaults: Mapping[str, int] = field(default_factory=dict)
    """Fields released configs leave to the config class."""


_GEMMA3 = {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "vocab_size": 262208,
    "max_position_embeddings": 131072,
    "sliding_window": 4096,
}
_LLAMA = Family("Llama")
_QWEN2 = Family("Qwen2", bias_field="qkv_bias", qkv_bias=True, out_bias=False, window="late")
_QWEN2_MOE = Family("Qwen2-MoE", bias_field="qkv_bias", qkv_bias=True, out_bias=False, shared_gate=True, window="late")
_QWEN3 = Family("Qwen3", qk_norm="head", window="late")
_QWEN3_HYBRID = Family("Qwen3-Next", qk_norm="head", shared_gate=True, output_gate=True)
_GEMMA2 = Family("Gemma 2", tied=True, norms=4, window="pattern", pattern=2)
_GEMMA3_TEXT = Family("Gemma 3", tied=True, norms=4, qk_norm="head", window="pattern", pattern=6, defaults=_GEMMA3)
_DEEPSEEK = Family("DeepSeek", router_bias=True)
_COHERE = Family("Command", tied=True, norms=1, qk_norm="full", qk_norm_field="use_qk_norm")
_OLMO2 = Family("OLMo 2", qk_norm="full")
_MINIMAX = Family("MiniMax")
_ENCODER = Family("BERT", layout="encoder", norm_bias=True, gated=False, mlp_bias=True)
_MISTRAL = Family("Mistral", window="all")

FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,
    "llama4_text": Family("Llama 4", window="pattern", window_field="attention_chunk_size", pattern=4),
    "mistral": _MISTRAL,
    "ministral3": Family("Ministral 3", window="all"),
    "mixtral": Family("Mixtral", window="all"),
    "qwen2": _QWEN2,
    "qwen2_moe": _QWEN2_MOE,
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl_text": Family("Qwen3-VL", qk_norm="head"),
    "qwen3_vl_moe_text": Family("Qwen3-VL", qk_norm="head"),
    "qwen3_next": _QWEN3_HYBRID,
    "qwen3_5_text": Family("Qwen3.5", qk_norm="head", output_gate=True),
    "qwen3_5_moe_text": Family("Qwen3.5", qk_norm="head", shared_gate=True, output_gate=True),
    "gemma": Family("Gemma", tied=True),
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA3_TEXT,
    "gemma4_text": Family("Gemma 4", layout="gemma4", tied=True, qk_norm="head", norms=4, window="pattern", pattern=6),
    "phi3": Family("Phi-3", out_bias=False, window="all"),
    "phimoe": Family("Phi-3.5-MoE", norm_bias=True, window="all"),
    "deepseek_v2": Family("DeepSeek-V2"),
    "deepseek_v3": _DEEPSEEK,
    "deepseek_v32": _DEEPSEEK,
    "kimi_k2": Family("Kimi K2", router_bias=True),
    "gpt_oss": Family("gpt-oss", qkv_bias=True, expert_bias=True, sinks=True, window="pattern", pattern=2),
    "glm4": Family("GLM-4", qkv_bias=True, out_bias=False, norms=4),
    "glm4_moe": Family("GLM-4.5", out_bias=False, qk_norm="head", qk_norm_field="use_qk_norm", router_bias=True),
    "glm_moe_dsa": Family("GLM-5", router_bias=True),
    "minimax": _MINIMAX,
    "minimax_m1": _MINIMAX,
    "minimax_text_01": _MINIMAX,
    "minimax_m2": Family("MiniMax-M2", qk_norm="full", router_bias=True),
    "cohere": _COHERE,
    "cohere2": Family("Command A", tied=True, norms=1, window="pattern", pattern=4),
    "olmo2": _OLMO2,
    "olmo3": Family("OLMo 3", qk_norm="full", window="pattern", pattern=4),
    "olmoe": Family("OLMoE", qk_norm="full"),
    "granite": Family("Granite"),
    "falcon": Family("Falcon", layout="falcon", tied=True, bias_field="bias", norm_bias=True, gated=False),
    "nemotron_h": Family("Nemotron-H", layout="nemotron_h", norms=1, gated=False, router_bias=True),
    "nemotron-nas": Family("Nemotron NAS", layout="nemotron_nas"),
    "jamba": Family("Jamba"),
    "internlm2": Family("InternLM 2", bias_field="bias"),
    "internlm3": Family("InternLM 3", bias_field="qkv_bias", out_bias=False),
    "exaone": Family("EXAONE 3"),
    "exaone4": Family("EXAONE 4", qk_norm="head", window="pattern", pattern=4),
    "seed_oss": Family("Seed-OSS", qkv_bias=True, out_bias=False),
    "ernie4_5": Family("ERNIE 4.5", tied=True, bias_field="use_bias"),
    "ernie4_5_moe": Family("ERNIE 4.5", tied=True, bias_field="use_bias", router_bias=True),
    "mimo": Family("MiMo", qkv_bias=True, out_bias=False),
    "smollm3": Family("SmolLM3", tied=True),
    "bert": _ENCODER,
    "xlm-roberta": _ENCODER,
    "roberta": _ENCODER,
}
"""Known model types."""

GENERIC = Family("unknown")
"""A plain decoder, for model types not listed."""

ALIASES = {
    "llama4": "llama4_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "deepseek_v32_exp": "deepseek_v32",
    "qwen2_vl": "qwen2",
    "qwen2_5_vl": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "MiniMaxM1": "minimax_m1",
    "MiniMaxText01": "minimax_text_01",
}
"""Other spellings of model types."""

UNMODELLED = {
    "compress_ratios": "compressed attention",
    "hc_mult": "hyper-connections",
    "linear_attn_config": "Kimi linear attention",
    "sparse_attention_config": "block-sparse attention",
    "hybrid_layer_pattern": "windowed layers with their own head sizes",
    "swa_head_dim": "windowed layers with their own head sizes",
    "ssm_cfg": "a pure state-space model",
    "attn_config": "DBRX or MPT attention",
    "mamba_d_ssm": "parallel attention and Mamba heads",
    "hidden_size_per_layer_input": "per-layer input embeddings",
    "num_kv_shared_layers": "layers that share keys and values",
    "o_groups": "grouped output projections",
}
"""Fields that announce a mechanism whose weights and cache this planner does not count; 0 or null switches it off."""
