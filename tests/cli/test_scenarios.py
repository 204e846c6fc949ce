"""`planner scenarios` on the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

Run = Callable[..., Result]
RATES = "workloads.chat.demand.rate=x1,x20,x9000"


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    tiny.load(tmp_path, tiny.problem(limits={"max_gpus": 40}))
    return tmp_path / "problem.yaml"


def test_a_grid_is_solved_printed_and_written(run: Run, problem: Path) -> None:
    out = problem.parent / "out.csv"
    result = run("scenarios", problem, "--grid", RATES, "-o", out, "--workers", 1, "--progress")
    assert result.exit_code == 0, result.stderr
    assert "2 of 3 scenarios have a plan, from $0.80/h (rate=x1)" in result.stdout
    assert "… 3 of 3 solved" in result.stderr
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["status"] for row in rows] == ["optimal", "optimal", "infeasible"]
    assert (rows[0]["cost_per_hour"], rows[0]["accelerators"]) == ("0.8", "1 × mini")
    again = run("scenarios", problem, "--grid", RATES, "-o", out, "--workers", 1, "--progress")
    assert again.stdout == result.stdout
    assert "…" not in again.stderr


def test_json_is_json(run: Run, problem: Path) -> None:
    found = json.loads(run("scenarios", problem, "--grid", RATES, "--workers", 1, "--json").stdout)
    assert found["version"] == "scenarios/v1"
    assert [row["changes"] for row in found["scenarios"]] == [{"workloads.chat.demand.rate": x} for x in ("x1", "x20", "x9000")]


def test_prices_are_moved(run: Run, problem: Path) -> None:
    grid = ("--grid", "prices.mini=x1,x2", "--grid", "prices.machines=x1,x10")
    found = json.loads(run("scenarios", problem, *grid, "--workers", 1, "--json").stdout)
    assert [round(row["cost"], 6) for row in found["scenarios"]] == [0.8, 8.0, 1.6, 16.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "by --grid or by --csv"),
        (("--grid", "limits.budgt=$1/h"), "did you mean 'budget'?"),
        (("--grid", "limits.budget=1"), "bare number 1"),
        (("--grid", "prices.mni=x2"), "did you mean 'mini'?"),
        (("--grid", "prices.mini=2"), "write x1.2 for 20 % more"),
        (("--grid", "limits.budget=$1/h", "--gap", "x"), "--gap"),
        (("--csv", "none.csv"), "no such file"),
        (("--grid", "limits.budget=$1/h", "-o", "nowhere/out.csv"), "there is no directory"),
    ],
)
def test_mistakes_are_told(run: Run, problem: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run("scenarios", problem, *arguments, "--workers", 1)
    assert result.exit_code == 2
    assert said in result.stderr


def test_json_names_what_was_written(run: Run, problem: Path) -> None:
    target = problem.parent / "out.csv"
    result = run("scenarios", problem, "--grid", "limits.budget=null", "--workers", 1, "-o", target, "--json")
    (written,) = json.loads(result.stdout)["files"]
    assert (written["path"], written["kind"], written["bytes"]) == (str(target), "table", target.stat().st_size)
    assert f"wrote {target}" in result.stderr
