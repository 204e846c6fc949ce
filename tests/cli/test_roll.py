"""`planner roll` on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

from planner.catalog.problem import load_problem

Run = Callable[..., Result]


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A year of the tiny catalog."""
    horizon = {"start": "2027-01", "months": 12, "step": "quarter", "typical_hours": 1}
    tiny.load(tmp_path, tiny.problem(horizon=horizon))
    return tmp_path / "problem.yaml"


@pytest.fixture
def executed(run: Run, problem: Path) -> Path:
    """A plan of a year, and its problem."""
    assert run("solve", problem, "-o", problem.parent / "plan", "--quiet").exit_code == 0
    return problem.parent / "plan" / "plan.json"


def test_the_next_problem_is_written_and_can_be_solved(run: Run, problem: Path, executed: Path) -> None:
    out = problem.parent / "next.yaml"
    result = run("roll", executed, problem, "--months", 3, "--keep-end", "-o", out)
    assert result.exit_code == 0, result.stderr
    assert f"wrote {out}; now run: planner solve {out}" in result.stderr
    horizon = load_problem(out).problem.horizon
    assert horizon is not None
    assert (horizon.start, horizon.months) == ("2027-04", 9)
    assert run("solve", out, "--quiet").exit_code == 0


def test_without_a_file_it_is_printed(run: Run, problem: Path, executed: Path) -> None:
    result = run("roll", executed, problem, "--months", 6)
    assert result.exit_code == 0
    assert "start: 2027-07" in result.stdout
    assert result.stdout.startswith("# What is left of tiny after 6 months")


def test_mistakes_are_told_and_nothing_is_written(run: Run, problem: Path, executed: Path) -> None:
    out = problem.parent / "next.yaml"
    assert "steps end after 3, 6, 9, 12 months" in run("roll", executed, problem, "--months", 4, "-o", out).stderr
    away = problem.parent / "elsewhere"
    away.mkdir()
    told = run("roll", executed, problem, "--months", 3, "-o", away / "next.yaml")
    assert told.exit_code == 2
    assert "the problem names files relative to its folder (catalog.yaml)" in told.stderr
    other = problem.parent / "other.yaml"
    shutil.copy(problem, other)
    other.write_text(other.read_text() + "\n# changed\n")
    told = run("roll", executed, other, "--months", 3, "-o", out)
    assert told.exit_code == 2
    assert "another version of the problem file" in told.stderr
    assert not out.exists()
    assert not any(away.iterdir())


def test_json_holds_the_problem_and_what_was_carried(run: Run, problem: Path, executed: Path) -> None:
    plain = run("roll", executed, problem, "--months", 3)
    said = json.loads(run("roll", executed, problem, "--months", 3, "--json").stdout)
    assert (said["version"], said["text"], said["files"]) == ("roll/v1", plain.stdout, [])
    assert said["said"] == plain.stderr.splitlines()
    assert said["problem"]["horizon"]["start"] == "2027-04"
    fleet = said["problem"].get("catalogs", {}).get("overrides", {}).get("fleet", {})
    assert said["carried"] == list(fleet.values())
