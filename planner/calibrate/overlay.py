"""A fit as a catalog: factors, and the evidence they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

from planner.calibrate.effects import Effect, Level
from planner.calibrate.fit import Fit
from planner.domain.catalog import Catalog
from planner.domain.engine import Ratios
from planner.errors import MissingFact

UNCHANGED = 0.005
"""Factors within this of 1 are left out."""

Row = dict[str, Any]


def factor_rows(fit: Fit, prefix: str, source: str, as_of: str) -> dict[str, Row]:
    """Return the factors of a fit as catalog rows, one per effect, level and coefficient.

    Parameters
    ----------
    fit : what was found
    prefix : start of the rows' names; a catalog of one's own needs another than the shipped one's
    source, as_of : where the measurements are from, and when
    """
    laid, rows = fit.design, {}
    for effect, levels, start in zip(laid.effects, laid.levels, laid.starts[:-1], strict=True):
        for index, level in enumerate(levels):
            for name, row in _rows(effect, level, float(fit.logs[start + index])):
                rows[f"{prefix}/{name}"] = row | {"status": "fitted", "source": source, "as_of": as_of}
    return rows


def _rows(effect: Effect, level: Level, log: float) -> Iterator[tuple[str, Row]]:
    where = {"engine": effect.engine, "kind": effect.kind} | dict(zip(effect.by, level, strict=True))
    where = {axis: value for axis, value in where.items() if value not in ("*", "")}
    for coefficient, power in effect.coefficients:
        factor = effect.center**power * float(np.exp(power * log))
        if abs(np.log(factor)) > UNCHANGED:
            name = "/".join([coefficient, *(f"{axis}:{value}" for axis, value in where.items())])
            yield name, {"coefficient": coefficient, **where, "factor": float(f"{factor:.4g}")}


def evidence_rows(predicted: pd.DataFrame, catalog: Catalog, prefix: str, source: str, as_of: str) -> dict[str, Row]:
    """Return what was measured and how far held-out predictions were off, per accelerator, engine and format, and over all.

    Parameters
    ----------
    predicted : `planner.calibrate.cross.cross_validate`
    catalog : formats
    prefix, source, as_of : as in `factor_rows`

    Returns
    -------
    Rows by name. Measured cells share the errors of all of them, each point predicted by a fit without its model: those of a
    cell alone would rest on one or two models. The errors of the row for everything else are of fits without the
    accelerator in question, which is how a device never measured is predicted.

    Raises
    ------
    MissingFact
        If times to first token, or times per token, were measured nowhere.
    """
    good = predicted[predicted["problem"] == ""]
    formats = good["precision"].map({name: row.compute for name, row in catalog.precisions.items()})
    known, far = ({name: _ratios(good, name, ending) for name in ("ttft", "tpot")} for ending in ("without_model", "without_gpu"))
    rows = {f"{prefix}/any": _evidence(good, ("*", "*", "*")) | far | {"source": source, "as_of": as_of}}
    for cell, part in good.groupby([good["accelerator"], good["engine"], formats], sort=True):
        names = tuple(str(name) for name in cell) if isinstance(cell, tuple) else (str(cell),)
        rows[f"{prefix}/{'/'.join(names)}"] = _evidence(part, names) | known | {"source": source, "as_of": as_of}
    return rows


def _evidence(part: pd.DataFrame, names: Sequence[str]) -> Row:
    """Return what was measured."""
    accelerator, engine, fmt = names
    return {
        "accelerator": accelerator,
        "engine": engine,
        "format": fmt,
        "points": len(part),
        "models": sorted(set(part["model"])),
        "gpus": [int(part["gpus"].min()), int(part["gpus"].max())],
        **{name: [float(part[name].min()), float(part[name].max())] for name in ("input_tokens", "output_tokens", "concurrency")},
    }


def _ratios(part: pd.DataFrame, metric: str, ending: str) -> dict[str, float]:
    ratio = (part[f"{metric}_ms"] / part[f"{metric}_ms_{ending}"]).to_numpy(float)
    ratio = ratio[np.isfinite(ratio)]
    if not ratio.size:
        raise MissingFact(f"no {metric}_ms was measured: how far predictions of it are off cannot be known; add such rows")
    found = np.exp(np.quantile(np.log(ratio), [int(name[1:]) / 100.0 for name in Ratios.model_fields]))
    return {name: float(f"{value:.3g}") for name, value in zip(Ratios.model_fields, found, strict=True)}


def as_yaml(sections: Mapping[str, Mapping[str, Row]], comment: str) -> str:
    """Return catalog sections as YAML text, one row a line group, with a comment above."""
    head = "".join(f"# {line}\n" if line else "#\n" for line in comment.splitlines())
    body = yaml.safe_dump(
        {name: dict(rows) for name, rows in sections.items()},
        sort_keys=False,
        default_flow_style=None,
        width=120,
        allow_unicode=True,
    )
    return f"{head}\n{body}"
