"""Quality floors that hold on average over a workload's traffic: what a call of each stream is worth above them, pool by pool."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.quality import api_score, score_of, value_of
from planner.candidates.space import Space
from planner.demand.stream import Stream
from planner.domain.calls import QualityFloor
from planner.domain.catalog import Catalog
from planner.domain.problem import Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AverageFloor:
    """A floor over the average of a workload's calls."""

    workload: str
    """The workload."""
    floor: QualityFloor
    """As the problem states it."""
    streams: tuple[int, ...]
    """Streams whose calls count."""
    owns: tuple[QualityFloor, ...]
    """The floor as levers leave it for each of them."""

    def worth(self, place: int, value: float | None) -> float:
        """Return what a call of one of the streams is worth above the floor, levers counted, at a model's score.

        keeps·score − floor,  keeps = floor/own floor: a lever that keeps part of the score raises the floor for the model alone

        Parameters
        ----------
        place : of the stream among `streams`
        value : score in its precision; 0 counts where it is unknown
        """
        keeps = self.floor.at_least / self.owns[place].at_least
        return keeps * (value or 0.0) - self.floor.at_least


def average_floors(problem: Problem, streams: Sequence[Stream]) -> Iterator[AverageFloor]:
    """Yield the floors that hold on average, with the streams whose calls count."""
    for workload in problem.workloads:
        for floor in workload.quality:
            if floor.over != "average":
                continue
            held = [
                (r, own)
                for r, stream in enumerate(streams)
                if stream.workload.name == workload.name
                for own in stream.workload.quality
                if own.benchmark == floor.benchmark and own.over == "average"
            ]
            if held:
                yield AverageFloor(workload.name, floor, tuple(r for r, _ in held), tuple(own for _, own in held))


def worth_tables(catalog: Catalog, held: AverageFloor, streams: Sequence[Stream], space: Space) -> list[Floats]:
    """Return for each stream of a floor what its calls are worth: [model, precision, KV precision] of a space."""
    shape = len(space.models), len(space.precisions), len(space.kv_precisions)
    found = []
    for place, r in enumerate(held.streams):
        own, context = held.owns[place], streams[r].longest_context()
        names = itertools.product(space.models, space.precisions, space.kv_precisions)
        values = [held.worth(place, value_of(catalog, own, *each, context)) for each in names]
        found.append(np.array(values, dtype=float).reshape(shape))
    return found


def best_value(catalog: Catalog, floor: QualityFloor) -> float:
    """Return the highest score anything in the catalogs has, no precision taking anything away."""
    scores = [score_of(floor, model.scores) for model in catalog.models.values()]
    scores += [api_score(catalog, floor, name) for name in catalog.apis]
    return max((score for score in scores if score is not None), default=0.0) * BEST_RECOVERY


BEST_RECOVERY = 1.1
"""More than any precision was measured to add by chance: bounds what unseen deployments may be worth."""
