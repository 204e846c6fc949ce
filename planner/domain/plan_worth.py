"""What a little more of demand and limits is worth: prices of the plan's problem with machines divisible."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.domain.base import NonNegativeFloat, Strict


class DemandWorth(Strict):
    """What more demand of a workload costs."""

    workload: str
    """Workload."""
    peak: float = Field(gt=0)
    """Requests in its busiest period [1/s]."""
    hourly: NonNegativeFloat | None
    """Cost of a request a second more in the busiest period, all periods in proportion [$/h]; null where it is not known, as
    copies of a store are whole."""


class LimitWorth(Strict):
    """What more of a limit saves."""

    limit: str
    """Which, as a path of the problem file: `limits.quotas[0]`."""
    name: str
    """What it limits: `quota of h100-* in eu-west-4`."""
    unit: Literal["GPU", "kW", "rack", "kg/h", "$/h"]
    """One of what it is counted in."""
    hourly: NonNegativeFloat
    """What one more saves [$/h]; 0 where the limit is not scarce."""


class Worth(Strict):
    """What a little more is worth where machines are bought in such numbers that they may be taken as divisible.

    The duals of the linear relaxation without what is paid once however many machines follow.
    """

    cost: NonNegativeFloat
    """Cost of serving the demand with machines divisible [$/h]: what the plan's cost falls to, in proportion, for many times the
    demand and the limits."""
    demand: tuple[DemandWorth, ...]
    """More demand, in the problem's order."""
    limits: tuple[LimitWorth, ...] = ()
    """More of each limit, quotas first."""
