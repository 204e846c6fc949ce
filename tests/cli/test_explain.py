"""`planner explain` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    tiny.load(tmp_path, tiny.problem())
    return tmp_path / "problem.yaml"


@pytest.fixture
def plan(run: Run, problem: Path) -> Path:
    assert run("solve", problem, "-o", problem.parent, "--quiet").exit_code == 0
    return problem.parent / "plan.json"


def test_a_plan_is_explained_with_the_problem_beside_it(run: Run, problem: Path, plan: Path) -> None:
    result = run("explain", plan, "--workers", 1, env={"NO_COLOR": "1"})
    assert result.exit_code == 0, result.stderr
    assert "What binds" in result.stdout
    assert "chat TTFT p95, 1.5 s: 10 ms less or more changes nothing" in result.stdout
    assert "over many machines each req/s more costs $0.0451/h" in result.stdout
    assert "\x1b" not in result.stdout
    assert run("explain", plan, problem, "--workers", 1).stdout == run("explain", problem, "--workers", 1).stdout == result.stdout


def test_json_is_json(run: Run, problem: Path) -> None:
    found = json.loads(run("explain", problem, "--workers", 1, "--step", 20, "--json").stdout)
    assert {row["what"] for row in found["binding"]}
    assert {price["of"].split(",")[0] for price in found["prices"]} == {"chat TTFT p95", "chat TPOT p95", "chat demand"}
    slopes = {price["of"].split(",")[0]: (price["slope_per"], price["slope_from"]) for price in found["prices"]}
    assert slopes == {
        "chat TTFT p95": ("ms", "relaxation"),
        "chat TPOT p95": ("ms", "relaxation"),
        "chat demand": ("req/s", "dual"),
    }
    assert all(isinstance(price["slope"], float) for price in found["prices"])
    why = json.loads(run("explain", problem, "--why-not", "max large", "--workers", 1, "--json").stdout)
    assert why["reasons"]
    assert "chat forced onto max large: $3.00/h, +$2.20/h" in why["forced"][0]


def test_why_not_says_what_forcing_costs(run: Run, problem: Path) -> None:
    out = run("explain", problem, "--why-not", "max", "--workers", 1).stdout
    assert "chat forced onto max: $3.00/h, +$2.20/h (+275.0%) against $0.8/h" in out


def test_mistakes_are_told(run: Run, problem: Path, plan: Path, tmp_path: Path) -> None:
    away = tmp_path / "away" / "plan.json"
    away.parent.mkdir()
    away.write_text(plan.read_text())
    for arguments, said in (
        ((away,), "is not beside it"),
        ((problem, problem), "a problem alone"),
        ((plan, problem, "--step", "0"), "0"),
        ((problem, "--why-not", " "), "no words are given"),
        ((tmp_path / "none.json",), "cannot be read"),
    ):
        result = run("explain", *arguments)
        assert result.exit_code == 2, result.stderr
        assert said in result.stderr
    problem.write_text(problem.read_text() + "\n")
    assert "another version of this file" in run("explain", plan, problem).stderr
