"""Every latency promise against its target: what is planned with, what is as likely as not, and the calls around it."""

from __future__ import annotations

from collections.abc import Callable

from planner.domain.plan import Plan
from planner.domain.plan_promises import Promise
from planner.report import format as fmt
from planner.report import gather, graphs
from planner.report.figures.axis import upright
from planner.report.figures.scene import NARROW, SMALL, Box, Dot, Scene, Stroke, Words, width_of
from planner.report.words import promise_name

TITLE = "Latency promises against their targets"
_ROW = 40.0
_MOST = 1.5
"""Right end of the axis, over the target [1]."""


def note(plan: Plan) -> str:
    """Say how to read the figure."""
    said = [
        "Each promise in the period where it is hardest to keep, as a share of its target.",
        "Thin line: from the median to the 99th percentile of all calls.",
    ]
    if plan.doubt is not None:
        said.append(
            f"Bar: from the prediction as likely too slow as too fast (ring) to the one that {plan.doubt.confidence:.0%} of "
            "comparable measurements stayed below (disc), which the plan is made with."
        )
    else:
        said.append("Disc: the prediction the plan is made with.")
    if plan.simulation is not None:
        said.append("Square: what the simulation of single calls saw.")
    return " ".join(said)


def draw(plan: Plan, width: float) -> Scene | None:
    """Draw the promises."""
    rows = [row.worst for row in gather.kept(plan)]
    if not rows:
        return None
    narrow = width < NARROW
    names = [_name(plan, one) for one in rows]
    left = 4.0 if narrow else min(max(map(width_of, names)) + 16, width * 0.42)
    right = width - (8.0 if narrow else 150.0)
    row, top = (54.0 if narrow else _ROW), 22.0
    bottom = top + row * len(rows)
    scene = Scene(width, bottom + 22)

    def at(share: float) -> float:
        return left + (right - left) * min(share, _MOST) / _MOST

    scene.add(Box(at(1.0), top, at(_MOST) - at(1.0), bottom - top, "sunk"))
    upright(scene, (0.0, 0.5, 1.0, 1.5) if narrow else (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5), at, top, bottom, fmt.percent)
    for number, (one, name) in enumerate(zip(rows, names, strict=True)):
        y = top + row * number
        middle = y + (36.0 if narrow else row / 2)
        _row(scene, plan, one, at, middle)
        verdict = f"{fmt.duration(one.predicted)} of {fmt.duration(one.target)} {'✓' if one.holds else '✗'}"
        colour = "ink" if one.holds else "bad"
        if narrow:
            scene.add(Stroke(((at(1.0), middle - 12), (at(1.0), middle + 12)), "ink", 2.0))
            scene.words(left, y + 17, name, width - width_of(verdict) - 20)
            scene.add(Words(width - 4, y + 17, verdict, colour, SMALL, "end"))
        else:
            scene.words(4.0, middle + 4, name, left - 12)
            scene.add(Words(right + 10, middle + 4, verdict, colour))
    if not narrow:
        scene.add(Stroke(((at(1.0), top - 6), (at(1.0), bottom)), "ink", 2.0))
    scene.add(Words(at(1.0), top - 10, "target", "ink", SMALL, "middle", bold=True))
    return scene


def _row(scene: Scene, plan: Plan, one: Promise, at: Callable[[float], float], middle: float) -> None:
    """Draw one promise."""
    seen = next(
        (r for r in plan.latencies if (r.stream, r.period, r.route, r.metric) == (one.stream, one.period, one.route, one.metric)),
        None,
    )
    if seen is not None:
        scene.add(Stroke(((at(seen.p50 / one.target), middle), (at(seen.p99 / one.target), middle)), "soft", 1.5))
        for end in (seen.p50, seen.p99):
            x = at(end / one.target)
            scene.add(Stroke(((x, middle - 4), (x, middle + 4)), "soft", 1.5))
    colour = "c1" if one.holds else "bad"
    edge, likely = one.predicted / one.target, gather.likely(plan, one)
    if likely is not None:
        low = at(likely / one.target)
        scene.add(Box(low, middle - 6, max(at(edge) - low, 1.0), 12.0, "faint1", radius=6.0))
        scene.add(Dot(low, middle, 5.0, "paper", colour, says=f"as likely as not {fmt.duration(likely)}"))
    scene.add(Dot(at(edge), middle, 6.0, colour, says=f"planned with {fmt.duration(one.predicted)}"))
    found = gather.attained(plan, one)
    if found is not None and found.attained is not None:
        scene.add(
            Box(at(found.attained / one.target) - 4, middle - 4, 8, 8, "c2", "paper", says=f"seen {fmt.duration(found.attained)}")
        )


def _name(plan: Plan, one: Promise) -> str:
    names = graphs.short_names(plan)
    return f"{names.get(one.stream, one.stream)} on {one.route}: {promise_name(one)}"


def describe(plan: Plan) -> str:
    """Say in words what the figure shows."""
    said = []
    for row in gather.kept(plan):
        one, likely = row.worst, gather.likely(plan, row.worst)
        middle = f" ({fmt.duration(likely)} as likely as not)" if likely is not None else ""
        kept = "kept" if one.holds else "missed"
        said.append(f"{_name(plan, one)}: {fmt.duration(one.predicted)}{middle} of {fmt.duration(one.target)}, {kept}")
    return "; ".join(said) + "."
