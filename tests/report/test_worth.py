"""What one more is worth, on the page and in Markdown."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.domain.plan_worth import DemandWorth, LimitWorth, Worth
from planner.report import worth
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render as markdown
from planner.report.page import render as page

WORTH = Worth(
    cost=2.9,
    demand=(
        DemandWorth(workload="chat", peak=7.94, hourly=0.1312),
        DemandWorth(workload="search", peak=30.0, hourly=None),
    ),
    limits=(
        LimitWorth(limit="limits.quotas[0]", name="quota of l40s from aws", unit="GPU", hourly=0.481),
        LimitWorth(limit="limits.power", name="power", unit="kW", hourly=0.0),
    ),
)


def test_a_row_says_what_one_more_costs_or_saves(plan: Plan) -> None:
    assert list(worth.rows(plan.model_copy(update={"worth": WORTH}))) == [
        ("demand of chat, 7.94 req/s at its busiest", "req/s", "costs $0.131/h"),
        ("demand of search, 30 req/s at its busiest", "req/s", "unknown"),
        ("quota of l40s from aws", "GPU", "saves $0.481/h"),
        ("power", "kW", "nothing: not scarce"),
    ]


def test_it_stands_among_costs_and_nowhere_without_prices(plan: Plan) -> None:
    priced = plan.model_copy(update={"worth": WORTH})
    for render in (markdown, page):
        text = render(priced)
        assert worth.TITLE in text
        assert "quota of l40s from aws" in text
        assert worth.TITLE not in render(plan)
    assert loads(dumps(priced)).worth == WORTH
    assert "worth" not in dumps(plan)
