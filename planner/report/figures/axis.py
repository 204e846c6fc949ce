"""Ticks at round figures, and legends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from planner.report.figures.scene import SMALL, Box, Scene, Stroke, Words, width_of


def ticks(most: float, number: int = 5) -> list[float]:
    """Return about so many round figures from 0 to at least the largest.

    Examples
    --------
    >>> ticks(9.3), ticks(0.0), ticks(0.7, 4)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.0, 1.0], [0.0, 0.2, 0.4, 0.6, 0.8])
    """
    if most <= 0:
        return [0.0, 1.0]
    rough = most / number
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999)
    return [round(step * k, 12) for k in range(math.ceil(most / step - 1e-9) + 1)]


def around(low: float, high: float, number: int = 5) -> list[float]:
    """Return about so many round figures from at most the smallest, through 0, to at least the largest.

    Examples
    --------
    >>> around(-1.3, 2.2), around(0.0, 0.0)
    ([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], [0.0, 1.0])
    """
    step = ticks(high - low, number)[1]
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * k, 12) + 0.0 for k in range(first, max(last, first + 1) + 1)]


def upright(
    scene: Scene, marks: Sequence[float], at: Callable[[float], float], top: float, bottom: float, show: Callable[[float], str]
) -> None:
    """Draw upright grid lines with their figures below."""
    for mark in marks:
        scene.add(Stroke(((at(mark), top), (at(mark), bottom)), "rule"))
        half = width_of(show(mark), SMALL - 1) / 2
        place = min(max(at(mark), half), scene.width - half)
        scene.add(Words(place, bottom + 15, show(mark), "soft", SMALL - 1, "middle"))


def level(
    scene: Scene, marks: Sequence[float], at: Callable[[float], float], left: float, right: float, show: Callable[[float], str]
) -> None:
    """Draw level grid lines with their figures to the left."""
    for mark in marks:
        scene.add(Stroke(((left, at(mark)), (right, at(mark))), "rule"))
        scene.add(Words(left - 7, at(mark) + 4, show(mark), "soft", SMALL - 1, "end"))


def legend(scene: Scene, names: Sequence[tuple[str, str]], x: float, y: float, room: float) -> float:
    """Write names beside their colours, over as many lines as it takes; returns the base line below."""
    left = x
    for name, colour in names:
        need = 18 + width_of(name) + 16
        if left > x and left + need > x + room:
            left, y = x, y + 20
        scene.add(Box(left, y - 10, 11, 11, colour, radius=2), Words(left + 17, y, name, "soft"))
        left += need
    return y + 20
