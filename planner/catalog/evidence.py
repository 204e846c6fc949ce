"""How far predictions are to be trusted: what was measured nearby, and how far off predictions of it were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.catalog.coefficients import most_specific
from planner.catalog.variants import origin
from planner.domain.catalog import Catalog
from planner.domain.engine import Evidence, Ratios

Metric = Literal["ttft", "tpot"]

_CASE = ["accelerator", "engine", "precision"]

REACH = 2.0
"""A point is near what was measured while its lengths and clients are within this factor of the range [A]."""


def evidence_for(catalog: Catalog, accelerator: str, engine: str, fmt: str) -> Evidence | None:
    """Return the most specific row of evidence, None if there is not even one for any."""
    return most_specific(catalog.evidence.values(), origin(catalog, accelerator), engine, fmt)


def pessimism(catalog: Catalog, accelerator: str, engine: str, fmt: str, metric: Metric, confidence: float) -> float:
    """Return the ratio of measured to predicted that a share `confidence` of measurements stayed below.

    Parameters
    ----------
    catalog : with its evidence
    accelerator, engine, fmt : the case
    metric : `ttft` or `tpot`
    confidence : in [0.05, 0.95]

    Returns
    -------
    Ratio [1], interpolated between the quantiles on a logarithmic scale; at least 1, and 1 without any evidence or at a
    confidence of one half or less: a prediction is not improved by doubting it.
    """
    found = evidence_for(catalog, accelerator, engine, fmt)
    if found is None or confidence <= 0.5:
        return 1.0
    ratios: Ratios = getattr(found, metric)
    shares = [int(name[1:]) / 100.0 for name in Ratios.model_fields]
    values = np.log([getattr(ratios, name) for name in Ratios.model_fields])
    return float(max(np.exp(np.interp(confidence, shares, values)), 1.0))


def band(catalog: Catalog, points: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return, by metric, [row, 2] the ratios of measured to predicted between which four of five measurements lay [1].

    Parameters
    ----------
    catalog : with its evidence
    points : rows of a table of points, names resolved

    Returns
    -------
    `ttft`, `tpot`: p10 and p90 of the most specific evidence; NaN where there is none.
    """
    out = {name: np.full((len(points), 2), np.nan) for name in ("ttft", "tpot")}
    for rows, found in _nearest(catalog, points, _CASE):
        if found is not None:
            for name, ratios in (("ttft", found.ttft), ("tpot", found.tpot)):
                out[name][rows] = ratios.p10, ratios.p90
    return out


def beyond(catalog: Catalog, points: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which points of a table are far from all measurements: another accelerator, engine, format or model, or far lengths.

    Parameters
    ----------
    catalog : with its evidence
    points : rows of a table of points, names resolved

    Returns
    -------
    [row] True where the nearest evidence names no accelerator, engine or format, knows neither the model nor one of its
    kind of attention, or where lengths or clients are more than `REACH` outside its range
    """
    out = np.zeros(len(points), dtype=bool)
    numbers = {name: points[name].to_numpy(float) for name in ("input_tokens", "output_tokens", "concurrency")}
    for rows, found in _nearest(catalog, points, [*_CASE, "model"]):
        model = str(points["model"].iloc[rows[0]])
        if found is None or "*" in (found.accelerator, found.engine, found.format) or not _alike(catalog, model, found):
            out[rows] = True
            continue
        for name, values in numbers.items():
            low, high = getattr(found, name)
            out[rows] |= (values[rows] < low / REACH) | (values[rows] > high * REACH)
    return out


def _nearest(catalog: Catalog, points: pd.DataFrame, by: list[str]) -> Iterator[tuple[NDArray[np.intp], Evidence | None]]:
    """Yield the rows that agree in some columns, of which the first are `_CASE`, with the evidence nearest to them."""
    for rows in points.groupby(by, sort=False).indices.values():
        accelerator, engine, precision = points[_CASE].iloc[rows[0]]
        yield np.asarray(rows, dtype=np.intp), evidence_for(catalog, accelerator, engine, catalog.precisions[precision].compute)


def _alike(catalog: Catalog, model: str, found: Evidence) -> bool:
    """Whether a model like this one was measured: it or one with the same kind of attention and of layers."""

    def kind(name: str) -> tuple[bool, bool, bool]:
        one = catalog.models[name]
        return one.experts is None, one.attention.kv_lora_rank is None, one.linear_attention is None

    return kind(model) in {kind(name) for name in found.models}
