"""Machines as replicas notice them."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.catalog import Catalog
from planner.domain.hardware import Accelerator
from planner.supply.cells import Cell

BOARD = 8
"""Most devices that one machine's own link joins; a larger link domain is a rack's (NVL72) and joins machines."""

ROOM = 0.7
"""Share of a machine's memory that weights may take before a replica spans several (assumption: the rest is cache)."""


@dataclass(frozen=True)
class Hardware:
    """A machine as far as the speed of a replica is concerned; see `seen_by` for what a replica does not notice."""

    accelerator: str
    """Catalog name."""
    node: int
    """Accelerators in a machine."""
    fabric: str
    """Link inside it."""
    network: float
    """Network rate of the machine to others [B/s]; 0 = none known, so no replica spans machines."""
    network_fabric: str
    """Kind of that network."""

    def seen_by(self, gpus: int) -> Hardware:
        """Return what a replica of `gpus` devices notices of this machine.

        One device notices no link, a replica within the machine neither its size nor its network. Deployments that
        notice the same are evaluated once, wherever they could stand.
        """
        if gpus == 1:
            return Hardware(self.accelerator, 1, "none", 0.0, "none")
        if gpus <= self.node:
            return Hardware(self.accelerator, gpus, self.fabric, 0.0, "none")
        return self


def link_reach(machine: Hardware, accelerator: Accelerator) -> int:
    """Return how many devices the link inside a machine joins.

    A rack's domain where the machine is part of one, otherwise only the machine: rented slices of an eight-device board
    have no link to each other.
    """
    rack = accelerator.scale_up_domain > BOARD and machine.fabric == accelerator.fabric
    return max(machine.node, accelerator.scale_up_domain) if rack else machine.node


def machine_of(cell: Cell, catalog: Catalog) -> Hardware:
    """Return the machine of a cell."""
    shape = catalog.instances[cell.instance]
    return Hardware(cell.accelerator, cell.gpus, shape.fabric, shape.network or 0.0, shape.network_fabric)
