"""What other plans for the same problem cost, beside this one."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report.choices import SAME, against, called, cost, ranked
from planner.report.figures.axis import ticks, upright
from planner.report.figures.scene import NARROW, Box, Scene, Stroke, Words, width_of

TITLE = "What else it could cost"
NOTE = (
    "Each is the least cost with one thing ruled out, or one thing more asked for, in dollars per hour; green: cheaper than this "
    "plan, which only what the problem does not allow can be. What each gives up stands below."
)
_ROW, _BAR = 32.0, 18.0


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw a bar a plan, this one first."""
    rows = [(called(one), one.cost, against(plan, one)) for one in ranked(plan)]
    if not any(value is not None for _, value, _ in rows):
        return None
    everyone: list[tuple[str, float | None, str]] = [("this plan", plan.cost.total, ""), *rows]
    narrow = width < NARROW
    left = 6.0 if narrow else min(max(width_of(name) for name, _, _ in everyone) + 18, 0.34 * width)
    right = width - (14.0 if narrow else 230.0)
    row = _ROW + (16.0 if narrow else 0.0)
    bottom = 6.0 + row * len(everyone)
    marks = ticks(max(value or 0.0 for _, value, _ in everyone), 3 if narrow else 6)
    scene = Scene(width, bottom + 24)

    def at(dollars: float) -> float:
        return left + (right - left) * dollars / marks[-1]

    upright(scene, marks, at, 6.0, bottom, fmt.money)
    for number, (name, value, more) in enumerate(everyone):
        y = 6.0 + row * number
        said = cost(value) if not more else f"{cost(value)}  {more}"
        if narrow:
            scene.words(left, y + 14, name, width - 12 - width_of(said), bold=number == 0)
            scene.add(Words(width - 4, y + 14, said, "bad" if value is None else "soft", 11.0, "end"))
        else:
            scene.words(left - 12, y + 20, name, left - 14, anchor="end", bold=number == 0)
            scene.add(Words(at(value or 0.0) + 9, y + 20, said, "bad" if value is None else "ink"))
        if value is not None:
            bar = y + (20.0 if narrow else 7.0)
            colour = "c1" if number == 0 else "c3" if value < plan.cost.total - SAME else "c2"
            scene.add(Box(left, bar, max(at(value) - left, 2.0), _BAR, colour, radius=3.0, says=f"{name}: {said}"))
    scene.add(Stroke(((at(plan.cost.total), 6.0), (at(plan.cost.total), bottom)), "ink", 1.2, dashed=True))
    return scene


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = (f"{called(one)} {cost(one.cost)}{f', {more}' if (more := against(plan, one)) else ''}" for one in ranked(plan))
    return f"This plan {fmt.hourly(plan.cost.total)}; {'; '.join(said)}."
