"""A recorded trace in place of drawn calls: how loud, whose pool, what beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny
from planned import planned

from planner.demand.trace import Trace
from planner.plan.basis import Basis
from planner.simulate.judge import PoolRun, pool_runs
from planner.simulate.recording import Recording, recorded, split
from planner.simulate.requests import plain

COUNT = 1000


def trace(**more: object) -> Trace:
    """A call a second for 500 s, then two a second for 250 s: 1,000 calls."""
    times = np.concatenate([np.arange(500.0), 500.0 + np.arange(500) / 2])
    return Trace("made.csv", times, np.full(COUNT, 300.0), np.full(COUNT, 50.0), {}, 0, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def basis(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    prefix = {"tokens": 100, "hit_rate": 0.5}
    return planned(tmp_path_factory.mktemp("chat"), tiny.workload(rate="4 req/s", shared_prefix=prefix))


@pytest.fixture(scope="module")
def run(basis: Basis) -> PoolRun:
    (only,) = pool_runs(basis)
    return only


def test_the_busiest_window_carries_the_planned_rate(run: PoolRun) -> None:
    """The busiest 100 s bring 2 calls/s; planned are 4: twice the calls."""
    found = recorded(Recording(trace(), "chat", window=100.0), [run], 4.0, scale=None, duration=None)
    assert len(found.calls[0]) == pytest.approx(2 * COUNT, rel=0.02)
    assert "multiplied by" in found.remarks[0]
    assert "busiest 100 s brings 2" in found.remarks[0]


def test_the_mean_carries_it_where_the_plan_rests_on_the_mean() -> None:
    """1,000 calls in 749.5 s and a mean gap."""
    recording = Recording(trace(), "chat", mean=True)
    assert recording.trace.whole == pytest.approx(749.5 * 1000 / 999)
    assert recording.rate == pytest.approx(999 / 749.5)


def test_a_scale_that_is_asked_for_is_kept(run: PoolRun) -> None:
    found = recorded(Recording(trace(), "chat"), [run], 4.0, scale=0.5, duration=None)
    assert len(found.calls[0]) == pytest.approx(COUNT / 2, rel=0.1)
    assert "multiplied by 0.5 as asked" in found.remarks[0]


def test_a_trace_as_loud_as_planned_is_replayed_row_by_row(run: PoolRun) -> None:
    planned_rate = 2.0 * (1 + 1e-5)
    found = recorded(
        Recording(trace(), "chat", window=100.0), [replace(run, rates=(2.0,))], planned_rate, scale=None, duration=None
    )
    np.testing.assert_allclose(found.calls[0].arrival, trace().arrivals)


def test_what_apis_take_is_left_out_and_said(run: PoolRun) -> None:
    found = recorded(Recording(trace(), "chat"), [replace(run, rates=(1.0,))], 4.0, scale=1.0, duration=None)
    assert len(found.calls[0]) == pytest.approx(COUNT / 4, rel=0.2)
    assert "75.0% of its calls go to APIs and are not simulated" in found.remarks


def test_each_call_falls_to_one_pool(run: PoolRun) -> None:
    calls = plain(np.arange(float(COUNT)), np.full(COUNT, 10), np.full(COUNT, 10))
    first, second = split(calls, [0.3, 0.7], seed=5)
    assert len(first) == pytest.approx(300, abs=60)
    np.testing.assert_array_equal(np.sort(np.concatenate([first.arrival, second.arrival])), calls.arrival)
    again = split(calls, [0.3, 0.7], seed=5)[0]
    np.testing.assert_array_equal(again.arrival, first.arrival)
    assert len(split(calls, [0.3, 0.7], seed=6)[0]) != len(first)


def test_shares_that_add_up_but_for_rounding_lose_no_call() -> None:
    calls = plain(np.arange(float(COUNT)), np.full(COUNT, 10), np.full(COUNT, 10))
    assert sum(map(len, split(calls, [0.4999, 0.4999], seed=5))) == COUNT
    assert sum(map(len, split(calls, [0.4, 0.4], seed=5))) < COUNT


def test_a_stated_prefix_is_put_on_calls_that_record_none(run: PoolRun) -> None:
    """Half of the calls find 100 tokens cached."""
    (calls,) = recorded(Recording(trace(), "chat"), [run], 4.0, scale=1.0, duration=None).calls
    assert set(calls.cached.tolist()) == {0, 100}
    assert (calls.cached > 0).mean() == pytest.approx(0.5, abs=0.06)


def test_recorded_prefixes_stand_as_they_are(run: PoolRun) -> None:
    """Every prompt begins with the same block."""
    blocks = tuple((0, row + 1) for row in range(COUNT))
    (calls,) = recorded(Recording(trace(blocks=blocks), "chat"), [run], 4.0, scale=1.0, duration=None).calls
    assert set(calls.cached.tolist()) == {0}
    assert (calls.shared > 0).all()


def test_other_streams_keep_their_numbers_and_rates(run: PoolRun) -> None:
    """Documents are the run's first stream, chats its second."""
    (chats,) = run.streams
    documents = replace(chats, name="documents")
    both = replace(run, streams=(documents, chats), rates=(3.0, 4.0))
    (calls,) = recorded(Recording(trace(), "chat"), [both], 4.0, scale=1.0, duration=None).calls
    assert np.count_nonzero(calls.stream == 1) == COUNT
    assert np.count_nonzero(calls.stream == 0) / 750.0 == pytest.approx(3.0, rel=0.1)
    assert (np.diff(calls.arrival) >= 0).all()
