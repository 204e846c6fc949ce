"""Importing config.json: shapes of public configs, counted; and every way a file can be wrong."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hf_configs import (
    COMMAND_R_PLUS,
    DEEPSEEK_V3,
    GEMMA_2_9B,
    GPT_OSS_120B,
    JAMBA_MINI,
    MINIMAX_M1,
    MIXTRAL,
    NEMOTRON_NANO_9B,
    OLMO_2_7B,
    PHI_4,
    QWEN3_32B,
    QWEN3_NEXT,
    QWEN25_7B,
    decoder,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.huggingface import MAX_BYTES, import_config, import_file, to_yaml
from planner.domain.llm import Model
from planner.errors import InvalidInput

# published or safetensors totals: billions and where they are stated
PUBLISHED = [
    (decoder("llama"), 8.0303, "safetensors index, meta-llama/Llama-3.1-8B"),
    (QWEN25_7B, 7.6156, "Qwen2.5-7B card: 7.61B"),
    (QWEN3_32B, 32.762, "Qwen3-32B card: 32.8B"),
    (MIXTRAL, 46.703, "arXiv:2401.04088: 46.7B"),
    (PHI_4, 14.66, "phi-4 card: 14.7B"),
    (GEMMA_2_9B, 9.2417, "arXiv:2408.00118, table 2: 9.24B"),
    (COMMAND_R_PLUS, 103.81, "Command R+ card: 104B"),
    (OLMO_2_7B, 7.2986, "safetensors 7.2986B"),
    (DEEPSEEK_V3, 671.026, "arXiv:2412.19437: 671B"),
    (GPT_OSS_120B, 116.829, "gpt-oss model card: 116.8B"),
    (QWEN3_NEXT, 79.674, "Qwen3-Next-80B-A3B safetensors without the MTP block"),
    (JAMBA_MINI, 51.570, "Jamba-1.5-Mini safetensors: 51.57B"),
    (NEMOTRON_NANO_9B, 8.888, "Nemotron-Nano-9B-v2 safetensors: 8.89B"),
    (MINIMAX_M1, 456.09, "arXiv:2506.13585: 456B"),
]


@pytest.mark.parametrize(("config", "billions", "source"), PUBLISHED, ids=[f"{c['model_type']}-{b}" for c, b, _ in PUBLISHED])
def test_totals_match_what_was_published(config: dict[str, Any], billions: float, source: str) -> None:
    assert import_config(config, "x/y").parameters.total / 1e9 == pytest.approx(billions, rel=1e-4), source


def test_active_parameters_of_mixtures() -> None:
    """DeepSeek-V3 37B active (arXiv:2412.19437) and gpt-oss-120b 5.13B (model card, table 1), both without the input table."""
    assert import_config(DEEPSEEK_V3, "x/y").parameters.active / 1e9 == pytest.approx(36.63, abs=0.01)
    assert import_config(GPT_OSS_120B, "x/y").parameters.active / 1e9 == pytest.approx(5.13, abs=0.01)


def test_latent_attention_is_read_with_its_latent() -> None:
    attention = import_config(DEEPSEEK_V3, "x/y").attention
    assert (attention.kind, attention.kv_lora_rank, attention.qk_rope_head_dim) == ("mla", 512, 64)


def test_sparse_indexer_is_read() -> None:
    model = import_config(
        {**DEEPSEEK_V3, "model_type": "deepseek_v32", "index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048}, "x/y"
    )
    assert (model.attention.index_heads, model.attention.index_topk) == (64, 2048)
    assert model.parameters.total / 1e9 == pytest.approx(671.878, abs=0.001)


def test_constant_state_layers() -> None:
    """Qwen3-Next: 36 of 48 layers, state 32·128·128, convolution (2·16·128 + 32·128)·3."""
    linear = import_config(QWEN3_NEXT, "x/y").linear_attention
    assert linear is not None
    assert (linear.layers, linear.state_elements, linear.conv_state_elements) == (36, 524288, 24576)
    assert import_config(QWEN3_NEXT, "x/y").attention.layers == 12


@pytest.mark.parametrize(
    ("config", "window", "layers"),
    [
        (GPT_OSS_120B, 128, 18),
        (decoder("gemma2", sliding_window=4096, head_dim=256), 4096, 16),
        (decoder("gemma3_text", sliding_window=1024, head_dim=256), 1024, 27),
        (decoder("mistral", sliding_window=4096), 4096, 32),
        (decoder("mistral", sliding_window=None), None, 0),
        (decoder("qwen2", sliding_window=32768, use_sliding_window=False, max_window_layers=28), None, 0),
        (decoder("qwen2", sliding_window=32768, use_sliding_window=True, max_window_layers=28), 32768, 4),
        (decoder("phi3", sliding_window=262144), None, 0),
        (decoder("cohere2", sliding_window=4096), 4096, 24),
    ],
)
def test_windows_follow_the_family(config: dict[str, Any], window: int | None, layers: int) -> None:
    """A window no shorter than the context is no window; Gemma 3 has one global layer in six, 32 // 6 = 5."""
    attention = import_config(config, "x/y").attention
    assert (attention.window, attention.window_layers) == (window, layers)


def test_multimodal_configs_are_entered() -> None:
    inner = decoder(
        "qwen3_5_text",
        hidden_size=1024,
        head_dim=128,
        linear_num_value_heads=16,
        linear_num_key_heads=8,
        linear_key_head_dim=64,
        linear_value_head_dim=64,
        linear_conv_kernel_dim=4,
        full_attention_interval=4,
    )
    outer = {
        "model_type": "qwen3_5",
        "architectures": ["Qwen3_5ForConditionalGeneration"],
        "text_config": inner,
        "vision_config": {"hidden_size": 9},
    }
    assert import_config(outer, "x/y").hidden == 1024


def test_fields_gemma_3_leaves_to_its_config_class_are_named() -> None:
    """gemma-3-4b-it states no head counts; Gemma3TextConfig's defaults are 8, 4 and 256."""
    text = {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "sliding_window": 1024,
    }
    model = import_config({"model_type": "gemma3", "text_config": text, "torch_dtype": "bfloat16"}, "google/gemma-3-4b-it")
    assert model.parameters.total / 1e9 == pytest.approx(3.8803, rel=1e-4)
    assert "num_attention_heads = 8" in model.note


def test_unknown_model_type_with_all_fields_is_counted_and_says_so() -> None:
    model = import_config(decoder("brandnew"), "x/y")
    assert model.parameters.total == 8_030_261_248
    assert "'brandnew' is not known" in model.note


def test_unknown_model_type_lists_every_missing_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        import_config({"model_type": "brandnew", "hidden_size": 64}, "x/y")
    assert {issue.path for issue in caught.value.issues} == {
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
        "tie_word_embeddings",
    }
    assert all(issue.remedy for issue in caught.value.issues)


def test_every_mistake_is_reported_at_once() -> None:
    wrong = decoder("llama", hidden_size="big", num_hidden_layers=-3, tie_word_embeddings="yes")
    del wrong["vocab_size"]
    with pytest.raises(InvalidInput) as caught:
        import_config(wrong, "x/y")
    assert {issue.path for issue in caught.value.issues} >= {
        "hidden_size",
        "num_hidden_layers",
        "tie_word_embeddings",
        "vocab_size",
    }


@pytest.mark.parametrize("field", ["compress_ratios", "sparse_attention_config", "linear_attn_config", "hybrid_layer_pattern"])
def test_mechanisms_that_are_not_modelled_are_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match="is not modelled"):
        import_config(decoder("llama", **{field: [1]}), "x/y")


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (decoder("mixtral", num_local_experts=4, num_experts_per_tok=8), "num_experts_per_tok"),
        (decoder("gpt_oss", layer_types=["full_attention"], sliding_window=128, head_dim=64), "layer_types"),
        (decoder("llama", hidden_size=4097), "head_dim"),
        ({**NEMOTRON_NANO_9B, "hybrid_override_pattern": "MX"}, "hybrid_override_pattern"),
        (decoder("llama", torch_dtype="int3"), "torch_dtype"),
        (decoder("llama", num_attention_heads=True), "num_attention_heads"),
        (decoder("llama", hidden_size=1e30), "hidden_size"),
        (decoder("nemotron-nas", block_configs=[{}] * 32), "block_configs"),
    ],
)
def test_contradictory_configs_name_the_field(config: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        import_config(config, "x/y")
    assert path in {issue.path for issue in caught.value.issues}


def test_embedding_models_have_no_head() -> None:
    """bge-m3: 567.8M weights (XLM-RoBERTa large with 8194 positions), no output projection."""
    config = {
        "model_type": "xlm-roberta",
        "architectures": ["XLMRobertaModel"],
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "vocab_size": 250002,
        "max_position_embeddings": 8194,
        "type_vocab_size": 1,
        "torch_dtype": "float32",
    }
    model = import_config(config, "BAAI/bge-m3")
    assert (model.role, model.parameters.head, model.native_precision) == ("embed", 0.0, "fp16")
    assert model.parameters.total / 1e6 == pytest.approx(567.8, abs=0.1)


def test_facts_replace_what_was_derived() -> None:
    model = import_config(decoder("llama"), "x/y", licence="mit", max_context=8192, as_of="2024-07-23", source="card")
    assert (model.licence, model.max_context, model.as_of, model.source) == ("mit", 8192, "2024-07-23", "card")


def test_yaml_reads_back_as_the_same_entry() -> None:
    model = import_config(QWEN3_NEXT, "Qwen/Qwen3-Next-80B-A3B-Instruct", licence="apache-2.0", aliases=("qwen3-next",))
    text = to_yaml("Qwen/Qwen3-Next-80B-A3B-Instruct", model)
    read = yaml.safe_load(text)["models"]["Qwen/Qwen3-Next-80B-A3B-Instruct"]
    assert Model.model_validate(read) == model
    assert to_yaml("Qwen/Qwen3-Next-80B-A3B-Instruct", model) == text


def test_import_file_names_the_model(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(decoder("llama", _name_or_path="meta-llama/Llama-3.1-8B")), encoding="utf-8")
    name, model = import_file(file)
    assert (name, model.parameters.total) == ("meta-llama/Llama-3.1-8B", 8_030_261_248)
    assert import_file(file, "my/llama")[0] == "my/llama"


def test_the_quantization_file_beside_a_config_is_read(tmp_path: Path) -> None:
    """NVIDIA's DeepSeek-V3.1-NVFP4 states its format only in hf_quant_config.json."""
    (tmp_path / "config.json").write_text(json.dumps(decoder("llama")), encoding="utf-8")
    quantization = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(quantization), encoding="utf-8")
    assert import_file(tmp_path / "config.json", "x/y")[1].native_precision == "nvfp4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[1, 2]", "holds no JSON object"),
        ("{}", "is not known"),
        ("[" * 100_000, "nested too deeply"),
        (" " * (MAX_BYTES + 1), "bytes, more than"),
        ("\udcff", "is not JSON"),
    ],
    ids=["cut", "empty", "list", "no-fields", "deep", "large", "bytes"],
)
def test_wrong_files_are_refused_with_one_message(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidInput, match=message):
        import_file(file, "x/y")


def test_directories_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a directory"):
        import_file(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        import_file(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([decoder("llama"), DEEPSEEK_V3, GPT_OSS_120B, QWEN3_NEXT, JAMBA_MINI, NEMOTRON_NANO_9B, MINIMAX_M1]),
    st.data(),
)
def test_any_damage_is_an_answer_or_a_clear_refusal(config: dict[str, Any], data: st.DataObject) -> None:
    """Whatever a field is replaced by, the importer either counts the model or raises InvalidInput; it never crashes."""
    field = data.draw(st.sampled_from(sorted(set(config) - {"model_type"})))
    damaged = {**config, field: data.draw(JSON)}
    with contextlib.suppress(InvalidInput):
        assert import_config(damaged, "x/y").parameters.total > 0
