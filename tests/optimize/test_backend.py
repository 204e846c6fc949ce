"""Linear programs go from one solver to the other where one gives up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ortools.math_opt.python import mathopt

from planner.optimize.backend import Status, solve_lp
from planner.optimize.linear import Linear


def transport(size: int = 30) -> Linear:
    """Goods from places to places at random costs: some dozens of steps for any simplex."""
    made, rng = Linear(), np.random.default_rng(5)
    cost = rng.uniform(1, 9, (size, size))
    ids = made.add_variables(size**2, 0, np.inf, cost.ravel(), integer=False, names=lambda: [f"x{i}" for i in range(size**2)])
    amounts = rng.integers(1, 9, size).astype(float)
    given = made.add_rows(size, -np.inf, np.roll(amounts, 1), names=lambda: [f"given{i}" for i in range(size)])
    taken = made.add_rows(size, amounts, np.inf, names=lambda: [f"taken{i}" for i in range(size)])
    made.add_terms(given[:, None], ids.reshape(size, size), 1.0)
    made.add_terms(taken[None], ids.reshape(size, size), 1.0)
    return made


def test_what_glop_does_not_end_is_solved_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """GLOP once went in circles for ever, over 380 rows and variables; here it may take a single step."""
    expected = solve_lp(transport())
    solve, ended = mathopt.solve, []

    def stopped(model: Any, solver: Any, *, params: Any, **more: Any) -> Any:
        if solver is mathopt.SolverType.GLOP:
            assert 0 < params.iteration_limit < 1e6
            params.iteration_limit = 1
        ended.append((solver, (found := solve(model, solver, params=params, **more)).termination.reason))
        return found

    monkeypatch.setattr(mathopt, "solve", stopped)
    found = solve_lp(transport())
    assert [solver for solver, _ in ended] == [mathopt.SolverType.GLOP, mathopt.SolverType.HIGHS]
    assert ended[0][1] is not mathopt.TerminationReason.OPTIMAL
    assert (found.status, expected.status) == (Status.OPTIMAL, Status.OPTIMAL)
    assert found.objective == pytest.approx(expected.objective, rel=1e-9)
    assert len(found.duals) == len(expected.duals)
