"""Programs without a plan, and the smallest change that gives them one."""

from __future__ import annotations

import numpy as np
import pytest
from programs import program

from planner.optimize.diagnose import Shortfall, diagnose
from planner.optimize.program import GpuLimit, Program


def only(given_program: Program) -> Shortfall:
    (answer,) = diagnose(given_program)
    return answer


def test_quota() -> None:
    # 2.5 replicas of 8 GPUs: 24, where 16 are allowed.
    quota = (GpuLimit("limits.quotas[0]", np.array([True]), 16),)
    answer = only(program(rate=[[2.5]], pool_gpus=[8], cell_gpus=[8], hourly=[20], gpu_limits=quota))
    assert answer == Shortfall("gpu_limit", "limits.quotas[0]", 16, 24.0, 60.0)


def test_quota_that_makes_way_for_a_frugal_plan() -> None:
    # The cheap pool needs 4 GPUs, the dear one 2; the least quota is what the frugal plan uses, not the cheap one.
    quota = (GpuLimit("q", np.array([True, True]), 1),)
    given_program = program(
        rate=[[2]], demand=[[[2, 1]]], pool_cell=[0, 1], pool_gpus=[1, 1], cell_gpus=[1, 1],
        buy_cell=[0, 1], hourly=[1, 9], gpu_limits=quota,
    )  # fmt: skip
    assert only(given_program) == Shortfall("gpu_limit", "q", 1, 2.0, 18.0)


def test_budget_power_purchase_api_pools() -> None:
    assert only(program(rate=[[3]], budget=2)) == Shortfall("budget", "budget", 2, 3.0, 3.0)
    assert only(program(rate=[[3]], power=2500)).needed == pytest.approx(3000)
    assert only(program(rate=[[3]], limit=[1])) == Shortfall("purchase_limit", "b0", 1, 3.0, 3.0)
    unserved = program(rate=[[3]], demand=[[[np.inf]]], api_cost=[[1e-3]], api_limit=[2])
    assert only(unserved).needed == pytest.approx(3.0, rel=1e-3)
    two = program(rate=[[1], [1]], demand=[[[1, np.inf], [np.inf, 1]]], pool_cell=[0, 0], pool_gpus=[1, 1], max_pools=1)
    assert only(two) == Shortfall("max_pools", "max_pools", 1, 2.0, 2.0)


def test_stream_that_nothing_may_serve() -> None:
    assert only(program(demand=[[[np.inf]]])) == Shortfall("stream", "s0", 0.0, None, np.inf)


def test_two_limits_at_once() -> None:
    # Neither alone helps: three machines break both.
    answers = diagnose(program(rate=[[3]], limit=[1], power=2000))
    assert [(a.kind, a.name, a.needed) for a in answers] == [
        ("purchase_limit", "b0", None),
        ("power", "power", None),
        ("all", "b0", 3.0),
        ("all", "power", 3000.0),
    ]
