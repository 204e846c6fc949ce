"""Cells and purchases: where replicas can run and the ways to pay for the machines there."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.hardware import OfferKind, RegionGroup
from planner.supply.machine import DEFAULT_PUE
from planner.supply.payments import Payments
from planner.supply.terms import ALWAYS, Term

OWN: frozenset[OfferKind] = frozenset({"owned", "fleet"})
"""Ways to pay for machines of one's own: no seller counts for them."""


@dataclass(frozen=True)
class Cell:
    """One machine shape of one seller in one region; spot machines form a cell of their own."""

    name: str
    """`seller/type@region`, with ` (spot)` where interruptible."""
    instance: str
    """Catalog name of the machine shape."""
    seller: str
    """Seller."""
    region: str
    """Seller's region."""
    region_group: RegionGroup
    """Continent."""
    accelerator: str
    """Catalog name of the accelerator."""
    gpus: int
    """Accelerators of one machine."""
    interruptible: bool
    """Whether its machines can be taken away."""
    power: float
    """Draw of one machine, host included [W]."""
    streams: tuple[bool, ...]
    """Which streams may run here, by data rules, choices and interruptibility."""
    parts: int = 1
    """Parts that each board is cut into, each counted in `gpus`."""
    fallback: bool = False
    """Whether an on-demand machine takes over from one that is taken away."""

    @property
    def boards(self) -> int:
        """Boards of one machine, which quotas count."""
        return self.gpus // self.parts


@dataclass(frozen=True)
class Purchase:
    """One way to pay for the machines of a cell."""

    name: str
    """`cell/kind`."""
    cell: int
    """Index of the cell."""
    kind: OfferKind
    """Way to pay."""
    hourly: float
    """Cost of one useful machine-hour: list price, for spot divided by the share of time not lost to restarts; with what paying
    early costs [$/h]."""
    list_price: float
    """Price as published [$/h]."""
    committed: bool
    """Whether the number is the same in all periods in which they are there, and paid in all of them."""
    limit: float
    """Most machines to be had; inf if any number."""
    source: str
    """Where the price comes from, with its date."""
    energy: float = 0.0
    """Electricity within the price, where it is paid apart [$/h]."""
    term: Term = ALWAYS
    """When it is bought, and when its machines are there."""
    offer: str = ""
    """What `limit` counts together with the same offer bought at other times, or run in other ways: `cell/kind`."""
    payments: Payments | None = None
    """What one machine costs in cash, where it is bought for a term."""
    pue: float = DEFAULT_PUE
    """Facility power over IT power where it stands [1]."""
    draw: float | None = None
    """Draw of one machine, host included [W]: as stated, else by its boards; None if nobody knows."""
    grid: str | None = None
    """Grid that feeds it; None if no row says."""
    dearer: tuple[float, ...] = ()
    """[T] What a kWh being dearer in a period than on average adds to `hourly` [$/h]; empty where it is not."""
    carbon: tuple[float, ...] | None = None
    """[T] What one machine emits in each period, as rated [kg CO2e/h]; None if draw or grid is not known."""
    carbon_cost: tuple[float, ...] = ()
    """[T] What that is taken to cost, not in `hourly` [$/h]; empty where carbon has no price."""
    held: int = 0
    """Machines that are there and paid in any case, for what was signed before."""
    standing: float = 0.0
    """What one of those costs whether it is used or not, beside `hourly` [$/h]."""
    upfront: float = 0.0
    """Share of a reserved term's price that is paid when it begins [1]."""
    capital: float = 0.0
    """Cost of capital within `hourly`, for what is paid early [$/h]."""
    spend: str = ""
    """The commitment to spend that it draws on, `list_price` an hour; `hourly` is then its cost if all committed is used."""

    @property
    def extra(self) -> tuple[float, ...]:
        """[T] What one machine costs in each period beside `hourly` [$/h]; empty where it is nothing."""
        parts = [part for part in (self.dearer, self.carbon_cost) if part]
        return tuple(sum(each) for each in zip(*parts, strict=True))

    @property
    def lowest(self) -> float:
        """Least cost of one machine in any period [$/h]."""
        return self.hourly + min(self.extra, default=0.0)

    @property
    def cost(self) -> float:
        """What one machine costs, by use or in any case [$/h]."""
        return self.hourly + self.standing


@dataclass(frozen=True)
class Supply:
    """All cells and purchases a problem may use."""

    cells: tuple[Cell, ...]
    """Places for replicas."""
    purchases: tuple[Purchase, ...]
    """Ways to pay, each for one cell."""
    rejected: tuple[tuple[str, str, str], ...]
    """(what, reason code, sentence with the number) for each cell or purchase left out."""
