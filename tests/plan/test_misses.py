"""Plans with soft targets too tight to be kept pass their check: no load misses more than is paid for."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from planner.pipeline import quietly


@pytest.mark.parametrize(
    ("metric", "target", "rate"),
    [("ttft", "2ms", "40 req/s"), ("ttft", "2ms", "0.05 req/s"), ("tpot", "12ms", "0.05 req/s"), ("tpot", "9ms", "0.05 req/s")],
)
def test_a_target_that_is_hardly_ever_kept_is_priced_in_full(tmp_path: Path, metric: str, target: str, rate: str) -> None:
    """Each was rejected by 0.02 % to 7 % while misses were priced at the level's own spread of latencies."""
    hard = [one for one in tiny.workload()["objectives"] if one["metric"] != metric]
    soft = {"metric": metric, "percentile": 95, "target": target, "price_per_miss": "$0.001"}
    plan = quietly(tiny.load(tmp_path, tiny.problem(tiny.workload(rate=rate, objectives=[*hard, soft]))))
    calls = 3600 * float(rate.split(maxsplit=1)[0])
    assert 0.99 * calls * 0.001 < plan.cost.misses <= calls * 0.001 * (1 + 1e-9)


@pytest.mark.parametrize(("metric", "target"), [("ttft", "80ms"), ("e2e", "2s")])
def test_a_soft_median_has_a_plan(tmp_path: Path, metric: str, target: str) -> None:
    """Where half may miss, the target is below the mean: priced by the level's spread, up to four times too little was stated."""
    soft = {"metric": metric, "percentile": 50, "target": target, "price_per_miss": "$0.001"}
    plan = quietly(tiny.load(tmp_path, tiny.problem(tiny.workload(rate="40 req/s", objectives=[soft]))))
    assert 0.4 * 144.0 < plan.cost.misses < 0.7 * 144.0


def test_misses_of_a_pool_at_two_sizes_count_by_their_hours(tmp_path: Path) -> None:
    """A call misses less at nine replicas than at one, and each period pays as many misses as it has calls in its hours.

    Weighed by calls per second alone the parts of this plan added up to 6 % more than its cost.
    """
    periods = [{"name": "day", "hours": 20}, {"name": "night", "hours": 4}]
    hard = [one for one in tiny.workload()["objectives"] if one["metric"] != "ttft"]
    soft = {"metric": "ttft", "percentile": 95, "target": "250ms", "price_per_miss": "$0.001"}
    chat = tiny.workload(rate={"day": "200 req/s", "night": "20 req/s"}, objectives=[*hard, soft])
    plan = quietly(tiny.load(tmp_path, tiny.problem(chat, periods=periods)))
    assert [[load.replicas for load in pool.loads] for pool in plan.pools] == [[9, 1]]
    assert plan.cost.total == pytest.approx(plan.proof.objective)
    assert plan.cost.misses > 0
