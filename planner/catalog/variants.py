"""Variants of accelerators and machines, as rows of the catalog like all others.

A part of a board is an accelerator with shares of its memory, bandwidth and matrix units, and a machine cut into such parts one
of n · parts accelerators, at the machine's price, without links between them. A power limit is an accelerator with a lower peak
and board power; only machines of one's own whose row states their draw can be run so. Kernels and hosts are those of the board:
variants take its coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.select import matches
from planner.domain.calls import Choice
from planner.domain.catalog import Catalog
from planner.domain.hardware import Accelerator, Instance
from planner.domain.offers import OwnedFleet, OwnedOffer
from planner.domain.problem import ProblemChoices
from planner.domain.variants import MARK, Partition, PowerPoint


def origin(catalog: Catalog, accelerator: str) -> str:
    """Return what an accelerator is a variant of, itself if it is none."""
    row = catalog.accelerators.get(accelerator)
    return accelerator if row is None or row.parent is None else row.parent


def with_variants(catalog: Catalog, choose: ProblemChoices) -> Catalog:
    """Return a catalog with the variants that a problem may choose; as it is if it may choose none.

    Parameters
    ----------
    catalog : facts
    choose : `partitions`, `power_points`
    """
    found = catalog
    for name, label, row in _offered(catalog, choose):
        found = _with_one(found, name, label, row)
    return found


def _with_one(catalog: Catalog, name: str, label: str, row: Partition | PowerPoint) -> Catalog:
    """Return a catalog with one variant of a machine, for rent as it is and of one's own."""
    machine, suffix = catalog.instances[name], f"{MARK}{label}"
    device = catalog.accelerators[machine.accelerator]
    if isinstance(row, Partition):
        saved, made = 0.0, part(device, machine.accelerator, row)
    else:
        saved, made = machine.count * ((device.tdp or 0.0) - row.power), limited(device, machine.accelerator, row)
    rows: list[tuple[str, OwnedOffer | OwnedFleet]] = [*catalog.owned.items(), *catalog.fleet.items()]
    # What was committed to before is held and paid as it is.
    known = [(key, one) for key, one in rows if one.instance == name and not getattr(one, "committed", False)]
    mine = [(key, one) for key, one in known if isinstance(row, Partition) or one.power is not None]
    if not (mine or (isinstance(row, Partition) and machine.prices)):
        return catalog
    own = {f"{key}{suffix}": _own(one, suffix, saved) for key, one in mine}
    update = {
        "accelerators": {**catalog.accelerators, machine.accelerator + suffix: made},
        "instances": {**catalog.instances, name + suffix: _machine(machine, name, machine.accelerator + suffix, row)},
        "owned": {**catalog.owned, **{key: one for key, one in own.items() if isinstance(one, OwnedOffer)}},
        "fleet": {**catalog.fleet, **{key: one for key, one in own.items() if isinstance(one, OwnedFleet)}},
    }
    return catalog.model_copy(update=update)


def _offered(catalog: Catalog, choose: ProblemChoices) -> Iterator[tuple[str, str, Partition | PowerPoint]]:
    """Yield (machine, variant, row) that a problem may choose; power limits only below the board's own."""
    for name, machine in catalog.instances.items():
        device = catalog.accelerators[machine.accelerator]
        for label, part_row in catalog.partitions.items():
            if _let(choose.partitions, label) and _speaks_of(part_row, machine.accelerator):
                yield name, label, part_row
        for label, point in catalog.power_points.items():
            below = device.tdp is not None and point.power < device.tdp
            if below and _let(choose.power_points, label) and _speaks_of(point, machine.accelerator):
                yield name, label, point


def _speaks_of(row: Partition | PowerPoint, accelerator: str) -> bool:
    return any(matches(accelerator, pattern) for pattern in row.accelerators)


def _let(choice: Choice, name: str) -> bool:
    allowed = choice.allow is None or any(matches(name, pattern) for pattern in choice.allow)
    return allowed and not any(matches(name, pattern) for pattern in choice.forbid)


def part(device: Accelerator, name: str, row: Partition) -> Accelerator:
    """Return a part of a board as an accelerator."""
    return device.model_copy(
        update={
            "name": f"{device.name}, 1/{row.per_board}",
            "memory": device.memory * row.memory,
            "memory_reported": None if device.memory_reported is None else device.memory_reported * row.memory,
            "bandwidth": device.bandwidth * row.bandwidth,
            "peak": {fmt: rate * row.compute for fmt, rate in device.peak.items()},
            "tdp": None if device.tdp is None else device.tdp / row.per_board,
            "fabric": "none",
            "link_bandwidth": None,
            "scale_up_domain": 1,
            "parent": name,
            "parts": row.per_board,
            "source": f"{device.source}; {row.source}",
        }
    )


def limited(device: Accelerator, name: str, row: PowerPoint) -> Accelerator:
    """Return a board under a lower power limit as an accelerator."""
    return device.model_copy(
        update={
            "name": f"{device.name} at {row.power:g} W",
            "bandwidth": device.bandwidth * row.bandwidth,
            "peak": {fmt: rate * row.compute for fmt, rate in device.peak.items()},
            "tdp": row.power,
            "parent": name,
            "source": f"{device.source}; {row.source}",
            "unverified": (*device.unverified, *row.unverified),
        }
    )


def _machine(machine: Instance, name: str, variant: str, row: Partition | PowerPoint) -> Instance:
    """Return a machine of variants: cut into parts that no link joins, or no longer for rent."""
    update: dict[str, object] = {"accelerator": variant, "parent": name}
    if isinstance(row, Partition):
        update |= {"count": machine.count * row.per_board, "fabric": "none", "network": None}
    else:
        update["prices"] = ()
    return machine.model_copy(update=update)


def _own(row: OwnedOffer | OwnedFleet, suffix: str, saved: float) -> OwnedOffer | OwnedFleet:
    """Return machines of one's own run so; what the boards may draw less, the machine draws less."""
    power = None if row.power is None else row.power - saved
    return row.model_copy(update={"instance": f"{row.instance}{suffix}", "power": power})
