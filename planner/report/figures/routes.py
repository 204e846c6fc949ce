"""Fleet and routing: streams on the left, the pools and APIs that answer them, and the machines these stand on."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.hardware import SPOT
from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.report import format as fmt
from planner.report import gather, graphs
from planner.report.figures.palette import series
from planner.report.figures.scene import LARGE, NARROW, SMALL, Box, Curve, Scene, fitted
from planner.report.words import formats, layout, place

TITLE = "Fleet and routing"
NOTE = (
    "Each stream of calls goes where its line leads; the thicker the line, the larger the share of the stream that takes it. "
    "Calls, replicas and machines are those of the busiest period."
)
_ROW = 74.0
_GAP = 14.0
_PAD = 12.0
_COLUMNS = (0.22, 0.35, 0.27)
"""Widths of streams, pools and machines, as shares of the figure; the rest is for the lines."""
_SLIM_COLUMNS = (0.36, 0.54)


@dataclass(frozen=True)
class Node:
    """A box of the diagram."""

    name: str
    lines: tuple[str, ...]
    colour: str


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw who is served where, and on what."""
    flows = gather.flows(plan)
    if not flows:
        return None
    narrow = width < NARROW
    streams = _streams(plan)
    targets = _targets(plan, narrow)
    machines = {} if narrow else _machines(plan)
    columns = [streams, targets] + ([machines] if machines else [])
    tallest = max(map(len, columns))
    height = tallest * (_ROW + _GAP) - _GAP + 4
    scene = Scene(width, height)
    spans = [width * part for part in (_SLIM_COLUMNS if narrow else _COLUMNS)[: len(columns)]]
    gap = (width - sum(spans)) / max(len(columns) - 1, 1)
    lefts = [sum(spans[:k]) + k * gap for k in range(len(columns))]
    middles = [_middles(column, height) for column in columns]
    for flow in flows:
        share = max(gather.over_periods(plan, flow, lambda one: one.share).values())
        ends = (lefts[0] + spans[0], middles[0][flow.stream]), (lefts[1], middles[1][flow.route])
        says = f"{fmt.percent(share)} of {streams[flow.stream].name} to {targets[flow.route].name}"
        scene.add(Curve(*ends, targets[flow.route].colour, 1.5 + 8.0 * share, says))
    if machines:
        for pool in plan.pools:
            ends = (lefts[1] + spans[1], middles[1][pool.name]), (lefts[2], middles[2][_standing(pool)])
            scene.add(Curve(*ends, "rule", 5.0))
    for column, left, span, at in zip(columns, lefts, spans, middles, strict=True):
        for key, node in column.items():
            _node(scene, node, left, at[key] - _ROW / 2, span)
    return scene


def describe(plan: Plan) -> str:
    """Say in words what the diagram shows."""
    names, targets = graphs.short_names(plan), _targets(plan, narrow=True)
    said = []
    for flow in gather.flows(plan):
        share = max(gather.over_periods(plan, flow, lambda one: one.share).values())
        said.append(f"{names.get(flow.stream, flow.stream)} sends {fmt.percent(share)} to {targets[flow.route].name}")
    return "; ".join(said) + "."


def _streams(plan: Plan) -> dict[str, Node]:
    names = graphs.short_names(plan)
    most: dict[str, dict[str, float]] = {}
    for flow in gather.flows(plan):
        rates = gather.over_periods(plan, flow, lambda one: one.rate)
        most.setdefault(flow.stream, dict.fromkeys(plan.periods, 0.0))
        most[flow.stream] = {period: most[flow.stream][period] + rates[period] for period in rates}
    return {
        stream: Node(names.get(stream, stream), (f"up to {fmt.rate(max(rates.values()))}",), "c8")
        for stream, rates in most.items()
    }


def _targets(plan: Plan, narrow: bool) -> dict[str, Node]:
    costs = gather.hourly_of(plan)
    made = {}
    for number, pool in enumerate(plan.pools):
        replicas = max((load.replicas for load in pool.loads), default=0)
        cost = f" · {fmt.hourly(costs[pool.name])}" if pool.name in costs else ""
        count = (
            f"{replicas:,} × ({layout(pool.deployment)}){cost}"
            if narrow
            else f"{fmt.plural(replicas, 'replica')} of {layout(pool.deployment)}{cost}"
        )
        where = f"{pool.instance} · {place(pool)}" if narrow else formats(pool.deployment)
        name = f"{pool.name}  {pool.deployment.model.rsplit('/', 1)[-1]}"
        made[pool.name] = Node(name, (where, count), series(number))
    routes = list(dict.fromkeys([*(route.api for route in plan.apis), *(route.name for route in plan.provisioned)]))
    for number, name in enumerate(routes):
        made[name] = Node(name, ("API",), series(len(plan.pools) + number))
    return made


def _standing(pool: Pool) -> str:
    return f"{pool.seller} {pool.region} {pool.instance} {pool.interruptible}"


def _machines(plan: Plan) -> dict[str, Node]:
    """Return the machines that pools stand on, with the most of them held at once."""
    made = {}
    for pool in plan.pools:
        key = _standing(pool)
        held = dict.fromkeys(plan.periods, 0)
        kinds: dict[str, None] = {}
        for buy in plan.purchases:
            if (buy.instance, buy.region, buy.kind in SPOT) == (pool.instance, pool.region, pool.interruptible):
                held = {period: count + buy.machines.get(period, 0) for period, count in held.items()}
                kinds[buy.kind.replace("_", " ")] = None
        most = max(held.values(), default=0)
        made[key] = Node(f"{most:,} × {pool.instance}", (f"{pool.seller}, {pool.region}", ", ".join(kinds)), "c8")
    return made


def _middles(column: dict[str, Node], height: float) -> dict[str, float]:
    """Return where the boxes of a column stand, spread over the height."""
    step = height / len(column)
    return {key: step * (number + 0.5) for number, key in enumerate(column)}


def _node(scene: Scene, node: Node, x: float, y: float, width: float) -> None:
    """Draw a box with its name and lines."""
    room = width - 2 * _PAD
    scene.add(Box(x, y, width, _ROW, "sunk", "rule", 8.0), Box(x, y + 10, 4, _ROW - 20, node.colour, radius=2.0))
    size = LARGE if fitted(node.name, room, LARGE * 1.06) == node.name else SMALL
    lines = [line for line in node.lines if line]
    first = y + _ROW / 2 - (len(lines) * 17) / 2 + 4
    scene.words(x + _PAD, first, node.name, room, size=size, bold=True)
    for number, line in enumerate(lines, 1):
        scene.words(x + _PAD, first + 17 * number + 1, line, room, "soft")
