"""Demand over a horizon laid out in periods: cases solved by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.problem import LoadedProblem
from planner.demand.arrivals import rates
from planner.demand.streams import is_movable
from planner.domain.horizon import Horizon
from planner.domain.problem import Period, Problem
from planner.domain.workload import Demand, LaidOutDemand, Workload
from planner.errors import InvalidInput
from planner.horizon.calendar import hours_of, month_numbers
from planner.horizon.course import course
from planner.horizon.layout import lay_out

HERE = Path()


def made(*demands: dict[str, Any], months: int = 3, step: str = "quarter", typical: int = 4, start: str = "2027-01") -> Problem:
    """Lay out workloads of these demands."""
    horizon = {"start": start, "months": months, "step": step, "typical_hours": typical}
    workloads = [tiny.workload(f"w{index}", demand=demand) for index, demand in enumerate(demands)]
    return lay_out(Problem.model_validate(tiny.problem(*workloads, horizon=horizon)), HERE)


def rate(problem: Problem, index: int = 0) -> tuple[float, ...]:
    return rates(problem.workloads[index].demand, problem.periods, HERE).rate


def overstated(problem: Problem, index: int = 0) -> float:
    demand = problem.workloads[index].demand
    assert isinstance(demand, LaidOutDemand)
    return demand.overstated


def test_two_levels_are_two_periods_and_exact() -> None:
    # February 2027 has 28 days, so 20 weekdays: 200 office hours and 472 others. Mean (200 + 47.2)/672 = 61.8/168 of the peak.
    found = made({"rate": "61.8 req/s", "shape": "office_hours"}, start="2027-02", months=1, step="month", typical=2)
    assert [period.model_copy(update={"week": None}) for period in found.periods] == [
        Period(name="2027-02 h1", hours=200, months=(0, 1)),
        Period(name="2027-02 h2", hours=472, months=(0, 1)),
    ]
    # Each office hour of the week comes four times, on Monday from 8:00 on.
    office = found.periods[0].week or ()
    assert (len(office), sum(office), set(office), office[7:9]) == (168, 200, {0.0, 4.0}, (0.0, 4.0))
    assert all(one + other == 4.0 for one, other in zip(office, found.periods[1].week or (), strict=True))
    assert rate(found) == pytest.approx((168, 16.8))
    assert overstated(found) == 0


def test_one_typical_hour_has_the_highest_rate() -> None:
    found = made({"rate": "61.8 req/s", "shape": "office_hours"}, start="2027-02", months=1, step="month", typical=1)
    assert [period.name for period in found.periods] == ["2027-02"]
    assert rate(found) == pytest.approx((168,))
    assert overstated(found) == pytest.approx(168 / 61.8 - 1)
    demand = found.workloads[0].demand
    assert isinstance(demand, LaidOutDemand)
    assert "overstates requests by 171.8%: 171.8% since typical hours stand for others" in demand.remarks[0]


def test_the_rate_may_be_that_of_the_busiest_hour() -> None:
    found = made({"rate": "168 req/s", "shape": "office_hours", "rate_is": "peak"}, typical=2)
    assert rate(found) == pytest.approx((168, 16.8))


def test_users_give_the_level_too() -> None:
    users = {"active": "8640", "requests_per_user": "10/day"}  # one request a second
    found = made({"users": users, "scale": 2, "shape": "nights"}, typical=2)
    assert rate(found) == pytest.approx((6, 0))
    assert [period.hours for period in found.periods] == [720, 1440]


def test_a_trace_planned_on_its_peak_gives_the_busiest_hour_and_one_planned_on_its_mean_the_mean(tmp_path: Path) -> None:
    times = np.concatenate([np.arange(600.0), 600 + np.arange(1500) / 5])  # 1/s for 600 s, then 5/s for 300 s
    (tmp_path / "t.csv").write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *(f"{t:.6f},9,9" for t in times)]))
    for plan_on, busiest in (("peak", 5.0), ("mean", 3 * 2099 / 899.8)):
        found = made({"trace": {"path": "t.csv", "plan_on": plan_on}, "shape": "nights"}, typical=2)
        assert rates(found.workloads[0].demand, found.periods, tmp_path).rate == pytest.approx((busiest, 0))


def test_growth_of_a_quarter_is_that_of_its_last_month() -> None:
    # 10 % a month: 1, 1.1, 1.21 in months of 744, 672 and 744 hours; held at 1.21.
    found = made({"rate": "1 req/s", "growth": "10%/month"})
    true = 744 + 672 * 1.1 + 744 * 1.21
    assert [period.hours for period in found.periods] == [2160]
    assert rate(found) == pytest.approx((1.21,))
    assert overstated(found) == pytest.approx(2160 * 1.21 / true - 1)


def test_growth_month_by_month_overstates_nothing() -> None:
    found = made({"rate": "1 req/s", "growth": "10%/month"}, step="month")
    assert rate(found) == pytest.approx((1, 1.1, 1.21))
    assert overstated(found) == 0


def test_growth_a_year_and_decline() -> None:
    found = made({"rate": "1 req/s", "growth": "21%/year"}, {"rate": "1 req/s", "growth": "-50%/month"}, months=7, step="month")
    assert rate(found)[6] == pytest.approx(1.1)
    assert rate(found, 1) == pytest.approx(tuple(0.5**k for k in range(7)))
    held = made({"rate": "1 req/s", "growth": "-50%/month"}, months=6)
    assert rate(held) == pytest.approx((1, 0.125))  # a quarter that declines is held at its first month


def test_nothing_grows_out_of_nothing() -> None:
    found = made({"rate": "4 req/s", "growth": "-100%/month"}, step="month")
    assert rate(found) == (4, 0, 0)


def test_events_have_their_days_and_multiply_where_they_overlap() -> None:
    # 10 days from the 10th to the 19th three times, 5 of them twice more: 120 h at 6, 120 h at 3, the rest of 744 h at 1.
    events = [
        {"name": "sale", "from": "2027-03-10", "to": "2027-03-19", "times": 3},
        {"name": "press", "from": "2027-03-15", "to": "2027-03-19", "times": 2},
    ]
    found = made({"rate": "1 req/s", "events": events}, start="2027-03", months=1, step="month")
    assert rate(found) == (6, 3, 1)
    assert [period.hours for period in found.periods] == [120, 120, 504]
    assert overstated(found) == 0


def test_events_run_by_the_clock_of_their_workload() -> None:
    # 1 January in Tokyo begins nine hours before the horizon, and ends nine hours earlier.
    events = [{"name": "new year", "from": "2027-01-01", "to": "2027-01-01", "times": 2}]
    found = made({"rate": "1 req/s", "events": events, "timezone": 9}, months=1, step="month")
    assert [period.hours for period in found.periods] == [15, 744 - 15]


def test_an_event_across_two_steps() -> None:
    events = [{"name": "fair", "from": "2027-01-31", "to": "2027-02-02", "times": 2}]
    found = made({"rate": "1 req/s", "events": events}, months=2, step="month")
    assert [(p.name, p.hours) for p in found.periods] == [
        ("2027-01 h1", 24), ("2027-01 h2", 720), ("2027-02 h1", 48), ("2027-02 h2", 624),
    ]  # fmt: skip


def test_launch_and_end_within_a_step_are_told_apart() -> None:
    # Calls in February and March only: growth counts from the launch on, and January's hours are not grown into.
    found = made({"rate": "2 req/s", "growth": "10%/month", "launch": "2027-02", "ends": "2027-03"}, months=6)
    assert [(p.name, p.hours) for p in found.periods] == [("2027Q1 h1", 1416), ("2027Q1 h2", 744), ("2027Q2", 2184)]
    assert rate(found) == pytest.approx((2.2, 0, 0))


def test_clocks_of_two_continents_overlap_less() -> None:
    # Nights of 8 hours, eight hours apart, never meet: three kinds of hours, a third of all each.
    found = made({"rate": "1 req/s", "shape": "nights"}, {"rate": "1 req/s", "shape": "nights", "timezone": 8})
    assert sorted(zip(rate(found), rate(found, 1), strict=True)) == [(0, 0), (0, 3), (3, 0)]
    assert [period.hours for period in found.periods] == [720, 720, 720]


def test_a_clock_ahead_comes_earlier_in_utc() -> None:
    # Local Monday 8:00 at UTC+1 is 7:00 UTC.
    week = [1.0 if hour == 8 else 0.0 for hour in range(168)]
    horizon = Horizon(start="2027-03", months=1)  # 1 March 2027 is a Monday
    found = course(Demand.model_validate({"rate": "1 req/s", "shape": week, "timezone": 1}), horizon, HERE)
    busy = hours_of("2027-03", 0, 1)[found.weekly(hours_of("2027-03", 0, 1)) > 0]
    assert str(busy[0]) == "2027-03-01T07"


SHAPES = st.sampled_from(["always", "office_hours", "business_week", "evenings", "nights", "weekends"])
DAYS = st.tuples(st.dates(date(2027, 12, 1), date(2028, 7, 31)), st.dates(date(2027, 12, 1), date(2028, 7, 31)))
EVENTS = st.lists(
    st.tuples(DAYS, st.sampled_from([0.0, 0.5, 2.0, 3.0])).map(
        lambda made: {"name": "e", "from": min(made[0]), "to": max(made[0]), "times": made[1]}
    ),
    max_size=2,
)
DEMANDS = st.builds(
    lambda shape, zone, growth, events, launch: {
        "rate": "1 req/s", "shape": shape, "timezone": zone, "growth": f"{growth}%/month", "events": events,
        **({"launch": launch} if launch else {}),
    },
    SHAPES, st.integers(-12, 14), st.integers(-50, 50), EVENTS, st.sampled_from([None, "2028-02", "2028-04"]),
)  # fmt: skip


@given(st.lists(DEMANDS, min_size=1, max_size=3), st.sampled_from(["month", "quarter"]), st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_no_hour_asks_for_more_than_its_period(demands: list[dict[str, Any]], step: str, typical: int) -> None:
    found = made(*demands, months=6, step=step, typical=typical, start="2028-01")
    horizon = found.horizon
    assert horizon is not None
    assert found.cycle_hours == (31 + 29 + 31 + 30 + 31 + 30) * 24  # January to June 2028
    for index, stated in enumerate(demands):
        hours = hours_of("2028-01", 0, 6)
        one = course(Demand.model_validate(stated), horizon, HERE)
        true = one.weekly(hours) * one.eventful(hours) * one.growth[month_numbers(hours, "2028-01")]
        held = np.repeat(rate(found, index), [int(period.hours) for period in found.periods])
        assert np.sort(held)[::-1].sum() >= true.sum() * (1 - 1e-12)
        assert (np.sort(held) >= np.sort(true) - 1e-12).all()  # at every level of demand
        if true.sum() > 0:
            assert overstated(found, index) == pytest.approx(held.sum() / true.sum() - 1, abs=1e-9)


@given(DEMANDS.map(lambda demand: {**demand, "growth": None, "events": []}))
@settings(deadline=None, max_examples=20)
def test_every_hour_by_itself_overstates_nothing(demand: dict[str, Any]) -> None:
    assert overstated(made(demand, months=6, typical=168, start="2028-01")) == 0


def test_without_a_horizon_a_problem_stays_as_it_is() -> None:
    problem = Problem.model_validate(tiny.problem())
    assert lay_out(problem, HERE) is problem


def test_demand_over_time_that_is_not_laid_out_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not laid out"):
        rates(Demand(rate="1 req/s", shape="nights"), (Period(name="always", hours=1),), HERE)  # type: ignore[arg-type]


def loaded(folder: Path, **horizon: Any) -> LoadedProblem:
    work = tiny.workload("chat", demand={"rate": "2 req/s", "shape": "office_hours"})
    batch = tiny.workload("batch", demand={"rate": "1 req/s"}, objectives=[], deadline="9000h")
    return tiny.load(folder, tiny.problem(work, batch, horizon={"start": "2027-01", "months": 12, **horizon}))


def test_batches_do_not_move_between_months(tmp_path: Path) -> None:
    several = loaded(tmp_path, step="quarter").problem
    batch: Workload = several.workloads[1]
    assert not is_movable(batch, several.periods)
    assert any("nothing is moved" in text for text in rates(batch.demand, several.periods, tmp_path).assumptions)
    one = loaded(tmp_path, step="year").problem
    assert is_movable(one.workloads[1], one.periods)  # its deadline spans the year


def test_many_periods_are_warned_of(tmp_path: Path) -> None:
    work = tiny.workload(demand={"rate": "1 req/s", "shape": "business_week"}, choose={"models": {"allow": ["org/small"]}})
    found = tiny.load(tmp_path, tiny.problem(work, horizon={"start": "2027-01", "months": 36, "typical_hours": 10}))
    assert [issue.path for issue in found.warnings] == ["horizon"]
