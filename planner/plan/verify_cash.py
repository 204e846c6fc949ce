"""Whether the payments of a plan add up, month by month, and are those of its purchases."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan_procurement import Cash
from planner.plan.basis import Basis, differs

PARTS = ("rented", "reserved", "bought", "running", "apis", "other")
"""What a month's payments are made of."""


def cash(basis: Basis) -> Iterator[str]:
    """Months add up to what is stated, and to what rented machines, APIs and the rest cost over the horizon."""
    stated = basis.plan.cash
    if stated is None:
        return
    for month in stated.months:
        found = sum(getattr(month, part) for part in PARTS)
        if differs(month.total, found):
            yield f"cash.months[{month.month}]: ${month.total:,.2f} stated, its parts are ${found:,.2f}"
    yield from _sums(basis, stated)


def _sums(basis: Basis, stated: Cash) -> Iterator[str]:
    """Sums over the horizon, found anew from purchases and costs."""
    cost, hours = basis.plan.cost, sum(basis.hours.values())
    rented = (sum(buy.cost for buy in basis.plan.purchases if buy.live is None) + (cost.ramps or 0.0)) * hours
    other = (cost.operations + cost.levers + cost.components + cost.provisioned) * hours
    rate = basis.problem.finance.discount_rate
    sums = (
        ("rented", sum(month.rented for month in stated.months), rented),
        ("apis", sum(month.apis for month in stated.months), cost.apis * hours),
        ("other", sum(month.other for month in stated.months), other),
        ("total", stated.total, sum(month.total for month in stated.months)),
        ("npv", stated.npv, sum(month.total * (1.0 + rate) ** (-month.month / 12.0) for month in stated.months)),
    )
    for name, value, found in sums:
        if differs(value, found):
            yield f"cash.{name}: ${value:,.2f} stated, ${found:,.2f} found"
