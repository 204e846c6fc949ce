"""How many points of a table a core predicts per second, as ratios to the stored baseline.

    python benchmarks/bench_predict.py            compare with benchmarks/baseline.json
    python benchmarks/bench_predict.py --store    write it

The aim is 50,000 rows per second and core. Rows are random but of realistic kinds: dense models, mixtures and latent
attention on several devices, engines, formats and layouts; nine in ten closed loops, one in twenty disaggregated, one in
twenty open. Names are resolved before. One thread; processor time, which other work on the machine does not count in.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from harness import print_rates  # noqa: E402

from planner.catalog.load import load_builtin  # noqa: E402
from planner.points.names import resolve  # noqa: E402
from planner.points.predict import predict_table  # noqa: E402
from planner.points.table import normalize  # noqa: E402

ROWS = 50_000
FEW = 1_000
"""What a fit predicts at a time: the cost of looking up and of calling NumPy shows here."""
DEPLOYMENTS = (
    ("meta-llama/Llama-3.1-8B-Instruct", "bf16", (1, 2)),
    ("meta-llama/Llama-3.1-70B-Instruct", "fp8", (2, 4, 8)),
    ("Qwen/Qwen3-32B", "bf16", (2, 4, 8)),
    ("Qwen/Qwen3-235B-A22B", "fp8", (4, 8)),
    ("deepseek-ai/DeepSeek-V3", "fp8-block", (8,)),
)
"""Model, format, tensor-parallel degrees."""


def random_points(rows: int) -> pd.DataFrame:
    """Return points of five models on three devices under three engines; always the same."""
    rng = np.random.default_rng(1)
    chosen = [DEPLOYMENTS[place] for place in rng.integers(len(DEPLOYMENTS), size=rows)]
    kind = rng.choice(["closed", "open", "split"], rows, p=[0.9, 0.05, 0.05])
    tp = np.array([rng.choice(degrees) for _, _, degrees in chosen])
    raw = {
        "model": [model for model, _, _ in chosen],
        "precision": [precision for _, precision, _ in chosen],
        "accelerator": rng.choice(["h100-sxm", "h200-sxm", "b200-sxm"], rows),
        "engine": rng.choice(["vllm", "sglang", "trtllm"], rows),
        "input_tokens": rng.choice([128, 1024, 4096, 8192], rows),
        "output_tokens": rng.choice([128, 1024, 2048], rows),
        "length_ratio_min": rng.choice([0.8, 1.0], rows),
        "concurrency": np.where(kind == "open", None, 2 ** rng.integers(0, 9, rows)),
        "request_rate": np.where(kind == "open", 0.5, None),
        "mode": np.where(kind == "split", "disagg", "agg"),
        "tp": np.where(kind == "split", None, tp),
        **{f"{role}_tp": np.where(kind == "split", tp, None) for role in ("prefill", "decode")},
        **{f"{role}_workers": np.where(kind == "split", 2, None) for role in ("prefill", "decode")},
    }
    return resolve(normalize(pd.DataFrame(raw, dtype=object)), load_builtin())


def shortest(repeats: int, run: Callable[[], object]) -> float:
    """Return the least processor time of several runs [s]."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


def measure(repeats: int) -> dict[str, float]:
    """Return rows per second of a long table and of a short one."""
    catalog, many = load_builtin(), random_points(ROWS)
    few = many.iloc[:FEW]
    predicted = predict_table(many, catalog)
    print(f"{len(many):,} rows, {(predicted['problem'] == '').mean():.0%} of them predicted")
    return {
        "predict: rows per second": ROWS / shortest(repeats, lambda: predict_table(many, catalog)),
        "predict: rows per second, a thousand at once": FEW / shortest(3 * repeats, lambda: predict_table(few, catalog)),
    }


if __name__ == "__main__":
    print_rates(__doc__, measure, 5)
