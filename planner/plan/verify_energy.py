"""Whether what a plan draws and emits follows from machines, grids and operating points, and carbon keeps its limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.domain.plan import Purchase
from planner.domain.plan_energy import EnergyPart, PoolEnergy
from planner.plan.basis import Basis, above, differs
from planner.plan.draw import expected_kw
from planner.supply.cells import Purchase as Offer


def energy(basis: Basis) -> Iterator[str]:
    """Carbon keeps its limit; stated totals, places and pools are those found anew."""
    yield from _limit(basis)
    stated = basis.plan.energy
    if basis.problem.tells_energy and stated is None:
        yield "energy: the problem asks for it, the plan does not state it"
    if stated is not None:
        yield from _totals(basis, stated)
        yield from _places(basis, stated)
        for pool in stated.pools:
            yield from _pool(basis, pool)


def offered(basis: Basis, purchase: Purchase) -> Offer | None:
    """Return the offer that a purchase is: of those alike in all that a plan says, the one whose costs are the nearest."""
    offers = [offer for _, offer in basis.offers(purchase)]
    return min(offers, key=lambda offer: abs(paid(basis, purchase, offer) - purchase.cost), default=None)


def paid(basis: Basis, purchase: Purchase, offer: Offer | None) -> float:
    """Return the average cost of a purchase, its price and what energy adds in each period: Σ h·m·(price + dearer)/Σ h [$/h]."""
    return _mean(basis, purchase, [purchase.hourly] * len(basis.hours)) + _mean(basis, purchase, offer.dearer if offer else ())


def carbon_paid(basis: Basis, purchase: Purchase) -> float:
    """Return what the carbon of a purchase is taken to cost on average [$/h]."""
    offer = offered(basis, purchase)
    return _mean(basis, purchase, offer.carbon_cost) if offer else 0.0


def _mean(basis: Basis, purchase: Purchase, each: Sequence[float]) -> float:
    """Return Σ_t h_t·m_t·each_t / Σ_t h_t; 0 of nothing."""
    if not each:
        return 0.0
    rows = zip(basis.hours.items(), each, strict=True)
    return sum(hours * purchase.machines[name] * value for (name, hours), value in rows) / basis.cycle


def _limit(basis: Basis) -> Iterator[str]:
    most = basis.problem.limits.carbon
    if most is None:
        return
    emitted = 0.0
    for purchase in basis.plan.purchases:
        known = [_mean(basis, purchase, offer.carbon) for _, offer in basis.offers(purchase) if offer.carbon is not None]
        emitted += max(known, default=0.0)
    if above(emitted, most):
        yield f"limits.carbon: {emitted:.4g} kg/h emitted on average, {most:.4g} kg/h allowed"


def _totals(basis: Basis, stated: EnergyPart) -> Iterator[str]:
    facility = carbon = 0.0
    for purchase in basis.plan.purchases:
        offer = offered(basis, purchase)
        if offer is not None and offer.draw is not None:
            facility += _mean(basis, purchase, [offer.draw * offer.pue / 1e3] * len(basis.hours))
        if offer is not None and offer.carbon is not None:
            carbon += _mean(basis, purchase, offer.carbon)
    for name, value, found in (("facility_kw", stated.facility_kw, facility), ("carbon", stated.carbon, carbon)):
        if differs(value, found):
            yield f"energy.{name}: {value:.6g} stated, {found:.6g} found"


def _places(basis: Basis, stated: EnergyPart) -> Iterator[str]:
    """Sums over places and periods are the totals, where all is known."""
    for name, total in (("facility_kw", stated.facility_kw), ("carbon", stated.carbon)):
        figures = [getattr(place, name) for place in stated.places]
        if all(value is not None for figure in figures for value in figure.values()):
            found = sum(figure[period] * hours for figure in figures for period, hours in basis.hours.items()) / basis.cycle
            if differs(total, found):
                yield f"energy.{name}: {total:.6g} stated, places add up to {found:.6g}"


def _pool(basis: Basis, stated: PoolEnergy) -> Iterator[str]:
    pool = next((one for one in basis.plan.pools if one.name == stated.pool), None)
    if pool is None:
        yield f"energy.pools: no pool {stated.pool}"
        return
    operations = {period: made for (name, period), made in basis.operations.items() if name == pool.name}
    spare = {load.replicas: basis.working(load) for load in pool.loads}
    tdp = basis.catalog.accelerators[pool.deployment.accelerator].tdp
    found = expected_kw(pool, basis.replicas[pool.name], operations, lambda count: spare[count], tdp, basis.hours)
    if (found is None) != (stated.expected_kw is None) or differs(stated.expected_kw or 0.0, found or 0.0):
        yield f"energy: {stated.pool} is stated to draw {stated.expected_kw} kW, {found} kW are to be expected"
