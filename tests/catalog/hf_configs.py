"""Shapes of public Hugging Face configs, shared by the tests of the importer."""

from __future__ import annotations

from typing import Any


def decoder(model_type: str, **fields: Any) -> dict[str, Any]:
    """Write the fields every decoder config has; the shape is Llama-3.1-8B's unless given."""
    base = {
        "model_type": model_type,
        "architectures": ["SomeForCausalLM"],
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    return {**base, **fields}


DEEPSEEK_V3 = decoder(
    "deepseek_v3",
    hidden_size=7168,
    num_hidden_layers=61,
    num_attention_heads=128,
    num_key_value_heads=128,
    intermediate_size=18432,
    moe_intermediate_size=2048,
    n_routed_experts=256,
    n_shared_experts=1,
    num_experts_per_tok=8,
    first_k_dense_replace=3,
    moe_layer_freq=1,
    kv_lora_rank=512,
    q_lora_rank=1536,
    qk_rope_head_dim=64,
    qk_nope_head_dim=128,
    v_head_dim=128,
    vocab_size=129280,
    max_position_embeddings=163840,
    quantization_config={"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]},
)
GPT_OSS_120B = decoder(
    "gpt_oss",
    hidden_size=2880,
    num_hidden_layers=36,
    num_attention_heads=64,
    head_dim=64,
    intermediate_size=2880,
    num_local_experts=128,
    num_experts_per_tok=4,
    vocab_size=201088,
    attention_bias=True,
    sliding_window=128,
    layer_types=["sliding_attention", "full_attention"] * 18,
    quantization_config={"quant_method": "mxfp4"},
)
QWEN3_NEXT = decoder(
    "qwen3_next",
    hidden_size=2048,
    num_hidden_layers=48,
    num_attention_heads=16,
    num_key_value_heads=2,
    head_dim=256,
    full_attention_interval=4,
    linear_num_key_heads=16,
    linear_num_value_heads=32,
    linear_key_head_dim=128,
    linear_value_head_dim=128,
    linear_conv_kernel_dim=4,
    num_experts=512,
    num_experts_per_tok=10,
    moe_intermediate_size=512,
    shared_expert_intermediate_size=512,
    decoder_sparse_step=1,
    mlp_only_layers=[],
    vocab_size=151936,
    max_position_embeddings=262144,
)
JAMBA_MINI = decoder(
    "jamba",
    vocab_size=65536,
    num_experts=16,
    num_experts_per_tok=2,
    expert_layer_period=2,
    expert_layer_offset=1,
    attn_layer_period=8,
    attn_layer_offset=4,
    mamba_expand=2,
    mamba_d_state=16,
    mamba_d_conv=4,
    mamba_dt_rank=256,
    max_position_embeddings=262144,
)
NEMOTRON_NANO_9B = decoder(
    "nemotron_h",
    hidden_size=4480,
    num_hidden_layers=56,
    hybrid_override_pattern="M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
    num_attention_heads=40,
    head_dim=128,
    intermediate_size=15680,
    mamba_num_heads=128,
    mamba_head_dim=80,
    n_groups=8,
    ssm_state_size=128,
    conv_kernel=4,
    vocab_size=131072,
)
MINIMAX_M1 = decoder(
    "minimax_m1",
    hidden_size=6144,
    num_hidden_layers=80,
    num_attention_heads=64,
    head_dim=128,
    intermediate_size=9216,
    num_local_experts=32,
    num_experts_per_tok=2,
    attn_type_list=[int(layer % 8 == 7) for layer in range(80)],
    vocab_size=200064,
    max_position_embeddings=10240000,
)


def shape(model_type: str, sizes: tuple[int, int, int, int, int, int], **fields: Any) -> dict[str, Any]:
    """Write a decoder's config from hidden size, layers, heads, key/value heads, inner size and vocabulary."""
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size")
    return decoder(model_type, **dict(zip(names, sizes, strict=True)), **fields)


QWEN25_7B = shape("qwen2", (3584, 28, 28, 4, 18944, 152064))
QWEN3_32B = shape("qwen3", (5120, 64, 64, 8, 25600, 151936), head_dim=128)
MIXTRAL = decoder("mixtral", num_local_experts=8, num_experts_per_tok=2, vocab_size=32000)
PHI_4 = shape("phi3", (5120, 40, 40, 10, 17920, 100352))
GEMMA_2_9B = shape("gemma2", (3584, 42, 16, 8, 14336, 256000), head_dim=256, tie_word_embeddings=True, sliding_window=4096)
COMMAND_R_PLUS = shape("cohere", (12288, 64, 96, 8, 33792, 256000), use_qk_norm=True, tie_word_embeddings=True)
OLMO_2_7B = shape("olmo2", (4096, 32, 32, 32, 11008, 100352))
