"""The sequences of a replica that decode: sums over them, and when each next changes.

All advance together, so a count of iterations is their clock; sums grow by a slope per iteration between the events.
"""

from __future__ import annotations

import heapq

from numpy.random import Generator

from planner.perf.scalar import ScalarKv
from planner.simulate.engine import Engine
from planner.simulate.growth import filled_after, grown
from planner.simulate.sequence import Sequence


class Decoding:
    """Sequences that decode."""

    def __init__(self, engine: Engine, rng: Generator) -> None:
        """Begin with none."""
        self._engine, self._rng = engine, rng
        self.count = 0
        """B [1]."""
        self.passed = 0
        """Iterations so far, the clock [1]."""
        self.read = self.read_slope = 0.0
        """K that the next iteration reads, and by how much it grows with each [B]."""
        self.held = self.held_slope = 0.0
        """Memory by which they have grown since they began to decode, and by how much with each iteration [B]."""
        self.ends: list[tuple[int, int, Sequence]] = []
        """When each ends, in iterations; a heap."""
        self._bends: list[tuple[int, int, float, float, Sequence]] = []

    def join(self, call: Sequence) -> None:
        """Let a sequence begin to decode, at the context of its prompt and what it has emitted."""
        engine, remaining = self._engine, call.output - call.emitted
        passes = engine.speculation.passes(remaining, self._rng) if engine.speculation else remaining
        call.rate = remaining / passes
        call.joined, call.start = self.passed, call.prompt + call.emitted
        self.count += 1
        self.read += engine.read.at(call.start)
        self.read_slope += self._begin(call, engine.read, call.start, reads=True)
        if not engine.contiguous:
            self.held_slope += self._begin(call, engine.held, call.start + engine.rounding, reads=False)
        heapq.heappush(self.ends, (self.passed + passes, call.order, call))

    def _begin(self, call: Sequence, kv: ScalarKv, start: float, *, reads: bool) -> float:
        """Return the bytes a sequence grows by per iteration; note when its window is full [B]."""
        growing = kv.windowed * call.rate if kv.windowed and start < kv.window else 0.0
        if growing:
            full = self.passed + filled_after(kv, start, call.rate)
            heapq.heappush(self._bends, (full, 2 * call.order + reads, growing * reads, growing * (not reads), call))
        return kv.full * call.rate + growing

    def leave(self, call: Sequence) -> float:
        """Take a sequence that has ended out; return the memory by which it has grown [B]."""
        engine, passed, growth = self._engine, self.passed - call.joined, 0.0
        self.count -= 1
        self.read -= grown(engine.read, call.start, call.rate, passed)
        self.read_slope -= self.slope(call, engine.read, call.start)
        if not engine.contiguous:
            start = call.start + engine.rounding
            growth = grown(engine.held, start, call.rate, passed) - engine.held.at(start)
            self.held -= growth
            self.held_slope -= self.slope(call, engine.held, start)
        call.rate = 0.0
        return growth

    def drop(self, call: Sequence) -> float:
        """Take a sequence out before its end, what it has emitted noted; return the memory by which it has grown [B]."""
        call.emitted = min(call.output - 1, call.emitted + int(call.rate * (self.passed - call.joined)))
        self.ends = [entry for entry in self.ends if entry[2] is not call]
        self._bends = [entry for entry in self._bends if entry[4] is not call]
        heapq.heapify(self.ends)
        heapq.heapify(self._bends)
        return self.leave(call)

    def slope(self, call: Sequence, kv: ScalarKv, start: float) -> float:
        """Return the bytes a sequence grows by per iteration now [B]."""
        growing = kv.windowed > 0.0 and self.passed - call.joined < filled_after(kv, start, call.rate)
        return (kv.full + (kv.windowed if growing else 0.0)) * call.rate

    def calm(self, room: float) -> int:
        """Return how many iterations pass before a sequence ends, fills its window or outgrows `room` [B]."""
        steps = self.ends[0][0] - self.passed
        if self._bends:
            steps = min(steps, self._bends[0][0] - self.passed)
        if self.held_slope > 0.0:
            steps = min(steps, max(1, int(room / self.held_slope)))
        return steps

    def advance(self, steps: int) -> list[Sequence]:
        """Let so many iterations be done; return the sequences that have emitted their last token."""
        self.passed += steps
        self.read += steps * self.read_slope
        self.held += steps * self.held_slope
        while self._bends and self._bends[0][0] <= self.passed:
            _, _, read, held, call = heapq.heappop(self._bends)
            if call.rate:  # else it has ended before its window was full
                self.read_slope -= read
                self.held_slope -= held
        ended = []
        while self.ends and self.ends[0][0] <= self.passed:
            ended.append(heapq.heappop(self.ends)[2])
        return ended
