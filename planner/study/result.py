"""What came of one solve, in figures that a table can hold; the same wherever it was solved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.catalog.yamlfile import Document
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput, NoPlanInTime, PlannerError, PlanRejected
from planner.study.overrides import Override
from planner.study.probe import Solve
from planner.study.traits import traits
from planner.study.variant import varied

STATUSES: tuple[tuple[type[PlannerError], str], ...] = (
    (Infeasible, "infeasible"),
    (NoPlanInTime, "no plan in time"),
    (PlanRejected, "rejected"),
    (InvalidInput, "invalid"),
)
"""What a solve that gave no plan is called."""


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
    return found


@dataclass(frozen=True)
class Solving:
    """Solves variants of one problem file; can be sent to another process or machine."""

    document: Document
    """The problem file as read."""
    base: Path
    """Folder of the files it names."""
    solve: Solve
    """Solver, a function of a module."""

    def __call__(self, overrides: tuple[Override, ...]) -> dict[str, Any]:
        """Solve a variant; no plan is a result like any other."""
        try:
            loaded = varied(self.document, self.base, overrides)
            return of_plan(self.solve(loaded), loaded).plain()
        except tuple(kind for kind, _ in STATUSES) as error:
            status = next(name for kind, name in STATUSES if isinstance(error, kind))
            return Result(status, message=str(error)).plain()
