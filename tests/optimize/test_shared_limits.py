"""Commitments that share a limit: rounded up one by one they may exceed it together."""

from __future__ import annotations

import numpy as np
import pytest
from programs import program

from planner.optimize.program import GpuLimit, Program
from planner.optimize.solve import solve


def shared(seed: int) -> Program:
    """Four commitments that begin one after the other, of which a few may be had together; rented machines beside them."""
    rng = np.random.default_rng(seed)
    active = np.triu(np.ones((4, 4), bool))
    return program(
        rate=[np.cumsum(rng.uniform(0.2, 2.0, 4)).round(2)],
        buy_cell=[0] * 5,
        hourly=[1.0, *rng.uniform(0.3, 0.8, 4).round(2)],
        committed=[False, *[True] * 4],
        active=np.concatenate([np.ones((1, 4), bool), active]),
        gpu_limits=(GpuLimit("available", np.array([False, *[True] * 4]), float(rng.integers(1, 5))),),
        hours=rng.integers(1, 4, 4),
        pool_cost=float(rng.uniform(0, 0.5)),
    )


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(12))
def test_no_plan_exceeds_what_commitments_share(seed: int, gap: float) -> None:
    given = shared(seed)
    outcome = solve(given, gap=gap, time_limit=30.0, seed=0, progress=lambda _: None)
    (limit,) = given.gpu_limits
    assert outcome.machines[limit.purchases].sum(axis=0).max() <= limit.gpus
