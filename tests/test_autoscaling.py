"""Following demand at a cost, from the problem file to the report: day and night beside sums done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

DAY = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]
TEN = {"cycle": "24h", "machine": "8min", "image": "0s", "init": "2min", "store_bandwidth": "1e6GB/s", "scale_in_delay": "5min"}
"""A replica answers after ten minutes, all but, and stays five."""

Case = tuple[Plan, LoadedProblem]


def case(folder: Path, autoscaling: dict[str, Any] | None, **fields: Any) -> Case:
    """One kind of machine at $1 an hour; 60 calls/s by day, 20 by night."""
    facts = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y="$0.6/h")
    facts["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    facts["accelerators"]["mini"]["pcie_bandwidth"] = "1e6GB/s"
    rate = fields.pop("rate", {"day": "60 req/s", "night": "20 req/s"})
    given = {"periods": DAY, "choose": {"offers": {"allow": ["on_demand"]}}, **fields}
    operations = {"operations": {"autoscaling": autoscaling}} if autoscaling is not None else {}
    loaded = tiny.load(folder, tiny.problem(tiny.workload(rate=rate), **given, **operations), facts)
    return plan_as_stated(loaded, lambda _: None), loaded


def counts(plan: Plan) -> dict[str, int]:
    (pool,) = plan.pools
    return {load.period: load.replicas for load in pool.loads}


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case(tmp_path_factory.mktemp("free"), None)


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case(tmp_path_factory.mktemp("scheduled"), TEN)


def test_the_ramp_by_hand(free: Case, scheduled: Case) -> None:
    """Once a day the replicas that the day needs more start ten minutes ahead and stay five: a quarter of an hour each, at $1."""
    before, (made, loaded) = free[0], scheduled
    assert counts(made) == counts(before)
    more = counts(made)["day"] - counts(made)["night"]
    assert more > 1
    assert made.cost.ramps == pytest.approx(more * 0.25 / 24, rel=1e-3)
    assert made.cost.total == pytest.approx(before.cost.total + made.cost.ramps)
    assert made.proof.objective == pytest.approx(made.cost.total)
    assert made.proof.bound == pytest.approx(made.cost.total, rel=1e-6)
    assert verify(made, loaded) == []
    assert made.scaling is not None
    (how,) = made.scaling.pools
    assert (how.starts, how.paid, how.hourly) == pytest.approx((more, 0.25, 1.0), rel=1e-3)
    assert how.warm == {"day": 0, "night": 0}


def test_the_statement_and_the_splits_hold_the_ramp(scheduled: Case) -> None:
    made, _ = scheduled
    assert made.cost.statement is not None
    lines = {line.item: line.hourly for line in made.cost.statement.lines}
    assert lines["cost of the ramp"] == pytest.approx(made.cost.ramps)
    assert sum(lines.values()) == pytest.approx(made.cost.total)
    assert sum(row.hourly for row in made.cost.by_workload) == pytest.approx(made.cost.total)
    assert sum(row.hourly for row in made.cost.by_pool) == pytest.approx(made.cost.machines + made.cost.ramps)


def test_following_counts_its_ramp_beside_static_sizing(free: Case, scheduled: Case) -> None:
    """Held hours grow by a quarter of an hour a start; machines held all the time start nothing."""
    assert free[0].sizing is not None
    assert scheduled[0].sizing is not None
    more = counts(scheduled[0])["day"] - counts(scheduled[0])["night"]
    assert scheduled[0].sizing.gpu_hours == pytest.approx(free[0].sizing.gpu_hours + more * 0.25, rel=1e-3)
    assert scheduled[0].sizing.static_cost == free[0].sizing.static_cost
    assert scheduled[0].sizing.floor_gpu_hours == free[0].sizing.floor_gpu_hours


def test_reports_show_it_and_a_plan_reads_back(free: Case, scheduled: Case) -> None:
    made, _ = scheduled
    assert loads(dumps(made)).scaling is not None
    page = render(made)
    assert "## Following demand" in page
    assert "a new replica answers after 10 min (machine 8 min" in page
    assert "cost of the ramp" in page
    plain = dumps(free[0])
    assert "scaling" not in plain
    assert "ramps" not in plain
    assert "Following demand" not in render(free[0])


def test_starts_that_cost_more_than_the_night_are_not_made(tmp_path: Path, free: Case) -> None:
    """A start of more than fourteen hours: sized for the peak all the time, at what static sizing costs."""
    made, loaded = case(tmp_path, {**TEN, "machine": "15h"})
    assert len(set(counts(made).values())) == 1
    assert made.cost.ramps == 0
    assert free[0].sizing is not None
    assert made.cost.total == pytest.approx(free[0].sizing.static_cost)
    assert made.scaling is not None
    assert made.scaling.pools[0].warm["night"] == counts(free[0])["day"] - counts(free[0])["night"]
    assert verify(made, loaded) == []


def test_reserved_machines_keep_their_replicas(tmp_path: Path) -> None:
    """Reserved at 0.3 of the rented price for 10 of 24 hours: all are reserved, are paid by night too, and start once."""
    made, loaded = case(tmp_path, {**TEN, "machine": "3h"}, choose={"offers": {"allow": ["on_demand", "reserved_1y"]}})
    assert made.cost.total <= 0.6 * counts(made)["day"] + 1e-9
    assert verify(made, loaded) == []


def test_reactive_scaling_keeps_what_the_morning_needs(tmp_path: Path, free: Case) -> None:
    """(30 s + 10 min)/1 h = 17.5 % of the growth comes before new replicas answer; only the five minutes after are paid."""
    made, loaded = case(tmp_path, {**TEN, "scaling": "reactive"})
    night, day = counts(made)["night"], counts(made)["day"]
    least = counts(free[0])["night"]
    assert night > least
    assert made.scaling is not None
    assert made.scaling.pools[0].warm == {"day": 0, "night": night - least}
    assert made.cost.ramps == pytest.approx((day - night) * (5 / 60) / 24, rel=1e-3)
    assert made.proof.gap <= 1e-6
    assert verify(made, loaded) == []


def test_where_nobody_calls_by_night_someone_is_there_in_the_morning(tmp_path: Path) -> None:
    made, loaded = case(tmp_path, {**TEN, "scaling": "reactive"}, rate={"day": "60 req/s", "night": "0 req/s"})
    assert 0 < counts(made)["night"] < counts(made)["day"]
    assert verify(made, loaded) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("starts", 99.0, "starts 99 stated"),
        ("paid", 1.0, "hours paid for a start 1 stated"),
        ("cost", 0.5, "cost of the ramp 0.5 stated"),
        ("hourly", 0.5, "for a replica started is no price of the machines there"),
        ("cold_start", {"weights": 7.0}, "cold start, weights 7 s stated"),
    ],
)
def test_a_wrong_figure_is_found(scheduled: Case, field: str, value: Any, said: str) -> None:
    made, loaded = scheduled
    assert made.scaling is not None
    (how,) = made.scaling.pools
    given = how.cold_start.model_copy(update=value) if isinstance(value, dict) else value
    wrong = made.scaling.model_copy(update={"pools": (how.model_copy(update={field: given}),)})
    assert any(said in failure for failure in verify(made.model_copy(update={"scaling": wrong}), loaded))


def test_a_plan_that_leaves_the_ramp_out_is_found(scheduled: Case, free: Case) -> None:
    made, loaded = scheduled
    assert any("says nothing of it" in failure for failure in verify(made.model_copy(update={"scaling": None}), loaded))
    cheap = made.model_copy(update={"cost": made.cost.model_copy(update={"ramps": 0.0})})
    assert any("cost.ramps" in failure for failure in verify(cheap, loaded))
    assert any("speaks of it" in failure for failure in verify(free[0].model_copy(update={"scaling": made.scaling}), free[1]))


def test_too_few_replicas_for_the_morning_are_found(tmp_path: Path, free: Case) -> None:
    made, loaded = case(tmp_path, {**TEN, "scaling": "reactive"})
    (pool,) = made.pools
    few = tuple(
        load.model_copy(update={"replicas": counts(free[0])["night"]}) if load.period == "night" else load for load in pool.loads
    )
    wrong = made.model_copy(update={"pools": (pool.model_copy(update={"loads": few}),)})
    assert any("from night to day" in failure for failure in verify(wrong, loaded))


def test_a_horizon_counts_its_own_changes(tmp_path: Path) -> None:
    """February 2027: twenty mornings, and payments that hold the ramp."""
    horizon = {"start": "2027-02", "months": 1, "step": "month", "typical_hours": 2}
    facts = tiny.catalog()
    chat = tiny.workload(demand={"rate": "20 req/s", "shape": "office_hours"})
    fields = {"horizon": horizon, "operations": {"autoscaling": {k: v for k, v in TEN.items() if k != "cycle"}}}
    loaded = tiny.load(tmp_path, tiny.problem(chat, **fields), facts)
    made = plan_as_stated(loaded, lambda _: None)
    assert verify(made, loaded) == []
    assert made.scaling is not None
    assert made.scaling.changes == 40
    assert made.cash is not None
    assert made.cash.total == pytest.approx(made.cost.total * 672)
