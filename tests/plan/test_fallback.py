"""Spot machines with fallback in plans: where they pay, by hand, with the spares that keep the promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

NEVER = {"gpu_per_year": 0, "node_per_year": 0}
SURE = {"availability": "99.9%", "failures": NEVER, "spot_together": 1}
AWAY = 1 / 11  # 0.05 interruptions an hour, 2 h away: 20 h there, 2 h not
USED = 119 / 120  # 0.05 an hour of 600 s each are lost


def price(spot: float) -> float:
    """Return what a machine costs whose on-demand price is $1 [$/h]."""
    return (spot * (1 - AWAY) + AWAY) / USED


def spot_at(cost: float) -> float:
    """Return the spot price at which a machine with fallback costs so much [$/h]."""
    return (cost * USED - AWAY) / (1 - AWAY)


def loaded(folder: Path, rate: str, spot: float, said: Any = "with_fallback", **fields: Any) -> LoadedProblem:
    made = tiny.catalog()
    row = tiny.price("eu-1", "eu", on_demand="$1/h", spot=f"${spot}/h")
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", row)}
    problem = tiny.problem(
        tiny.workload(rate=rate, interruptible=said),
        choose={"models": {"allow": ["org/small"]}},
        **{"operations": SURE, **fields},
    )
    return tiny.load(folder, problem, made)


def planned(folder: Path, rate: str, spot: float, said: Any = "with_fallback", **fields: Any) -> Plan:
    problem = loaded(folder, rate, spot, said, **fields)
    plan = plan_as_stated(problem, lambda _: None)
    assert verify(loads(dumps(plan)), problem) == []
    return plan


def held(plan: Plan) -> dict[str, int]:
    return {buy.kind: buy.machines["always"] for buy in plan.purchases}


# 1 − A = x/(1 + x), x = 0.05·480/3600: 1/151. For 99.9 % one replica takes one spare, 20 take two (as in the tests of supply), on
# demand none. So one goes on spot machines if 2·p < 1 and 20 if 22·p < 20: below 0.5 and 0.909 of the on-demand price.
@pytest.mark.parametrize(("rate", "working", "spares"), [("1 req/s", 1, 1), ("165 req/s", 20, 2)])
def test_where_spot_with_fallback_breaks_even_by_hand(tmp_path: Path, rate: str, working: int, spares: int) -> None:
    (count,) = held(planned(tmp_path / "none", rate, 0.5, said=False)).values()
    assert count == working
    even = spot_at(working / (working + spares))
    below = planned(tmp_path / "below", rate, even - 0.01)
    assert held(below) == {"spot_with_fallback": working + spares}
    assert below.cost.total == pytest.approx((working + spares) * price(even - 0.01))
    (load,) = below.pools[0].loads
    assert (load.replicas, load.spares) == (working + spares, spares)
    assert held(planned(tmp_path / "above", rate, even + 0.01)) == {"on_demand": working}


def test_large_pools_go_spot_where_small_ones_do_not(tmp_path: Path) -> None:
    """At $0.55 a machine with fallback costs $0.596: two cost more than one at $1, 22 less than 20."""
    assert price(0.55) == pytest.approx(0.59588, abs=1e-5)
    assert held(planned(tmp_path / "one", "1 req/s", 0.55)) == {"on_demand": 1}
    assert held(planned(tmp_path / "many", "165 req/s", 0.55)) == {"spot_with_fallback": 22}


def test_a_warning_longer_than_a_restart_needs_no_spare(tmp_path: Path) -> None:
    plan = planned(tmp_path, "1 req/s", 0.8, operations={**SURE, "spot_notice": "10min"})
    assert held(plan) == {"spot_with_fallback": 1}


def test_machines_taken_together_need_as_many_spares(tmp_path: Path) -> None:
    """Four machines are reclaimed at once: a pool of one keeps four in reserve, five at $0.18 cost less than one at $1."""
    assert held(planned(tmp_path / "dear", "1 req/s", 0.2, operations={**SURE, "spot_together": 4})) == {"on_demand": 1}
    cheap = planned(tmp_path / "cheap", "1 req/s", 0.08, operations={**SURE, "spot_together": 4})
    assert held(cheap) == {"spot_with_fallback": 5}


def test_work_that_bears_interruptions_takes_the_cheaper_machines(tmp_path: Path) -> None:
    plan = planned(tmp_path, "1 req/s", 0.2, said=True)
    assert set(held(plan)) == {"spot"}


def test_reports_say_how_and_what_is_assumed(tmp_path: Path) -> None:
    plan = planned(tmp_path, "1 req/s", 0.2)
    assert plan.pools[0].fallback
    text = render(plan)
    assert "eu-1 · spot with fallback" in text
    assert "on demand 9.1% of the time: capacity stays away for 120 min" in text
    assert "a replica is missed for 480 s after 120 s of warning; each reclaimed by itself" in text
    statement = plan.cost.statement
    assert statement is not None
    assert sum(line.cents_per_month for line in statement.lines) == round(plan.cost.total * 73_000)
    assert statement.spares == pytest.approx(plan.cost.total / 2 * USED)
    assert '"fallback"' not in dumps(planned(tmp_path / "plain", "1 req/s", 0.2, said=False))


def test_a_promise_without_an_availability_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, "1 req/s", 0.2, operations={"spot_together": 1})
    (issue,) = caught.value.issues
    assert issue.path == "workloads[0].interruptible"
    assert "give operations.availability such as 99.9%" in issue.remedy


def test_who_does_not_say_how_many_are_taken_is_warned(tmp_path: Path) -> None:
    unsaid = loaded(tmp_path, "1 req/s", 0.2, operations={"availability": "99.9%"})
    assert [issue.path for issue in unsaid.warnings] == ["operations.spot_together"]
    assert loaded(tmp_path, "1 req/s", 0.2).warnings == ()


@pytest.mark.parametrize("said", ["maybe", 3, ["with_fallback"]])
def test_bad_input_is_refused(tmp_path: Path, said: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, "1 req/s", 0.2, said)
    (issue,) = caught.value.issues
    assert issue.path == "workloads[0].interruptible"
    assert "must be true, false or with_fallback" in issue.message


def test_the_check_finds_another_price_fewer_spares_and_the_wrong_machines(tmp_path: Path) -> None:
    problem = loaded(tmp_path, "1 req/s", 0.2)
    plan = plan_as_stated(problem, lambda _: None)
    (pool,), (buy,) = plan.pools, plan.purchases
    dear = plan.model_copy(update={"purchases": (buy.model_copy(update={"hourly": 0.25}),)})
    assert any("spot with fallback in eu-1: $0.250000/h stated" in failure for failure in verify(dear, problem))
    bare = plan.model_copy(
        update={"pools": (pool.model_copy(update={"fallback": None}),), "purchases": (buy.model_copy(update={"kind": "spot"}),)}
    )
    assert any("on spot machines, though the workload says interruptible: with_fallback" in one for one in verify(bare, problem))
    alone = pool.loads[0].model_copy(update={"replicas": 1, "spares": 0, "availability": 150 / 151})
    few = plan.model_copy(update={"pools": (pool.model_copy(update={"loads": (alone,)}),)})
    assert any("0 spares among 1 replicas are enough 99.3377% of the time" in failure for failure in verify(few, problem))
