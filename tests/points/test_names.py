"""Names as people and tools write them lead to the catalogs' own; what cannot be known is said, not guessed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from planner.catalog.load import load_builtin
from planner.points.columns import ALIASES, PROBLEM
from planner.points.names import near, resolve
from planner.points.table import normalize

MEASURED = Path(__file__).parents[2] / "../shared/data/measured/serving_closed_loop.csv"
ROW = {
    "model": "Qwen/Qwen3-32B",
    "accelerator": "h100-sxm",
    "engine": "vllm",
    "precision": "bf16",
    "input_tokens": 1000,
    "output_tokens": 100,
    "concurrency": 8,
}


def resolved(**cells: object) -> pd.Series:  # type: ignore[type-arg]
    return resolve(normalize(pd.DataFrame([ROW | cells], dtype=object)), load_builtin()).iloc[0]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B"),
        ("qwen/qwen3-32b", "Qwen/Qwen3-32B"),
        ("qwen3-32b", "Qwen/Qwen3-32B"),
        ("Qwen/Qwen3-32B-AWQ", "Qwen/Qwen3-32B"),
        ("Qwen/Qwen3-235B-A22B-FP8", "Qwen/Qwen3-235B-A22B"),
        ("nvidia/DeepSeek-R1-NVFP4", "deepseek-ai/DeepSeek-R1"),
        ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek-ai/DeepSeek-V3.1"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct"),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "meta-llama/Llama-3.3-70B-Instruct"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w4a16", "meta-llama/Llama-3.1-70B-Instruct"),
        ("Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B"),
        ("Qwen3-30B-A3B-Instruct-2507-FP8", "Qwen/Qwen3-30B-A3B-Instruct-2507"),
    ],
)
def test_models(written: str, name: str) -> None:
    row = resolved(model=written)
    assert (row["model"], row[PROBLEM]) == (name, "")


def test_every_generating_model_is_found_by_its_own_names() -> None:
    catalog = load_builtin()
    spelt = [(name, spelling) for name, model in catalog.models.items() for spelling in (name, name.upper(), *model.aliases)]
    table = pd.DataFrame([ROW | {"model": spelling} for _, spelling in spelt], dtype=object)
    found = resolve(normalize(table), catalog)
    assert found["model"].tolist() == [name for name, _ in spelt]
    silent = found[PROBLEM].str.contains("generates no text")
    assert silent.tolist() == [catalog.models[name].role != "generate" for name, _ in spelt]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("h100_sxm", "h100-sxm"),
        ("H100 SXM", "h100-sxm"),
        ("H100 SXM5", "h100-sxm"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("H100-SXM-80GB", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H100 NVL", "h100-nvl"),
        ("NVIDIA H200", "h200-sxm"),
        ("b200_sxm", "b200-sxm"),
        ("B200-SXM-180GB", "b200-sxm"),
        ("gb200", "gb200"),
        ("NVIDIA GB300", "gb300"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("A100-SXM-40GB", "a100-sxm-40gb"),
        ("A100-PCIe-40GB", "a100-pcie-40gb"),
        ("NVIDIA L40S", "l40s"),
        ("L4-24GB", "l4"),
        ("Tesla T4", "t4"),
        ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("AMD Instinct MI300X", "mi300x"),
        ("MI300X-192GB", "mi300x"),
    ],
)
def test_accelerators(written: str, name: str) -> None:
    row = resolved(accelerator=written)
    assert (row["accelerator"], row[PROBLEM]) == (name, "")


def test_every_accelerator_is_found_by_its_own_names() -> None:
    for name, accelerator in load_builtin().accelerators.items():
        assert resolved(accelerator=name.replace("-", "_").upper())["accelerator"] == name
        assert resolved(accelerator=accelerator.name)["accelerator"] == name


@pytest.mark.parametrize(
    ("written", "name"),
    [("vLLM", "vllm"), ("SGLang", "sglang"), ("TensorRT-LLM", "trtllm"), ("tensorrt_llm", "trtllm"), ("trt-llm", "trtllm")],
)
def test_engines(written: str, name: str) -> None:
    assert resolved(engine=written)["engine"] == name


@pytest.mark.parametrize(
    ("model", "written", "precision", "kv"),
    [
        ("deepseek-r1", "fp8", "fp8-block", "kv-fp8"),
        ("qwen3-32b", "FP8", "fp8", "kv-fp8"),
        ("qwen3-32b", "bfloat16", "bf16", "kv-bf16"),
        ("gpt-oss-120b", "fp4", "mxfp4", "kv-bf16"),
        ("deepseek-r1", "fp4", "nvfp4", "kv-fp8"),
        ("kimi-k2.5", "int4", "int4-qat", "kv-bf16"),
        ("qwen3-32b", "int4", "w4a16-awq", "kv-bf16"),
        ("qwen3-32b", "w8a16-fp8", "w8a16-fp8", "kv-bf16"),
        ("deepseek-r1", "auto", "fp8-block", "kv-fp8"),
        ("nvidia/DeepSeek-R1-NVFP4", "auto", "nvfp4", "kv-fp8"),
        ("gpt-oss-120b", "auto", "mxfp4", "kv-bf16"),
        ("Qwen/Qwen3-32B-AWQ", "auto", "w4a16-awq", "kv-bf16"),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "auto", "fp8", "kv-fp8"),
    ],
)
def test_precisions_and_the_cache_that_goes_with_them(model: str, written: str, precision: str, kv: str) -> None:
    row = resolved(model=model, precision=written)
    assert (row["precision"], row["kv_precision"], row[PROBLEM]) == (precision, kv, "")


def test_an_accelerator_without_fp8_keeps_its_cache_in_sixteen_bits() -> None:
    row = resolved(model="llama-3.1-8b", precision="w8a8-int8", accelerator="a100-sxm-80gb")
    assert row["kv_precision"] == "kv-bf16"


@pytest.mark.parametrize(
    ("written", "name"),
    [("fp8", "kv-fp8"), ("kv-fp8", "kv-fp8"), ("BF16", "kv-bf16"), ("auto", "kv-bf16"), ("fp8_e4m3", "kv-fp8")],
)
def test_cache_formats(written: str, name: str) -> None:
    assert resolved(kv_precision=written)["kv_precision"] == name


@pytest.mark.parametrize(
    ("column", "written", "hint"),
    [
        ("model", "qwen3-32", "qwen3-32b"),
        ("accelerator", "h100", "near: h100-sxm"),
        ("engine", "tgi", "known: vllm, sglang, trtllm"),
        ("precision", "fp9", "near: fp8"),
        ("kv_precision", "fp9", "known: kv-bf16, kv-fp8"),
    ],
)
def test_an_unknown_name_stays_and_says_what_it_may_mean(column: str, written: str, hint: str) -> None:
    row = resolved(**{column: written})
    assert row[column] == written
    assert row[PROBLEM].startswith(f"{column} '{written}' is not in the catalogs")
    assert hint in row[PROBLEM]


def test_at_most_three_names_are_near() -> None:
    assert len(near("qwen3", load_builtin().models)) <= 3


def test_a_missing_name_is_told_once() -> None:
    assert resolved(model="")[PROBLEM] == "model is missing"


def test_a_file_of_nothing_but_unknown_names_ends_soon() -> None:
    rows = pd.DataFrame([ROW | {"model": f"org/unheard-of-{number}"} for number in range(3000)])
    made = resolve(normalize(rows), load_builtin())
    assert made[PROBLEM].str.contains("is not in the catalogs").all()


@pytest.mark.skipif(not MEASURED.is_file(), reason="the published measurements are not here")
def test_every_name_of_the_published_measurements_is_known() -> None:
    catalog = load_builtin()
    raw = pd.read_csv(MEASURED, dtype=str, keep_default_na=False).rename(columns=ALIASES)
    made = resolve(normalize(raw), catalog)
    assert len(made) > 1000
    assert set(made[PROBLEM]) == {""}
    assert set(made["model"]) <= set(catalog.models)
    assert set(made["kv_precision"]) == {"kv-fp8", "kv-bf16"}
    order = np.random.default_rng(0).permutation(len(raw))
    shuffled = resolve(normalize(raw.iloc[order]), catalog).sort_index()
    pd.testing.assert_frame_equal(shuffled, made)
