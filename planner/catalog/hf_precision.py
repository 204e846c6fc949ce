"""The number format of published weights, read from a config's `quantization_config` and `dtype`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.catalog.hf_reader import Reader

_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp16", "": "bf16"}
_REMEDY = "import the config of the 16-bit checkpoint and list this format under `precisions`, or write the entry by hand"


def native_precision(reader: Reader) -> str:
    """Name the precision of the published weights, one of the catalog's `precisions`.

    Notes
    -----
    float32 checkpoints are named fp16, the format vLLM and SGLang cast them to (`--dtype auto`); a config without
    any dtype is taken as bf16, as released decoders since 2023 are.
    """
    quantization = reader.config.get("quantization_config")
    if quantization is None:
        return _dtype(reader)
    name = _quantized(quantization) if isinstance(quantization, dict) else None
    if name is None:
        method = quantization.get("quant_method", "?") if isinstance(quantization, dict) else type(quantization).__name__
        reader.refuse("quantization_config", f"the planner has no precision for this {str(method)[:40]!r} scheme", _REMEDY)
        return "bf16"
    return name


def _dtype(reader: Reader) -> str:
    """Name an unquantized format."""
    field = "dtype" if reader.has("dtype") else "torch_dtype"
    dtype = reader.text(field).removeprefix("torch.")
    if dtype not in _DTYPES:
        reader.refuse(field, f"unknown number format {dtype[:40]!r}", "use bfloat16, float16 or float32")
        return "bf16"
    return _DTYPES[dtype]


def _quantized(quantization: Mapping[str, Any]) -> str | None:
    """Name a quantized format; None if the planner knows none for it."""
    method = str(quantization.get("quant_method", "")).lower()
    algorithm = str(quantization.get("quant_algo", "")).upper()
    if algorithm and algorithm != "NONE":
        return {"FP8": "fp8", "NVFP4": "nvfp4", "FP8_PB_WO": "fp8-block"}.get(algorithm)
    if method == "fp8":
        return "fp8-block" if quantization.get("weight_block_size") else "fp8"
    if method == "mxfp4":
        return "mxfp4"
    if method in {"awq", "gptq"}:
        return f"w4a16-{method}" if quantization.get("bits") == 4 else None
    return _grouped(quantization)


def _grouped(quantization: Mapping[str, Any]) -> str | None:
    """Name a compressed-tensors scheme in which every group has the same format."""
    groups = quantization.get("config_groups")
    names = {_group(group, quantization) for group in groups.values()} if isinstance(groups, dict) else set()
    return names.pop() if len(names) == 1 else None


def _group(group: object, quantization: Mapping[str, Any]) -> str | None:
    """Name the format of one group by the bits and types of weights and activations."""
    if not isinstance(group, dict) or not isinstance(group.get("weights"), dict):
        return None
    weights, activations = group["weights"], group.get("input_activations")
    bits, kind, size = weights.get("num_bits"), weights.get("type"), weights.get("group_size")
    if (bits, kind) == (8, "float"):
        return "fp8-block" if weights.get("strategy") == "block" else "fp8"
    if (bits, kind) == (8, "int"):
        return "w8a8-int8" if activations else None
    if (bits, kind) == (4, "float"):
        return {16: "nvfp4", 32: "mxfp4"}.get(size if isinstance(size, int) else 0)
    if (bits, kind) == (4, "int") and not activations:
        return "int4-qat" if _experts_only(quantization) else "w4a16-gptq"
    return None


def _experts_only(quantization: Mapping[str, Any]) -> bool:
    """Tell whether attention stays 16-bit, as in Kimi's quantization-aware trained experts."""
    ignored = quantization.get("ignore")
    return isinstance(ignored, list) and any("self_attn" in str(name) for name in ignored)
