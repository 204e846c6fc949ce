"""Load against capacity: over the periods, or, where there is one period only, resource by resource."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool, PoolLoad
from planner.report import format as fmt
from planner.report.figures.axis import legend, level, ticks, upright
from planner.report.figures.scene import LARGE, NARROW, SMALL, Area, Box, Scene, Stroke, Words, fitted, width_of

TITLE = "Load against capacity"
_PANEL = 150.0
_BAR = 26.0
_LEFT = 40.0
_GAP = 24.0


@dataclass(frozen=True)
class Panel:
    """A pool over the periods of one future."""

    pool: Pool
    name: str
    periods: tuple[tuple[str, float], ...]
    """Name to be shown, hours."""
    loads: tuple[PoolLoad, ...]


def note(plan: Plan) -> str:
    """Say how to read the figure."""
    cautious = "The measure is cautious where streams mix: a pool a few percent above it still keeps its promises, as checked."
    if len(plan.periods) == 1:
        said = "How much of each resource is in use, on the replicas that carry load; the fullest one decides how many there are."
        return f"{said} {cautious}"
    held = "Replicas that each pool holds, and how many of them the resource nearest its limit keeps busy"
    return f"{held}; periods are as wide as they are long. {cautious}"


def busy(load: PoolLoad) -> float:
    """Return the replicas that the binding resource keeps busy."""
    return load.utilization.get(load.binding, 0.0) * (load.replicas - (load.spares or 0))


def panels(plan: Plan) -> list[Panel]:
    """Return a panel for each pool, and for each scenario where periods are named after theirs, that is ever used there."""
    endings = [f" @ {one.name}" for one in plan.futures.scenarios] if plan.futures else []
    if not endings or not all(name.endswith(tuple(endings)) for name in plan.periods):
        endings = [""]
    made = []
    for pool in plan.pools:
        loads = {load.period: load for load in pool.loads}
        for ending in endings:
            names = [name for name in plan.periods if name.endswith(ending) and name in loads]
            if any(loads[name].replicas for name in names):
                periods = tuple((name.removesuffix(ending), plan.periods[name]) for name in names)
                title = f"{pool.name}, if {ending[3:]} comes" if ending else pool.name
                made.append(Panel(pool, title, periods, tuple(loads[name] for name in names)))
    return made


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw the panels, side by side where there is room."""
    shown = panels(plan)
    if not shown:
        return None
    if len(plan.periods) == 1:
        return _resources(shown, width)
    across = 1 if width < NARROW or len(shown) == 1 else 2
    each, high = (width - _GAP * (across - 1)) / across, _PANEL + 66
    scene = Scene(width)
    spared = any(load.spares for panel in shown for load in panel.loads)
    y = legend(scene, [("busy", "c1"), ("held", "faint1"), *([("spare", "faint3")] if spared else [])], 4.0, 14.0, width - 8)
    for number, panel in enumerate(shown):
        _panel(scene, panel, (number % across) * (each + _GAP), y + (number // across) * high, each)
    scene.height = y + -(-len(shown) // across) * high - 18
    return scene


def _resources(shown: list[Panel], width: float) -> Scene:
    """Draw what of each resource is in use, pool by pool."""
    narrow = width < NARROW
    names = {name for panel in shown for name in panel.loads[0].utilization}
    left = 6.0 + 1.1 * max(map(width_of, names)) + 10
    right = width - 56
    most = max(1.0, *(used for panel in shown for used in panel.loads[0].utilization.values()))
    scene, y = Scene(width), 4.0

    def at(share: float) -> float:
        return left + (right - left) * share / most

    for panel in shown:
        load = panel.loads[0]
        spare = f", {load.spares} of them spare" if load.spares else ""
        said = f"{panel.name}: {fmt.plural(load.replicas, 'replica')}{spare}"
        scene.words(4.0, y + 16, said, width - 8, size=SMALL if narrow else LARGE, bold=True)
        y += 26
        scene.add(Box(left, y, at(1.0) - left, _BAR * len(load.utilization), "sunk"))
        for name, used in sorted(load.utilization.items(), key=lambda pair: -pair[1]):
            fullest = name == load.binding
            scene.add(Words(left - 10, y + 17, name, "ink", SMALL, "end", bold=fullest))
            scene.add(Box(left, y + 4, at(used) - left, _BAR - 8, "c1" if fullest else "c8", radius=3.0))
            scene.add(Words(at(used) + 7, y + 17, fmt.percent(used), "ink", SMALL, bold=fullest))
            y += _BAR
        scene.add(Stroke(((at(1.0), y - _BAR * len(load.utilization)), (at(1.0), y)), "ink", 1.5))
        y += 18
    upright(scene, (0.0, 0.5, 1.0), at, y - 16, y - 16, fmt.percent)
    scene.height = y + 6
    return scene


def _panel(scene: Scene, panel: Panel, x: float, y: float, width: float) -> None:
    """Draw one pool over time."""
    marks = ticks(max(*(float(load.replicas) for load in panel.loads), *map(busy, panel.loads)), 4)
    marks = [mark for mark in marks if mark == int(mark)]
    top, bottom, left, right = y + 26, y + 26 + _PANEL, x + _LEFT, x + width - 4
    hours = sum(length for _, length in panel.periods)

    def at(replicas: float) -> float:
        return bottom - (bottom - top) * replicas / marks[-1]

    worst = max(panel.loads, key=busy)
    said = f"{panel.name}: {worst.binding} is the fullest resource in {_short(panel, worst)}"
    scene.words(x + 4, y + 14, said, width - 8, size=LARGE if width >= NARROW else SMALL, bold=True)
    level(scene, marks, at, left, right, lambda mark: f"{mark:g}")
    begin = left
    for (_, length), load in zip(panel.periods, panel.loads, strict=True):
        end = begin + (right - left) * length / hours
        working = load.replicas - (load.spares or 0)
        says = f"{load.period}: {fmt.plural(load.replicas, 'replica')}, {fmt.significant(busy(load))} busy"
        scene.add(Area(_block(begin, end, at(load.replicas), at(working)), "faint3", says))
        scene.add(Area(_block(begin, end, at(working), bottom), "faint1", says))
        inset = min(1.0, (end - begin) / 6)
        scene.add(Area(_block(begin + inset, end - inset, at(busy(load)), bottom), "c1", says))
        scene.add(Stroke(((begin, at(load.replicas)), (end, at(load.replicas))), "ink", 1.5))
        begin = end
    _names(scene, panel, left, right, bottom)


def _short(panel: Panel, load: PoolLoad) -> str:
    """Return a period's name as the panel writes it."""
    return panel.periods[panel.loads.index(load)][0]


def _block(left: float, right: float, top: float, bottom: float) -> tuple[tuple[float, float], ...]:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _names(scene: Scene, panel: Panel, left: float, right: float, bottom: float) -> None:
    """Write the names of periods below, as many as there is room for."""
    hours = sum(length for _, length in panel.periods)
    begin, free = left, left - 10
    for name, length in panel.periods:
        end = begin + (right - left) * length / hours
        need = width_of(name, SMALL - 1)
        place = min(max((begin + end) / 2, left + need / 2), right - need / 2)
        if place - need / 2 > free + 8 and need <= right - left:
            scene.add(Words(place, bottom + 16, fitted(name, right - left, SMALL - 1), "soft", SMALL - 1, "middle"))
            free = place + need / 2
        begin = end


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = []
    for panel in panels(plan):
        counts = [load.replicas for load in panel.loads]
        worst = max(panel.loads, key=busy)
        span = f"{min(counts)} to {max(counts)} replicas" if len(set(counts)) > 1 else fmt.plural(counts[0], "replica")
        said.append(
            f"{panel.name}: {span}, at most {fmt.significant(busy(worst))} kept busy by {worst.binding}, in {worst.period}"
        )
    return "; ".join(said) + "."
