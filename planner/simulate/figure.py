"""A simulation drawn: how slow the slowest calls are, what was promised and predicted, and the load over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.calibrate.figure import COLOURS, INK, MARKERS, REST, file_bytes, sheet, style
from planner.domain.plan_promises import SimulatedPromise
from planner.simulate.requests import Floats
from planner.simulate.seen import Seen
from planner.simulate.session import Session

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = {"ttft": "TTFT", "tpot": "TPOT"}
"""Latencies that are drawn."""
POINTS = 1500
"""Points of a curve at most; the tail is drawn point by point."""
TAIL = 200
"""Slowest calls, each of which is a point."""
BUSY = COLOURS[0]
WAITING = COLOURS[1]
HEADROOM = 1.25
"""Height of the panel of calls over the most calls, so that its legend hides none."""
PADDED = 1.4
"""Right end of a panel over the latest target."""


def draw(session: Session, suffix: str) -> bytes:
    """Draw every pool in the period in which its promises are hardest to keep.

    Parameters
    ----------
    session : simulated with looks at its pools over time
    suffix : `.svg` or `.png`

    Returns
    -------
    The file. A row a pool: the share of calls slower than a time, for TTFT and TPOT, and calls and replicas over time. Colour
    tells streams; a promise is a corner that the curve should pass below, its prediction a mark on the same height.
    """
    chosen = hardest(session.seen)
    streams = list(dict.fromkeys(stream.name for one in chosen for stream in one.job.run.streams))
    colours = {name: COLOURS[index] if index < len(COLOURS) else REST for index, name in enumerate(streams)}
    with style():
        figure = sheet(10.0, 0.7 + 2.9 * len(chosen))
        grid = figure.add_gridspec(2 * len(chosen), 3, height_ratios=[3, 1] * len(chosen))
        for row, one in enumerate(chosen):
            for column, metric in enumerate(DRAWN):
                _distributions(figure.add_subplot(grid[2 * row : 2 * row + 2, column]), one, metric, colours)
            calls = figure.add_subplot(grid[2 * row, 2])
            _calls(calls, one)
            _replicas(figure.add_subplot(grid[2 * row + 1, 2], sharex=calls), one)
        _legend(figure, colours)
        return file_bytes(figure, suffix)


def hardest(seen: Sequence[Seen]) -> list[Seen]:
    """Return one simulation of each pool: where an attained latency is nearest its target, or beyond it the most."""
    found: dict[str, Seen] = {}
    for one in seen:
        if one.pool not in found or _strain(one) > _strain(found[one.pool]):
            found[one.pool] = one
    return list(found.values())


def _strain(seen: Seen) -> float:
    """Return the largest attained latency over its target; 0 without promises [1]."""
    ratios = [np.inf if one.attained is None else one.attained / one.target for one in seen.promises]
    return max(ratios, default=0.0)


def beyond(values: Floats) -> tuple[Floats, Floats]:
    """Return a distribution's tail function as points to be joined by steps.

    S(x) = share of values above x

    Parameters
    ----------
    values : array
        Infinite ones count, but have no point.

    Returns
    -------
    array, array [1]
        Values, ascending, thinned to `POINTS` but for the `TAIL` largest; share that is larger than each.
    """
    ranked = np.sort(values)
    count = len(ranked)
    shares = 1.0 - np.arange(1, count + 1) / max(count, 1)
    body = np.unique(np.linspace(0, count - 1, min(POINTS, count)).astype(np.int64))
    rows = np.union1d(body, np.arange(max(count - TAIL, 0), count))
    rows = rows[np.isfinite(ranked[rows])]
    return ranked[rows], shares[rows]


def _distributions(axes: Axes, seen: Seen, metric: str, colours: dict[str, str]) -> None:
    """Draw one latency of every stream of a pool."""
    fewest = 1.0
    for index, stream in enumerate(seen.job.run.streams):
        values = seen.looked_at.values(metric, index)
        if not len(values):
            continue
        fewest = min(fewest, 1.0 / len(values))
        times, shares = beyond(values)
        axes.step(times, np.maximum(shares, 0.5 / len(values)), where="post", color=colours[stream.name], linewidth=1.1)
    axes.set(xscale="log", yscale="log", ylim=(fewest, 1.0))
    for promise in seen.promises:
        if promise.metric == metric:
            _promise(axes, promise, colours[promise.stream], fewest)
    axes.set_title(f"{seen.pool} in {seen.period}: {DRAWN[metric]}", fontweight="bold")
    axes.set_xlabel(f"{DRAWN[metric]} [s]")
    axes.set_ylabel("share of calls slower" if metric == next(iter(DRAWN)) else "")
    _plain_ticks(axes)


def _plain_ticks(axes: Axes) -> None:
    """Label times at 1, 2 and 5 of every power of ten, and shares in percent."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")


def _promise(axes: Axes, promise: SimulatedPromise, colour: str, floor: float) -> None:
    """Draw a promise as the corner that the curve should pass below, and its prediction."""
    share = 1.0 - promise.percentile / 100.0
    right = axes.get_xlim()[1]
    axes.plot([promise.target, promise.target], [share, 1.0], color=colour, linewidth=0.9, linestyle="--")
    axes.plot([promise.target, max(right, promise.target * PADDED)], [share, share], color=colour, linewidth=0.9, linestyle="--")
    axes.scatter([promise.predicted], [max(share, floor)], s=26, marker=MARKERS[3], facecolor="white", edgecolor=colour, zorder=4)
    axes.set_xlim(right=max(right, promise.target * PADDED))


def _calls(axes: Axes, seen: Seen) -> None:
    """Draw calls that run and wait, of all replicas together."""
    series = seen.served.series
    time = series[0].time / 60.0
    running, waiting = np.sum([one.running for one in series], axis=0), np.sum([one.queued for one in series], axis=0)
    axes.fill_between(time, running, color=BUSY, alpha=0.25, linewidth=0)
    axes.plot(time, running, color=BUSY, linewidth=0.8, label="running")
    axes.plot(time, waiting, color=WAITING, linewidth=0.8, label="waiting")
    axes.axvspan(0.0, seen.job.warm / 60.0, color=REST, alpha=0.25, linewidth=0)
    axes.set_xlim(0.0, seen.job.end / 60.0)
    axes.set_ylim(0.0, HEADROOM * max(running.max(), waiting.max(), 1))
    axes.set_title(f"{seen.pool} in {seen.period}: calls", fontweight="bold")
    axes.tick_params(labelbottom=False)
    axes.legend(loc="upper right", ncols=2, fontsize=7)


def _replicas(axes: Axes, seen: Seen) -> None:
    """Draw how many replicas serve."""
    from matplotlib.ticker import MaxNLocator

    time, count = replicas_up(seen)
    axes.step(time / 60.0, count, where="post", color=INK, linewidth=1.0)
    axes.set_ylim(0.0, seen.job.count * 1.15)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.set_xlabel("minutes; grey: not looked at")
    axes.set_ylabel("replicas")


def replicas_up(seen: Seen) -> tuple[Floats, Floats]:
    """Return from when on how many replicas serve: times [s], counts [1]; ends with the simulation."""
    job = seen.job
    times = np.array([0.0, *(failure.at for failure in job.failures), job.end])
    backs = np.array([failure.over(job.cold_start) for failure in job.failures])
    edges = np.unique(np.concatenate([times, backs[backs < job.end]]))
    down = [{f.replica for f, back in zip(job.failures, backs, strict=True) if f.at <= edge < back} for edge in edges]
    return edges, np.array([float(job.count - len(missing)) for missing in down])


def _legend(figure: Figure, colours: dict[str, str]) -> None:
    """Say below the panels what colours and marks mean."""
    from matplotlib.lines import Line2D

    shown = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    mark: dict[str, Any] = {"marker": MARKERS[3], "linestyle": "none", "markerfacecolor": "white", "markersize": 5}
    shown += [
        Line2D([], [], color=INK, linestyle="--", label="promised: pass below"),
        Line2D([], [], color=INK, label="predicted", **mark),
    ]
    figure.legend(handles=shown, loc="outside lower center", ncols=min(len(shown), 6))
