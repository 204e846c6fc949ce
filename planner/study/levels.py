"""What promises and limits cost at other levels: which are varied, and to what.

Those come first that the plan keeps with the least room, latencies and limits in turn with floors, whose room is of another kind.
Latencies and limits are varied by factors; floors by the scores that models to be had have published, since in between only what
numbers take away from a score changes anything. A budget is not varied: below the least cost there is no plan, above it nothing
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from planner.catalog.problem import LoadedProblem
from planner.catalog.select import usable_apis, usable_models
from planner.catalog.yamlfile import dotted
from planner.domain.calls import QualityFloor
from planner.domain.plan import Plan
from planner.domain.plan_choices import Frontier, FrontierPoint
from planner.domain.workload import Workload
from planner.study.binding import binding
from planner.study.overrides import Override
from planner.study.result import Result
from planner.study.traits import traits
from planner.supply.limits import quota_name
from planner.units import HOURS_PER_MONTH

FACTORS = (0.5, 0.7, 0.85, 1.25, 1.6, 2.0)
"""Levels, as multiples of the problem's own."""
SIDE = 3
"""Scores on either side of a floor."""
LATEST = 2.0
"""Targets up to this long are told in milliseconds [s]."""


@dataclass(frozen=True)
class Varied:
    """Something at several levels beside the problem's own."""

    about: str
    """What it is."""
    unit: str
    """Unit of its levels."""
    planned: float
    """The problem's own level."""
    tighter: Literal["lower", "higher"]
    """Which levels ask for more."""
    used: float
    """How near the plan is to its limit, 1 = at it."""
    ends: tuple[tuple[float, Override], ...]
    """Other levels, ascending, and how the problem is changed to them."""


def varied_by(plan: Plan, loaded: LoadedProblem) -> list[Varied]:
    """Return what can be varied, those first that the plan keeps with the least room, of either kind in turn.

    Parameters
    ----------
    plan : as it is
    loaded : its problem
    """
    kinds = ([*_latencies(plan, loaded), *_limits(plan, loaded)], list(_floors(plan, loaded)))
    ranked = [sorted((one for one in kind if one.ends), key=lambda one: -one.used) for kind in kinds]
    return [one for pair in zip_longest(*ranked) for one in pair if one is not None]


def _latencies(plan: Plan, loaded: LoadedProblem) -> Iterator[Varied]:
    for workload in _written(loaded):
        for index, objective in enumerate(workload.objectives):
            kept = [
                promise.predicted / promise.target
                for promise in plan.promises
                if (promise.stream, promise.metric, promise.percentile) == (workload.name, objective.metric, objective.percentile)
            ]
            long = objective.target > LATEST
            unit, of_unit = ("s", 1.0) if long else ("ms", 1e3)
            path = f"{dotted(('workloads', workload.name))}.objectives[{index}].target"
            yield _scaled(
                f"{workload.name} {objective.metric.upper()} p{objective.percentile:g}", unit, objective.target * of_unit,
                max(kept, default=0.0), path, f"{{:.12g}}{unit}".format,
            )  # fmt: skip


def _limits(plan: Plan, loaded: LoadedProblem) -> Iterator[Varied]:
    """Yield quotas, all accelerators, power and carbon."""
    limits = loaded.problem.limits
    use = {one.what: one.used for one in binding(plan, loaded.problem) if one.subject == "limits"}
    counted = [(f"quota of {quota_name(quota)}", f"quotas[{i}].gpus", quota.gpus) for i, quota in enumerate(limits.quotas)]
    if limits.max_gpus is not None:
        counted.append(("max_gpus", "max_gpus", limits.max_gpus))
    for name, field, most in counted:
        levels = sorted({max(round(most * factor), 0) for factor in FACTORS} - {most})
        ends = tuple((float(level), Override(f"limits.{field}", level)) for level in levels)
        yield Varied(name, "accelerators", float(most), "lower", use.get(name, 0.0), ends)
    if limits.power:
        drawn = plan.energy.facility_kw * 1e3 / limits.power if plan.energy is not None else 0.0
        yield _scaled("power limit", "kW", limits.power / 1e3, drawn, "limits.power", "{:.12g}kW".format)
    if limits.carbon:
        tonnes = limits.carbon * HOURS_PER_MONTH / 1000.0
        yield _scaled("carbon limit", "t/month", tonnes, use.get("carbon", 0.0), "limits.carbon", "{:.12g} t/month".format)


def _scaled(about: str, unit: str, value: float, used: float, path: str, write: Callable[[float], str]) -> Varied:
    levels = [float(f"{value * factor:.4g}") for factor in FACTORS]
    own = float(f"{value:.12g}")
    return Varied(about, unit, own, "lower", used, tuple((level, Override(path, write(level))) for level in levels))


def _floors(plan: Plan, loaded: LoadedProblem) -> Iterator[Varied]:
    """Yield quality floors, at scores of models and APIs that the workload may use."""
    reached = traits(plan, loaded)["scores"]
    for workload in _written(loaded):
        for index, floor in enumerate(workload.quality):
            if floor.measured is not None or not floor.at_least:
                continue
            name = f"{workload.name} {floor.benchmark}"
            score = reached.get(name)
            path = f"{dotted(('workloads', workload.name))}.quality[{index}].at_least"
            levels = _spread(sorted(_published(loaded, workload, floor)), floor.at_least)
            ends = tuple((level, Override(path, level)) for level in levels)
            yield Varied(f"{name} floor", "points", floor.at_least, "higher", floor.at_least / score if score else 0.0, ends)


def _published(loaded: LoadedProblem, workload: Workload, floor: QualityFloor) -> set[float]:
    """Return the best published scores on the benchmark of all that may serve a workload."""
    catalog, choices = loaded.catalog, (loaded.problem.choose, workload.choose)
    rows = [catalog.models[name].scores for name in usable_models(catalog, choices, workload.data.licences)]
    if workload.data.external_api:
        rows += [catalog.apis[name].scores for name in usable_apis(catalog, choices)]
    found = (max((s.score for s in scores if s.benchmark == floor.benchmark), default=0.0) for scores in rows)
    return {score for score in found if score > 0.0}


def _spread(scores: list[float], floor: float) -> list[float]:
    """Return a few scores on either side of a floor, evenly spread by rank, the best among them.

    Examples
    --------
    >>> _spread([10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0], 35.0)
    [10.0, 20.0, 30.0, 40.0, 60.0, 70.0]
    """
    below, above = [score for score in scores if score < floor], [score for score in scores if score > floor]
    picked = below[-SIDE:] + [above[round((len(above) - 1) * k / (SIDE - 1))] for k in range(SIDE) if above]
    return sorted(set(picked))


def _written(loaded: LoadedProblem) -> tuple[Workload, ...]:
    """Return the workloads that the file itself names."""
    return loaded.problem.workloads[: len(loaded.document.data["workloads"])]


def frontier(one: Varied, this: Result, results: Sequence[Result]) -> Frontier:
    """Return the costs over the levels of something, one result a level; the problem's own is that of the plan."""
    points = [FrontierPoint(value=one.planned, cost=this.cost, bound=this.sound)]
    for (level, _), result in zip(one.ends, results, strict=True):
        points.append(FrontierPoint(value=level, cost=result.cost, bound=result.sound, why=result.short))
    ranked = tuple(sorted(points, key=lambda point: point.value))
    return Frontier(about=one.about, unit=one.unit, planned=one.planned, tighter=one.tighter, points=ranked)
