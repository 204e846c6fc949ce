"""Tables of points over the built-in catalogs, as every reader makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.points.names import resolve
from planner.points.table import normalize

LLAMA = {
    "model": "meta-llama/Llama-3.1-8B-Instruct", "accelerator": "h100-sxm", "engine": "vllm", "precision": "bf16",
    "input_tokens": 1000, "output_tokens": 200, "concurrency": 8,
}  # fmt: skip

Points = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_builtin()


@pytest.fixture(scope="session")
def bare(catalog: Catalog) -> Catalog:
    """The catalog without any factor."""
    return catalog.model_copy(update={"factors": {}})


@pytest.fixture(scope="session")
def points(catalog: Catalog) -> Points:
    """Make the table of Llama-3.1-8B on one H100 with these changes, one a row."""

    def make(*changes: dict[str, Any]) -> pd.DataFrame:
        return resolve(normalize(pd.DataFrame([LLAMA | change for change in changes], dtype=object)), catalog)

    return make


@pytest.fixture(scope="session")
def split() -> dict[str, Any]:
    """What makes a point disaggregated: one prompt worker, two decode workers."""
    return {"mode": "disagg", "prefill_workers": 1, "decode_workers": 2}


@pytest.fixture(scope="session")
def deepseek() -> dict[str, Any]:
    """What makes a point one of DeepSeek-V3 on eight H200."""
    return {"model": "deepseek-ai/DeepSeek-V3", "accelerator": "h200-sxm", "engine": "sglang", "precision": "fp8-block", "tp": 8}
