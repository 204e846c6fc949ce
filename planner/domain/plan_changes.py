"""What a plan changes of what runs today."""

from __future__ import annotations

from planner.domain.base import Strict


class PoolChange(Strict):
    """A pool that is opened, closed or resized."""

    what: str
    """opened, closed or resized."""
    pool: str
    """Deployment and place."""
    before: int
    """Most replicas in any period today."""
    after: int
    """Most replicas in any period of the plan."""


class MachineChange(Strict):
    """Machines that are taken on or given back."""

    machine: str
    """Machine, region and way to pay."""
    before: int
    """Most held in any period today."""
    after: int
    """Most held in any period of the plan."""


class Changes(Strict):
    """The plan beside what runs today (`planner solve --from`)."""

    today: str
    """Name of the problem that today's plan was made for."""
    pools: tuple[PoolChange, ...]
    """Pools opened, closed and resized."""
    machines: tuple[MachineChange, ...]
    """Machines taken on and given back."""
    replicas: bool
    """Whether some pool has other replicas in some period, beyond what `pools` says."""
    cost_today: float | None
    """What today's pools and machines cost for the calls there are now, as they are [$/h]; absent = they do not serve them."""
    moving: float
    """One-off cost of what is set up [$]."""
    moving_hourly: float
    """The same spread over time, as it stands in `cost.operations` [$/h]."""
    saved_per_month: float | None
    """What the plan saves over 730 hours, moving counted [$]; absent = today's does not serve the calls."""

    @property
    def none(self) -> bool:
        """Whether nothing changes."""
        return not self.pools and not self.machines and not self.replicas
