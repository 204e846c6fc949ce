"""The number format of published weights, read from quantization configs as vendors write them."""

from __future__ import annotations

from typing import Any

import pytest
from hf_configs import decoder

from planner.catalog.huggingface import import_config
from planner.errors import InvalidInput

QUANTIZED = [
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block"),
    ({"quant_method": "fp8"}, "fp8"),
    ({"quant_method": "mxfp4"}, "mxfp4"),
    ({"quant_method": "awq", "bits": 4}, "w4a16-awq"),
    ({"quant_method": "gptq", "bits": 4}, "w4a16-gptq"),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
    ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
]


@pytest.mark.parametrize(("quantization", "precision"), QUANTIZED)
def test_quantization_names_the_precision(quantization: dict[str, Any], precision: str) -> None:
    assert import_config(decoder("llama", quantization_config=quantization), "x/y").native_precision == precision


GROUPS = [
    ({"num_bits": 8, "type": "float"}, {"num_bits": 8, "type": "float"}, [], "fp8"),
    ({"num_bits": 8, "type": "int"}, {"num_bits": 8, "type": "int"}, [], "w8a8-int8"),
    ({"num_bits": 4, "type": "int", "group_size": 128}, None, ["lm_head"], "w4a16-gptq"),
    ({"num_bits": 4, "type": "int", "group_size": 32}, None, ["lm_head", "re:.*self_attn.*"], "int4-qat"),
    ({"num_bits": 4, "type": "float", "group_size": 16}, {"num_bits": 4, "type": "float"}, [], "nvfp4"),
]


@pytest.mark.parametrize(("weights", "activations", "ignore", "precision"), GROUPS)
def test_compressed_tensors_groups(
    weights: dict[str, Any], activations: dict[str, Any] | None, ignore: list[str], precision: str
) -> None:
    group = {"weights": weights, "input_activations": activations}
    config = {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ignore}
    assert import_config(decoder("llama", quantization_config=config), "x/y").native_precision == precision


@pytest.mark.parametrize(
    "quantization",
    [
        {"quant_method": "bitsandbytes"},
        {"quant_method": "gptq", "bits": 3},
        {"quant_algo": "MIXED_PRECISION"},
        {"config_groups": {}},
        "fp8",
    ],
)
def test_unknown_quantization_is_refused(quantization: object) -> None:
    with pytest.raises(InvalidInput, match="no precision for this"):
        import_config(decoder("llama", quantization_config=quantization), "x/y")
