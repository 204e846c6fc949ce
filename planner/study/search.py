"""The search for changes: single ones first, then combinations.

Numbers and rules are freed a whole group at a time, so that most of what cannot help costs one question. A number that
helps is then tightened to the least humane figure with a plan; a rule that helps is widened by no more than the plan
uses. Two numbers that help alone are then tried together, each changed by less. Where no single change helps, changes
are combined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.study import edit
from planner.study.found import Found, step_to
from planner.study.knobs import Knob, all_freed, common_factor, knobs
from planner.study.pairs import Turned, least, pairs
from planner.study.probe import Probe
from planner.study.switches import Step, Switch, switches
from planner.study.words import dollars, listed

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


@dataclass
class Relaxer:
    """The search, with what it has learnt for the reasons."""

    probe: Probe
    """Solves changed problems."""
    progress: Callable[[str], None]
    """Told what is being done."""
    unserved: tuple[str, ...]
    """Workloads that nothing may serve, whatever the limits."""
    reasons: list[str] = field(default_factory=list)
    """What was learnt about what stands in the way."""
    untried: list[str] = field(default_factory=list)
    """What time did not allow to try in full."""
    turned: list[Turned] = field(default_factory=list)
    """Numbers of the problem whose change alone helps."""

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
                self._remember(problem, change, one)
        return found

    def _remember(self, problem: Problem, change: Change, one: Found) -> None:
        """Keep a number of the whole problem that helps alone, to combine it with others."""
        value = one.steps[0].value
        if problem is self.probe.problem and isinstance(change, Knob) and value is not None:
            self.turned.append(Turned(change, value, one.order))

    def pairs(self) -> list[Found]:
        """Return pairs of numbers that help together, each changed by much less than it takes alone."""
        if len(self.turned) > 1:
            self.progress("trying two numbers at once")
        return pairs(self.probe, self.turned, self._late)

    def _easier(self, problem: Problem, change: Change, single: Found) -> list[Found]:
        """Return a looser latency target too, where it makes the plan much cheaper."""
        if not isinstance(change, Knob) or change.group != "latency" or self._late("looser targets"):
            return []
        smallest = change.value * (1 + single.steps[0].size)
        rung = next((rung for rung in change.rungs if rung >= smallest * EASIER), change.rungs[-1])
        plan = self.probe.plan(change.set(problem, rung))
        cheap = plan is not None and plan.cost.total <= WORTH * single.plan.cost.total
        return [Found((step_to(change, rung),), plan)] if plan is not None and cheap else []

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
        loose = self.probe.plan(switch.freed(problem))
        step = switch.narrowed(loose) if loose is not None else None
        plan = self.probe.plan(step.apply(problem)) if step is not None else None
        return Found((step,), plan) if step is not None and plan is not None else None

    def _turn(self, problem: Problem, knob: Knob) -> Found | None:
        """Find the least figure of a number that has a plan."""
        best = self.probe.plan(knob.freed(problem))
        if best is None:
            return None
        rung, plan = least(self.probe, problem, knob, len(knob.rungs) - 1, best, self._late)
        return Found((step_to(knob, knob.rungs[rung]),), plan)

    def together(self) -> list[Found]:
        """Return combinations of changes that help where no single one does."""
        problem = self.probe.problem
        self.progress("no single change helps; trying several at once")
        tried = "that could be tried in time" if self.untried else "to a number or rule of the problem"
        self.reasons.append(f"no single change {tried} helps")
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
        found = [self._least_of(problem, kept) for kept in {_names(kept): kept for kept in sets}.values()]
        return [one for one in found if one is not None]

    def _needed(self, problem: Problem, changes: Sequence[Change], preferred: str) -> list[Change]:
        """Take changes back, whole groups first, as long as what is left still helps; the preferred group comes last."""
        kept = list(changes)
        order = [*(group for group in reversed(GROUPS) if group != preferred), preferred]
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


def _names(changes: Sequence[Change]) -> tuple[str, ...]:
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
