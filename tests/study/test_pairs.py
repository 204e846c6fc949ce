"""Two numbers changed at once: each by at most half of what it takes alone, no less would do, and every change offered solves.

The model of 24B asks for 26 ms a token on two `mid` ($2.20/h). Faster ones cost more: one `max` takes 11.5 ms for $3/h,
and four keep the 7 ms promised for $11/h. The budget is $2.30/h.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.errors import Infeasible
from planner.pipeline import quietly
from planner.study.knobs import Knob, knobs
from planner.study.pairs import MOST, Turned
from planner.study.probe import Probe
from planner.study.relax import Advice, study
from planner.study.search import Relaxer

Studied = tuple[LoadedProblem, Advice]


def plan_of(loaded: LoadedProblem, problem: Problem) -> Plan | None:
    """Return the plan of a changed problem, at whatever gap."""
    loose = problem.solver.model_copy(update={"gap": 0.5})
    try:
        return quietly(replace(loaded, problem=problem.model_copy(update={"solver": loose})))
    except Infeasible:
        return None


def figures(advice: Advice) -> list[dict[str, float]]:
    """Return what each change sets which number to."""
    found = [{step.words.partition(" from ")[0]: step.value for step in one.steps} for one in advice.found]
    return [{name: value for name, value in one.items() if value is not None} for one in found]


def the(loaded: LoadedProblem, words: str) -> Knob:
    return next(knob for knob in knobs(loaded.problem) if f"{knob.verb} {knob.name}" == words)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    facts = tiny.catalog()
    del facts["models"]["org/small"], facts["apis"]
    fast = [{"metric": "tpot", "percentile": 95, "target": "7ms"}]
    problem = tiny.problem(tiny.workload(rate="1 req/s", objectives=fast), limits={"budget": "$2.3/h"})
    loaded = tiny.load(tmp_path_factory.mktemp("pairs"), problem, facts)
    return loaded, study(loaded, (), quietly, progress=lambda _: None)


def test_single_changes_come_first_then_pairs_of_smaller_ones(studied: Studied) -> None:
    assert studied[1].relaxations == (
        "raise chat TPOT p95 from 7 ms to 26 ms: feasible at $2.20/h with 2 × mid",
        "raise the budget from $2.30/h to $11.00/h: feasible at $11.00/h with 4 × max",
        "raise chat TPOT p95 from 7 ms to 11.5 ms and raise the budget from $2.30/h to $3.00/h: feasible at $3.00/h with 1 × max",
    )


def test_every_change_offered_solves(studied: Studied) -> None:
    loaded, advice = studied
    for one in advice.found:
        plan = plan_of(loaded, one.apply(loaded.problem))
        assert plan is not None
        assert one.plan.cost.total <= plan.cost.total * (1 + 1e-9)


def test_each_of_a_pair_asks_for_at_most_half_of_what_it_takes_alone(studied: Studied) -> None:
    loaded, advice = studied
    alone = {name: value for one in figures(advice) if len(one) == 1 for name, value in one.items()}
    together = [one for one in figures(advice) if len(one) == 2]
    assert 0 < len(together) <= MOST
    for name, value in ((name, value) for one in together for name, value in one.items()):
        start = the(loaded, name).value
        assert 0 < abs(value - start) <= 0.5 * abs(alone[name] - start) * (1 + 1e-9)


def test_no_less_of_either_would_do(studied: Studied) -> None:
    """With the other number as it is in the pair, the rung before has no plan."""
    loaded, advice = studied
    for one in (one for one in figures(advice) if len(one) == 2):
        for name, value in one.items():
            ((other, kept),) = [(n, v) for n, v in one.items() if n != name]
            knob = the(loaded, name)
            at = knob.rungs.index(value)
            fixed = the(loaded, other).set(loaded.problem, kept)
            assert plan_of(loaded, knob.set(fixed, (knob.value, *knob.rungs)[at])) is None


def test_a_step_of_one_rung_cannot_be_halved(studied: Studied) -> None:
    budget = the(studied[0], "raise the budget")
    assert Turned(budget, budget.rungs[0], (0.0, 0.0)).rung(4) == -1
    assert Turned(budget, budget.rungs[9], (0.0, 0.0)).rung(8) == 9


def test_pairs_not_tried_in_time_are_told(studied: Studied) -> None:
    """The clock stops after the single changes: what was found stays, and what was left out is said."""
    loaded, _ = studied
    probe = Probe(loaded, quietly, float("inf"))
    search = Relaxer(probe, lambda _: None, ())
    probe.deadline = -1.0
    search.turned = [
        Turned(the(loaded, name), value, (1.0, 1.0))
        for name, value in (("raise the budget", 11.0), ("raise chat TPOT p95", 0.026))
    ]
    assert search.pairs() == []
    assert search.untried == ["two numbers at once"]
