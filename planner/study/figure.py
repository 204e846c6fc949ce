"""Many solves drawn: a frontier, and a tornado."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from planner.calibrate.figure import COLOURS, INK, MARKERS, REST, file_bytes, sheet, style
from planner.study.frontier import Axis, Point
from planner.study.sensitivity import Bar, Tornado

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOWN, UP = COLOURS[0], COLOURS[1]


def tornado(found: Tornado, suffix: str) -> bytes:
    """Draw a bar a number: the cost when it is moved down and up; hatched to the edge where there is no plan.

    Parameters
    ----------
    found : what moving numbers does
    suffix : `.svg` or `.png`

    Returns
    -------
    The file.
    """
    base = found.base.result.cost or 0.0
    costs = [one.cost for bar in found.bars for one in (bar.low, bar.high) if one.cost is not None]
    low, high = min([base, *costs]), max([base, *costs])
    room = 0.12 * (high - low or base or 1.0)
    with style():
        figure = sheet(7.0, 1.1 + 0.32 * max(len(found.bars), 2))
        axes = figure.subplots()
        for place, bar in enumerate(found.bars):
            _bar(axes, bar, place, (base, high + room))
        axes.axvline(base, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(found.bars)), [f"{bar.driver.name}  {' … '.join(bar.driver.ends)}" for bar in found.bars])
        axes.invert_yaxis()
        axes.set_xlim(low - room, high + room)
        axes.set_xlabel(f"cost [$/h]; as it is: {base:,.4g}; blue: moved down, orange: moved up, grey: no plan")
        axes.grid(visible=False, axis="y")
        return file_bytes(figure, suffix)


def _bar(axes: Axes, bar: Bar, place: int, ends: tuple[float, float]) -> None:
    """Draw what both moves of one number do."""
    base, edge = ends
    for result, colour, shift in ((bar.low, DOWN, -0.19), (bar.high, UP, 0.19)):
        if result.cost is None:
            axes.barh(
                place + shift, edge - base, left=base, height=0.36, color="white", edgecolor=REST, hatch="////", linewidth=0.5
            )
        else:
            axes.barh(place + shift, result.cost - base, left=base, height=0.36, color=colour)


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
