"""Levers by brute force: every set of them written into the problem by hand and solved as a problem that has none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.domain.problem import Problem
from planner.errors import Infeasible
from planner.pipeline import solve_as_stated

READ = {"source": "test", "as_of": "2026-01"}


@dataclass(frozen=True)
class Pull:
    """A lever as a problem offers it, and what it does to a workload of a single call."""

    name: str
    fee: float = 0.0
    """[$/h]"""
    calls: float = 1.0
    inputs: float = 1.0
    outputs: float = 1.0
    keeps: float = 1.0

    def offered(self) -> dict[str, Any]:
        def one(value: float) -> dict[str, float]:
            return {"low": value, "high": value}

        effect = {"calls": self.calls, "input_tokens": self.inputs, "output_tokens": self.outputs, "quality": self.keeps}
        option = {"name": "on", "hourly": f"${self.fee}/h", "effects": [{key: one(value) for key, value in effect.items()}]}
        return {"name": self.name, "kind": "other", "options": [option], **READ}


@dataclass(frozen=True)
class Asked:
    """A workload of constant lengths and what is offered to it."""

    name: str
    rate: float
    inputs: float
    outputs: float
    floor: float
    pulls: tuple[Pull, ...]

    def written(self, pulls: tuple[Pull, ...], *, offered: tuple[Pull, ...] = ()) -> dict[str, Any]:
        rate, inputs, outputs, floor = self.rate, self.inputs, self.outputs, self.floor
        for pull in pulls:
            rate, inputs, outputs, floor = rate * pull.calls, inputs * pull.inputs, outputs * pull.outputs, floor / pull.keeps
        return {
            "name": self.name,
            "demand": {"rate": f"{rate!r} req/s"},
            "input_tokens": {"mean": inputs},
            "output_tokens": {"mean": outputs},
            "quality": [{"benchmark": "exam", "at_least": floor}],
            "levers": [pull.offered() for pull in offered],
        }


Names = tuple[tuple[str, ...], ...]
"""Of each workload the levers pulled."""


def solve(loaded: LoadedProblem, *workloads: dict[str, Any]) -> tuple[float, Names]:
    """Return the least cost of some workloads in place of a problem's, and what is pulled; infinite if there is no plan."""
    stated = {"apiVersion": "planner/v1", "metadata": {"name": "brute"}, "workloads": list(workloads)}
    problem = loaded.problem.model_copy(update={"workloads": Problem.model_validate(stated).workloads})
    try:
        solved = solve_as_stated(replace(loaded, problem=problem), lambda _: None)
    except Infeasible:
        return float("inf"), ()
    taken = {solved.search.ways[index].workload: solved.search.ways[index] for index in solved.taken}
    names = tuple(tuple(lever for lever, _ in taken[each["name"]].settings) for each in workloads)
    return solved.outcome.objective, names


def sets(asked: Asked) -> Iterator[tuple[Pull, ...]]:
    """Yield every set of the levers offered to a workload."""
    for count in range(len(asked.pulls) + 1):
        yield from itertools.combinations(asked.pulls, count)


def by_hand(loaded: LoadedProblem, *asked: Asked) -> list[tuple[float, Names]]:
    """Return the cost of every combination, the cheapest first."""
    found = []
    for each in itertools.product(*(sets(one) for one in asked)):
        cost, _ = solve(loaded, *(one.written(pulls) for one, pulls in zip(asked, each, strict=True)))
        fees = sum(pull.fee for pulls in each for pull in pulls)
        found.append((cost + fees, tuple(tuple(pull.name for pull in pulls) for pulls in each)))
    return sorted(found)


def by_planner(loaded: LoadedProblem, *asked: Asked) -> tuple[float, Names]:
    """Return the cost and the levers pulled where all are offered at once."""
    return solve(loaded, *(one.written((), offered=one.pulls) for one in asked))
