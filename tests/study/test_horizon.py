"""What would make a plan possible, asked of a problem with a horizon."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from planner.errors import Infeasible
from planner.pipeline import plan_problem


def test_relaxations_speak_of_the_same_year(tmp_path: Path) -> None:
    """The same year within a budget below its cost: the least budget proposed is no less than what it costs."""
    demand = {"rate": "10 req/s", "rate_is": "peak", "shape": "office_hours", "growth": "3%/month"}
    work = tiny.workload(demand=demand, choose={"models": {"allow": ["org/small"]}})
    horizon = {"start": "2027-01", "months": 6, "step": "quarter", "typical_hours": 2}
    made = tiny.problem(work, choose={"accelerators": {"allow": ["mid"]}}, horizon=horizon)
    cost = plan_problem(tiny.load(tmp_path / "free", made), progress=lambda _: None).cost.total
    tight = tiny.load(tmp_path / "tight", {**made, "limits": {"budget": f"${0.9 * cost:.4f}/h"}})
    with pytest.raises(Infeasible) as caught:
        plan_problem(tight, progress=lambda _: None)
    assert any("raise the budget" in text and f"feasible at ${cost:.2f}/h" in text for text in caught.value.relaxations)
