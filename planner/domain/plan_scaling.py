"""What a plan says of following demand: how long replicas take to start, how often they do, and what that costs."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict


class ColdStart(Strict):
    """What it takes until a new replica answers [s]."""

    machine: float
    """Until its machine may start a container."""
    image: float
    """Pull of the container's image."""
    weights: float
    """Weights into the accelerators' memory."""
    init: float
    """Start of the engine, compilation, capture of graphs, warm-up."""
    weights_from: Literal["store", "local_disk"]
    """Where weights are read from."""
    bytes_per_machine: float
    """Weights that each machine reads [B]."""
    seconds: float
    """All of it."""


class PoolScaling(Strict):
    """How a pool follows demand."""

    pool: str
    """Name in the plan."""
    cold_start: ColdStart
    """What it takes until a new replica answers."""
    starts: float
    """Replicas started in a cycle of periods."""
    paid: float
    """What each start is paid for beside the periods in which the replica is needed [h]."""
    hourly: float
    """Price of a replica's share of a rented machine [$/h]; 0 where its machines are only committed to."""
    cost: float
    """Average cost of the ramp: starts · paid · hourly over the hours of the cycle [$/h]."""
    warm: dict[str, int]
    """Replicas in each period beyond what its own calls and spares need."""


class Scaling(Strict):
    """How replicas follow demand, where that is charged."""

    scaling: Literal["scheduled", "reactive"]
    """Ahead of the period that needs them, or when load has grown."""
    changes: float
    """How often a period follows another in a cycle."""
    pools: tuple[PoolScaling, ...]
    """Pool by pool."""
