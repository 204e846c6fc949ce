"""Region failover from the problem file to the check: by hand, its limits, what is refused, and what the reports say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from flows import effect, span

from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_flows
from planner.demand.trace import Trace
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.basis import Basis
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render
from planner.simulate.recording import Recording
from planner.simulate.session import run_session
from planner.simulate.wish import Wish

TWO = [["eu-1"], ["us-*"]]
THREE = [["eu-1"], ["us-*"], ["asia-1"]]
RATE = 31.0
"""Calls per second that four machines serve, and three do not; half of them two do."""


def facts(*regions: str) -> dict[str, Any]:
    """One kind of machine at $1 in some regions."""
    made = tiny.catalog()
    prices = [tiny.price(region, region.split("-")[0], on_demand="$1/h") for region in regions or ("eu-1", "us-1", "asia-1")]
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", *prices)}
    return made


def loaded(
    folder: Path,
    groups: Any = None,
    *,
    catalog: dict[str, Any] | None = None,
    rate: float = RATE,
    beside: Any = None,
    **fields: Any,
) -> LoadedProblem:
    asked = {"failover": {"regions": groups}} if groups is not None else {}
    workload = tiny.workload(rate=f"{rate} req/s", **{**asked, **fields})
    choose = {"models": {"allow": ["org/small"]}, "offers": {"allow": ["on_demand"]}}
    return tiny.load(folder, tiny.problem(workload, choose=choose, **(beside or {})), catalog or facts())


def planned(problem: LoadedProblem) -> Plan:
    plan = plan_as_stated(problem, lambda _: None)
    assert verify(loads(dumps(plan)), problem) == []
    return plan


def machines(plan: Plan) -> dict[str, int]:
    found: dict[str, int] = {}
    for buy in plan.purchases:
        found[buy.region] = found.get(buy.region, 0) + max(buy.machines.values())
    return found


def test_by_hand(tmp_path: Path) -> None:
    """4 machines serve all calls: two groups take 4 each, three groups half of the calls and so 2 each."""
    plain = planned(loaded(tmp_path / "plain"))
    two, three = planned(loaded(tmp_path / "two", TWO)), planned(loaded(tmp_path / "three", THREE))
    assert sum(machines(plain).values()) == 4
    assert machines(two) == {"eu-1": 4, "us-1": 4}
    assert machines(three) == {"eu-1": 2, "us-1": 2, "asia-1": 2}
    for plan, count, held in ((two, 2, 4.0), (three, 3, 2.0)):
        (part,) = plan.failover
        assert part.held == pytest.approx(held)
        for group in part.groups:
            assert group.normal == {"always": pytest.approx(RATE / count)}
            assert group.down == {"always": pytest.approx(RATE / (count - 1))}
        (row,), (before,) = plan.cost.by_workload, plain.cost.by_workload
        assert row.tokens_per_hour == pytest.approx(before.tokens_per_hour)  # calls are counted once
        assert plan.cost.statement is not None
        lines = {line.item: line.hourly for line in plan.cost.statement.lines}
        assert lines["held for a region"] == pytest.approx(held)
        assert row.per_thousand_calls == pytest.approx(before.per_thousand_calls * plan.cost.total / plain.cost.total)
    text = render(two)
    assert "## When a region fails" in text
    assert "4.00/h of \\$8.00/h is capacity held for a region's failure (1/2 of it)" in text


def test_fewer_machines_than_a_group_needs_is_no_plan(tmp_path: Path) -> None:
    """The four that us-1 needs may be had, or one fewer."""
    quota = {"accelerator": "*", "region": "us-1"}
    enough = {"limits": {"quotas": [{**quota, "gpus": 4}]}}
    assert machines(planned(loaded(tmp_path / "enough", TWO, beside=enough))) == {"eu-1": 4, "us-1": 4}
    with pytest.raises(Infeasible):
        planned(loaded(tmp_path / "short", TWO, beside={"limits": {"quotas": [{**quota, "gpus": 3}]}}))


def test_capacity_in_one_region_only_is_told(tmp_path: Path) -> None:
    """All pools in eu-1 serve every call until eu-1 fails."""
    problem = loaded(tmp_path, TWO)
    plan = planned(problem)
    moved = [pool.model_copy(update={"region": "eu-1", "region_group": "eu"}) for pool in plan.pools]
    told = verify(plan.model_copy(update={"pools": tuple(moved)}), problem)
    assert f"chat in always: with eu-1 down 0 calls/s can be served of {RATE:g}" in told
    assert "chat@2 may not run on shop/mini-1 in eu-1" in told


def test_calls_that_a_pool_lacks_are_told(tmp_path: Path) -> None:
    """The pool that is left has to take all."""
    problem = loaded(tmp_path, TWO)
    plan = planned(problem)
    less = [share.model_copy(update={"rate": share.rate - 1.0}) for share in plan.pools[0].shares]
    pools = (plan.pools[0].model_copy(update={"shares": tuple(less)}), *plan.pools[1:])
    other = {"eu-1": "us-*", "us-1": "eu-1"}[plan.pools[0].region]
    told = verify(plan.model_copy(update={"pools": pools}), problem)
    assert f"chat in always: with {other} down {RATE - 1:g} calls/s can be served of {RATE:g}" in told


def test_figures_of_the_plan_are_found_anew(tmp_path: Path) -> None:
    problem = loaded(tmp_path, TWO, rate=6.0)
    plan = planned(problem)
    (part,) = plan.failover
    changed = {"normal": {"always": 6.0}, "hourly": part.groups[0].hourly + 1.0, "stream": "chat@2"}
    first = part.groups[0].model_copy(update=changed)
    wrong = part.model_copy(update={"groups": (first, part.groups[1])})
    told = verify(plan.model_copy(update={"failover": (wrong,)}), problem)
    assert "failover of chat, eu-1 in always, normal: 6 calls/s stated, 3 found" in told
    assert any("held stated" in one for one in told)
    assert any("its groups cost" in one for one in told)
    assert "failover of chat: chat@2 is not what eu-1 takes" in told
    assert "failover: chat is not in the plan" in verify(plan.model_copy(update={"failover": ()}), problem)


def test_neighbours_share_pools_and_apis_take_nothing(tmp_path: Path) -> None:
    """A workload without failover may fill the rest of a machine; a cheap API serves it, and not the one with failover."""
    made = facts()
    made["apis"]["cloud/small"] |= {"input_price": "$0.0001/Mtok", "output_price": "$0.0001/Mtok"}
    open_to = {"data": {"external_api": True}}
    chat = tiny.workload(rate="6 req/s", failover={"regions": TWO}, **open_to)
    mail = tiny.workload("mail", rate="9 req/s", **open_to)
    choose = {"models": {"allow": ["org/small"]}, "offers": {"allow": ["on_demand"]}}
    plan = planned(tiny.load(tmp_path / "api", tiny.problem(chat, mail, choose=choose), made))
    assert {share.stream for route in plan.apis for share in route.shares} == {"mail"}
    assert {share.stream for pool in plan.pools for share in pool.shares} >= {"chat@1", "chat@2"}
    inside = tiny.workload("mail", rate="3 req/s")
    alone = planned(tiny.load(tmp_path / "own", tiny.problem(chat, inside, choose=choose), made))
    assert machines(alone) == {"eu-1": 1, "us-1": 1}
    assert sum(part.held * len(part.groups) for part in alone.failover) < alone.cost.total


def test_misses_are_paid_for_calls_there_are(tmp_path: Path) -> None:
    """One machine a group, at the same level as one for all calls: misses cost the same, whatever is held."""
    soft = [{"metric": "ttft", "percentile": 95, "target": "50ms", "price_per_miss": "$0.0001"}]
    hard = {"metric": "tpot", "percentile": 95, "target": "60ms"}
    plans = [
        planned(loaded(tmp_path / name, groups, rate=6.0, objectives=[*soft, hard]))
        for name, groups in (("none", None), ("two", TWO), ("three", THREE))
    ]
    assert [plan.cost.misses for plan in plans] == pytest.approx([plans[0].cost.misses] * 3)
    assert 0.5 * 6.0 * 3600 * 1e-4 < plans[0].cost.misses < 6.0 * 3600 * 1e-4
    assert [plan.cost.total - plan.cost.misses for plan in plans] == pytest.approx([1.0, 2.0, 3.0])


def test_periods_keep_their_own_calls(tmp_path: Path) -> None:
    periods = [{"name": "night", "hours": 400}, {"name": "day", "hours": 330}]
    workload = tiny.workload(rate={"night": "4 req/s", "day": f"{RATE} req/s"}, failover={"regions": THREE})
    choose = {"models": {"allow": ["org/small"]}, "offers": {"allow": ["on_demand"]}}
    plan = planned(tiny.load(tmp_path, tiny.problem(workload, periods=periods, choose=choose), facts()))
    (part,) = plan.failover
    assert [list(group.down.values()) for group in part.groups] == [pytest.approx([2.0, RATE / 2])] * 3
    assert {tuple(buy.machines.values()) for buy in plan.purchases} == {(1, 2)}


GLOBAL = facts("eu-1", "us-1", "global-1")


@pytest.mark.parametrize(
    ("groups", "fields", "path", "message"),
    [
        ([["eu-1"]], {}, "workloads[0].failover", "regions names 1 groups; name 2 to 8"),
        (["eu-1", "us-1"], {}, "workloads[0].failover.regions", "must be a list of groups"),
        ([["eu-1"], []], {}, "workloads[0].failover.regions[1]", ""),
        ([["eu-1"], ["*"]], {}, "workloads[0].failover.regions[1]", "eu-1 is in eu-1 too"),
        ([["eu-1"], ["eu-11"]], {}, "workloads[0].failover.regions[1][0]", "'eu-11' matches no region in the catalog"),
        (TWO, {"data": {"region_groups": ["eu"]}}, "workloads[0].failover.regions[1]", "may run in none of us-1"),
        (TWO, {"data": {"regions": ["us-1"]}}, "workloads[0].failover.regions[0]", "may run in none of eu-1"),
        (TWO, {"choose": {"regions": {"forbid": ["us-*"]}}}, "workloads[0].failover.regions[1]", "may run in none of us-1"),
        ([["eu-1"], ["global-1"]], {"catalog": GLOBAL}, "workloads[0].failover.regions[1]", "the seller does not say where"),
        (TWO, {"objectives": [], "deadline": "1h"}, "workloads[0].deadline", "not supported together with failover"),
        (
            TWO,
            {"levers": [effect("short", input_tokens=span(0.5))]},
            "workloads[0].levers",
            "not supported together",
        ),
        (TWO, {"stages": [{"name": "a", "role": "generate"}]}, "workloads[0].stages", "not supported together"),
        (TWO, {"quality": [{"benchmark": "exam", "at_least": 40, "over": "average"}]}, "workloads[0].quality", "on average"),
        (
            TWO,
            {"beside": {"operations": {"autoscaling": {}}}},
            "workloads[0].failover",
            "replicas that start when a region fails",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, groups: Any, fields: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, groups, **fields)
    told = [issue for issue in caught.value.issues if issue.path == path]
    assert any(message in issue.message for issue in told), caught.value.issues
    assert all(issue.remedy for issue in told)


def test_a_plan_without_failover_says_nothing_of_it(tmp_path: Path) -> None:
    plan = planned(loaded(tmp_path, rate=6.0))
    assert "failover" not in dumps(plan)
    assert "region fails" not in render(plan)
    assert "held for a region" not in render(plan)


def test_simulation_runs_the_failure_and_refuses_traces(tmp_path: Path) -> None:
    problem = loaded(tmp_path, TWO, rate=6.0)
    plan = planned(problem)
    basis = Basis(plan, problem)
    session = run_session(basis, Wish(hours=0.02), lambda _: None)
    assert len(session.seen) == len(plan.pools)
    assert "chat: every group of regions is simulated with the calls it takes while another group is down" in session.remarks
    calls = np.array([0.0, 1.0, 2.0])
    recording = Recording(Trace("made.csv", calls, calls + 100, calls + 20, {}, 0), "chat")
    with pytest.raises(InvalidInput, match="a trace does not say which group of regions takes which calls"):
        run_session(basis, Wish(recording=recording), lambda _: None)


def test_copies_carry_what_their_group_must_be_able_to_take(tmp_path: Path) -> None:
    """λ/(m − 1) each; any m − 1 carry λ, and m of them at the share that is called for λ too."""
    problem = loaded(tmp_path, THREE)
    streams = build_flows(problem.problem, problem.base).streams
    assert [stream.name for stream in streams] == [stream.short for stream in streams] == ["chat@1", "chat@2", "chat@3"]
    assert [stream.home for stream in streams] == [("eu-1",), ("us-*",), ("asia-1",)]
    rates = [stream.rate[0] for stream in streams]
    assert all(sum(rates) - rate == pytest.approx(RATE) for rate in rates)
    assert sum(stream.rate[0] * stream.called for stream in streams) == pytest.approx(RATE)


def test_another_workload_may_not_be_named_like_a_copy(tmp_path: Path) -> None:
    chat = tiny.workload(failover={"regions": TWO})
    with pytest.raises(InvalidInput, match="plans name the calls of chat in a group of regions so"):
        tiny.load(tmp_path, tiny.problem(chat, tiny.workload("chat@2")), facts())
