"""Which streams may use an offer, and the first rule that says no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from planner.demand.stream import Stream
from planner.domain.calls import Choice, Choices
from planner.domain.hardware import SPOT, paid_as
from planner.domain.variants import origin_name
from planner.domain.workload import DataRules, Workload
from planner.supply.choice import allowed, refusal
from planner.supply.listings import Listing

_SHOWN = 3


@dataclass(frozen=True)
class Refusal:
    """Why an offer may not be used."""

    code: str
    """Reason code."""
    sentence: str
    """Reason with the names in it."""


@dataclass(frozen=True)
class Verdict:
    """Who may use an offer."""

    streams: tuple[bool, ...]
    """Which streams may."""
    refusal: Refusal | None
    """Why none may; None if any may."""


class Rules:
    """The rules of all streams; streams that share them are judged once."""

    def __init__(self, choose: Choices, streams: Sequence[Stream]) -> None:
        """Gather the distinct sets of rules."""
        keys = [place_rules(stream) for stream in streams]
        self._choose = choose
        number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
        self._index = [number[key] for key in keys]
        first = dict(reversed(list(zip(self._index, streams, strict=True))))
        self._examples = [first[index] for index in range(len(number))]

    def judge(self, listing: Listing) -> Verdict:
        """Say which streams may use the offer."""
        refusals = [first_refusal(listing, self._choose, one.workload, one.home) for one in self._examples]
        mask = tuple(refusals[index] is None for index in self._index)
        return Verdict(mask, None if any(mask) else self._together(refusals))

    def _together(self, refusals: Sequence[Refusal | None]) -> Refusal:
        """Make one reason of everybody's: the common one, else each with the name of whom it concerns."""
        concerned: dict[Refusal, list[str]] = {}
        for one, reason in zip(self._examples, refusals, strict=True):
            if reason is not None:
                concerned.setdefault(reason, []).append(one.workload.name if one.home is None else one.short)
        if not concerned:
            return Refusal("no_stream", "there is nothing to serve")
        first = next(iter(concerned))
        if len(concerned) == 1:
            return first
        return Refusal(first.code, "; ".join(f"{_few(names)}: {reason.sentence}" for reason, names in concerned.items()))


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return f"{', '.join(names[:_SHOWN])} and {more} more" if more > 0 else ", ".join(names)


def place_rules(stream: Stream) -> tuple[object, ...]:
    """Return all that decides which offers a stream may use."""
    workload, own = stream.workload, stream.workload.choose
    chosen = (own.accelerators, own.instances, own.sellers, own.regions, own.offers)
    return (*chosen, workload.data, workload.interruptible, stream.home)


def first_refusal(listing: Listing, choose: Choices, workload: Workload, home: tuple[str, ...] | None = None) -> Refusal | None:
    """Return the first rule by which a workload, with a home its calls there, may not use an offer, None if it may."""
    return next(chain(_refusals(listing, choose, workload), _away(listing, home)), None)


def _away(listing: Listing, home: tuple[str, ...] | None) -> Iterator[Refusal]:
    """Yield why machines are not where a group of regions is."""
    if home is None:
        return
    if listing.region_group == "global":
        yield Refusal(
            "failover", f"the seller does not say where {listing.region} is, so not whether it fails with another region"
        )
    elif not allowed(listing.region, Choice(allow=home)):
        yield Refusal("failover", f"region {listing.region} is not among {', '.join(home)}")


def _refusals(listing: Listing, choose: Choices, workload: Workload) -> Iterator[Refusal]:
    own = workload.choose
    shape = listing.shape
    device = shape.accelerator if shape.parent is None else origin_name(shape.accelerator)
    yield from _choice("accelerator", device, choose.accelerators, own.accelerators)
    yield from _choice("instance", shape.parent or listing.instance, choose.instances, own.instances)
    yield from _choice("seller", shape.seller, choose.sellers, own.sellers)
    yield from _choice("region", listing.region, choose.regions, own.regions)
    yield from _data(listing, workload.data)
    paid = [why for kind in paid_as(listing.kind) for why in _choice("offer", kind, choose.offers, own.offers)]
    # What was committed to before is also of the fleet that is there: one name that is let through is enough.
    if not listing.held or any(_choice("offer", "fleet", choose.offers, own.offers)):
        yield from paid
    if listing.kind == "spot" and workload.interruptible == "with_fallback":
        yield Refusal("no_fallback", "the workload says interruptible: with_fallback, so never on spot machines alone")
    if listing.kind in SPOT and not workload.interruptible:
        yield Refusal("interruptible", "spot machines can be taken away, and the workload does not say interruptible: true")
    if not listing.room:
        yield Refusal("no_capacity", f"none is to be had: the price row of {listing.region} says available: 0")


def _choice(what: str, name: str, *choices: Choice) -> Iterator[Refusal]:
    why = refusal(name, *choices)
    if why is not None:
        yield Refusal(what, f"{what} {name} {why}")


def _data(listing: Listing, data: DataRules) -> Iterator[Refusal]:
    """Yield the data rules broken; a marketplace without a stated place breaks every rule that does not name `global`."""
    region, group = listing.region, listing.region_group
    if data.region_groups is not None and group not in data.region_groups:
        yield Refusal("data_region_group", f"data may be processed in {_list(data.region_groups)}, and {region} is in {group}")
    if data.regions is None:
        return
    if region.lower() not in {name.lower() for name in data.regions}:
        yield Refusal("data_region", f"data may be processed in {_list(data.regions)}, not in {region}")
    elif group == "global" and "global" not in (*data.regions, *(data.region_groups or ())):
        yield Refusal("data_region", f"the seller does not say where {region} is, and the data rules do not name global")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "no place"
