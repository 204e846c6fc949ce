"""Predictions without doubt: below the edge that promises are kept at, and found again by the check."""

from __future__ import annotations

from dataclasses import replace

import made_plans
import pytest
from made_plans import PROBLEMS

from planner.catalog.problem import LoadedProblem, load_problem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.likely import hardest
from planner.plan.verify import verify
from planner.report.jsonout import dumps


def told(plan: Plan, **update: object) -> Plan:
    assert plan.doubt is not None
    return plan.model_copy(update={"doubt": plan.doubt.model_copy(update=update)})


@pytest.fixture
def loaded() -> LoadedProblem:
    return load_problem(PROBLEMS / "quickstart.yaml")


def test_every_promise_of_a_pool_is_told_once_and_is_faster_without_doubt() -> None:
    plan = made_plans.quickstart()
    assert plan.doubt is not None
    assert plan.doubt.confidence == 0.8
    edges = {(one.stream, one.metric, one.percentile, one.period): one.predicted for one in plan.promises}
    rows = {(one.stream, one.metric, one.percentile, one.period): one.seconds for one in plan.doubt.promises}
    assert rows.keys() == edges.keys()
    assert all(0.3 * edges[key] < seconds < edges[key] for key, seconds in rows.items())


def test_without_doubt_nothing_is_told(loaded: LoadedProblem) -> None:
    solver = loaded.problem.solver.model_copy(update={"confidence": 0.5})
    certain = replace(loaded, problem=loaded.problem.model_copy(update={"solver": solver}))
    plan = plan_as_stated(certain, lambda _: None)
    assert plan.doubt is None
    assert '"doubt"' not in dumps(plan)


def test_the_check_finds_them_again(loaded: LoadedProblem) -> None:
    plan = made_plans.quickstart()
    assert plan.doubt is not None
    assert verify(plan, loaded) == []
    assert verify(plan.model_copy(update={"doubt": None}), loaded) == []
    first = plan.doubt.promises[0]
    (wrong,) = verify(told(plan, promises=(first.model_copy(update={"seconds": 1.001 * first.seconds}),)), loaded)
    assert wrong.startswith("doubt: tpot p95 of chat on P1 in always: ")
    (wrong,) = verify(told(plan, confidence=0.9), loaded)
    assert wrong == "doubt: confidence 0.9 stated, 0.8 in the problem"
    for foreign in ({"route": "P9"}, {"percentile": 50.0}, {"period": "never"}):
        (wrong,) = verify(told(plan, promises=(first.model_copy(update=foreign),)), loaded)
        assert wrong.endswith("is no promise of the plan")


def test_the_hardest_period_is_the_slowest() -> None:
    plan = made_plans.scenarios()
    found = hardest(plan.promises, "P1")
    assert len(found) == 2
    for one in found:
        assert one.predicted == max(other.predicted for other in plan.promises if other.metric == one.metric)


def test_spares_of_a_constant_number_are_written() -> None:
    """The quickstart keeps one spare in each pool; where none is kept nothing is written, as before."""
    assert [(load.replicas, load.spares) for pool in made_plans.quickstart().pools for load in pool.loads] == [(2, 1)]
    assert '"spares": 1' in dumps(made_plans.quickstart())
    assert '"spares": 0' not in dumps(made_plans.levers())
