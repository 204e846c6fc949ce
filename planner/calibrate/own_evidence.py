"""What a calibration with one's own measurements rests on, as rows of evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.calibrate.held_out import ENOUGH, HELD_OUT
from planner.catalog.evidence import evidence_for
from planner.domain.catalog import Catalog
from planner.domain.engine import Evidence, Ratios

Floats = NDArray[np.float64]
Row = dict[str, Any]

METRICS = ("ttft", "tpot")
_RANGES = ("input_tokens", "output_tokens", "concurrency")
_SHARES = np.array([int(name[1:]) / 100.0 for name in Ratios.model_fields])
_MIDDLE = list(Ratios.model_fields).index("p50")


def own_evidence(points: pd.DataFrame, catalog: Catalog, left_out: str) -> dict[str, Row]:
    """Return what was measured, per accelerator, engine and format, and how far predictions of it are to be trusted.

    Parameters
    ----------
    points : usable points with `ttft_ms_fitted`, `tpot_ms_fitted`, and `…_held_out` where `left_out` says so
    catalog : formats, and the evidence so far
    left_out : what held-out predictions had not seen; '' where there are none

    Returns
    -------
    Rows by `accelerator/engine/format`, without source and date. A cell without any row so far, not even one for all, gets
    none unless both times were held out: its doubt would be a guess.

    Notes
    -----
    Ratios of measured to predicted, all cells together:

    - `ENOUGH` points or more, each predicted by a fit that had not seen it: their quantiles.
    - fewer: a fit to few points lies close to them, whatever comes next. Its own spread is widened by that of the row which
      stood for the cell before: log r_p = m ± √(d² + D²), where m is the median of log(measured/fitted), d the distance of its
      quantile p from m, and D that of the former row's from its median.
    - a time that was not measured: as before.

    Ranges and models are joined with those of a former row of the same cell: what was measured there still counts.
    """
    formats = points["precision"].map({name: row.compute for name, row in catalog.precisions.items()})
    rows = {}
    for (accelerator, engine, fmt), part in points.groupby([points["accelerator"], points["engine"], formats], sort=True):
        cell = (str(accelerator), str(engine), str(fmt))
        before = evidence_for(catalog, *cell)
        found = {metric: _ratios(points, metric, left_out, before) for metric in METRICS}
        if any(ratios is None for ratios in found.values()):
            continue
        known = {metric: ratios for metric, ratios in found.items() if ratios is not None}
        notes = "; ".join(f"{metric.upper()}: {note}" for metric, (_, note) in known.items())
        same = before if before is not None and (before.accelerator, before.engine, before.format) == cell else None
        ranges = "; ranges and models include those measured before" if same else ""
        row = {"accelerator": cell[0], "engine": cell[1], "format": cell[2], "points": len(part)} | _ranges(part, same)
        rows["/".join(cell)] = row | {metric: values for metric, (values, _) in known.items()} | {"note": f"{notes}{ranges}"}
    return rows


def _ratios(points: pd.DataFrame, metric: str, left_out: str, before: Evidence | None) -> tuple[dict[str, float], str] | None:
    """Return quantiles of measured over predicted and what they rest on; None where there is nothing to go by."""
    former = None if before is None else np.log([getattr(getattr(before, metric), name) for name in Ratios.model_fields])
    held = _logs(points, metric, HELD_OUT) if left_out else np.empty(0)
    if held.size >= ENOUGH:
        note = f"{held.size} points, each predicted by a fit without {left_out}"
        return _named(np.quantile(held, _SHARES)), note
    if former is None:
        return None
    fitted = _logs(points, metric, "fitted")
    if not fitted.size:
        return _named(former), "not measured, as before"
    count = f"{fitted.size} point{'' if fitted.size == 1 else 's'}"
    return _named(_widened(np.quantile(fitted, _SHARES), former)), f"the spread of a fit to {count}, widened by the one before"


def _widened(quantiles: Floats, former: Floats) -> Floats:
    """Return logarithmic quantiles around the same median, with the distances of both added as squares."""
    own, other = (values - values[_MIDDLE] for values in (quantiles, former))
    return np.asarray(quantiles[_MIDDLE] + np.sign(_SHARES - 0.5) * np.hypot(own, other))


def _logs(points: pd.DataFrame, metric: str, ending: str) -> Floats:
    """Return log(measured/predicted) where both are known."""
    ratio = (points[f"{metric}_ms"] / points[f"{metric}_ms_{ending}"]).to_numpy(float)
    return np.asarray(np.log(ratio[np.isfinite(ratio) & (ratio > 0.0)]))


def _named(logs: Floats) -> dict[str, float]:
    return {name: float(f"{np.exp(value):.3g}") for name, value in zip(Ratios.model_fields, logs, strict=True)}


def _ranges(part: pd.DataFrame, same: Evidence | None) -> Row:
    """Return models and the ranges of accelerators, lengths and clients, joined with those of a row of the same cell."""
    models = set(part["model"]) | set(same.models if same else ())
    made: Row = {"models": sorted(models), "gpus": [int(end) for end in _range(part, "gpus", same)]}
    return made | {name: list(_range(part, name, same)) for name in _RANGES}


def _range(part: pd.DataFrame, name: str, same: Evidence | None) -> tuple[float, float]:
    ends = [*part[name], *(getattr(same, name) if same else ())]
    return float(min(ends)), float(max(ends))
