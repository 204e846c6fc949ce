"""A plan as one page that needs nothing else: figures, tables and sentences, in light and dark, on a desk and on paper."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.report import choices
from planner.report.figures.palette import DARK, LIGHT, classes, variables
from planner.report.figures.svg import FACE
from planner.report.ink import printable
from planner.report.page import parts
from planner.report.page.pieces import pieces_of
from planner.report.words import proof

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def render(plan: Plan) -> str:
    """Write a plan as an HTML page.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
        One file: style and figures are in it, there is no script, and a content policy forbids loading anything. The same
        plan gives the same page.
    """
    pieces = pieces_of(plan)
    weak, other, standings = parts.facts(plan)
    return _template().render(
        plan=plan,
        style=_style(),
        tiles=parts.tiles(plan),
        proof=proof(plan),
        opening=parts.opening(plan),
        summary=parts.summary(plan),
        first=parts.FIRST,
        parts=parts.fill(plan, pieces),
        found=[piece for piece in pieces if piece.title == "How it was found"],
        checks=parts.checks(plan),
        weak=weak,
        other=other,
        standings=standings,
        alternatives=parts.alternatives(plan),
        matter=list(choices.sentences(plan)),
        silent=choices.silent(plan),
        how=choices.HOW,
    )


def _style() -> str:
    """Return the style sheet with its colours."""
    light, dark = variables(LIGHT), variables(DARK)
    colours = (
        f":root{{color-scheme:light dark;{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"{classes()}body,.fig text{{font-family:{FACE}}}"
    )
    return colours + resources.files(__name__).joinpath("style.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Return what fills the template; every value is escaped, control characters shown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("planner.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )


def _template() -> Template:
    return _environment().get_template("page.html.j2")
