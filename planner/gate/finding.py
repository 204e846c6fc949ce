"""What is found of one rule: kept or broken, with its figure, its limit and what follows from it; or not to be told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.units import HOURS_PER_MONTH

SLACK = 1e-9
"""Relative and absolute distance within which two figures are the same: plans are written with 12 digits, and a limit by the
month is held by the hour."""

DIGITS = (3, 4, 6, 9, 12)
"""Digits tried until a figure and its limit read apart."""

Value = float | int | bool | str | tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What rules look at."""

    plan: Plan
    """The plan."""
    today: date
    """The day that ages are counted to."""
    baseline: Plan | None = None
    """What its cost is compared with."""


@dataclass(frozen=True)
class Finding:
    """A rule that was checked."""

    rule: str
    """Its name in a policy file."""
    kept: bool
    """Whether the plan keeps it."""
    figure: Value
    """What the plan holds."""
    limit: Value
    """What the policy says."""
    unit: str
    """Unit of both; empty for names and yes or no."""
    said: str
    """Both in words."""
    note: str
    """Where the figure comes from, if kept; what would have to change, if broken."""
    subject: str = ""
    """What it is about, where a rule is checked more than once: a workload."""


@dataclass(frozen=True)
class Unknown:
    """A rule that cannot be checked: the plan does not hold its figure."""

    rule: str
    """Its name in a policy file."""
    message: str
    """What is missing."""
    remedy: str
    """What to do about it."""


@dataclass(frozen=True)
class Measure:
    """A sort of figure, and how it is written."""

    unit: str
    """Unit, as it stands in JSON."""
    write: Callable[[float], str]
    """As everywhere in reports."""
    exact: Callable[[float, int], str]
    """With so many significant digits."""

    def pair(self, figure: float, limit: float) -> tuple[str, str]:
        """Write a figure and its limit, with as many digits as it takes to tell them apart."""
        plain = self.write(figure), self.write(limit)
        if plain[0] != plain[1] or same(figure, limit):
            return plain
        finer = ((self.exact(figure, digits), self.exact(limit, digits)) for digits in DIGITS)
        return next((pair for pair in finer if pair[0] != pair[1]), plain)


HOURLY = Measure("$/h", fmt.hourly, lambda value, digits: f"${fmt.significant(value, digits)}/h")
BUDGET = Measure("$/h", lambda value: f"{fmt.hourly(value)} ({fmt.monthly(value * HOURS_PER_MONTH)})", HOURLY.exact)
MONEY = Measure("$", fmt.money, lambda value, digits: f"${fmt.significant(value, digits)}")
SHARE = Measure("1", fmt.percent, lambda value, digits: f"{fmt.significant(100.0 * value, digits)}%")
COUNT = Measure("1", lambda value: fmt.count(round(value)), lambda value, _: fmt.count(round(value)))
DAYS = Measure(
    "day", lambda value: fmt.plural(round(value), "day"), lambda value, digits: f"{fmt.significant(value, digits)} days"
)


@dataclass(frozen=True)
class Words:
    """What is told of a figure."""

    what: str
    """What it is, `average cost`."""
    source: str
    """Where it stands in the plan."""
    change: str
    """What would have to change where the rule is broken."""


def same(figure: float, limit: float) -> bool:
    """Say whether two figures differ by no more than how they are written."""
    return math.isclose(figure, limit, rel_tol=SLACK, abs_tol=SLACK)


def at_most(rule: str, measure: Measure, figure: float, limit: float, words: Words, subject: str = "") -> Finding:
    """Check figure ≤ limit; at the limit it is kept."""
    shown, bound = measure.pair(figure, limit)
    kept = figure <= limit or same(figure, limit)
    said = f"{words.what}: {shown}, at most {bound}"
    return Finding(rule, kept, figure, limit, measure.unit, said, words.source if kept else words.change, subject)


def at_least(rule: str, measure: Measure, figure: float, limit: float, words: Words) -> Finding:
    """Check figure ≥ limit; at the limit it is kept."""
    shown, bound = measure.pair(figure, limit)
    kept = figure >= limit or same(figure, limit)
    said = f"{words.what}: {shown}, at least {bound}"
    return Finding(rule, kept, figure, limit, measure.unit, said, words.source if kept else words.change)
