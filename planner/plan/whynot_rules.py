"""The rules that keep something out of a plan: rejections that speak of it, choices, and layouts that are never considered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from planner.candidates.build import Search
from planner.candidates.layouts import Hardware, machine_of
from planner.candidates.pairs import shape_fits_machine
from planner.candidates.rejection import Rejection
from planner.candidates.space import fast_inside, idle_stages
from planner.catalog.meaning import KINDS, Meaning
from planner.catalog.select import names
from planner.domain.catalog import Catalog
from planner.domain.hardware import paid_as
from planner.domain.layout import Shape
from planner.supply.cells import Cell
from planner.supply.choice import refusal

Facts = Mapping[str, frozenset[str]]

PLACES = ("instances", "sellers", "regions", "offers")
"""Kinds of names that say where machines stand and how they are paid."""

QUIET = ("precisions", "kv_precisions", "engines")
"""Kinds of names that choices leave out without a rejection each."""

STAGES = "stages where a fast link joins the accelerators: tensor parallelism does the same without bubbles"
"""Why such layouts are not considered."""

_DEGREE = re.compile(r"(?:tp|pp|dp|ep)\d+")


class Subjects:
    """Reads what rejections speak of."""

    def __init__(self, catalog: Catalog) -> None:
        """Keep the facts."""
        self._catalog = catalog

    @cached_property
    def _known(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for kind in KINDS:
            for name in names(self._catalog, kind):
                found.setdefault(name.lower(), []).append((kind, name))
        return found

    def of(self, entry: Rejection) -> Facts:
        """Return the names that a rejection speaks of, by kind."""
        found: dict[str, set[str]] = {}
        for kind, name in (*self._named(entry.subject), *(("layouts", name) for name in entry.layouts)):
            found.setdefault(kind, set()).add(name)
        return {kind: frozenset(some) for kind, some in found.items()}

    def _named(self, subject: str) -> Iterator[tuple[str, str]]:
        instance, at, rest = subject.partition("@")
        if at and instance in self._catalog.instances:
            yield from self._place(instance, rest)
            return
        words = [word.rpartition("×")[2] for word in subject.lower().split()]
        layout = " ".join(word for word in words if _DEGREE.fullmatch(word))
        for word in (*(word for word in words if not _DEGREE.fullmatch(word)), layout):
            yield from self._known.get(word, ())
        offer = self._catalog.apis.get(subject)
        if offer is not None and offer.open_model is not None:
            yield "models", offer.open_model

    def _place(self, instance: str, rest: str) -> Iterator[tuple[str, str]]:
        """Yield what `seller/type@region (spot)/on_demand` names."""
        sold = self._catalog.instances[instance]
        place, _, tag = rest.partition("/")
        region, spot, _ = place.partition(" (")
        yield from (("instances", instance), ("sellers", sold.seller), ("regions", region), ("accelerators", sold.accelerator))
        if spot or tag:
            yield "offers", "spot" if spot else tag.partition(":")[0]


def spoken_of(search: Search, meaning: Meaning, *, found: bool, stands: bool) -> Iterator[Rejection]:
    """Yield the rejections that concern what words mean, the most telling first.

    A rejection tells most if it speaks of nothing but what the words name, and so rules all of it out; then come those that
    speak of all that they name, and of more. Where there is neither, those are told that speak of most of it.

    Parameters
    ----------
    search : with its ledger
    meaning : of the words
    found : whether some deployment is what they mean, so that what rules out parts of it is no reason
    stands : whether it may stand somewhere, so that places refused are no reason unless places are named
    """
    subjects, wanted = Subjects(search.catalog), meaning.names
    places = not (found or stands) or any(kind in wanted for kind in PLACES)
    whole: list[tuple[int, Rejection]] = []
    parts: list[tuple[int, Rejection]] = []
    for entry in search.ledger.entries:
        facts = subjects.of(entry)
        if ("regions" in facts and not places) or any(facts[kind].isdisjoint(wanted[kind]) for kind in facts.keys() & wanted):
            continue
        if not all(word.lower() in entry.subject.lower() for word in meaning.unknown):
            continue
        named = len(facts.keys() & wanted)
        (whole if facts and facts.keys() <= wanted.keys() else parts).append((-named, entry))
    yield from _together([entry for _, entry in sorted(whole, key=lambda one: one[0])])
    enough = -len(wanted) if whole or found else min((named for named, _ in parts), default=0)
    rest = [entry for named, entry in parts if named == enough and (named or not wanted)]
    yield from _together(rest if found else sorted(rest, key=lambda entry: entry.code != "cost"))


def _together(entries: Iterable[Rejection]) -> Iterator[Rejection]:
    """Yield rejections each once; places that one rule refuses are told as one."""
    rows: dict[tuple[str, str, str, str], list[Rejection]] = {}
    for entry in dict.fromkeys(entries):
        apart = "" if "@" in entry.subject else entry.subject
        rows.setdefault((entry.code, entry.sentence, entry.stream, apart), []).append(entry)
    for first, *more in rows.values():
        yield replace(first, subject=f"{first.subject} and {len(more)} more") if more and "@" in first.subject else first


def chosen_away(search: Search, meaning: Meaning) -> Iterator[Rejection]:
    """Yield the formats and engines that choices leave out, for each stream or all."""
    for kind in (kind for kind in QUIET if kind in meaning.names):
        for name in sorted(meaning.names[kind]):
            given = [(getattr(search.problem.choose, kind), getattr(s.workload.choose, kind)) for s in search.streams]
            reasons = [refusal(name, *choices) for choices in given]
            if len(set(reasons)) == 1 and reasons[0] is not None:
                yield Rejection("choice", name, reasons[0])
            elif len(set(reasons)) > 1:
                told = zip(search.streams, reasons, strict=True)
                yield from (Rejection("choice", name, why, stream=stream.name) for stream, why in told if why is not None)


def standing(cell: Cell, meaning: Meaning) -> bool:
    """Say whether a cell is of the accelerators, machines, sellers and regions that words name."""
    own = {"accelerators": cell.accelerator, "instances": cell.instance, "sellers": cell.seller, "regions": cell.region}
    return all(name in meaning.names.get(kind, {name}) for kind, name in own.items())


def paid(search: Search, meaning: Meaning) -> frozenset[int]:
    """Return the cells whose machines can be paid for in a way that words name, all of them if they name none."""
    ways = meaning.names.get("offers")
    bought = search.supply.purchases
    return frozenset(one.cell for one in bought if ways is None or not ways.isdisjoint(map(str, paid_as(one.kind))))


def unplaced(search: Search, meaning: Meaning) -> Iterator[Rejection]:
    """Yield the layouts named that no machine takes, or that are never worth it and so not considered."""
    wanted = meaning.names.get("layouts", frozenset())
    machines = {machine_of(cell, search.catalog) for cell in search.supply.cells if standing(cell, meaning)}
    each = "accelerators" in meaning.names
    for shape in (shape for shape in search.sites.shapes if str(shape) in wanted):
        for device in sorted({machine.accelerator for machine in machines}) if each else [""]:
            mine = [machine for machine in machines if device in ("", machine.accelerator)]
            reasons = [_misplaced(shape, machine, search.catalog) for machine in mine]
            told = [reason for reason in reasons if reason is not None]
            if told and len(told) == len(reasons):
                yield Rejection("layout", f"{device} {shape}".strip(), STAGES if STAGES in told else told[0])
        yield from _too_small(search, meaning, shape)


def _misplaced(shape: Shape, machine: Hardware, catalog: Catalog) -> str | None:
    """Return why a layout is not considered on a machine, None if it is."""
    device = catalog.accelerators[machine.accelerator]
    if not shape_fits_machine(shape, machine, device):
        return f"no machine that may be used holds replicas of {shape.gpus} accelerators so"
    if idle_stages(shape, machine, device, fast=fast_inside(machine, catalog)):
        return STAGES
    return None


def _too_small(search: Search, meaning: Meaning, shape: Shape) -> Iterator[Rejection]:
    """Yield the models named that one machine holds, where a layout spans several."""
    sites, catalog = search.sites, search.catalog
    index = sites.shapes.index(shape)
    accelerators = meaning.names.get("accelerators")
    spans = [
        span
        for (machine, s), span in zip(sites.pairs, sites.spans, strict=True)
        if s == index and (accelerators is None or sites.hardware[machine].accelerator in accelerators)
    ]
    bits = [catalog.precisions[name].bits_per_weight for name in meaning.names.get("precisions", catalog.precisions)]
    for name in sorted(meaning.names.get("models", frozenset())):
        weights = catalog.models[name].parameters.total * float(np.max(bits, initial=0.0)) / 8.0
        if spans and min(spans) >= weights:
            sentence = "one machine holds its weights and a working cache; replicas over several machines only lose time"
            yield Rejection("layout", f"{name} {shape}", sentence)
