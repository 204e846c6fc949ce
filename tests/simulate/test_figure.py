"""The figure of a simulation: every pool once, the same bytes for the same simulation, what was promised in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planned import planned, tight

from planner.plan.basis import Basis
from planner.simulate.figure import POINTS, TAIL, beyond, draw, hardest, replicas_up
from planner.simulate.session import Session, run_session
from planner.simulate.wish import Kill, Wish


def texts(svg: bytes) -> set[str]:
    """Every text of a figure: letters are outlines, and a comment before them says what they spell."""
    return set(re.findall(r"<!-- (.*?) -->", svg.decode("utf-8")))


@pytest.fixture(scope="module")
def basis(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    return planned(tmp_path_factory.mktemp("chat"), tight())


@pytest.fixture(scope="module")
def seen(basis: Basis) -> Session:
    (pool,) = basis.plan.pools
    loads = tuple(load.model_copy(update={"replicas": 3}) for load in pool.loads)
    three = basis.plan.model_copy(update={"pools": (pool.model_copy(update={"loads": loads}),)})
    kills = (Kill("P1", 0, 60.0, 20.0), Kill("P1", 1, 70.0))
    wish = Wish(hours=0.03, kills=kills, cold_start=10.0, looks=True)
    return run_session(Basis(three, basis.loaded), wish, lambda _: None)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_simulation_gives_the_same_bytes(seen: Session, suffix: str) -> None:
    assert draw(seen, suffix) == draw(seen, suffix)


def test_it_names_pools_latencies_and_marks(seen: Session) -> None:
    found = texts(draw(seen, ".svg"))
    assert {"P1 in always: TTFT", "P1 in always: TPOT", "P1 in always: calls", "chat"} <= found
    assert {"promised: pass below", "predicted", "running", "waiting", "replicas"} <= found


def test_a_pool_without_promises_or_answers_is_drawn(seen: Session) -> None:
    (one,) = seen.seen
    lost = replace(one.served, status=np.zeros_like(one.served.status))
    empty = replace(one, promises=(), watched=replace(one.watched, served=lost))
    assert draw(Session((empty,), ()), ".svg") != draw(seen, ".svg")


def test_the_period_drawn_is_the_one_nearest_its_target(seen: Session) -> None:
    (one,) = seen.seen
    (promise,) = one.promises
    eased = replace(one, promises=(promise.model_copy(update={"target": 2 * promise.target}),))
    never = replace(one, promises=(promise.model_copy(update={"attained": None}),))
    assert hardest([eased, one]) == [one]
    assert hardest([one, eased]) == [one]
    assert hardest([one, never]) == [never]


def test_the_tail_function_is_the_share_above() -> None:
    """Of 1, 2, 3, 4: three quarters lie above 1, none above 4; the unanswered fifth call lies above all."""
    values, shares = beyond(np.array([3.0, 1.0, 4.0, 2.0]))
    assert values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert shares.tolist() == [0.75, 0.5, 0.25, 0.0]
    values, shares = beyond(np.array([3.0, np.inf, 1.0, 4.0, 2.0]))
    assert values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert shares[-1] == pytest.approx(0.2)
    assert [len(part) for part in beyond(np.zeros(0))] == [0, 0]


def test_long_curves_are_thinned_but_for_their_tail() -> None:
    values, shares = beyond(np.arange(100_000.0))
    assert len(values) <= POINTS + TAIL
    assert (values[-TAIL:] == np.arange(100_000.0 - TAIL, 100_000.0)).all()
    np.testing.assert_allclose(shares, 1 - (values + 1) / 100_000)


def test_replicas_that_serve_are_counted_over_time(seen: Session) -> None:
    """Replica 0 is away from 60 to 60 + 20 + 10 s, replica 1 from 70 s for good."""
    (one,) = seen.seen
    times, counts = replicas_up(one)
    assert times.tolist() == [0.0, 60.0, 70.0, 90.0, one.job.end]
    assert counts.tolist() == [3.0, 2.0, 1.0, 2.0, 2.0]


def test_it_is_drawn_without_the_users_settings(seen: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    before = draw(seen, ".svg")
    monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 9.0)
    assert draw(seen, ".svg") == before
    assert mpl.rcParams["lines.linewidth"] == 9.0
