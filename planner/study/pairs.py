"""Two numbers changed at once, each by much less than it takes alone: a little more time and a little more money.

Both are first moved by the same share of the step that each takes alone, the least share with a plan by halving; then one is
taken back as far as the other allows, and the other after it, in both orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.study.found import Found, step_to
from planner.study.knobs import Knob
from planner.study.probe import Probe

PARTS = 8
"""Shares of a step looked at."""

MOST_PARTS = 4
"""Shares of each step that a pair may take: half of what either takes alone, so that it is really less asked for."""

NUMBERS = 4
"""Numbers combined with each other, those with the cheapest plans."""

MOST = 3
"""Pairs offered at most."""

Late = Callable[[str], bool]
"""Says whether time is up, and remembers what was left out."""


@dataclass(frozen=True)
class Turned:
    """A number whose change alone makes a plan possible."""

    knob: Knob
    """The number."""
    value: float
    """The least change of it that does."""
    order: tuple[float, float]
    """Cost of its plan, then size of the change."""

    def rung(self, parts: int) -> int:
        """Return the last of the number's rungs within so many parts of its step, -1 if there is none."""
        most = abs(self.value - self.knob.value) * parts / PARTS * (1 + 1e-9)
        return sum(abs(rung - self.knob.value) <= most for rung in self.knob.rungs) - 1


def pairs(probe: Probe, turned: Sequence[Turned], late: Late) -> list[Found]:
    """Return pairs of smaller changes with a plan, as far as time allows.

    Parameters
    ----------
    probe : solves changed problems
    turned : numbers that help alone
    late : whether time is up
    """
    found: list[Found] = []
    for one, other in combinations(sorted(turned, key=lambda each: each.order)[:NUMBERS], 2):
        if len(found) >= MOST or late("two numbers at once"):
            break
        found += _balanced(probe, one, other, late)
    return found


def _balanced(probe: Probe, one: Turned, other: Turned, late: Late) -> Iterator[Found]:
    """Yield pairs of changes to two numbers, if half a step of each is enough: mostly of the one, and mostly of the other."""
    both = one.knob, other.knob
    plan = _plan(probe, one, other, MOST_PARTS)
    if plan is None:
        return
    low, high = 0, MOST_PARTS
    while high - low > 1 and not late("two numbers at once"):
        middle = (low + high) // 2
        closer = _plan(probe, one, other, middle)
        low, high, plan = (middle, high, plan) if closer is None else (low, middle, closer)
    box = one.rung(high), other.rung(high)
    corners = (_corner(probe, both, box, plan, first, late) for first in (0, 1))
    yield from {one.steps[0].words + one.steps[1].words: one for one in corners}.values()


def _corner(probe: Probe, both: tuple[Knob, Knob], box: tuple[int, int], plan: Plan, first: int, late: Late) -> Found:
    """Return the pair after one number is taken back as far as the other allows, then the other."""
    at = list(box)
    for turn in (first, 1 - first):
        fixed = both[1 - turn].set(probe.problem, both[1 - turn].rungs[at[1 - turn]])
        at[turn], plan = least(probe, fixed, both[turn], at[turn], plan, late)
    return Found(tuple(step_to(knob, knob.rungs[rung]) for knob, rung in zip(both, at, strict=True)), plan)


def _plan(probe: Probe, one: Turned, other: Turned, parts: int) -> Plan | None:
    """Return a plan with both numbers moved by so many parts of their steps; None too where one has no rung so near."""
    first, second = one.rung(parts), other.rung(parts)
    if first < 0 or second < 0:
        return None
    changed = one.knob.set(probe.problem, one.knob.rungs[first])
    return probe.plan(other.knob.set(changed, other.knob.rungs[second]))


def least(probe: Probe, problem: Problem, knob: Knob, high: int, plan: Plan, late: Late) -> tuple[int, Plan]:
    """Return the least rung of a number that has a plan, with it, between one without and one with a plan.

    What the last plan keeps is tried, then the middle: a plan may keep a figure that could not have been promised, so nothing
    counts that was not solved.

    Parameters
    ----------
    probe : solves changed problems
    problem : what the number is changed in
    knob : the number
    high, plan : a rung with its plan
    late : whether time is up
    """
    low, guessed = -1, False
    while high - low > 1 and not late(f"the least {knob.name}"):
        kept = knob.kept_by(plan)
        guessed = not guessed and low < kept < high
        tried = kept if guessed else (low + high) // 2
        closer = probe.plan(knob.set(problem, knob.rungs[tried]))
        low, high, plan = (tried, high, plan) if closer is None else (low, tried, closer)
    return high, plan
