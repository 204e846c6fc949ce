"""What clients see at every point of a table, and what the deployment needs for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.catalog.evidence import band, beyond
from planner.domain.catalog import Catalog
from planner.points.calls import Calls
from planner.points.columns import PROBLEM
from planner.points.deploy import Deployed, refusals
from planner.points.loops import Group, Seen, as_shipped, groups

Floats = NDArray[np.float64]

BAND = ("ttft_low_ms", "ttft_high_ms", "tpot_low_ms", "tpot_high_ms")
"""Between these lie four of five comparable measurements."""

SEEN = ("ttft_ms", "tpot_ms", "e2e_ms", *BAND, "output_tok_s_per_gpu")
"""Those that say what clients see: none where a row has a problem, while memory is told of rows that do not fit too."""

NUMBERS = (*SEEN, "memory_gb_per_gpu", "kv_capacity_tokens")
"""Predicted columns that hold numbers."""

OPEN_SPLIT = "random arrivals at disaggregated workers are not modelled; give concurrency instead of request_rate"
"""Why a disaggregated row with a rate has no prediction."""


def predict_table(table: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Predict every row of a table of points.

    Parameters
    ----------
    table : DataFrame
        As `planner.points.table.normalize` and `planner.points.names.resolve` make it; rows with a `problem` are passed over.
    catalog : Catalog
        Facts, coefficients and factors.

    Returns
    -------
    DataFrame
        With the table's index: `ttft_ms`, `tpot_ms`, `e2e_ms` = TTFT + (O − 1)·TPOT, the ends of the band in which
        four of five comparable measurements lay (`ttft_low_ms` …), `output_tok_s_per_gpu`,
        `memory_gb_per_gpu` of the fullest device with the calls it then holds, `kv_capacity_tokens` of all replicas that
        decode, `fits` (the weights and one call), `extrapolated` (no measurement is near, see `planner.catalog.evidence`),
        and `problem`. Where a row cannot be predicted its numbers are NaN.

    Notes
    -----
    Every distinct combination is looked up once and all rows are computed together.
    """
    problems = table[PROBLEM].to_numpy(dtype=object).copy()
    _refuse(table, catalog, problems)
    out = {name: np.full(len(table), np.nan) for name in NUMBERS}
    fits, extrapolated = np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=bool)
    good = np.flatnonzero(problems == "")
    if good.size:
        part = table.iloc[good]
        for inner, group in groups(part, catalog):
            rows = good[inner]
            seen = group.seen(as_shipped(group))
            fits[rows] = np.logical_and.reduce([_fits(one) for one in group.role_calls])
            extrapolated[rows] = beyond(catalog, part.iloc[inner])
            for name, values in (_numbers(group, seen) | _bands(seen, band(catalog, part.iloc[inner]))).items():
                out[name][rows] = values
            for row, reason in _failures(group, seen, fits[rows], part.iloc[inner]):
                problems[rows[row]] = reason
    lost = problems != ""
    for name in SEEN:
        out[name][lost] = np.nan
    made = pd.DataFrame(out, index=table.index)
    return made.assign(fits=fits, extrapolated=extrapolated, problem=problems)


def _refuse(table: pd.DataFrame, catalog: Catalog, problems: NDArray[np.object_]) -> None:
    """Write why rows cannot be deployed into `problems`."""
    split = (table["mode"] == "disagg").to_numpy(bool)
    random = table["concurrency"].isna().to_numpy(bool)
    problems[(problems == "") & split & random] = OPEN_SPLIT
    for roles, of_mode in ((("",), ~split), (("prefill", "decode"), split)):
        for role in roles:
            rows = np.flatnonzero((problems == "") & of_mode)
            if rows.size:
                who = f"{role} worker: " if role else ""
                found = refusals(table.iloc[rows], catalog, role)
                problems[rows] = [f"{who}{reason}" if reason else "" for reason in found]


def _fits(calls: Calls) -> NDArray[np.bool_]:
    """Say where the weights and the cache of one call fit."""
    return np.asarray((calls.budget.free > 0) & (calls.room >= 1.0))


def _numbers(group: Group, seen: Seen) -> dict[str, Floats]:
    calls, decode = group.calls, group.roles[-1]
    gpus = np.sum([role.gpus for role in group.roles], axis=0)
    return {
        "ttft_ms": seen.ttft * 1e3,
        "tpot_ms": seen.tpot * 1e3,
        "e2e_ms": (seen.ttft + (calls.output - 1.0) * seen.tpot) * 1e3,
        "output_tok_s_per_gpu": seen.rate * calls.output / gpus,
        "memory_gb_per_gpu": _memory(calls, seen) / 1e9,
        "kv_capacity_tokens": _capacity(calls, decode),
    }


def _bands(seen: Seen, ratios: dict[str, Floats]) -> dict[str, Floats]:
    """Return the ends of the bands around what clients see [ms]."""
    means = {"ttft": seen.ttft, "tpot": seen.tpot}
    ends = {"low": 0, "high": 1}
    return {f"{name}_{end}_ms": means[name] * ratios[name][:, side] * 1e3 for name in means for end, side in ends.items()}


def _memory(calls: Calls, seen: Seen) -> Floats:
    """Return what the fullest device holds: all but cache, and its share of the cache of the calls that decode [B]."""
    budget = calls.budget
    fixed = budget.weights + budget.activations + budget.communication + budget.runtime
    used = np.divide(seen.sequences * calls.held, budget.replica_kv, out=np.ones_like(fixed), where=budget.replica_kv > 0)
    return np.asarray(fixed + np.minimum(used, 1.0) * budget.kv)


def _capacity(calls: Calls, decode: Deployed) -> Floats:
    """Return the tokens of calls like these that all replicas hold."""
    return np.floor(calls.budget.replica_kv / calls.whole) * decode.copies


def _failures(group: Group, seen: Seen, fits: NDArray[np.bool_], part: pd.DataFrame) -> list[tuple[int, str]]:
    """Return why rows that could be deployed have no latencies."""
    found = []
    for row in np.flatnonzero(~fits):
        short = max(-float(np.min([calls.budget.free[row] for calls in group.role_calls])), 0.0)
        what = (
            f"the weights leave no memory: {short / 1e9:.1f} GB per GPU short" if short else "no memory for the cache of one call"
        )
        found.append((int(row), f"does not fit: {what}; spread it over more GPUs or use fewer bits"))
    for row in np.flatnonzero(fits & ~np.isfinite(seen.ttft)):
        asked = float(part["request_rate"].iloc[row])
        found.append(
            (int(row), f"overloaded: {asked:g} requests/s arrive and {seen.rate[row]:.3g} can be served; lower request_rate")
        )
    return found
