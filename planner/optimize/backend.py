"""Hand a linear model to a solver through MathOpt and report what it says as separate, typed facts."""

from __future__ import annotations

import ctypes
import datetime as dt
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from planner.optimize.linear import Linear
from planner.optimize.program import Floats

EXACT = 1e-7
"""Feasibility and integrality tolerance asked of HiGHS (its default is 1e-6: a plan would carry 2.000001 replicas' load on 2)."""

LARGE = 1000
"""Rows from which a linear program goes to HiGHS instead of GLOP."""
STEPS = 20
"""Iterations for each row and variable after which GLOP goes in circles: those that end take less than one."""


class Status(Enum):
    """What a solve proved."""

    OPTIMAL = "optimal"
    """Within the asked gap."""
    FEASIBLE = "feasible"
    """A limit came first; there is a solution."""
    INFEASIBLE = "infeasible"
    """There is provably no solution."""
    NO_SOLUTION = "no_solution"
    """A limit came first; nothing was found."""


class SolverFailure(RuntimeError):
    """The solver ended in a way that proves nothing and is no limit: never to be mistaken for one."""


@dataclass(frozen=True, eq=False)
class Result:
    """Facts of one solve."""

    status: Status
    """What was proved."""
    objective: float
    """Cost of the solution; inf without one."""
    bound: float
    """No solution costs less, as far as the solver proved."""
    values: Floats
    """[V] The solution; empty without one."""
    duals: Floats
    """[rows] Duals of a linear program; empty otherwise."""


@dataclass(frozen=True)
class Limits:
    """When a solve of an integer program may stop."""

    gap: float
    """Relative gap."""
    seconds: float
    """Wall time [s]."""
    seed: int
    """Random seed."""
    nodes: int | None = None
    """Branch-and-bound nodes: a limit that, unlike time, is the same on every machine."""
    solver: str = "highs"
    """`highs`, `gscip` or `cp_sat` (all-integer models only)."""


def solver_name(solver: str) -> str:
    """Name the solver with the version that ships it."""
    import ortools

    return f"{solver} (MathOpt, OR-Tools {ortools.__version__})"


def solve_lp(model: Linear, seconds: float = np.inf) -> Result:
    """Solve the model, all variables taken as continuous, for its vertex solution and duals, within some wall time."""
    from ortools.math_opt.python import mathopt

    built = _mathopt_model(model, whole=False)
    limit: dict[str, Any] = {"time_limit": dt.timedelta(seconds=max(seconds, 0.01))} if np.isfinite(seconds) else {}
    steps = STEPS * (model.rows + model.variables)
    glop = mathopt.SolverType.GLOP, mathopt.SolveParameters(iteration_limit=steps, **limit)
    highs = mathopt.SolverType.HIGHS, mathopt.SolveParameters(highs=_single(), **limit)
    # GLOP starts faster; HiGHS's dual simplex is two to three times faster on thousands of rows, and keeps its digits. Where
    # one gives up for want of digits, or goes in circles, the other tries.
    first, second = (glop, highs) if model.rows < LARGE else (highs, glop)
    with _silent():
        solved = mathopt.solve(built, first[0], params=first[1])
        if not _settled(solved.termination):
            solved = mathopt.solve(built, second[0], params=second[1])
    return _result(model, solved)


def _settled(termination: Any) -> bool:
    """Whether a linear program was solved, was found to have no solution, or met its time limit."""
    from ortools.math_opt.python import mathopt

    reasons = mathopt.TerminationReason
    known = (reasons.OPTIMAL, reasons.INFEASIBLE, reasons.INFEASIBLE_OR_UNBOUNDED)
    return termination.reason in known or termination.limit is mathopt.Limit.TIME


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what HiGHS prints from C, whatever it is told, out of standard output: JSON goes there."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        if os.name == "posix":
            ctypes.CDLL(None).fflush(None)  # what C still holds in its buffer must not come out later
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _single(whole: dict[str, int] | None = None, real: dict[str, float] | None = None) -> Any:
    """HiGHS options for one thread: it takes neither threads nor nodes through MathOpt's common parameters."""
    from ortools.math_opt.solvers import highs_pb2

    text = {"parallel": "off", "solver": "simplex"}
    return highs_pb2.HighsOptionsProto(int_options={"threads": 1} | (whole or {}), double_options=real or {}, string_options=text)


def solve_milp(model: Linear, limits: Limits, hint: Floats | None = None) -> Result:
    """Solve the model with its integers, single-threaded, starting from `hint` if given."""
    from ortools.math_opt.python import mathopt

    built = _mathopt_model(model, whole=True)
    start = mathopt.ModelSolveParameters()
    if hint is not None:
        values = dict(zip(built.variables(), hint.tolist(), strict=True))
        start.solution_hints.append(mathopt.SolutionHint(variable_values=values))
    params = _parameters(limits)
    with _silent():
        solved = mathopt.solve(built, mathopt.SolverType[limits.solver.upper()], params=params, model_params=start)
    return _result(model, solved, counted=limits.nodes is not None)


def _parameters(limits: Limits) -> Any:
    from ortools.math_opt.python import mathopt

    common: dict[str, Any] = {
        "relative_gap_tolerance": limits.gap,
        "absolute_gap_tolerance": 0.0,
        "time_limit": dt.timedelta(seconds=max(limits.seconds, 0.01)),
        "random_seed": limits.seed,
    }
    if limits.solver != "highs":
        return mathopt.SolveParameters(threads=1, node_limit=limits.nodes, **common)
    nodes = {} if limits.nodes is None else {"mip_max_nodes": limits.nodes}
    exact = {"mip_feasibility_tolerance": EXACT, "primal_feasibility_tolerance": EXACT}
    return mathopt.SolveParameters(highs=_single(nodes, exact), **common)


def _mathopt_model(model: Linear, *, whole: bool) -> Any:
    from ortools.math_opt import model_pb2
    from ortools.math_opt.python import mathopt

    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(model.variables))
    proto.variables.lower_bounds.extend(model.lower.tolist())
    proto.variables.upper_bounds.extend(model.upper.tolist())
    proto.variables.integers.extend((model.integer & whole).tolist())
    cost = model.cost
    (priced,) = np.nonzero(cost)
    proto.objective.linear_coefficients.ids.extend(priced.tolist())
    proto.objective.linear_coefficients.values.extend(cost[priced].tolist())
    proto.linear_constraints.ids.extend(range(model.rows))
    proto.linear_constraints.lower_bounds.extend(model.row_lower.tolist())
    proto.linear_constraints.upper_bounds.extend(model.row_upper.tolist())
    rows, columns, values = model.triplets()
    proto.linear_constraint_matrix.row_ids.extend(rows.tolist())
    proto.linear_constraint_matrix.column_ids.extend(columns.tolist())
    proto.linear_constraint_matrix.coefficients.extend(values.tolist())
    return mathopt.Model.from_model_proto(proto)


def _result(model: Linear, solved: Any, *, counted: bool = False) -> Result:
    status = _status(solved.termination, counted=counted)
    bounds = solved.termination.objective_bounds
    none = np.zeros(0)
    if status in (Status.INFEASIBLE, Status.NO_SOLUTION):
        return Result(status, np.inf, bounds.dual_bound, none, none)
    best = solved.solutions[0]
    values = np.fromiter(best.primal_solution.variable_values.values(), float, model.variables)
    duals = none
    if best.dual_solution is not None:
        duals = np.fromiter(best.dual_solution.dual_values.values(), float, model.rows)
    return Result(status, best.primal_solution.objective_value, bounds.dual_bound, values, duals)


def _status(termination: Any, *, counted: bool) -> Status:
    from ortools.math_opt.python import mathopt

    reasons, limits = mathopt.TerminationReason, mathopt.Limit
    known = {reasons.OPTIMAL: Status.OPTIMAL, reasons.INFEASIBLE: Status.INFEASIBLE}
    if termination.reason in known:
        return known[termination.reason]
    # Costs and variables are bounded below, so "infeasible or unbounded" leaves one possibility.
    if termination.reason is reasons.INFEASIBLE_OR_UNBOUNDED:
        return Status.INFEASIBLE
    stopped = {reasons.FEASIBLE: Status.FEASIBLE, reasons.NO_SOLUTION_FOUND: Status.NO_SOLUTION}
    # HiGHS reports its node limit as a limit it cannot name; only solves that set one meet it.
    named = (limits.TIME, limits.NODE, *((limits.UNDETERMINED,) if counted else ()))
    if termination.reason in stopped and termination.limit in named:
        return stopped[termination.reason]
    message = f"the solver ended with {termination.reason}, limit {termination.limit}: {termination.detail}"
    raise SolverFailure(message)
