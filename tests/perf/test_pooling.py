"""What company takes away from a replica: limits by hand, and that more of it never hurts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from loads import calls, replicas, steps

from planner.perf.capacity import solve, state_at_rate
from planner.perf.pooling import BLIND, UNEVEN, crowding_share, jitter_share, waiting_share
from planner.perf.tails import METRICS, latencies


def test_a_replica_alone_bears_everything() -> None:
    for share in (crowding_share, waiting_share, jitter_share):
        assert share(np.ones(1))[0] == 1.0


def test_what_endless_company_leaves() -> None:
    """Crowds are dealt out to nothing; a prompt still meets others, for the balancer does not see how long they are."""
    endless = np.full(1, 1e12)
    assert crowding_share(endless)[0] == pytest.approx(0.0)
    assert waiting_share(endless)[0] == pytest.approx(BLIND)
    assert jitter_share(endless)[0] == pytest.approx(UNEVEN)


@settings(max_examples=60, deadline=None)
@given(step=steps(), part=calls(), place=replicas())
def test_more_company_never_slows_the_mean(step, part, place):
    """Percentiles may grow by a hair: beside fewer decoding calls a prompt shares its batch with fewer, and chunks are longer."""
    capacity = solve(step, part, place, [])
    assume(capacity.feasible[0])
    rate = 0.8 * capacity.state.rate
    seen = []
    for n in (1.0, 3.0, 12.0):
        pooled = replace(place, pooled=np.full(1, n))
        seen.append(latencies(state_at_rate(step, part, pooled, rate), part, pooled.host))
    for metric in METRICS:
        means = [float(getattr(one, metric).mean[0]) for one in seen]
        assert means[1] <= means[0] * (1 + 1e-4)
        assert means[2] <= means[1] * (1 + 1e-4)
