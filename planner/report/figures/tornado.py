"""What the cost hangs on: two bars a number, for it moved down and up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.domain.plan import Plan
from planner.domain.plan_choices import Moved, Sensitivity
from planner.report import format as fmt
from planner.report.choices import SAME, cost, signed, telling
from planner.report.figures.axis import around, legend, upright
from planner.report.figures.scene import NARROW, Box, Scene, Stroke, Words, width_of

TITLE = "What the cost hangs on"
NOTE = (
    "One number is moved at a time and the plan made anew: how far the cost goes from this plan's, in dollars per hour. "
    "Numbers whose effect the proofs cannot tell are left to the table."
)
DOWN, UP = ("moved down", "c1"), ("moved up", "c2")
_BAR, _ROW = 12.0, 38.0
_ROOM = 76.0
"""Room for a figure beyond the end of a bar [px]."""


def of_plan(plan: Plan, width: float) -> Scene | None:
    """Draw the numbers of a plan whose effect can be told."""
    return draw(telling(plan), plan.cost.total, width)


def draw(rows: Sequence[Sensitivity], base: float, width: float) -> Scene | None:
    """Draw a tornado.

    Parameters
    ----------
    rows : what moving numbers does, in the order of the figure
    base : cost as it is [$/h]
    width : of the figure [px]

    Returns
    -------
    Scene, or None where there is nothing to draw.
    """
    if not rows:
        return None
    narrow = width < NARROW
    left = 6.0 if narrow else min(max(width_of(_label(one)) for one in rows) + 16, 0.42 * width)
    ends = [end.cost - base for one in rows for end in (one.low, one.high) if end.cost is not None]
    marks = around(min([0.0, *ends]), max([0.0, *ends]), 3 if narrow else 6)
    scene = Scene(width)
    top = legend(scene, (DOWN, UP), left, 14.0, width - left)
    row = _ROW + (18.0 if narrow else 0.0)
    bottom = top + row * len(rows)
    scene.height = bottom + 24
    first, last = left + _ROOM, width - _ROOM

    def at(change: float) -> float:
        return first + (last - first) * (change - marks[0]) / (marks[-1] - marks[0])

    upright(scene, marks, at, top, bottom, lambda mark: "this plan" if mark == 0 else signed(mark).removesuffix("/h"))
    for number, one in enumerate(rows):
        y = top + row * number
        if narrow:
            scene.words(left, y + 14, _label(one), width - 12)
            y += 18.0
        else:
            scene.words(left - 12, y + 22, _label(one), left - 16, anchor="end")
        for place, (moved, (name, colour)) in enumerate(((one.low, DOWN), (one.high, UP))):
            _bar(scene, moved, f"{one.name} {name}", colour, y + 6 + place * (_BAR + 1), base, at)
    for number in range(len(rows)) if narrow else (0,):  # on a telephone names stand in the way
        begin, end = (top + row * number + 20.0, top + row * (number + 1)) if narrow else (top, bottom)
        scene.add(Stroke(((at(0.0), begin), (at(0.0), end)), "ink", 1.2))
    return scene


def _bar(scene: Scene, moved: Moved, name: str, colour: str, y: float, base: float, at: Callable[[float], float]) -> None:
    """Draw one bar with its figure."""
    zero = at(0.0)
    if moved.cost is None:
        scene.add(Words(zero + 6, y + 10, f"{moved.to}: {cost(moved)}", "bad", 11.0, "start", bold=True))
        return
    change = moved.cost - base
    reach = at(change)
    says = f"{name} to {moved.to}: {fmt.hourly(moved.cost)}"
    scene.add(Box(min(zero, reach), y, max(abs(reach - zero), 1.5), _BAR, colour, radius=2.0, says=says))
    if abs(change) >= SAME:
        right = change > 0
        scene.add(Words(reach + (5 if right else -5), y + 10, signed(change), "soft", 11.0, "start" if right else "end"))


def _label(one: Sensitivity) -> str:
    return f"{one.name}  {one.low.to} … {one.high.to}"


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    return told(telling(plan), plan.cost.total)


def told(rows: Sequence[Sensitivity], base: float) -> str:
    """Say in words what `draw` draws."""
    said = (f"{one.name}: {', '.join(f'{end.to} {cost(end)}' for end in (one.low, one.high))}" for one in rows)
    return f"As it is {fmt.hourly(base)}; {'; '.join(said)}."
