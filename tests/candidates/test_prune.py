"""Removing dominated pools never changes the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from programs import random_program

from planner.candidates.prune import undominated
from planner.optimize.program import Program
from planner.optimize.solve import solve


def optimum(program: Program) -> float:
    return solve(program, gap=0.0, time_limit=20.0, seed=0, progress=lambda _: None).objective


def kept(program: Program, keep: np.ndarray) -> Program:
    pools, index = program.pools, np.flatnonzero(keep)
    fewer = replace(
        pools,
        name=tuple(pools.name[k] for k in index),
        cell=pools.cell[index],
        gpus=pools.gpus[index],
        demand=pools.demand[:, :, index],
        call_cost=pools.call_cost[:, index],
        least=pools.least[index],
        spare=pools.spare[index],
        most=pools.most[index],
        family=pools.family[index],
        sold=pools.sold[index],
    )
    return replace(program, pools=fewer)


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_survives(seed: int) -> None:
    """Every pool stands in one cell only, so its cell is its hardware; a worse twin of each joins the program."""
    program = random_program(seed, pools=4)
    rng = np.random.default_rng(seed)
    pools, count = program.pools, len(program.pools.name)
    twin = rng.integers(0, count, count)
    program = replace(
        program,
        pools=replace(
            pools,
            name=(*pools.name, *(f"twin{k}" for k in range(count))),
            cell=np.concatenate([pools.cell, pools.cell[twin]]),
            gpus=np.concatenate([pools.gpus, pools.gpus[twin]]),
            demand=np.concatenate([pools.demand, pools.demand[:, :, twin] * rng.uniform(1.0, 1.5, count)], axis=2),
            call_cost=np.concatenate([pools.call_cost, pools.call_cost[:, twin]], axis=1),
            least=np.concatenate([pools.least, pools.least[twin]]),
            spare=np.concatenate([pools.spare, pools.spare[twin]]),
            most=np.concatenate([pools.most, pools.most[twin]]),
            family=np.arange(2 * count),
            sold=np.zeros(2 * count, dtype=bool),
        ),
    )
    hosts = np.eye(len(program.cells.name), dtype=bool)
    keep = undominated(
        program.pools.cell,
        hosts,
        program.pools.gpus,
        program.pools.demand,
        program.pools.call_cost,
        program.pools.least,
        np.zeros((0, len(program.pools.name))),
    )
    useful = np.isfinite(program.pools.demand).all(axis=0).any(axis=0)
    assert keep.sum() <= useful[:count].sum()
    before = optimum(program)
    after = optimum(kept(program, keep)) if keep.any() else np.inf
    if keep.any():
        assert after == pytest.approx(before, rel=1e-6) or (np.isinf(after) and np.isinf(before))


def undominated_of(
    demand: list[float],
    gpus: list[int],
    machine: list[int],
    hosts: list[list[bool]],
    cost: list[float],
    fewest: list[int] | None = None,
) -> list[bool]:
    count = len(demand)
    need = np.array(demand, dtype=float).reshape(1, 1, count)
    least, costs = np.array(fewest or [1] * count), np.array(cost).reshape(1, count)
    found = undominated(
        np.array(machine), np.array(hosts, dtype=bool), np.array(gpus), need, costs, least, np.zeros((0, len(machine)))
    )
    return found.tolist()


def test_of_equal_pools_one_stays() -> None:
    assert undominated_of([0.5, 0.5, 0.5], [1, 1, 1], [0, 0, 0], [[True]], [0.0] * 3) == [True, False, False]


def test_a_pool_that_needs_more_company_does_not_replace_one_that_needs_less() -> None:
    assert undominated_of([0.5, 0.6], [1, 1], [0, 0], [[True]], [0.0, 0.0], fewest=[4, 1]) == [True, True]
    assert undominated_of([0.5, 0.6], [1, 1], [0, 0], [[True]], [0.0, 0.0], fewest=[1, 4]) == [True, False]


@pytest.mark.parametrize(
    ("demand", "gpus", "cost", "keep"),
    [
        ([0.5, 0.6], [1, 1], [0.0, 0.0], [True, False]),
        ([0.5, 0.6], [2, 1], [0.0, 0.0], [True, True]),  # smaller in accelerators
        ([0.5, 0.6], [1, 1], [1.0, 0.0], [True, True]),  # fewer misses
        ([0.5, np.inf], [1, 1], [0.0, 0.0], [True, False]),  # serves nobody
    ],
)
def test_any_advantage_keeps_a_pool(demand: list[float], gpus: list[int], cost: list[float], keep: list[bool]) -> None:
    assert undominated_of(demand, gpus, [0, 0], [[True]], cost) == keep


@pytest.mark.parametrize(
    ("hosts", "keep"),
    [
        ([[True, True], [True, False]], [True, False]),  # the better one can stand wherever the worse one can
        ([[True, False], [True, True]], [True, True]),
        ([[True, False], [False, True]], [True, True]),
    ],
)
def test_a_pool_only_yields_where_the_better_one_can_stand(hosts: list[list[bool]], keep: list[bool]) -> None:
    assert undominated_of([0.5, 0.6], [1, 1], [0, 1], hosts, [0.0, 0.0]) == keep
