"""Commitments over a horizon: when they may begin, how long they last, and what is owed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from planner.domain.problem import Problem
from planner.supply.build import build_supply
from planner.supply.cells import Purchase
from planner.supply.limits import gpu_limits
from planner.supply.terms import ALWAYS, Term, is_there


def horizon(tiny: SimpleNamespace, months: int, step: int = 3, **fields: Any) -> Problem:
    steps = range(0, months, step)
    periods = [{"name": f"m{start}", "hours": 730 * step, "months": [start, start + step]} for start in steps]
    made: Problem = tiny.problem(periods=periods, **fields)
    return made


def bought(tiny: SimpleNamespace, problem: Problem, kind: str, **sections: Any) -> list[Purchase]:
    prices = [tiny.price("us-1", "us", on_demand="$20/h", reserved_1y="$12/h", reserved_3y="$8/h")]
    catalog = tiny.catalog(instances={"a/x": tiny.instance("a/x", prices)}, **sections)
    supply = build_supply(problem, catalog, tiny.streams(problem))
    return [purchase for purchase in supply.purchases if purchase.kind == kind]


EVERY = {"choose": {"offers": {"allow": ["on_demand", "reserved_1y", "reserved_3y", "owned"]}}}


def test_without_months_a_commitment_is_for_all_time(tiny: SimpleNamespace) -> None:
    (only,) = bought(tiny, tiny.problem(**EVERY), "reserved_1y")
    assert (only.term.live, only.term.ordered, only.hourly) == (None, None, 12.0)


def test_a_year_may_begin_at_each_step_and_is_owed_to_its_end(tiny: SimpleNamespace) -> None:
    """Over 15 months in quarters: from month 0 and 3 whole; from 6 nine of twelve months count, so 12/9 of the price is paid."""
    years = bought(tiny, horizon(tiny, 15, **EVERY), "reserved_1y")
    assert [one.term.live for one in years] == [(0, 12), (3, 15), (6, 15), (9, 15), (12, 15)]
    assert [one.hourly for one in years] == pytest.approx([12.0, 12.0, 12.0 * 12 / 9, 24.0, 48.0])
    assert [one.term.ordered for one in years] == [0, 3, 6, 9, 12]
    assert len({one.name for one in years}) == 5


def test_what_is_rented_by_the_hour_needs_no_term(tiny: SimpleNamespace) -> None:
    (only,) = bought(tiny, horizon(tiny, 15, **EVERY), "on_demand")
    assert (only.term.live, only.term.ordered) == (None, None)


def test_own_machines_come_late_and_stay(tiny: SimpleNamespace) -> None:
    """Delivered four months after the order, in use from the next quarter on; 2.5 years are 30 months."""
    owned = {"dgx": tiny.owned("a/x", lead_months=4, life_years=2.5, available=3)}
    problem = horizon(tiny, 36, **EVERY)
    machines = bought(tiny, problem, "owned", owned=owned)
    assert [one.term.live for one in machines][:2] == [(6, 36), (9, 36)]
    assert [one.term.ordered for one in machines][:2] == [2, 5]
    assert len({one.hourly for one in machines}) == 1
    early = bought(tiny, horizon(tiny, 36, **EVERY), "owned", owned={"dgx": tiny.owned("a/x", life_years=1.0)})
    assert early[0].term.live == (0, 12)


def test_what_is_to_be_had_is_counted_over_all_times_of_order(tiny: SimpleNamespace) -> None:
    problem = horizon(tiny, 12, **EVERY)
    catalog = tiny.catalog(
        instances={"a/x": tiny.instance("a/x", [tiny.price("us-1", "us", on_demand="$20/h")])},
        owned={"dgx": tiny.owned("a/x", available=3)},
    )
    supply = build_supply(problem, catalog, tiny.streams(problem))
    (limit,) = gpu_limits(problem, supply, catalog)
    counted = [purchase for purchase, counts in zip(supply.purchases, limit.purchases, strict=True) if counts]
    assert [purchase.term.live for purchase in counted] == [(0, 12), (3, 12), (6, 12), (9, 12)]
    assert limit.gpus == 3 * 8


def test_machines_are_there_in_periods_that_lie_within_their_months(tiny: SimpleNamespace) -> None:
    periods = horizon(tiny, 12).periods
    assert [is_there(Term(live=(3, 9)), period) for period in periods] == [False, True, True, False]
    assert [is_there(Term(live=(2, 8)), period) for period in periods] == [False, True, False, False]
    assert all(is_there(ALWAYS, period) for period in periods)


def test_what_is_ordered_later_is_ordered_for_the_scenario_that_came(tiny: SimpleNamespace) -> None:
    """At the start a year is reserved for all scenarios; from the second step on for each by itself."""
    periods = [
        {"name": f"m{start}@{scenario}", "hours": hours, "months": [start, start + 6], "scenario": scenario}
        for start in (0, 6)
        for scenario, hours in (("low", 2190), ("high", 2190))
    ]
    problem = tiny.problem(periods=periods, **EVERY)
    years = bought(tiny, problem, "reserved_1y")
    assert [one.term.when for one in years] == [((0, 12), None), ((6, 12), "low"), ((6, 12), "high")]
    assert [[is_there(one.term, period) for period in problem.periods] for one in years] == [
        [True, True, True, True],
        [False, False, True, False],
        [False, False, False, True],
    ]


def test_what_is_ordered_within_the_first_step_knows_nothing_yet(tiny: SimpleNamespace) -> None:
    """Four months before month 6 is month 2: the first step, in which no scenario has shown."""
    periods = [
        {"name": f"m{start}@{scenario}", "hours": 2190, "months": [start, start + 6], "scenario": scenario}
        for start in (0, 6, 12)
        for scenario in ("low", "high")
    ]
    owned = {"dgx": tiny.owned("a/x", lead_months=4)}
    machines = bought(tiny, tiny.problem(periods=periods, **EVERY), "owned", owned=owned)
    assert [(one.term.ordered, one.term.scenario) for one in machines] == [(2, None), (8, "low"), (8, "high")]
