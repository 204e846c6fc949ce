"""Copies of a problem with one thing changed.

Values are those of a problem that was valid, replaced by others of the same type and sign, so the copies are made
without parsing: a parser would ask the numbers, long in SI units, for their units again.
"""

from __future__ import annotations

from typing import Any

from planner.domain.calls import Choice, Choices, Objective, QualityFloor
from planner.domain.problem import Problem
from planner.domain.stages import Stage
from planner.domain.workload import Workload


def workload_of(problem: Problem, name: str) -> Workload:
    """Return a workload by name."""
    return next(workload for workload in problem.workloads if workload.name == name)


def with_workload(problem: Problem, name: str, **fields: Any) -> Problem:
    """Return the problem with fields of a workload replaced; as it is if it has no such workload."""
    changed = tuple(w.model_copy(update=fields) if w.name == name else w for w in problem.workloads)
    return problem.model_copy(update={"workloads": changed})


def only(problem: Problem, name: str) -> Problem:
    """Return the problem of a single workload, under the same limits."""
    return problem.model_copy(update={"workloads": (workload_of(problem, name),)})


def with_stage(problem: Problem, name: str, stage: str, **fields: Any) -> Problem:
    """Return the problem with fields of a stage of a workload replaced, of the workload itself for an empty stage."""
    if not stage:
        return with_workload(problem, name, **fields)
    changed = tuple(s.model_copy(update=fields) if s.name == stage else s for s in workload_of(problem, name).stages)
    return with_workload(problem, name, stages=changed)


def stage_of(problem: Problem, name: str, stage: str) -> Workload | Stage:
    """Return a stage of a workload, the workload itself for an empty stage."""
    workload = workload_of(problem, name)
    return next(one for one in workload.stages if one.name == stage) if stage else workload


def with_target(problem: Problem, name: str, objective: Objective, target: float, stage: str = "") -> Problem:
    """Return the problem with the target of an objective of a workload, or of one of its stages, replaced."""
    promised = stage_of(problem, name, stage).objectives
    where = (objective.metric, objective.percentile)
    changed = tuple(o.model_copy(update={"target": target}) if (o.metric, o.percentile) == where else o for o in promised)
    return with_stage(problem, name, stage, objectives=changed)


def with_floor(problem: Problem, name: str, floor: QualityFloor, least: float, stage: str = "") -> Problem:
    """Return the problem with a quality floor of a workload, or of one of its stages, replaced."""
    floors = stage_of(problem, name, stage).quality
    changed = tuple(f.model_copy(update={"at_least": least}) if f.benchmark == floor.benchmark else f for f in floors)
    return with_stage(problem, name, stage, quality=changed)


def with_timeout(problem: Problem, name: str, timeout: float, stage: str = "") -> Problem:
    """Return the problem with the timeout after which calls of a workload, or of one of its stages, are sent again replaced."""
    retries = stage_of(problem, name, stage).retries
    changed = None if retries is None else retries.model_copy(update={"timeout": timeout})
    return with_stage(problem, name, stage, retries=changed)


def with_data(problem: Problem, name: str, **fields: Any) -> Problem:
    """Return the problem with data rules of a workload replaced."""
    return with_workload(problem, name, data=workload_of(problem, name).data.model_copy(update=fields))


def with_limit(problem: Problem, **fields: Any) -> Problem:
    """Return the problem with limits replaced."""
    return problem.model_copy(update={"limits": problem.limits.model_copy(update=fields)})


def with_quota(problem: Problem, index: int, gpus: int) -> Problem:
    """Return the problem with the size of a quota replaced."""
    quotas = tuple(q.model_copy(update={"gpus": gpus}) if i == index else q for i, q in enumerate(problem.limits.quotas))
    return with_limit(problem, quotas=quotas)


def with_site(problem: Problem, index: int, **fields: Any) -> Problem:
    """Return the problem with limits of a site replaced."""
    sites = tuple(site.model_copy(update=fields) if i == index else site for i, site in enumerate(problem.limits.sites))
    return with_limit(problem, sites=sites)


def with_operations(problem: Problem, **fields: Any) -> Problem:
    """Return the problem with fields of its operations replaced."""
    return problem.model_copy(update={"operations": problem.operations.model_copy(update=fields)})


def choices_of(problem: Problem, name: str, stage: str = "") -> Choices:
    """Return the choices of a workload or one of its stages, the problem's own for an empty name."""
    return stage_of(problem, name, stage).choose if name else problem.choose


def with_choice(problem: Problem, name: str, kind: str, choice: Choice, stage: str = "") -> Problem:
    """Return the problem with one of the choices of a workload, of one of its stages, or its own, replaced."""
    changed = choices_of(problem, name, stage).model_copy(update={kind: choice})
    return with_stage(problem, name, stage, choose=changed) if name else problem.model_copy(update={"choose": changed})
