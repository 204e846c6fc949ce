"""Alternatives, frontiers and sensitivities in words."""

from __future__ import annotations

import made_plans
import pytest

from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative, Explored, Frontier, FrontierPoint, Moved, Sensitivity
from planner.report import choices, markdown, tables
from planner.report.figures import WIDE, others, tornado
from planner.report.figures.axis import around
from planner.report.figures.frontier import draw as frontier
from planner.report.figures.scene import Box, Dot, Words


def with_plans(plan: Plan, *found: Alternative) -> Plan:
    return plan.model_copy(update={"alternatives": found})


@pytest.fixture
def found() -> Plan:
    """The quickstart at $4.58/h and what may be found around it."""
    plan = made_plans.quickstart()
    points = (
        FrontierPoint(value=30.0, cost=None, why="infeasible: too slow"),
        FrontierPoint(value=45.0, cost=100.0, bound=99.0),
        FrontierPoint(value=60.0, cost=plan.cost.total, bound=plan.proof.bound),
    )
    prices = Sensitivity(
        name="prices", low=Moved(to="x0.8", cost=3.664), high=Moved(to="x1.2", cost=5.496, bound=5.4), sure=True,
        standing="published", source="a",
    )  # fmt: skip
    gone = Sensitivity(name="gpus", low=Moved(to="0", cost=None, why="infeasible"), high=Moved(to="9", cost=4.58), sure=True)
    still = Sensitivity(name="hits", low=Moved(to="0.1", cost=4.58), high=Moved(to="0.2", cost=4.58), sure=False)
    return plan.model_copy(
        update={
            "frontiers": (Frontier(about="chat TPOT p95", unit="ms", planned=60.0, points=points),),
            "sensitivities": (gone, prices, still),
            "alternatives": (
                Alternative(name="reserving", cost=2.0, allowed=False),
                Alternative(name="without b", cost=None, why="infeasible: none"),
                Alternative(name="without a", cost=9.16, bound=9.0, gives_up=("x", "y")),
            ),
            "explored": Explored(solves=1, gap=0.01, notes=("not moved: a trace",)),
        }
    )


def test_plans_are_ranked_and_compared(found: Plan) -> None:
    _, rows = choices.alternatives(found)
    assert [row[:3] for row in rows] == [
        ["without a", "$9.16/h", "+$4.58/h (+100%)"],
        ["without b", "no plan", ""],
        ["reserving (not allowed now)", "$2.00/h", "−$2.58/h (−56%)"],
    ]
    assert (rows[0][4], rows[1][3]) == ("x\ny", "infeasible: none")


def test_questions_with_the_same_answer_stand_together(found: Plan) -> None:
    """Unless something that is told of them differs: what they gain, or how sure the cost is."""
    asked = [Alternative(name=name, cost=9.16, bound=9.0, changes=("no a",)) for name in ("without a", "without b", "in c")]
    apart = Alternative(name="no spot", cost=9.16, bound=9.0, changes=("no a",), gains=("steadier",))
    plan = with_plans(found, *asked, apart)
    _, rows = choices.alternatives(plan)
    assert [row[0] for row in rows] == ["without a\nwithout b\nin c", "no spot"]
    assert [choices.in_short(one) for one in choices.ranked(plan)] == ["without a and 2 more", "no spot"]
    assert "without a, without b, in c $9.16/h" in others.describe(plan)


def test_what_proofs_cannot_tell_is_said_to_be_within_the_gap() -> None:
    """Best costs lie in [4.4, 4.6] and at least 4.58: they may be the same."""
    plan = made_plans.quickstart()
    one = Alternative(name="x", cost=4.6, bound=4.4)
    assert choices.against(plan, one).endswith("within the gap")
    assert not choices.against(plan, one.model_copy(update={"bound": 4.59})).endswith("within the gap")
    assert choices.against(plan, one.model_copy(update={"cost": plan.cost.total})) == "the same"


def test_none_found_is_not_none(found: Plan) -> None:
    """A solve that ran out of time proves nothing: its number is not said to matter, and its level is not said to be empty."""
    late = Moved(to="9", cost=None, why="no plan in time: no plan was found within 20 s")
    assert choices.cost(late) == "none found"
    one = Sensitivity(name="x", low=late, high=Moved(to="10", cost=5.0), sure=False)
    assert one.swing(4.58) == pytest.approx(0.42)
    gone = Moved(to="9", cost=None, why="infeasible")
    assert (choices.cost(gone), one.model_copy(update={"low": gone}).swing(4.58)) == ("no plan", float("inf"))


def test_levels_say_which_is_the_plans_and_why_there_is_none(found: Plan) -> None:
    _, rows = choices.levels(found)
    assert [row[1:] for row in rows] == [
        ["30 ms", "no plan", "", "infeasible: too slow"], ["45 ms", "$100.00/h", "+$95.42/h", ""],
        ["60 ms", "$4.58/h", "this plan", ""],
    ]  # fmt: skip


def test_what_matters_most_is_ranked_with_its_source(found: Plan) -> None:
    first, second = choices.sentences(found)
    assert first == "Gpus: not every way leaves a plan (0 no plan, 9 no change)."
    assert second == "Prices: the cost spans $1.83/h, 40% of it (x0.8 −$0.916/h, x1.2 +$0.916/h). Published: a."
    assert choices.silent(found) == "No effect that the proofs can tell: hits."
    assert choices.notes(found) == [
        "1 variant of the problem solved, each to within 1% of its best, checked like the plan itself.", "Not moved: a trace."
    ]  # fmt: skip


def test_markdown_and_tables_hold_all_of_it(found: Plan) -> None:
    text = markdown.render(found)
    for title in (
        "## Other plans",
        "## What it rests on, by what it does to the cost",
        "Cost at other levels",
        "How these were found",
    ):
        assert title in text
    made = tables.rows_of(found)
    assert [row["why"] for row in made["frontiers"]] == ["infeasible: too slow", "", ""]
    assert made["alternatives"][2]["gives_up"] == "x; y"
    assert (made["sensitivities"][1]["low_cost"], made["sensitivities"][1]["high_to"]) == (3.664, "x1.2")


def test_a_plan_that_was_not_explored_holds_none_of_it() -> None:
    plan = made_plans.quickstart()
    text = markdown.render(plan)
    assert "Other plans" not in text
    assert choices.HOW in text
    assert not {"alternatives", "frontiers", "sensitivities"} & tables.rows_of(plan).keys()


def test_figures_are_true_to_what_was_found(found: Plan) -> None:
    drawn = others.draw(found, WIDE)
    assert drawn is not None
    this, dearer, cheaper = (one for one in drawn.shapes if isinstance(one, Box))
    assert dearer.width == pytest.approx(2.0 * this.width)
    assert (this.fill, dearer.fill, cheaper.fill) == ("c1", "c2", "c3")
    swings = tornado.of_plan(found, WIDE)
    assert swings is not None
    down, up = [one for one in swings.shapes if isinstance(one, Box) and one.says.startswith("prices")]
    assert down.x + down.width == pytest.approx(up.x)  # they meet at the plan's own cost
    assert [one.text for one in swings.shapes if isinstance(one, Words) and "no plan" in one.text] == ["0: no plan"]


def test_a_cost_far_above_is_written_at_the_edge(found: Plan) -> None:
    """$100/h is more than five times $4.58/h: the others could not be told apart below it."""
    scene = frontier(found, WIDE)
    assert scene is not None
    dots = [one for one in scene.shapes if isinstance(one, Dot)]
    assert len(dots) == 2
    assert [one.text for one in scene.shapes if isinstance(one, Words) and one.text.startswith("↑")] == ["↑ $100.00"]
    assert [one.fill for one in scene.shapes if isinstance(one, Box)] == ["sunk"]


@pytest.mark.parametrize(("low", "high"), [(-1.3, 2.2), (0.0, 9.0), (-0.4, 0.0), (-250.0, 3.0)])
def test_ticks_around_nothing_reach_both_ends(low: float, high: float) -> None:
    marks = around(low, high)
    assert 0.0 in marks
    assert marks[0] <= low
    assert marks[-1] >= high
