"""Predictions of points that a fit has not seen: whole models left out, whole accelerators left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.calibrate.effects import SHARED, Effect
from planner.calibrate.fit import Fit, Points, fit_shared, points_of, seen_with
from planner.domain.catalog import Catalog
from planner.points.columns import PROBLEM
from planner.points.deploy import refusals
from planner.points.loops import Seen

Progress = Callable[[str], None]
Bools = NDArray[np.bool_]

LEFT_OUT = {"model": "without_model", "accelerator": "without_gpu"}
"""Column whose values are left out, one at a time → ending of the predictions' columns."""


def without_factors(catalog: Catalog) -> Catalog:
    """Return the catalog before calibration: kernels and hosts as measured or assumed, no factor."""
    return catalog.model_copy(update={"factors": {}})


def usable(table: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Return the table with a `problem` for every row that calibration cannot use, decided before any prediction.

    Parameters
    ----------
    table : names resolved
    catalog : facts
    """
    problems = table[PROBLEM].to_numpy(dtype=object).copy()
    split = (table["mode"] == "disagg").to_numpy(bool)
    for role in ("", "prefill", "decode"):
        rows = np.flatnonzero((problems == "") & (split if role else ~split))
        if rows.size:
            problems[rows] = refusals(table.iloc[rows], catalog, role)
    unmeasured = (table["ttft_ms"].isna() & table["tpot_ms"].isna()).to_numpy(bool)
    problems[(problems == "") & unmeasured] = "nothing was measured: neither ttft_ms nor tpot_ms"
    random = table["concurrency"].isna().to_numpy(bool)
    problems[(problems == "") & random] = "random arrivals: only closed loops (concurrency) are calibrated with"
    return table.assign(**{PROBLEM: problems})


def cross_validate(
    table: pd.DataFrame,
    catalog: Catalog,
    *,
    progress: Progress,
    effects: Sequence[Effect] = SHARED,
    found: Fit | None = None,
) -> pd.DataFrame:
    """Predict measured points with the shipped coefficients, with a fit to all of them, and with fits to others.

    Parameters
    ----------
    table : measured points, names resolved
    catalog : facts; its factors count only for the shipped predictions
    progress : told what is being fitted
    effects : what fits may find
    found : the fit to all usable points, where it is known already

    Returns
    -------
    DataFrame
        The table with `problem`, `gpus` and `ttft_ms_X`, `tpot_ms_X` for X in `shipped`, `fitted`, `without_model`,
        `without_gpu`; NaN where there is a problem.

    Notes
    -----
    No fit sees anything of what it predicts in the last two: all points of that model, or of that accelerator, are left
    out, whatever engine or layout. Fits run in parallel; the result does not depend on how many.
    """
    judged = usable(table, catalog)
    good = np.flatnonzero((judged[PROBLEM] == "").to_numpy(bool))
    out = judged.assign(gpus=np.nan, **dict.fromkeys(_columns(), np.nan))
    if not good.size:
        return out
    part = judged.iloc[good].reset_index(drop=True)
    bare = without_factors(catalog)
    points, shipped = points_of(part, bare), points_of(part, catalog)
    gpus = np.full(len(out), np.nan)
    for rows, group in points.parts:
        gpus[good[rows]] = np.sum([role.gpus for role in group.roles], axis=0)
    out["gpus"] = gpus
    _write(out, good, seen_with(shipped), "shipped")
    if found is None:
        progress(f"fitting {len(part):,} points")
        found = fit_shared(points, bare, effects)
    _write(out, good, found.seen(points), "fitted")
    jobs = [(column, str(value)) for column in LEFT_OUT for value in sorted(set(part[column]))]
    held: dict[str, Seen] = {ending: Seen.nothing(len(part)) for ending in LEFT_OUT.values()}
    workers = min(os.cpu_count() or 1, len(jobs))
    with ProcessPoolExecutor(workers, initializer=_start, initargs=(part, bare, tuple(effects))) as pool:
        for (column, value), seen in zip(jobs, pool.map(_without, jobs), strict=True):
            progress(f"left out {value}")
            rows = np.flatnonzero(part[column] == value)
            held[LEFT_OUT[column]].put(rows, seen.take(rows))
    for ending, seen in held.items():
        _write(out, good, seen, ending)
    return out


_JOB: tuple[Points, tuple[Effect, ...], Catalog] | None = None
"""What the fits of one worker process share."""


def _start(part: pd.DataFrame, bare: Catalog, effects: tuple[Effect, ...]) -> None:
    global _JOB  # noqa: PLW0603 - set once per worker process, so that points are not sent with every job
    _JOB = points_of(part, bare), effects, bare


def _without(job: tuple[str, str]) -> Seen:
    """Return what a fit without the points of one value predicts for all points."""
    if _JOB is None:
        raise RuntimeError("a worker was not started")
    points, effects, bare = _JOB
    column, value = job
    rest = (points.table[column] != value).to_numpy(bool)
    return fit_shared(points, bare, effects, use=rest).seen(points)


def _columns() -> list[str]:
    """Return the columns that predictions are written to."""
    return [f"{name}_ms_{ending}" for ending in ("shipped", "fitted", *LEFT_OUT.values()) for name in ("ttft", "tpot")]


def _write(out: pd.DataFrame, rows: NDArray[np.intp], seen: Seen, ending: str) -> None:
    for name in ("ttft", "tpot"):
        column = np.full(len(out), np.nan)
        column[rows] = getattr(seen, name) * 1e3
        out[f"{name}_ms_{ending}"] = column
