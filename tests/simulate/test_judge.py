"""Pools judged call by call: what is simulated, for how long, and what is read off it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from planned import planned, slow_down, tight

from planner.plan.basis import Basis
from planner.simulate import judge
from planner.simulate.judge import FEWEST_CALLS, PoolRun, Watched, attained, calls_wanted, pool_runs, predictions, simulate_pool
from planner.simulate.served import Status


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    return planned(tmp_path_factory.mktemp("chat"), tight())


def only(basis: Basis) -> PoolRun:
    (run,) = pool_runs(basis)
    return run


def simulated(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return a list that every simulation adds its settings to."""
    seen: list[dict[str, Any]] = []
    real = judge.simulate

    def noting(engine: Any, requests: Any, **settings: Any) -> Any:
        seen.append(settings | {"calls": len(requests), "span": float(requests.arrival[-1])})
        return real(engine, requests, **settings)

    monkeypatch.setattr(judge, "simulate", noting)
    return seen


def test_a_run_is_the_pool_as_planned(tmp_path: Path) -> None:
    """Two spares of four replicas carry nothing; a period without calls is not simulated."""
    periods = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]
    made = tiny.workload(rate={"day": "9 req/s", "night": "0 req/s"})
    basis = planned(tmp_path, made, periods=periods, operations={"spare_replicas": 2, "balancer": "random"}, solver={"seed": 5})
    run = only(basis)
    assert run.pool.loads[run.period].period == "day"
    assert run.working == run.pool.loads[run.period].replicas - 2
    assert (run.rates, run.balancer, run.seed) == ((9.0,), "random", 5)


def test_enough_calls_lie_beyond_every_percentile(tmp_path: Path) -> None:
    """200 beyond the 99.9th are 200,000 calls; the 95th would ask for no more than the least, nothing promised for the least."""
    high = tiny.workload("high", objectives=[{"metric": "ttft", "percentile": 99.9, "target": "9s"}])
    runs = pool_runs(planned(tmp_path, high, tight(), tiny.workload("none", objectives=[])))
    wanted = {stream.name: calls for run in runs for stream, calls in zip(run.streams, calls_wanted(run), strict=True)}
    assert wanted == pytest.approx({"high": 200_000, "chat": FEWEST_CALLS, "none": FEWEST_CALLS})


def test_the_rarest_stream_sets_the_length_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 calls of 0.9/s take 444 s, in which both send 4,000; with a limit of 900 calls, 100 s."""
    basis = planned(tmp_path, tiny.workload("often", "8.1 req/s"), tiny.workload("rare", "0.9 req/s"))
    run = only(basis)
    seen = simulated(monkeypatch)
    monkeypatch.setattr(judge, "FEWEST_CALLS", 400)
    monkeypatch.setattr(judge, "BEYOND", 20)
    monkeypatch.setattr(judge, "WARM_UP", 0.0)
    monkeypatch.setattr(judge, "LONGEST", 0.0)
    simulate_pool(basis, run)
    assert seen[-1]["calls"] == pytest.approx(4_000, rel=0.05)
    monkeypatch.setattr(judge, "MOST_CALLS", 900)
    simulate_pool(basis, run)
    assert seen[-1]["calls"] == pytest.approx(900, rel=0.1)
    assert seen[-1]["span"] == pytest.approx(100, rel=0.05)


def test_replicas_fill_up_before_anyone_looks(chat: Basis) -> None:
    """The warm-up is a tenth of the time looked at, and at least five mean lives of a call."""
    run = only(chat)
    watched = simulate_pool(chat, run)
    life = run.streams[0].output.mean * run.pool.level.iteration
    span = calls_wanted(run)[0] / run.rates[0]
    assert watched.warm == pytest.approx(max(0.1 * span, 5 * life))
    requests = watched.served.requests
    assert requests.arrival[-1] == pytest.approx(watched.warm + span, rel=0.01)
    (row,) = attained(run, watched, predictions(chat.plan, run))
    assert row.calls == np.count_nonzero((requests.arrival >= watched.warm) & (requests.output > 1))


def test_calls_of_the_warm_up_do_not_count(chat: Basis) -> None:
    """Were every call of the warm-up answered an hour late, nothing attained would change."""
    run = only(chat)
    watched, told = simulate_pool(chat, run), predictions(chat.plan, run)
    served = watched.served
    early = served.requests.arrival < watched.warm
    assert early.any()
    late = Watched(replace(served, finish=served.finish + 3600.0 * early), watched.warm)
    assert attained(run, late, told) == attained(run, watched, told)
    assert attained(run, replace(late, warm=0.0), told) != attained(run, watched, told)


def test_a_large_pool_is_simulated_in_part(chat: Basis, monkeypatch: pytest.MonkeyPatch) -> None:
    """48 replicas with 24 times the load: half of them are simulated, under half of it."""
    run = replace(only(chat), working=48, rates=(9.0 * 24,))
    seen = simulated(monkeypatch)
    simulate_pool(chat, run)
    assert seen[-1]["replicas"] == judge.MOST_REPLICAS == 24
    assert seen[-1]["calls"] / seen[-1]["span"] == pytest.approx(9.0 * 12, rel=0.03)
    simulate_pool(chat, replace(run, working=20), load=0.5)
    assert seen[-1]["replicas"] == 20
    assert seen[-1]["calls"] / seen[-1]["span"] == pytest.approx(9.0 * 12, rel=0.03)


@pytest.mark.parametrize("metric", ["ttft", "tpot", "e2e"])
def test_latencies_fall_as_replicas_are_added(chat: Basis, metric: str) -> None:
    """Calls of one rate on 2 to 8 replicas: each percentile falls, up to a thirtieth for other calls being sampled together."""
    run = only(chat)
    runs = [simulate_pool(chat, run, replicas=count) for count in (2, 3, 4, 6, 8)]
    seen = np.array([[made.served.percentile(metric, p, 0, made.warm) for p in (50, 90, 95, 99)] for made in runs])
    assert (seen[1:] <= seen[:-1] * (1 + 1 / 30)).all()
    assert (seen[-1] < 0.9 * seen[0]).all()


def test_the_same_seed_sees_the_same(chat: Basis) -> None:
    run = only(chat)

    def rows(seed: int) -> Any:
        mine = replace(run, seed=seed)
        return attained(mine, simulate_pool(chat, mine), predictions(chat.plan, mine))

    assert rows(3) == rows(3)
    assert rows(3) != rows(4)


def test_what_never_ends_is_not_attained(chat: Basis) -> None:
    """With a tenth of the calls unanswered, the 95th percentile is without bound: a miss, and no figure."""
    run = only(chat)
    watched = simulate_pool(chat, run)
    status = np.where(np.arange(len(watched.served.status)) % 10 == 0, Status.UNFINISHED, watched.served.status)
    lost = replace(watched, served=replace(watched.served, status=status))
    (row,) = attained(run, lost, predictions(chat.plan, run))
    assert row.attained is None
    assert not row.holds


def test_soft_promises_are_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    basis = planned(tmp_path, tight(price_per_miss="$0.0001"))
    slow_down(monkeypatch, 1.3)
    (row,) = judge.judge(basis, pool_runs(basis), lambda _: None)
    assert row.soft
    assert not row.holds
    assert row.attained is not None
    assert row.attained > row.target


def test_predictions_stand_beside_what_was_seen(chat: Basis) -> None:
    told: list[str] = []
    (row,) = judge.judge(chat, pool_runs(chat), told.append)
    (promise,) = chat.plan.promises
    assert (row.stream, row.route, row.period, row.metric) == (promise.stream, promise.route, promise.period, promise.metric)
    assert (row.predicted, row.target) == (promise.predicted, promise.target)
    assert told == ["simulating P1 in always (1 of 1)"]
