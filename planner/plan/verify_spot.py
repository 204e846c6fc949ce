"""Whether spot machines are used by whom they may be, and those with fallback at the price that both of theirs make."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Purchase
from planner.plan.basis import Basis, differs


def spot(basis: Basis) -> Iterator[str]:
    """Work is on spot machines only as far as it says so; machines with fallback have spares and cost what their prices make."""
    for pool in basis.plan.pools:
        for name in sorted({share.stream for share in pool.shares if share.rate > 0}):
            said = basis.streams[name].workload.interruptible
            if pool.interruptible and said is not True and not (said == "with_fallback" and pool.fallback):
                yield f"{name} on {pool.name}: on {pool.standing} machines, though the workload says interruptible: {said}"
    for buy in basis.plan.purchases:
        if buy.kind == "spot_with_fallback":
            yield from _price(basis, buy)


def _price(basis: Basis, buy: Purchase) -> Iterator[str]:
    """The hours on the spot market and those on demand, weighed by how long each lasts, over the share of time not lost.

    p = (p_spot + ν·T_gone·p_od)/(1 + ν·T_gone)/(1 − ν·T_restart)
    """
    known = basis.problem.operations
    here, gone = 1.0, known.spot_interruptions_per_hour * known.spot_outage / 3600.0
    used = 1.0 - known.spot_interruptions_per_hour * known.spot_restart / 3600.0
    rows = [row for row in basis.catalog.instances[buy.instance].prices if row.region == buy.region]
    found = [
        (here * row.spot + gone * row.on_demand) / (here + gone) / used
        for row in rows
        if row.spot is not None and row.on_demand is not None
    ]
    if not any(not differs(buy.hourly, price) for price in found):
        told = ", ".join(f"${price:,.6f}/h" for price in found) or "no such price"
        yield f"{buy.instance} spot with fallback in {buy.region}: ${buy.hourly:,.6f}/h stated, {told} found"
