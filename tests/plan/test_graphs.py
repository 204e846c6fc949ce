"""Paths through call graphs: hand-counted, and never more or less than all requests and all cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.ways import Item, Step, Way
from planner.domain.plan_costs import PathCost
from planner.plan.graphs import by_stage, paths


def way(*steps: Step, lever: float = 0.0) -> Way:
    """A way whose components cost $3.60/h, a dollar a thousand requests at 1/s, for each call per request."""
    items = [Item("component", step.stage, 3.6 * step.calls) for step in steps]
    items += [Item("lever", "cache", lever)] if lever else []
    rates = {name: (step.calls,) for step in steps for name in step.streams}
    return Way("desk", (), (), steps, rates, tuple(items), (1.0,))


def found(taken: Way) -> list[PathCost]:
    spent = dict.fromkeys(taken.rates, 0.0)
    stages = list(by_stage(taken, spent, 3600.0, sum(item.hourly for item in taken.items)))
    return list(paths(taken, stages))


def step(stage: str, reached: float = 1.0, answered: float = 0.0, each: float = 1.0, model: bool = False) -> Step:
    return Step(stage, reached * each, reached * each, reached, (f"desk/{stage}",) if model else (), answered)


def test_a_branch_makes_two_paths() -> None:
    one, other = found(way(step("check"), step("plan", 0.4, each=1.5, model=True), step("answer", model=True)))
    assert (one.stages, one.share, one.model_calls) == (("check", "answer"), 0.6, 1.0)
    assert (other.stages, other.share, other.model_calls) == (("check", "plan", "answer"), 0.4, pytest.approx(2.5))
    assert one.per_thousand_requests == pytest.approx(2.0)
    assert other.per_thousand_requests == pytest.approx(3.5)


def test_a_graph_without_branches_has_no_paths_to_tell() -> None:
    assert found(way(step("check"), step("answer", model=True))) == []


def test_a_cache_spares_stages_together() -> None:
    """30 % of requests are answered from it: they see the check alone, never one of the later stages without the other."""
    made = found(way(step("check"), step("plan", 0.7, 0.3), step("answer", 0.7, 0.3, model=True), lever=0.36))
    assert [(path.stages, path.share) for path in made] == [
        (("check", "plan", "answer"), pytest.approx(0.7)),
        (("check",), pytest.approx(0.3)),
    ]
    assert made[1].per_thousand_requests == pytest.approx(1.0 + 0.1)
    assert made[1].model_calls == 0.0


def test_a_cache_and_a_branch_multiply() -> None:
    shares = {path.stages: path.share for path in found(way(step("plan", 0.4 * 0.7, 0.3), step("answer", 0.7, 0.3)))}
    assert shares == {("answer",): pytest.approx(0.42), ("plan", "answer"): pytest.approx(0.28), (): pytest.approx(0.3)}


def test_graphs_of_many_branches_are_not_listed() -> None:
    assert found(way(*(step(f"s{i}", 0.5) for i in range(7)))) == []
    assert len(found(way(*(step(f"s{i}", 0.5) for i in range(6))))) == 64


@given(
    st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.5, 4.0), st.booleans()), min_size=1, max_size=4),
    st.floats(0.05, 0.9),
)
def test_paths_carry_all_requests_and_all_cost(parts: list[tuple[float, float, bool]], answered: float) -> None:
    steps = [
        step(f"s{i}", chance if still else chance * (1 - answered), 0.0 if still else answered, each)
        for i, (chance, each, still) in enumerate(parts)
    ]
    taken = way(*steps, lever=0.72)
    made = found(taken)
    if made:
        rare = 1.0 - sum(path.share for path in made)  # paths too rare to list
        dearest = 0.2 + sum(each for _, each, _ in parts)
        total = sum(path.share * path.per_thousand_requests for path in made)
        assert -1e-9 <= rare <= 32 * 1e-3
        assert taken.cost / 3.6 - rare * dearest - 1e-9 <= total <= taken.cost / 3.6 + 1e-9
