"""A call on a replica, and what a replica counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from planner.simulate.prefix import Prefix
from planner.simulate.requests import NO_GROUP


class Sequence:
    """A call on a replica."""

    __slots__ = (
        "arrival", "base", "cached", "chunks", "emitted", "finish", "first", "group", "held", "joined", "left", "order",
        "output", "outside", "owner", "preemptions", "prefix", "prompt", "rate", "rejected", "shared", "skipped", "start", "work",
    )  # fmt: skip

    def __init__(
        self,
        owner: int,
        arrival: float,
        prompt: int,
        output: int,
        cached: int = 0,
        group: int = NO_GROUP,
        shared: int = 0,
        emitted: int = 0,
    ) -> None:
        """Make a call that is not yet with a replica; `emitted` > 0 = its prompt was computed elsewhere."""
        self.owner, self.arrival, self.prompt, self.output = owner, arrival, prompt, output
        self.cached, self.group, self.shared, self.emitted = cached, group, shared, emitted
        self.outside = emitted > 0
        self.first, self.finish, self.rejected, self.preemptions = math.nan, math.nan, "", 0
        self.prefix: Prefix | None = None
        self.held = self.work = self.rate = 0.0
        self.base = self.left = self.skipped = self.chunks = self.joined = self.start = self.order = 0


@dataclass
class Counters:
    """What a replica did."""

    iterations: int = 0
    """Iterations run [1]."""
    prompt_tokens: int = 0
    """Prompt tokens computed, those after preemptions included [token]."""
    output_tokens: int = 0
    """Tokens of finished calls [token]."""
    preemptions: int = 0
    """Sequences put back for want of memory [1]."""
    prefix_hits: int = 0
    """Admissions that found their group's beginning [1]."""
    prefix_tokens: int = 0
    """Prompt tokens these saved [token]."""
    busy: float = 0.0
    """Time spent in iterations [s]."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Calls that could never be served, by reason [1]."""
