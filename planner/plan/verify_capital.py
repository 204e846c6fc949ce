"""Whether what paying early costs is what the catalogs' prices and the cost of capital make it, found anew."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Purchase
from planner.plan.basis import Basis, differs

MONTHS = {"reserved_1y": 12, "reserved_3y": 36}
"""Terms of reserved machines."""


def capital(basis: Basis) -> Iterator[str]:
    """Every reserved machine costs what its payments are worth, spread over its term; the statement says what that adds."""
    early = 0.0
    for buy in basis.plan.purchases:
        early += buy.cost * (buy.capital or 0.0) / buy.hourly if buy.hourly else 0.0
        if buy.kind in MONTHS and not buy.already:  # what was signed before is found by `verify_standing`
            yield from _reserved(basis, buy)
        elif buy.upfront or buy.capital:
            yield f"{buy.instance} {buy.kind}: paid upfront, though it is not reserved"
    stated = basis.plan.cost.statement
    if stated is not None:
        line = sum(one.hourly for one in stated.lines if one.item == "cost of capital")
        if differs(line, early):
            yield f"cost.statement: cost of capital of ${line:,.6f}/h stated, ${early:,.6f}/h found"


def _reserved(basis: Basis, buy: Purchase) -> Iterator[str]:
    """Hold a reserved machine against every price of its term and place that asks for the same share upfront."""
    share, stated = buy.upfront or 0.0, (buy.hourly, buy.capital or 0.0)
    months = MONTHS[buy.kind]
    owed = months / (buy.live[1] - buy.live[0]) if buy.live else 1.0
    rate = basis.problem.finance.discount_rate
    found = [_hourly(price, share, months, rate) for price in prices(basis, buy)]
    costs = [(owed * hourly, owed * (hourly - price)) for hourly, price in zip(found, prices(basis, buy), strict=True)]
    if not any(not differs(stated[0], cost) and not differs(stated[1], early) for cost, early in costs):
        told = ", ".join(f"${cost:,.6f}/h with ${early:,.6f}/h for paying early" for cost, early in costs) or "no price"
        yield (
            f"{buy.instance} {buy.kind} in {buy.region}: ${stated[0]:,.6f}/h with ${stated[1]:,.6f}/h for paying early stated, "
            f"{told} found"
        )


def prices(basis: Basis, buy: Purchase) -> list[float]:
    """Return the catalogs' prices for a reserved machine that ask for its share upfront [$/h]."""
    share, term = buy.upfront or 0.0, buy.kind.removeprefix("reserved_")
    rows = [row for row in basis.catalog.instances[buy.instance].prices if row.region == buy.region]
    short = [(row.upfront, paid) for row in rows if (paid := getattr(row, buy.kind)) is not None]
    listed = [(one.upfront, one.price) for row in rows for one in row.commitments if one.term == term]
    return [paid for upfront, paid in (*short, *listed) if not differs(upfront, share)]


def _hourly(price: float, share: float, months: int, rate: float) -> float:
    """Return the even payment by the hour that is worth as much as the payments of a term [$/h].

    a = V·(1 − q)/(1 − q^N),  V = u·p·N + (1 − u)·p·(1 − q^N)/(1 − q),  q = (1 + r)^(−1/12)
    """
    step = (1.0 + rate) ** (-1.0 / 12.0)
    worth = (1.0 - step**months) / (1.0 - step) if rate else float(months)
    return (share * price * months + (1.0 - share) * price * worth) / worth
