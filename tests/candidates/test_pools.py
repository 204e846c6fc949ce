"""Levels keep what their anchor is promised; looser streams may join a pool, tighter ones may not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import tiny

from planner.candidates.build import Search
from planner.candidates.pools import SOFT_STRETCH, TIERS, Pools, anchors_of, join, most_missed
from planner.perf import level as levels
from planner.perf.limits import Target
from planner.perf.misses import Climb
from planner.perf.tails import Latencies, Moments

Begin = Callable[..., Search]


def tpot(target: str, **more: Any) -> dict[str, Any]:
    return {"objectives": [{"metric": "tpot", "percentile": 95, "target": target, **more}]}


def evaluated(search: Search) -> Pools:
    search.extend(np.inf)
    return search.evaluate(np.arange(len(search.space)))


def test_a_level_keeps_its_anchors_promises(whole: Search) -> None:
    pools = whole.evaluate(np.arange(len(whole.space)))
    for index, anchor in enumerate(whole.anchors):
        mine = pools.take(np.flatnonzero(pools.anchor == index))
        made = whole.evaluator.compile(mine.row, [anchor.stream], anchor.fewest)
        _, seen = levels.demands(made.step, mine.level, made.traffic[0], made.replica)
        assert len(mine.row) or anchor.fewest > 1  # a tier is offered where a pool could have that many replicas
        for target in anchor.targets:
            assert np.all(seen.percentile(target.metric, target.percentile) <= target.seconds * (1 + 1e-6))
        assert np.all(np.isfinite(mine.demand[:, anchor.stream]))


def test_looser_streams_join_tighter_ones_do_not(begin: Begin) -> None:
    """Same calls; the loose stream's pools run at 80 ms a token, which 25 ms does not allow."""
    search = begin(tiny.workload("tight", **tpot("25ms")), tiny.workload("loose", **tpot("80ms")))
    pools = evaluated(search)
    tight, loose = (pools.take(np.flatnonzero(pools.anchor == anchor)) for anchor in (0, 1))
    assert np.isfinite(tight.demand[:, 1]).all()
    assert not np.isfinite(loose.demand[:, 0]).all()
    slow = loose.level.state.iteration > 0.025
    assert slow.any()
    assert np.isinf(loose.demand[:, 0, slow]).all()


def test_streams_that_may_not_use_a_deployment_stay_out(whole: Search) -> None:
    pools = whole.evaluate(np.arange(len(whole.space)))
    assert np.isinf(pools.demand[:, ~whole.eligible[:, pools.row]]).all()


def test_soft_promises_have_several_levels(begin: Begin) -> None:
    search = begin(tiny.workload(), tiny.workload("soft", **tpot("30ms", price_per_miss="$0.001")))
    every = anchors_of(search.evaluator)
    anchors = [anchor for anchor in every if anchor.fewest == 1]
    assert {(a.stream, a.targets) for a in every if a.fewest > 1} == {(a.stream, a.targets) for a in anchors}
    assert [anchor.stream for anchor in anchors] == [0, *[1] * len(SOFT_STRETCH)]
    assert [anchor.targets[0].seconds for anchor in anchors[1:-1]] == pytest.approx([0.03 * f for f in SOFT_STRETCH[:-1]])
    assert anchors[-1].targets == ()
    pools = evaluated(search)
    assert np.all(pools.call_cost[0] == 0.0)
    assert np.all((pools.call_cost[1] >= 0.0) & (pools.call_cost[1] <= 0.001 * (1 + 1e-9)))
    kept = pools.call_cost[1, pools.anchor == 1]
    assert np.all(kept <= 0.05 * 0.001 * (1 + 1e-3))  # at most 5 % miss a target kept at the 95th percentile


@pytest.mark.parametrize(
    ("wait", "jitter", "metric", "everyone"),
    [
        (1.0, 1.0, "ttft", False),
        (np.inf, 1.0, "ttft", True),
        (1.0, np.inf, "tpot", True),
        (np.inf, 1.0, "tpot", False),
        (1.0, np.inf, "e2e", True),
    ],
)
def test_what_a_level_leaves_open_is_missed(wait: float, jitter: float, metric: str, everyone: bool) -> None:
    corner = cast("levels.Level", SimpleNamespace(wait=np.array([wait]), jitter=np.array([jitter])))
    tail = Moments(np.array([0.4]), np.array([0.01]), np.array([1.0]))
    seen = Latencies(tail, tail, tail)
    climb = Climb(tail, *np.zeros((4, 1)))
    found = most_missed(corner, seen, climb, Target(cast("Any", metric), 95.0, 0.5)).tolist()
    assert found == ([1.0] if everyone else seen.miss(metric, 0.5).tolist())


def test_a_movable_stream_promises_nothing(begin: Begin) -> None:
    """Work with all the cycle's time has no latency target: its levels are bound by memory, slots and utilization alone."""
    search = begin(tiny.workload("batch", objectives=[], deadline="1000h"))
    anchor, *tiers = search.anchors
    assert [(tier.stream, tier.targets, tier.fewest) for tier in tiers] == [(0, (), count) for count in TIERS]
    assert search.streams[0].movable
    assert anchor.targets == ()
    pools = evaluated(search)
    assert np.isinf(pools.level.wait).all()
    assert np.isfinite(pools.demand).all()


def test_joining_and_taking(whole: Search) -> None:
    pools = whole.evaluate(np.arange(len(whole.space)))
    cut = len(pools.row) // 2
    halves = [pools.take(np.arange(cut)), pools.take(np.arange(cut, len(pools.row)))]
    again = join(halves, len(whole.streams))
    assert np.array_equal(again.row, pools.row)
    assert np.array_equal(again.demand, pools.demand)
    assert np.array_equal(again.level.wait, pools.level.wait)
    assert join([], 3).demand.shape == (len(levels.RESOURCES), 3, 0)
