"""Numbers of a problem that could be relaxed: latency targets, limits, quality floors.

Each comes with a ladder of humane figures, from just looser than it is to so loose that it no longer matters, so that
the smallest change found is one that a person would write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from planner.catalog.select import matches
from planner.domain.calls import Objective, QualityFloor
from planner.domain.hardware import counted_as
from planner.domain.plan import Plan
from planner.domain.problem import Problem, Quota, Site
from planner.domain.stages import answering
from planner.domain.variants import origin_name
from planner.domain.workload import Workload
from planner.study import edit, words
from planner.study.streams import is_of
from planner.supply.cells import OWN
from planner.supply.limits import quota_name

UPTIMES = (0.9999, 0.9995, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.1, 1e-9)
"""Availabilities to try, the last one so low that no pool needs a spare."""

UNLIMITED = 1_000_000.0
"""A limit on counts this high limits nothing."""

_MANTISSAS = (
    *(1.0 + 0.05 * step for step in range(20)),
    *(2.0 + 0.1 * step for step in range(30)),
    *(5.0 + 0.2 * step for step in range(25)),
)


@dataclass(frozen=True)
class Knob:
    """A number that could be relaxed."""

    group: str
    """`latency`, `limits` or `quality`."""
    workload: str
    """Whom it concerns; empty = all."""
    name: str
    """What it is, in the user's words."""
    verb: str
    """`raise` or `lower`."""
    value: float
    """What it is now."""
    rungs: tuple[float, ...]
    """Figures to try, from the least change to one so large that the number no longer matters."""
    show: Callable[[float], str]
    """Writes a value with its unit."""
    set: Callable[[Problem, float], Problem]
    """Changes it."""
    used: Callable[[Plan], float]
    """The value that a plan would still keep; inf if the plan does not say."""
    phrase: str = "{verb} {name} from {old} to {new}"
    """How its change reads."""

    def kept_by(self, plan: Plan) -> int:
        """Return the first rung that a plan keeps, the last one if the plan does not say."""
        used = self.used(plan)
        return next((index for index, rung in enumerate(self.rungs) if rung >= used), len(self.rungs) - 1)

    def freed(self, problem: Problem) -> Problem:
        """Return the problem without the limit the number sets."""
        return self.set(problem, self.rungs[-1])


def ladder(start: float, factor: float) -> tuple[float, ...]:
    """Return the humane figures above `start` up to `factor` times it, each at most 5 % above the one before.

    Examples
    --------
    >>> ladder(0.3, 1.1)
    (0.31, 0.32, 0.33)
    """
    first, last = math.floor(math.log10(start)), math.floor(math.log10(start * factor))
    figures = (float(f"{mantissa:.2f}e{power}") for power in range(first, last + 1) for mantissa in _MANTISSAS)
    return tuple(figure for figure in figures if start * (1 + 1e-9) < figure <= start * factor * (1 + 1e-9))


def counts(start: int) -> tuple[float, ...]:
    """Return whole numbers above `start`: all of the next 32, then humane ones, then one without end."""
    near = [float(start + step) for step in range(1, 33)]
    far = [float(math.ceil(figure)) for figure in ladder(near[-1], 100.0)]
    return tuple(dict.fromkeys([*near, *far, UNLIMITED]))


def floors(start: float) -> tuple[float, ...]:
    """Return scores below `start`: in steps of the third digit down to half of it, then next to nothing."""
    step = 10.0 ** (math.floor(math.log10(start)) - 2) if start < 100 else 1.0
    first = math.ceil(start / step - 1e-9) - 1
    return (*(round(step * k, 9) for k in range(first, math.ceil(first / 2), -1)), step * 1e-3)


def knobs(problem: Problem) -> list[Knob]:
    """Return every number of a problem that could be relaxed."""
    found: list[Knob] = []
    for workload in problem.workloads:
        for stage in ("", *(stage.name for stage in workload.stages)):
            found += _latency(problem, workload, stage)
            found += [_quality(workload.name, stage, floor) for floor in edit.stage_of(problem, workload.name, stage).quality]
    return found + list(_limits(problem)) + list(_operations(problem)) + list(_availability(problem))


def _latency(problem: Problem, workload: Workload, stage: str) -> Iterator[Knob]:
    """Yield what a workload, or one of its stages, is promised in time."""
    here, who = edit.stage_of(problem, workload.name, stage), _who(workload.name, stage)
    for objective in here.objectives:
        if objective.price_per_miss is None:
            yield _target(workload, stage, objective)
    if here.retries is not None and here.retries.timeout is not None:
        percentile = round(100.0 * (1.0 - here.retries.timed_out), 6)
        yield Knob(
            "latency", workload.name, f"{who} timeout", "raise", here.retries.timeout, ladder(here.retries.timeout, 1000.0),
            words.seconds, lambda problem, value: edit.with_timeout(problem, workload.name, value, stage),
            partial(_predicted, workload.name, stage, "e2e", percentile),
        )  # fmt: skip
    if not stage and workload.deadline is not None:
        yield Knob(
            "latency", workload.name, f"{workload.name} deadline", "raise", workload.deadline,
            ladder(workload.deadline, 1000.0), words.seconds,
            lambda problem, value: edit.with_workload(problem, workload.name, deadline=value),
            _unsaid if workload.stages else partial(_predicted, workload.name, "", "e2e", 99.0),
        )  # fmt: skip


def _target(workload: Workload, stage: str, objective: Objective) -> Knob:
    return Knob(
        "latency", workload.name, f"{_who(workload.name, stage)} {objective.metric.upper()} p{objective.percentile:g}", "raise",
        objective.target, ladder(objective.target, 1000.0), words.seconds,
        lambda problem, value: edit.with_target(problem, workload.name, objective, value, stage),
        _used(workload, stage, objective),
    )  # fmt: skip


def _used(workload: Workload, stage: str, objective: Objective) -> Callable[[Plan], float]:
    """Return what tells the latency that a plan keeps of a promise.

    Of the promise of a whole graph its plan only says what each stage takes of it; its time per token is the answering stage's.
    """
    answer = answering(workload.stages)
    if workload.stages and not stage:
        if objective.metric != "tpot" or answer is None:
            return _unsaid
        stage = answer.name
    return partial(_predicted, workload.name, stage, objective.metric, objective.percentile)


def _unsaid(_: Plan) -> float:
    """A value that no plan says."""
    return math.inf


def _who(workload: str, stage: str) -> str:
    return f"{workload}/{stage}" if stage else workload


def _predicted(workload: str, stage: str, metric: str, percentile: float, plan: Plan) -> float:
    """Return the worst latency a plan predicts for a promise, over all its streams [s]; inf if it predicts none."""
    mine = (p for p in plan.promises if (p.metric, p.percentile) == (metric, percentile) and is_of(p.stream, workload, stage))
    return max((p.predicted for p in mine), default=math.inf)


def _quality(workload: str, stage: str, floor: QualityFloor) -> Knob:
    return Knob(
        "quality", workload, f"{_who(workload, stage)} {floor.benchmark} floor", "lower", floor.at_least,
        floors(floor.at_least), words.number,
        lambda problem, value: edit.with_floor(problem, workload, floor, value, stage), _unsaid,
    )  # fmt: skip


def _limits(problem: Problem) -> Iterator[Knob]:
    limits = problem.limits
    for index, quota in enumerate(limits.quotas):
        yield Knob(
            "limits", "", f"the quota of {quota_name(quota)}", "raise", quota.gpus, counts(quota.gpus), words.gpus,
            partial(_set_quota, index), partial(_gpus, quota),
        )  # fmt: skip
    if limits.max_gpus is not None:
        yield Knob(
            "limits", "", "max_gpus", "raise", limits.max_gpus, counts(limits.max_gpus), words.gpus,
            lambda problem, value: edit.with_limit(problem, max_gpus=int(value)), partial(_gpus, Quota(accelerator="*", gpus=0)),
        )  # fmt: skip
    if limits.max_sellers is not None:
        yield Knob(
            "limits", "", "max_sellers", "raise", limits.max_sellers, counts(limits.max_sellers), words.number,
            lambda problem, value: edit.with_limit(problem, max_sellers=int(value)), _sellers,
        )  # fmt: skip
    if limits.budget is not None:
        yield Knob(
            "limits", "", "the budget", "raise", limits.budget, ladder(max(limits.budget, 0.01), 1e6), words.dollars,
            lambda problem, value: edit.with_limit(problem, budget=value), lambda plan: plan.cost.total,
        )  # fmt: skip
    if limits.power is not None:
        yield Knob(
            "limits", "", "the power limit", "raise", limits.power, ladder(limits.power, 1e5), words.watts,
            lambda problem, value: edit.with_limit(problem, power=value), _unsaid,
        )  # fmt: skip
    if limits.carbon:
        yield Knob(
            "limits", "", "the carbon limit", "raise", limits.carbon, ladder(limits.carbon, 1e5), words.carbon,
            lambda problem, value: edit.with_limit(problem, carbon=value),
            lambda plan: math.inf if plan.energy is None else plan.energy.carbon,
        )  # fmt: skip
    for index, site in enumerate(limits.sites):
        yield from _site(index, site)


def _site(index: int, site: Site) -> Iterator[Knob]:
    """Yield what a site feeds, cools and holds."""
    for field, name in (("power", "power"), ("cooling", "cooling"), ("rack_power", "power of a rack")):
        value: float | None = getattr(site, field)
        if value is not None:
            yield Knob(
                "limits", "", f"the {name} at {site.name}", "raise", value, ladder(value, 1e5), words.watts,
                partial(_set_site, index, field), _unsaid,
            )  # fmt: skip
    if site.racks is not None:
        yield Knob(
            "limits", "", f"the racks at {site.name}", "raise", site.racks, counts(site.racks), words.number,
            lambda problem, racks: edit.with_site(problem, index, racks=int(racks)), _unsaid,
        )  # fmt: skip


def _operations(problem: Problem) -> Iterator[Knob]:
    operations = problem.operations
    if operations.max_pools is not None:
        yield Knob(
            "limits", "", "max_pools", "raise", operations.max_pools, counts(operations.max_pools), words.number,
            lambda problem, value: edit.with_operations(problem, max_pools=int(value)), lambda plan: len(plan.pools),
        )  # fmt: skip
    if operations.spare_replicas:
        yield Knob(
            "limits", "", "spare_replicas", "lower", operations.spare_replicas,
            tuple(float(spare) for spare in reversed(range(operations.spare_replicas))), words.number,
            lambda problem, value: edit.with_operations(problem, spare_replicas=int(value)), _unsaid,
        )  # fmt: skip


def _availability(problem: Problem) -> Iterator[Knob]:
    asked = problem.operations.availability
    if asked is not None and asked > UPTIMES[-1]:
        yield Knob(
            "limits", "", "availability", "lower", asked, tuple(share for share in UPTIMES if share < asked - 1e-12), words.share,
            lambda problem, value: edit.with_operations(problem, availability=value), _unsaid,
        )  # fmt: skip


def _set_site(index: int, field: str, problem: Problem, value: float) -> Problem:
    return edit.with_site(problem, index, **{field: value})


def _set_quota(index: int, problem: Problem, value: float) -> Problem:
    return edit.with_quota(problem, index, int(value))


def _gpus(quota: Quota, plan: Plan) -> float:
    """Return the most accelerators of a plan that a quota counts, in any period."""
    counted = [
        buy
        for buy in plan.purchases
        if matches(buy.accelerator if buy.boards_per_machine is None else origin_name(buy.accelerator), quota.accelerator)
        and matches(buy.region, quota.region)
        and matches(buy.seller, quota.seller)
        and any(matches(paid, quota.offer) for paid in counted_as(buy.kind))
    ]
    return max(
        (sum(b.machines.get(p, 0) * (b.boards_per_machine or b.gpus_per_machine) for b in counted) for p in plan.periods),
        default=0,
    )


def _sellers(plan: Plan) -> float:
    """Return of how many sellers a plan holds machines."""
    return len({buy.seller for buy in plan.purchases if buy.kind not in OWN})


def all_freed(problem: Problem, group: Sequence[Knob]) -> Problem:
    """Return the problem with every one of some numbers freed."""
    for knob in group:
        problem = knob.freed(problem)
    return problem


def common_factor(targets: Sequence[Knob], name: str) -> Knob:
    """Return the knob that stretches several latency targets by the same factor."""

    def stretched(problem: Problem, factor: float) -> Problem:
        for target in targets:
            problem = target.set(problem, target.value * factor)
        return problem

    return Knob(
        "latency", "", name, "multiply", 1.0, ladder(1.0, 1000.0), words.number, stretched,
        lambda plan: max(target.used(plan) / target.value for target in targets), "{verb} {name} by {new}",
    )  # fmt: skip
