"""How often periods follow each other: counted in a calendar, or from the time in which they come around."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.problem import Period
from planner.errors import InvalidInput

DAY = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]


def follows(folder: Path, **fields: Any) -> dict[str, dict[str, float]]:
    periods: tuple[Period, ...] = tiny.load(folder, tiny.problem(**fields)).problem.periods
    return {period.name: period.follows for period in periods}


def asked(cycle: str | None = "24h") -> dict[str, Any]:
    return {"autoscaling": {"cycle": cycle} if cycle else {}}


def issues(folder: Path, **fields: Any) -> list[str]:
    try:
        return [f"{one.path}: {one.message}" for one in tiny.load(folder, tiny.problem(**fields)).warnings]
    except InvalidInput as error:
        return [f"{one.path}: {one.message}" for one in error.issues]


def test_a_day_goes_around_once_and_a_month_of_days_as_often_as_it_has_them(tmp_path: Path) -> None:
    assert follows(tmp_path, periods=DAY, operations=asked()) == {"day": {"night": 1}, "night": {"day": 1}}
    month = [{"name": "day", "hours": 300}, {"name": "night", "hours": 420}]
    assert follows(tmp_path, periods=month, operations=asked()) == {"day": {"night": 30}, "night": {"day": 30}}


def test_each_period_follows_the_one_before_it_and_the_first_the_last(tmp_path: Path) -> None:
    three = [{"name": name, "hours": 8} for name in ("noon", "evening", "night")]
    assert follows(tmp_path, periods=three, operations=asked()) == {
        "noon": {"night": 1}, "evening": {"noon": 1}, "night": {"evening": 1},
    }  # fmt: skip


def test_stretches_of_months_go_around_by_themselves_and_follow_each_other_once(tmp_path: Path) -> None:
    rows = [
        {"name": f"{part} {half}", "hours": hours, "months": months}
        for half, months in ((1, [0, 6]), (2, [6, 12]))
        for part, hours in (("day", 1825), ("night", 2555))
    ]
    found = follows(tmp_path, periods=rows, operations=asked())
    assert found["night 1"] == {"day 1": 182.5}
    assert found["day 1"] == {"night 1": 182.5}
    assert found["day 2"] == {"night 2": 182.5, "night 1": 1}


def test_scenarios_count_with_their_probability(tmp_path: Path) -> None:
    two = [{"name": "base", "probability": "75%"}, {"name": "high", "probability": "25%", "demand": 2.0}]
    found = follows(tmp_path, periods=DAY, scenarios=two, operations=asked())
    assert found["day @ high"] == {"night @ high": 0.25}
    assert found["night @ base"] == {"day @ base": 0.75}


def test_a_calendar_is_counted_hour_by_hour(tmp_path: Path) -> None:
    """February 2027 begins on a Monday and ends on a Sunday: 20 working days, each entered and left once; all end at night."""
    chat = tiny.workload(demand={"rate": "8 req/s", "shape": "office_hours"})
    horizon = {"start": "2027-02", "months": 2, "step": "month", "typical_hours": 2}
    found = follows(tmp_path, workloads=[chat], horizon=horizon, operations=asked(None))
    assert found["2027-02 h1"] == {"2027-02 h2": 20}
    assert found["2027-02 h2"] == {"2027-02 h1": 20}
    assert found["2027-03 h2"] == {"2027-02 h2": 1, "2027-03 h1": 23}
    assert found["2027-03 h1"] == {"2027-03 h2": 23}


def test_nothing_is_counted_where_nobody_asks(tmp_path: Path) -> None:
    assert set(map(str, follows(tmp_path, periods=DAY).values())) == {"{}"}


STATED = [{"name": "day", "hours": 300, "follows": {"night": 30}}, {"name": "night", "hours": 420, "follows": {"day": 30}}]


def test_times_may_be_stated(tmp_path: Path) -> None:
    assert follows(tmp_path, periods=STATED, operations=asked(None)) == {"day": {"night": 30}, "night": {"day": 30}}


HORIZON = {"start": "2027-01", "months": 1}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"periods": DAY, "operations": asked(None)},
            "operations.autoscaling: it is not said how often the periods follow each other",
        ),
        ({"periods": DAY, "operations": asked("25h")}, "operations.autoscaling.cycle: periods are to come around after 25 h"),
        ({"horizon": HORIZON, "operations": asked()}, "operations.autoscaling.cycle: the calendar of the horizon says how often"),
        ({"periods": STATED, "operations": asked()}, "operations.autoscaling.cycle: cycle and `follows` at periods both say"),
        ({"periods": STATED}, "periods[0].follows: it has no effect without autoscaling"),
        ({"operations": asked()}, "operations.autoscaling: it has no effect: there is one period"),
        (
            {"periods": [{**STATED[0], "follows": {"dawn": 3}}, STATED[1]], "operations": asked(None)},
            "periods[0].follows.dawn: day follows dawn, which is no period",
        ),
        (
            {"periods": [{**STATED[0], "follows": {"day": 3}}, STATED[1]], "operations": asked(None)},
            "periods[0].follows.day: day follows itself",
        ),
        (
            {"periods": [{**STATED[0], "follows": {"night": 20}}, STATED[1]], "operations": asked(None)},
            "periods[0].follows: day begins 20 times and ends 30 times",
        ),
    ],
)
def test_what_is_not_known_or_said_twice_is_told(tmp_path: Path, fields: dict[str, Any], told: str) -> None:
    chat = tiny.workload(rate="4 req/s")
    assert any(said.startswith(told) for said in issues(tmp_path, workloads=[chat], **fields))
