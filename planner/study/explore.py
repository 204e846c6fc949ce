"""Solves around a plan: what else could be done, what promises cost at other levels, and what the cost hangs on.

Every answer is a plan of a variant of the problem, found and checked like any other; all of them are solved in one sweep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, get_args

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative, Explored, Frontier, Sensitivity
from planner.errors import InvalidInput, PlanRejected
from planner.plan.verify_choices import choices
from planner.study.alternatives import Question, answered, questions
from planner.study.drivers import sensitivity
from planner.study.levels import Varied, frontier, varied_by
from planner.study.overrides import Override
from planner.study.result import Result, of_plan
from planner.study.sensitivity import SHARE, Bar, Driver, drivers, movable
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant, varied

Part = Literal["alternatives", "frontiers", "sensitivity"]
PARTS: tuple[Part, ...] = get_args(Part)
MOST = 80
"""Solves at most, unless said otherwise."""
AXES = 4
"""Promises and limits that are varied."""

Found = Alternative | Frontier | Sensitivity
Reply = Callable[[Sequence[Result]], Found]


@dataclass(frozen=True)
class Task:
    """Solves that answer one question together."""

    name: str
    """In a few words."""
    variants: tuple[tuple[Override, ...], ...]
    """What is solved."""
    answer: Reply
    """Makes the answer of their results."""


def explore(plan: Plan, loaded: LoadedProblem, course: Course, parts: Sequence[Part] = PARTS, most: int = MOST) -> Plan:
    """Return the plan with what was found around it, in place of what it held before.

    Parameters
    ----------
    plan : a plan of the problem
    loaded : the problem with its catalogs
    course : where to solve
    parts : what is asked
    most : solves at most; parts take turns until there is no room for more

    Raises
    ------
    InvalidInput
        If the plan was made from what runs today, which the plan does not hold.
    PlanRejected
        If what was found contradicts itself or the plan.
    """
    if plan.changes is not None:
        message = "it was made from what runs today (solve --from), which a plan does not hold, so no variant can be made from it"
        raise InvalidInput.at(loaded.document.file, message, "explore a plan of the same problem made without --from")
    this = of_plan(plan, loaded)
    notes: list[str] = []
    course.progress("finding what to ask")
    queues = [list(_TASKS[part](plan, loaded, this, notes)) for part in PARTS if part in parts]
    taken = allotted(queues, most)
    left = [task.name for queue in queues for task in queue if task not in taken]
    if left:
        notes.append(f"left out, for want of solves (--most): {', '.join(left)}")
    rows = iter(sweep(loaded, [Variant(task.name, changes) for task in taken for changes in task.variants], course))
    found = [task.answer([next(rows).result for _ in task.variants]) for task in taken]
    if plan.simulation is not None:
        notes.append("the plan was simulated call by call, these were not")
    return _checked(_with(plan, found, Explored(solves=_solves(taken), gap=loaded.problem.solver.gap, notes=tuple(notes))))


def bare(plan: Plan) -> Plan:
    """Return a plan without anything found around it."""
    return plan.model_copy(update={"alternatives": (), "frontiers": (), "sensitivities": (), "explored": None})


def allotted(queues: Sequence[Sequence[Task]], most: int) -> list[Task]:
    """Return the tasks that there is room for: queues take turns, each offers its next; what no longer fits is passed over."""
    taken: list[Task] = []
    for turn in zip_longest(*queues):
        for task in turn:
            if task is not None and _solves([*taken, task]) <= most:
                taken.append(task)
    return taken


def _solves(tasks: Sequence[Task]) -> int:
    """Return how many solves some tasks take; what they ask in common is solved once."""
    return len({tuple(map(str, changes)) for task in tasks for changes in task.variants})


def _with(plan: Plan, found: Sequence[Found], explored: Explored) -> Plan:
    """Return the plan with answers, each kind in its place; the longest swings first."""
    swings = [one for one in found if isinstance(one, Sensitivity)]
    return plan.model_copy(
        update={
            "alternatives": tuple(one for one in found if isinstance(one, Alternative)),
            "frontiers": tuple(one for one in found if isinstance(one, Frontier)),
            "sensitivities": tuple(sorted(swings, key=lambda one: (-one.swing(plan.cost.total), one.name))),
            "explored": explored,
        }
    )


def _checked(plan: Plan) -> Plan:
    """Return the plan if nothing found around it contradicts anything else."""
    failures = list(choices(plan))
    if failures:
        raise PlanRejected(failures)
    return plan


def _can(loaded: LoadedProblem, overrides: Sequence[Override]) -> str:
    """Return why a variant is no valid problem; empty if it is one."""
    try:
        varied(loaded.document, loaded.base, overrides)
    except InvalidInput as error:
        return error.issues[0].message
    return ""


def _alternatives(plan: Plan, loaded: LoadedProblem, this: Result, notes: list[str]) -> Iterator[Task]:
    """Yield the questions that are valid problems; the others ask for what cannot be."""
    for question in questions(plan, loaded):
        wrong = _can(loaded, question.overrides)
        if wrong:
            notes.append(f"cannot be asked: {question.name} ({wrong})")
        else:
            yield Task(question.name, (question.overrides,), _answer(question, this))


def _answer(question: Question, this: Result) -> Reply:
    return lambda results: answered(question, this, results[0])


def _frontiers(plan: Plan, loaded: LoadedProblem, this: Result, notes: list[str]) -> Iterator[Task]:
    """Yield what is varied, the nearest its limit first; levels that are no valid problem are left out."""
    found = varied_by(plan, loaded)
    if len(found) > AXES:
        rest = ", ".join(one.about for one in found[AXES:])
        notes.append(f"not varied, further from their limits: {rest}; planner frontier varies any")
    for one in found[:AXES]:
        ends = tuple(end for end in one.ends if not _can(loaded, (end[1],)))
        if ends:
            kept = Varied(one.about, one.unit, one.planned, one.tighter, one.used, ends)
            yield Task(f"{one.about} at other levels", tuple((override,) for _, override in ends), _level(kept, this))


def _level(one: Varied, this: Result) -> Reply:
    return lambda results: frontier(one, this, results)


def _sensitivities(plan: Plan, loaded: LoadedProblem, this: Result, notes: list[str]) -> Iterator[Task]:
    """Yield the numbers that are moved: those of all workloads first, then of the costliest workload."""
    left_out: list[str] = []
    costs = {row.workload: row.hourly for row in plan.cost.by_workload}
    held = list(this.figures["accelerators"])
    found = list(movable(loaded, drivers(loaded, SHARE, held, left_out), left_out))
    notes += [f"not moved: {text}" for text in left_out]
    for driver in sorted(found, key=lambda one: -costs.get(one.workload, 0.0) if one.workload else -math.inf):
        yield Task(f"{driver.name} moved", ((driver.low,), (driver.high,)), _bar(driver, this, plan))


def _bar(driver: Driver, this: Result, plan: Plan) -> Reply:
    return lambda results: sensitivity(Bar(driver, results[0], results[1], this), plan)


_TASKS: dict[Part, Callable[[Plan, LoadedProblem, Result, list[str]], Iterator[Task]]] = {
    "alternatives": _alternatives,
    "frontiers": _frontiers,
    "sensitivity": _sensitivities,
}
