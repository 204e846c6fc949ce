"""Ways put aside: the bound speaks of them, and those it hangs on are compared after all."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from planner.candidates import ways
from planner.candidates.alike import flows_of
from planner.candidates.aside import widened
from planner.catalog.problem import LoadedProblem
from planner.demand.ways import Aside
from planner.domain.plan import Plan
from planner.pipeline import first_answer, plan_as_stated, searched
from planner.plan.reach import reach
from planner.plan.solved import Solved


def quiet(_: str) -> None:
    """Say nothing."""


def lever(name: str, *effects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "other", "options": [{"name": "on", "effects": list(effects), **more}], **tiny.READ}


def span(value: float) -> dict[str, float]:
    return {"low": value, "high": value}


OFFERS = [
    lever("short", {"input_tokens": span(0.8)}, hourly="$1/h"),
    lever("brief", {"output_tokens": span(0.7)}, hourly="$2/h"),
    lever("rare", {"calls": span(0.9)}, hourly="$0.1/h"),
    lever("wasteful", {"input_tokens": span(1.5)}, hourly="$3/h"),
]


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedProblem:
    """Two workloads, sixteen ways each."""
    chat = tiny.workload(rate="60 req/s", levers=OFFERS)
    code = tiny.workload("code", "20 req/s", levers=OFFERS, quality=[{"benchmark": "exam", "at_least": 60}])
    return tiny.load(tmp_path, tiny.problem(chat, code, solver={"gap": "0.5%"}))


def comparing(loaded: LoadedProblem, *compared: int, regret: float = 1.0) -> tuple[Solved, Aside]:
    """Solve with some ways compared, the others put aside."""
    flows = flows_of(loaded.problem, loaded.base, loaded.catalog)
    aside = Aside(flows, compared, np.full(len(flows.ways), regret))
    return first_answer(*searched(loaded, aside, quiet), time.monotonic() + 60.0, quiet), aside


def bare(loaded: LoadedProblem) -> tuple[int, ...]:
    """Return the ways without levers."""
    flows = flows_of(loaded.problem, loaded.base, loaded.catalog)
    return tuple(w for w, way in enumerate(flows.ways) if not way.settings)


def test_what_a_stream_put_aside_takes_of_a_pool_is_what_it_takes_when_compared(loaded: LoadedProblem) -> None:
    flows = flows_of(loaded.problem, loaded.base, loaded.catalog)
    whole, _ = comparing(loaded, *range(len(flows.ways)))
    few, aside = comparing(loaded, *bare(loaded))
    wide = widened(few.search, few.pools, aside)
    assert len(wide.search.streams) == len(flows.streams) > len(few.search.streams)

    def demands(solved: Solved, search: Any, pools: Any) -> dict[Any, Any]:
        """What each stream takes of each pool of each deployment and level."""
        return {
            (solved.search.space.describe(int(pools.row[k])), anchor.fewest, search.streams[anchor.stream].name, stream.name): (
                pools.demand[:, r, k]
            )
            for k in range(len(pools.row))
            for anchor in [search.anchors[pools.anchor[k]]]
            for r, stream in enumerate(search.streams)
            if np.isfinite(pools.demand[:, r, k]).all()
        }

    ours, theirs = demands(few, wide.search, wide.pools), demands(whole, whole.search, whole.pools)
    both = ours.keys() & theirs.keys()
    fresh = {stream.name for stream in wide.search.streams} - {stream.name for stream in few.search.streams}
    assert sum(key[3] in fresh for key in both) > 100
    for key in both:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-9)


def test_no_plan_in_any_way_is_below_the_bound(loaded: LoadedProblem) -> None:
    """With only the ways without levers compared, the bound over all is below what the best of all costs."""
    best = plan_as_stated(loaded, quiet)
    solved, aside = comparing(loaded, *bare(loaded))
    seen = reach(solved, aside, quiet, deadline=time.monotonic() + 60.0)
    assert seen.covered.left_out == 0
    assert seen.covered.priced == len(aside.flows.ways) - len(bare(loaded))
    assert seen.bound <= best.cost.total * (1 + 1e-9) < solved.outcome.objective
    assert seen.bound > 0.8 * best.cost.total
    assert {dict(aside.flows.ways[w].settings).keys() >= {"rare"} for w in seen.wanted} == {True}


def test_ways_that_cannot_be_served_are_told_apart(loaded: LoadedProblem) -> None:
    """What nothing tried serves by the estimate is not priced, and has no loss; the ways compared are not counted."""
    solved, aside = comparing(loaded, *bare(loaded))
    lost = aside.ways[:5]
    regret = aside.regret.copy()
    regret[list(lost)] = np.inf
    seen = reach(solved, replace(aside, regret=regret), quiet, deadline=time.monotonic() + 60.0)
    assert (seen.covered.priced, seen.covered.left_out, seen.covered.loss) == (len(aside.ways) - 5, 5, np.inf)


def test_a_stream_that_no_level_serves_gets_one_of_its_own(tmp_path: Path) -> None:
    """Prompts a twentieth as long, promised a hundredth of the time: the level of the long ones keeps no such promise."""
    hasty = lever("hasty", {"input_tokens": span(0.05)})
    slow = [{"metric": "ttft", "percentile": 95, "target": "20s"}]
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="60 req/s", levers=[hasty], objectives=slow)))
    solved, aside = comparing(loaded, *bare(loaded))
    (stream,) = (s for s in aside.flows.streams if s.name not in {one.name for one in solved.search.streams})
    sooner = tuple(one.model_copy(update={"target": 0.2}) for one in stream.objectives)
    streams = tuple(replace(s, objectives=sooner) if s is stream else s for s in aside.flows.streams)
    aside = replace(aside, flows=replace(aside.flows, streams=streams))
    wide = widened(solved.search, solved.pools, aside)
    own = [k for k in range(len(wide.pools.row)) if wide.search.anchors[wide.pools.anchor[k]].stream == 1]
    assert own
    assert np.isfinite(wide.pools.demand[:, 1, own]).all()
    assert not np.isfinite(wide.pools.demand[:, 1, : len(solved.pools.row)]).any()


def narrowed(loaded: LoadedProblem, monkeypatch: pytest.MonkeyPatch, order: int) -> Plan:
    """Plan with few ways compared: those that an estimate prefers, or (−1) likes least."""
    monkeypatch.setattr(ways, "MOST_PAIRS", 8)
    judged = ways.screened

    def screened(*asked: Any) -> ways.Screening:
        found = judged(*asked)
        return found if order > 0 else replace(found, regret=found.regret.max() - found.regret)

    monkeypatch.setattr(ways, "screened", screened)
    return plan_as_stated(loaded, quiet)


@pytest.mark.parametrize("order", [1, -1])
def test_a_wrong_estimate_costs_nothing_but_time(loaded: LoadedProblem, monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    """The plan is proven over all ways, whether those compared first are the likeliest or the least likely."""
    whole = plan_as_stated(loaded, quiet)
    plan = narrowed(loaded, monkeypatch, order)
    proof = plan.proof
    assert proof.ways + proof.ways_priced + proof.ways_left_out == whole.proof.ways
    assert proof.ways_priced > 0
    assert proof.ways_loss is None
    assert proof.termination == "optimal"
    assert plan.cost.total <= whole.cost.total * 1.005
    assert proof.bound <= whole.cost.total * (1 + 1e-9)
