"""When money leaves, month by month."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report.cash import PARTS, parts_of, summary
from planner.report.figures.axis import legend, level, ticks
from planner.report.figures.palette import series
from planner.report.figures.scene import SMALL, Box, Scene, Words, width_of
from planner.report.words import month

TITLE = "Payments by month"
NOTE = "What is paid in each month of the horizon; machines bought are paid when they are delivered."
_HEIGHT = 220.0


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw a column a month."""
    cash = plan.cash
    if cash is None or not any(one.total for one in cash.months):
        return None
    parts = parts_of(cash)
    scene = Scene(width)
    named = [("APIs" if part == "apis" else part.capitalize(), series(PARTS.index(part))) for part in parts]
    top = legend(scene, named, 4.0, 14.0, width - 8)
    bottom = top + _HEIGHT
    marks = ticks(max(sum(getattr(one, part) for part in parts) for one in cash.months))
    left, right = max(width_of(fmt.money(mark)) for mark in marks) + 12, width - 6
    scene.height = bottom + 26

    def at(dollars: float) -> float:
        return bottom - (bottom - top) * dollars / marks[-1]

    level(scene, marks, at, left, right, fmt.money)
    step = (right - left) / len(cash.months)
    free = left - 10
    for one in cash.months:
        x, reached = left + step * one.month, 0.0
        for part in parts:
            value = getattr(one, part)
            if value > 0:
                box = (x + step * 0.14, at(reached + value), step * 0.72, at(reached) - at(reached + value))
                scene.add(Box(*box, series(PARTS.index(part)), says=f"{month(plan, one.month)} {part}: {fmt.money(value)}"))
                reached += value
        name = month(plan, one.month).removeprefix("month ")
        need = width_of(name, SMALL - 1)
        place = x + step / 2
        if place - need / 2 > free + 8 and place + need / 2 <= width:
            scene.add(Words(place, bottom + 17, name, "soft", SMALL - 1, "middle"))
            free = place + need / 2
    return scene


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    if plan.cash is None:
        return ""
    most = max(plan.cash.months, key=lambda one: one.total)
    return f"{summary(plan.cash)} The largest month is {month(plan, most.month)} with {fmt.money(most.total)}."
