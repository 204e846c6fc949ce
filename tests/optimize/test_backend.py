"""Linear programs go from one solver to the other where one gives up."""

from __future__ import annotations

import numpy as np
import pytest
from programs import random_program

from planner.optimize import backend
from planner.optimize.backend import Status, solve_lp
from planner.optimize.bounds import bounds
from planner.optimize.model import build


@pytest.mark.parametrize("seed", range(5))
def test_what_glop_does_not_end_is_solved_by_the_other(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once GLOP went in circles over 380 rows and variables for ever; here it may take no step at all."""
    given = random_program(4000 + seed, pools=4)
    model = build(given, bounds(given), whole=False).linear
    expected = solve_lp(model)
    monkeypatch.setattr(backend, "STEPS", 0)
    found = solve_lp(model)
    assert found.status is expected.status
    if expected.status is Status.OPTIMAL:
        assert found.objective == pytest.approx(expected.objective, rel=1e-9)
        assert len(found.duals) == len(expected.duals)
    else:
        assert np.isinf(found.objective)
