"""Predictions of one's own points that a fit has not seen, by quarters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.points.columns import COLUMNS, LOADS

Index = NDArray[np.intp]

FOLDS = 4
"""Parts that are left out, one at a time."""

ENOUGH = 8
"""Fewest points that are worth dividing [A]: two in each part."""

HELD_OUT = "held_out"
"""Ending of the columns of these predictions."""

_LENGTHS = ("input_tokens", "output_tokens", "length_ratio_min")
_DEPLOYMENT = tuple(
    column.name for column in COLUMNS if column.name not in (*_LENGTHS, *LOADS, "engine_version", "ttft_ms", "tpot_ms", "source")
)
TOGETHER = {
    "its deployment": _DEPLOYMENT,
    "the points of its deployment and lengths": (*_DEPLOYMENT, *_LENGTHS),
    "it and other loads of its deployment": (*_DEPLOYMENT, *_LENGTHS, *LOADS),
}
"""What is left out as a whole, the most telling first: in words, and the columns its points share."""


def quarters(points: pd.DataFrame) -> tuple[Index, str] | None:
    """Divide points into parts to leave out.

    Parameters
    ----------
    points : usable rows of the table of points

    Returns
    -------
    ([point] part, what a fit does not see of the point it predicts), None where there are too few points, or too few that
    differ: fewer than `ENOUGH`, or not even `FOLDS` loads.

    Notes
    -----
    Deployments are kept whole if there are at least four of them, else deployments under one shape of calls, else points of
    one load. What is left out together goes by values alone, so the order of rows does not matter.
    """
    if len(points) < ENOUGH:
        return None
    for words, columns in TOGETHER.items():
        group = points.groupby(list(columns), dropna=False, sort=True).ngroup().to_numpy(np.intp)
        if group.max() + 1 >= FOLDS:
            return np.asarray(group % FOLDS, dtype=np.intp), words
    return None


def predict_held_out(points: pd.DataFrame, part: Index, without: Callable[[NDArray[np.bool_]], pd.DataFrame]) -> pd.DataFrame:
    """Predict every part with a fit to the others.

    Parameters
    ----------
    points : usable rows of the table of points
    part : [point] as `quarters` divides them
    without : fits to all points but those marked, and returns `ttft_ms` and `tpot_ms` of all

    Returns
    -------
    The points with `ttft_ms_held_out` and `tpot_ms_held_out`.
    """
    names = ("ttft_ms", "tpot_ms")
    made = {name: np.full(len(points), np.nan) for name in names}
    for number in range(FOLDS):
        rows = part == number
        found = without(rows)
        for name in names:
            made[name][rows] = found[name].to_numpy(float)[rows]
    return points.assign(**{f"{name}_{HELD_OUT}": values for name, values in made.items()})
