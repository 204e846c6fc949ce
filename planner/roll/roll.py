"""From an executed plan and its problem to the next problem.

Time moves on by whole steps; every month of the calendar keeps its demand; what was signed is carried as committed rows of the
fleet; nothing else of the problem changes. So where nothing new is known, going on with the plan is still the best there is,
and what is left to pay is what the first plan had left to pay.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.problem import Period
from planner.errors import InvalidInput
from planner.horizon.calendar import label
from planner.roll.demand import moved_workloads
from planner.roll.file import text_of
from planner.roll.moved import Move, check_move
from planner.roll.signed import Order, aged, orders

Row = dict[str, Any]


@dataclass(frozen=True)
class Rolled:
    """The next problem."""

    data: Row
    """The problem."""
    text: str
    """Its file."""
    carried: tuple[Row, ...]
    """Rows of the fleet for what was signed."""
    said: tuple[str, ...]
    """What was carried and what was left, in sentences."""

    def plain(self) -> Row:
        """Return plain data for JSON."""
        return {"problem": self.data, "text": self.text, "carried": list(self.carried), "said": list(self.said)}


def rolled(plan: Plan, loaded: LoadedProblem, move: Move) -> Rolled:
    """Return the problem that is left once a plan was executed for some months.

    Parameters
    ----------
    plan : executed
    loaded : the problem it was made from
    move : months that are over, the scenario that came, and whether the horizon keeps its end

    Raises
    ------
    InvalidInput
        What cannot be rolled (`check_move`, `orders`).
    """
    check_move(plan, loaded, move)
    data: Row = copy.deepcopy(loaded.document.data)
    kept = _time(data, loaded, move)
    before = [row["name"] for row in data["workloads"]]
    data["workloads"] = moved_workloads(data["workloads"], loaded.problem, move, kept)
    left = {row["name"] for row in data["workloads"]}
    if not left:
        remedy = "there is nothing left to plan for; roll by fewer months"
        raise InvalidInput.at("command line", "no workload has requests afterwards", remedy, path="--months")
    data.pop("scenarios", None)
    _settle(data)
    signed = list(orders(plan, loaded, move))
    _commit(data, loaded, signed, move.months)
    gone = [name for name in before if name not in left]
    late = _too_late(data, loaded)
    said = (*_told(plan, loaded, move, signed, gone), *(f"would come too late, `available: 0`: {name}" for name in late))
    return Rolled(data, text_of(data, _comment(plan, move)), tuple(order.row for order in signed), said)


def _settle(data: Row) -> None:
    """Minimize the expected cost: without scenarios none is the dearest."""
    if isinstance(data.get("finance"), dict):
        data["finance"] = {name: value for name, value in data["finance"].items() if name != "minimize"}


def _time(data: Row, loaded: LoadedProblem, move: Move) -> list[Period]:
    """Move the horizon on, or the periods; return the periods that are left, as the file has them."""
    horizon = loaded.problem.horizon
    if horizon is not None:
        months = horizon.months - (move.months if move.keep_end else 0)
        data["horizon"] = {**data["horizon"], "start": label(horizon.start, move.months, move.months + 1), "months": months}
        return []
    rows = [(Period.model_validate(row), row) for row in data["periods"]]
    kept = [(period, row) for period, row in rows if period.months is not None and period.months[0] >= move.months]
    kept = [(period, row) for period, row in kept if period.scenario in (None, move.scenario)]
    whole, mine = sum(period.hours for period, _ in rows), [p for p, _ in rows if p.scenario == move.scenario]
    chance = sum(period.hours for period in mine) / whole if kept and kept[0][0].scenario is not None else 1.0
    data["periods"] = [_moved(period, row, move.months, chance) for period, row in kept]
    return [period for period, _ in kept]


def _moved(period: Period, row: Row, months: int, chance: float) -> Row:
    """Return a period counted from the new start; of a scenario that came, its hours are certain."""
    begin, end = period.months or (0, 0)
    made = {**row, "months": [begin - months, end - months]}
    if period.scenario is not None:
        made["hours"] = period.hours / chance
        del made["scenario"]
    return made


def _commit(data: Row, loaded: LoadedProblem, signed: Sequence[Order], months: int) -> None:
    """Put what was signed into the fleet, age what was there, and count what was bought off what is to be had."""
    use = data.setdefault("catalogs", {})
    sections = use.setdefault("overrides", {})
    fleet = sections.setdefault("fleet", {})
    for name, row in loaded.catalog.fleet.items():
        changed = aged(row, months)
        if changed.get("until") == 0 and "source" in fleet.get(name, {}) and not use.get("files"):
            del fleet[name]
        elif changed:
            fleet[name] = {**fleet.get(name, {}), **changed}
    for order in signed:
        fleet[_name(order, {*fleet, *loaded.catalog.fleet})] = order.row
    bought: dict[str, int] = {}
    for order in signed:
        if order.owned is not None:
            bought[order.owned] = bought.get(order.owned, 0) + order.count
    late = _too_late(data, loaded)
    for name, offer in loaded.catalog.owned.items():
        left = None if offer.available is None else offer.available - bought.get(name, 0)
        left = 0 if name in late else left
        if left != offer.available:
            rows = sections.setdefault("owned", {})
            rows[name] = {**rows.get(name, {}), "available": left}
    for section in [name for name, rows in sections.items() if not rows]:
        del sections[section]


def _too_late(data: Row, loaded: LoadedProblem) -> list[str]:
    """Return what would come after the end of the moved horizon if it were ordered at its start."""
    months = data["horizon"]["months"] if "horizon" in data else max(row["months"][1] for row in data["periods"])
    return [name for name, offer in loaded.catalog.owned.items() if offer.lead_months >= months and offer.available != 0]


def _name(order: Order, taken: set[str]) -> str:
    """Name a row by machine, place and way to pay, and a number where that is taken."""
    buy = order.purchase
    plain = f"{buy.instance} {buy.region} {buy.kind}"
    return next(name for number in range(1, len(taken) + 2) if (name := f"{plain} {number}") not in taken)


def _comment(plan: Plan, move: Move) -> str:
    came = f", in which {move.scenario} came" if move.scenario is not None else ""
    return (
        f"What is left of {plan.problem} after {move.months} months{came}: written by `planner roll`.\n"
        "Rows of catalogs.overrides.fleet with `committed: true` were signed before; they are paid and there until their end."
    )


def _told(plan: Plan, loaded: LoadedProblem, move: Move, signed: Sequence[Order], gone: Sequence[str]) -> Iterator[str]:
    """Say what became of the plan."""
    start = loaded.problem.horizon.start if loaded.problem.horizon else None
    now = label(start, move.months, move.months + 1) if start else f"month {move.months}"
    for order in signed:
        row = order.row
        comes = f" from month {row['from']}" if "from" in row else ""
        what = f"{order.count} × {row['instance']} in {row['region']}, {row['paid']}"
        yield f"carried: {what},{comes} until month {row['until']}, counted from {now}"
    for name, there in loaded.catalog.fleet.items():
        if there.until is not None and 0 < there.until <= move.months:
            yield f"over: {there.count} × {there.instance} of fleet {name}"
    over = [buy for buy in plan.purchases if buy.ordered is not None and not buy.already and buy.ordered < move.months]
    ended = sum(buy.scenario in (None, move.scenario) for buy in over) - len(signed)
    if ended:
        yield f"over: {ended} purchases whose term has ended"
    later = [buy for buy in plan.purchases if buy.ordered is not None and not buy.already and buy.ordered >= move.months]
    if later:
        yield f"open again: {len(later)} purchases of the plan that would be ordered from month {move.months} on"
    if gone:
        yield f"without requests from {now} on, left out: {', '.join(gone)}"
    if loaded.problem.horizon is None and not move.keep_end:
        yield "the horizon ends when it did: periods do not say what demand comes after them"
    if loaded.problem.scenarios:
        yield "scenarios are settled; add new ones where the future is open again"
