"""What a million tokens cost on own machines and at the cheapest API, workload by workload."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.domain.plan_costs import BuyOrBuild
from planner.report import format as fmt
from planner.report.figures.axis import legend, ticks, upright
from planner.report.figures.scene import NARROW, Box, Scene, Stroke, Words

TITLE = "A million tokens: own machines against an API"
NOTE = (
    "In dollars, prompts and answers together. Own machines as busy as planned, and if they were used to their limits; the API "
    "is the cheapest that may take the calls."
)
_BARS = (("own, as planned", "c1"), ("own, used to the limit", "c7"), ("API", "c2"))
_BAR = 17.0


def _values(one: BuyOrBuild) -> tuple[float | None, ...]:
    full = one.own_per_million_full
    if full is None and one.breakeven is not None:
        full = one.breakeven.per_million_full
    return one.own_per_million, full, one.api_per_million


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw three bars a workload."""
    rows = [(one, _values(one)) for one in plan.buy_or_build]
    if not rows:
        return None
    scene = Scene(width)
    top = legend(scene, _BARS, 4.0, 14.0, width - 8)
    row = 34.0 + 3 * (_BAR + 3)
    bottom = top + row * len(rows)
    scene.height = bottom + 24
    marks = ticks(max(value or 0.0 for _, values in rows for value in values), 3 if width < NARROW else 6)

    def at(dollars: float) -> float:
        return 8.0 + (width - 100.0) * dollars / marks[-1]

    upright(scene, marks, at, top, bottom, fmt.money)
    for number, (one, values) in enumerate(rows):
        y = top + row * number
        scene.words(8.0, y + 18, one.workload, width - 16, bold=True)
        for place, ((name, colour), value) in enumerate(zip(_BARS, values, strict=True)):
            bar = y + 26 + place * (_BAR + 3)
            if value is None:
                scene.add(Words(14.0, bar + 13, "none in the plan" if place == 0 else "none found", "soft"))
                continue
            scene.add(
                Box(at(0.0), bar, max(at(value) - at(0.0), 2.0), _BAR, colour, radius=3.0, says=f"{name}: {fmt.money(value)}")
            )
            scene.add(Words(at(value) + 7, bar + 13, fmt.money(value)))
        scene.add(Stroke(((at(0.0), y + 24), (at(0.0), y + row - 4)), "soft"))
    return scene


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = []
    for one in plan.buy_or_build:
        parts = [f"{name} {fmt.money(value)}" for (name, _), value in zip(_BARS, _values(one), strict=True) if value is not None]
        said.append(f"{one.workload}: {', '.join(parts)}")
    return "; ".join(said) + "."
