"""How the best latency grows with model size and falls with bandwidth: the model's exponents beside a published law's.

References
----------
E. Erdil, Inference economics of language models, Epoch AI, arXiv 2506.04645 (2025), section 2.2.3: minimum token latency
≈ 3 (n_layers·n_reduce·t_hop)^(2/3) · (p·N/B)^(1/3) (eq. 18), and ∝ √N where depth grows as N^(1/4) (eq. 19).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from planner.calibrate.figure import COLOURS, REST, file_bytes, sheet, style
from planner.domain.catalog import Catalog
from planner.points.names import resolve
from planner.points.table import normalize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Predict = Callable[[pd.DataFrame], pd.DataFrame]
"""Returns `tpot_ms`, `fits` and `problem` of every row of a table of points."""

SIZE_EXPONENT = 1 / 2
"""Published exponent of model size (eq. 19)."""
BANDWIDTH_EXPONENT = -1 / 3
"""Published exponent of memory bandwidth (eq. 18)."""

ACCELERATOR = "h100-sxm"
"""Where models are compared."""
MODEL = "meta-llama/Llama-3.1-70B-Instruct"
"""What accelerators are compared with."""
ENGINE = "vllm"
PRECISION = "bf16"
"""The one format in which every model and nearly every accelerator can run."""
DEGREES = (1, 2, 4, 8)
"""Tensor-parallel degrees tried; the published law may use any number of accelerators."""
BOARD = 8
"""Accelerators that one fast link must join for a device to count in the fit over bandwidth: the law holds links fixed."""
TOKENS = 128.0
"""Short prompts and answers, so that attention costs next to nothing, as the law assumes [token]."""


@dataclass(frozen=True)
class Law:
    """Best latencies over one quantity, and the power law through them."""

    name: str
    """What varies, with its unit."""
    points: pd.DataFrame
    """`label`, `x`, `tpot_ms`, `gpus`, and `fitted`: whether the point took part in the fit."""
    published: float
    """Exponent of the published law."""
    exponent: float
    """NaN where fewer than three points could be fitted."""
    low: float
    """Lower end of its 95 % confidence interval."""
    high: float
    """Upper end."""
    scale: float
    """Latency at x = 1 [ms]."""
    left_out: pd.DataFrame
    """`label` and `problem` of what has no prediction."""

    @property
    def count(self) -> int:
        """Points fitted."""
        return int(self.points["fitted"].sum())


def power_law(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """Fit a power law.

    ln y = ln a + k·ln x, by least squares

    Parameters
    ----------
    x, y : positive

    Returns
    -------
    a, k, and the ends of the 95 % confidence interval of k; NaN for fewer than three points or one x.

    Notes
    -----
    The interval takes deviations as independent and lognormal; models of one family are not.

    Examples
    --------
    >>> [round(value, 3) for value in power_law(np.array([1.0, 4.0, 16.0]), np.array([3.0, 6.0, 12.0]))]
    [3.0, 0.5, 0.5, 0.5]
    """
    if x.size < 3 or np.ptp(x) == 0.0:
        return (np.nan,) * 4
    found = stats.linregress(np.log(x), np.log(y))
    half = float(stats.t.ppf(0.975, x.size - 2) * found.stderr)
    slope = float(found.slope)
    return float(np.exp(found.intercept)), slope, slope - half, slope + half


def exponent(value: float) -> str:
    """Write an exponent.

    Examples
    --------
    >>> exponent(-1 / 3), exponent(0.5)
    ('−0.33', '0.50')
    """
    return f"{value:.2f}".replace("-", "−")


def over_size(catalog: Catalog, predict: Predict) -> Law:
    """Return the best latency of every dense model on one accelerator, over the parameters a token is multiplied with."""
    dense = {
        name: model.parameters.active / 1e9
        for name, model in catalog.models.items()
        if model.role == "generate" and model.experts is None
    }
    best, left_out = _best(_points(((name, ACCELERATOR) for name in dense), catalog), predict, "model")
    x = best["model"].map(dense)
    return _law("active parameters [10⁹]", best.assign(label=best["model"], x=x, fitted=True), SIZE_EXPONENT, left_out)


def over_bandwidth(catalog: Catalog, predict: Predict) -> Law:
    """Return the best latency of one 70B model on every accelerator, over the accelerator's memory bandwidth.

    Notes
    -----
    The law varies bandwidth alone. Only accelerators with a fast link among eight are fitted; those on PCIe or bridges are kept
    among the points.
    """
    bandwidth = {name: device.bandwidth / 1e12 for name, device in catalog.accelerators.items()}
    linked = {name for name, device in catalog.accelerators.items() if device.scale_up_domain >= BOARD}
    best, left_out = _best(_points(((MODEL, name) for name in bandwidth), catalog), predict, "accelerator")
    x, fitted = best["accelerator"].map(bandwidth), best["accelerator"].isin(linked)
    named = best.assign(label=best["accelerator"], x=x, fitted=fitted)
    return _law("memory bandwidth [TB/s]", named, BANDWIDTH_EXPONENT, left_out)


def depth_exponent(catalog: Catalog, law: Law) -> float:
    """Return how the layers of the models of a law over size grow with their size; the published law takes 1/4."""
    layers = law.points["label"].map({name: float(model.layers) for name, model in catalog.models.items()})
    return power_law(law.points["x"].to_numpy(dtype=np.float64), layers.to_numpy(dtype=np.float64))[1]


def _points(pairs: Iterable[tuple[str, str]], catalog: Catalog) -> pd.DataFrame:
    """Return one request at a time on every layout of each model and accelerator."""
    made = pd.DataFrame(pairs, columns=["model", "accelerator"]).merge(pd.DataFrame({"tp": DEGREES}), how="cross")
    made = made.assign(engine=ENGINE, precision=PRECISION, mode="agg", pp=1, dp=1, ep=1)
    return resolve(normalize(made.assign(input_tokens=TOKENS, output_tokens=TOKENS, concurrency=1.0)), catalog)


def _best(points: pd.DataFrame, predict: Predict, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the fastest layout of each, and what has none, with the reason on most devices."""
    found = predict(points)
    predicted = points.assign(tpot_ms=found["tpot_ms"], problem=found["problem"].fillna(""))
    usable = predicted[found["fits"].eq(True) & (predicted["problem"] == "") & np.isfinite(predicted["tpot_ms"])]
    best = usable.loc[usable.groupby(name)["tpot_ms"].idxmin()]
    rest = predicted[~predicted[name].isin(best[name])].drop_duplicates(name, keep="last")
    reason = rest["problem"].replace("", f"does not fit on {max(DEGREES)}")
    return best.assign(gpus=best["tp"]), pd.DataFrame({"label": rest[name], "problem": reason}).reset_index(drop=True)


def _law(name: str, best: pd.DataFrame, published: float, left_out: pd.DataFrame) -> Law:
    """Fit what is marked to be fitted."""
    points = best[["label", "x", "tpot_ms", "gpus", "fitted"]].sort_values(["x", "label"], ignore_index=True)
    chosen = points[points["fitted"]]
    scale, slope, low, high = power_law(chosen["x"].to_numpy(dtype=float), chosen["tpot_ms"].to_numpy(dtype=float))
    return Law(name, points, published, slope, low, high, scale, left_out)


def figure(laws: Iterable[Law], suffix: str) -> bytes:
    """Draw best latencies with our power law and the published slope through the same middle.

    Parameters
    ----------
    laws : one panel each
    suffix : `.svg` or `.png`

    Returns
    -------
    The file.
    """
    drawn = list(laws)
    with style():
        sheet_ = sheet(4.2 * len(drawn), 3.6)
        for law, axes in zip(drawn, sheet_.subplots(1, len(drawn), squeeze=False)[0], strict=True):
            _panel(axes, law)
        return file_bytes(sheet_, suffix)


def _panel(axes: Axes, law: Law) -> None:
    """Draw one law."""
    for kept, colour, text in ((True, COLOURS[0], "best layout"), (False, REST, "best layout, no fast link among 8")):
        found = law.points[law.points["fitted"] == kept]
        if len(found):
            axes.scatter(found["x"], found["tpot_ms"], s=16, color=colour, linewidths=0, label=text, zorder=3)
    if np.isfinite(law.exponent):
        _lines(axes, law)
    _ticks(axes, law.points)
    axes.set(xlabel=law.name, ylabel="least TPOT of one request [ms]")
    axes.legend(loc="best", fontsize=7)


def _lines(axes: Axes, law: Law) -> None:
    """Draw our law, and the published slope through the mean of the logs."""
    x = law.points.loc[law.points["fitted"], "x"].to_numpy(dtype=float)
    ends = np.array([x.min(), x.max()])
    middle = float(np.exp(np.log(x).mean()))
    ours = law.scale * ends**law.exponent
    published = law.scale * middle**law.exponent * (ends / middle) ** law.published
    axes.plot(ends, ours, color=COLOURS[0], linewidth=1.2, label=f"ours: exponent {exponent(law.exponent)}")
    axes.plot(ends, published, color=COLOURS[1], linewidth=1.2, linestyle="--", label=f"published: {exponent(law.published)}")


def _ticks(axes: Axes, points: pd.DataFrame) -> None:
    """Write plain numbers on logarithmic axes that span little more than a decade."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.set(xscale="log", yscale="log")
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "tpot_ms")):
        values = points[name].to_numpy(dtype=float)
        wide = values.size > 0 and values.max() > 100 * values.min()
        axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(NullLocator())
