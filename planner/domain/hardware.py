"""Accelerators, the links between them, and the machines sellers offer."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, NonNegativeInt, PositiveInt, Sourced, Strict
from planner.domain.commitments import TermPrice
from planner.units import Bytes, BytesPerSecond, DollarsPerHour, Fraction, OperationsPerSecond, Seconds, Watts

NumberFormat = Literal["fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp4"]
OfferKind = Literal["on_demand", "spot", "reserved_1y", "reserved_3y", "owned", "fleet", "spot_with_fallback", "committed_spend"]
RentedKind = Literal["on_demand", "spot", "reserved_1y", "reserved_3y"]
RegionGroup = Literal["us", "eu", "asia", "me", "other", "global"]

SPOT: frozenset[OfferKind] = frozenset({"spot", "spot_with_fallback"})
"""Ways to pay for machines that can be taken away."""
COMMITTED: tuple[OfferKind, ...] = ("reserved_1y", "reserved_3y", "owned", "committed_spend")
"""Ways to pay that bind beyond the hour; of a fleet that is there already nothing but hours of use is left to decide."""
COMMITTED_TERMS = ("monthly", "yearly")
"""Terms of units at APIs that do."""


def paid_as(kind: OfferKind) -> tuple[OfferKind, ...]:
    """Return the prices that a way to pay takes: of a spot machine with fallback two, whose rules and quotas both count."""
    return ("spot", "on_demand") if kind == "spot_with_fallback" else (kind,)


def counted_as(kind: OfferKind) -> tuple[OfferKind, ...]:
    """Return the ways to pay as which quotas and rows count machines: those under committed spend are on demand too."""
    return ("committed_spend", "on_demand") if kind == "committed_spend" else paid_as(kind)


class Accelerator(Sourced):
    """One GPU or comparable device."""

    name: str
    """The name people use."""
    vendor: Literal["nvidia", "amd", "intel", "google", "aws"]
    """Maker; engines support accelerators by vendor and architecture."""
    architecture: str
    """Compute capability or architecture name, as the vendor spells it."""
    form_factor: str
    """sxm, pcie, oam, superchip …"""
    memory: Bytes
    """Nominal memory."""
    memory_reported: Bytes | None = None
    """Memory as the driver or the cloud's API reports it; the planner budgets with this where known."""
    bandwidth: BytesPerSecond
    """Peak memory bandwidth."""
    peak: dict[NumberFormat, OperationsPerSecond] = Field(min_length=1)
    """Peak *dense* rate per number format of the multiplication; absent = not supported by the matrix units."""
    tdp: Watts | None = None
    """Board power limit."""
    fabric: Identifier
    """The link inside a node, a name in the `fabrics` catalog."""
    link_bandwidth: BytesPerSecond | None = None
    """Rate of that link per device, one direction."""
    scale_up_domain: PositiveInt = 1
    """How many devices that link can join at full rate."""
    pcie_bandwidth: BytesPerSecond | None = None
    """Host link, one direction."""
    released: int | None = None
    """Year of release."""
    mig_slices: int | None = None
    """Hardware partitions the device can be cut into."""
    parent: Identifier | None = None
    """What it is a variant of; set by the planner on parts of boards and on lower power limits."""
    parts: PositiveInt = 1
    """Parts that its board is cut into; parts cannot be joined. Set by the planner."""

    @property
    def usable_memory(self) -> float:
        """Bytes to budget with: as reported where known, else nominal."""
        return self.memory_reported or self.memory


class CollectivePoint(Strict):
    """Latency and bandwidth of an all-reduce over `n` devices: t = alpha + 2(n-1)/n · bytes/beta."""

    n: PositiveInt
    """Devices taking part."""
    alpha: Seconds
    """Fixed time."""
    beta: BytesPerSecond
    """Bus bandwidth reached by large messages."""


class Fabric(Sourced):
    """A link type and how collectives behave on it."""

    scope: Literal["scale_up", "pcie", "scale_out"]
    """scale_up: NVLink and its like; pcie: devices in one host without it; scale_out: between hosts."""
    allreduce: tuple[CollectivePoint, ...] = ()
    """Measured points; between them alpha and beta are interpolated in log n."""
    p2p_alpha: Seconds
    """Fixed time of a point-to-point transfer."""
    p2p_beta: BytesPerSecond | None = None
    """Point-to-point bandwidth; absent = the accelerator's own link rate."""
    efficiency: Fraction = 0.8
    """Share of nominal link rate reached where no point was measured."""
    status: Literal["measured", "fitted", "assumed"]
    """How the numbers were had."""


class Price(Sourced):
    """What one instance costs per hour in one region, per way to pay; blank = not public."""

    region: Identifier
    """The seller's region name."""
    region_group: RegionGroup
    """Continent-level group used by data rules."""
    on_demand: DollarsPerHour | None = None
    """Pay by the hour, leave when you like."""
    spot: DollarsPerHour | None = None
    """Interruptible."""
    reserved_1y: DollarsPerHour | None = None
    """Committed for a year, paid whether used or not."""
    reserved_3y: DollarsPerHour | None = None
    """Committed for three years, paid whether used or not."""
    upfront: Fraction = 0.0
    """Share of a reserved term's price that is paid when it begins: 0 no upfront, 1 all upfront."""
    commitments: tuple[TermPrice, ...] = ()
    """Further prices for committing to a term, by what is paid upfront; all of them compete, with those of the fields above."""
    available: NonNegativeInt | dict[RentedKind, NonNegativeInt] | None = None
    """Most machines to be had there at any time, of all ways to pay together (`8`) or of each alone (`{spot: 0, on_demand: 4}`);
    0 = not offered, absent = any number."""

    @model_validator(mode="after")
    def _told_once(self) -> Price:
        found = [one.tag for one in self.terms]
        twice = sorted({tag for tag in found if found.count(tag) > 1})
        if twice:
            raise ValueError(f"two prices for the same term and share upfront ({', '.join(twice)}); give one of them")
        return self

    def room(self, kind: str) -> float:
        """Return the most machines to be had in a way to pay; inf if any number."""
        if self.available is None:
            return math.inf
        return float(self.available.get(kind, math.inf) if isinstance(self.available, dict) else self.available)  # type: ignore[call-overload]

    @property
    def terms(self) -> tuple[TermPrice, ...]:
        """Every price for committing to a term, those of the short fields first."""
        short: tuple[tuple[Literal["1y", "3y"], float | None], ...] = (("1y", self.reserved_1y), ("3y", self.reserved_3y))
        own = [TermPrice.model_construct(term=term, upfront=self.upfront, price=paid) for term, paid in short if paid is not None]
        return (*own, *self.commitments)


class Instance(Strict):
    """A machine shape one seller offers: a node of `count` accelerators."""

    seller: Identifier
    """Who sells it."""
    instance_type: Identifier
    """The seller's own name for it."""
    accelerator: Identifier
    """A name in the `accelerators` catalog."""
    count: PositiveInt
    """Accelerators in the node."""
    fabric: Identifier
    """Link between the node's accelerators, a name in `fabrics`; `none` for a single device."""
    network: BytesPerSecond | None = None
    """Network to other nodes."""
    network_fabric: Identifier = "ethernet"
    """Kind of that network, a name in `fabrics`."""
    vcpu: NonNegativeFloat | None = None
    """Virtual CPUs."""
    ram: Bytes | None = None
    """Host memory."""
    local_storage: Bytes | None = None
    """Local NVMe."""
    prices: tuple[Price, ...] = ()
    """One row a region; empty = not for rent, only to be owned."""
    note: str = ""
    """What a buyer should know."""
    unverified: tuple[str, ...] = ()
    """Fields that were not read in a source."""
    parent: Identifier | None = None
    """The machine it is a variant of; set by the planner."""
