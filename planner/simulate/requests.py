"""Calls to be simulated: when they come, how long they are, what they share; equally long columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

NO_GROUP = -1
"""Group of a call whose prompt begins like no other's."""


@dataclass(frozen=True, eq=False)
class Requests:
    """Calls in order of arrival."""

    arrival: Floats
    """When each comes, ascending [s]."""
    prompt: Counts
    """Prompt tokens, at least 1; what is cached is counted in."""
    output: Counts
    """Tokens to be generated, at least 1."""
    stream: Counts
    """Index of the stream each belongs to."""
    cached: Counts
    """Prompt tokens known to be cached wherever the call goes (a hit rate stated by a problem); below `prompt`."""
    group: Counts
    """Calls of one group begin with the same tokens, which a replica's prefix cache may hold; `NO_GROUP` = no other's."""
    shared: Counts
    """Tokens of that beginning; 0 without a group."""

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.arrival)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Self:
        """Return some calls, in order."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def plain(arrival: Floats, prompt: Counts, output: Counts, stream: int = 0) -> Requests:
    """Return calls of one stream that share nothing."""
    none = np.zeros(len(arrival), dtype=np.int64)
    return Requests(arrival, prompt, output, none + stream, none, none + NO_GROUP, none)


def together(parts: Sequence[Requests]) -> Requests:
    """Return the calls of several streams in one order of arrival; of calls that come at once, the earlier stream's first."""
    names = [field.name for field in fields(Requests)]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.argsort(joined["arrival"], kind="stable")
    return Requests(**{name: values[order] for name, values in joined.items()})
