"""Columns evaluated in chunks equal rows evaluated one by one, and screening never understates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.candidates import evaluate
from planner.candidates.build import Search
from planner.candidates.evaluate import hard_targets, soft_targets
from planner.domain.calls import Objective
from planner.perf.limits import Target


def test_chunks_change_nothing(whole: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(len(whole.space))
    together = whole.evaluator.solve(rows, 0, whole.evaluator.targets[0])
    monkeypatch.setattr(evaluate, "CHUNK", 3)
    apart = whole.evaluator.solve(rows, 0, whole.evaluator.targets[0])
    assert np.array_equal(together.feasible, apart.feasible)
    assert np.array_equal(together.state.rate, apart.state.rate)


def test_one_row_equals_the_column(whole: Search) -> None:
    rows = np.arange(len(whole.space))
    column = whole.evaluator.solve(rows, 0, whole.evaluator.targets[0])
    for row in (0, len(rows) - 1):
        alone = whole.evaluator.solve(np.array([row]), 0, whole.evaluator.targets[0])
        assert alone.state.rate[0] == column.state.rate[row]


def test_no_capacity_exceeds_what_screening_allows(whole: Search) -> None:
    rows = np.arange(len(whole.space))
    for r in range(len(whole.streams)):
        seen = whole.evaluator.screen(rows, whole.eligible)
        found = whole.evaluator.solve(rows, r, whole.evaluator.targets[r])
        mine = whole.eligible[r] & found.feasible
        assert mine.any()
        assert np.all(seen.least[:, r, mine].max(axis=0) * found.state.rate[mine] <= 1.0 + 1e-6)


def test_targets_of_a_stream(whole: Search) -> None:
    stream = replace(
        whole.streams[0],
        objectives=(
            Objective(metric="ttft", percentile=95, target="2s"),
            Objective(metric="tpot", percentile=90, target="50ms", price_per_miss="$0.1"),
        ),
    )
    assert hard_targets(stream) == [Target("ttft", 95.0, 2.0)]
    assert soft_targets(stream) == [(Target("tpot", 90.0, 0.05), 0.1)]
    batch = replace(stream, objectives=(), deadline=600.0)
    assert hard_targets(batch) == [Target("e2e", 99.0, 600.0)]
    assert hard_targets(replace(batch, movable=True)) == []
