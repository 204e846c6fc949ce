"""Whether no more machines are held than price rows have, and of no more sellers than are allowed, counted anew."""

from __future__ import annotations

from collections.abc import Iterator

from planner.plan.basis import Basis

ALSO = {"spot": ("spot_with_fallback",), "on_demand": ("spot_with_fallback", "committed_spend")}
"""Ways to pay whose machines are spot or on-demand machines as well."""

RENTED = {"on_demand", "spot", "spot_with_fallback", "committed_spend", "reserved_1y", "reserved_3y"}
"""Ways to pay a seller; machines of one's own come out of no row."""


def capacity(basis: Basis) -> Iterator[str]:
    """Machines of a row, of all ways to pay or of each that it limits, are to be had in every period."""
    for name, shape in basis.catalog.instances.items():
        for row in shape.prices:
            if isinstance(row.available, dict):
                for kind, room in row.available.items():
                    yield from _held(basis, name, row.region, {str(kind), *ALSO.get(kind, ())}, room)
            elif row.available is not None:
                yield from _held(basis, name, row.region, RENTED, row.available)


def _held(basis: Basis, instance: str, region: str, kinds: set[str], room: int) -> Iterator[str]:
    mine = [buy for buy in basis.plan.purchases if (buy.instance, buy.region) == (instance, region) and buy.kind in kinds]
    for period in basis.hours:
        held = sum(buy.machines[period] for buy in mine)
        if held > room:
            how = "" if kinds == RENTED else f" {' and '.join(sorted(kinds))}"
            yield f"{instance}{how} in {region}, {period}: {held} machines held, the price row has {room}"


def sellers(basis: Basis) -> Iterator[str]:
    """Machines that are not one's own come from few enough sellers, over all periods together."""
    most = basis.problem.limits.max_sellers
    found = {
        basis.catalog.instances[buy.instance].seller
        for buy in basis.plan.purchases
        if buy.kind not in ("owned", "fleet") and max(buy.machines.values()) > 0
    }
    if most is not None and len(found) > most:
        yield f"limits.max_sellers: machines of {', '.join(sorted(found))}, {most} allowed"
