"""The pessimistic edge: what confidence asks for, what it costs, and that the plan says so."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from planner.catalog.load import load_builtin
from planner.catalog.problem import load_problem
from planner.domain.plan import Plan
from planner.pipeline import plan_problem
from planner.plan.basis import Basis
from planner.plan.doubt import basis_of, edge_of
from planner.plan.predict import Replicas
from planner.plan.strain import holds
from planner.plan.verify import verify

PROBLEMS = Path(__file__).parents[2] / "problems"


def loaded(name: str, confidence: float):
    found = load_problem(PROBLEMS / f"{name}.yaml")
    solver = found.problem.solver.model_copy(update={"confidence": confidence})
    return replace(found, problem=found.problem.model_copy(update={"solver": solver}))


@cache
def solved(name: str, confidence: float) -> Plan:
    return plan_problem(loaded(name, confidence), progress=lambda _: None)


def test_more_confidence_never_costs_less() -> None:
    costs = [solved("long-documents", confidence).cost.total for confidence in (0.5, 0.8, 0.95)]
    slack = 1.0 - loaded("long-documents", 0.5).problem.solver.gap
    assert costs[0] * slack <= costs[1]
    assert costs[1] * slack <= costs[2]
    assert costs[2] > costs[0]


def spared(name: str) -> float:
    """Share of its accelerator-hours a plan could do without at the predicted times, counted replica by replica."""
    plan, case = solved(name, 0.8), loaded(name, 0.8)
    basis = Basis(plan, case)
    streams, operations = list(basis.streams.values()), case.problem.operations
    whole = saved = 0.0
    for pool in plan.pools:
        plain = Replicas(case.catalog, pool.deployment, pool.instance, streams, operations, 0.5)
        for load in pool.loads:
            rates = {share.stream: share.rate for share in pool.shares if share.period == load.period}
            count = working = load.replicas - operations.spare_replicas
            while count > 1 and rates and holds(plain.operate({n: r / (count - 1) for n, r in rates.items()}, working), plain):
                count -= 1
            hours = pool.deployment.layout.gpus * plan.periods[load.period]
            whole, saved = whole + load.replicas * hours, saved + (working - count) * hours
    return saved / whole


def test_the_plan_says_what_confidence_costs() -> None:
    said = [reason for reason in solved("voice-assistant", 0.8).reasons if "solver.confidence" in reason]
    assert len(said) == 1
    assert "80% of comparable measurements" in said[0]
    share = spared("voice-assistant")
    assert share > 0
    assert f"{share:.0%} fewer accelerators" in said[0]
    assert not [reason for reason in solved("voice-assistant", 0.5).reasons if "solver.confidence" in reason]


def test_a_plan_at_the_edge_is_checked_at_the_edge() -> None:
    # A plan made without doubt holds when checked without, and breaks promises when checked with it.
    plain = solved("long-documents", 0.5)
    assert verify(plain, loaded("long-documents", 0.5)) == []
    assert verify(plain, loaded("long-documents", 0.95)) != []


def test_the_edge_follows_the_evidence() -> None:
    catalog = load_builtin()
    deployment = solved("long-documents", 0.8).pools[0].deployment
    assert edge_of(catalog, deployment, 0.5) == (1.0, 1.0)
    iteration, waiting = edge_of(catalog, deployment, 0.8)
    assert 1.0 < iteration < edge_of(catalog, deployment, 0.95)[0]
    assert waiting > 1.0
    ratios = catalog.evidence["shared/any"].tpot
    assert edge_of(catalog, deployment.model_copy(update={"accelerator": "mi300x"}), 0.9)[0] == pytest.approx(ratios.p90)


def test_what_the_edge_rests_on_is_said() -> None:
    catalog = load_builtin()
    deployment = solved("long-documents", 0.8).pools[0].deployment
    assert "measurements of b200-sxm under vllm" in basis_of(catalog, deployment)
    elsewhere = deployment.model_copy(update={"accelerator": "mi300x"})
    assert "measurements of other accelerators" in basis_of(catalog, elsewhere)
    assert basis_of(catalog.model_copy(update={"evidence": {}}), deployment).startswith("no measurement")
