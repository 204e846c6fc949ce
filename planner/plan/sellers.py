"""Says of whom machines are held where the number of sellers is limited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.domain.plan import Purchase
from planner.domain.problem import Limits
from planner.supply.cells import OWN


def seller_reasons(limits: Limits, purchases: Sequence[Purchase]) -> Iterator[str]:
    """Yield the sellers of a plan's machines, where their number is limited; machines of one's own count for none."""
    if limits.max_sellers is not None:
        used = sorted({buy.seller for buy in purchases if buy.kind not in OWN})
        named = ", ".join(used) or "no seller"
        yield f"Machines come from {named}: {len(used)} of at most {limits.max_sellers} (limits.max_sellers)."
