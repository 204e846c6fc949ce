"""`planner explore` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

from planner.cli.explore import PARTS, explore
from planner.study import explore as study

Run = Callable[..., Result]
FEW = ("--part", "alternatives", "--most", "2", "--workers", "1")


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    tiny.load(tmp_path, tiny.problem())
    return tmp_path / "problem.yaml"


@pytest.fixture
def plan(run: Run, problem: Path) -> Path:
    assert run("solve", problem, "-o", problem.parent, "--quiet").exit_code == 0
    return problem.parent / "plan.json"


def test_what_is_found_stands_in_the_plan_and_in_its_report(run: Run, plan: Path) -> None:
    before = plan.read_text()
    result = run("explore", plan, *FEW, env={"NO_COLOR": "1", "COLUMNS": "200"})
    assert result.exit_code == 0, result.stderr
    assert "without small" in result.stdout
    assert "2 variants of the problem solved" in result.stdout
    body = json.loads(plan.read_text())
    assert [one["name"] for one in body["alternatives"]] == ["without small", "without mini"]
    rest = {name: value for name, value in body.items() if name not in ("alternatives", "explored")}
    assert json.dumps(rest, indent=2, ensure_ascii=False) + "\n" == before
    assert "## Other plans" in (plan.parent / "report.md").read_text()
    page = plan.with_name("report.html")
    assert run("report", plan, "-o", page).exit_code == 0
    assert "without small" in page.read_text()


def test_the_same_again_solves_nothing_and_writes_the_same(run: Run, plan: Path) -> None:
    out, said = plan.with_name("out.json"), plan.read_text()
    assert run("explore", plan, *FEW, "-o", out).exit_code == 0
    first = out.read_text()
    again = run("explore", plan, *FEW, "-o", out, "--progress", "--json")
    assert "2 of 2 were solved before" not in again.stderr  # nothing is left to be told of
    assert "solved, about" not in again.stderr
    assert (out.read_text(), plan.read_text()) == (first, said)
    assert json.loads(again.stdout)["version"] == "explore/v1"


def test_a_report_that_is_someone_elses_is_left_alone(run: Run, plan: Path) -> None:
    report = plan.with_name("report.md")
    report.write_text("notes of my own")
    assert run("explore", plan, *FEW).exit_code == 0
    assert report.read_text() == "notes of my own"


def test_mistakes_are_told_and_nothing_is_written(run: Run, problem: Path, plan: Path) -> None:
    before = plan.read_text()
    for arguments, said in (
        ((problem,), "no plan"),
        ((plan, problem.with_name("none.yaml")), "none.yaml"),
        ((plan, "-o", plan.parent / "away" / "p.json"), "there is no directory"),
        ((plan, "--most", "0"), "--most"),
    ):
        result = run("explore", *arguments)
        assert result.exit_code == 2, result.output
        assert said in result.stderr
    problem.write_text(problem.read_text() + "\n")
    assert "another version of this file" in run("explore", plan, problem).stderr
    assert plan.read_text() == before


def test_a_plan_that_fails_its_check_is_not_written(run: Run, plan: Path) -> None:
    plan.write_text(plan.read_text().replace('"replicas": 1', '"replicas": 3'))
    before = plan.read_text()
    result = run("explore", plan, *FEW)
    assert result.exit_code != 0
    assert "failed its independent check" in result.stderr
    assert plan.read_text() == before


def test_help_says_what_the_study_does() -> None:
    assert next(one.default for one in explore.params if one.name == "most") == study.MOST
    assert PARTS == study.PARTS


def test_a_gate_knows_a_plan_whose_alternatives_were_changed(run: Run, plan: Path) -> None:
    assert run("explore", plan, *FEW).exit_code == 0
    assert run("check", plan, "--budget", "$1/h").exit_code == 0
    body = json.loads(plan.read_text())
    body["alternatives"][0]["cost"] = body["alternatives"][0]["bound"] = 0.1
    plan.write_text(json.dumps(body))
    result = run("check", plan, "--budget", "$1/h")
    assert result.exit_code == 2
    assert "no plan of the problem costs less" in result.stderr
