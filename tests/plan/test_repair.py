"""Plans whose pools cannot carry their mix: found, measured, and repaired around what they are."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.candidates.pools import join
from planner.catalog.problem import LoadedProblem
from planner.pipeline import candidates, made_plan, solve_fully
from planner.plan.repair import Raised, mend
from planner.plan.solved import Solved, open_pools
from planner.plan.strain import missing
from planner.plan.verify import verify

BELIEVED = 0.8
"""Share of the true demand that a deceived optimizer sees."""


def both(rate: str = "13 req/s") -> dict[str, Any]:
    """Two chats of the same lengths and other targets, whose levels are therefore exact, on machines of two kinds."""
    hasty = [{"metric": "ttft", "percentile": 95, "target": "1200ms"}, {"metric": "tpot", "percentile": 95, "target": "50ms"}]
    allowed = {"instances": {"allow": ["shop/mini-1", "mart/max-1"]}, "offers": {"allow": ["on_demand"]}}
    return tiny.problem(tiny.workload(rate=rate), tiny.workload("hasty", "5 req/s", objectives=hasty), choose=allowed)


def solved(loaded: LoadedProblem, raised: Raised | None = None) -> Solved:
    search, apis = candidates(loaded, lambda _: None)
    pools = join([], len(search.streams))
    return solve_fully(search, pools, apis, raised or {}, time.monotonic() + 20, lambda _: None)


def deceived(loaded: LoadedProblem) -> Solved:
    """What an optimizer finds that takes every demand for less than it is."""
    honest = solved(loaded)
    every = zip(honest.pools.row.tolist(), honest.pools.anchor.tolist(), strict=True)
    return solved(loaded, dict.fromkeys(every, BELIEVED))


def carrying(found: Solved, share: float) -> Solved:
    """The same plan with some share of its calls."""
    return replace(found, outcome=replace(found.outcome, flow=found.outcome.flow * share))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedProblem:
    return tiny.load(tmp_path_factory.mktemp("both"), both())


@pytest.fixture(scope="module")
def overloaded(loaded: LoadedProblem) -> Solved:
    return deceived(loaded)


def test_a_plan_by_true_demand_misses_nothing(loaded: LoadedProblem) -> None:
    assert missing(solved(loaded)) == {}


def test_what_a_pool_can_carry_is_measured(overloaded: Solved) -> None:
    """A pool keeps its promises at the share of its load that the factor speaks of, and not above."""
    short = missing(overloaded)
    assert short
    demand = overloaded.assembled.program.pools.demand
    for column, factor in short.items():
        flow, count = overloaded.outcome.flow[:, column, 0], overloaded.outcome.replicas[column, 0]
        used = flow > 0
        load = float((demand[:, used, column] @ flow[used]).max()) / count
        share = 1.0 / (factor * load)
        assert share < 1.0
        assert column not in missing(carrying(overloaded, share * 0.999))
        assert column in missing(carrying(overloaded, share * 1.001))


def test_the_repaired_plan_passes_the_check_and_the_broken_one_does_not(loaded: LoadedProblem, overloaded: Solved) -> None:
    assert verify(made_plan(loaded, overloaded), loaded)
    made = mend(overloaded, {}, deadline=time.monotonic() + 20, progress=lambda _: None)
    assert made.repairs > 0
    assert made.solved is not None
    assert verify(made_plan(loaded, made.solved), loaded) == []


def test_a_repair_costs_no_more_than_the_best_plan(loaded: LoadedProblem, overloaded: Solved) -> None:
    """The tiny catalog's pools are all near: the repair finds what an honest solve finds, up to its margin."""
    made = mend(overloaded, {}, deadline=time.monotonic() + 20, progress=lambda _: None)
    assert made.solved is not None
    assert made.solved.outcome.objective == pytest.approx(solved(loaded).outcome.objective)


def test_only_pools_that_miss_are_raised(overloaded: Solved) -> None:
    raised: Raised = {}
    mend(overloaded, raised, deadline=0.0, progress=lambda _: None)
    opened = {int(overloaded.pools.row[overloaded.assembled.pool[columns[0]]]) for columns in open_pools(overloaded)}
    assert raised
    assert {row for row, _ in raised} <= opened
    assert min(raised.values()) > 1.0


def test_a_plan_that_holds_is_left_alone(loaded: LoadedProblem) -> None:
    found = solved(loaded)
    made = mend(found, {}, deadline=time.monotonic() + 20, progress=lambda _: None)
    assert made.repairs == 0
    assert made.solved is not None
    assert made.solved.outcome.objective == found.outcome.objective
    assert made.solved.outcome.termination == found.outcome.termination


def test_a_repair_beyond_every_limit_is_none(tmp_path: Path) -> None:
    """One machine is to be had; what a deceived optimizer puts on it does not fit, and nothing can be added."""
    alone = tiny.problem(
        tiny.workload(rate="9 req/s"),
        choose={"instances": {"allow": ["shop/mini-1"]}, "offers": {"allow": ["on_demand"]}},
        limits={"max_gpus": 2},
    )
    found = deceived(tiny.load(tmp_path, alone))
    limits = tuple(replace(limit, gpus=1.0) for limit in found.assembled.program.gpu_limits)
    assert missing(found)
    assembled = replace(found.assembled, program=replace(found.assembled.program, gpu_limits=limits))
    made = mend(replace(found, assembled=assembled), {}, deadline=time.monotonic() + 20, progress=lambda _: None)
    assert made.solved is None
