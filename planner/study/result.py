"""What came of one solve, in figures that a table can hold; the same wherever it was solved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.catalog.yamlfile import Document
from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.errors import Infeasible, InvalidInput, NoPlanInTime, PlanRejected
from planner.study import words
from planner.study.overrides import Override
from planner.study.probe import Solve
from planner.study.traits import traits
from planner.study.variant import varied

NO_PLAN = (Infeasible, NoPlanInTime, PlanRejected, InvalidInput)
"""What a solve ends with that gave no plan; its name is the result's."""


@dataclass(frozen=True)
class Result:
    """What came of one solve."""

    status: str
    """optimal: within the gap; feasible: a limit came first; infeasible, no plan in time, rejected, invalid: no plan."""
    cost: float | None = None
    """Average cost of the plan [$/h]."""
    bound: float | None = None
    """No plan costs less [$/h]."""
    gap: float | None = None
    """(cost − bound)/cost."""
    figures: dict[str, Any] = field(default_factory=dict)
    """Accelerators, replicas, predicted latencies [s], carbon [kg/h], and `traits`."""
    message: str = ""
    """Why there is no plan."""

    @property
    def solved(self) -> bool:
        """Whether there is a plan."""
        return self.cost is not None

    @property
    def sound(self) -> float | None:
        """The bound, if it speaks of everything that may be chosen [$/h]; None otherwise."""
        return self.bound if self.solved and self.figures["traits"]["bounded"] else None

    @property
    def short(self) -> str:
        """Why there is no plan, in one short line; empty if there is one."""
        if self.solved:
            return ""
        first = self.message.partition("\n")[0].removesuffix(".")
        return f"{self.status}: {first}" if first else self.status

    def plain(self) -> dict[str, Any]:
        """Return plain data for a file."""
        return asdict(self)


def solved(result: Result, whose: str) -> Result:
    """Return a result that has a plan.

    Raises
    ------
    Infeasible, NoPlanInTime
        If it has none.
    """
    if result.solved:
        return result
    if result.status == "no plan in time":
        raise NoPlanInTime(f"{whose}: {result.message}")
    raise Infeasible([f"{whose} has no plan ({result.status}); run `planner solve` on it for reasons and remedies"])


def of_plan(plan: Plan, loaded: LoadedProblem) -> Result:
    """Return the figures of a plan of a problem."""
    proof = plan.proof
    told = {**figures(plan), "traits": traits(plan, loaded)}
    return Result(proof.termination, plan.cost.total, proof.bound, proof.gap, told)


def figures(plan: Plan) -> dict[str, Any]:
    """Return what tells plans apart at a glance."""
    found: dict[str, Any] = {
        "accelerators": {kind: count for kind, count in sorted(plan.accelerators.items()) if count},
        "pools": len(plan.pools),
        "replicas": max((sum(pool.loads[t].replicas for pool in plan.pools) for t in range(len(plan.periods))), default=0),
        "deployments": [_deployment(pool) for pool in plan.pools],
        "tightest": _tightest(plan),
        "apis": sorted({route.api for route in plan.external}),
        "models": sorted({f"{pool.deployment.model} {pool.deployment.precision}" for pool in plan.pools}),
    }
    worst: dict[str, float] = {}
    for promise in plan.promises:
        name = f"{promise.stream} {promise.metric} p{promise.percentile:g}"
        worst[name] = max(worst.get(name, 0.0), promise.predicted)
    found["predicted"] = {name: value if math.isfinite(value) else None for name, value in worst.items()}
    if plan.energy is not None:
        found["carbon"] = plan.energy.carbon
    if plan.worth is not None:
        found["worth"] = plan.worth.model_dump()
    return found


def _deployment(pool: Pool) -> str:
    """Write what a pool is, `2 × org/large bf16 on max tp2`."""
    what, most = pool.deployment, max(load.replicas for load in pool.loads)
    return f"{most} × {what.model} {what.precision} on {what.accelerator} {what.layout.name}"


def _tightest(plan: Plan) -> str | None:
    """Write which promise is kept most narrowly, `chat TPOT p95, 57 ms of 60 ms`; None where none is made."""
    kept = min((one for one in plan.promises if not one.soft), key=lambda one: one.margin, default=None)
    if kept is None:
        return None
    figures = f"{words.seconds(kept.predicted)} of {words.seconds(kept.target)}"
    return f"{kept.stream} {kept.metric.upper()} p{kept.percentile:g}, {figures}"


@dataclass(frozen=True)
class Solving:
    """Solves variants of problem files; can be sent to another process or machine, and holds each file once."""

    files: tuple[tuple[Document, Path], ...]
    """Problem files as read, each with the folder of the files it names."""
    solve: Solve
    """Solver, a function of a module."""

    def __call__(self, task: tuple[int, tuple[Override, ...]]) -> dict[str, Any]:
        """Solve a variant of the file of that number; no plan is a result like any other."""
        number, overrides = task
        try:
            loaded = varied(*self.files[number], overrides)
            return of_plan(self.solve(loaded), loaded).plain()
        except NO_PLAN as error:
            return Result(error.status, message=str(error)).plain()
