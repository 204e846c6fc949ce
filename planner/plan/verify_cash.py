"""Whether the payments of a plan add up, month by month, and are those of its purchases."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Purchase
from planner.domain.plan_procurement import Cash, CommittedSpend
from planner.plan.basis import Basis, differs
from planner.plan.verify_capital import MONTHS, prices
from planner.units import HOURS_PER_MONTH

PARTS = ("rented", "reserved", "bought", "running", "apis", "other", "committed")
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
    rented = sum(buy.cost for buy in basis.plan.purchases if buy.live is None and not buy.already) * hours
    rented += sum(buy.cost for buy in basis.plan.purchases if buy.kind == "fleet" and buy.live and not buy.already) * hours
    rented += (cost.ramps or 0.0) * hours
    other = (cost.operations + cost.levers + cost.components + cost.provisioned) * hours
    rate = basis.problem.finance.discount_rate
    sums = (
        ("rented", sum(month.rented for month in stated.months), rented),
        *_reserved(basis, stated),
        ("apis", sum(month.apis for month in stated.months), cost.apis * hours),
        ("other", sum(month.other for month in stated.months), other),
        ("total", stated.total, sum(month.total for month in stated.months)),
        ("npv", stated.npv, sum(month.total * (1.0 + rate) ** (-month.month / 12.0) for month in stated.months)),
    )
    for name, value, found in sums:
        if differs(value, found):
            yield f"cash.{name}: ${value:,.2f} stated, ${found:,.2f} found"


def _reserved(basis: Basis, stated: Cash) -> Iterator[tuple[str, float, float]]:
    """Yield what is paid for reserved machines within the horizon and after it, by the prices of the catalogs."""
    paid = owed = 0.0
    for buy in basis.plan.purchases:
        found = prices(basis, buy) if buy.kind in MONTHS and not buy.already else []
        if not found or buy.live is None:
            continue
        months, share = MONTHS[buy.kind], buy.upfront or 0.0
        number = max(buy.machines.values()) * _likelihood(basis, buy) * found[0]
        paid += number * (share * months * HOURS_PER_MONTH + (1.0 - share) * _hours(basis, buy))
        if buy.live[1] == len(stated.months):
            owed += number * (1.0 - share) * max(months - (buy.live[1] - buy.live[0]), 0) * HOURS_PER_MONTH
    for one in basis.plan.committed_spend:
        if one.live is not None:
            number = one.hourly * _likelihood(basis, one)
            paid += number * _hours(basis, one)
            if one.live[1] == len(stated.months):
                owed += number * (12 * int(one.term[0]) - (one.live[1] - one.live[0])) * HOURS_PER_MONTH
    for row in (row for row in basis.catalog.fleet.values() if row.committed and row.paid in MONTHS):
        beyond = 0 if row.until is None else max(row.until - len(stated.months), 0)
        owed += row.count * (row.hourly if row.pays is None else row.pays) * beyond * HOURS_PER_MONTH
    yield "reserved", sum(month.reserved for month in stated.months), paid
    yield "owed_after", stated.owed_after, owed


def _likelihood(basis: Basis, buy: Purchase | CommittedSpend) -> float:
    """Return the probability of the scenario for which machines are ordered [1]."""
    if buy.scenario is None:
        return 1.0
    return sum(period.hours for period in basis.problem.periods if period.scenario == buy.scenario) / basis.cycle


def _hours(basis: Basis, buy: Purchase | CommittedSpend) -> float:
    """Return the hours of the months in which machines are there, whatever scenario comes [h]."""
    begin, end = buy.live or (0, 0)
    hours = 0.0
    for period in basis.problem.periods:
        first, last = period.months or (begin, end)
        hours += period.hours * max(min(end, last) - max(begin, first), 0) / (last - first)
    return hours
