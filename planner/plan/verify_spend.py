"""Whether machines under committed spend draw no more than is committed, and cost what is paid for it, found anew."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from planner.domain.plan import Purchase
from planner.domain.plan_procurement import CommittedSpend
from planner.plan.basis import Basis, above, differs

MONTHS = {"1y": 12, "3y": 36}
"""Terms."""

Key = tuple[str | None, tuple[int, int] | None, str | None]


def spend(basis: Basis) -> Iterator[str]:
    """What is committed is of the catalogs, suffices in every period, and is paid for by the machines that draw on it."""
    drawing: dict[Key, list[Purchase]] = {}
    for buy in basis.plan.purchases:
        if (buy.kind == "committed_spend") != (buy.spend is not None):
            yield f"{buy.instance} {buy.kind}: committed spend that does not say which"
        elif buy.spend is not None:
            drawing.setdefault((buy.spend, buy.live, buy.scenario), []).append(buy)
    stated: dict[Key, CommittedSpend] = {(one.name, one.live, one.scenario): one for one in basis.plan.committed_spend}
    for key in drawing.keys() - stated.keys():
        yield f"committed_spend: machines draw on {key[0]}, to which nothing is committed"
    for key, one in stated.items():
        yield from _commitment(basis, one, drawing.get(key, []))


def _commitment(basis: Basis, one: CommittedSpend, drawing: list[Purchase]) -> Iterator[str]:
    row = basis.catalog.spend_commitments.get(one.name)
    if row is None:
        yield f"committed_spend: the catalogs have no commitment {one.name}"
        return
    where = f"committed spend {one.name}"
    if (one.seller, one.term) != (row.seller, row.term):
        yield f"{where}: {one.seller}, {one.term} stated, it is {row.seller}'s for {row.term}"
    draws = [_draw(basis, one.name, buy) for buy in drawing]
    lasting = [period for period in basis.problem.periods if _lasts(one, period.months, period.scenario)]
    taken = {
        period.name: sum((draw or 0.0) * buy.machines[period.name] for draw, buy in zip(draws, drawing, strict=True))
        for period in lasting
    }
    for name, amount in taken.items():
        if above(amount, one.hourly):
            yield f"{where}, {name}: machines draw ${amount:,.4f}/h, ${one.hourly:,.4f}/h is committed"
    hours = sum(period.hours for period in lasting)
    owed = MONTHS[row.term] / (one.live[1] - one.live[0]) if one.live else 1.0
    paid = one.hourly * owed * hours / basis.cycle
    used = sum(taken[period.name] * period.hours for period in lasting)
    machines = sum(buy.cost for buy in drawing)
    figures = (
        ("cost", one.cost, paid),
        ("cost of its machines", machines, paid),
        ("share used", one.used, used / (one.hourly * hours) if one.hourly else 0.0),
    )
    for what, value, found in figures:
        if differs(value, found):
            yield f"{where}: {what} {value:,.6f} stated, {found:,.6f} found"
    for draw, buy in zip(draws, drawing, strict=True):
        if draw is None:
            yield f"{where}: it does not cover {buy.instance} in {buy.region}"
        elif used and differs(buy.hourly, draw * paid * basis.cycle / used):
            yield f"{where}: ${buy.hourly:,.6f}/h stated for {buy.instance}, ${draw * paid * basis.cycle / used:,.6f}/h found"


def spend_paid(basis: Basis) -> float:
    """Return what all commitments cost by the hours of `basis`, what is owed beyond the horizon included [$/h]."""
    total = 0.0
    for one in basis.plan.committed_spend:
        row = basis.catalog.spend_commitments.get(one.name)
        owed = MONTHS[row.term] / (one.live[1] - one.live[0]) if row and one.live else 1.0
        lasting = [period.name for period in basis.problem.periods if _lasts(one, period.months, period.scenario)]
        total += one.hourly * owed * sum(basis.hours[name] for name in lasting) / basis.cycle
    return total


def _lasts(one: CommittedSpend, months: tuple[int, int] | None, scenario: str | None) -> bool:
    """Whether a commitment lasts in the whole of a period."""
    if one.scenario not in (None, scenario):
        return False
    return one.live is None or months is None or (one.live[0] <= months[0] and months[1] <= one.live[1])


def _draw(basis: Basis, name: str, buy: Purchase) -> float | None:
    """Return what a machine draws by the first discount that fits it [$/h]; None if none does."""
    shape, row = basis.catalog.instances[buy.instance], basis.catalog.spend_commitments[name]
    prices = [price.on_demand for price in shape.prices if price.region == buy.region and price.on_demand is not None]
    fits = [
        one.discount
        for one in row.discounts
        if fnmatchcase(buy.instance.lower(), one.instances.lower()) and fnmatchcase(buy.region.lower(), one.regions.lower())
    ]
    if shape.seller != row.seller or not prices or not fits:
        return None
    return prices[0] - prices[0] * fits[0]
