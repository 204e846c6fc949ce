"""What a little more or less of each promise, request and limit is worth: the problem is solved again with each moved both ways.

Δ⁺ = C(x + h) − C(x),  Δ⁻ = C(x − h) − C(x),  C the least cost, h the step

Machines are bought whole, so most prices are zero up to a step and then a machine: a price is that of the step stated. What a
step comes to over many machines is the slope beside it (`slopes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.catalog.yamlfile import dotted
from planner.domain.stages import Stage
from planner.domain.workload import Workload
from planner.errors import InvalidInput
from planner.study import slopes, words
from planner.study.difference import Difference, between
from planner.study.overrides import Override
from planner.study.result import Result, solved
from planner.study.slopes import Place, Slope
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant, varied
from planner.supply.limits import quota_name

STEPS = {"ttft": 0.010, "tpot": 0.001, "e2e": 0.100}
"""Steps of latency targets [s]."""
POINT = 1.0
"""Step of quality floors, in points of the benchmark."""
SHARE = 0.01
"""Step of what has no unit of its own, as a share of it."""

LEAST = 1e-6
"""Smallest difference of costs that is told [$/h]."""
CLEAR = 0.02
"""A difference that is known this closely is told without its range [1]."""


@dataclass(frozen=True)
class Move:
    """Something that can be asked for in a higher or lower degree."""

    name: str
    """What it is and stands at."""
    step: str
    """The step, in words: `10 ms`."""
    less: Override | None
    """A step lower; None = there is no lower."""
    more: Override | None
    """A step higher."""
    place: Place
    """Where its slope is found."""


@dataclass(frozen=True)
class Price:
    """What a step costs, both ways."""

    move: Move
    """What is moved."""
    base: Result
    """As the problem stands."""
    less: Result | None
    """A step lower."""
    more: Result | None
    """A step higher."""

    @property
    def differences(self) -> tuple[Difference | None, Difference | None]:
        """Cost a step lower and higher, less the cost as it stands; None where there is no plan."""
        less, more = (None if one is None or not one.solved else between(self.base, one) for one in (self.less, self.more))
        return less, more

    @property
    def slope(self) -> Slope | None:
        """What one more costs over many machines; None where that is not known."""
        return slopes.slope(self.move.place, self.base, self.less, self.more)

    @property
    def largest(self) -> float:
        """Largest change either way [$/h]; inf where there is no plan."""
        if any(one is not None and not one.solved for one in (self.less, self.more)):
            return float("inf")
        return max((abs(one.value) for one in self.differences if one is not None), default=0.0)


def prices(loaded: LoadedProblem, course: Course, times: float = 1.0) -> list[Price]:
    """Return what a step of everything is worth, the largest first.

    Parameters
    ----------
    loaded : the problem as it stands
    course : where to solve; slopes are those of plans that tell what a little more is worth (`pipeline.priced`)
    times : how many times as large steps are taken

    Raises
    ------
    Infeasible, NoPlanInTime
        If the problem has no plan as it stands.
    """
    found = [_valid(loaded, move) for move in moves(loaded, times)]
    ends = [one for move in found for one in (move.less, move.more) if one is not None]
    rows = sweep(loaded, [Variant("as it is"), *(Variant(str(one), (one,)) for one in ends)], course)
    base = solved(rows[0].result, loaded.document.file)
    known = {row.variant.overrides: row.result for row in rows}
    made = [Price(move, base, *(known.get((one,)) if one else None for one in (move.less, move.more))) for move in found]
    return sorted(made, key=lambda price: -price.largest)


def _valid(loaded: LoadedProblem, move: Move) -> Move:
    """Return a move without ends that are no valid problem, such as a floor that no model reaches."""
    less, more = (one if one and _can(loaded, one) else None for one in (move.less, move.more))
    return replace(move, less=less, more=more)


def _can(loaded: LoadedProblem, override: Override) -> bool:
    try:
        varied(loaded.document, loaded.base, [override])
    except InvalidInput:
        return False
    return True


def moves(loaded: LoadedProblem, times: float) -> Iterator[Move]:
    """Yield everything that is moved: promises, quality floors, those of stages, demand of each workload, then limits."""
    problem = loaded.problem
    for workload, written in zip(problem.workloads, loaded.document.data["workloads"], strict=False):
        where = dotted(("workloads", workload.name))
        yield from _promises(workload, workload.name, where, times)
        if workload.deadline is not None:
            size, path = workload.deadline * SHARE * times, f"{where}.deadline"
            name = f"{workload.name} deadline, {words.seconds(workload.deadline)}"
            yield _both(name, f"{SHARE * times:.0%}", path, workload.deadline, size, _milliseconds, Place("s", size))
        for index, stage in enumerate(workload.stages):
            yield from _promises(stage, f"{workload.name}/{stage.name}", f"{where}.stages[{index}]", times)
        yield _demand(workload.name, where, written["demand"], workload.demand.rate, times)
    yield from _limits(loaded, times)


def _promises(of: Workload | Stage, who: str, where: str, times: float) -> Iterator[Move]:
    """Yield moves of the latency targets and quality floors of a workload or of one of its stages."""
    for index, objective in enumerate(of.objectives):
        step, path = STEPS[objective.metric] * times, f"{where}.objectives[{index}].target"
        name = f"{who} {objective.metric.upper()} p{objective.percentile:g}, {words.seconds(objective.target)}"
        yield _both(name, words.seconds(step), path, objective.target, step, _milliseconds, Place("ms", step * 1e3))
    for index, floor in enumerate(of.quality):
        name, path = f"{who} {floor.benchmark} floor, {floor.at_least:g}", f"{where}.quality[{index}].at_least"
        place = Place("point", POINT * times)
        yield _both(name, f"{POINT * times:g} point", path, floor.at_least, POINT * times, _plain, place)


def _both(name: str, step: str, path: str, value: float, size: float, write: Any, place: Place) -> Move:
    """Return a move by a step both ways; none to zero or below."""
    less = Override(path, write(value - size)) if value - size > 1e-9 * value else None
    return Move(name, step, less, Override(path, write(value + size)), place)


def _milliseconds(value: float) -> str:
    return f"{value * 1e3:.12g}ms"


def _plain(value: float) -> float:
    return float(f"{value:.12g}")


def _demand(name: str, where: str, written: dict[str, Any], rate: Any, times: float) -> Move:
    """Return a move of a workload's demand: by a request a second in its busiest period, or by a share where no rate is given."""
    scale, peak = float(written.get("scale", 1.0)), _peak(rate)
    share = SHARE * times if peak is None else times / (peak * scale)
    step = f"{100 * share:g} %" if peak is None else f"{times:g} req/s"
    said = f"{name} demand" if peak is None else f"{name} demand, {peak * scale:.4g} req/s"
    return _both(said, step, f"{where}.demand.scale", scale, scale * share, _plain, Place("req/s", times, name))


def _peak(rate: Any) -> float | None:
    """Return the highest rate of a workload; None if it is not given as a rate."""
    if isinstance(rate, dict):
        return max(rate.values(), default=0.0) or None
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None


def _limits(loaded: LoadedProblem, times: float) -> Iterator[Move]:
    """Yield moves of quotas and other limits."""
    limits, gpus = loaded.problem.limits, max(round(times), 1)
    for index, quota in enumerate(limits.quotas):
        yield _count(f"the quota of {quota_name(quota)}", f"limits.quotas[{index}].gpus", quota.gpus, gpus)
    if limits.max_gpus is not None:
        yield _count("max_gpus", "limits.max_gpus", limits.max_gpus, gpus)
    for field, value, unit, write in (
        ("budget", limits.budget, "$/h", "${:.12g}/h"),
        ("power", limits.power, "kW", "{:.12g}W"),
        ("carbon", None if limits.carbon is None else limits.carbon * 1000.0, "kg/h", "{:.12g} g/h"),
    ):
        if value:
            path, size = f"limits.{field}", value * SHARE * times
            place = Place(unit, size, path)
            yield _both(f"the {field} limit", f"{SHARE * times:.0%}", path, value, size, write.format, place)


def _count(name: str, path: str, value: int, step: int) -> Move:
    less = Override(path, value - step) if value >= step else None
    place = Place("GPU", step, path.removesuffix(".gpus"))
    return Move(f"{name}, {value:,}", words.gpus(step), less, Override(path, value + step), place)


def sentences(found: Sequence[Price]) -> Iterator[str]:
    """Yield a sentence a price; ends that do the same, such as nothing, are told together."""
    for price in found:
        less, more = price.differences
        ends = [
            (way, _said(result, known))
            for way, result, known in (("less", price.less, less), ("more", price.more, more))
            if result
        ]
        ways: dict[str, list[str]] = {}
        for way, said in ends:
            ways.setdefault(said, []).append(way)
        parts = [f"{price.move.step} {' or '.join(same)} {said}{_doubt(price, same)}" for said, same in ways.items()]
        sloping = price.slope
        parts += [f"over many machines {slopes.said(sloping)}"] if sloping is not None and parts else []
        yield f"{price.move.name}: {'; '.join(parts) or 'cannot be moved'}"


def _said(result: Result, known: Difference | None) -> str:
    """Write what a step does."""
    if known is None:
        return f"leaves no plan ({result.status})"
    if abs(known.value) < LEAST:
        return "changes nothing"
    return f"{'costs' if known.value > 0 else 'saves'} {words.dollars(abs(known.value))}"


def _doubt(price: Price, ways: Sequence[str]) -> str:
    """Write between what the difference of the best plans lies, where it may be more than 2 % from what is told."""
    known = [one for way, one in zip(("less", "more"), price.differences, strict=True) if way in ways and one is not None]
    if not known or all(one.none or one.high - one.low <= CLEAR * abs(one.value) for one in known):
        return ""
    low, high = min(one.low for one in known), max(one.high for one in known)
    within = all(one.sure for one in known)
    ends = sorted((abs(low), abs(high))) if within else (low, high)
    said = [words.dollars(end) if within else _signed(end) for end in ends]
    return f" ({said[0]} to {said[1]}{'' if within else ', as far as the gaps can tell'})"


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{words.dollars(abs(value))}"
