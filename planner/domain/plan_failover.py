"""What a plan says of a workload that is to outlive a region: what each group of regions carries, and what holding it costs."""

from __future__ import annotations

from planner.domain.base import Strict


class FailoverGroup(Strict):
    """One group of regions that may be down together."""

    regions: tuple[str, ...]
    """Regions, or patterns of them, as the problem names them."""
    normal: dict[str, float]
    """Calls per second it serves in each period while all groups are up [1/s]."""
    down: dict[str, float]
    """Calls per second it can take, which it serves while another group is down [1/s]."""
    hourly: float
    """The workload's share of the pools there [$/h]."""
    stream: str
    """Name of these calls everywhere else in the plan, such as `chat@1`."""


class FailoverPart(Strict):
    """How a workload outlives a region."""

    workload: str
    """Workload."""
    groups: tuple[FailoverGroup, ...]
    """Groups of regions, any one of which may be down."""
    held: float
    """Part of what the groups cost that is held for when one is down: 1/m of it, of m groups [$/h]."""
