"""What company takes away from a replica: limits by hand, and that more of it never hurts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from loads import calls, replicas, steps

from planner.perf.capacity import solve, state_at_rate
from planner.perf.pooling import BLIND, UNEVEN, company, crowding_share, dealt_burstiness, jitter_share, waiting_share
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


@pytest.mark.parametrize(
    ("balancer", "evened", "borne"),
    [("least_loaded", 4, 5.0), ("round_robin", 1, 1.25), ("random", 1, 2.0), ("prefix_aware", 1, 2.0)],
)
def test_what_a_balancer_leaves_of_a_burst(balancer, evened, borne):
    """c_a² = 5 over 4 replicas: 5/4 in turn, 1 + 4/4 by chance; whole, and evened out, by one that looks."""
    assert company(4, balancer) == evened
    assert dealt_burstiness(np.array([5.0]), 4, balancer)[0] == borne


def test_only_a_balancer_makes_arrivals_smooth():
    """Users that take turns (c_a² = 0.2) are taken as random; every fourth call of random ones comes with c² = 1/4."""
    turns = np.array([0.2])
    assert dealt_burstiness(turns, 4, "least_loaded")[0] == 1.0
    assert dealt_burstiness(turns, 4, "random")[0] == 1.0
    assert dealt_burstiness(turns, 4, "round_robin")[0] == 0.25


def test_splitting_agrees_with_sampled_gaps():
    """Gamma gaps, dealt in turn and by chance to 4 replicas: variance over squared mean of what one of them sees."""
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.gamma(1 / 3.0, 3.0, 2_000_000))

    def scatter(chosen):
        gaps = np.diff(times[chosen])
        return gaps.var() / gaps.mean() ** 2

    whole = np.array([3.0])
    assert scatter(np.arange(len(times)) % 4 == 0) == pytest.approx(dealt_burstiness(whole, 4, "round_robin")[0], rel=0.02)
    assert scatter(rng.random(len(times)) < 0.25) == pytest.approx(dealt_burstiness(whole, 4, "random")[0], rel=0.02)


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
