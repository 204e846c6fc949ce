import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from planner.cli import main
from planner.lint.rules import CODES

Run = Callable[..., Result]


@pytest.fixture
def quiet(problem: Path) -> Path:
    """A problem that raises no question."""
    text = problem.read_text(encoding="utf-8").replace("{mean: 500, p95: 1500}", "{mean: 500, p95: 1500, maximum: 6000}")
    text = text.replace("{mean: 100, p95: 300}", "{mean: 100, p95: 200}")
    text = text.replace("target: 1s}]", "target: 1s}, {metric: tpot, percentile: 95, target: 50ms}]")
    problem.write_text(f"{text}operations: {{spare_replicas: 1}}\n", encoding="utf-8")
    return problem


def test_nothing_to_ask(run: Run, quiet: Path) -> None:
    result = run("lint", quiet, "--strict")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{quiet}: nothing to ask\n"


def test_questions_name_line_remedy_and_source(run: Run, problem: Path) -> None:
    result = run("lint", problem)
    assert result.exit_code == 0
    assert f"{problem}:9: workloads[0].objectives: half-promise\n    only the first token" in result.stdout
    assert "    → add a tpot target, or promise e2e\n    why: " in result.stdout
    assert result.stdout.endswith("problem.yaml: 4 questions\n")


def test_strict_fails_on_questions_that_are_not_accepted(run: Run, quiet: Path) -> None:
    quiet.write_text(quiet.read_text(encoding="utf-8").replace("spare_replicas: 1", "spare_replicas: 0"), encoding="utf-8")
    assert run("lint", quiet).exit_code == 0
    assert run("lint", quiet, "--strict").exit_code == 1
    assert run("lint", quiet, "--strict", "--ignore", "no-spares").exit_code == 0
    accepted = quiet.read_text(encoding="utf-8").replace("operations:", "# lint: ignore no-spares\noperations:")
    quiet.write_text(accepted, encoding="utf-8")
    result = run("lint", quiet, "--strict")
    assert (result.exit_code, result.stdout) == (0, f"{quiet}: nothing to ask, 1 accepted\n")


def test_json_holds_every_finding(run: Run, problem: Path, quiet: Path) -> None:
    other = quiet.with_name("other.yaml")
    other.write_text(quiet.read_text(encoding="utf-8").replace("spare_replicas: 1", "spare_replicas: 0"), encoding="utf-8")
    found = json.loads(run("lint", quiet, other, "--json").stdout)
    assert (found["version"], found["found"]) == ("lint/v1", 1)
    assert [one["file"] for one in found["files"]] == [str(quiet), str(other)]
    assert set(found["files"][1]["findings"][0]) == {"code", "line", "path", "message", "remedy", "why", "source"}
    ignored = json.loads(run("lint", other, "--json", "--ignore", "no-spares").stdout)
    assert [one["code"] for one in ignored["files"][0]["accepted"]] == ["no-spares"]


def test_mistakes_of_all_files_are_told_and_nothing_else(run: Run, problem: Path) -> None:
    bad = [problem.with_name(name) for name in ("a.yaml", "b.yaml")]
    for path in bad:
        path.write_text(problem.read_text(encoding="utf-8").replace("2 req/s", "2"), encoding="utf-8")
    result = run("lint", *bad, problem)
    assert (result.exit_code, result.stdout) == (2, "")
    assert all(f"{path}:6: " in result.stderr for path in bad)


def test_unknown_rules_are_refused(run: Run, problem: Path) -> None:
    result = run("lint", problem, "--ignore", "no-spare")
    assert result.exit_code == 2
    assert "did you mean 'no-spares'?" in result.stderr


def test_names_cannot_write_to_the_terminal(run: Run, problem: Path) -> None:
    strange = problem.with_name("a\x1b[31mb.yaml")
    strange.write_text(problem.read_text(encoding="utf-8"), encoding="utf-8")
    assert "\x1b" not in run("lint", strange).stdout


def test_codes_are_words() -> None:
    assert all(code.replace("-", "").isalpha() for code in CODES)
    assert "lint" in main.commands
