"""What was signed before a month, as rows of the fleet: as many, at what they cost, until their end.

An order of month o is signed if o < m; ordered and not yet delivered, its machines keep their month of delivery. With a term from
month s to e, which may lie beyond the horizon, the row says

    from = max(s − m, 0),  until = e − m,  hourly = cost of an hour of the term,  pays = what of it is still paid as time goes by,

and for payments: `due` what is paid on delivery, if that is still to come; `worth` book value at age m − s, `salvage` at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.domain.offers import OwnedFleet
from planner.domain.plan import Plan, Purchase
from planner.errors import InvalidInput
from planner.plan.basis import Basis
from planner.roll.moved import Move
from planner.supply import cells
from planner.supply.payments import signed as payments_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """A purchase that was signed."""

    purchase: Purchase
    """In the plan."""
    offer: cells.Purchase
    """What it is."""
    row: Row
    """What becomes of it."""

    @property
    def count(self) -> int:
        """Machines."""
        return max(self.purchase.machines.values())

    @property
    def owned(self) -> str | None:
        """The row of `owned` that it was bought by, if it was bought."""
        _, bought, name = self.offer.offer.partition("/owned:")
        return name if bought else None


def orders(plan: Plan, loaded: LoadedProblem, move: Move) -> Iterator[Order]:
    """Yield what was signed before the month and is not over by then.

    Raises
    ------
    InvalidInput
        A purchase that the catalogs do not hold at the price of the plan.
    """
    basis = Basis(plan, loaded)
    for purchase in plan.purchases:
        if purchase.already or purchase.ordered is None or purchase.ordered >= move.months:
            continue
        if purchase.scenario not in (None, move.scenario):
            continue
        offer = _offer(basis, purchase)
        row = _row(plan, basis.supply.cells[offer.cell], purchase, offer, move.months)
        if row["until"] > 0:
            yield Order(purchase, offer, row)


def _offer(basis: Basis, purchase: Purchase) -> cells.Purchase:
    """Return the offer that a purchase is."""
    found = [offer for _, offer in basis.offers(purchase)]
    what = f"{purchase.instance} {purchase.kind} in {purchase.region}"
    if not found:
        message = f"{what} at ${purchase.hourly:,.4f}/h is not in the catalogs of the problem"
        raise InvalidInput.at("plan.json", message, "roll it with the catalogs that it was made with")
    if any(other.payments != found[0].payments for other in found):
        message = f"{what} at ${purchase.hourly:,.4f}/h may be one of several offers that are paid differently"
        raise InvalidInput.at("plan.json", message, "give them prices that differ, or different regions, and solve again")
    return found[0]


def _row(plan: Plan, cell: cells.Cell, purchase: Purchase, offer: cells.Purchase, month: int) -> Row:
    """Return a purchase as a row of the fleet, counted from a month of its horizon."""
    paid, live = offer.payments, purchase.live
    if paid is None or live is None or purchase.ordered is None:
        raise InvalidInput.at("plan.json", f"{offer.name} has no term, and cannot be carried", "make the plan again")
    begin, end = live[0], live[0] + paid.months
    there = begin < month
    row: Row = {
        "instance": purchase.instance,
        "region": purchase.region,
        "region_group": cell.region_group,
        "count": max(purchase.machines.values()),
        "committed": True,
        "hourly": offer.list_price,
        **({} if there else {"from": begin - month}),
        "until": end - month,
        "paid": purchase.kind,
        **({} if paid.hourly == offer.list_price else {"pays": paid.hourly}),
        **({"due": _dollars(paid.first)} if not there and paid.first else {}),
    }
    if paid.owned:
        row |= {"worth": _dollars(paid.book_value(max(month - begin, 0))), "salvage": _dollars(paid.salvage)}
    when = f"month {purchase.ordered}" if plan.start is None else f"month {purchase.ordered} of the horizon from {plan.start}"
    source = f"ordered in {when}, plan of {plan.problem}; {purchase.price_source}"
    return {**row, "source": source, "as_of": purchase.price_source.rpartition("(")[2].rstrip(")")}


def _dollars(amount: float) -> str:
    return f"${amount!r}"


def aged(row: OwnedFleet, months: int) -> Row:
    """Return the fields of a row of the fleet that time changes; `until: 0` says that it is gone."""
    changed: Row = {}
    if row.until is not None:
        changed["until"] = max(row.until - months, 0)
    if row.starts:
        changed["from"] = max(row.starts - months, 0)
    if row.committed and row.starts < months:
        age = months - row.starts
        changed |= {"worth": _dollars(payments_of(row).book_value(age))} if row.worth else {}
        changed |= {"due": "$0"} if row.due else {}
    return changed
