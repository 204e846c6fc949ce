"""Asks whether a changed problem has a plan, within a time budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.errors import Infeasible, NoPlanInTime, PlanRejected

LOOSE = 0.5
"""Gap while searching: whether there is a plan matters, not how good it is."""

PATIENCE = 5.0
"""Most time for one question [s]."""

Solve = Callable[[LoadedProblem], Plan]


@dataclass
class Probe:
    """Solves changed problems; what it says is feasible has a plan that passed its check."""

    loaded: LoadedProblem
    """The problem as it stands."""
    solve: Solve
    """Solver; raises `Infeasible` and its like."""
    deadline: float
    """When to stop asking, on the monotonic clock [s]."""
    asked: int = 0
    """Questions so far."""
    _known: dict[str, Plan | None] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """The problem as it stands."""
        return self.loaded.problem

    @property
    def left(self) -> float:
        """Time left [s]."""
        return self.deadline - time.monotonic()

    def plan(self, problem: Problem, *, gap: float | None = None) -> Plan | None:
        """Return a plan of a changed problem, None if there is none or none was found in time.

        Parameters
        ----------
        problem : the changed problem
        gap : asked for; absent = a loose one, as only feasibility is in question

        Returns
        -------
        Plan or None
        """
        limit = min(self.problem.solver.time_limit, PATIENCE, max(self.left, 1.0))
        solver = problem.solver.model_copy(update={"gap": LOOSE if gap is None else gap, "time_limit": limit})
        key = problem.model_copy(update={"solver": problem.solver.model_copy(update={"gap": solver.gap})}).model_dump_json()
        if key not in self._known:
            self.asked += 1
            self._known[key] = self._try(problem.model_copy(update={"solver": solver}))
        return self._known[key]

    def _try(self, problem: Problem) -> Plan | None:
        """Solve once; no plan, none in time and none that passes its check are all no plan to point to."""
        try:
            return self.solve(replace(self.loaded, problem=problem))
        except (Infeasible, NoPlanInTime, PlanRejected):
            return None
