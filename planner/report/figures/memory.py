"""Where the memory of one GPU goes, pool by pool."""

from __future__ import annotations

from collections.abc import Callable

from planner.domain.plan import Plan
from planner.domain.plan_pools import MemoryPerGpu
from planner.report import format as fmt
from planner.report.figures.axis import legend, ticks, upright
from planner.report.figures.scene import LARGE, NARROW, SMALL, Box, Scene, Words, width_of
from planner.report.words import formats

TITLE = "Memory of one GPU"
NOTE = "Usable memory of one device of each pool, in gigabytes. The more is left for the KV cache, the more calls run at once."
PARTS = (
    ("weights", "Weights", "c1"),
    ("activations", "Activations", "c2"),
    ("runtime", "Runtime", "c8"),
    ("kv", "KV cache", "c3"),
)
"""Fields of MemoryPerGpu in the order drawn, their names and colours."""
_ROW = 62.0


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw one bar a pool."""
    if not plan.pools:
        return None
    scene = Scene(width)
    top = legend(scene, [(name, colour) for _, name, colour in PARTS], 4.0, 14.0, width - 8) - 6
    bottom = top + _ROW * len(plan.pools)
    scene.height = bottom + 24
    marks = ticks(max(pool.memory.total for pool in plan.pools) / 1e9, 4 if width < NARROW else 7)

    def at(gigabytes: float) -> float:
        return 12.0 + (width - 34.0) * gigabytes / marks[-1]

    upright(scene, marks, at, top + 4, bottom, lambda mark: f"{mark:g}")
    for number, pool in enumerate(plan.pools):
        y = top + _ROW * number
        what = pool.deployment
        size = f"{fmt.tokens(pool.kv_capacity_tokens)} tokens of KV a replica"
        name = f"{pool.name}  {what.model.rsplit('/', 1)[-1]} {formats(what)} on {what.accelerator}"
        room = width - 24 - (width_of(size) + 10 if width >= NARROW else 0)
        scene.words(12.0, y + 22, name, room, size=LARGE if width >= NARROW else SMALL, bold=True)
        if width >= NARROW:
            scene.add(Words(width - 12, y + 22, size, "soft", SMALL, "end"))
        _bar(scene, pool.memory, at, y + 30)
    return scene


def _bar(scene: Scene, memory: MemoryPerGpu, at: Callable[[float], float], y: float) -> None:
    """Draw the parts of a device's memory one after the other, with figures where they fit."""
    scene.add(Box(at(0.0), y, at(memory.total / 1e9) - at(0.0), 26, "sunk", "rule"))
    begin = 0.0
    for field, name, colour in PARTS:
        size = getattr(memory, field) / 1e9
        low, high = at(begin), at(begin + size)
        scene.add(Box(low, y, high - low, 26, colour, says=f"{name} {fmt.gigabytes(size * 1e9)}"))
        figure = fmt.gigabytes(size * 1e9)
        if width_of(figure) + 10 <= high - low:
            scene.add(Words((low + high) / 2, y + 17, figure, "paper", SMALL, "middle", bold=True))
        begin += size


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = []
    for pool in plan.pools:
        parts = ", ".join(f"{name.lower()} {fmt.gigabytes(getattr(pool.memory, field))}" for field, name, _ in PARTS)
        said.append(f"{pool.name}: {parts} of {fmt.gigabytes(pool.memory.total)} usable")
    return "; ".join(said) + "."
