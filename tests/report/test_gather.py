"""What is shown and what is folded."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.report import gather


def test_promises_are_shown_once_in_their_worst_period(plan: Plan) -> None:
    rows = gather.kept(plan)
    assert [(row.worst.stream, row.worst.metric, row.worst.period, row.periods) for row in rows] == [
        ("chat", "ttft", "day", 2),
        ("chat", "tpot", "day", 2),
        ("chat", "ttft", "day", 1),  # through the API
        ("assistant", "ttft", "day", 1),
    ]


def test_a_missed_period_is_not_hidden_by_a_slower_one_that_holds(plan: Plan) -> None:
    slow, missed = plan.promises[0], plan.promises[1].model_copy(update={"holds": False})
    rows = gather.kept(plan.model_copy(update={"promises": (slow, missed)}))
    assert [row.worst.period for row in rows] == ["night"]


def test_flows_are_grouped_by_stream(plan: Plan) -> None:
    assert [(flow.stream, flow.route) for flow in gather.flows(plan)] == [
        ("chat", "P1"),
        ("chat", "openai/gpt-4o-mini"),
        ("assistant", "P1"),
        ("documents", "P2"),
    ]


def test_a_period_without_flow_shows_none(plan: Plan) -> None:
    assistant = gather.flows(plan)[2]
    assert gather.over_periods(plan, assistant, lambda share: share.rate) == {"day": 2.0, "night": 0.0}


def test_the_weakest_fact_comes_first(plan: Plan) -> None:
    assert [fact.standing for fact in gather.weakest(plan.facts)] == [
        *["assumed"] * 3,
        "fitted",
        *["published"] * 2,
        "measured",
        "stated",
    ]


def test_the_busiest_period_is_shown(plan: Plan) -> None:
    load = gather.busiest(plan.pools[0])
    assert load is not None
    assert (load.period, load.binding) == ("day", "iteration")


def test_many_periods_read_as_a_range() -> None:
    assert gather.by_period({str(hour): 2 + hour % 7 for hour in range(24)}, str) == ("2–8",)


def test_figures_that_read_the_same_are_written_once() -> None:
    assert gather.by_period({"day": 1.0001, "night": 1.0002}, lambda value: f"{value:.1f}") == ("1.0",)
