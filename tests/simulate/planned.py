"""Small plans to be simulated, and machines that turn out slower than their plan takes them to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.pipeline import plan_as_stated
from planner.plan.basis import Basis
from planner.simulate import judge
from planner.simulate.engine import Engine

MINI = {"instances": {"allow": ["shop/mini-1"]}, "offers": {"allow": ["on_demand"]}}
"""One kind of machine, at $0.8/h a replica."""

TERMS = ("host", "host_sequence", "weights", "experts", "flops", "kv", "attention", "comm", "prompt_host", "prompt_request")
"""What an iteration's time is made of."""


def tight(name: str = "chat", target: str = "30ms", **more: Any) -> dict[str, Any]:
    """A chat of 9 calls/s with one promise; `more` makes it a soft one."""
    return tiny.workload(name, "9 req/s", objectives=[{"metric": "tpot", "percentile": 95, "target": target, **more}])


def load(folder: Path, *workloads: dict[str, Any], **fields: Any) -> LoadedProblem:
    return tiny.load(folder, tiny.problem(*workloads, **{"choose": MINI, **fields}))


def planned(folder: Path, *workloads: dict[str, Any], **fields: Any) -> Basis:
    """Return a plan beside its problem."""
    loaded = load(folder, *workloads, **fields)
    return Basis(plan_as_stated(loaded, lambda _: None), loaded)


def slow_down(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Let every iteration that is simulated last longer than the plan believes: an optimistic formula, as seen from there."""
    real = judge.engine_of

    def slower(*parts: Any) -> Engine:
        made = real(*parts)
        return replace(made, step=replace(made.step, **{name: getattr(made.step, name) * factor for name in TERMS}))

    monkeypatch.setattr(judge, "engine_of", slower)
