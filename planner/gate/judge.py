"""Holds a plan against every rule of a policy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from planner.domain.plan import Plan
from planner.domain.policy import Policy
from planner.gate import cost, places, proof, service, size
from planner.gate.finding import Evidence, Finding, Unknown
from planner.plan.verify_choices import choices

Rule = Callable[[Evidence, Any], Iterator[Finding | Unknown]]
"""Yields what is found of a plan, given the limit that the policy holds."""

CHECKS: dict[str, Rule] = {
    "budget": cost.budget,
    "max_cost_per_1m": cost.cost_per_1m,
    "max_workload_cost_per_1m": cost.workload_cost_per_1m,
    "max_increase": cost.increase,
    "max_commitment": cost.commitment,
    "min_headroom": service.headroom,
    "min_margin": service.margin,
    "simulated": service.simulated,
    "max_gap": proof.gap,
    "require_complete": proof.complete,
    "catalog_digest": proof.digest,
    "max_age": proof.age,
    "max_gpus": size.gpus,
    "max_pools": size.pools,
    "allow_seller": places.sellers,
    "allow_region": places.regions,
}
"""Rule → how it is checked."""


@dataclass(frozen=True)
class Judgement:
    """What came of all rules."""

    findings: tuple[Finding, ...]
    """Rules that were checked."""
    unknown: tuple[Unknown, ...]
    """Rules that could not be."""

    @property
    def broken(self) -> tuple[Finding, ...]:
        """Rules that the plan does not keep."""
        return tuple(one for one in self.findings if not one.kept)

    @property
    def holds(self) -> bool:
        """Whether every rule was checked and is kept."""
        return not (self.broken or self.unknown)


def judge(evidence: Evidence, policy: Policy) -> Judgement:
    """Hold a plan against a policy.

    Parameters
    ----------
    evidence : Evidence
        The plan, the day, and the plan it is compared with.
    policy : Policy
        The rules; only those given are checked.

    Returns
    -------
    Judgement
        One finding a rule, in the order of the policy's fields; those whose figure the plan does not hold are apart.
    """
    wrong = [*_unfinite("the plan", evidence.plan), *_unfinite("the plan compared with", evidence.baseline)]
    wrong = wrong or list(_contradictory(evidence.plan))
    if wrong:
        return Judgement((), tuple(wrong))
    found = [one for rule in policy.asked for one in CHECKS[rule](evidence, getattr(policy, rule))]
    findings = tuple(one for one in found if isinstance(one, Finding))
    return Judgement(findings, tuple(one for one in found if isinstance(one, Unknown)))


def _unfinite(what: str, plan: Plan | None) -> Iterator[Unknown]:
    """Yield figures that are no numbers: no rule could be trusted on them."""
    for path in () if plan is None else _paths(plan.model_dump()):
        yield Unknown(
            path, f"{what} holds a figure that is no finite number", "make it again: planner solve PROBLEM.yaml -o plan"
        )


def _contradictory(plan: Plan) -> Iterator[Unknown]:
    """Yield what was found around the plan and cannot be true beside it: someone has changed its figures."""
    for failure in choices(plan):
        yield Unknown("alternatives", failure, "find it again: planner explore PLAN.json")


def _paths(node: Any, path: str = "") -> Iterator[str]:
    """Yield where floats stand that are not finite."""
    if isinstance(node, float):
        if not math.isfinite(node):
            yield path
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _paths(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list | tuple):
        for index, inner in enumerate(node):
            yield from _paths(inner, f"{path}[{index}]")
