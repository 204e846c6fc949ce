"""Whether what was committed to before is there and paid, whatever a plan chose: found anew from the rows of the catalogs."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.offers import OwnedFleet
from planner.domain.plan import Purchase
from planner.domain.problem import Period
from planner.plan.basis import Basis, differs


def standing(basis: Basis) -> Iterator[str]:
    """Every committed row of the fleet has its machines in each period in which they are there, at its cost, and no others do."""
    stated = [buy for buy in basis.plan.purchases if buy.already]
    rows = {name: row for name, row in basis.catalog.fleet.items() if row.committed and any(_there(basis, row).values())}
    for name, row in rows.items():
        found = next((buy for buy in stated if _is(basis, buy, row)), None)
        if found is None:
            yield f"fleet.{name}: {row.count} machines were committed to before and are not in the plan as they are"
        else:
            stated.remove(found)
    for buy in stated:
        yield f"{buy.instance} {buy.kind} in {buy.region}: no row of the fleet commits to these machines"
    cost = sum(_hourly(basis, row) for row in rows.values())
    if differs(basis.plan.cost.committed or 0.0, cost):
        yield f"cost.committed: ${basis.plan.cost.committed or 0.0:,.6f}/h stated, ${cost:,.6f}/h found"


def _inside(row: OwnedFleet, period: Period) -> bool:
    """Whether its machines are there in the whole of a period: from <= first month, last month <= until."""
    begin, end = period.months or (0, 0)
    return row.starts <= begin and (row.until is None or (end <= row.until and row.until > 0))


def _there(basis: Basis, row: OwnedFleet) -> dict[str, int]:
    """Return period → machines."""
    return {period.name: row.count if _inside(row, period) else 0 for period in basis.problem.periods}


def _is(basis: Basis, buy: Purchase, row: OwnedFleet) -> bool:
    """Whether a purchase is a row: same machine, place, way to pay, number in each period, and price."""
    same = (buy.instance, buy.region, buy.kind) == (row.instance, row.region, row.paid)
    return same and buy.machines == _there(basis, row) and not differs(buy.hourly, row.hourly)


def _hourly(basis: Basis, row: OwnedFleet) -> float:
    """Return what a row costs on average [$/h]."""
    return sum(basis.hours[name] * count for name, count in _there(basis, row).items()) * row.hourly / basis.cycle
