"""Streams that differ only in a quality floor no model tells apart are one: so levers that cost a little quality do not multiply.

A lever that keeps 98 % of the score raises the floor that the model alone must reach. Models have few distinct scores, so most
such floors let the same models, formats and APIs through; the streams are then the same to every pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.candidates.quality import api_value, score_of, value_of
from planner.demand.stream import Stream
from planner.demand.streams import build_flows
from planner.demand.ways import Flows, Way, lean, seen
from planner.domain.calls import QualityFloor
from planner.domain.catalog import Catalog
from planner.domain.problem import Problem

Floats = NDArray[np.float64]


def flows_of(problem: Problem, base: Path, catalog: Catalog) -> Flows:
    """Return what a problem's workloads ask for, alike streams merged.

    Parameters
    ----------
    problem : the problem
    base : folder that relative paths start from
    catalog : scores and recoveries

    Returns
    -------
    Flows; of workloads with a single way unchanged
    """
    flows = build_flows(problem, base)
    many = {name for name, count in Counter(way.workload for way in flows.ways).items() if count > 1}
    return _merged(flows, many, Floors(catalog)) if many else flows


def once(streams: Sequence[Stream], key: Callable[[Stream], Hashable]) -> tuple[list[int], list[Stream]]:
    """Return which kind each stream is of, and the first of each kind: what depends on the key alone is worked out once."""
    kinds: dict[Hashable, int] = {}
    firsts: list[Stream] = []
    for stream in streams:
        if kinds.setdefault(key(stream), len(kinds)) == len(firsts):
            firsts.append(stream)
    return [kinds[key(stream)] for stream in streams], firsts


class Floors:
    """Which models, formats and APIs floors let through."""

    def __init__(self, catalog: Catalog) -> None:
        """Keep the facts; tables of scores are made once for each benchmark and range of contexts."""
        self.catalog = catalog
        self._tables: dict[tuple[object, ...], Floats] = {}
        self._single: dict[tuple[object, ...], float | None] = {}

    @cached_property
    def _edges(self) -> Floats:
        """Contexts at which some recovery stops to count [token]."""
        rows = [row for precision in self.catalog.precisions.values() for row in precision.recoveries]
        return np.unique([row.max_context for row in rows if row.max_context is not None])

    def _length(self, floor: QualityFloor, context: float) -> tuple[object, ...]:
        """Return what a context's length changes: the recoveries that count, and what is left of scores."""
        reach = int(np.searchsorted(self._edges, context))
        return (reach,) if floor.context is None else (reach, floor.context, context)

    def passed(self, floor: QualityFloor, context: float) -> bytes:
        """Return which models in which formats, and which APIs, reach a floor at a context, as bytes to compare."""
        key = (floor.benchmark, floor.measured, floor.unknown_recovery, *self._length(floor, context))
        if key not in self._tables:
            self._tables[key] = self._values(floor, context)
        return np.packbits(self._tables[key] >= floor.at_least).tobytes()

    def reaches(self, floor: QualityFloor, context: float, model: str, precision: str, kv: str) -> bool:
        """Whether a model in a format reaches a floor at a context."""
        key = (
            floor.benchmark,
            floor.measured,
            floor.unknown_recovery,
            *self._length(floor, context),
            model,
            precision,
            kv,
        )
        if key not in self._single:
            self._single[key] = value_of(self.catalog, floor, model, precision, kv, context)
        value = self._single[key]
        return value is not None and (value >= floor.at_least or floor.over == "average")

    def _values(self, floor: QualityFloor, context: float) -> Floats:
        catalog = self.catalog
        models = [
            value_of(catalog, floor, name, precision, kv, context)
            for name, model in catalog.models.items()
            if score_of(floor, model.scores) is not None
            for precision in catalog.precisions
            for kv in catalog.kv_precisions
        ]
        values = [*models, *(api_value(catalog, floor, name, context) for name in catalog.apis)]
        return np.array([np.nan if value is None else value for value in values], dtype=float)


def _merged(flows: Flows, workloads: set[str], floors: Floors) -> Flows:
    """Merge the alike streams of some workloads, and drop the ways that others then beat."""
    first: dict[tuple[object, ...], str] = {}
    known: dict[str, str] = {}
    for stream in flows.streams:
        key = (*seen(stream), *_passing(stream, floors)) if stream.workload.name in workloads else (stream.name,)
        known[stream.name] = first.setdefault(key, stream.name)
    ways = [way for name in dict.fromkeys(way.workload for way in flows.ways) for way in _lean(flows, name, known)]
    return Flows.of_ways(flows.streams, ways)


def _passing(stream: Stream, floors: Floors) -> tuple[bytes, ...]:
    context = stream.longest_context()
    floor_of = stream.workload.quality
    return tuple(repr(f).encode() if f.over == "average" else floors.passed(f, context) for f in floor_of)


def _lean(flows: Flows, workload: str, known: dict[str, str]) -> list[Way]:
    ways = [
        replace(
            way,
            rates={known[name]: rate for name, rate in way.rates.items()},
            steps=tuple(replace(step, streams=tuple(known[name] for name in step.streams)) for step in way.steps),
        )
        for way in flows.of(workload)
    ]
    return list(lean(ways))
