import numpy as np
import pandas as pd

from planner.calibrate.scores import compare, kinds_in
from planner.calibrate.shipped import gpus, shipped
from planner.points.table import normalize

ROW = {"model": "m", "accelerator": "a", "engine": "e", "precision": "p", "input_tokens": 8, "output_tokens": 8, "concurrency": 2}
APART = {
    "mode": "disagg",
    "prefill_workers": 3,
    "prefill_tp": 2,
    "decode_workers": 1,
    "decode_tp": 4,
    "decode_dp": 2,
    "decode_ep": 8,
}


def rows(*changes: dict[str, object]) -> pd.DataFrame:
    return normalize(pd.DataFrame([ROW | {"ttft_ms": 100, "tpot_ms": 10} | change for change in changes]).astype(object))


def test_gpus_of_replicas_and_of_workers() -> None:
    """4 · 2 · 2, and 3 workers of 2 with 1 of 4 · 2."""
    assert gpus(rows({"tp": 4, "pp": 2, "dp": 2}, APART)).tolist() == [16.0, 14.0]


def test_predictions_stand_beside_measurements_which_they_never_saw() -> None:
    seen: list[pd.DataFrame] = []

    def predict(table: pd.DataFrame) -> pd.DataFrame:
        seen.append(table)
        return pd.DataFrame({"ttft_ms": 110.0, "tpot_ms": 9.0, "problem": ["", "too large"]}, index=table.index)

    made = shipped(rows({}, {"tp": 8}), predict)
    assert seen[0][["ttft_ms", "tpot_ms"]].isna().to_numpy().all()
    assert made[["ttft_ms", "ttft_ms_shipped", "tpot_ms", "tpot_ms_shipped"]].iloc[0].tolist() == [100.0, 110.0, 10.0, 9.0]
    assert made["problem"].tolist() == ["", "too large"]
    assert kinds_in(made) == ["shipped"]
    assert len(compare(made)) == 4  # four metrics of the one row that could be predicted


def test_a_row_that_is_wrong_keeps_its_own_reason() -> None:
    points = rows({"tp": 0})
    made = shipped(points, lambda table: pd.DataFrame({"ttft_ms": [np.nan], "tpot_ms": [np.nan], "problem": ["tp?; later"]}))
    assert made["problem"].tolist() == points["problem"].tolist()
    assert "tp" in made["problem"].iloc[0]
