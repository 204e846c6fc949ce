"""What one machine costs in cash, month by month of its term; costs per hour say nothing about when money leaves."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.offers import OwnedFleet
from planner.supply.listings import Listing
from planner.supply.terms import MONTHS, Term
from planner.units import HOURS_PER_MONTH


@dataclass(frozen=True)
class Payments:
    """Payments for one machine that is bought for a term."""

    first: float
    """Paid when it is delivered [$]."""
    hourly: float
    """Paid as time goes by [$/h]."""
    months: int
    """Months of the term, also beyond the horizon."""
    salvage: float = 0.0
    """What it is worth at the end of its term [$]."""
    owned: bool = False
    """Whether it is one's own, to be kept or sold."""
    signed: bool = False
    """Whether it was signed for before the horizon began."""
    worth: float | None = None
    """What it is worth when its term begins; absent = what was paid for it then [$]."""

    def book_value(self, age: float) -> float:
        """Return what a machine of one's own is worth at an age, written off evenly: capex − (capex − salvage)·age/term [$]."""
        if not self.owned:
            return 0.0
        new = self.first if self.worth is None else self.worth
        return new - (new - self.salvage) * min(age / self.months, 1.0) if self.months else self.salvage

    def owed(self, age: float) -> float:
        """Return what is still to be paid for reserved machines at an age: (term − age)·730·hourly [$]."""
        return 0.0 if self.owned else max(self.months - age, 0.0) * HOURS_PER_MONTH * self.hourly


def payments(offer: Listing, term: Term) -> Payments | None:
    """Return what a machine of a commitment costs in cash; None where machines are rented by the hour or always there.

    reserved: upfront·price·730·months at the start, (1 − upfront)·price by the hour; owned: capex at delivery, then what it takes
    to run it

    Parameters
    ----------
    offer, term : what is bought, and when
    """
    if offer.fleet is not None:
        return signed(offer.fleet) if offer.held else None
    if term.live is None:
        return None
    if offer.kind in MONTHS:
        months = MONTHS[offer.kind]
        whole = offer.list_price * HOURS_PER_MONTH * months
        return Payments(offer.upfront * whole, (1.0 - offer.upfront) * offer.list_price, months)
    months = offer.term if offer.term is not None else term.live[1] - term.live[0]
    return Payments(offer.capital, offer.running, months, offer.capital * offer.salvage, owned=True)


def signed(row: OwnedFleet) -> Payments:
    """Return what is still to be paid for a machine that was signed for before: `due` when it comes, `pays` while it is there.

    Without an end nothing is owed beyond the horizon, and it keeps its worth.
    """
    own = row.paid not in MONTHS
    return Payments(
        first=row.due,
        hourly=row.hourly if row.pays is None else row.pays,
        months=0 if row.until is None else row.until - row.starts,
        salvage=row.worth if row.until is None else row.salvage,
        owned=own,
        signed=True,
        worth=row.worth,
    )
