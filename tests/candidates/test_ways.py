"""Screening of ways and merging of streams that no floor tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from planner.candidates import ways
from planner.candidates.alike import flows_of
from planner.catalog.problem import LoadedProblem
from planner.demand.stream import Stream
from planner.demand.streams import build_flows
from planner.demand.ways import Flows, together
from planner.pipeline import plan_as_stated
from planner.supply.build import build_supply
from planner.supply.cells import Supply


def lever(name: str, **effect: Any) -> dict[str, Any]:
    return {"name": name, "kind": "other", "options": [{"name": "on", "effects": [effect]}], **tiny.READ}


def span(low: float, high: float | None = None) -> dict[str, float]:
    return {"low": low, "high": low if high is None else high}


def shorter(name: str, tokens: float, quality: float) -> dict[str, Any]:
    return lever(name, input_tokens=span(tokens), quality=span(quality, 1.0))


def loaded_with(folder: Path, *levers: dict[str, Any], floor: float = 40.0, rate: str = "40 req/s") -> LoadedProblem:
    quality = [{"benchmark": "exam", "at_least": floor, "unknown_recovery": 0.9}]
    return tiny.load(folder, tiny.problem(tiny.workload(rate=rate, levers=list(levers), quality=quality)))


def screened(loaded: LoadedProblem, flows: Flows) -> ways.Screening:
    def supply_of(streams: Sequence[Stream]) -> Supply:
        return build_supply(loaded.problem, loaded.catalog, streams)

    return ways.screened(flows, loaded.catalog, loaded.problem, supply_of)


def test_floors_between_two_scores_are_one(tmp_path: Path) -> None:
    """Raised from 40 to 40.4 and 41.2 the floor still lets scores 47.5, 50 and 80 through and nothing else."""
    loaded = loaded_with(tmp_path, lever("a", quality=span(0.99, 1.0), calls=span(1)), lever("b", quality=span(0.97, 1.0)))
    assert len(build_flows(loaded.problem, loaded.base).streams) == 4
    merged = flows_of(loaded.problem, loaded.base, loaded.catalog)
    assert len(merged.streams) == 1
    assert [way.settings for way in merged.ways] == [()]  # what gains nothing is not pulled


def test_floors_that_tell_models_apart_stay_apart(tmp_path: Path) -> None:
    """49/0.97 is above the small model's 50 in bf16, so the lever leaves the large model alone."""
    loaded = loaded_with(tmp_path, shorter("a", 0.9, 0.97), floor=49.0)
    merged = flows_of(loaded.problem, loaded.base, loaded.catalog)
    assert len(merged.streams) == len(merged.ways) == 2


def test_ways_are_ranked_as_the_plans_with_each_alone_are(tmp_path: Path) -> None:
    """At 400 calls/s whole replicas hardly count: the estimates' order and distances are those of real plans."""
    offers = [shorter("a", 0.7, 1.0), lever("b", output_tokens=span(0.8))]
    loaded = loaded_with(tmp_path, *offers, rate="400 req/s")
    flows = build_flows(loaded.problem, loaded.base)
    found = screened(loaded, flows)
    costs = []
    for way in flows.ways:
        names = {name for name, _ in way.settings}
        forced = [
            {**offer, "options": [{"name": "on", "effects": [{**offer["options"][0]["effects"][0]}]}]}
            for offer in offers
            if offer["name"] in names
        ]
        alone = loaded_with(tmp_path / str(len(costs)), *forced, rate="400 req/s")
        costs.append(plan_as_stated(alone, lambda _: None).cost.total)
    assert np.argmin(found.estimate) == np.argmin(costs)
    np.testing.assert_allclose(found.estimate, costs, rtol=0.12)


def test_a_way_no_deployment_serves_has_no_estimate(tmp_path: Path) -> None:
    loaded = loaded_with(tmp_path, shorter("a", 0.5, 0.3), floor=40.0)
    flows = build_flows(loaded.problem, loaded.base)
    found = screened(loaded, flows)
    assert np.isfinite(found.estimate).tolist() == [True, False]
    assert ways.chosen(flows, found) == [0]


def test_streams_of_one_workload_share_only_what_one_way_uses(tmp_path: Path) -> None:
    two = tiny.workload("other", levers=[shorter("a", 0.5, 1.0)])
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(levers=[shorter("a", 0.5, 1.0)]), two))
    flows = build_flows(loaded.problem, loaded.base)
    may = together(flows.streams, flows.ways)
    assert [stream.name for stream in flows.streams] == ["chat", "chat~on", "other", "other~on"]
    assert may.tolist() == [
        [True, False, True, True],
        [False, True, True, True],
        [True, True, True, False],
        [True, True, False, True],
    ]


def test_where_streams_are_many_the_cheapest_ways_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [shorter(f"l{i}", 0.95 - 0.05 * i, 1.0) for i in range(4)]
    loaded = loaded_with(tmp_path, *offers, rate="400 req/s")
    whole = plan_as_stated(loaded, lambda _: None)
    monkeypatch.setattr(ways, "MOST_PAIRS", 2)
    narrowed = plan_as_stated(loaded, lambda _: None)
    assert (whole.proof.ways, whole.proof.ways_left_out) == (16, 0)
    assert narrowed.proof.ways + narrowed.proof.ways_priced == 16
    assert narrowed.proof.ways < 16
    assert narrowed.ways[0].settings.keys() >= whole.ways[0].settings.keys() >= {"l1", "l2", "l3"}
    assert narrowed.cost.total == pytest.approx(whole.cost.total)


def test_the_way_without_levers_is_always_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However well estimates speak of levers, a plan that pulls none stays possible: they may be wrong."""
    offers = [shorter(f"l{i}", 0.9 - 0.1 * i, 1.0) for i in range(4)]
    flows = build_flows(loaded_with(tmp_path, *offers).problem, tmp_path)
    monkeypatch.setattr(ways, "MOST_PAIRS", 4)
    pulled = np.array([float(len(way.settings)) for way in flows.ways])
    for regret, is_kept in ((4.0 - pulled, True), (np.where(pulled > 0, 4.0 - pulled, np.inf), False)):
        kept = ways.chosen(flows, ways.Screening(regret, regret, least=100.0))
        assert int(np.argmin(regret)) in kept
        assert (0 in kept) == is_kept
        assert flows.ways[0].settings == ()
        assert len(kept) <= 2 + len(flows.ways) // 2
