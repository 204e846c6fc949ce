"""From the ways to serve workloads to the numbers the optimizer takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.demand.stream import Stream
from planner.demand.ways import Way
from planner.optimize.program import NO_WAYS, Bools, Floats, WayColumns

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Choices:
    """The ways that are left to choose from, and what is asked in any case."""

    columns: WayColumns
    """Ways of workloads that have several, or one with a cost of its own."""
    way: Index
    """[W] index into the ways of each column."""
    sole: tuple[int, ...]
    """Ways taken in any case, by the same index."""
    rate: Floats
    """[R, T] the most that any way left asks of a stream [1/s]."""

    def taken(self, chosen: Bools) -> list[int]:
        """Return the ways taken, from the columns chosen, in their order."""
        return sorted({*self.sole, *self.way[chosen].tolist()})


def able(way: Way, served: Sequence[bool], names: dict[str, int]) -> bool:
    """Whether every stream a way causes calls of can be served."""
    return all(served[names[name]] for name, rate in way.rates.items() if max(rate) > 0)


def choices(streams: Sequence[Stream], ways: Sequence[Way], served: Sequence[bool]) -> Choices:
    """Return the choice among ways whose streams can be served.

    Parameters
    ----------
    streams, ways : what workloads ask for
    served : [R] whether any pool or API may serve a stream

    Returns
    -------
    Choices; a workload none of whose ways is able is left out.

    Notes
    -----
    The streams of a workload that has one way left are asked for in any case; if that way costs something by itself it is a
    column without calls.
    """
    names = {stream.name: r for r, stream in enumerate(streams)}
    periods = len(streams[0].rate) if streams else 1
    rate = np.zeros((len(streams), periods))
    groups: dict[str, list[int]] = {}
    for index, way in enumerate(ways):
        if able(way, served, names):
            groups.setdefault(way.workload, []).append(index)
            for name, calls in way.rates.items():
                rate[names[name]] = np.maximum(rate[names[name]], calls)
    sole = tuple(left[0] for left in groups.values() if len(left) == 1)
    listed = [left for left in groups.values() if len(left) > 1 or ways[left[0]].cost > 0]
    chosen = [(index, group) for group, left in enumerate(listed) for index in left]
    if not chosen:
        return Choices(NO_WAYS, np.zeros(0, dtype=np.intp), sole, rate)
    uses = [
        (column, names[name], calls)
        for column, (index, _) in enumerate(chosen)
        if index not in sole
        for name, calls in ways[index].rates.items()
    ]
    columns = WayColumns(
        name=tuple(f"{ways[index].workload}.{index}" for index, _ in chosen),
        group=np.array([group for _, group in chosen], dtype=np.int64),
        cost=np.array([ways[index].cost for index, _ in chosen], dtype=float),
        user=np.array([column for column, _, _ in uses], dtype=np.int64),
        stream=np.array([stream for _, stream, _ in uses], dtype=np.int64),
        rate=np.array([calls for _, _, calls in uses], dtype=float).reshape(len(uses), periods),
    )
    return Choices(columns, np.array([index for index, _ in chosen], dtype=np.intp), sole, rate)
