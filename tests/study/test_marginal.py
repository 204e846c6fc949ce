"""What steps are worth, and what binds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.problem import Problem
from planner.pipeline import priced, quietly
from planner.study import edit
from planner.study.binding import binding
from planner.study.difference import Difference, between, micros
from planner.study.marginal import Move, Price, prices, sentences
from planner.study.result import Result
from planner.study.slopes import Place, said, slope
from planner.study.sweep import Course

COURSE = Course(quietly)
BUSY = tiny.workload(rate="30 req/s", quality=[{"benchmark": "exam", "at_least": 45}])


def found(loaded: LoadedProblem, name: str, times: float = 1.0) -> Price:
    return next(price for price in prices(loaded, COURSE, times) if price.move.name.startswith(name))


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> LoadedProblem:
    """Thirty requests a second on few of the cheapest accelerator, under a quota."""
    limits = {"quotas": [{"accelerator": "mini", "gpus": 2}]}
    return tiny.load(tmp_path_factory.mktemp("busy"), tiny.problem(BUSY, limits=limits))


@pytest.fixture(scope="module")
def moved(busy: LoadedProblem) -> list[Price]:
    """Everything moved by twenty steps, of plans that tell what a little more is worth."""
    return prices(busy, Course(priced), 20.0)


def _target(index: int, step: float) -> Callable[[Problem], Problem]:
    def change(problem: Problem) -> Problem:
        objective = problem.workloads[0].objectives[index]
        return edit.with_target(problem, "chat", objective, objective.target + step)

    return change


def _demand(step: float) -> Callable[[Problem], Problem]:
    def change(problem: Problem) -> Problem:
        demand = problem.workloads[0].demand.model_copy(update={"rate": 30.0 + step})
        return edit.with_workload(problem, "chat", demand=demand)

    return change


@pytest.mark.parametrize(
    ("name", "times", "less", "more"),
    [
        ("chat TTFT", 100.0, _target(0, -1.0), _target(0, 1.0)),
        ("chat TPOT", 40.0, _target(1, -0.04), _target(1, 0.04)),
        ("chat demand", 10.0, _demand(-10.0), _demand(10.0)),
        ("the quota", 1.0, lambda p: edit.with_quota(p, 0, 1), lambda p: edit.with_quota(p, 0, 3)),
    ],
)
def test_prices_are_differences_of_problems_changed_by_hand(
    busy: LoadedProblem, name: str, times: float, less: Callable[[Problem], Problem], more: Callable[[Problem], Problem]
) -> None:
    """Within 2 %: targets in the file are written in ms, so that the last digit of a float may differ."""
    price = found(busy, name, times)
    base = quietly(busy).cost.total
    expected = [quietly(replace(busy, problem=change(busy.problem))).cost.total - base for change in (less, more)]
    told = [None if one is None else one.value for one in price.differences]
    assert told == [pytest.approx(value, rel=0.02, abs=1e-6) for value in expected]


def test_asking_for_more_never_saves(busy: LoadedProblem) -> None:
    for price in prices(busy, COURSE, 5.0):
        less, more = price.differences
        tighter, looser = (more, less) if "demand" in price.move.name or "floor" in price.move.name else (less, more)
        assert tighter is None or tighter.high >= -1e-6
        assert looser is None or looser.low <= 1e-6


def test_what_no_model_reaches_is_no_plan_or_not_moved(busy: LoadedProblem) -> None:
    """The best model scores 80: a floor of 45 + 40 is reached by none."""
    price = found(busy, "chat exam floor", 40.0)
    assert price.more is None or not price.more.solved


def test_sentences_say_what_gaps_can_tell() -> None:
    base = Result("optimal", 10.0, 9.9)
    assert between(base, Result("optimal", 12.0, 11.9)) == Difference(2.0, pytest.approx(1.9), pytest.approx(2.1))
    assert not between(base, Result("optimal", 10.05, 9.95)).sure
    assert between(Result("optimal", 1.0, 1.0), Result("optimal", 1.0, 1.0)).none
    assert micros(0.1234565) == 123456


def values(price: Price) -> list[float]:
    """Return the costs with machines divisible a step lower, as it stands, and a step higher."""
    return [one.figures["worth"]["cost"] for one in (price.less, price.base, price.more) if one is not None]


def test_slopes_are_differences_of_the_cost_with_machines_divisible(moved: list[Price]) -> None:
    """Of demand by its dual, of floors between both ends."""
    found = {price.move.name.split(",")[0]: price for price in moved}
    for name, source in (("chat demand", "dual"), ("chat exam floor", "relaxation")):
        (less, _, more), told = values(found[name]), found[name].slope
        assert told is not None
        assert told.source == source
        assert told.value == pytest.approx((more - less) / 40.0, rel=0.02)
        assert told.value > 0


def test_a_slope_needs_what_plans_tell() -> None:
    """Results of plans that do not tell what a little more is worth, kept in a journal, have none."""
    told = Result("optimal", 10.0, 10.0, figures={"worth": {"cost": 8.0, "demand": [], "limits": []}})
    dearer = Result("optimal", 10.0, 10.0, figures={"worth": {"cost": 8.4, "demand": [], "limits": []}})
    for place in (Place("ms", 2.0), Place("req/s", 1.0, "chat"), Place("GPU", 1.0, "limits.quotas[0]")):
        assert slope(place, Result("optimal", 10.0, 10.0), None, None) is None
    one_end = slope(Place("ms", 2.0), told, dearer, Result("infeasible"))
    assert one_end is not None
    assert one_end.value == pytest.approx(-0.2)
    assert said(one_end) == "each ms less costs $0.2/h"


def test_a_scarce_limit_saves_and_another_is_not_scarce() -> None:
    rows = [{"limit": "limits.quotas[0]", "hourly": 1.25}, {"limit": "limits.max_gpus", "hourly": 0.0}]
    base = Result("optimal", 10.0, 10.0, figures={"worth": {"cost": 8.0, "demand": [], "limits": rows}})
    found = [slope(Place("GPU", 1.0, row["limit"]), base, None, None) for row in rows]
    assert [said(one) for one in found if one] == ["each GPU more saves $1.25/h", "it is not scarce"]


def test_sentences_are_sentences(moved: list[Price]) -> None:
    told = list(sentences(moved))
    assert any(text.startswith("chat TTFT p95, 1.5 s: 200 ms less ") for text in told)
    assert any("the quota of mini, 2: 20 GPUs more" in text for text in told)
    assert any("over many machines each req/s more costs $0.0451/h" in text for text in told)
    assert all(": " in text for text in told)


def test_sentences_say_how_sure_they_are() -> None:
    """What is known to 2 % is told without a range; ends that both change nothing are told together."""
    base, move = Result("optimal", 10.0, 9.9), Move("chat TTFT p95, 1 s", "10 ms", None, None, Place("ms", 10.0))
    doubtful = Price(move, base, Result("optimal", 10.0, 9.95), Result("optimal", 10.0, 9.8))
    assert list(sentences([doubtful])) == [
        "chat TTFT p95, 1 s: 10 ms less or more changes nothing (−$0.2/h to +$0.1/h, as far as the gaps can tell)"
    ]
    close = Price(move, Result("optimal", 10.0, 10.0), Result("infeasible"), Result("optimal", 8.0, 8.0))
    assert list(sentences([close])) == ["chat TTFT p95, 1 s: 10 ms less leaves no plan (infeasible); 10 ms more saves $2.00/h"]
    wide = Price(move, base, None, Result("optimal", 12.0, 11.9))
    assert list(sentences([wide])) == ["chat TTFT p95, 1 s: 10 ms more costs $2.00/h ($1.90/h to $2.10/h)"]


def test_what_binds_is_told_with_its_use(busy: LoadedProblem) -> None:
    plan = quietly(busy)
    rows = {(one.subject, one.what): one for one in binding(plan, busy.problem)}
    pools = [row for row in rows.values() if row.subject.startswith("P")]
    assert len(pools) == len(plan.pools)
    assert all(0 < row.used <= 1 for row in pools)
    tightest = min(plan.promises, key=lambda one: one.margin)
    told = rows["chat", f"{tightest.metric.upper()} p95"]
    assert told.used == tightest.predicted / tightest.target
    assert rows["limits", "quota of mini"].used == plan.accelerators.get("mini", 0) / 2
