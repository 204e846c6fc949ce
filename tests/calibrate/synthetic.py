"""Points whose measurements the performance model made itself, with factors that are known."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd

from planner.calibrate.cross import without_factors
from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.engine import Factor
from planner.points.names import resolve
from planner.points.predict import predict_table
from planner.points.table import normalize

POINT = {
    "model": "meta-llama/Llama-3.1-8B-Instruct", "accelerator": "h100-sxm", "engine": "vllm", "precision": "bf16",
    "input_tokens": 1000, "output_tokens": 200, "concurrency": 8,
}  # fmt: skip


def bare() -> Catalog:
    """The built-in catalog without factors."""
    return without_factors(load_builtin())


def world(*factors: dict[str, Any]) -> Catalog:
    """A world in which these factors are true."""
    rows = {
        f"true/{place}": Factor.model_validate({"source": "test", "as_of": "2026", **row}) for place, row in enumerate(factors)
    }
    return bare().model_copy(update={"factors": rows})


def table(*changes: dict[str, Any]) -> pd.DataFrame:
    """The table of points with these changes, one a row."""
    return resolve(normalize(pd.DataFrame([POINT | change for change in changes], dtype=object)), bare())


def grid(**choices: list[Any]) -> pd.DataFrame:
    """The table of all combinations."""
    return table(*(dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())))


def measured_in(points: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """The points as they would be measured in that world."""
    found = predict_table(points, catalog)
    assert (found["problem"] == "").all(), found["problem"].tolist()
    return points.assign(ttft_ms=found["ttft_ms"], tpot_ms=found["tpot_ms"])
