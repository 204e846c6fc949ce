"""Where the money goes: the lines of the statement of costs, one on top of the other, up to the total."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report.figures.axis import ticks, upright
from planner.report.figures.scene import NARROW, SMALL, Box, Scene, Stroke, Words, width_of

TITLE = "From tokens to the total"
NOTE = (
    "What the tokens themselves would cost on machines kept perfectly busy (green), and what is paid on top and why (orange), in "
    "dollars per hour. Lines of nothing are left out."
)
_ROW = 34.0


def lines(plan: Plan) -> list[tuple[str, float]]:
    """Return what the total is made of: the statement's lines, or the parts of the cost where there is none."""
    cost = plan.cost
    if cost.statement is not None:
        found = [(line.item, line.hourly) for line in cost.statement.lines]
    else:
        parts = ("machines", "apis", "provisioned", "operations", "levers", "components", "misses", "carbon", "ramps")
        found = [("APIs" if part == "apis" else part, getattr(cost, part) or 0.0) for part in parts]
    return [(name, value) for name, value in found if value]


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw the waterfall."""
    rows = lines(plan)
    if not rows or plan.cost.total <= 0:
        return None
    narrow = width < NARROW
    left = 4.0 if narrow else max(width_of(name) for name, _ in (*rows, ("Total", 0.0))) + 14
    right = width - (8.0 if narrow else 92.0)
    row = 46.0 if narrow else _ROW
    top = 6.0
    bottom = top + row * (len(rows) + 1)
    marks = ticks(plan.cost.total, 3 if narrow else 6)
    scene = Scene(width, bottom + 24)

    def at(value: float) -> float:
        return left + (right - left) * value / marks[-1]

    upright(scene, marks, at, top, bottom, fmt.money)
    reached = 0.0
    for number, (name, value) in enumerate((*rows, ("Total", plan.cost.total))):
        total = number == len(rows)
        begin, end = (0.0, value) if total else (reached, reached + value)
        y = top + row * number
        bar = y + (20.0 if narrow else 6.0)
        low, high = at(min(begin, end)), at(max(begin, end))
        says = f"{name}: {fmt.hourly(value)}, {fmt.percent(value / plan.cost.total)} of the total"
        scene.add(Box(low, bar, max(high - low, 2.0), 22.0, "c1" if total else _colour(name), radius=3.0, says=says))
        _label(scene, name, value, narrow, left, y, bar, high, width, total)
        if not total and not narrow:
            scene.add(Stroke(((at(end), bar + 22), (at(end), bar + row)), "soft", 1.0))
        reached = end if not total else reached
    return scene


def _label(
    scene: Scene, name: str, value: float, narrow: bool, left: float, y: float, bar: float, high: float, width: float, bold: bool
) -> None:
    """Write a bar's name and figure."""
    if narrow:
        scene.words(left, y + 14, name, width - 100, bold=bold)
        scene.add(Words(width - 4, y + 14, fmt.hourly(value), "ink", SMALL, "end", bold))
    else:
        scene.add(Words(left - 10, bar + 15, name, "ink", SMALL, "end", bold))
        scene.add(Words(high + 8, bar + 15, fmt.hourly(value), "ink", SMALL, "start", bold))


def _colour(name: str) -> str:
    """Tokens are what is wanted; the rest is what they cost on top."""
    return "c3" if name in ("input tokens", "output tokens") else "c2"


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = ", ".join(f"{name} {fmt.hourly(value)}" for name, value in lines(plan))
    return f"{said}; in all {fmt.hourly(plan.cost.total)}."
