"""Scenarios laid out in periods, and their mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.demand.arrivals import rates
from planner.domain.horizon import Scenario
from planner.errors import InvalidInput
from planner.horizon.scenarios import branched

TWO = [{"name": "base", "probability": "75%"}, {"name": "high", "probability": "25%", "demand": 2.0}]


def problem(folder: Path, scenarios: list[dict[str, Any]], **fields: Any) -> Any:
    given = {"workloads": [tiny.workload(rate="8 req/s"), tiny.workload("code", "2 req/s")], **fields}
    return tiny.load(folder, {**tiny.problem(), **given, "scenarios": scenarios}).problem


def rate_of(made: Any, index: int = 0) -> dict[str, float]:
    found = rates(made.workloads[index].demand, made.periods, Path())
    return {period.name: rate for period, rate in zip(made.periods, found.rate, strict=True)}


def test_hours_count_with_the_probability_and_rates_with_the_factor(tmp_path: Path) -> None:
    made = problem(tmp_path, TWO)
    assert [(p.name, p.hours, p.scenario) for p in made.periods] == [
        ("always @ base", 0.75 * 730, "base"),
        ("always @ high", 0.25 * 730, "high"),
    ]
    assert rate_of(made) == {"always @ base": 8.0, "always @ high": 16.0}


def test_a_factor_may_be_one_workloads(tmp_path: Path) -> None:
    made = problem(tmp_path, [TWO[0], {**TWO[1], "demand": {"code": 3.0}}])
    assert rate_of(made, 0) == {"always @ base": 8.0, "always @ high": 8.0}
    assert rate_of(made, 1) == {"always @ base": 2.0, "always @ high": 6.0}


def test_rates_by_period_are_kept(tmp_path: Path) -> None:
    periods = [{"name": "day", "hours": 2}, {"name": "night", "hours": 1}]
    chat = tiny.workload(rate={"day": "8 req/s", "night": "2 req/s"})
    made = problem(tmp_path, TWO, workloads=[chat], periods=periods)
    assert rate_of(made) == {"day @ base": 8.0, "day @ high": 16.0, "night @ base": 2.0, "night @ high": 4.0}
    assert sum(period.hours for period in made.periods) == pytest.approx(3.0)


def test_growth_comes_on_top_and_counts_at_its_highest_month(tmp_path: Path) -> None:
    """Quarters with 10 % a month: the third month of the first, 1.1², the sixth of the second, 1.1⁵; a decline in its first."""
    horizon = {"start": "2027-01", "months": 6, "step": "quarter"}
    grown = [TWO[0], {"name": "grows", "probability": "15%", "growth": "10%/month"}]
    shrunk = [*grown, {"name": "shrinks", "probability": "10%", "growth": "-10%/month"}]
    found = rate_of(problem(tmp_path, shrunk, horizon=horizon))
    assert [found[f"2027Q{q} @ grows"] for q in (1, 2)] == pytest.approx([8 * 1.1**2, 8 * 1.1**5])
    assert [found[f"2027Q{q} @ shrinks"] for q in (1, 2)] == pytest.approx([8.0, 8 * 0.9**3])
    assert [found[f"2027Q{q} @ base"] for q in (1, 2)] == [8.0, 8.0]


def test_without_scenarios_nothing_changes(tmp_path: Path) -> None:
    made = problem(tmp_path, [])
    assert branched(made) is made


def test_what_may_come_is_told_as_an_assumption(tmp_path: Path) -> None:
    made = problem(tmp_path, TWO)
    (said,) = [one for one in rates(made.workloads[0].demand, made.periods, Path()).assumptions if "turn out" in one]
    assert (
        said == "demand may turn out 1 × with 75% (base), 2 × with 25% (high), in the last period: an assumption of the problem"
    )


@pytest.mark.parametrize(
    ("scenarios", "path", "said"),
    [
        ([TWO[0], {**TWO[1], "probability": "20%"}], "scenarios", "add up to 0.95"),
        ([TWO[0], {**TWO[1], "name": "base"}], "scenarios", "have the same name: base"),
        ([{"name": "only", "probability": "100%"}], "scenarios", "one scenario only"),
        ([*TWO, {"name": "never", "probability": 0}], "scenarios[2].probability", "never comes"),
        ([TWO[0], {**TWO[1], "demand": {"chatt": 2.0}}], "scenarios[1].demand.chatt", "no workload 'chatt'"),
        ([TWO[0], {**TWO[1], "growth": "5%/month"}], "scenarios[1].growth", "no meaning without months"),
        ([TWO[0], {**TWO[1], "demand": -1.0}], "scenarios[1].demand", "must be at least 0"),
    ],
)
def test_each_mistake_is_told_with_its_place(tmp_path: Path, scenarios: list[dict[str, Any]], path: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        problem(tmp_path, scenarios)
    assert any(path in issue.path and said in issue.message for issue in caught.value.issues)


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    wrong = [{"name": "base", "probability": "60%"}, {"name": "base", "probability": "30%", "demand": {"chatt": 2.0}}]
    with pytest.raises(InvalidInput) as caught:
        problem(tmp_path, wrong)
    assert len(caught.value.issues) == 3


def test_periods_that_name_scenarios_are_not_laid_out_again(tmp_path: Path) -> None:
    periods = [{"name": "a", "hours": 1, "scenario": "base"}, {"name": "b", "hours": 1, "scenario": "high"}]
    with pytest.raises(InvalidInput, match="name scenarios by themselves"):
        problem(tmp_path, TWO, periods=periods)


def test_factors_default_to_one() -> None:
    assert Scenario(name="base", probability=0.5).demand == 1.0
