"""A made-up deployment: what is measured of it is what the model predicts, with a slower host, slower prompts, and noise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.engine import Factor
from planner.points.names import resolve
from planner.points.predict import predict_table
from planner.points.table import normalize

HOST, PROMPTS, NOISE = 1.5, 1.3, 0.02
DEPLOYMENT = {"model": "llama-3.1-8b", "accelerator": "h100-sxm", "engine": "vllm", "precision": "fp8", "tp": 1}
THREE = [(1024, 512, clients) for clients in (1, 16, 64)]
"""Prompt, output, clients."""
OTHERS = [(1024, 512, 4), (1024, 512, 128), (2048, 256, 2), (2048, 256, 32), (512, 1024, 8), (512, 1024, 96), (4096, 512, 16)]


def truth() -> Catalog:
    """The catalog of a world where the host takes 1.5 times as long, and computation, which prompts consist of, 1.3 times."""
    factors = {"host_per_layer": HOST} | dict.fromkeys(
        ("flops_efficiency", "expert_flops_efficiency", "attention_efficiency"), 1 / PROMPTS
    )
    sourced = {"source": "made up", "as_of": "2026-01"}
    rows = {name: Factor.model_validate({"coefficient": name, "factor": value} | sourced) for name, value in factors.items()}
    catalog = load_builtin()
    return catalog.model_copy(update={"factors": catalog.factors | rows})


def measured(loads: Iterable[tuple[float, float, float]] = THREE, seed: int = 0, **changes: object) -> pd.DataFrame:
    """Return measured points of the deployment, names resolved."""
    names = ("input_tokens", "output_tokens", "concurrency")
    raw = pd.DataFrame([DEPLOYMENT | dict(zip(names, load, strict=True)) | changes for load in loads])
    table = resolve(normalize(raw.astype(object)), load_builtin())
    seen = predict_table(table, truth())
    noise = np.exp(NOISE * np.random.default_rng(seed).standard_normal((2, len(table))))
    return table.assign(ttft_ms=seen["ttft_ms"] * noise[0], tpot_ms=seen["tpot_ms"] * noise[1], source="made up")


def csv_of(table: pd.DataFrame) -> str:
    """Return points as a file of measurements."""
    columns = [*DEPLOYMENT, "input_tokens", "output_tokens", "concurrency", "ttft_ms", "tpot_ms"]
    renamed = table[columns].rename(columns={"ttft_ms": "ttft_mean_ms", "tpot_ms": "tpot_mean_ms"})
    return renamed.to_csv(index=False, lineterminator="\n")


def a_tenth_short(table: pd.DataFrame, catalog: object, *, progress: object, found: object) -> pd.DataFrame:
    """Stands in for the cross-validation, which has tests of its own: every prediction a tenth below what was measured."""
    kinds = ("shipped", "fitted", "without_model", "without_gpu")
    columns = {f"{name}_{kind}": table[name] / 1.1 for name in ("ttft_ms", "tpot_ms") for kind in kinds}
    return table.assign(gpus=1.0, **columns)
