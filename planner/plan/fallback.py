"""Says what a plan takes for granted of spot machines with on-demand ones to fall back on."""

from __future__ import annotations

from planner.domain.problem import Operations
from planner.supply.fallback import share_away


def fallback_words(operations: Operations) -> str:
    """Return the share of time on demand, how long a replica is missed, and how many are taken at once, in a sentence."""
    away = share_away(operations.spot_interruptions_per_hour, operations.spot_outage)
    missed = max(operations.spot_restart - operations.spot_notice, 0.0)
    together = operations.spot_together
    taken = "each reclaimed by itself" if together == 1 else f"{together} reclaimed together"
    return (
        f"on demand {away:.1%} of the time: capacity stays away for {operations.spot_outage / 60:.0f} min; a replica is missed "
        f"for {missed:.0f} s after {operations.spot_notice:.0f} s of warning; {taken}; an on-demand machine can always be had"
    )
