"""Demand over time from the command line: every kind of bad input, and a purchase solved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

Run = Callable[..., Result]

HORIZON = "horizon: {start: 2027-01, months: 12, step: quarter}\n"

# Name: (what stands before workloads, demand, (line, YAML path, words of message or remedy) of each mistake)
CASES: dict[str, tuple[str, str, list[tuple[int, str, str]]]] = {
    "periods as well": (
        f"{HORIZON}periods: [{{name: a, hours: 1}}]\n", "rate: {a: 1 req/s}", [(4, "horizon", "both a horizon and periods")],
    ),
    "no whole number of steps": (
        "horizon: {start: 2027-01, months: 10, step: quarter}\n", "rate: 1 req/s, shape: nights",
        [(4, "horizon", ["no whole number of quarters", "give a multiple of 3"][0])],
    ),
    "too long and too fine": (
        "horizon: {start: 2027-01, months: 48, typical_hours: 200}\n", "rate: 1 req/s",
        [(4, "horizon.months", "at most 36"), (4, "horizon.typical_hours", "at most 168")],
    ),
    "no month": ("horizon: {start: 2027, months: 12}\n", "rate: 1 req/s", [(4, "horizon.start", "write it as 2027-04")]),
    "time without a horizon": (
        "", "rate: 1 req/s, shape: nights, growth: 8%/month, launch: 2027-03",
        [(6, f"workloads[0].demand.{field}", "add `horizon:") for field in ("growth", "launch", "shape")],
    ),
    "rate by period": (HORIZON, "rate: {a: 1 req/s}", [(7, "workloads[0].demand.rate", "give one figure")]),
    "profile by period": (
        HORIZON, "users: {active: 9, requests_per_user: 1/day}, profile: {a: 2}",
        [(7, "workloads[0].demand.profile", "give one figure")],
    ),
    "unknown shape": (HORIZON, "rate: 1 req/s, shape: office", [(7, "workloads[0].demand.shape", "mean 'office_hours'?")]),
    "too few hours": (HORIZON, "rate: 1 req/s, shape: [1, 2]", [(7, "workloads[0].demand.shape", "a week has 168 hours")]),
    "negative multiplier": (
        HORIZON, f"rate: 1 req/s, shape: [{'1, ' * 167}-1]", [(7, "workloads[0].demand.shape[167]", "must be at least 0")],
    ),
    "idle week": (HORIZON, f"rate: 1 req/s, shape: [{'0, ' * 167}0]", [(7, "workloads[0].demand.shape", "zero at every hour")]),
    "missing shape": (HORIZON, "rate: 1 req/s, shape: {file: x.csv}", [(7, "workloads[0].demand.shape.file", "no such file")]),
    "shape of nothing": (HORIZON, "rate: 1 req/s, shape: {}", [(7, "workloads[0].demand.shape", "exactly one of file, trace")]),
    "decline to less than nothing": (
        HORIZON, "rate: 1 req/s, growth: -120%/month", [(7, "workloads[0].demand.growth", "between -100 %")],
    ),
    "growth of what time": (HORIZON, "rate: 1 req/s, growth: 8%", [(7, "workloads[0].demand.growth", "write it as 8%/month")]),
    "event backwards": (
        HORIZON, "rate: 1 req/s, events: [{name: x, from: 2027-05-10, to: 2027-05-01, times: 2}]",
        [(7, "workloads[0].demand.events[0]", "ends on 2027-05-01 before it starts")],
    ),
    "event on no day": (
        HORIZON, "rate: 1 req/s, events: [{name: x, from: 2027-02-29, to: 2027-03-01, times: -2}]",
        [(7, "workloads[0].demand.events[0].from", "no day"), (7, "workloads[0].demand.events[0].times", "at least 0")],
    ),
    "launch too late": (HORIZON, "rate: 1 req/s, launch: 2028-01", [(7, "workloads[0].demand.launch", "after the horizon")]),
    "end too early": (HORIZON, "rate: 1 req/s, ends: 2026-12", [(7, "workloads[0].demand.ends", "comes before the horizon")]),
    "end before launch": (
        HORIZON, "rate: 1 req/s, launch: 2027-06, ends: 2027-03", [(7, "workloads[0].demand.ends", "before its launch")],
    ),
    "gap and overlap of months": (
        f"periods: [{', '.join(f'{{name: p{a}, hours: 1, months: [{a}, {b}]}}' for a, b in ((0, 3), (4, 6), (5, 7)))}]\n",
        "rate: 1 req/s", [(4, "periods[1].months", "leave a gap"), (4, "periods[2].months", "overlap")],
    ),
    "months that begin late": (
        "periods: [{name: a, hours: 1, months: [1, 3]}]\n", "rate: 1 req/s", [(4, "periods[0].months", "begin at 1")],
    ),
    "months of some": (
        "periods: [{name: a, hours: 1, months: [0, 3]}, {name: b, hours: 1}]\n", "rate: 1 req/s",
        [(4, "periods", "some periods have months, others not: b")],
    ),
}  # fmt: skip


def written(problem: Path, before: str, demand: str) -> Path:
    text = problem.read_text().replace("workloads:", f"{before}workloads:").replace("{rate: 2 req/s}", f"{{{demand}}}")
    problem.write_text(text)
    return problem


@pytest.mark.parametrize("name", CASES)
def test_each_mistake(run: Run, problem: Path, name: str) -> None:
    before, demand, expected = CASES[name]
    result = run("validate", written(problem, before, demand))
    assert result.exit_code == 2, result.output
    blocks = result.stderr.split("error: ")[1:]
    assert len(blocks) == len(expected), result.stderr
    for block, (line, path, words) in zip(blocks, expected, strict=True):
        assert f":{line}: {path}: " in block
        assert words in block
        assert "→" in block


@pytest.mark.parametrize(
    ("demand", "path"),
    [
        ("rate: 1 req/s, events: [{name: x, from: 2029-05-01, to: 2029-05-01, times: 2}]", "workloads[0].demand.events[0]"),
        ("rate: 1 req/s, launch: 2026-05", "workloads[0].demand.launch"),
        ("rate: 1 req/s, ends: 2029-05", "workloads[0].demand.ends"),
    ],
)
def test_what_has_no_effect_is_warned_of(run: Run, problem: Path, demand: str, path: str) -> None:
    result = run("validate", written(problem, HORIZON, demand))
    assert result.exit_code == 0
    assert f"{path}: " in result.stderr
    assert "no effect" in result.stderr


def test_periods_with_months_that_follow_each_other_are_sound(run: Run, problem: Path) -> None:
    spans = [("a", "[0, 3]"), ("b", "[0, 3]"), ("c", "[3, 12]")]
    periods = ", ".join(f"{{name: {name}, hours: 1, months: {months}}}" for name, months in spans)
    assert run("validate", written(problem, f"periods: [{periods}]\n", "rate: 1 req/s")).exit_code == 0


def test_what_was_read(run: Run, problem: Path) -> None:
    result = run("validate", written(problem, HORIZON, "rate: 61.8 req/s, shape: office_hours, growth: 10%/month"))
    assert "horizon: 12 months from 2027-01, 8760 h, in 4 quarters and 8 periods" in result.stdout
    # A quarter is held at its third month: 1.21/((1 + 1.1 + 1.21)/3) − 1 = 9.7 %, by the days of months 9.6 %.
    assert "its periods hold 9.6% more requests than are expected" in result.stdout
    assert "shape office_hours is an assumption: its busiest hour has 2.72 times the mean" in result.stdout


def test_the_base_is_committed_and_the_peak_rented(run: Run, tmp_path: Path) -> None:
    """Machines needed: one at all hours, a second in office hours of the first half year, a third in those of the second.

    A reserved machine costs $1.7/h at all hours, a rented one $2.6/h while it is held: committing pays from 1.7/2.6 = 65 % of the
    hours on. Office hours are 640 + 650 + 660 + 660 = 2,610 of 8,760 (64, 65, 66 and 66 weekdays): 30 %. So one is committed:
    1.7 + 2.6 · (640 + 650 + 2 · 660 + 2 · 660)/8760 = $2.8664/h.
    """
    work = tiny.workload(
        demand={"rate": "10 req/s", "rate_is": "peak", "shape": "office_hours", "growth": "3%/month"},
        choose={"models": {"allow": ["org/large"]}},
    )
    choose = {
        "accelerators": {"allow": ["mid"]}, "regions": {"allow": ["eu-1"]}, "offers": {"allow": ["on_demand", "reserved_1y"]},
    }  # fmt: skip
    made = tiny.problem(work, choose=choose, horizon={"start": "2027-01", "months": 12, "step": "quarter", "typical_hours": 2})
    tiny.load(tmp_path, made)
    result = run("solve", tmp_path / "problem.yaml", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert plan["periods"] == {
        "2027Q1 h1": 640, "2027Q1 h2": 1520, "2027Q2 h1": 650, "2027Q2 h2": 1534,
        "2027Q3 h1": 660, "2027Q3 h2": 1548, "2027Q4 h1": 660, "2027Q4 h2": 1548,
    }  # fmt: skip
    held = {buy["kind"]: list(buy["machines"].values()) for buy in plan["purchases"]}
    assert held == {"reserved_1y": [1] * 8, "on_demand": [1, 0, 1, 0, 2, 0, 2, 0]}
    assert plan["cost"]["total"] == pytest.approx(2.8664, abs=1e-4)
    assert plan["proof"]["gap"] == 0
