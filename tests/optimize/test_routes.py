"""Of equal plans the one with the fewest routes and the most even headroom: by hand, and what must hold for any program."""

from __future__ import annotations

import numpy as np
import pytest
from programs import program, random_program

from planner.optimize.bounds import allowed, bounds
from planner.optimize.incumbent import keeps_limits
from planner.optimize.model import Point, decided
from planner.optimize.objective import objective
from planner.optimize.program import Program
from planner.optimize.routes import fewest_routes
from planner.optimize.solve import solve
from planner.optimize.tidy import loads


def routed(given: Program, point: Point) -> Point:
    return fewest_routes(given, point, seconds=20, seed=0)


def plan(flow: list[list[float]], replicas: list[int], machines: list[int], apis: list[list[float]] | None = None) -> Point:
    """A point of one period: flow [R][K], API flow [R][A]."""
    api = np.zeros((len(flow), 0, 1)) if apis is None else np.array(apis, float)[:, :, None]
    return Point(
        np.array(flow, float)[:, :, None],
        api,
        np.array(replicas, float)[:, None],
        np.array(machines, float)[:, None],
        np.zeros(0),
    )


def test_crumbs_are_swept_up() -> None:
    """Loads of 0.9 and 0.6 fit on a pool each: a split would be more even, but it is not needed."""
    two = program(rate=[[0.9], [0.6]], demand=[[[1, 1], [1, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1])
    made = routed(two, plan([[0.87, 0.03], [0.03, 0.57]], [1, 1], [2]))
    assert np.count_nonzero(made.flow) == 2
    assert made.flow.sum(axis=1)[:, 0] == pytest.approx([0.9, 0.6])


def test_a_split_that_is_needed_stays_and_is_even() -> None:
    """1.2 replicas' load on two pools of one replica: 1.0 and 0.2 leave no headroom where 0.7 and 0.5 do."""
    two = program(rate=[[1.2]], demand=[[[1, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1])
    made = routed(two, plan([[1.0, 0.2]], [1, 1], [2]))
    assert np.count_nonzero(made.flow) == 2
    assert loads(two, made.flow).max() <= 0.7 + 1e-6


def test_a_pool_left_without_calls_is_closed() -> None:
    """A crumb of 0.1 in a pool of its own fits beside the rest on the other: half the machines are given back."""
    two = program(rate=[[0.9]], demand=[[[1, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1])
    made = routed(two, plan([[0.8, 0.1]], [1, 1], [2]))
    assert made.replicas.sum() == 1
    assert made.machines.sum() == 1


def test_a_dearer_route_is_no_tidier() -> None:
    """A stream of 1.5 on one replica, the rest to an API: one route less would send all of it to the API, for money."""
    paid = program(rate=[[1.5]], api_cost=[[0.01]], limit=[1])
    before = plan([[1.0]], [1], [1], [[0.5]])
    made = routed(paid, before)
    assert objective(paid, made) == pytest.approx(objective(paid, before), rel=1e-6)
    assert made.flow[0, 0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(30))
def test_nothing_is_lost_and_nothing_dearer(seed: int) -> None:
    given = random_program(seed)
    found = solve(given, gap=1e-7, time_limit=20, seed=0, progress=lambda _: None)
    if not np.isfinite(found.objective):
        pytest.skip("this random program has no plan")
    before = decided(found)
    made, again = routed(given, before), routed(given, before)
    assert objective(given, made) <= objective(given, before) * (1 + 1e-6)
    assert np.count_nonzero(made.flow) + np.count_nonzero(made.api_flow) <= np.count_nonzero(before.flow) + np.count_nonzero(
        before.api_flow
    )
    served = made.flow.sum(axis=1) + made.api_flow.sum(axis=1)
    cycle = (served * given.hours).sum(axis=1)
    assert cycle == pytest.approx((given.rate * given.hours).sum(axis=1), rel=1e-6)
    assert served[~given.movable] == pytest.approx(given.rate[~given.movable], rel=1e-6)
    assert not made.flow[~allowed(given)].any()
    working = np.maximum(made.replicas - given.pools.spare[:, None], 0.0)
    assert (loads(given, made.flow) <= working + 1e-6).all()
    assert (np.einsum("lra,rat->lat", given.apis.limits, made.api_flow) <= 1 + 1e-6).all()
    assert keeps_limits(given, bounds(given), made)
    assert (made.flow == again.flow).all()
    assert (made.replicas == again.replicas).all()
