"""APIs against own machines in console and Markdown: the same words, and nothing where no API could serve."""

from __future__ import annotations

from typing import Any

import pytest

from planner.domain.plan import Plan
from planner.domain.plan_costs import BuyOrBuild, Crossing
from planner.report import buying, markdown

MEETS = Crossing(
    deployment="org/small bf16 on mini", offer="mini on_demand", machine_hourly=0.8, requests_per_month=1216667.4, hourly=0.8,
    replica_load=0.02, per_million_full=0.016,
)  # fmt: skip
SERVED: dict[str, Any] = {
    "workload": "chat", "requests_per_month": 2e6, "apis": ("cloud/small",), "api_hourly": 1.3, "api_per_million": 0.48,
    "own_hourly": 0.8, "own_calls": 1.0, "own_per_million": 0.3, "own_per_million_full": 0.12, "utilization": 0.4,
    "breakeven_utilization": 0.25, "breakeven": MEETS,
}  # fmt: skip
ALL_API = {"own_hourly": None, "own_calls": 0.0, "own_per_million": None, "own_per_million_full": None, "utilization": None}


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ({}, ["chat", "$1.30/h", "$0.80/h", "$0.30 → $0.12", "$0.48", "1,216,667/month", "25%"]),
        ({"own_calls": 0.5}, ["chat", "$1.30/h", "$0.80/h for 50%", "$0.30 → $0.12", "$0.48", "1,216,667/month", "25%"]),
        (ALL_API, ["chat", "$1.30/h", "none", "→ $0.016", "$0.48", "1,216,667/month", "25%"]),
        (
            {**ALL_API, "breakeven": None, "breakeven_utilization": None},
            ["chat", "$1.30/h", "none", "", "$0.48", "never", "never"],
        ),
        (
            {"breakeven": None, "breakeven_utilization": 1.2},
            ["chat", "$1.30/h", "$0.80/h", "$0.30 → $0.12", "$0.48", *["never"] * 2],
        ),
    ],
)
def test_a_row(plan: Plan, fields: dict[str, Any], row: list[str]) -> None:
    made = plan.model_copy(update={"buy_or_build": (BuyOrBuild(**{**SERVED, **fields}),)})
    assert buying.rows(made) == [row]
    assert "## APIs against own machines" in markdown.render(made)


def test_nothing_to_say(plan: Plan) -> None:
    assert buying.rows(plan) == []
    assert "against own machines" not in markdown.render(plan)
