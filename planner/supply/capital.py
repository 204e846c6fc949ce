"""What it costs to pay early: money paid when a term begins could have waited until the machine serves."""

from __future__ import annotations

from planner.supply.listings import Listing
from planner.supply.terms import MONTHS


def annuity(months: int, rate: float) -> float:
    """Return what one dollar a month is worth when the first is paid.

    ä(N, r) = Σ_{m < N} (1 + r)^(−m/12)

    Parameters
    ----------
    months : N, payments, each at the start of its month [1]
    rate : r, cost of capital per year [1]

    Returns
    -------
    float [1]

    Notes
    -----
    An annuity due, discounted month by month as the payments of a plan are (`plan.cashflow`). So two ways to pay for the same
    term cost the same exactly if their payments have the same net present value. Machines of one's own are charged by the year
    and in arrears (`domain.offers.OwnedOffer`), as the handbook has it.

    Examples
    --------
    >>> annuity(12, 0.0), round(annuity(12, 0.08), 4)
    (12.0, 11.5869)
    """
    return float(sum((1.0 + rate) ** (-month / 12.0) for month in range(months)))


def carrying(offer: Listing, rate: float) -> float:
    """Return the cost of capital of a reserved machine, spread evenly over its term.

    c = u·p·(N/ä(N, r) − 1)

    The share u of the term's price, u·p·730·N, is paid at its start; paid in N even parts as the machine serves, parts of
    u·p·730·N/ä would be worth as much. With (1 − u)·p by the hour the machine costs (1 − u)·p + u·p·N/ä = p + c an hour.

    Parameters
    ----------
    offer : way to pay: p its price [$/h], u its share upfront [1]
    rate : r, cost of capital per year [1]

    Returns
    -------
    float [$/h]; 0 for whatever is paid as it is used
    """
    if not offer.upfront or offer.kind not in MONTHS:
        return 0.0
    months = MONTHS[offer.kind]
    return offer.upfront * offer.list_price * (months / annuity(months, rate) - 1.0)
