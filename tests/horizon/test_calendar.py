"""The calendar: lengths of months, weekdays, steps and their names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.horizon import Horizon
from planner.horizon.calendar import hours_of, label, month_numbers, months_until, spans, week_hours


@pytest.mark.parametrize(("start", "hours"), [("2027-01", 744), ("2027-02", 672), ("2028-02", 696), ("2027-04", 720)])
def test_months_have_the_hours_of_the_calendar(start: str, hours: int) -> None:
    assert len(hours_of(start, 0, 1)) == hours


def test_three_years_with_a_leap_day() -> None:
    assert len(hours_of("2027-01", 0, 36)) == (365 + 366 + 365) * 24


@given(st.integers(2000, 2100), st.integers(1, 12), st.integers(0, 40), st.integers(-12, 14))
def test_month_and_hour_of_the_week_are_those_of_the_standard_library(year: int, month: int, day: int, ahead: int) -> None:
    first = datetime(year, month, 1, tzinfo=UTC)
    moment = first + timedelta(days=day, hours=5)
    hours = np.array([moment.strftime("%Y-%m-%dT%H")], dtype="datetime64[h]")
    local = moment + timedelta(hours=ahead)
    assert week_hours(hours, ahead).tolist() == [24 * local.weekday() + local.hour]
    passed = 12 * (moment.year - year) + moment.month - month
    assert month_numbers(hours, f"{year}-{month:02d}").tolist() == [passed]
    assert months_until(f"{year}-{month:02d}", f"{moment.year}-{moment.month:02d}") == passed


def test_steps_follow_each_other() -> None:
    assert spans(Horizon(start="2027-01", months=24, step="year")) == ((0, 12), (12, 24))
    assert spans(Horizon(start="2027-01", months=3)) == ((0, 1), (1, 2), (2, 3))


def test_steps_that_are_no_quarters_or_years_of_the_calendar_are_named_by_their_months() -> None:
    assert label("2027-02", 0, 3) == "2027-02..2027-04"
    assert label("2027-11", 0, 12) == "2027-11..2028-10"
    assert label("2027-10", 3, 6) == "2028Q1"
