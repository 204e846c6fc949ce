"""Figures of a plan; none computes anything, all draw what the plan holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from planner.domain.plan import Plan
from planner.report.figures import frontier, latency, load, memory, others, payments, routes, tokens, tornado, waterfall
from planner.report.figures.scene import Scene

WIDE, SLIM = 1020.0, 300.0
"""Widths that figures are laid out for: a desk, and a telephone [px]."""


@dataclass(frozen=True)
class Figure:
    """One figure."""

    name: str
    """Of its file, and of its place on the page."""
    title: str
    note: Callable[[Plan], str]
    """How to read it."""
    draw: Callable[[Plan, float], Scene | None]
    """The figure at a width; None where the plan has nothing to draw."""
    describe: Callable[[Plan], str]
    """What it shows, in words."""


def _always(note: str) -> Callable[[Plan], str]:
    return lambda _: note


FIGURES = (
    Figure("routes", routes.TITLE, _always(routes.NOTE), routes.draw, routes.describe),
    Figure("cost", waterfall.TITLE, _always(waterfall.NOTE), waterfall.draw, waterfall.describe),
    Figure("tokens", tokens.TITLE, _always(tokens.NOTE), tokens.draw, tokens.describe),
    Figure("payments", payments.TITLE, _always(payments.NOTE), payments.draw, payments.describe),
    Figure("latency", latency.TITLE, latency.note, latency.draw, latency.describe),
    Figure("memory", memory.TITLE, _always(memory.NOTE), memory.draw, memory.describe),
    Figure("load", load.TITLE, load.note, load.draw, load.describe),
    Figure("others", others.TITLE, _always(others.NOTE), others.draw, others.describe),
    Figure("frontier", frontier.TITLE, _always(frontier.NOTE), frontier.draw, frontier.describe),
    Figure("tornado", tornado.TITLE, _always(tornado.NOTE), tornado.of_plan, tornado.describe),
)
"""In the order of the page."""


def files(plan: Plan) -> dict[str, str | bytes]:
    """Return every figure as an SVG and a PNG file."""
    from planner.report.figures.png import png
    from planner.report.figures.svg import standalone

    made: dict[str, str | bytes] = {}
    for figure in FIGURES:
        scene = figure.draw(plan, WIDE)
        if scene is not None:
            made[f"{figure.name}.svg"] = standalone(scene, figure.title, figure.describe(plan))
            made[f"{figure.name}.png"] = png(scene)
    return made
