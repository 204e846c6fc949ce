"""The page: whole, well-formed, without scripts or requests, readable by all, and nothing in a plan can change its markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import made_plans
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markup_check import read, structure_wrongs

from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative, Frontier, FrontierPoint
from planner.report import choices
from planner.report.figures.palette import DARK, LIGHT, SERIES
from planner.report.ink import printable
from planner.report.page import render
from planner.report.page.pieces import pieces_of

LARGEST = 3_000_000
"""Bytes that a page may have."""

Made = Callable[[], Plan]
PLANS: tuple[Made, ...] = (
    made_plans.quickstart,
    made_plans.scenarios,
    made_plans.levers,
    made_plans.committed,
    made_plans.explored,
)

TAGS = {
    "html", "head", "meta", "title", "style", "link", "body", "a", "header", "div", "p", "h1", "h2", "h3", "dl", "dt", "dd",
    "strong", "span", "nav", "ul", "li", "main", "section", "figure", "figcaption", "svg", "desc", "rect", "circle", "path",
    "polyline", "polygon", "text", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "br",
    "footer", "code", "ol",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "rel", "href", "class", "id", "aria-label", "aria-labelledby",
    "aria-hidden", "role", "tabindex", "scope", "viewbox", "width", "height", "x", "y", "cx", "cy", "r", "rx", "points", "d",
    "fill", "stroke-width", "stroke-dasharray", "font-size", "text-anchor",
}  # fmt: skip


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("made", PLANS)
def test_a_page_is_well_formed_and_readable_by_all(made: Made) -> None:
    page = read(render(made()))
    assert structure_wrongs(page) == []
    assert {one.tag for one in page.elements} <= TAGS
    assert {name for one in page.elements for name in one.attributes} <= ATTRIBUTES
    assert page.of("html")[0].attributes["lang"] == "en"


def test_by_hand_made_plans_too(plan: Plan, simulated: Plan, staged: Plan) -> None:
    for one in (plan, simulated, staged):
        assert structure_wrongs(read(render(one))) == []


@pytest.mark.parametrize("made", PLANS)
def test_a_page_needs_nothing_else(made: Made) -> None:
    """No script, no request: every link stays on the page, and a policy forbids the rest."""
    text = render(made())
    page = read(text)
    links = [one.attributes["href"] for one in page.elements if "href" in one.attributes]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert not re.search(r"url\(|@import|<script|\bsrc=|javascript:", text)
    policy = next(one for one in page.of("meta") if one.attributes.get("http-equiv"))
    assert policy.attributes["content"].startswith("default-src 'none';")
    assert len(text.encode()) < LARGEST


@pytest.mark.parametrize("made", PLANS)
def test_nothing_of_the_report_is_lost(made: Made) -> None:
    plan = made()
    page = read(render(plan))
    text = squeezed("".join(page.texts))
    for said in (*plan.reasons, *plan.warnings, *(fact.statement for fact in plan.facts), *(fact.source for fact in plan.facts)):
        assert squeezed(printable(said)) in text
    captions = [one.text for one in page.of("caption")]
    for piece in pieces_of(plan):
        if not piece.title.startswith(("Warnings", "Why this plan", "What it rests on")):
            assert piece.title in (*captions, *(one.text for one in page.of("h3", "summary")))
    for pool in plan.pools:
        assert pool.deployment.model in text


def test_the_same_plan_gives_the_same_page(plan: Plan) -> None:
    assert render(plan) == render(plan.model_copy())


def test_what_is_drawn_is_also_said(plan: Plan) -> None:
    """Every figure says in words what it shows, on a desk and on a telephone."""
    page = read(render(plan))
    said = [one.text for one in page.of("desc")]
    assert len(said) == len(page.of("svg")) == 2 * len(page.of("figure"))
    assert any("chat on P1: TTFT p95: 410 ms of 500 ms, kept" in text for text in said)
    assert any("weights 17.9 GB" in text for text in said)


def test_marks_are_also_words(plan: Plan) -> None:
    text = render(plan)
    assert '<span class="mark good" aria-hidden="true">✓</span><span class="hidden">kept</span>' in text
    assert '<span class="mark bad" aria-hidden="true">✗</span><span class="hidden">missed</span>' in text


def test_what_was_found_around_a_plan_shows() -> None:
    """Every other plan with what it gives up, every level, every number ranked by what it does, and what was left out."""
    plan = made_plans.explored()
    text = squeezed("".join(read(render(plan)).texts))
    for one in plan.alternatives:
        for said in (one.name, *one.changes, *one.gives_up, *one.gains):
            assert said in text
    assert "exam floor" in text
    assert "80 points" in text
    assert "Machine prices: the cost spans $0.88/h, 40% of it (x0.8 −$0.44/h, x1.2 +$0.44/h). Published: test (2026-01)." in text
    assert "No effect that the proofs can tell: model error" in text
    assert "Left out, for want of solves" in text
    assert choices.HOW not in text


def test_a_plan_that_was_not_explored_says_how(plan: Plan) -> None:
    assert choices.HOW in squeezed("".join(read(render(plan)).texts))


def test_frontiers_and_alternatives_show_where_there_are_any(plan: Plan) -> None:
    assert 'id="choices"' not in render(plan)
    points = (
        FrontierPoint(value=300.0, cost=None),
        FrontierPoint(value=500.0, cost=78.4, bound=77.0),
        FrontierPoint(value=800.0, cost=60.0),
    )
    frontier = Frontier(about="TTFT p95 of chat", unit="ms", planned=500.0, points=points)
    other = Alternative(name="one pool", cost=91.2, changes=("all on P1",), gives_up=("night spot prices",))
    none = Alternative(name="no GPUs", cost=None)
    page = read(render(plan.model_copy(update={"frontiers": (frontier,), "alternatives": (other, none)})))
    assert structure_wrongs(page) == []
    text = squeezed("".join(page.texts))
    for said in ("TTFT p95 of chat: 300 ms no plan, 500 ms $78.40/h", "one pool", "+16%", "night spot prices", "no plan"):
        assert said in text


# Names cannot inject markup


HOSTILE = "</td></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}<br>&amp;\x00"
_FIXED = {
    "version",
    "metric",
    "termination",
    "standing",
    "kind",
    "tier",
    "binding",
    "start",
    "role",
    "weights",
    "minimized",
    "unit",
    "tighter",
}


def _with(node: Any, change: Callable[[str], str], key: str = "") -> Any:
    """Return a plan's body with every free text changed, names of periods and the like wherever they stand."""
    if isinstance(node, str):
        return node if key in _FIXED else change(node)
    if isinstance(node, dict):
        names = {
            name: change(name) if key in ("periods", "machines", "units", "used", "streams", "settings", "budgets") else name
            for name in node
        }
        return {names[name]: _with(value, change, name if names[name] == name else "") for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_with(one, change, key) for one in node]
    return node


def changed(plan: Plan, change: Callable[[str], str]) -> Plan:
    return Plan.model_validate(_with(plan.model_dump(mode="python"), change))


def test_no_name_can_inject_markup(staged: Plan, simulated: Plan) -> None:
    for plan in (staged, simulated, made_plans.explored()):
        text = render(changed(plan, lambda name: name + HOSTILE))
        page = read(text)
        assert structure_wrongs(page) == []
        assert {one.tag for one in page.elements} <= TAGS
        assert {name for one in page.elements for name in one.attributes} <= ATTRIBUTES
        assert "<script" not in text
        assert "<img" not in text
        assert "49" not in {one.text for one in page.of("h1")}
        assert "\x00" not in text
        assert "alert(1)" in "".join(page.texts)  # it is shown, as text


@settings(max_examples=25, deadline=None)
@given(name=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), min_size=1, max_size=30))
def test_any_name_leaves_the_markup_alone(name: str) -> None:
    page = read(render(changed(made_plans.levers(), lambda one: one + " " + name)))
    assert structure_wrongs(page) == []
    assert {one.tag for one in page.elements} <= TAGS
    assert {one for element in page.elements for one in element.attributes} <= ATTRIBUTES


# Colours


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: (L₁ + 0.05)/(L₂ + 0.05), L the relative luminance of the lighter and the darker."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_stands_out(colours: dict[str, str]) -> None:
    """4.5 for text (WCAG 1.4.3), figures in bars included; 3 for what figures tell apart (1.4.11)."""
    for text, ground in product(("ink", "soft", "accent", "good", "bad", "warn"), ("paper", "ground", "sunk")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for bar in SERIES:
        assert contrast(colours[bar], colours["paper"]) >= 4.5, bar
    for text, ground in (("c1", "faint1"), ("ink", "faint3")):
        assert contrast(colours[text], colours[ground]) >= 3.0
