"""What paying early costs: an annuity due by the month, against present values and in its limits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.supply.build import build_supply
from planner.supply.capital import annuity

EVERY = {"choose": {"offers": {"allow": ["on_demand", "reserved_1y", "reserved_3y"]}}}


def test_an_annuity_by_hand() -> None:
    """Twelve payments at 8 %: (1 − 1.08^−1)/(1 − 1.08^(−1/12)) = 0.0740741/0.0063929 = 11.5869."""
    assert annuity(12, 0.08) == pytest.approx((1 - 1 / 1.08) / (1 - 1.08 ** (-1 / 12)))
    assert annuity(12, 0.08) == pytest.approx(11.5869, abs=1e-4)
    assert annuity(36, 0.0) == 36.0
    assert annuity(1, 0.5) == 1.0


def costs(tiny: SimpleNamespace, rate: float, *paid: dict[str, object], **fields: object) -> dict[str, tuple[float, float]]:
    """Tag → ($/h, of which cost of capital) of reserved machines."""
    row = tiny.price(on_demand="$4/h") | {"commitments": list(paid)} | fields
    catalog = tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", [row])})
    problem = tiny.problem(finance={"discount_rate": rate}, **EVERY)
    supply = build_supply(problem, catalog, tiny.streams(problem))
    return {p.name.rpartition("/")[2]: (p.hourly, p.capital) for p in supply.purchases if p.committed}


def test_upfront_prices_compete_as_rows_of_their_own(tiny: SimpleNamespace) -> None:
    """At 8 % a dollar paid at the start of a year costs 12/11.5869 = 1.03565: 1.90 all upfront is 1.96773, 1.95 of which half
    is upfront is 1.95 + 0.5·1.95·0.03565 = 1.98476."""
    made = costs(
        tiny,
        0.08,
        {"term": "1y", "upfront": "none", "price": "$2/h"},
        {"term": "1y", "upfront": "partial", "price": "$1.95/h"},
        {"term": "1y", "upfront": "all", "price": "$1.90/h"},
        {"term": "3y", "upfront": "40%", "price": "$1.50/h"},
    )
    assert made["reserved_1y:upfront-0"] == (2.0, 0.0)
    assert made["reserved_1y:upfront-50"] == pytest.approx((1.98476, 0.03476), abs=1e-5)
    assert made["reserved_1y:upfront-100"] == pytest.approx((1.96773, 0.06773), abs=1e-5)
    late = 36 / sum(1.08 ** (-m / 12) for m in range(36))
    assert made["reserved_3y:upfront-40"][0] == pytest.approx(1.5 * (0.6 + 0.4 * late))


def test_the_short_fields_are_charged_alike(tiny: SimpleNamespace) -> None:
    short = costs(tiny, 0.08, reserved_1y="$1.90/h", upfront=1.0)
    listed = costs(tiny, 0.08, {"term": "1y", "upfront": "all", "price": "$1.90/h"})
    assert short["reserved_1y"] == listed["reserved_1y:upfront-100"]


def test_money_that_costs_nothing_may_be_paid_early(tiny: SimpleNamespace) -> None:
    assert costs(tiny, 0.0, {"term": "1y", "upfront": "all", "price": "$1.90/h"})["reserved_1y:upfront-100"] == (1.9, 0.0)


@given(rate=st.floats(0.0, 1.0), share=st.floats(0.0, 1.0), months=st.sampled_from([12, 36]))
def test_even_payments_are_worth_what_is_really_paid(rate: float, share: float, months: int) -> None:
    due = (1.0 - share) + share * months / annuity(months, rate)
    worth = sum(due / (1.0 + rate) ** (m / 12) for m in range(months))
    paid = share * months + sum((1.0 - share) / (1.0 + rate) ** (m / 12) for m in range(months))
    assert worth == pytest.approx(paid)
