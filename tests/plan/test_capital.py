"""Paying early against paying as it is used: which is chosen, where that flips, and what plan, cash flow and check say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

HOURS = 730
NONE = {"term": "1y", "upfront": "none", "price": "$2.00/h"}
ALL = {"term": "1y", "upfront": "all", "price": "$1.90/h"}


def loaded(folder: Path, rate: float, *paid: dict[str, Any], months: int = 12) -> LoadedProblem:
    """One kind of machine: $4 an hour, or committed to for a year in several ways."""
    made = tiny.catalog()
    row = tiny.price("eu-1", "eu", on_demand="$4/h") | {"commitments": list(paid)}
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", row)}
    periods = [{"name": "all", "hours": HOURS * months, "months": [0, months]}]
    chosen = {"offers": {"allow": ["on_demand", "reserved_1y"]}}
    problem = tiny.problem(tiny.workload(), periods=periods, choose=chosen, finance={"discount_rate": rate})
    return tiny.load(folder, problem, made)


def planned(folder: Path, rate: float, *paid: dict[str, Any], months: int = 12) -> tuple[Plan, LoadedProblem]:
    problem = loaded(folder, rate, *paid, months=months)
    return plan_as_stated(problem, lambda _: None), problem


# All upfront costs 1.90·12/ä(r): as much as 2.00 where ä(r)/12 = 0.95. ä(r)/12 is the mean of (1 + r)^(−m/12) over twelve months:
# at 8 % 0.96558 > 0.95, at 11.9 % 0.95026, at 12.1 % 0.94952; the two meet at 11.97 %.
@pytest.mark.parametrize(("rate", "early"), [(0.0, True), (0.08, True), (0.119, True), (0.121, False), (0.3, False)])
def test_all_upfront_is_chosen_up_to_the_rate_at_which_money_costs_what_it_saves(
    tmp_path: Path, rate: float, *, early: bool
) -> None:
    made, _ = planned(tmp_path, rate, NONE, ALL)
    (buy,) = made.purchases
    annuity = sum((1 + rate) ** (-m / 12) for m in range(12))
    assert buy.upfront == (1.0 if early else None)
    assert buy.hourly == pytest.approx(1.90 * 12 / annuity if early else 2.0)
    assert made.cost.total == pytest.approx(buy.hourly * max(buy.machines.values()))


def test_cost_of_capital_is_told_and_cash_is_what_is_really_paid(tmp_path: Path) -> None:
    """A machine of $1.90: 1.90·8,760 = $16,644 at once, nothing later. It costs 1.96773 an hour, of which 0.06773 is capital;
    both are worth the same today."""
    made, problem = planned(tmp_path, 0.08, NONE, ALL)
    (buy,) = made.purchases
    number = buy.machines["all"]
    assert buy.capital == pytest.approx(0.06773, abs=1e-5)
    assert made.cash is not None
    assert [month.reserved for month in made.cash.months] == pytest.approx([number * 16_644.0, *[0.0] * 11])
    assert made.cash.total == pytest.approx((made.cost.total - number * buy.capital) * 8760)
    assert made.cash.npv == pytest.approx(sum(made.cost.total * HOURS / 1.08 ** (m / 12) for m in range(12)))
    statement = made.cost.statement
    assert statement is not None
    assert {line.item: line.hourly for line in statement.lines}["cost of capital"] == pytest.approx(number * buy.capital)
    assert sum(line.cents_per_month for line in statement.lines) == round(made.cost.total * 73_000)
    assert verify(loads(dumps(made)), problem) == []
    text = render(made)
    assert "all upfront" in text
    assert "cost of capital" in text
    assert "for paying 100% upfront, at 8.00% a year" in text


def test_nothing_is_said_of_capital_where_nothing_is_paid_early(tmp_path: Path) -> None:
    made, _ = planned(tmp_path, 0.3, NONE, ALL)
    text = dumps(made)
    assert '"upfront"' not in text
    assert '"capital"' not in text
    assert "cost of capital" not in text


def test_a_term_beyond_the_horizon_is_owed_with_its_capital(tmp_path: Path) -> None:
    """Six months of a year at 1.90·1.03565: twice that within the horizon, all of it paid at the start, nothing owed after."""
    made, problem = planned(tmp_path, 0.08, {**ALL, "price": "$1.50/h"}, months=6)
    (buy,) = made.purchases
    assert buy.hourly == pytest.approx(2 * 1.50 * 12 / 11.586932)
    assert made.cash is not None
    assert (made.cash.months[0].reserved, made.cash.owed_after) == (pytest.approx(1.5 * 8760 * buy.machines["all"]), 0.0)
    assert verify(made, problem) == []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "dearer": ({"capital": 0.2}, "for paying early stated"),
    "hidden": ({"capital": None}, "for paying early stated"),
    "another share": ({"upfront": None}, "for paying early stated"),
    "not reserved": ({"kind": "on_demand"}, "paid upfront, though it is not reserved"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_check_finds_wrong_capital(tmp_path: Path, name: str) -> None:
    change, said = WRONG[name]
    made, problem = planned(tmp_path, 0.08, NONE, ALL)
    wrong = made.model_copy(update={"purchases": (made.purchases[0].model_copy(update=change),)})
    assert any(said in sentence for sentence in verify(wrong, problem))


def test_the_check_finds_payments_that_are_not_the_price(tmp_path: Path) -> None:
    made, problem = planned(tmp_path, 0.08, NONE, ALL)
    assert made.cash is not None
    first = made.cash.months[0]
    less = first.model_copy(update={"reserved": first.reserved / 2, "total": first.total - first.reserved / 2})
    wrong = made.model_copy(update={"cash": made.cash.model_copy(update={"months": (less, *made.cash.months[1:])})})
    assert any("cash.reserved" in sentence for sentence in verify(wrong, problem))


@pytest.mark.parametrize(
    ("paid", "said"),
    [
        ([ALL, ALL], "two prices for the same term and share upfront"),
        ([{**ALL, "upfront": "most"}], "expected a share such as none, partial, all or '40%'"),
        ([{**ALL, "upfront": "120%"}], "at most 1"),
        ([{**ALL, "term": "2y"}], "must be one of 1y, 3y"),
        ([{"term": "1y"}], "'price' is missing"),
    ],
)
def test_bad_input_is_refused(tmp_path: Path, paid: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, 0.08, *paid)
    (issue,) = caught.value.issues
    assert issue.path.startswith('instances["shop/mini-1"].prices[0]')
    assert said in f"{issue.message} {issue.remedy}"
