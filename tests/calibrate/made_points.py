"""A made-up set of measured points with predictions of every kind, the same on every run."""

from __future__ import annotations

import numpy as np
import pandas as pd

GROUPS = (
    ("h100-sxm", "vllm", "meta-llama/Llama-3.1-70B", "fp8"),
    ("h100-sxm", "trtllm", "Qwen/Qwen3-32B", "fp8"),
    ("h200-sxm", "sglang", "deepseek-ai/DeepSeek-V3", "fp8"),
    ("b200-sxm", "sglang", "Qwen/Qwen3.5-397B-A17B", "bf16"),
)
ERRORS = {"shipped": 0.25, "fitted": 0.05, "without_model": 0.10, "without_gpu": 0.15}


def points(per_group: int = 12, seed: int = 0) -> pd.DataFrame:
    """Points whose predictions scatter lognormally, the later the kind in KINDS' order of trust the wider."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, (accelerator, engine, model, precision) in enumerate(GROUPS):
        for index in range(per_group):
            concurrency, tp = 2.0 ** (index % 6), 2 ** (number + index // 6)
            row = {
                "model": model, "accelerator": accelerator, "engine": engine, "precision": precision, "mode": "agg",
                "kv_precision": "", "length_ratio_min": 1.0, "tp": tp, "pp": 1, "dp": 1, "ep": 1, "gpus": float(tp),
                "input_tokens": 1024.0, "output_tokens": 512.0, "concurrency": concurrency, "source": "made up", "problem": "",
                "engine_version": "", "ttft_ms": 80.0 * concurrency**0.5, "tpot_ms": (8.0 + 0.4 * concurrency) / tp**0.5,
            }  # fmt: skip
            for kind, spread in ERRORS.items():
                row[f"ttft_ms_{kind}"] = row["ttft_ms"] * np.exp(2 * spread * rng.standard_normal())
                row[f"tpot_ms_{kind}"] = row["tpot_ms"] * np.exp(spread * rng.standard_normal())
            rows.append(row)
    return pd.DataFrame(rows)
