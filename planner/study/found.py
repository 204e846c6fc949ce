"""A set of changes that makes a plan possible, with the plan that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.study.knobs import Knob
from planner.study.switches import Step
from planner.study.words import dollars, listed


@dataclass(frozen=True)
class Found:
    """Changes that together make a plan possible."""

    steps: tuple[Step, ...]
    """What to change."""
    plan: Plan
    """A plan with those changes."""

    def apply(self, problem: Problem) -> Problem:
        """Return the problem with the changes made."""
        for step in self.steps:
            problem = step.apply(problem)
        return problem

    @property
    def order(self) -> tuple[float, float]:
        """Cost of the plan to the cent, then size of the change."""
        return round(self.plan.cost.total, 2), sum(step.size for step in self.steps)

    def __str__(self) -> str:
        """Render as `raise chat TTFT p95 from 300 ms to 410 ms: feasible at $12.30/h with 4 × l40s`."""
        held = [f"{count:,} × {kind}" for kind, count in self.plan.accelerators.items() if count]
        held += [route.api for route in self.plan.external]
        return f"{listed([step.words for step in self.steps])}: feasible at {dollars(self.plan.cost.total)} with {listed(held)}"


def step_to(knob: Knob, value: float) -> Step:
    """Write a number's change as an instruction."""
    size = abs(value - knob.value) / knob.value if knob.value else 1.0
    words = knob.phrase.format(verb=knob.verb, name=knob.name, old=knob.show(knob.value), new=knob.show(value))
    return Step(words, lambda problem: knob.set(problem, value), size, value)
