"""What simulations say of a plan: known pools stay known, misses are told, and measured as room that is wanting."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from planned import MINI, planned, slow_down, tight

from planner.domain.plan import Plan
from planner.plan.basis import Basis
from planner.simulate.judge import attained, pool_runs, predictions, simulate_pool
from planner.simulate.verdict import HALVINGS, LEAST_SHARE, Verdict, share_carried, tightening


def quiet(_: str) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    return planned(tmp_path_factory.mktemp("chat"), tight())


def renamed(plan: Plan, name: str) -> Plan:
    """The same plan, its one pool called something else."""
    pools = tuple(pool.model_copy(update={"name": name}) for pool in plan.pools)
    promises = tuple(promise.model_copy(update={"route": name}) for promise in plan.promises)
    return plan.model_copy(update={"pools": pools, "promises": promises})


def with_replicas(plan: Plan, count: int) -> Plan:
    """The same plan with other replicas of its one pool."""
    (pool,) = plan.pools
    loads = tuple(load.model_copy(update={"replicas": count}) for load in pool.loads)
    return plan.model_copy(update={"pools": (pool.model_copy(update={"loads": loads}),)})


def test_what_is_known_is_not_simulated_again(chat: Basis) -> None:
    told: list[str] = []
    known = Verdict({}).of(chat.plan, chat.loaded, told.append)
    assert len(told) == 1
    again = known.of(chat.plan, chat.loaded, told.append)
    assert len(told) == 1
    assert again.promises(chat.plan) == known.promises(chat.plan)
    known.of(with_replicas(chat.plan, 4), chat.loaded, told.append)
    assert len(told) == 2


def test_a_pool_is_known_by_what_it_is_not_by_its_name(chat: Basis) -> None:
    told: list[str] = []
    known = Verdict({}).of(chat.plan, chat.loaded, told.append)
    other = renamed(chat.plan, "P7")
    assert {promise.route for promise in known.of(other, chat.loaded, told.append).promises(other)} == {"P7"}
    assert len(told) == 1


def test_only_hard_promises_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines a third slower than planned miss 30 ms; what is only paid for is no reason to tighten."""
    slow_down(monkeypatch, 1.3)
    for soft in (False, True):
        basis = planned(tmp_path / str(soft), tight(**({"price_per_miss": "$0.0001"} if soft else {})))
        known = Verdict({}).of(basis.plan, basis.loaded, quiet)
        (promise,) = known.promises(basis.plan)
        assert not promise.holds
        assert known.missed(basis.plan) == ([] if soft else [promise])


def test_the_account_holds_every_promise(chat: Basis) -> None:
    known = Verdict({}).of(chat.plan, chat.loaded, quiet)
    account = known.simulation(chat.plan, 2, ["P1: why"])
    assert (account.rounds, account.tightened) == (2, ("P1: why",))
    assert account.promises == known.promises(chat.plan)


def test_the_factor_is_where_the_simulation_begins_to_miss(chat: Basis, monkeypatch: pytest.MonkeyPatch) -> None:
    """factor = 1/(u·s): the pool keeps its promise at s of its load, and not one step of the bisection above."""
    slow_down(monkeypatch, 1.3)
    missed = Verdict({}).of(chat.plan, chat.loaded, quiet).missed(chat.plan)
    found = tightening(chat.plan, chat.loaded, missed)
    (run,) = pool_runs(chat)
    used = max(run.pool.loads[0].utilization.values())
    share = 1.0 / (found.by["P1"] * used)
    assert share == pytest.approx(share_carried(chat, run))
    step = (1.0 - LEAST_SHARE) / 2**HALVINGS
    holds = [
        all(row.holds for row in attained(run, simulate_pool(chat, run, load=load), predictions(chat.plan, run)))
        for load in (share, share + step)
    ]
    assert holds == [True, False]
    assert f"count {found.by['P1']:.2f} times" in found.said["P1"]
    assert "TPOT p95 of chat came out at" in found.said["P1"]


def test_a_hopeless_pool_is_tried_down_to_the_least_share(chat: Basis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times slower, not a quarter of the load keeps 30 ms: the search ends at a quarter."""
    slow_down(monkeypatch, 10.0)
    (run,) = pool_runs(chat)
    assert share_carried(chat, run) == LEAST_SHARE


def test_pools_that_keep_their_promises_are_not_tightened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two pools, held apart by their models, the one with room keeps its promise on slower machines too."""
    roomy = tiny.workload("roomy", "0.5 req/s", objectives=[{"metric": "ttft", "percentile": 95, "target": "20s"}])
    large = {"models": {"allow": ["org/large"]}, "instances": {"allow": ["mart/max-1"]}}
    small = {"models": {"allow": ["org/small"]}, "instances": MINI["instances"]}
    both = {"offers": {"allow": ["on_demand"]}}
    basis = planned(tmp_path, tight() | {"choose": small}, roomy | {"choose": large}, choose=both)
    slow_down(monkeypatch, 1.3)
    missed = Verdict({}).of(basis.plan, basis.loaded, quiet).missed(basis.plan)
    late = {promise.route for promise in missed}
    assert {promise.stream for promise in missed} == {"chat"}
    assert set(tightening(basis.plan, basis.loaded, missed).by) == late
    assert len(basis.plan.pools) == 2
