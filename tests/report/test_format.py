"""Figures read the same everywhere and never lie by rounding."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.report import format as fmt


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "$0"), (0.0031416, "$0.00314"), (0.42, "$0.42"), (0.999999, "$1.00"), (999.99, "$999.99"), (999.996, "$1,000")],
)
def test_money(value: float, text: str) -> None:
    assert fmt.money(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 ms"), (2e-5, "0.02 ms"), (0.0999, "99.9 ms"), (0.9994, "999 ms"), (1.0, "1 s"), (119.0, "119 s"), (7200.0, "2 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


def test_shares_never_round_into_all_or_nothing() -> None:
    assert [fmt.percent(share) for share in (0.0, 1e-9, 0.999999, 1.0)] == ["0%", "<0.01%", ">99.9%", "100%"]
    assert fmt.percent(0.996) == "99.6%"
    assert fmt.percent(0.0996) == "10%"


def test_percentages_below_zero() -> None:
    assert fmt.margin(-0.04) == "−4%"
    assert fmt.margin(-0.5) == "−50%"
    assert fmt.margin(-1e-9) == "−<0.01%"


def test_what_is_not_a_number_says_so() -> None:
    assert fmt.significant(math.nan) == "n/a"
    assert fmt.money(math.inf) == "$∞"


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_significant_is_within_half_a_last_digit(value: float) -> None:
    """Three significant digits are off by at most half of the third: 0.5 %."""
    assert float(fmt.significant(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


@given(st.floats(min_value=0, max_value=1e9))
def test_money_is_within_half_a_percent_or_half_a_cent(value: float) -> None:
    shown = float(fmt.money(value)[1:].replace(",", ""))
    assert shown == pytest.approx(value, rel=0.0051, abs=0.0050001 if value >= 1 else 0)


@given(st.floats(min_value=1e-7, max_value=1e6))
def test_rate_keeps_its_value_in_any_unit(per_second: float) -> None:
    number, unit = fmt.rate(per_second).split("/")
    seconds = {"s": 1, "min": 60, "h": 3600, "day": 86400}[unit]
    assert float(number.replace(",", "")) / seconds == pytest.approx(per_second, rel=0.0051)
