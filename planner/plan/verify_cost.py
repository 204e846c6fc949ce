"""Whether prices are those of the catalogs, and every split of the cost adds up to what is found anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.candidates.api_costs import call_cost, stream_batch_price, stream_price
from planner.candidates.api_rules import missed_cost
from planner.candidates.evaluate import soft_targets
from planner.candidates.units import as_sold
from planner.demand.items import Item
from planner.domain.plan_pools import ApiRoute, Share
from planner.plan.basis import Basis, above, differs
from planner.plan.verify_changes import moving
from planner.plan.verify_energy import carbon_paid, offered, paid
from planner.plan.verify_scaling import ramps
from planner.plan.verify_spend import spend_paid
from planner.plan.verify_units import units_cost

LEAST = 1e-9
"""Misses that cost less are nothing, however little is stated: plans are written with twelve digits [$/h]."""


def cost(basis: Basis) -> Iterator[str]:
    """Parts, total, splits and proof agree with each other and with the catalogs' prices."""
    stated = basis.plan.cost
    parts = {
        "machines": sum(_machines(basis).values()),
        "apis": sum(_route_cost(basis, route) for route in basis.plan.apis),
        "provisioned": units_cost(basis),
        "levers": sum(item.hourly for item in _items(basis) if item.category == "lever"),
        "components": sum(item.hourly for item in _items(basis) if item.category != "lever"),
        "operations": basis.problem.operations.pool_cost * len(basis.plan.pools) + moving(basis),
        "carbon": sum(carbon_paid(basis, purchase) for purchase in basis.plan.purchases),
    }
    for name, value in parts.items():
        if differs(getattr(stated, name), value):
            yield f"cost.{name}: ${getattr(stated, name):,.6f}/h stated, ${value:,.6f}/h found"
    missed = _misses(basis)
    if above(missed, stated.misses + LEAST):
        yield f"cost.misses: ${stated.misses:,.6f}/h stated, ${missed:,.6f}/h expected"
    started = ramps(basis)
    if differs(stated.ramps or 0.0, started):
        yield f"cost.ramps: ${stated.ramps or 0.0:,.6f}/h stated, ${started:,.6f}/h found"
    total = sum(parts.values()) + stated.misses + started
    yield from _sums(basis, total, parts["machines"] + parts["operations"] + parts["carbon"] + started)
    for index, value in _machines(basis).items():
        purchase = basis.plan.purchases[index]
        if differs(purchase.cost, value):
            yield f"{purchase.instance} {purchase.kind}: ${purchase.cost:,.6f}/h stated, ${value:,.6f}/h found"
    for route in basis.plan.apis:
        value = _route_cost(basis, route)
        if differs(route.cost, value):
            yield f"{route.api}: ${route.cost:,.6f}/h stated, ${value:,.6f}/h found"
    yield from _proof(basis)
    yield from _tokens(basis)


def scenario_cost(basis: Basis) -> float:
    """Return what the plan costs by the hours of `basis`, committed spend by its own hours, soft misses as predicted [$/h]."""
    rented = [value for index, value in _machines(basis).items() if basis.plan.purchases[index].spend is None]
    carbon = sum(carbon_paid(basis, purchase) for purchase in basis.plan.purchases)
    apis = sum(_route_cost(basis, route) for route in basis.plan.apis)
    fixed = basis.problem.operations.pool_cost * len(basis.plan.pools) + moving(basis)
    beside = sum(item.hourly for item in _items(basis))
    return sum(rented) + spend_paid(basis) + carbon + apis + units_cost(basis) + fixed + beside + _misses(basis)


def _items(basis: Basis) -> list[Item]:
    """Return what the ways taken cost beside models."""
    return [item for way in basis.ways.values() if way is not None for item in way.items]


def _sums(basis: Basis, total: float, machines: float) -> Iterator[str]:
    """Every split adds up."""
    stated = basis.plan.cost
    sums: tuple[tuple[str, float, float], ...] = (
        ("cost.total", stated.total, total),
        ("cost.per_month", stated.per_month, total * 730.0),
        ("cost.by_workload", sum(row.hourly for row in stated.by_workload), total),
        ("cost.by_stage", sum(row.hourly for row in stated.by_stage), total),
        ("cost.by_pool", sum(row.hourly for row in stated.by_pool), machines),
        *([] if basis.problem.finance.minimize == "worst" else [("proof.objective", basis.plan.proof.objective, total)]),
    )
    if stated.statement is not None:
        cents = sum(line.cents_per_month for line in stated.statement.lines)
        hourly = sum(line.hourly for line in stated.statement.lines)
        sums = (*sums, ("cost.statement", hourly, total), ("cost.statement in cents", cents, round(round(total * 73_000.0, 5))))
    for name, value, expected in sums:
        if differs(value, expected):
            yield f"{name}: ${value:,.6f} stated, the parts add up to ${expected:,.6f}"


def _proof(basis: Basis) -> Iterator[str]:
    """The bound is below the cost, and the gap is their distance."""
    proof = basis.plan.proof
    if above(proof.bound, proof.objective):
        yield f"proof.bound: ${proof.bound:,.6f}/h is above the cost of ${proof.objective:,.6f}/h"
    gap = (proof.objective - proof.bound) / proof.objective if proof.objective > 0 else 0.0
    if differs(proof.gap, gap):
        yield f"proof.gap: {proof.gap:.4%} stated, {gap:.4%} found"


def _tokens(basis: Basis) -> Iterator[str]:
    """Tokens of workloads are those of all calls that their ways cause, prompts and answers."""
    for row in basis.plan.cost.by_workload:
        way = basis.ways.get(row.workload)
        if way is None or row.tokens_per_hour is None:
            continue
        streams = [basis.streams[name] for name in way.rates]
        found = sum(s.called * _hourly(basis, s.rate) * (s.prompt.mean + s.output.mean) for s in streams)
        if differs(row.tokens_per_hour, found):
            yield f"{row.workload}: {row.tokens_per_hour:,.0f} tokens/h stated, {found:,.0f} found"


def _hourly(basis: Basis, rate: Sequence[float]) -> float:
    """Return the calls per hour of rates per period, averaged over the cycle [1/h]."""
    return 3600.0 * sum(each * hours for each, hours in zip(rate, basis.hours.values(), strict=True)) / basis.cycle


def _machines(basis: Basis) -> dict[int, float]:
    """Return purchase → Σ_t h_t·m_t·(price + what energy adds in the period) / Σ_t h_t [$/h]."""
    return {index: paid(basis, buy, offered(basis, buy)) for index, buy in enumerate(basis.plan.purchases)}


def _calls(basis: Basis, share: Share) -> float:
    """Return the calls of a share per hour, averaged over the cycle."""
    return share.rate * 3600.0 * basis.hours[share.period] / basis.cycle


def _route_cost(basis: Basis, route: ApiRoute) -> float:
    """Return what all calls sent to an API at some prices cost, averaged [$/h]."""
    return sum(_call_cost(basis, route, share) for share in route.shares)


def _call_cost(basis: Basis, route: ApiRoute, share: Share) -> float:
    """Return what a share costs at an API by the catalogs' prices, averaged [$/h]."""
    stream, offer = basis.streams[share.stream], basis.catalog.apis[route.api]
    paid = (stream_batch_price if route.batch else stream_price)(route.api, offer, stream)
    return _calls(basis, share) * call_cost(stream, paid, offer.cache)


def _misses(basis: Basis) -> float:
    """Return the expected price of soft targets missed under the load as planned, averaged [$/h]."""
    total = 0.0
    for pool in basis.plan.pools:
        for share in pool.shares:
            operation = basis.operations.get((pool.name, share.period))
            seen = operation.seen.get(share.stream) if operation else None
            for target, fee in soft_targets(basis.streams[share.stream]) if seen else ():
                total += _calls(basis, share) * fee * float(seen.miss(target.metric, target.seconds).max()) if seen else 0.0
    for route in basis.plan.external:
        own = basis.catalog.apis[route.api]
        offer = own if isinstance(route, ApiRoute) else as_sold(own)
        total += sum(_calls(basis, share) * missed_cost(offer, basis.streams[share.stream]) for share in route.shares)
    return total
