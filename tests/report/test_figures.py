"""Figures: within their paper at both widths, the same as SVG and PNG, and true to the plan."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable

import made_plans
import pytest

from planner.domain.plan import Plan
from planner.report.figures import FIGURES, SLIM, WIDE, files, load, waterfall
from planner.report.figures.axis import ticks
from planner.report.figures.png import DENSITY
from planner.report.figures.scene import Area, Box, Curve, Dot, Scene, Stroke, Words, width_of
from planner.report.figures.svg import standalone

MADE: tuple[Callable[[], Plan], ...] = (
    made_plans.quickstart,
    made_plans.scenarios,
    made_plans.levers,
    made_plans.committed,
    made_plans.explored,
)
OVER = 1.0
"""Pixels that a stroke or a rounded figure may reach beyond the paper."""


def reach(scene: Scene) -> tuple[float, float, float, float]:
    """Return the smallest and largest x and y of all shapes, texts by their estimated width."""
    xs, ys = [], []
    for one in scene.shapes:
        if isinstance(one, Words):
            wide = width_of(one.text, one.size) * 0.9  # the estimate is on the wide side
            left = one.x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[one.anchor]
            xs += [left, left + wide]
            ys += [one.y - 0.8 * one.size, one.y]
        elif isinstance(one, Box):
            xs += [one.x, one.x + one.width]
            ys += [one.y, one.y + one.height]
        elif isinstance(one, Dot):
            xs += [one.x - one.radius, one.x + one.radius]
            ys += [one.y - one.radius, one.y + one.radius]
        else:
            points = (one.start, one.end) if isinstance(one, Curve) else one.points
            assert isinstance(one, Curve | Stroke | Area)
            xs += [x for x, _ in points]
            ys += [y for _, y in points]
    return min(xs), max(xs), min(ys), max(ys)


@pytest.mark.parametrize("width", [WIDE, SLIM])
@pytest.mark.parametrize("made", MADE)
def test_nothing_is_drawn_beyond_the_paper(made: Callable[[], Plan], width: float) -> None:
    for figure in FIGURES:
        scene = figure.draw(made(), width)
        if scene is not None:
            left, right, top, bottom = reach(scene)
            assert scene.width == width
            assert (left, top) >= (-OVER, -OVER), figure.name
            assert right <= width + OVER, figure.name
            assert bottom <= scene.height + OVER, figure.name
            assert figure.describe(made()).endswith("."), figure.name


def test_by_hand_made_plans_fit_too(plan: Plan, staged: Plan, simulated: Plan) -> None:
    for one in (plan, staged, simulated):
        for figure in FIGURES:
            for width in (WIDE, SLIM):
                scene = figure.draw(one, width)
                if scene is not None:
                    left, right, _, bottom = reach(scene)
                    assert left >= -OVER, figure.name
                    assert right <= width + OVER, figure.name
                    assert bottom <= scene.height + OVER, figure.name


def test_each_figure_is_an_svg_and_a_png(plan: Plan) -> None:
    made = files(plan)
    names = {name.split(".")[0] for name in made}
    assert names == {"routes", "cost", "latency", "memory", "load"}
    for name in names:
        svg, png = made[f"{name}.svg"], made[f"{name}.png"]
        assert isinstance(svg, str)
        assert isinstance(png, bytes)
        root = ET.fromstring(svg)  # noqa: S314 - our own text
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        wide, high = struct.unpack(">II", png[16:24])
        assert wide == round(float(root.attrib["width"]) * DENSITY)
        assert high == pytest.approx(float(root.attrib["height"]) * DENSITY, abs=2)
        assert "prefers-color-scheme:dark" in svg
        assert "<script" not in svg
    assert files(plan) == made


def test_names_cannot_break_an_svg() -> None:
    scene = Scene(100.0, 20.0)
    scene.words(0.0, 12.0, "<b>&\"'\x01</b>", 400.0)
    root = ET.fromstring(standalone(scene, "<script>", "a & b"))  # noqa: S314
    assert [one.text for one in root.iter() if one.tag.endswith("}text")] == ["<b>&\"'\ufffd</b>"]


def test_the_waterfall_ends_at_the_total() -> None:
    plan = made_plans.quickstart()
    assert sum(value for _, value in waterfall.lines(plan)) == pytest.approx(plan.cost.total)
    scene = waterfall.draw(plan, WIDE)
    assert scene is not None
    bars = [one for one in scene.shapes if isinstance(one, Box)]
    total = bars[-1]
    assert bars[-2].x + bars[-2].width == pytest.approx(total.x + total.width, abs=0.5)
    assert sum(bar.width for bar in bars[:-1]) == pytest.approx(total.width, abs=0.5)


def test_without_a_statement_the_parts_of_the_cost_are_drawn(plan: Plan) -> None:
    assert waterfall.lines(plan) == [("machines", 70.1), ("APIs", 6.2), ("operations", 2.0), ("misses", 0.13125)]


def test_spares_carry_no_load(plan: Plan) -> None:
    first = plan.pools[0].loads[0]
    assert load.busy(first) == pytest.approx(4 * 0.744)
    assert load.busy(first.model_copy(update={"spares": 1})) == pytest.approx(3 * 0.744)


def test_each_scenario_has_its_panel() -> None:
    found = load.panels(made_plans.scenarios())
    assert [panel.name for panel in found] == ["P1, if low comes", "P1, if high comes"]
    assert [[name for name, _ in panel.periods] for panel in found] == [["H1", "H2"], ["H1", "H2"]]


def test_scenarios_whose_periods_are_named_otherwise_stay_together() -> None:
    plan = made_plans.scenarios()
    assert plan.futures is not None
    others = tuple(one.model_copy(update={"name": f"the {one.name} one"}) for one in plan.futures.scenarios)
    told = plan.model_copy(update={"futures": plan.futures.model_copy(update={"scenarios": others})})
    assert [len(panel.loads) for panel in load.panels(told)] == [4]


@pytest.mark.parametrize("most", [0.003, 0.9, 1.0, 7.3, 99.0, 1e6])
def test_ticks_reach_the_largest_and_no_more_than_a_step_beyond(most: float) -> None:
    found = ticks(most)
    step = found[1]
    assert found[0] == 0.0
    assert most <= found[-1] * (1 + 1e-9) < most + step * 1.000001
    assert 3 <= len(found) <= 12


def test_a_cut_text_is_shown_in_full_by_a_pointer() -> None:
    scene = Scene(100.0, 20.0)
    scene.words(0.0, 12.0, "mistralai/Mistral-Small-24B", 80.0)
    made = scene.shapes[0]
    assert isinstance(made, Words)
    assert made.text.endswith("…")
    assert made.says == "mistralai/Mistral-Small-24B"
