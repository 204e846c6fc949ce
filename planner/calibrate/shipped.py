"""Predictions with the coefficients as shipped, beside the measurements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Predict = Callable[[pd.DataFrame], pd.DataFrame]
"""Returns `ttft_ms`, `tpot_ms` and `problem` of every row of a table of points."""

_MEASURED = ["ttft_ms", "tpot_ms"]


def shipped(points: pd.DataFrame, predict: Predict) -> pd.DataFrame:
    """Predict measured points without fitting anything.

    Parameters
    ----------
    points : the table of points, names resolved
    predict : the performance model

    Returns
    -------
    The points with `gpus`, `ttft_ms_shipped`, `tpot_ms_shipped`, and in `problem` what kept a row from being predicted.

    Notes
    -----
    What was measured is kept from the prediction.
    """
    found = predict(points.assign(**dict.fromkeys(_MEASURED, np.nan)))
    problem = np.where(points["problem"].fillna("") != "", points["problem"], found["problem"].fillna(""))
    made = points.assign(gpus=gpus(points), problem=problem)
    return made.assign(**{f"{name}_shipped": found[name].to_numpy(dtype=float) for name in _MEASURED})


def gpus(points: pd.DataFrame) -> pd.Series:
    """Return the accelerators of every deployment.

    tp·pp·dp of a replica, or the sum of workers·tp·pp·dp over prefill and decode workers.

    Examples
    --------
    >>> gpus(pd.DataFrame({"mode": ["agg"], "tp": [4], "pp": [1], "dp": [2]})).tolist()
    [8.0]
    """
    count = _ranks(points, "")
    apart = points["mode"] == "disagg"
    if apart.any():
        workers = sum(points[f"{role}_workers"] * _ranks(points, f"{role}_") for role in ("prefill", "decode"))
        count = count.where(~apart, workers)
    return count


def _ranks(points: pd.DataFrame, start: str) -> pd.Series:
    """Return the accelerators of one replica or worker."""
    return points[[f"{start}tp", f"{start}pp", f"{start}dp"]].astype(float).prod(axis=1, skipna=False)
