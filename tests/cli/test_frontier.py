"""`planner frontier` and `planner sensitivity` on the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from click.testing import Result

Run = Callable[..., Result]
AXES = ("--axis", "tpot:chat=12ms,60ms", "--axis", "quality:chat=30,60")


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    tiny.load(tmp_path, tiny.problem(tiny.workload(quality=[{"benchmark": "exam", "at_least": 30}])))
    return tmp_path / "problem.yaml"


def test_a_frontier_is_printed_written_and_drawn(run: Run, problem: Path) -> None:
    out, figure = problem.parent / "f.csv", problem.parent / "f.svg"
    result = run("frontier", problem, *AXES, "-o", out, "--figure", figure, "--workers", 1)
    assert result.exit_code == 0, result.stderr
    assert "combinations are on the frontier" in result.stdout
    assert [(row["tpot:chat"], row["quality:chat"]) for row in csv.DictReader(out.read_text().splitlines())] == [
        ("12ms", "30"), ("12ms", "60"), ("60ms", "30"), ("60ms", "60"),
    ]  # fmt: skip
    assert "<svg" in figure.read_text()
    found = json.loads(run("frontier", problem, *AXES, "--workers", 1, "--json").stdout)
    assert found["points"][0]["asked"] == {"tpot:chat": "12ms", "quality:chat": 30}


def test_a_tornado_is_printed_written_and_drawn(run: Run, problem: Path) -> None:
    out, figure = problem.parent / "s.csv", problem.parent / "s.svg"
    result = run("sensitivity", problem, "--by", "30%", "-o", out, "--figure", figure, "--workers", 1)
    assert result.exit_code == 0, result.stderr
    assert "machine prices" in result.stdout
    assert "as it is: $0.80/h" in result.stdout
    assert "machine prices,x0.7,x1.3" in out.read_text()
    found = json.loads(run("sensitivity", problem, "--workers", 1, "--journal", problem.parent / "j", "--json").stdout)
    assert {"driver", "swing", "low", "high"} == set(found["bars"][0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("frontier", "--axis", "ttft:chatt=1s"), "did you mean 'chat'?"),
        (("frontier", "--axis", "e2e:chat=1s"), "no entry is named 'e2e'"),
        (("frontier", "--axis", "ttft:chat=1s", "--axis", "ttft:chat=2s"), "given twice"),
        (("frontier", "--axis", "ttft:chat=1s", "--figure", "f.gif"), ".svg or .png"),
        (("sensitivity", "--by", "120%"), "no share between 0 and 1"),
        (("sensitivity", "--driver", "limits.max=1,2"), "unknown field"),
    ],
)
def test_mistakes_are_told(run: Run, problem: Path, arguments: tuple[str, ...], said: str) -> None:
    command, *rest = arguments
    result = run(command, problem, *rest, "--workers", 1)
    assert result.exit_code == 2
    assert said in result.stderr
