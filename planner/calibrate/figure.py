"""Figures of accuracy: predicted against measured, and errors by group."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from planner import atomic
from planner.calibrate.scores import BY, KINDS, METRICS, compare, kinds_in, quantile, table
from planner.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHAPES = (".svg", ".png")
"""Endings of the files that can be drawn."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A4B1E", "#5B4DA0")
"""Okabe and Ito's palette without black and yellow, and two dark tones: told apart with any colour vision, and on paper."""
REST = "#8C8C8C"
"""What is beyond the palette."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
INK = "#222222"
FAINT = "#E8E8E8"
BAND = 0.25
"""Half width of the band drawn around a perfect prediction."""
CUT = 2.0
"""Largest error drawn; a longer line ends here."""
_LAYERS = 8

_DRAWN = {"ttft": "TTFT [ms]", "tpot": "TPOT [ms]", "tokens": "output tokens/s per GPU"}
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "planner",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "legend.frameon": False,
    "figure.dpi": 100.0,
}
_QUIET = {".svg": {"Date": None, "Creator": "planner"}, ".png": {"Software": None}}


@contextmanager
def style() -> Iterator[None]:
    """Draw within the project's style, whatever the user's own settings."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def sheet(width: float, height: float) -> Figure:
    """Return an empty figure; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def file_bytes(figure: Figure, suffix: str) -> bytes:
    """Return a figure as a file, the same bytes for the same figure: no date, fixed names within."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], dpi=130, metadata=_QUIET[suffix])
    return buffer.getvalue()


def check_suffix(path: Path) -> str:
    """Return a figure's kind by its file name.

    Raises
    ------
    InvalidInput
        If it is none that can be drawn.
    """
    suffix = path.suffix.lower()
    if suffix not in SHAPES:
        raise InvalidInput.at(
            str(path), f"no figure can be written as {path.suffix or 'a file without an ending'}", "use .svg or .png"
        )
    return suffix


def write(path: Path, data: bytes) -> None:
    """Write a figure, whole or not at all."""
    atomic.write(path, data)


def accuracy(points: pd.DataFrame, suffix: str, kinds: Sequence[str] = ()) -> bytes:
    """Draw predicted against measured TTFT, TPOT and output rate; one column for each kind of coefficients.

    Parameters
    ----------
    points : with the predictions of `cross_validate`
    suffix : `.svg` or `.png`
    kinds : which coefficients to draw; none = all that were fitted, as shipped only where there is nothing else

    Returns
    -------
    The file. Colour tells accelerators, marker engines; the band holds errors to 25 %.
    """
    compared = compare(points)
    kinds = kinds or _drawn(points)
    with style():
        figure = sheet(0.6 + 2.6 * len(kinds), 9.0)
        grid = figure.subplots(len(_DRAWN), len(kinds), squeeze=False)
        looks = _looks(compared)
        for metric, row in zip(_DRAWN, grid, strict=True):
            rows = compared[compared["metric"] == metric]
            limits = _limits(rows)
            for kind, axes in zip(kinds, row, strict=True):
                _scatter(axes, rows[rows["kind"] == kind], looks, limits)
                axes.set_title(KINDS[kind] if metric == next(iter(_DRAWN)) else "", fontweight="bold")
                axes.set_xlabel(f"measured {_DRAWN[metric]}")
            row[0].set_ylabel(f"predicted {_DRAWN[metric]}")
        _legend(figure, looks)
        return file_bytes(figure, suffix)


def _drawn(points: pd.DataFrame) -> list[str]:
    """Return the kinds of coefficients to draw: as shipped only where there is nothing else."""
    found = kinds_in(points)
    return [kind for kind in found if kind != "shipped"] or found


def _looks(compared: pd.DataFrame) -> tuple[dict[str, str], dict[str, str]]:
    """Return colours of accelerators and markers of engines, by name, so that they do not depend on the order of rows."""
    accelerators, engines = (sorted(compared[name].unique()) for name in ("accelerator", "engine"))
    colours = {name: COLOURS[index] if index < len(COLOURS) else REST for index, name in enumerate(accelerators)}
    return colours, {name: MARKERS[index % len(MARKERS)] for index, name in enumerate(engines)}


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return one range for both axes that holds every finite value."""
    values = rows[["measured", "predicted"]].to_numpy(dtype=float).ravel()
    values = values[np.isfinite(values) & (values > 0.0)]
    return (float(values.min()) / 1.3, float(values.max()) * 1.3) if values.size else (1.0, 10.0)


def _scatter(axes: Axes, rows: pd.DataFrame, looks: tuple[dict[str, str], dict[str, str]], limits: tuple[float, float]) -> None:
    """Draw one panel: band, line of no error, points, figures."""
    ends = np.array(limits)
    axes.fill_between(ends, (1 - BAND) * ends, (1 + BAND) * ends, color=FAINT, linewidth=0, zorder=1)
    axes.plot(ends, ends, color=INK, linewidth=0.8, zorder=2)
    _marks(axes, rows, looks)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal")
    if np.floor(np.log10(limits[1])) > np.ceil(np.log10(limits[0])):
        axes.minorticks_off()  # between two powers of ten or more they bear no label, and take half of the time
    if len(rows):
        errors = rows["error"].to_numpy(dtype=float)
        median, within = 100.0 * quantile(errors, 0.5), 100.0 * np.mean(errors <= BAND)
        text = f"n = {len(rows):,}\nmedian error {median:.0f} %\nwithin 25 %: {within:.0f} %"
        axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", color=INK, fontsize=7)


def _marks(axes: Axes, rows: pd.DataFrame, looks: tuple[dict[str, str], dict[str, str]]) -> None:
    """Draw the points of a panel, in turns so that no group hides another; one collection for each marker of a turn."""
    from matplotlib.collections import PathCollection
    from matplotlib.markers import MarkerStyle
    from matplotlib.transforms import IdentityTransform

    colours, markers = looks
    for layer in range(_LAYERS):
        for engine, group in rows.iloc[layer::_LAYERS].groupby("engine", sort=True):
            marker = MarkerStyle(markers[str(engine)])
            drawn = PathCollection(
                [marker.get_path().transformed(marker.get_transform())],
                sizes=(9,),
                offsets=group[["measured", "predicted"]].to_numpy(dtype=float),
                offset_transform=axes.transData,
                facecolors=group["accelerator"].map(colours).tolist(),
                alpha=0.65,
                linewidths=0,
                zorder=3,
            )
            drawn.set_transform(IdentityTransform())  # sizes are in points, not data
            axes.add_collection(drawn, autolim=False)


def _legend(figure: Figure, looks: tuple[dict[str, str], dict[str, str]]) -> None:
    """Say below the panels what colours and markers mean."""
    from matplotlib.lines import Line2D

    colours, markers = looks
    plain: dict[str, Any] = {"linestyle": "none", "markersize": 5}
    rest = {name: colour for name, colour in colours.items() if colour == REST}
    shown = [
        Line2D([], [], marker="o", color=colour, label=name, **plain) for name, colour in colours.items() if name not in rest
    ]
    if rest:
        shown.append(Line2D([], [], marker="o", color=REST, label=f"{len(rest)} more", **plain))
    shown += [Line2D([], [], marker=marker, color=INK, label=name, **plain) for name, marker in markers.items()]
    figure.legend(handles=shown, loc="outside lower center", ncols=min(len(shown), 7), columnspacing=1.2, handletextpad=0.3)


def by_group(points: pd.DataFrame, suffix: str, by: Sequence[str] = BY) -> bytes:
    """Draw the error of every group: median as a dot, a line to the 90th percentile; one panel a metric.

    Parameters
    ----------
    points : with the predictions of `cross_validate`
    suffix : `.svg` or `.png`
    by : columns that make a group

    Returns
    -------
    The file; groups with the largest error of TPOT come first.
    """
    kinds = _drawn(points)
    scored = table(compare(points), by)
    sizes = scored.groupby(list(by), dropna=False)["n"].transform("max") if by else scored["n"].max()
    names = scored[list(by)].astype(str).agg(" · ".join, axis=1) if by else "all points"
    scored = scored.assign(group=names + pd.Series(sizes, index=scored.index).map("  ({:,})".format))
    order = _ranked(scored, kinds)
    with style():
        figure = sheet(9.0, 1.0 + 0.17 * max(len(order), 4))
        panels = figure.subplots(1, len(METRICS), sharey=True)
        for metric, axes in zip(METRICS, panels, strict=True):
            _dots(axes, scored[scored["metric"] == metric], order, kinds)
            axes.set_title(METRICS[metric], fontweight="bold")
        panels[0].set_yticks(range(len(order)), order, fontsize=6)
        panels[0].set_ylim(-0.6, len(order) - 0.4)
        figure.supxlabel("relative error: the mark is the median, its line ends at the 90th percentile", fontsize=8)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(kinds))
        return file_bytes(figure, suffix)


def _ranked(scored: pd.DataFrame, kinds: Sequence[str]) -> list[str]:
    """Return the names of groups from the bottom up: by median error of TPOT, those where it was not measured lowest."""
    kind = "without_model" if "without_model" in kinds else kinds[-1]
    rows = scored[scored["kind"] == kind]
    rows = rows.assign(other=rows["metric"] != "tpot").sort_values(["other", "median", "group"], ascending=[True, False, False])
    return list(dict.fromkeys(rows["group"]))[::-1]


def _dots(axes: Axes, rows: pd.DataFrame, order: Sequence[str], kinds: Sequence[str]) -> None:
    """Draw one metric's panel."""
    place = {name: index for index, name in enumerate(order)}
    for row in range(0, len(order), 2):
        axes.axhspan(row - 0.5, row + 0.5, color=FAINT, alpha=0.5, linewidth=0)
    for number, kind in enumerate(kinds):
        found = rows[rows["kind"] == kind]
        level = found["group"].map(place).to_numpy(dtype=float) + 0.22 * ((len(kinds) - 1) / 2 - number)
        median, p90 = (100.0 * np.minimum(found[name].to_numpy(dtype=float), CUT) for name in ("median", "p90"))
        axes.hlines(level, median, p90, color=COLOURS[number], linewidth=0.8)
        axes.scatter(median, level, s=9, marker=MARKERS[number], color=COLOURS[number], linewidths=0, label=KINDS[kind], zorder=3)
    axes.axvline(100.0 * BAND, color=INK, linewidth=0.6, linestyle=":")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.0, 105.0 * max(float(np.minimum(rows["p90"], CUT).max()) if len(rows) else 0.0, 2 * BAND))
    axes.xaxis.set_major_formatter("{x:.0f} %")
