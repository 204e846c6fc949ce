"""Why a problem has no plan, and the cheapest changes to it that give it one, each confirmed by solving.

Numbers are freed first, a whole group at a time, so that most of what cannot help costs one question. A number that
helps is then tightened to the least humane figure with a plan; a rule that helps is widened by no more than the plan
uses. Where no single change helps, changes are combined.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.study import edit
from planner.study.knobs import Knob, all_freed, common_factor, knobs
from planner.study.probe import Probe, Solve
from planner.study.switches import Step, Switch, switches
from planner.study.words import dollars, listed

SECONDS = 20.0
"""Time for the whole study."""

CONFIRMING = 0.3
"""Share of it kept for confirming what was found, at the gap asked for."""

MOST = 6
"""Relaxations reported at most."""

EASIER = 2.0
"""A latency target so many times the least possible one is looked at too: the least may only be kept by idle machines."""

WORTH = 0.7
"""It is proposed as well if its plan costs at most this share of the least one's."""

GROUPS = {
    "latency": "latency targets",
    "limits": "limits",
    "data": "data rules",
    "choices": "allow and forbid lists",
    "quality": "quality floors",
}
"""Groups of changes, in the order they are tried."""

Change = Knob | Switch


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
        held += [route.api for route in self.plan.apis]
        return f"{listed([step.words for step in self.steps])}: feasible at {dollars(self.plan.cost.total)} with {listed(held)}"


@dataclass(frozen=True)
class Advice:
    """What a study of an infeasible problem found."""

    reasons: tuple[str, ...]
    """What stands in the way, beyond what the candidates told."""
    relaxations: tuple[str, ...]
    """Changes that make a plan possible, cheapest plan first."""


def study(
    loaded: LoadedProblem,
    unserved: Sequence[str],
    solve: Solve,
    *,
    progress: Callable[[str], None],
    seconds: float = SECONDS,
) -> Advice:
    """Find the cheapest changes that make an infeasible problem feasible.

    Parameters
    ----------
    loaded : the infeasible problem
    unserved : workloads that nothing may serve, whatever the limits
    solve : solver of a changed problem
    progress : told what is being done
    seconds : time for all of it [s]

    Returns
    -------
    Advice
    """
    started = time.monotonic()
    probe = Probe(loaded, solve, started + seconds * (1 - CONFIRMING))
    search = _Search(probe, progress, tuple(unserved))
    found = search.singles(loaded.problem, tuple(unserved))
    if not found:
        found = search.together()
    probe.deadline = started + seconds
    confirmed = list(_confirmed(probe, sorted(found, key=lambda one: one.order)[:MOST], progress))
    if search.untried:
        search.reasons.append(f"the search for changes stopped after {seconds:g} s; not tried in full: {listed(search.untried)}")
    ranked = sorted(confirmed, key=lambda one: one.order)
    return Advice(tuple(search.reasons), tuple(dict.fromkeys(str(one) for one in ranked)))


def _confirmed(probe: Probe, found: Sequence[Found], progress: Callable[[str], None]) -> Iterator[Found]:
    """Yield what was found with the plan at the gap asked for; the first plan stands where time does not allow it."""
    for one in found:
        progress(f"confirming: {listed([step.words for step in one.steps])}")
        better = probe.plan(one.apply(probe.problem), gap=probe.problem.solver.gap) if probe.left > 0 else None
        yield replace(one, plan=better) if better is not None else one


@dataclass
class _Search:
    """The search, with what it has learnt for the reasons."""

    probe: Probe
    progress: Callable[[str], None]
    unserved: tuple[str, ...]

    def __post_init__(self) -> None:
        self.reasons: list[str] = []
        self.untried: list[str] = []

    def singles(self, problem: Problem, unserved: Sequence[str]) -> list[Found]:
        """Return every single change that helps, as far as time allows."""
        found: list[Found] = []
        for group, label in GROUPS.items():
            mine = [change for change in _changes(problem, self.probe.loaded) if change.group == group]
            mine = [change for change in mine if _could_help(change, unserved)]
            if mine:
                self.progress(f"trying {label}")
                found += self._group(problem, group, mine)
        return found

    def _group(self, problem: Problem, group: str, changes: Sequence[Change]) -> list[Found]:
        """Return the changes of a group that help: none if not even all of them together do."""
        if self._late(GROUPS[group]):
            return []
        plan = self.probe.plan(_all(problem, changes))
        if plan is None:
            return []
        if group == "limits" and problem is self.probe.problem:
            self._note_needs(plan, [change for change in changes if isinstance(change, Knob)])
        found = []
        for change in changes:
            if self._late(GROUPS[group]):
                break
            one = self.try_one(problem, change)
            if one is not None:
                found += [one, *self._easier(problem, change, one)]
        return found

    def _easier(self, problem: Problem, change: Change, least: Found) -> list[Found]:
        """Return a looser latency target too, where it makes the plan much cheaper."""
        if not isinstance(change, Knob) or change.group != "latency" or self._late("looser targets"):
            return []
        smallest = change.value * (1 + least.steps[0].size)
        rung = next((rung for rung in change.rungs if rung >= smallest * EASIER), change.rungs[-1])
        plan = self.probe.plan(change.set(problem, rung))
        cheap = plan is not None and plan.cost.total <= WORTH * least.plan.cost.total
        return [Found((_step(change, rung),), plan)] if plan is not None and cheap else []

    def _late(self, what: str) -> bool:
        """Say whether time is up, and remember what was left out."""
        late = self.probe.left <= 0
        if late and what not in self.untried:
            self.untried.append(what)
        return late

    def _note_needs(self, plan: Plan, limits: Sequence[Knob]) -> None:
        """Say by how much a plan without limits exceeds each of them."""
        over = [knob for knob in limits if knob.value < knob.used(plan) < math.inf]
        beyond = [f"{knob.name} is {knob.show(knob.value)} and it takes {knob.show(knob.used(plan))}" for knob in over]
        cost = f"a plan without limits costs {dollars(plan.cost.total)}"
        self.reasons.append(f"every workload can be served, but not within the limits: {'; '.join([cost, *beyond])}")

    def try_one(self, problem: Problem, change: Change) -> Found | None:
        """Return a change at its least size, None if it does not help."""
        return self._turn(problem, change) if isinstance(change, Knob) else self._widen(problem, change)

    def _widen(self, problem: Problem, switch: Switch) -> Found | None:
        plan = self.probe.plan(switch.freed(problem))
        step = switch.narrowed(plan) if plan is not None else None
        return Found((step,), plan) if plan is not None and step is not None else None

    def _turn(self, problem: Problem, knob: Knob) -> Found | None:
        """Halve the distance between a figure without a plan and one that a plan keeps."""
        best = self.probe.plan(knob.freed(problem))
        if best is None:
            return None
        low, high = -1, knob.kept_by(best)
        while high - low > 1 and not self._late(f"the least {knob.name}"):
            middle = (low + high) // 2
            plan = self.probe.plan(knob.set(problem, knob.rungs[middle]))
            if plan is None:
                low = middle
            else:
                best, high = plan, min(middle, knob.kept_by(plan))
        return Found((_step(knob, knob.rungs[high]),), best)

    def together(self) -> list[Found]:
        """Return combinations of changes that help where no single one does."""
        problem = self.probe.problem
        self.progress("no single change helps; trying several at once")
        self.reasons.append("no single change to a number or rule of the problem helps")
        alone = self._infeasible_alone(problem)
        found = self._one_each(problem, alone) + self._all_targets(problem)
        return found if found else self._fewest(problem)

    def _infeasible_alone(self, problem: Problem) -> list[str]:
        """Return the workloads that cannot be served even if they were the only one."""
        if len(problem.workloads) == 1:
            return []
        alone = list(self.unserved)
        for workload in problem.workloads:
            if workload.name not in alone and not self._late("each workload alone"):
                alone += [workload.name] if self.probe.plan(edit.only(problem, workload.name)) is None else []
        if alone:
            self.reasons.append(f"infeasible even alone: {listed(alone)}")
        else:
            self.reasons.append("each workload alone is feasible; together they exceed the limits")
        return alone

    def _one_each(self, problem: Problem, alone: Sequence[str]) -> list[Found]:
        """Give every workload that is infeasible alone its cheapest change."""
        steps: list[Step] = []
        for name in alone:
            self.progress(f"studying {name} alone")
            found = self.singles(edit.only(problem, name), (name,) if name in self.unserved else ())
            if not found:
                return []
            steps += min(found, key=lambda one: one.order).steps
        return self._checked(problem, tuple(dict.fromkeys(steps))) if len(steps) > 1 else []

    def _checked(self, problem: Problem, steps: tuple[Step, ...]) -> list[Found]:
        for step in steps:
            problem = step.apply(problem)
        plan = self.probe.plan(problem)
        return [Found(steps, plan)] if plan is not None else []

    def _all_targets(self, problem: Problem) -> list[Found]:
        """Stretch all latency targets alike."""
        targets = [knob for knob in knobs(problem) if knob.group == "latency"]
        if len(targets) < 2 or self._late("all latency targets together"):
            return []
        factor = common_factor(targets, "all latency targets")
        found = self._turn(problem, factor)
        return [found, *self._easier(problem, factor, found)] if found is not None else []

    def _fewest(self, problem: Problem) -> list[Found]:
        """Return smallest sets of changes that help together, preferring each group in turn."""
        changes = _changes(problem, self.probe.loaded)
        if self.probe.plan(_all(problem, changes)) is None:
            self.reasons.append(f"not even dropping all {listed(list(GROUPS.values()))} allows a plan")
            return []
        sets = [self._needed(problem, changes, group) for group in GROUPS]
        found = [self._least_of(problem, kept) for kept in {id_of(kept): kept for kept in sets}.values()]
        return [one for one in found if one is not None]

    def _needed(self, problem: Problem, changes: Sequence[Change], preferred: str) -> list[Change]:
        """Take changes back, whole groups first, as long as what is left still helps; the preferred group comes last."""
        kept = list(changes)
        order = sorted(reversed(GROUPS), key=lambda group: group == preferred)
        whole = [[change for change in changes if change.group == group] for group in order]
        for batch in [*whole, *([change] for group in whole for change in group)]:
            rest = [change for change in kept if change not in batch]
            if len(rest) == len(kept) or self._late("combinations of changes"):
                continue
            kept = rest if self.probe.plan(_all(problem, rest)) is not None else kept
        return kept

    def _least_of(self, problem: Problem, kept: Sequence[Change]) -> Found | None:
        """Bring the changes of a set to their least size, one after the other."""
        steps: tuple[Step, ...] = ()
        plan = None
        for index, change in enumerate(kept):
            freed = _all(problem, kept[index + 1 :])
            one = self.try_one(freed, change)
            if one is None:
                return None
            one = next(iter(self._easier(freed, change, one)), one)
            problem, plan, steps = one.apply(problem), one.plan, steps + one.steps
        return Found(steps, plan) if plan is not None else None


def id_of(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return what tells one set of changes from another."""
    return tuple(change.name for change in changes)


def _changes(problem: Problem, loaded: LoadedProblem) -> list[Change]:
    """Return every change that could be made, in the order of their groups."""
    made: list[Change] = [*knobs(problem), *switches(problem, loaded.catalog)]
    return sorted(made, key=lambda change: list(GROUPS).index(change.group))


def _could_help(change: Change, unserved: Sequence[str]) -> bool:
    """Say whether a change could serve workloads that nothing may serve: limits cannot, nor can others' own rules."""
    if not unserved:
        return True
    return change.group != "limits" and (not change.workload or [change.workload] == list(unserved))


def _all(problem: Problem, changes: Sequence[Change]) -> Problem:
    problem = all_freed(problem, [change for change in changes if isinstance(change, Knob)])
    for change in changes:
        problem = problem if isinstance(change, Knob) else change.freed(problem)
    return problem


def _step(knob: Knob, value: float) -> Step:
    """Write a number's change as an instruction."""
    size = abs(value - knob.value) / knob.value if knob.value else 1.0
    words = knob.phrase.format(verb=knob.verb, name=knob.name, old=knob.show(knob.value), new=knob.show(value))
    return Step(words, lambda problem: knob.set(problem, value), size)
