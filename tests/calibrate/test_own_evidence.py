"""Doubt by hand: quantiles of held-out errors, and of few points widened by what was known before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_deployment import THREE, measured

from planner.calibrate.own_evidence import own_evidence
from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.engine import Evidence

CELL = "h100-sxm/vllm/fp8"


def catalog(**row: object) -> Catalog:
    """One row of evidence: measured is twice the prediction at most, half at least, in nine of ten."""
    ratios = {"p05": 0.5, "p10": 0.6, "p25": 0.8, "p50": 1.0, "p75": 1.25, "p90": 1.6, "p95": 2.0}
    ranges = {"gpus": [4, 8], "input_tokens": [64, 512], "output_tokens": [64, 2048], "concurrency": [2, 8]}
    known = {"accelerator": "*", "engine": "*", "format": "*", "points": 9, "models": ["Qwen/Qwen3-32B"], **ranges}
    made = Evidence.model_validate(known | {"ttft": ratios, "tpot": ratios, "source": "made up", "as_of": "2026-01"} | row)
    return load_builtin().model_copy(update={"evidence": {"any": made}})


def fitted(ratio: object, count: int = 3) -> pd.DataFrame:
    """Points whose measurements are `ratio` times the fit, and 1.5 times what held-out fits say."""
    table = measured([THREE[0]] * count).assign(gpus=1.0)
    columns = {f"{name}_fitted": table[name] / ratio for name in ("ttft_ms", "tpot_ms")}
    return table.assign(**columns, **{f"{name}_held_out": table[name] / 1.5 for name in ("ttft_ms", "tpot_ms")})


def test_few_points_keep_their_median_and_the_spread_there_was() -> None:
    """All fitted alike, d = 0: the quantiles of the row before, times 1.1."""
    row = own_evidence(fitted(1.1), catalog(), "")[CELL]
    assert row["tpot"] == {"p05": 0.55, "p10": 0.66, "p25": 0.88, "p50": 1.1, "p75": 1.38, "p90": 1.76, "p95": 2.2}
    assert row["note"] == "TTFT: " + "; TPOT: ".join(["the spread of a fit to 3 points, widened by the one before"] * 2)


def test_distances_from_the_median_add_as_squares() -> None:
    """Of ratios 1/2, 1, 2 the 75 % quantile is √2, and of the row before 1.25: exp √(0.3466² + 0.2231²) = 1.510."""
    row = own_evidence(fitted(np.array([0.5, 1.0, 2.0])), catalog(), "")[CELL]
    assert (row["tpot"]["p25"], row["tpot"]["p50"], row["tpot"]["p75"]) == (0.662, 1.0, 1.51)


def test_enough_points_that_were_held_out_speak_for_themselves() -> None:
    row = own_evidence(fitted(1.1, count=8), catalog(), "its deployment")[CELL]
    assert set(row["ttft"].values()) == {1.5}
    assert "8 points, each predicted by a fit without its deployment" in row["note"]
    seven = own_evidence(fitted(1.1, count=7), catalog(), "its deployment")[CELL]
    assert seven["ttft"]["p50"] == 1.1


def test_ranges_are_those_of_the_points_joined_with_those_of_the_same_cell() -> None:
    same = {"accelerator": "h100-sxm", "engine": "vllm", "format": "fp8"}
    alone, joined = (own_evidence(fitted(1.0), one, "")[CELL] for one in (catalog(), catalog(**same)))
    assert alone["models"] == ["meta-llama/Llama-3.1-8B-Instruct"]
    assert (alone["gpus"], alone["input_tokens"], alone["concurrency"]) == ([1, 1], [1024.0, 1024.0], [1.0, 1.0])
    assert joined["models"] == ["Qwen/Qwen3-32B", "meta-llama/Llama-3.1-8B-Instruct"]
    assert (joined["gpus"], joined["input_tokens"], joined["concurrency"]) == ([1, 8], [64.0, 1024.0], [1.0, 8.0])
    assert alone["points"] == joined["points"] == 3
    assert joined["note"].endswith("ranges and models include those measured before")


def test_without_anything_known_before_few_points_make_no_row() -> None:
    nothing = load_builtin().model_copy(update={"evidence": {}})
    assert own_evidence(fitted(1.1), nothing, "") == {}
    assert set(own_evidence(fitted(1.1, count=8), nothing, "its deployment")) == {CELL}


@pytest.mark.parametrize("name", ["gpus", "input_tokens"])
def test_rows_are_those_a_catalog_takes(name: str) -> None:
    row = own_evidence(fitted(1.1), catalog(), "")[CELL] | {"source": "made up", "as_of": "2026-01"}
    assert getattr(Evidence.model_validate(row), name) == tuple(row[name])
