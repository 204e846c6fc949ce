"""What `planner simulate` runs: pools as planned, under a trace, with replicas that fail; nothing in it by accident."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from planned import MINI, planned, tight

from planner.demand.trace import Trace
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.plan.basis import Basis
from planner.simulate import session
from planner.simulate.cluster import Failure
from planner.simulate.judge import Watched, judge, pool_runs
from planner.simulate.recording import Recording
from planner.simulate.seen import Job, Seen
from planner.simulate.served import Served
from planner.simulate.session import Session, run_session
from planner.simulate.wish import Kill, Wish

DAY = [{"name": "day", "hours": 12}, {"name": "night", "hours": 12}]


def quiet(_: float) -> None:
    """Hear nothing."""


def go(basis: Basis, **wishes: object) -> Session:
    return run_session(basis, Wish(**wishes), quiet)  # type: ignore[arg-type]


def with_replicas(basis: Basis, count: int) -> Basis:
    """The same plan with other replicas of its pools."""
    pools = tuple(
        pool.model_copy(update={"loads": tuple(load.model_copy(update={"replicas": count}) for load in pool.loads)})
        for pool in basis.plan.pools
    )
    return Basis(basis.plan.model_copy(update={"pools": pools}), basis.loaded)


def trace(rate: float = 10.0, span: float = 200.0, seed: int = 1) -> Trace:
    """Evenly spread calls of mixed lengths; made up."""
    rng = np.random.Generator(np.random.PCG64(seed))
    count = int(rate * span)
    times = np.sort(rng.uniform(0, span, count))
    return Trace("made.csv", times - times[0], rng.uniform(100, 900, count), rng.uniform(20, 200, count), {}, 0)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    return planned(tmp_path_factory.mktemp("chat"), tight())


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    """Chats by day and night, and documents beside them in the same pool."""
    chats = tiny.workload("chat", {"day": "9 req/s", "night": "2 req/s"})
    return planned(tmp_path_factory.mktemp("two"), chats, tiny.workload("documents", "1 req/s"), periods=DAY)


def test_as_planned_it_sees_what_verification_sees(chat: Basis) -> None:
    assert go(chat).promises == judge(chat, pool_runs(chat), lambda _: None)


def test_every_pool_and_period_is_simulated_or_the_one_named(two: Basis) -> None:
    every = [(one.pool, one.period) for one in go(two, hours=0.02).seen]
    assert every == [(run.pool.name, run.pool.loads[run.period].period) for run in pool_runs(two)]
    assert {one.period for one in go(two, hours=0.02, period="night").seen} == {"night"}


def test_hours_are_simulated_after_the_warm_up(chat: Basis) -> None:
    (one,) = go(chat, hours=0.1).seen
    assert one.job.end - one.job.warm == pytest.approx(360.0)
    assert one.served.requests.arrival[-1] < one.job.end
    assert sum(row.calls for row in one.figures() if row.metric == "e2e") == len(one.looked_at.stream)


def test_a_louder_load_is_slower(chat: Basis) -> None:
    calm, loud = (go(chat, hours=0.1, scale=scale).seen[0].figures() for scale in (0.5, 1.3))
    for low, high in zip(calm, loud, strict=True):
        assert low.calls < high.calls
        assert low.p95 is not None
        assert high.p95 is not None
        assert low.p95 < high.p95


def test_balancer_and_seed_take_the_place_of_the_problems(chat: Basis) -> None:
    basis = with_replicas(chat, 3)
    (one,) = go(basis, hours=0.02, balancer="random", seed=7).seen
    assert (one.job.settings["balancer"], one.job.settings["seed"]) == ("random", 7)
    (other,) = go(basis, hours=0.02).seen
    assert (other.job.settings["balancer"], other.job.settings["seed"]) == ("least_loaded", 0)
    assert len(one.served.stream) != len(other.served.stream)


def test_results_do_not_depend_on_processes(two: Basis, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    here = go(two, hours=0.02)
    monkeypatch.setattr(session, "PARALLEL_CALLS", 0)
    there = run_session(two, Wish(hours=0.02), told.append)
    assert len(here.seen) > 1
    assert there.promises == here.promises
    for one, other in zip(here.seen, there.seen, strict=True):
        np.testing.assert_array_equal(one.served.finish, other.served.finish)
    assert told == [(number + 1) / len(here.seen) for number in range(len(here.seen))]


def test_progress_ends_at_one(two: Basis) -> None:
    told: list[float] = []
    run_session(two, Wish(hours=0.02), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_promises_that_no_call_tests_are_no_misses(chat: Basis) -> None:
    """A hundred-thousandth of a second brings no call."""
    found = go(chat, hours=1e-5 / 3600)
    assert found.promises == []
    assert found.missed == []
    (remark,) = found.remarks
    assert "no call of chat came to P1" in remark


def test_other_facts_than_the_plans_are_remarked(chat: Basis) -> None:
    other = Basis(chat.plan.model_copy(update={"catalog_digest": "0"}), chat.loaded)
    assert go(chat, hours=0.01).remarks == ()
    (remark,) = go(other, hours=0.01).remarks
    assert "catalogs changed" in remark


def test_looking_changes_nothing(two: Basis) -> None:
    blind, drawn = go(two, hours=0.05), go(two, hours=0.05, looks=True)
    for one, other in zip(blind.seen, drawn.seen, strict=True):
        assert not one.served.series
        assert len(other.served.series) == other.job.count
        np.testing.assert_array_equal(one.served.finish, other.served.finish)


# Failures


def test_spares_are_there_when_a_replica_fails_and_left_out_otherwise(tmp_path: Path) -> None:
    basis = planned(tmp_path, tight(), operations={"spare_replicas": 1})
    count = basis.plan.pools[0].loads[0].replicas
    assert go(basis, hours=0.02).seen[0].job.count == count - 1
    assert go(basis, hours=0.02, kills=(Kill("P1", 0, 50.0),)).seen[0].job.count == count


def test_a_replica_that_fails_for_good_slows_the_rest(chat: Basis) -> None:
    basis = with_replicas(chat, 2)
    whole, less = go(basis, hours=0.1), go(basis, hours=0.1, kills=(Kill("P1", 1, 60.0),))
    (before,), (after,) = whole.promises, less.promises
    assert before.attained is not None
    assert after.attained is not None
    assert after.attained > before.attained
    (one,) = less.seen
    assert one.away == [(60.0, one.job.end)]
    assert one.tally["sent_again"] > 0
    assert whole.seen[0].tally["sent_again"] == 0
    assert one.missed_away(after) == pytest.approx((one.served.values("tpot", 0, 60.0) > after.target).mean())
    assert whole.seen[0].missed_away(before) is None


def test_a_repair_and_a_cold_start_end_the_absence(chat: Basis) -> None:
    """Killed at 60 s, repaired 30 s later, serving after another 40 s."""
    (one,) = go(with_replicas(chat, 2), hours=0.1, kills=(Kill("P1", 0, 60.0, 30.0),), cold_start=40.0).seen
    assert one.away == [(60.0, 130.0)]
    served = one.served.requests.arrival[one.served.replica == 0]
    assert not ((served > 60.0) & (served < 130.0)).any()
    assert (served > 130.0).any()


def made(*kills: tuple[float, float], end: float = 100.0) -> Seen:
    """A simulation of which only absences are asked."""
    failures = tuple(Failure(at, 0, back) for at, back in kills)
    blank = object.__new__(Job)
    for name, value in {"failures": failures, "cold_start": 5.0, "end": end}.items():
        object.__setattr__(blank, name, value)
    return Seen(blank, object.__new__(Watched), ())


@pytest.mark.parametrize(
    ("kills", "away"),
    [
        ([], []),
        ([(10.0, 5.0)], [(10.0, 20.0)]),
        ([(10.0, 5.0), (40.0, 0.0)], [(10.0, 20.0), (40.0, 45.0)]),
        ([(18.0, 7.0), (10.0, 5.0)], [(10.0, 30.0)]),
        ([(10.0, 50.0), (20.0, 1.0)], [(10.0, 65.0)]),
        ([(90.0, math.inf)], [(90.0, 100.0)]),
    ],
)
def test_absences_that_overlap_are_one(kills: list[tuple[float, float]], away: list[tuple[float, float]]) -> None:
    assert made(*kills).away == away


# Traces


def test_a_trace_stands_for_its_workload(two: Basis) -> None:
    """The pool's other stream comes as planned, by the period with most replicas."""
    recording = Recording(trace(), "chat", window=60.0)
    found = go(two, recording=recording)
    (one,) = found.seen
    assert one.period == "day"
    names = [stream.name for stream in one.job.run.streams]
    mine = one.served.stream == names.index("chat")
    longest = one.served.requests.prompt[mine].max()
    assert longest <= 900
    others = np.count_nonzero(~mine) / one.job.end
    assert others == pytest.approx(one.job.run.rates[names.index("documents")], rel=0.3)
    assert "replayed as chat" in found.remarks[0]


def test_the_period_of_a_trace_can_be_named(two: Basis) -> None:
    assert {one.period for one in go(two, recording=Recording(trace(), "chat"), period="night").seen} == {"night"}


def test_a_trace_is_repeated_to_fill_the_hours(chat: Basis) -> None:
    (one,) = go(chat, recording=Recording(trace(span=100.0), "chat"), hours=0.1, scale=1.0).seen
    assert one.job.end == pytest.approx(360.0)
    assert one.served.requests.arrival[-1] > 340.0


# Mistakes


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"period": "noon"}, "no period noon"),
        ({"hours": 0.0}, "--hours"),
        ({"hours": math.nan}, "--hours"),
        ({"scale": -1.0}, "--rate-scale"),
        ({"cold_start": -1.0}, "--cold-start"),
        ({"kills": (Kill("P7", 0, 1.0),)}, "no pool P7"),
        ({"kills": (Kill("P1", 99, 1.0),)}, "no replica 99"),
        ({"kills": (Kill("P1", 0, -1.0),)}, "fails at -1 s"),
        ({"kills": (Kill("P1", 0, 1.0, -2.0),)}, "back after -2 s"),
        ({"kills": (Kill("P1", 0, 1e9),)}, "after the last call"),
        ({"kills": (Kill("P1", 0, 60.0, 30.0), Kill("P1", 0, 100.0))}, "is away from an earlier failure"),
        ({"recording": Recording(trace(), "books")}, "serves a workload books"),
        ({"recording": Recording(trace(), "chat"), "scale": 1e-9}, "--rate-scale: none of the 2000 requests"),
        ({"recording": Recording(trace(), "chat"), "scale": 1e9}, "calls in a pool"),
        ({"hours": 1e6}, "calls in a pool"),
    ],
)
def test_what_cannot_be_simulated_is_said(chat: Basis, wishes: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        go(chat, **wishes)
    assert all(issue.remedy for issue in caught.value.issues)


def test_mistakes_are_told_together(chat: Basis) -> None:
    with pytest.raises(InvalidInput) as caught:
        go(chat, period="noon", hours=-1.0, kills=(Kill("P7", 0, 1.0),))
    assert {issue.path for issue in caught.value.issues} == {"--period", "--hours", "--kill-replica"}


def test_a_pool_that_is_not_simulated_cannot_fail(two: Basis, tmp_path: Path) -> None:
    extra = two.plan.pools[0].model_copy(update={"name": "P9", "shares": ()})
    basis = Basis(two.plan.model_copy(update={"pools": (*two.plan.pools, extra)}), two.loaded)
    with pytest.raises(InvalidInput, match="pool P9 is not simulated"):
        go(basis, kills=(Kill("P9", 0, 1.0),))


def test_a_plan_without_pools_has_nothing_to_simulate(chat: Basis) -> None:
    bare: Plan = chat.plan.model_copy(update={"pools": ()})
    with pytest.raises(InvalidInput, match="no pool of the plan serves anything"):
        go(Basis(bare, chat.loaded))


def test_figures_without_calls_or_answers_are_absent(chat: Basis) -> None:
    (one,) = go(chat, hours=0.02).seen
    lost: Served = replace(one.served, status=np.zeros_like(one.served.status))
    rows = replace(one, watched=replace(one.watched, served=lost)).figures()
    assert {(row.mean, row.p50, row.p99) for row in rows} == {(None, None, None)}
    assert all(row.calls for row in rows)


def test_the_mini_machine_is_what_is_planned(chat: Basis) -> None:
    """Guards the fixture: the tests above reckon with one pool of one kind of machine."""
    assert [pool.instance for pool in chat.plan.pools] == MINI["instances"]["allow"]
