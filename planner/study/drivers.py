"""What the cost of a plan hangs on, as the plan keeps it: each number with where it is known from."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.problem import undotted
from planner.domain.plan import Fact, Plan
from planner.domain.plan_choices import Moved, Sensitivity, impossible
from planner.study.difference import between
from planner.study.prices import APIS, MACHINES, ROOT
from planner.study.result import Result
from planner.study.sensitivity import Bar, Driver

PREDICTED = ("how far predictions may be off", "efficiencies and host overheads")
"""How facts begin on which predictions of latency rest (planner/plan/explain.py)."""
STATED = "problem file"


def sensitivity(bar: Bar, plan: Plan | None = None) -> Sensitivity:
    """Return what moving a number does.

    Parameters
    ----------
    bar : what was found
    plan : whose facts say where the number is known from; None = nobody asks
    """
    facts = [] if plan is None else list(_facts(plan, bar.driver))
    weakest = facts[0] if facts else None
    low, high = _moved(bar.driver.ends[0], bar.low), _moved(bar.driver.ends[1], bar.high)
    told = (one.solved and between(bar.base, one).sure for one in (bar.low, bar.high))
    return Sensitivity(
        name=bar.driver.name,
        low=low,
        high=high,
        sure=impossible(low) or impossible(high) or any(told),
        standing=weakest.standing if weakest else None,
        source=weakest.source if weakest else "",
    )


def _moved(to: str, result: Result) -> Moved:
    return Moved(to=to, cost=result.cost, bound=result.sound, why=result.short)


def _facts(plan: Plan, driver: Driver) -> Iterator[Fact]:
    """Yield the facts behind a number, the weakest first as the plan keeps them; of prices that on which most is spent."""
    root, *rest = undotted(driver.low.path)
    if root == ROOT:
        yield from _prices(plan, str(rest[0]))
    elif root == "solver":
        yield from (fact for fact in plan.facts if fact.statement.startswith(PREDICTED))
    elif driver.workload:  # what the file writes: traces, whose numbers it does not, are not moved
        yield Fact(subject=driver.workload, statement=driver.name, standing="stated", source=STATED)


def _prices(plan: Plan, whose: str) -> Iterator[Fact]:
    """Yield the price on which most is spent among those that are moved."""
    paid = [(buy.cost, buy.price_source) for buy in plan.purchases if whose in (MACHINES, buy.accelerator)]
    if whose == APIS:
        paid = [(0.0, route.price_source) for route in plan.external]
    if paid:
        source = max(paid, key=lambda one: one[0])[1]
        yield Fact(subject=whose, statement="prices", standing="published", source=source)
