"""What each promise costs against the others: a solve for every combination of targets, dominated ones marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from planner.catalog.yamlfile import dotted
from planner.domain.problem import Problem
from planner.errors import InvalidInput
from planner.study.grid import EDGE, parts
from planner.study.overrides import Override, read_override
from planner.study.sweep import Row
from planner.study.variant import Variant
from planner.units import CARBON_RATE, DOLLARS_PER_HOUR, SECONDS, WATTS, Kind, UnitError, parse

LOWER, HIGHER = -1, 1
METRICS = ("ttft", "tpot", "e2e")
LIMITS: dict[str, Kind | None] = {"budget": DOLLARS_PER_HOUR, "power": WATTS, "carbon": CARBON_RATE, "max_gpus": None}
"""Axes that are limits of the problem, and what they are measured in."""
FORMS = "ttft:WORKLOAD, tpot:WORKLOAD, e2e:WORKLOAD, quality:WORKLOAD[:BENCHMARK], budget, power, carbon, max_gpus, or a path"


@dataclass(frozen=True)
class Axis:
    """One thing that is asked for in several degrees."""

    label: str
    """As the user wrote it, `ttft:chat`."""
    overrides: tuple[Override, ...]
    """Its values."""
    numbers: tuple[float, ...]
    """The same as numbers; inf = no limit."""
    tighter: int
    """−1: lower values ask for more; 1: higher ones do; 0: neither, values are only different."""


@dataclass(frozen=True)
class Point:
    """A combination of values, and what it costs."""

    row: Row
    """The solve."""
    numbers: tuple[float, ...]
    """Values, one an axis."""
    dominated_by: str = ""
    """A combination that asks for no less anywhere, more somewhere or costs less, and costs no more; empty = there is none."""


def read_axis(text: str) -> Axis:
    """Read an axis, `ttft:chat=200ms,300ms`.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    label, equals, values = (part.strip() for part in text.partition("="))
    if not equals:
        raise InvalidInput.at(EDGE, f"{text!r} has no values", "write it like ttft:chat=200ms,300ms", path="--axis")
    path, kind, tighter = _meant(label)
    overrides = tuple(read_override(path, value, EDGE) for value in parts(values))
    numbers = [_number(one, kind) if tighter else float(place) for place, one in enumerate(overrides)]
    if len(set(numbers)) < len(numbers):
        raise InvalidInput.at(EDGE, f"{label} has a value twice", "give each once", path="--axis")
    return Axis(label, overrides, tuple(numbers), tighter)


def _meant(label: str) -> tuple[str, Kind | None, int]:
    """Return the path an axis leads to, what its values are measured in, and which way they ask for more."""
    what, *of = label.split(":")
    metric = what.split(" ")[0].lower()
    if metric in METRICS and len(of) == 1:
        name = what if " " in what else metric
        return f"{dotted(('workloads', of[0], 'objectives', name))}.target", SECONDS, LOWER
    if what == "quality" and len(of) in (1, 2):
        floor = dotted(("workloads", of[0], "quality", *of[1:])) if of[1:] else f"{dotted(('workloads', of[0], 'quality'))}[0]"
        return f"{floor}.at_least", None, HIGHER
    if what in LIMITS and not of:
        return f"limits.{what}", LIMITS[what], LOWER
    if of or "." not in label:
        raise InvalidInput.at(EDGE, f"{label!r} is no axis", f"an axis is one of {FORMS}", path="--axis")
    return label, None, 0


def _number(override: Override, kind: Kind | None) -> float:
    """Return a value as a number."""
    if override.value is None:
        return math.inf
    if override.times is not None:
        raise InvalidInput.at(EDGE, "values of an axis are compared, so none can be a multiple", "write it out", path="--axis")
    try:
        return float(override.value) if kind is None else parse(override.value, kind)
    except (UnitError, TypeError, ValueError) as error:
        raise InvalidInput.at(EDGE, f"{override.path}: {error}", "write the number with its unit", path="--axis") from None


def check_floors(problem: Problem, axes: Sequence[Axis]) -> None:
    """Refuse `quality:WORKLOAD` where the workload has several floors: it does not say which."""
    for axis in axes:
        what, *of = axis.label.split(":")
        floors = [floor.benchmark for workload in problem.workloads if of == [workload.name] for floor in workload.quality]
        if what == "quality" and len(floors) > 1:
            message = f"{of[0]} has {len(floors)} quality floors, and {axis.label!r} does not say which"
            raise InvalidInput.at(
                EDGE, message, f"write one of {', '.join(f'{axis.label}:{name}' for name in floors)}", path="--axis"
            )


def variants(axes: Sequence[Axis]) -> list[tuple[Variant, tuple[float, ...]]]:
    """Return every combination with its numbers, the last axis fastest."""
    found: list[tuple[tuple[Override, ...], tuple[float, ...]]] = [((), ())]
    for axis in axes:
        values = list(zip(axis.overrides, axis.numbers, strict=True))
        found = [((*before, one), (*numbers, number)) for before, numbers in found for one, number in values]
    return [(Variant(_called(axes, overrides), overrides), numbers) for overrides, numbers in found]


def _called(axes: Sequence[Axis], overrides: Sequence[Override]) -> str:
    """Name a combination by its axes as the user wrote them."""
    return ", ".join(f"{axis.label}={str(one).partition('=')[2]}" for axis, one in zip(axes, overrides, strict=True))


def points(axes: Sequence[Axis], rows: Sequence[Row], numbers: Sequence[tuple[float, ...]]) -> list[Point]:
    """Return the points of a frontier, those marked that another dominates."""
    made = [Point(row, values) for row, values in zip(rows, numbers, strict=True)]
    return [Point(one.row, one.numbers, _better(axes, one, made)) for one in made]


def _better(axes: Sequence[Axis], point: Point, others: Sequence[Point]) -> str:
    """Return the cheapest point that dominates one, of those the one that asks for most; empty if there is none."""
    found = [other for other in others if _dominates(axes, other, point)]
    if not found:
        return ""
    signs = [axis.tighter for axis in axes]

    def rank(one: Point) -> tuple[float, ...]:
        return one.row.result.cost or 0.0, *(-sign * value for sign, value in zip(signs, one.numbers, strict=True))

    return min(found, key=rank).row.variant.name


def _dominates(axes: Sequence[Axis], one: Point, other: Point) -> bool:
    """Whether one point asks for no less than another anywhere, costs no more, and is better in something."""
    cost, than = one.row.result.cost, other.row.result.cost
    if cost is None or than is None or cost > than + 1e-9:
        return False
    pairs = list(zip(axes, one.numbers, other.numbers, strict=True))
    if any(mine != its if axis.tighter == 0 else (mine - its) * axis.tighter < 0 for axis, mine, its in pairs):
        return False
    return cost < than - 1e-9 or any(mine != its for _, mine, its in pairs)
