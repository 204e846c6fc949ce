"""Alternatives, frontiers and sensitivities in words and rows, for the page, Markdown and the console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative, Answer, Frontier, FrontierPoint, Moved, Sensitivity, impossible
from planner.report import format as fmt
from planner.report.markup import bullets, stacked
from planner.report.markup import table as page_table

Table = tuple[tuple[str, ...], list[list[str]]]
"""Headings, `>x` aligned right, and rows; several lines in a cell are parted by line ends."""

HOW = "How far each moves the cost is not known yet: planner explore plan.json finds out."
SAME = 1e-6
"""Costs that differ by less are the same [$/h]."""
LEVEL = 1e-9
"""Relative; levels nearer than this are the same."""


def alternatives(plan: Plan) -> Table:
    """Other plans, in the order of `ranked`."""
    columns = ("Plan", ">Cost", ">Against this", "What differs", "It gives up", "It gains")
    return columns, [["\n".join(called(one)), *_answered(plan, one.answer)] for one in ranked(plan)]


def _answered(plan: Plan, one: Alternative) -> list[str]:
    """Return the cells of what came of a question."""
    return [cost(one), against(plan, one), *map("\n".join, (differs(one), one.gives_up, one.gains))]


@dataclass(frozen=True)
class Outcome:
    """Another plan, with every name under which it was found."""

    names: tuple[str, ...]
    """What was asked, one or several times with the same answer."""
    answer: Alternative
    """What came of it."""


def ranked(plan: Plan) -> list[Outcome]:
    """Return other plans by cost, those without a plan after them, last those that the problem does not allow.

    Questions that end in the same plan, as far as what is told of it goes, stand together.
    """
    told: dict[tuple[object, ...], list[Alternative]] = {}
    for one in sorted(plan.alternatives, key=lambda one: (not one.allowed, one.cost is None, one.cost or 0.0)):
        seen = (one.allowed, cost(one), against(plan, one), one.why, one.changes, one.gives_up, one.gains)
        told.setdefault(seen, []).append(one)
    return [Outcome(tuple(one.name for one in same), same[0]) for same in told.values()]


def called(other: Outcome) -> tuple[str, ...]:
    """Name another plan, and say if the problem would have to be changed for it."""
    *first, last = other.names
    return (*first, last if other.answer.allowed else f"{last} (not allowed now)")


def in_short(other: Outcome) -> str:
    """Name another plan in one line."""
    first, *more = called(other)
    return f"{first} and {len(more)} more" if more else first


def differs(one: Alternative) -> tuple[str, ...]:
    """Say what differs, or why there is no plan."""
    if one.cost is None:
        return (one.why,) if one.why else ()
    return one.changes or ("the same machines and models",)


def cost(one: Answer) -> str:
    """Write a cost, that there is no plan, or that none was found."""
    if one.cost is None:
        return "no plan" if impossible(one) else "none found"
    return fmt.hourly(one.cost)


def against(plan: Plan, one: Alternative) -> str:
    """Write how a cost compares with the plan's, and whether the proofs can tell."""
    if one.cost is None or not plan.cost.total:
        return ""
    change = one.cost - plan.cost.total
    if abs(change) < SAME:
        return "the same"
    return f"{signed(change)} ({fmt.margin(change / plan.cost.total)}){_doubt(plan, one)}"


def changed(plan: Plan, one: Answer) -> str:
    """Write how a cost differs from the plan's, if it does, and whether the proofs can tell."""
    if one.cost is None:
        return ""
    change = one.cost - plan.cost.total
    return "no change" if abs(change) < SAME else f"{signed(change)}{_doubt(plan, one)}"


def _doubt(plan: Plan, one: Answer) -> str:
    """Say if the best costs may be the same: each lies between its bound and the cost found."""
    if one.cost is None or one.cost < plan.proof.bound:
        return ""
    if one.bound is None:
        return ", not proved"
    return "" if one.bound > plan.cost.total else ", within the gap"


def signed(change: float) -> str:
    """Write a difference of costs with its sign."""
    return f"{'+' if change >= 0 else '−'}{fmt.hourly(abs(change))}"


def levels(plan: Plan) -> Table:
    """What each promise or limit costs at each level."""
    columns = ("What", ">Level", ">Cost", ">Against this", "Why")
    rows = []
    for one in plan.frontiers:
        for point in one.points:
            own = planned(one, point)
            change = "this plan" if own else changed(plan, point)
            rows.append([one.about, level(one, point.value), cost(point), change, point.why])
    if not any(row[-1] for row in rows):
        return columns[:-1], [row[:-1] for row in rows]
    return columns, rows


def planned(one: Frontier, point: FrontierPoint) -> bool:
    """Whether a level is the plan's own."""
    return one.planned is not None and abs(point.value - one.planned) <= LEVEL * max(abs(point.value), 1.0)


def level(one: Frontier, value: float) -> str:
    """Write a level with its unit."""
    return f"{value:,.6g} {one.unit}".rstrip()


def swings(plan: Plan) -> Table:
    """What moving each number does to the cost, and where the number is from."""
    columns = ("Moved", ">To", ">Cost", ">To ", ">Cost ", "Known", "Source")
    return columns, [
        [one.name, one.low.to, moved(plan, one.low), one.high.to, moved(plan, one.high), one.standing or "", one.source]
        for one in plan.sensitivities
    ]


def moved(plan: Plan, end: Moved) -> str:
    """Write what moving a number one way does to the cost."""
    return cost(end) if end.cost is None else changed(plan, end)


def telling(plan: Plan) -> list[Sensitivity]:
    """Return the numbers whose effect the proofs can tell, the largest first."""
    return [one for one in plan.sensitivities if one.sure]


def sentences(plan: Plan) -> Iterator[str]:
    """Yield what matters most, a sentence a number: what it does to the cost, how it is known, and from where."""
    for one in telling(plan):
        size = one.swing(plan.cost.total)
        share = f", {fmt.percent(size / plan.cost.total)} of it" if plan.cost.total and size != float("inf") else ""
        span = f"the cost spans {fmt.hourly(size)}{share}" if share else "not every way leaves a plan"
        ends = f"{_end(plan, one.low)}, {_end(plan, one.high)}"
        known = f" {one.standing.capitalize()}: {one.source}." if one.standing else ""
        yield f"{one.name[:1].upper()}{one.name[1:]}: {span} ({ends}).{known}"


def silent(plan: Plan) -> str:
    """Name the numbers whose effect the proofs cannot tell; empty where there are none."""
    still = [one.name for one in plan.sensitivities if not one.sure]
    return f"No effect that the proofs can tell: {', '.join(still)}." if still else ""


def _end(plan: Plan, end: Moved) -> str:
    return f"{end.to} {moved(plan, end)}"


def notes(plan: Plan) -> list[str]:
    """Return how these were found, and what was left out."""
    found = plan.explored
    if found is None:
        return []
    head = f"{fmt.plural(found.solves, 'variant')} of the problem solved, each to within {fmt.percent(found.gap)} of its best"
    return [f"{head}, checked like the plan itself.", *(f"{note[:1].upper()}{note[1:]}." for note in found.notes)]


def on_page(table: Table) -> str:
    """Write a table as Markdown; nothing where it has no rows."""
    columns, rows = table
    return page_table(columns, ([stacked(cell.split("\n")) for cell in row] for row in rows)) if rows else ""


def summary(plan: Plan) -> str:
    """Write how all this was found as Markdown."""
    return bullets(notes(plan))
