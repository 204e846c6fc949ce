"""Load over time against capacity: how many replicas each pool holds, and how many its load keeps busy."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.plan import Plan, Pool, PoolLoad
from planner.report import format as fmt
from planner.report.figures.axis import legend, level, ticks
from planner.report.figures.scene import LARGE, NARROW, SMALL, Area, Scene, Stroke, Words, fitted, width_of

TITLE = "Load against capacity"
NOTE = (
    "Replicas that each pool holds, and how many of them the resource nearest its limit keeps busy; periods are as wide as they "
    "are long. The measure is cautious where streams mix: a pool a few percent above it still keeps its promises, as checked."
)
_PANEL = 150.0
_LEFT = 40.0


@dataclass(frozen=True)
class Panel:
    """A pool over the periods of one future."""

    pool: Pool
    name: str
    periods: tuple[tuple[str, float], ...]
    """Name to be shown, hours."""
    loads: tuple[PoolLoad, ...]


def busy(load: PoolLoad) -> float:
    """Return the replicas that the binding resource keeps busy."""
    return load.utilization.get(load.binding, 0.0) * (load.replicas - (load.spares or 0))


def panels(plan: Plan) -> list[Panel]:
    """Return a panel for each pool, and for each scenario where there are any, that is ever used there."""
    endings = [f" @ {one.name}" for one in plan.futures.scenarios] if plan.futures else [""]
    made = []
    for pool in plan.pools:
        loads = {load.period: load for load in pool.loads}
        for ending in endings:
            names = [name for name in plan.periods if name.endswith(ending) and name in loads]
            if any(loads[name].replicas for name in names):
                periods = tuple((name.removesuffix(ending), plan.periods[name]) for name in names)
                made.append(Panel(pool, pool.name + (f" if{ending[2:]} comes" if ending else ""), periods, tuple(loads[n] for n in names)))
    return made


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw the panels, side by side where there is room."""
    shown = panels(plan)
    if not shown:
        return None
    across = 1 if width < NARROW or len(shown) == 1 else 2
    each = (width - 24.0 * (across - 1)) / across
    scene = Scene(width)
    y = legend(scene, [("held", "faint1"), ("busy", "c1"), ("spare", "faint3")][: 3 if _spared(shown) else 2], 4.0, 14.0, width - 8)
    for number, panel in enumerate(shown):
        _panel(scene, panel, (number % across) * (each + 24.0), y + (number // across) * (_PANEL + 66), each)
    scene.height = y + ((len(shown) + across - 1) // across) * (_PANEL + 66) - 8
    return scene


def _spared(shown: list[Panel]) -> bool:
    return any(load.spares for panel in shown for load in panel.loads)


def _panel(scene: Scene, panel: Panel, x: float, y: float, width: float) -> None:
    """Draw one pool."""
    marks = ticks(float(max(max(load.replicas for load in panel.loads), max(map(busy, panel.loads)))), 4)
    marks = [mark for mark in marks if mark == int(mark)]
    top, bottom, left, right = y + 26, y + 26 + _PANEL, x + _LEFT, x + width - 4
    hours = sum(length for _, length in panel.periods)

    def at(replicas: float) -> float:
        return bottom - (bottom - top) * replicas / marks[-1]

    worst = max(panel.loads, key=busy)
    said = f"{panel.name}: most busy {worst.binding}" + (f" in {worst.period}" if len(panel.loads) > 1 else "")
    scene.words(x + 4, y + 14, said, width - 8, size=LARGE if width >= NARROW else SMALL, bold=True)
    level(scene, marks, at, left, right, lambda mark: f"{mark:g}")
    begin = left
    for (_, length), load in zip(panel.periods, panel.loads, strict=True):
        end = begin + (right - left) * length / hours
        spare = load.spares or 0
        says = f"{load.period}: {fmt.plural(load.replicas, 'replica')}, {fmt.significant(busy(load))} busy"
        scene.add(Area(_block(begin, end, at(load.replicas), at(load.replicas - spare)), "faint3", says))
        scene.add(Area(_block(begin, end, at(load.replicas - spare), bottom), "faint1", says))
        inset = min(1.0, (end - begin) / 6)
        scene.add(Area(_block(begin + inset, end - inset, at(busy(load)), bottom), "c1", says))
        scene.add(Stroke(((begin, at(load.replicas)), (end, at(load.replicas))), "ink", 1.5))
        begin = end
    _names(scene, panel, left, right, bottom, hours)


def _block(left: float, right: float, top: float, bottom: float) -> tuple[tuple[float, float], ...]:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _names(scene: Scene, panel: Panel, left: float, right: float, bottom: float, hours: float) -> None:
    """Write the names of periods below, as many as there is room for."""
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
        said.append(f"{panel.name}: {span}, at most {fmt.significant(busy(worst))} busy, in {worst.period}")
    return "; ".join(said) + "."
