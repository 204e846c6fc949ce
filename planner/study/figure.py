"""A frontier of many solves, drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from planner.calibrate.figure import COLOURS, MARKERS, REST, file_bytes, sheet, style
from planner.study.frontier import Axis, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def frontier(axes: Sequence[Axis], points: Sequence[Point], suffix: str) -> bytes:
    """Draw cost over the first axis, a line for each combination of the others; dominated points are hollow.

    Parameters
    ----------
    axes : what was asked for
    points : what it costs
    suffix : `.svg` or `.png`

    Returns
    -------
    The file; combinations without a plan are not drawn.
    """
    lines: dict[str, list[Point]] = {}
    for point in points:
        lines.setdefault(", ".join(point.row.variant.name.split(", ")[1:]), []).append(point)
    texts = {number: str(one).partition("=")[2] for one, number in zip(axes[0].overrides, axes[0].numbers, strict=True)}
    with style():
        figure = sheet(6.5, 4.2)
        drawn = figure.subplots()
        places = {number: float(place) for place, number in enumerate(sorted(texts))}
        for index, (name, line) in enumerate(lines.items()):
            _line(drawn, name, sorted(line, key=lambda one: one.numbers[0]), places, index)
        drawn.set_xticks(list(places.values()), [texts[number] for number in places])
        drawn.set_xlabel(f"{axes[0].label}; hollow: another combination asks for no less and costs no more")
        drawn.set_ylabel("cost [$/h]")
        drawn.set_ylim(bottom=0.0)
        if len(axes) > 1:
            drawn.legend(fontsize=7)
        return file_bytes(figure, suffix)


def _line(axes: Axes, name: str, line: Sequence[Point], places: dict[float, float], index: int) -> None:
    """Draw the points of one combination of the other axes."""
    colour = COLOURS[index] if index < len(COLOURS) else REST
    x = [places[point.numbers[0]] for point in line]
    y = [math.nan if point.row.result.cost is None else point.row.result.cost for point in line]
    axes.plot(x, y, color=colour, linewidth=1.0, label=name or None)
    fills = ["white" if point.dominated_by else colour for point in line]
    axes.scatter(x, y, s=28, marker=MARKERS[index % len(MARKERS)], c=fills, edgecolors=colour, zorder=3)
