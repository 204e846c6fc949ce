"""From one cost to another in steps that add up exactly.

Between two plans: by what is paid for. Between two problems: by what changed, one group of values after the other.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.catalog.problem import LoadedProblem, load_document
from planner.catalog.yamlfile import Document
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.study.difference import MICRO, Difference, between, micros
from planner.study.result import Result, solved
from planner.study.sweep import Course, sweep_all
from planner.study.variant import Variant, with_whole_names

PARTS = {
    "machines": "rounding of machines",
    "apis": "API tokens",
    "provisioned": "API units",
    "misses": "missed soft targets",
    "operations": "operations",
    "levers": "levers",
    "components": "components",
    "carbon": "carbon",
}
"""Parts of a plan's cost, and what they are called."""


@dataclass(frozen=True)
class Step:
    """A part of a difference."""

    name: str
    """What it is."""
    micros: int
    """What it adds, in millionths of a dollar an hour; those of all steps sum to the difference exactly."""
    difference: Difference | None = None
    """What is known of it, where it comes from two solves."""
    note: str = ""
    """Details."""

    @property
    def hourly(self) -> float:
        """What it adds [$/h]."""
        return self.micros / MICRO


@dataclass(frozen=True)
class Bridge:
    """From one cost to another."""

    before: int
    """Cost before, in millionths of a dollar an hour."""
    after: int
    """Cost after."""
    steps: tuple[Step, ...]
    """In order; they sum to after − before."""


# Two plans


def of_plans(before: Plan, after: Plan) -> Bridge:
    """Return what two plans pay for differently: machines purchase by purchase, then every other part of the cost."""
    steps = [*_purchases(before, after)]
    changes = {field: micros(getattr(after.cost, field)) - micros(getattr(before.cost, field)) for field in PARTS}
    changes["machines"] -= sum(step.micros for step in steps)
    steps += [Step(PARTS[field], change) for field, change in changes.items() if change]
    ends = micros(before.cost.total), micros(after.cost.total)
    rest = ends[1] - ends[0] - sum(step.micros for step in steps)
    return Bridge(*ends, (*steps, *([Step("rounding", rest)] if rest else [])))


def _purchases(before: Plan, after: Plan) -> Iterator[Step]:
    """Yield what is paid for each kind of machine and way to pay, before and after."""
    held = [_held(plan) for plan in (before, after)]
    for key in dict.fromkeys([*held[0], *held[1]]):
        (cost, most), (now, then) = (one.get(key, (0, 0)) for one in held)
        kind, instance, region = key
        note = f"{most} → {then} machines" if most != then else f"{most} machines"
        if now != cost:
            yield Step(f"{instance} {kind.replace('_', ' ')} in {region}", now - cost, note=note)


def _held(plan: Plan) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Return cost in millionths and most machines at any time by kind, machine and region."""
    costs: dict[tuple[str, str, str], float] = {}
    counts: dict[tuple[str, str, str], dict[str, int]] = {}
    for buy in plan.purchases:
        key = (buy.kind, buy.instance, buy.region)
        costs[key] = costs.get(key, 0.0) + buy.cost
        held = counts.setdefault(key, {})
        for period, count in buy.machines.items():
            held[period] = held.get(period, 0) + count
    return {key: (micros(cost), max(counts[key].values(), default=0)) for key, cost in costs.items()}


# Two problems


@dataclass(frozen=True)
class Group:
    """Values of a problem file that are changed together."""

    name: str
    """In the user's words."""
    sections: tuple[str, ...] = ()
    """Sections of the file."""
    fields: tuple[str, ...] = ()
    """Fields of workloads."""


GROUPS = (
    Group("prices and other facts", ("catalogs",)),
    Group("time", ("periods", "horizon", "scenarios")),
    Group("demand", fields=("demand", "retries", "personalized")),
    Group("token lengths and prefixes", fields=("input_tokens", "output_tokens", "shared_prefix")),
    Group("latency promises", fields=("objectives", "deadline")),
    Group("quality floors", fields=("quality",)),
    Group("data rules", fields=("data", "interruptible")),
    Group("what may be chosen", ("choose",), ("choose", "pools")),
    Group("stages and levers", ("stores",), ("stages", "levers")),
    Group("limits", ("limits",)),
    Group("operations", ("operations",)),
    Group("finance and energy", ("finance", "energy")),
    Group("solver", ("solver",)),
)
"""The order in which a problem is changed into another; workloads that come or go, and whatever else differs, come last."""
WORKLOADS = "workloads that come or go"
REST = "names and the rest"
_BEFORE = "as it was"
"""Name of the first problem among those that are solved."""


def of_problems(before: LoadedProblem, after: LoadedProblem, course: Course) -> Bridge:
    """Return what each group of changed values adds to the cost: they are changed one group after the other.

    Every problem on the way is known beforehand, so all are solved at once. A group after which there is no valid problem, or no
    plan, is changed together with the next. What a step adds depends on those before it; the order is always that of `GROUPS`.

    Parameters
    ----------
    before, after : two problems
    course : where to solve

    Raises
    ------
    Infeasible, NoPlanInTime
        If one of the two has no plan.
    """
    *names, last = _stages(before, after)
    on_the_way = {name: loaded for name, document in names if (loaded := _valid(document, after.base)) is not None}
    ends = {_BEFORE: before, last[0]: after}
    rows = sweep_all([(loaded, Variant(name)) for name, loaded in (ends | on_the_way).items()], course)
    results = {row.variant.name: row.result for row in rows}
    begun, ended = solved(results[_BEFORE], before.document.file), solved(results[last[0]], after.document.file)
    return Bridge(
        micros(begun.cost or 0.0), micros(ended.cost or 0.0), tuple(_joined([name for name, _ in (*names, last)], results))
    )


def _joined(names: Sequence[str], results: Mapping[str, Result]) -> Iterator[Step]:
    """Yield what each group of changes adds; those after which there is no plan wait for the next."""
    last, waiting = results[_BEFORE], list[str]()
    for name in names:
        waiting.append(name)
        result = results.get(name)
        if result is not None and result.solved:
            yield _step(waiting, last, result)
            last, waiting = result, []


def _valid(document: Document, base: Path) -> LoadedProblem | None:
    """Return a problem on the way; None if it is no valid problem."""
    try:
        return load_document(document, base)
    except InvalidInput:
        return None


def _step(names: Sequence[str], before: Result, after: Result) -> Step:
    """Return what a step adds: costs are rounded first, so that steps add up."""
    change = micros(after.cost or 0.0) - micros(before.cost or 0.0)
    return Step(" together with ".join(names), change, between(before, after))


def _stages(before: LoadedProblem, after: LoadedProblem) -> Iterator[tuple[str, Document]]:
    """Yield the problem after each group of changes, the last of which is the problem after."""
    known: dict[str, str] = {}
    data, target = (with_whole_names(one.document.data, one.base, known) for one in (before, after))
    made: list[tuple[str, Any]] = []
    for group in GROUPS:
        changed = _changed(data, target, group)
        if changed != data:
            made.append((group.name, changed))
            data = changed
    names = [[w["name"] for w in one["workloads"]] for one in (data, target)]
    if names[0] != names[1]:
        data = {**data, "workloads": copy.deepcopy(target["workloads"])}
        made.append((WORKLOADS, data))
    if data != target or not made:
        made.append((REST, target))
    for name, one in made:
        yield name, Document(f"{before.document.file} on its way to {after.document.file}", json.dumps(one), one)


def _changed(data: dict[str, Any], target: dict[str, Any], group: Group) -> dict[str, Any]:
    """Return a problem with the values of a group as in another."""
    made = {key: value for key, value in data.items() if key not in group.sections}
    made |= {key: target[key] for key in group.sections if key in target}
    theirs = {workload["name"]: workload for workload in target["workloads"]}
    made["workloads"] = [_workload(one, theirs.get(one["name"], one), group.fields) for one in data["workloads"]]
    return made


def _workload(one: dict[str, Any], other: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return a workload with some fields as in another."""
    kept = {key: value for key, value in one.items() if key not in fields}
    return kept | {key: other[key] for key in fields if key in other}
