"""What more of something costs over many machines, taken as divisible: the slope beside the price of a step.

    demand, limits:   s = ∂V/∂x, the dual of the relaxation as the problem stands
    promises, floors: s = (V(x + h) − V(x − h))/2h, of two relaxations, or of one end and V(x)

What a replica carries changes with a promise and a floor, which no dual knows.

V is the cost with machines divisible (`planner.optimize.divisible`), which every solve of a sweep brings along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from planner.study import words
from planner.study.result import Result

NOISE = 1e-5
"""Relative difference of two costs that is nothing: each is known to some millionths."""


@dataclass(frozen=True)
class Place:
    """Where the slope of a move is found, and in what it is told."""

    unit: str
    """What the slope is per: `req/s`, `ms`."""
    step: float
    """The move's step in that unit."""
    path: str = ""
    """The workload, or the limit by its path, that the relaxation has a dual of; nothing for promises and floors."""

    @property
    def limit(self) -> bool:
        """Whether it is a limit."""
        return self.path.startswith("limits.")


@dataclass(frozen=True)
class Slope:
    """What one more costs over many machines."""

    value: float
    """Change of the cost [$/h per unit]: negative where more saves."""
    place: Place
    """What it is of."""

    @property
    def source(self) -> Literal["dual", "relaxation"]:
        """A dual of the relaxation as it stands, or a difference of two."""
        return "dual" if self.place.path else "relaxation"


def slope(place: Place, base: Result, less: Result | None, more: Result | None) -> Slope | None:
    """Return the slope of a move from the results as it stands, a step lower and a step higher; None where it is not known."""
    value = _dual(place, base) if place.path else _difference(place.step, base, less, more)
    return None if value is None else Slope(value, place)


def _dual(place: Place, base: Result) -> float | None:
    """Return what the relaxation says of a workload's demand, or of a limit."""
    worth = base.figures.get("worth")
    if worth is None:
        return None
    rows, key = (worth["limits"], "limit") if place.limit else (worth["demand"], "workload")
    found = next((row["hourly"] for row in rows if row[key] == place.path), None)
    return -found if found and place.limit else found


def _difference(step: float, base: Result, less: Result | None, more: Result | None) -> float | None:
    """Return the slope between the ends that there are."""
    known: list[tuple[float, float]] = []
    for at, result in ((-step, less), (0.0, base), (step, more)):
        worth: dict[str, Any] | None = result.figures.get("worth") if result is not None else None
        if worth is not None:
            known.append((at, worth["cost"]))
    if len(known) < 2:
        return None
    (first, low), (last, high) = known[0], known[-1]
    return 0.0 if abs(high - low) <= NOISE * max(abs(low), abs(high)) else (high - low) / (last - first)


def said(found: Slope) -> str:
    """Write a slope: `each req/s more costs $0.288/h`."""
    place, each = found.place, words.dollars(abs(found.value))
    if found.value == 0:
        return "it is not scarce" if place.limit else "it makes no difference"
    if place.limit or place.path or found.value > 0:
        return f"each {place.unit} more {'costs' if found.value > 0 else 'saves'} {each}"
    return f"each {place.unit} less costs {each}"
