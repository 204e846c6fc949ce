"""Rules about size: accelerators and pools."""

from __future__ import annotations

from collections.abc import Iterator

from planner.gate.finding import COUNT, Evidence, Finding, Words, at_most


def gpus(evidence: Evidence, limit: int) -> Iterator[Finding]:
    """Check the accelerators held at once.

    max over periods t of Σ machines_t · accelerators of a machine ≤ max_gpus
    """
    plan = evidence.plan
    held = {period: sum(buy.machines.get(period, 0) * buy.gpus_per_machine for buy in plan.purchases) for period in plan.periods}
    period, figure = max(held.items(), key=lambda item: item[1], default=("", 0))
    when = f" in {period}" if len(held) > 1 else ""
    change = "set limits.max_gpus in the problem and solve again, or raise the limit"
    yield at_most("max_gpus", COUNT, figure, limit, Words(f"accelerators held at once{when}", "purchases.machines", change))


def pools(evidence: Evidence, limit: int) -> Iterator[Finding]:
    """Check the number of pools to operate.

    number of pools ≤ max_pools
    """
    change = "set operations.max_pools in the problem and solve again, or raise the limit"
    yield at_most("max_pools", COUNT, len(evidence.plan.pools), limit, Words("pools", "pools", change))
