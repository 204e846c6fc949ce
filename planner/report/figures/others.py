"""What other plans for the same problem cost, beside this one."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report.choices import SAME, against, called, cost, in_short, ranked
from planner.report.figures.axis import ticks, upright
from planner.report.figures.scene import NARROW, SMALL, Box, Scene, Stroke, Words, width_of

TITLE = "What else it could cost"
NOTE = (
    "Each is the least cost with one thing ruled out, or one thing more asked for, in dollars per hour; orange: dearer than "
    "this plan, green: cheaper, as only what the problem does not allow can be beyond the gap. What each gives up stands below."
)
_ROW, _BAR = 32.0, 18.0


@dataclass(frozen=True)
class _Row:
    """A plan."""

    name: str
    cost: float | None
    said: str
    """Its cost in words, and how that compares."""
    colour: str


def _rows(plan: Plan, narrow: bool) -> list[_Row]:
    """Return this plan, then the others."""
    total = plan.cost.total
    made = [_Row("this plan", total, fmt.hourly(total), "c1")]
    for other in ranked(plan):
        one = other.answer
        more = against(plan, one)
        if narrow and one.cost is not None and total:
            more = fmt.margin(one.cost / total - 1.0) if abs(one.cost - total) >= SAME else more
        change = 0.0 if one.cost is None else one.cost - total
        colour = "c1" if abs(change) < SAME else "c2" if change > 0 else "c3"
        made.append(_Row(in_short(other), one.cost, f"{cost(one)}  {more}".rstrip(), colour))
    return made


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw a bar a plan, this one first."""
    narrow = width < NARROW
    rows = _rows(plan, narrow)
    if not any(row.cost is not None for row in rows[1:]):
        return None
    left = 6.0 if narrow else min(max(width_of(row.name) for row in rows) + 18, 0.34 * width)
    right = width - (14.0 if narrow else max(width_of(row.said) for row in rows) + 24)
    height = _ROW + (14.0 if narrow else 0.0)
    bottom = 6.0 + height * len(rows)
    marks = ticks(max(row.cost or 0.0 for row in rows), 3 if narrow else 6)
    scene = Scene(width, bottom + 24)

    def at(dollars: float) -> float:
        return left + (right - left) * dollars / marks[-1]

    upright(scene, marks, at, 6.0, bottom, fmt.money)
    for number, row in enumerate(rows):
        y = 6.0 + height * number
        colour = "bad" if row.cost is None else "ink"
        scene.add(Words(width - 4, y + (14 if narrow else 20), row.said, colour, SMALL, "end", number == 0))
        if narrow:
            scene.words(left, y + 14, row.name, width - 20 - width_of(row.said), bold=number == 0)
        else:
            scene.words(left - 12, y + 20, row.name, left - 14, anchor="end", bold=number == 0)
        if row.cost is not None:
            bar = y + (20.0 if narrow else 7.0)
            says = f"{row.name}: {row.said}"
            scene.add(Box(left, bar, max(at(row.cost) - left, 2.0), _BAR, row.colour, radius=3.0, says=says))
    here = at(plan.cost.total)
    for number in range(len(rows)) if narrow else (0,):  # on a telephone names stand in the way
        y = 6.0 + height * number
        begin, end = (y + 18.0, y + 20.0 + _BAR + 2.0) if narrow else (y, bottom)
        scene.add(Stroke(((here, begin), (here, end)), "ink", 1.2, dashed=True))
    return scene


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = (
        f"{', '.join(called(other))} {cost(other.answer)}{f', {more}' if (more := against(plan, other.answer)) else ''}"
        for other in ranked(plan)
    )
    return f"This plan {fmt.hourly(plan.cost.total)}; {'; '.join(said)}."
