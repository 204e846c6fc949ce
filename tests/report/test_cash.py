"""Payments over a horizon in both reports."""

from __future__ import annotations

from planner.domain.plan import Plan
from planner.domain.plan_procurement import Cash, CashMonth
from planner.report import cash
from planner.report.markdown import render
from planner.report.words import paid_how


def paid(months: int) -> Cash:
    """A dollar of rent in each month, and $100 for machines in month 1."""
    rows = [
        CashMonth(month=m, rented=1, reserved=0, bought=100.0 * (m == 1), running=0, apis=0, other=0, total=1 + 100.0 * (m == 1))
        for m in range(months)
    ]
    total = 100.0 + months
    return Cash(discount_rate=0.08, months=tuple(rows), total=total, npv=0.9 * total, owed_after=7.0, worth_after=60.0)


def test_rows_are_months_quarters_or_half_years(plan: Plan) -> None:
    assert [len([*cash.spans(plan, paid(count))]) for count in (6, 12, 13, 36)] == [6, 12, 5, 12]
    assert [name for name, _ in cash.spans(plan, paid(13))][-2:] == ["months 9–12", "month 12"]
    dated = plan.model_copy(update={"start": "2027-11"})
    assert [name for name, _ in cash.spans(dated, paid(13))][-2:] == ["2028-08 to 2028-10", "2028-11"]
    assert [name for name, _ in cash.spans(dated, paid(3))] == ["2027-11", "2027-12", "2028-01"]


def test_what_is_never_paid_has_no_column() -> None:
    assert cash.parts_of(paid(3)) == ["rented", "bought"]


def test_sums_and_what_is_left_are_told() -> None:
    said = cash.summary(paid(6))
    assert said == (
        "$106.00 paid over 6 months, worth $95.40 at the start, at 8% a year; $7.00 still owed for reserved machines after the "
        "horizon; machines bought are then worth $60.00."
    )


def test_both_reports_have_them(plan: Plan) -> None:
    text = render(plan.model_copy(update={"cash": paid(6)}))
    assert "## Payments" in text
    assert "| month 1 |  $1.00 | $100.00 | $101.00 |" in text
    assert "| in all  |  $6.00 | $100.00 | $106.00 |" in text
    assert "## Payments" not in render(plan)


def test_purchases_say_when_they_are_ordered_and_there(plan: Plan) -> None:
    buy = plan.purchases[0]
    assert paid_how(plan, buy) == ["reserved 1y"]
    assert paid_how(plan, buy.model_copy(update={"live": (6, 18), "ordered": 6})) == ["reserved 1y", "months 6–18"]
    early = buy.model_copy(update={"live": (6, 18), "ordered": 3})
    assert paid_how(plan, early) == ["reserved 1y", "months 6–18", "ordered in month 3"]
    dated = plan.model_copy(update={"start": "2027-01"})
    later = buy.model_copy(update={"live": (6, 18), "ordered": 3, "scenario": "high"})
    assert paid_how(dated, later) == ["reserved 1y", "2027-07 to 2028-06", "ordered in 2027-04", "if high comes"]
