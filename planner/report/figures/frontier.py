"""What a promise or limit costs at other levels."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.domain.plan_choices import Frontier
from planner.report import format as fmt
from planner.report.figures.axis import level, ticks
from planner.report.figures.scene import LARGE, SMALL, Dot, Scene, Stroke, Words

TITLE = "Cost at other levels"
NOTE = (
    "Least cost found at each level, in dollars per hour; dashed: what no plan there can cost less than. Ring: this plan's level."
)
_PANEL = 200.0
_INSET = 30.0


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw one panel for each thing that was varied."""
    shown = [one for one in plan.frontiers if any(point.cost is not None for point in one.points)]
    if not shown:
        return None
    scene = Scene(width, len(shown) * (_PANEL + 70))
    for number, one in enumerate(shown):
        _panel(scene, one, number * (_PANEL + 70), width)
    return scene


def _panel(scene: Scene, one: Frontier, y: float, width: float) -> None:
    found = [(point.value, point.cost) for point in one.points if point.cost is not None]
    bounds = [(point.value, point.bound) for point in one.points if point.bound is not None]
    low, high = min(point.value for point in one.points), max(point.value for point in one.points)
    marks = ticks(max(cost for _, cost in found))
    top, bottom, left, right = y + 30, y + 30 + _PANEL, 66.0, width - 24

    def across(value: float) -> float:
        return left + _INSET + (right - left - 2 * _INSET) * ((value - low) / (high - low) if high > low else 0.5)

    def at(cost: float) -> float:
        return bottom - (bottom - top) * cost / marks[-1]

    scene.words(4.0, y + 16, f"{one.about} [{one.unit}]" if one.unit else one.about, width - 8, size=LARGE, bold=True)
    level(scene, marks, at, left, right, fmt.money)
    if len(bounds) > 1:
        scene.add(Stroke(tuple((across(value), at(cost)) for value, cost in bounds), "soft", 1.5, dashed=True))
    if len(found) > 1:
        scene.add(Stroke(tuple((across(value), at(cost)) for value, cost in found), "c1", 2.0))
    for value, cost in found:
        here = one.planned is not None and abs(value - one.planned) <= 1e-9 * max(abs(value), 1.0)
        dot = Dot(
            across(value),
            at(cost),
            7.0 if here else 4.5,
            "paper" if here else "c1",
            "c1",
            f"{value:g} {one.unit}: {fmt.hourly(cost)}",
        )
        scene.add(dot)
    for point in one.points:
        scene.add(Words(across(point.value), bottom + 16, f"{point.value:g}", "soft", SMALL - 1, "middle"))
        if point.cost is None:
            scene.add(Words(across(point.value), bottom - 6, "no plan", "soft", SMALL - 1, "middle"))


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = []
    for one in plan.frontiers:
        costs = (f"{p.value:g} {one.unit} {fmt.hourly(p.cost) if p.cost is not None else 'no plan'}" for p in one.points)
        said.append(f"{one.about}: {', '.join(costs)}")
    return "; ".join(said) + "."
