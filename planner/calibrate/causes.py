"""Why predictions are off, as far as the measurements tell: what one factor would mend, and points that no factor explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.calibrate import versions
from planner.calibrate.page_text import percent, rows_of, signed, table, whole, wrap
from planner.calibrate.scores import CROSS, KINDS, METRICS, statistics

Floats = NDArray[np.float64]

LEVELS = {
    "nothing": (),
    "the model": ("model",),
    "model and GPU": ("model", "accelerator"),
    "model, GPU, engine and format": ("model", "accelerator", "engine", "precision"),
    "these and the engine's version": ("model", "accelerator", "engine", "precision", "engine_version", "mode"),
}
"""What a factor is given to: what it is called → the columns that make one."""

STANDS_OUT = 0.25
"""Least median error of the fit for points to be called unexplained."""

_LEFT_OUT = {"without_model": ("model", "model"), "without_gpu": ("accelerator", "GPU")}


@dataclass(frozen=True)
class Remark:
    """What is known of points that the fit misses."""

    where: Mapping[str, str]
    """Column → value that they share."""
    metric: str
    """What is missed, `tpot` or `ttft`."""
    text: str
    """What the measurements show, or may mean."""
    least: Mapping[str, float] = field(default_factory=dict)
    """Column → smallest value."""
    over: float = 0.0
    """Least ratio of fitted to measured."""


REMARKS = (
    Remark(
        {"engine": "trtllm", "engine_version": "1.3.0rc1", "accelerator": "b200-sxm"}, "tpot",
        "nearly the same at every concurrency and layout, so something other than the GPUs sets the pace",
    ),
    Remark(
        {"engine": "sglang", "engine_version": "0.5.10.post1", "accelerator": "b300-sxm", "model": "deepseek-ai/DeepSeek-V3"},
        "tpot", "only with prompts of 8,192 tokens: a slow path of this version", {"input_tokens": 8192.0},
    ),
    Remark(
        {"engine": "vllm", "engine_version": "0.12.0", "model": "meta-llama/Llama-3.1-8B-Instruct", "precision": "fp8"}, "tpot",
        "at these rates prompts alone would take a larger share of the fp8 peak than anywhere else: a label is doubtful",
    ),
    Remark(
        {"engine": "vllm", "model": "openai/gpt-oss-120b"}, "tpot",
        "with a TTFT of tens of seconds to minutes: the server let in far fewer clients than asked, and the file does not say "
        "how many",
        {"concurrency": 512.0},
    ),
    Remark(
        {"engine": "sglang", "engine_version": "", "accelerator": "b200-sxm", "precision": "nvfp4"}, "ttft",
        "mostly 5 to 9 s whatever the load and the lengths, as of warming up",
    ),
    Remark(
        {"engine": "trtllm", "engine_version": "0.8.1.post2", "accelerator": "gb200", "mode": "disagg"}, "ttft",
        "seconds even for a handful of clients on workers of their own; the cause is not known",
    ),
    Remark(
        {"engine": "sglang", "engine_version": "0.5.8.post1", "model": "Qwen/Qwen3-32B", "precision": "bf16"}, "ttft",
        "memory is nearly full of weights, and clients wait for room longer than predicted",
    ),
    Remark(
        {"engine": "sglang", "model": "deepseek-ai/DeepSeek-V3", "precision": "fp8-block"}, "ttft",
        "by the memory budget not one call fits beside the weights, and yet these ran",
        over=10.0,
    ),
)  # fmt: skip
"""Points looked into by hand. A remark is printed only while such points are there and the fit misses them."""


def section(points: pd.DataFrame, compared: pd.DataFrame) -> Iterator[str]:
    """Write why predictions of what was left out are off.

    Parameters
    ----------
    points : measured points with every kind of prediction
    compared : the same as `planner.calibrate.scores.compare` lays them out

    Returns
    -------
    Lines of Markdown; none where nothing was left out of a fit.
    """
    kinds = [kind for kind in CROSS if kind in set(compared["kind"])]
    if not kinds:
        return
    yield from ("## Why", "")
    yield from _levels(points, kinds)
    yield from versions.section(points)
    for kind in kinds:
        yield from _by_left_out(compared, kind)
    yield from _unexplained(points)


def level_error(log_ratios: Floats, groups: Sequence[object] | NDArray[np.object_]) -> float:
    """Return the median error that would be left if each group's own factor were known.

    median |exp(ρ − median_g ρ) − 1|,  ρ = ln(predicted/measured)

    Parameters
    ----------
    log_ratios : ρ, finite [1]
    groups : g, the group of each point

    Returns
    -------
    Error [1].

    Notes
    -----
    A group's factor is found from the points it is then held against: a group of one point has no error.

    Examples
    --------
    >>> round(level_error(np.log([2.0, 2.0, 0.5, 0.5]), ["a", "a", "b", "b"]), 3)
    0.0
    """
    series = pd.Series(log_ratios)
    rest = series - series.groupby(np.asarray(groups, dtype=object)).transform("median")
    return float(np.median(np.abs(np.expm1(rest.to_numpy(np.float64)))))


def _levels(points: pd.DataFrame, kinds: Sequence[str]) -> Iterator[str]:
    """Say how much of the error is a factor common to many points."""
    yield from wrap(
        "Median error of TPOT that would be left if a factor were measured for each of what stands at the left, for instance by "
        "running `planner calibrate` on a few points of one's own. A large drop says that the shape of predictions over load, "
        "lengths and layouts is right, and the level of a model, GPU, engine or version that was never seen is not. Each factor "
        "is held against the very points it is found from, so groups of few points flatter the lower rows."
    )
    yield ""
    rows = []
    known = points[(points["problem"].fillna("") == "") & (points["tpot_ms"] > 0.0)]
    for name, columns in LEVELS.items():
        cells = []
        for kind in kinds:
            ratio = np.log(known[f"tpot_ms_{kind}"].to_numpy(float) / known["tpot_ms"].to_numpy(float))
            usable = np.isfinite(ratio)
            keys = known.groupby(list(columns), dropna=False).ngroup().to_numpy() if columns else np.zeros(len(known))
            error = level_error(ratio[usable], keys[usable]) if columns else float(np.median(np.abs(np.expm1(ratio[usable]))))
            cells.append(percent(error))
        rows.append([name, *cells])
    yield from table(["factor known for", *(f">{KINDS[kind]}" for kind in kinds)], rows)
    yield ""


def _by_left_out(compared: pd.DataFrame, kind: str) -> Iterator[str]:
    """Tabulate the errors of each model, or GPU, that was left out."""
    column, title = _LEFT_OUT[kind]
    rows = []
    for name, group in compared[compared["kind"] == kind].groupby(column, sort=True):
        cells = [str(name).rpartition("/")[2]]
        for metric in ("tpot", "ttft"):
            found = group[group["metric"] == metric]
            figures = statistics(found["error"].to_numpy(float), found["log_ratio"].to_numpy(float))
            cells += [f"{len(found):,}", f"{whole(figures['median'])} %", f"{signed(figures['bias'])} %"]
        rows.append(cells)
    headings = [f">{METRICS[metric]} {name}" for metric in ("tpot", "ttft") for name in ("n", "median", "bias")]
    yield from table([f"{title} left out", *headings], rows)
    yield ""


def _unexplained(points: pd.DataFrame) -> Iterator[str]:
    """List points that even the fit to all of them misses, with what is known of them."""
    if "tpot_ms_fitted" not in points:
        return
    said = [text for remark in REMARKS if (text := remark_text(points, remark))]
    if not said:
        return
    yield from wrap("Points that even coefficients fitted to them miss; figures are medians:")
    yield ""
    for text in said:
        yield from wrap(text, "- ")
    yield ""


def remark_text(points: pd.DataFrame, remark: Remark) -> str:
    """Write a remark with the figures of the points it is about; empty where there are none or the fit is near them.

    Parameters
    ----------
    points : with `fitted` predictions
    remark : what was found

    Returns
    -------
    One sentence.
    """
    rows = points["problem"].fillna("") == ""
    for column, value in remark.where.items():
        rows &= points[column] == value
    for column, least in remark.least.items():
        rows &= points[column] >= least
    measured, fitted = points[f"{remark.metric}_ms"], points[f"{remark.metric}_ms_fitted"]
    rows &= (measured > 0.0) & (fitted >= remark.over * measured)
    error = (fitted[rows] / measured[rows] - 1.0).abs().median() if rows.any() else 0.0
    if not error > STANDS_OUT:
        return ""
    who = " · ".join(value.rpartition("/")[2] or "version not given" for value in remark.where.values())
    figures = f"measured {measured[rows].median():,.0f} ms, fitted {fitted[rows].median():,.0f} ms"
    return f"{who}, {rows_of(int(rows.sum()), 'point')}: {METRICS[remark.metric]} {figures}; {remark.text}."
