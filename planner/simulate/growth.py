"""How caches grow while sequences decode, and how long iterations over growing caches take, in closed form."""

from __future__ import annotations

import math

from planner.perf.scalar import ScalarKv


def grown(kv: ScalarKv, start: float, rate: float, passed: int) -> float:
    """Return the bytes of a sequence `passed` iterations after it had `start` tokens [B]."""
    tokens = start + rate * passed
    if not kv.windowed:
        return kv.state + kv.full * tokens
    return kv.state + kv.full * tokens + kv.windowed * (min(start, kv.window) + rate * min(passed, filled_after(kv, start, rate)))


def filled_after(kv: ScalarKv, start: float, rate: float) -> int:
    """Return the iterations after which a sequence has filled its window [1]."""
    return max(0, math.ceil((kv.window - start) / rate)) if rate else 0


def elapsed(start: float, slope: float, steps: int) -> float:
    """Return T(k), the time of k iterations of which the first takes `start` and each next `slope` more [s]."""
    return steps * start + slope * (steps * (steps - 1) / 2)


def reaching(start: float, slope: float, time: float) -> int:
    """Return the fewest iterations that take at least `time`, one or more [1]."""
    if slope <= 0.0:
        steps = math.ceil(time / start)
    else:
        half = start / slope - 0.5
        # The root of T(k) = time, written so that nothing cancels where growth is slight.
        steps = math.ceil(2.0 * time / slope / (half + math.sqrt(half * half + 2.0 * time / slope)))
    steps = max(steps, 1)
    # The root is rounded: look at its neighbours.
    while steps > 1 and elapsed(start, slope, steps - 1) >= time:
        steps -= 1
    while elapsed(start, slope, steps) < time:
        steps += 1
    return steps
