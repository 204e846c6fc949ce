"""`planner diff` on the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two problems."""
    tiny.load(tmp_path / "a", tiny.problem())
    tiny.load(tmp_path / "b", tiny.problem(tiny.workload(rate="40 req/s"), operations={"spare_replicas": 1}))
    return tmp_path / "a" / "problem.yaml", tmp_path / "b" / "problem.yaml"


def test_two_problems_and_their_plans(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "d.csv"
    result = run("diff", *pair, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "demand" in result.stdout
    assert "the steps add up exactly" in result.stdout
    rows = [row["cost_per_hour"] for row in csv.DictReader(out.read_text().splitlines())]
    assert round(sum(map(float, rows[:-1])), 6) == float(rows[-1])
    for path in pair:
        assert run("solve", path, "-o", path.parent, "--quiet").exit_code == 0
    plans = [path.parent / "plan.json" for path in pair]
    found = json.loads(run("diff", *plans, "--json").stdout)
    change = found["after"]["micros_per_hour"] - found["before"]["micros_per_hour"]
    assert sum(step["micros_per_hour"] for step in found["steps"]) == change
    assert f"{change / 1e6:+,.6f}" in result.stdout


def test_mistakes_are_told(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    for arguments, said in (
        ((pair[0], tmp_path / "plan.json"), "compare two plans"),
        ((tmp_path / "x.json", tmp_path / "y.json"), "cannot be read"),
        ((pair[0], tmp_path / "none.yaml"), "no such file"),
    ):
        result = run("diff", *arguments)
        assert result.exit_code == 2
        assert said in result.stderr
