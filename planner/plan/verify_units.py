"""Whether units bought at APIs are on offer, carry the calls sent to them, and cost what the plan says."""

from __future__ import annotations

from collections.abc import Iterator

from planner.candidates.units import call_tokens, unit_problem
from planner.domain.api_terms import Provisioned
from planner.domain.plan_pools import ProvisionedRoute
from planner.plan.basis import Basis, above, differs


def units(basis: Basis) -> Iterator[str]:
    """Everything about every purchase of units, costs in all aside."""
    for route in basis.plan.provisioned:
        sold = basis.catalog.apis[route.api].provisioned
        if sold is None:
            yield f"{route.name}: the catalogs sell no units of it"
            continue
        yield from _offer(route, sold)
        yield from _users(basis, route)
        yield from _capacity(basis, route, sold)


def _offer(route: ProvisionedRoute, sold: Provisioned) -> Iterator[str]:
    """Price, throughput and term are those on offer; units come in blocks, from the minimum to what is to be had."""
    for what, stated, known in (
        ("price", route.unit_price, sold.unit_price),
        ("throughput", route.tokens_per_second, sold.input_tokens),
    ):
        if differs(stated, known):
            yield f"{route.name}: a {what} of {stated:.6g} stated, {known:.6g} is on offer"
    if route.term != sold.term or (sold.term != "hourly" and len(set(route.units.values())) > 1):
        yield f"{route.name}: sold {sold.term}; a commitment cannot change between periods"
    for period, count in route.units.items():
        if count and (count < sold.minimum or count % sold.increment):
            yield f"{route.name} in {period}: {count} units, sold in multiples of {sold.increment} from {sold.minimum} on"
        if sold.available is not None and count > sold.available:
            yield f"{route.name} in {period}: {count} units, {sold.available} to be had"


def _users(basis: Basis, route: ProvisionedRoute) -> Iterator[str]:
    """Every stream may use the units it is sent to."""
    offer = basis.catalog.apis[route.api]
    for name in sorted({share.stream for share in route.shares}):
        problem = unit_problem(route.api, offer, basis.streams[name], basis.catalog, basis.problem)
        if problem:
            yield f"{name} on {route.name}: {problem[1]}"


def _capacity(basis: Basis, route: ProvisionedRoute, sold: Provisioned) -> Iterator[str]:
    """Σ rate·weighted tokens of a call ≤ units·tokens of a unit, in each period."""
    cache = basis.catalog.apis[route.api].cache
    for period in basis.hours:
        sent = [share for share in route.shares if share.period == period]
        taken = sum(share.rate * call_tokens(basis.streams[share.stream], sold, cache) for share in sent)
        carried = route.units[period] * sold.input_tokens
        if above(taken, carried):
            yield f"{route.name} in {period}: {taken:.6g} weighted tokens/s, {carried:.6g} are bought"


def units_cost(basis: Basis) -> float:
    """Return what all units cost by the catalogs' prices, averaged [$/h]."""
    total = 0.0
    for route in basis.plan.provisioned:
        sold = basis.catalog.apis[route.api].provisioned
        price = sold.unit_price if sold else 0.0
        total += price * sum(basis.hours[period] * count for period, count in route.units.items()) / basis.cycle
    return total
