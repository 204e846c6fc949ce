"""What the cost hangs on: one number moved at a time, down and up, and the plan made anew each time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.catalog.yamlfile import dotted
from planner.errors import InvalidInput
from planner.study.grid import EDGE, parts
from planner.study.overrides import Override, read_override, shown, times
from planner.study.result import Result, solved
from planner.study.sweep import Course, Row, sweep
from planner.study.variant import Variant, varied

SHARE = 0.2
"""How far numbers are moved both ways, unless said otherwise (assumption: a common choice, no forecast of any of them)."""
LENGTHS = ("mean", "p95", "percentiles")
"""Fields of token lengths that are lengths; a maximum is the application's own and stays."""
CONFIDENCE = (0.5, 0.95)
"""Ends of the model error: predictions as they come, and as slow as 95 % of comparable measurements at most were."""


@dataclass(frozen=True)
class Driver:
    """A number that is moved down and up."""

    name: str
    """In the user's words."""
    low: Override
    """Moved down."""
    high: Override
    """Moved up."""
    said: tuple[str, str] | None = None
    """What it is moved to, where that is not how its values read."""
    workload: str = ""
    """Whose it is; empty = of no single one."""

    @property
    def ends(self) -> tuple[str, str]:
        """What it is moved to, in words."""
        return self.said or (shown(self.low.value), shown(self.high.value))


@dataclass(frozen=True)
class Bar:
    """What moving a number does."""

    driver: Driver
    """The number."""
    low: Result
    """When it is moved down."""
    high: Result
    """When it is moved up."""
    base: Result
    """As the problem stands."""

    @property
    def swing(self) -> float:
        """Largest less least cost of the three; inf where moving it leaves no plan [$/h]."""
        costs = [one.cost for one in (self.low, self.base, self.high)]
        known = [cost for cost in costs if cost is not None]
        return max(known) - min(known) if len(known) == len(costs) else float("inf")


@dataclass(frozen=True)
class Tornado:
    """All bars, the longest first, and what could not be moved."""

    base: Row
    """As the problem stands."""
    bars: tuple[Bar, ...]
    """Longest first."""
    left_out: tuple[str, ...]
    """What was not moved and why."""


def tornado(loaded: LoadedProblem, course: Course, share: float = SHARE, own: Sequence[Driver] = ()) -> Tornado:
    """Move every driver of a problem's cost.

    Parameters
    ----------
    loaded : the problem as it stands
    course : where to solve
    share : how far numbers are moved
    own : further drivers

    Raises
    ------
    InvalidInput
        If a driver of the user's own is wrong.
    Infeasible, NoPlanInTime
        If the problem has no plan as it stands.
    """
    base = sweep(loaded, [Variant("as it is")], course)[0]
    solved(base.result, loaded.document.file)
    held = list(base.result.figures["accelerators"])
    left_out: list[str] = []
    found = [*own, *movable(loaded, drivers(loaded, share, held, left_out), left_out)]
    ends = [Variant(f"{one.name} {end}", (getattr(one, end),)) for one in found for end in ("low", "high")]
    rows = sweep(loaded, ends, course)
    bars = [Bar(one, rows[2 * i].result, rows[2 * i + 1].result, base.result) for i, one in enumerate(found)]
    return Tornado(base, tuple(sorted(bars, key=lambda bar: (-bar.swing, bar.driver.name))), tuple(left_out))


def read_driver(text: str) -> Driver:
    """Read a driver, `workloads.chat.demand.burstiness=1,4`.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    path, _, values = text.partition("=")
    ends = list(parts(values))
    if len(ends) != 2:
        remedy = "write a path and two values, such as limits.max_gpus=8,16"
        raise InvalidInput.at(EDGE, f"{text!r} has no low and high value", remedy, path="--driver")
    low, high = (read_override(path, value, EDGE) for value in ends)
    return Driver(path, low, high)


def movable(loaded: LoadedProblem, found: Iterator[Driver], left_out: list[str]) -> Iterator[Driver]:
    """Yield the drivers both of whose ends are valid problems; note the others."""
    for driver in found:
        try:
            for end in (driver.low, driver.high):
                varied(loaded.document, loaded.base, [end])
        except InvalidInput as error:
            left_out.append(f"{driver.name}: {error.issues[0].message}")
        else:
            yield driver


def drivers(loaded: LoadedProblem, share: float, held: Sequence[str], left_out: list[str]) -> Iterator[Driver]:
    """Yield what the cost of a problem may hang on: prices, demand, token lengths, hit rates, model error."""
    less, more = f"x{1 - share:.6g}", f"x{1 + share:.6g}"
    yield _moved("machine prices", "prices.machines", less, more)
    for name in held if len(held) > 1 or len(loaded.catalog.accelerators) > 1 else ():
        yield _moved(f"prices of {name}", dotted(("prices", name)), less, more)
    if loaded.catalog.apis and any(workload.data.external_api for workload in loaded.problem.workloads):
        yield _moved("API prices", "prices.apis", less, more)
    for workload in loaded.document.data["workloads"]:
        yield from _workload(workload, share, left_out)
    yield _moved("model error", "solver.confidence", *CONFIDENCE)


def _moved(name: str, path: str, low: Any, high: Any) -> Driver:
    return Driver(name, Override(path, low), Override(path, high))


def _workload(workload: dict[str, Any], share: float, left_out: list[str]) -> Iterator[Driver]:
    """Yield the drivers of a workload, from the file as it is written."""
    name, ends = workload["name"], (1 - share, 1 + share)
    where = dotted(("workloads", name))
    scale = float(workload["demand"].get("scale", 1.0))
    said = (f"x{ends[0]:.6g}", f"x{ends[1]:.6g}")
    low, high = (Override(f"{where}.demand.scale", round(scale * end, 12)) for end in ends)
    yield Driver(f"{name} demand", low, high, said, name)
    for field, what in (("input_tokens", "prompt tokens"), ("output_tokens", "answer tokens")):
        lengths = workload[field]
        if "trace" in lengths:
            left_out.append(f"{name} {what}: they are those of a trace")
        else:
            low, high = (Override(f"{where}.{field}", _lengths(lengths, end)) for end in ends)
            yield Driver(f"{name} {what}", low, high, said, name)
    prefix = workload.get("shared_prefix")
    if prefix is not None:
        rates = [_capped(times(prefix["hit_rate"], end)) for end in ends]
        path = f"{where}.shared_prefix.hit_rate"
        low, high = (Override(path, rate) for rate in rates)
        yield Driver(f"{name} prefix hit rate", low, high, workload=name)


def _capped(rate: Any) -> Any:
    """Return a share that is not above 100 %, written as it was."""
    if isinstance(rate, str) and rate.strip().endswith("%"):
        return f"{min(float(rate.strip()[:-1]), 100.0):g}%"
    return min(rate, 1.0) if isinstance(rate, int | float) else rate


def _lengths(lengths: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return token lengths multiplied, their spread as it was."""
    made = copy.deepcopy(lengths)
    for field in LENGTHS:
        if field in made:
            made[field] = times(made[field], factor)
    if "histogram" in made:
        made["histogram"] = [[times(edge, factor), weight] for edge, weight in made["histogram"]]
    return made
