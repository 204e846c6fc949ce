"""How much two solves differ, and how much of that their gaps can tell."""

from __future__ import annotations

from dataclasses import dataclass

from planner.study.result import Result

MICRO = 1_000_000
"""Costs are told apart to a millionth of a dollar an hour."""


@dataclass(frozen=True)
class Difference:
    """A difference of two costs, after less before [$/h].

    The best costs lie between bound and cost, so their difference lies in [bound_after − cost_before, cost_after − bound_before].
    """

    value: float
    """Between the plans found."""
    low: float
    """Least between the best plans there are."""
    high: float
    """Most between them."""

    @property
    def sure(self) -> bool:
        """Whether the gaps leave no doubt about its sign."""
        return self.low > 0 or self.high < 0

    @property
    def none(self) -> bool:
        """Whether the best plans are known to cost the same, to the millionth."""
        return max(abs(self.low), abs(self.high)) * MICRO < 1.0


def between(before: Result, after: Result) -> Difference:
    """Return the difference of two results that have plans."""
    if before.cost is None or after.cost is None or before.bound is None or after.bound is None:
        raise ValueError("a result without a plan has no cost to compare")
    return Difference(after.cost - before.cost, after.bound - before.cost, after.cost - before.bound)


def micros(cost: float) -> int:
    """Return a cost in millionths of a dollar an hour, in which sums are exact."""
    return round(cost * MICRO)
