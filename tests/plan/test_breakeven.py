"""Where own machines meet an API: by hand, against a scan of volumes, and against what the solver does on either side of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.plan import Plan
from planner.domain.plan_costs import BuyOrBuild
from planner.pipeline import plan_as_stated
from planner.plan.crossing import Deployment, crossing, own_cost
from planner.plan.verify import verify

CALL = 800 * 0.3e-6 + 200 * 1.2e-6
"""$0.48 a thousand calls at the API."""
MINI, HOURS = 0.8, 730.0
ONE = {"instances": {"allow": ["shop/mini-1"]}, "offers": {"allow": ["on_demand"]}, "precisions": {"allow": ["bf16"]}}


def planned(folder: Path, rate: Any, **fields: Any) -> Plan:
    """Plan one workload that the small model may serve on one kind of machine, or one API."""
    asked = tiny.workload(demand={"rate": rate}, data={"external_api": True}, choose={"models": {"allow": ["org/small"]}})
    return plan_as_stated(tiny.load(folder, tiny.problem(asked, choose=ONE, **fields)), lambda _: None)


def row_of(plan: Plan) -> BuyOrBuild:
    (row,) = plan.buy_or_build
    return row


# One replica must be paid for: $0.80 an hour is 0.8/0.00048 = 1,667 calls an hour, 1.217 million a month. A spare doubles that.
@pytest.mark.parametrize(("spare", "machines"), [(0, 1), (1, 2)])
class TestOnePoolOneApi:
    def test_the_volume_is_the_one_worked_out_by_hand(self, tmp_path: Path, spare: int, machines: int) -> None:
        expected = machines * MINI / CALL * HOURS
        for rate in (0.01, 0.3):
            plan = planned(tmp_path / str(rate), f"{rate} req/s", operations={"spare_replicas": spare})
            found = row_of(plan).breakeven
            assert found is not None
            assert found.requests_per_month == pytest.approx(expected, rel=0.01)
            assert (found.hourly, found.machine_hourly) == pytest.approx((machines * MINI, MINI))
            assert [route.api for route in plan.apis] == ["cloud/small"]

    @pytest.mark.parametrize("share", [0.99, 1.01])
    def test_the_solver_flips_there(self, tmp_path: Path, spare: int, machines: int, share: float) -> None:
        rate = share * machines * MINI / CALL / 3600
        plan = planned(tmp_path, f"{rate} req/s", operations={"spare_replicas": spare})
        assert bool(plan.pools) == (share > 1)
        assert plan.cost.total == pytest.approx(machines * MINI * min(share, 1))
        assert row_of(plan).breakeven is not None


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_over_periods_demand_is_scaled_alike(tmp_path: Path, share: float) -> None:
    """Ten quiet hours without calls cost nothing on rented machines: half the hours at twice the rate break even together."""
    periods = [{"name": "busy", "hours": 10}, {"name": "idle", "hours": 10}]
    rate = share * MINI / CALL / 3600
    plan = planned(tmp_path, {"busy": f"{rate} req/s", "idle": "0 req/s"}, periods=periods)
    found = row_of(plan).breakeven
    assert found is not None
    assert found.requests_per_month == pytest.approx(0.5 * MINI / CALL * HOURS, rel=1e-6)
    assert bool(plan.pools) == (share > 1)


def test_own_capacity_as_planned_and_at_full_use(tmp_path: Path) -> None:
    """At 40 calls/s machines are well used; each figure from the plan's own numbers."""
    plan = planned(tmp_path, "40 req/s")
    row, (pool,), (load,) = row_of(plan), plan.pools, plan.pools[0].loads
    tokens = 40 * 3600 * 1000
    assert (row.own_calls, row.own_hourly) == pytest.approx((1.0, plan.cost.total))
    assert row.api_hourly == pytest.approx(40 * 3600 * CALL, rel=1e-6)
    assert row.api_per_million == pytest.approx(0.48, rel=1e-6)
    assert row.own_per_million == pytest.approx(plan.cost.total / tokens * 1e6, rel=1e-6)
    assert row.utilization == pytest.approx(load.utilization[load.binding])
    assert row.own_per_million_full == pytest.approx(row.own_per_million * row.utilization)
    assert row.breakeven_utilization == pytest.approx(row.own_per_million_full / 0.48, rel=1e-6)
    assert row.own_per_million < row.api_per_million
    assert row.breakeven_utilization < row.utilization
    assert pool.deployment.model == "org/small"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"api_hourly": 60.0}, "at APIs stated"),
        ({"utilization": 0.1}, "times the utilization"),
        ({"requests_per_month": 9e9}, "more than the API"),
        ({"workload": "nobody"}, "no workload nobody"),
    ],
)
def test_check(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    asked = tiny.workload(rate="40 req/s", data={"external_api": True}, choose={"models": {"allow": ["org/small"]}})
    problem = tiny.load(tmp_path, tiny.problem(asked, choose=ONE))
    plan = plan_as_stated(problem, lambda _: None)
    assert verify(plan, problem) == []
    wrong = plan.model_copy(update={"buy_or_build": (row_of(plan).model_copy(update=change),)})
    assert any(says in failure for failure in verify(wrong, problem)), verify(wrong, problem)


def test_an_api_that_no_machine_beats(tmp_path: Path) -> None:
    facts = tiny.catalog()
    facts["apis"]["cloud/small"] |= {"input_price": "$0.0001/Mtok", "output_price": "$0.0001/Mtok"}
    asked = tiny.workload(data={"external_api": True})
    plan = plan_as_stated(tiny.load(tmp_path, tiny.problem(asked, choose=ONE), facts), lambda _: None)
    assert row_of(plan).breakeven is None


def test_nothing_is_said_where_no_api_may_be_used(tmp_path: Path) -> None:
    plan = plan_as_stated(tiny.load(tmp_path, tiny.problem(tiny.workload())), lambda _: None)
    assert plan.buy_or_build == ()


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    gpus, machine = draw(st.sampled_from([(1, 1), (1, 4), (2, 4), (4, 4), (8, 4)]))
    return Deployment(
        load=np.array([draw(st.floats(0.01, 3.0)), draw(st.floats(0.0, 3.0))]).round(3),
        least=draw(st.integers(1, 3)),
        spare=draw(st.integers(0, 1)),
        gpus=gpus,
        machine_gpus=machine,
        hourly=draw(st.integers(1, 9)),
        committed=draw(st.booleans()),
        limit=draw(st.sampled_from([np.inf, 6.0])),
        fixed=draw(st.sampled_from([0.0, 2.0])),
        misses=draw(st.sampled_from([0.0, 0.5])),
    )


@settings(max_examples=60, deadline=None)
@given(deployments(), st.floats(0.5, 30.0))
def test_the_crossing_is_the_first_of_a_scan(made: Deployment, api: float) -> None:
    """At the crossing own costs no more; at none of 2,000 volumes below it does it."""
    share = np.array([0.3, 0.7])
    found = crossing(made, share, api)
    top = found if found is not None else 12.0
    for scale in np.linspace(top / 2000, top * (1 - 1e-6), 1999):
        assert own_cost(made, share, float(scale)) > api * scale * (1 - 1e-9)
    if found is not None:  # at it, or just behind the step that it stands on
        near = (found, found * (1 + 1e-9) + 1e-12)
        assert any(own_cost(made, share, scale) <= api * scale * (1 + 1e-6) for scale in near)
