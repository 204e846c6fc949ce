"""How a replica runs under a mix of streams."""

from __future__ import annotations

import numpy as np
import pytest

from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_flows
from planner.domain.plan import Plan
from planner.perf.capacity import state_at_rate
from planner.perf.tails import latencies
from planner.plan.predict import Replicas

Case = tuple[Plan, LoadedProblem]


def replicas(case: Case) -> Replicas:
    plan, loaded = case
    pool = plan.pools[0]
    streams = build_flows(loaded.problem, loaded.base).streams
    problem = loaded.problem
    settings = problem.operations, problem.solver.confidence
    return Replicas(loaded.catalog, pool.deployment, pool.instance, streams, *settings)


def test_the_mix_of_one_stream_is_that_stream(mixed: Case) -> None:
    made = replicas(mixed)
    seen = made.operate({"chat": 2.0}, 1)
    alone = state_at_rate(made.compiled.step, made.compiled.traffic[0], made.compiled.replica, np.array([2.0]))
    for name in ("sequences", "iteration", "decode", "prompt_wait"):
        assert getattr(seen.state, name) == pytest.approx(getattr(alone, name), rel=1e-9)
    direct = latencies(alone, made.compiled.traffic[0], made.compiled.replica.host)
    for metric in ("ttft", "tpot", "e2e"):
        assert seen.seen["chat"].percentile(metric, 95.0) == pytest.approx(direct.percentile(metric, 95.0), rel=1e-6)


def test_two_streams_of_the_same_calls_are_one(mixed: Case) -> None:
    """Chat and code ask for the same lengths, so only their sum matters."""
    made = replicas(mixed)
    together, alone = made.operate({"chat": 1.0, "code": 1.5}, 1), made.operate({"chat": 2.5}, 1)
    assert together.state.sequences == pytest.approx(alone.state.sequences, rel=1e-9)
    assert together.seen["code"].percentile("tpot", 95.0) == pytest.approx(alone.seen["chat"].percentile("tpot", 95.0), rel=1e-9)


def test_more_load_is_slower_and_too_much_is_said_so(mixed: Case) -> None:
    made = replicas(mixed)
    some, much = made.operate({"chat": 1.0}, 1), made.operate({"chat": 4.0}, 1)
    assert much.seen["chat"].percentile("tpot", 95.0) > some.seen["chat"].percentile("tpot", 95.0)
    assert max(some.strain.values()) < max(much.strain.values())
    assert made.operate({"chat": 500.0}, 1).strain["load"] > 1.0


def test_the_plan_states_what_is_predicted(single: Case) -> None:
    plan, _ = single
    made = replicas(single)
    (load,) = plan.pools[0].loads
    rate = sum(share.rate for share in plan.pools[0].shares) / load.replicas
    seen = made.operate({"chat": rate}, load.replicas)
    assert load.iteration == pytest.approx(float(seen.state.iteration[0]))
    (promise,) = [promise for promise in plan.promises if promise.metric == "tpot" and promise.route == "P1"]
    assert promise.predicted == pytest.approx(float(seen.seen["chat"].percentile("tpot", 95.0).max()))
    assert 0.0 < seen.prompt_share["chat"] < 1.0


def test_the_kv_figure_is_tokens_of_memory(single: Case) -> None:
    """Bytes per token of the small model in bf16: 2 · 24 layers · 4 heads · 128 · 2 B = 49,152; blocks of 16 waste a little."""
    plan, _ = single
    made = replicas(single)
    tokens = float(made.compiled.replica.kv_bytes.max()) / 49_152
    assert plan.pools[0].deployment.model == "org/small"
    assert plan.pools[0].kv_capacity_tokens <= tokens
    assert plan.pools[0].kv_capacity_tokens == pytest.approx(tokens, rel=0.02)


def test_memory_of_a_device_adds_up(mixed: Case) -> None:
    for pool in mixed[0].pools:
        memory = pool.memory
        assert memory.weights + memory.activations + memory.runtime + memory.kv == pytest.approx(memory.total)
