"""What a promise or limit costs at other levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, pairwise

from planner.domain.plan import Plan
from planner.domain.plan_choices import Frontier, impossible
from planner.report import format as fmt
from planner.report.choices import cost, planned
from planner.report.choices import level as levelled
from planner.report.figures.axis import level, ticks
from planner.report.figures.scene import LARGE, NARROW, SMALL, Area, Box, Dot, Scene, Stroke, Words, width_of

TITLE = "Cost at other levels"
NOTE = (
    "Least cost at each level, in dollars per hour; levels stand evenly spaced. Ring: this plan. Pale: "
    "between what was found and what no plan there can cost less than. Grey: no plan; arrow: far above."
)
_PANEL, _HEAD, _FOOT = 170.0, 34.0, 44.0
_LEFT, _GAP = 58.0, 28.0
_CUT = 5.0
"""Costs above so many times the plan's are written at the edge, so that the others can be told apart."""


@dataclass(frozen=True)
class _Panel:
    """Where a panel lies."""

    left: float
    step: float
    """Width of a level."""
    top: float
    bottom: float
    most: float
    """Cost at the top [$/h]."""

    def across(self, place: float) -> float:
        """Return where a level stands."""
        return self.left + self.step * (place + 0.5)

    def at(self, cost: float) -> float:
        """Return where a cost lies, at the edge if it is above."""
        return self.bottom - (self.bottom - self.top) * min(cost / self.most, 1.0)


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw a panel for each thing that was varied, two side by side where there is room."""
    shown = [one for one in plan.frontiers if any(point.cost is not None for point in one.points)]
    if not shown:
        return None
    columns = 1 if width < NARROW or len(shown) == 1 else 2
    room = (width - _GAP * (columns - 1)) / columns
    height = _HEAD + _PANEL + _FOOT
    scene = Scene(width, math.ceil(len(shown) / columns) * height)
    for number, one in enumerate(shown):
        x, y = (room + _GAP) * (number % columns), height * (number // columns)
        scene.words(x + 2, y + 16, f"{one.about} [{one.unit}]" if one.unit else one.about, room - 8, size=LARGE, bold=True)
        _panel(scene, one, plan.cost.total, x, y + _HEAD, room)
    return scene


def _panel(scene: Scene, one: Frontier, total: float, x: float, top: float, room: float) -> None:
    costs = [point.cost for point in one.points if point.cost is not None]
    near = [cost for cost in costs if cost <= _CUT * total] or costs
    marks = ticks(max(near), 4)
    left, right = x + _LEFT, x + room - 6
    panel = _Panel(left, (right - left) / len(one.points), top, top + _PANEL, marks[-1])
    _emptiness(scene, one, panel)
    level(scene, marks, panel.at, left, right, fmt.money)
    _bounds(scene, one, panel)
    _line(scene, one, panel)
    for place, point in enumerate(one.points):
        own = planned(one, point)
        middle = panel.across(place)
        said = f"{point.value:,.6g}"
        scene.add(Words(middle, panel.bottom + 16, said, "ink" if own else "soft", SMALL - 1, "middle", bold=own))
        if own:
            scene.add(Words(middle, panel.bottom + 31, "this plan", "accent", SMALL - 1, "middle"))


def _bounds(scene: Scene, one: Frontier, panel: _Panel) -> None:
    """Shade what lies between costs and bounds of neighbouring levels."""
    for place, (before, after) in enumerate(pairwise(one.points)):
        if before.cost is None or before.bound is None or after.cost is None or after.bound is None:
            continue
        here, there = panel.across(place), panel.across(place + 1)
        upper = ((here, panel.at(before.cost)), (there, panel.at(after.cost)))
        scene.add(Area((*upper, (there, panel.at(after.bound)), (here, panel.at(before.bound))), "faint1"))


def _line(scene: Scene, one: Frontier, panel: _Panel) -> None:
    """Draw the costs found, this plan's with a ring."""
    for place, (before, after) in enumerate(pairwise(one.points)):
        if before.cost is not None and after.cost is not None:
            ends = ((panel.across(place), panel.at(before.cost)), (panel.across(place + 1), panel.at(after.cost)))
            scene.add(Stroke(ends, "c1", 2.0))
    for place, point in enumerate(one.points):
        if point.cost is None:
            continue
        own, x, y = planned(one, point), panel.across(place), panel.at(point.cost)
        says = f"{levelled(one, point.value)}: {fmt.hourly(point.cost)}"
        scene.add(Dot(x, y, 7.0 if own else 4.5, "paper" if own else "c1", "c1", says))
        if point.cost > panel.most:
            said = f"↑ {fmt.money(point.cost)}"
            edge = panel.left + panel.step * len(one.points) - width_of(said, SMALL - 1) / 2
            scene.add(Words(min(x, edge), y - 8, said, "ink", SMALL - 1, "middle"))


def _emptiness(scene: Scene, one: Frontier, panel: _Panel) -> None:
    """Shade levels without a plan, and write once over each run of them that there is none."""
    for empty, run in groupby(enumerate(one.points), key=lambda pair: pair[1].cost is None):
        places = [place for place, _ in run]
        if empty:
            begin, wide = panel.left + panel.step * places[0], panel.step * len(places)
            said = "no plan" if all(impossible(one.points[place]) for place in places) else "none found"
            says = f"{', '.join(levelled(one, one.points[place].value) for place in places)}: {said}"
            scene.add(Box(begin, panel.top, wide, panel.bottom - panel.top, "sunk", says=says))
            scene.words(begin + wide / 2, panel.bottom - 10, said, wide + 14, "soft", SMALL - 1, "middle")


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = []
    for one in plan.frontiers:
        costs = (f"{levelled(one, p.value)} {cost(p)}" for p in one.points)
        said.append(f"{one.about}: {', '.join(costs)}")
    return "; ".join(said) + "."
