"""Ten workloads with six levers each over the full catalogs, beside the same workloads without: time, gap, ways.

    python benchmarks/bench_levers.py

The levers' figures are assumptions: they only have to make hundreds of ways a workload. Times depend on the machine, so
what counts is the ratio to the solve without levers, made in the same process.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from planner.catalog.problem import LoadedProblem, load_problem
from planner.domain.levers import Lever
from planner.domain.plan import Plan
from planner.pipeline import plan_problem

ROOT = Path(__file__).parents[1]


def span(low: float, high: float) -> dict[str, float]:
    return {"low": low, "high": high}


def lever(kind: str, *options: dict[str, Any]) -> dict[str, Any]:
    named = [{"name": f"option {i + 1}", **option} for i, option in enumerate(options)]
    return {"name": kind.replace("_", " "), "kind": kind, "options": named, "source": "assumed for speed", "as_of": "2026-11"}


def cached(answered: dict[str, float], wrong: dict[str, float]) -> dict[str, Any]:
    return {"answered": answered, "wrong": wrong, "hourly": "$12/h", "delay": {"p95": "30ms"}}


CURVE = [{"escalated": 0.3, "quality": span(0.95, 0.98)}, {"escalated": 0.6, "quality": span(0.98, 1.0)}]

LEVERS = [
    lever("semantic_cache", cached(span(0.04, 0.09), span(0, 0.005)), cached(span(0.09, 0.18), span(0.01, 0.03))),
    lever("prompt_cache", {"hourly": "$1/h", "effects": [{"prefix": {"tokens": 350, "hit_rate": span(0.8, 0.95)}}]}),
    lever(
        "compression", {"per_request": "$0.002/kreq", "effects": [{"input_tokens": span(0.7, 0.78), "quality": span(0.97, 1)}]}
    ),
    lever("token_budget", {"effects": [{"output_tokens": span(0.86, 0.92), "quality": span(0.985, 1)}]}),
    lever("call_budget", {"hourly": "$4/h", "effects": [{"calls": span(0.88, 0.95), "quality": span(0.99, 1)}]}),
    lever("cascade", {"per_request": "$0.001/kreq", "cascade": {"small": ["Qwen/Qwen3-8B"], "points": CURVE}}),
]


def with_levers(loaded: LoadedProblem) -> LoadedProblem:
    """Return the problem with the levers offered to every workload."""
    levers = TypeAdapter(tuple[Lever, ...]).validate_python(LEVERS)
    workloads = tuple(workload.model_copy(update={"levers": levers}) for workload in loaded.problem.workloads)
    return replace(loaded, problem=loaded.problem.model_copy(update={"workloads": workloads}))


def timed(loaded: LoadedProblem) -> tuple[Plan, float]:
    started = time.perf_counter()
    plan = plan_problem(loaded, progress=lambda _: None)
    return plan, time.perf_counter() - started


def main() -> None:
    loaded = load_problem(ROOT / "problems" / "mix-benchmark.yaml").with_solver(time_limit="120s")
    plain, without = timed(loaded)
    plan, took = timed(with_levers(loaded))
    proof = plan.proof
    print(f"without levers  {without:6.1f} s  ${plain.cost.total:,.2f}/h  gap {plain.proof.gap:.2%}")
    print(f"six each        {took:6.1f} s  ${plan.cost.total:,.2f}/h  gap {proof.gap:.2%}  ratio {took / without:.2f}")
    left = f"{proof.ways_priced:,} more priced on the same pools, {proof.ways_left_out:,} left out"
    print(f"{proof.ways} ways compared, {left}")


if __name__ == "__main__":
    main()
