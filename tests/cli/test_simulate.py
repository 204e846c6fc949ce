"""`planner simulate` from the command line: finding the problem, saying what was seen, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import tiny
from click.testing import Result
from planned import MINI, load, tight

from planner.cli import simulate as command
from planner.cli import simulate_output
from planner.domain.plan import Plan
from planner.domain.problem import Operations
from planner.pipeline import plan_as_stated
from planner.report import jsonout

Run = Callable[..., Result]


def written(folder: Path, *workloads: dict[str, Any], **fields: Any) -> Path:
    """Write problem.yaml, its catalog and plan/plan.json."""
    plan = plan_as_stated(load(folder, *workloads, **fields), lambda _: None)
    return put(folder / "plan" / "plan.json", plan)


def put(path: Path, plan: Plan) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(jsonout.dumps(plan), encoding="utf-8")
    return path


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan in plan/ of the working directory, its problem in the directory itself."""
    monkeypatch.chdir(tmp_path)
    return written(tmp_path, tight())


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Ten calls a second for a minute, with the columns of Azure's traces."""
    rows = [f"{second / 10},{300 + second % 7},{40 + second % 5}" for second in range(600)]
    path = tmp_path / "calls.csv"
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]), encoding="utf-8")
    return path


def test_promises_and_latencies_are_shown(run: Run, plan: Path) -> None:
    result = run("simulate", plan, "--hours", "0.05")
    assert result.exit_code == 0, result.output
    assert "The one promise holds in the simulation" in result.stdout
    assert "TPOT p95 ≤ 30 ms" in result.stdout
    assert [line.split()[3] for line in result.stdout.splitlines() if line.startswith("chat ")] == ["TTFT", "TPOT", "E2E"]
    assert result.stderr == ""


def test_a_missed_promise_is_exit_code_1(run: Run, plan: Path) -> None:
    result = run("simulate", plan, "--hours", "0.05", "--rate-scale", "2")
    assert result.exit_code == 1
    assert "1 of 1 promise missed in the simulation" in result.stdout
    assert "✗" in result.stdout


def test_a_soft_miss_is_none(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = written(tmp_path, tight(price_per_miss="$0.0001"))
    result = run("simulate", made, "--hours", "0.05", "--rate-scale", "2")
    assert result.exit_code == 0, result.output
    assert "All hard promises hold in the simulation, 1 soft missed" in result.stdout


def test_json_is_one_object(run: Run, plan: Path) -> None:
    result = run("simulate", plan, "--hours", "0.05", "--seed", "3", "--balancer", "random", "--json")
    said = json.loads(result.stdout)
    assert (said["version"], said["holds"], said["missed"], said["remarks"]) == (simulate_output.VERSION, True, 0, [])
    (pool,) = said["pools"]
    assert (pool["pool"], pool["period"], pool["seed"], pool["balancer"]) == ("P1", "always", 3, "random")
    (promise,) = pool["promises"]
    assert promise["holds"] == (promise["attained"] <= promise["target"])
    assert promise["missed_while_away"] is None
    assert {row["metric"] for row in pool["latencies"]} == {"ttft", "tpot", "e2e"}
    assert 0 < pool["busy"] <= 1
    again = run("simulate", plan, "--hours", "0.05", "--seed", "3", "--balancer", "random", "--json")
    assert again.stdout == result.stdout


def test_the_page_lists_every_field_of_the_json(run: Run, plan: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")
    said = json.loads(run("simulate", plan, "--hours", "0.02", "--json").stdout)
    (pool,) = said["pools"]
    names = [*said, *pool, *pool["promises"][0], *pool["latencies"][0]]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_replicas_fail_and_come_back(run: Run, tmp_path: Path, plan: Path) -> None:
    made = jsonout.loads(plan.read_text(encoding="utf-8"))
    (pool,) = made.pools
    loads = tuple(one.model_copy(update={"replicas": 3}) for one in pool.loads)
    put(plan, made.model_copy(update={"pools": (pool.model_copy(update={"loads": loads}),)}))
    options = ("--hours", "0.05", "--kill-replica", "P1:2@100s,back=20s", "--cold-start", "10s")
    result = run("simulate", plan, *options)
    assert "Missed while away" in result.stdout
    (told,) = json.loads(run("simulate", plan, *options, "--json").stdout)["pools"]
    assert told["away"] == [[100.0, 130.0]]
    assert told["replicas"] == 3
    assert told["promises"][0]["missed_while_away"] is not None


def test_a_cold_start_is_assumed(run: Run, plan: Path) -> None:
    (told,) = json.loads(run("simulate", plan, "--hours", "0.2", "--kill-replica", "P1:0@1min,back=1min", "--json").stdout)[
        "pools"
    ]
    assert told["away"] == [[60.0, 420.0]]


def test_a_trace_is_replayed(run: Run, plan: Path, trace: Path) -> None:
    """10 calls/s in every window, 9 planned."""
    result = run("simulate", plan, "--trace", trace)
    assert "replayed as chat, its rate multiplied by 0.9: its busiest 60 s brings 10 req/s, planned are 9" in _flat(result.stdout)
    assert "requests left out by chance to lower the rate" in _flat(result.stdout)
    own = run("simulate", plan, "--trace", trace, "--rate-scale", "1", "--json")
    assert json.loads(own.stdout)["pools"][0]["calls"] == 600


def _flat(text: str) -> str:
    """Undo the wrapping of sentences."""
    return " ".join(text.split())


def test_a_trace_is_read_as_the_problem_reads_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own columns and unit are named in the problem, and the window in which it is busiest; of two workloads it is one's."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{100 * second},{300 + second % 7},{40 + second % 5}" for second in range(600)]
    (tmp_path / "own.csv").write_text("\n".join(["when,in,out", *rows]), encoding="utf-8")
    columns = {"time_column": "when", "time_unit": "ms", "input_column": "in", "output_column": "out"}
    demand = {"trace": {"path": "own.csv", **columns, "window": "30s"}}
    made = written(tmp_path, tiny.workload("books", "1 req/s"), {**tight(), "demand": demand})
    result = run("simulate", made, "--trace", "own.csv")
    assert "replayed as chat, its rate multiplied by 1: its busiest 30 s brings" in _flat(result.stdout), result.output


def test_columns_are_named_by_options(run: Run, plan: Path, tmp_path: Path) -> None:
    rows = [f"{1000 * second},300,40" for second in range(100)]
    (tmp_path / "own.csv").write_text("\n".join(["when,in,out", *rows]), encoding="utf-8")
    named = ("--time-column", "when", "--time-unit", "ms", "--input-column", "in", "--output-column", "out")
    result = run("simulate", plan, "--trace", "own.csv", *named, "--rate-scale", "1", "--json")
    assert json.loads(result.stdout)["pools"][0]["seconds"] == 100.0


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_figure_is_written(run: Run, plan: Path, tmp_path: Path, suffix: str) -> None:
    result = run("simulate", plan, "--hours", "0.02", "--figure", f"seen{suffix}")
    assert f"wrote seen{suffix}" in result.stderr
    assert (tmp_path / f"seen{suffix}").read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")


def test_progress_goes_to_stderr(run: Run, plan: Path) -> None:
    shown = run("simulate", plan, "--hours", "0.02", "--json", "--progress")
    assert shown.stderr.splitlines() == [f"… simulated {tenth}0%" for tenth in range(1, 11)]
    json.loads(shown.stdout)


def test_a_terminal_gets_a_bar(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_progress", lambda forced: command._bar())
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = run("simulate", plan, "--hours", "0.02", "--json")
    assert "simulating" in shown.stderr
    json.loads(shown.stdout)


# Which problem


@pytest.mark.parametrize("place", [".", "plan", "problems"])
def test_the_problem_is_found(run: Run, plan: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / "other.yaml").write_text("a: problem of something else", encoding="utf-8")
    for name in ("problem.yaml", "catalog.yaml"):
        (tmp_path / name).rename(tmp_path / place / name)
    assert run("simulate", plan, "--hours", "0.02").exit_code == 0


def test_a_problem_that_is_not_found_is_asked_for(run: Run, plan: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("problem.yaml", "catalog.yaml"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    result = run("simulate", plan)
    assert result.exit_code == 2
    assert "name it with --problem" in result.stderr
    assert run("simulate", plan, "--problem", "elsewhere/problem.yaml", "--hours", "0.02").exit_code == 0


def test_another_version_of_the_problem_is_refused(run: Run, plan: Path, tmp_path: Path) -> None:
    load(tmp_path, tight(target="31ms"))
    result = run("simulate", plan, "--problem", "problem.yaml")
    assert result.exit_code == 2
    assert "was made from another version of this file" in result.stderr


# Mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kill-replica", "P1"), "names no failure"),
        (("--kill-replica", "P1:0@soon"), "expected a duration"),
        (("--kill-replica", "P1:0@60"), "without a unit"),
        (("--kill-replica", "P1:0@60s,back=never"), "expected a duration"),
        (("--kill-replica", "P1:0@60s,until=90s"), "names no failure"),
        (("--kill-replica", "P2:0@60s"), "no pool P2"),
        (("--cold-start", "5"), "without a unit"),
        (("--period", "noon"), "no period noon"),
        (("--hours", "-1"), "-1 is not positive"),
        (("--workload", "chat"), "--workload without a trace"),
        (("--time-unit", "ms", "--input-column", "in"), "--time-unit, --input-column without a trace"),
        (("--trace", "nowhere.csv"), "nowhere.csv is no file"),
        (("--trace", "calls.csv", "--time-column", "when"), "has no column 'when'"),
        (("--trace", "calls.csv", "--workload", "books"), "serves a workload books"),
        (("--figure", "seen.gif"), "no figure can be written as .gif"),
    ],
)
def test_mistakes_are_exit_code_2(run: Run, plan: Path, trace: Path, options: tuple[str, ...], words: str) -> None:
    result = run("simulate", plan, *options)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert result.stdout == ""


def test_mistakes_of_the_command_line_are_told_together(run: Run, plan: Path) -> None:
    result = run("simulate", plan, "--kill-replica", "P1", "--cold-start", "5", "--workload", "chat")
    assert "3 mistakes found" in result.stderr


def test_a_trace_of_several_workloads_asks_whose(run: Run, tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = written(tmp_path, tight(), tiny.workload("books"), choose=MINI)
    result = run("simulate", made, "--trace", trace)
    assert result.exit_code == 2
    assert "the trace could be that of chat, books" in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"{", "not JSON"),
        (b"{}", "it holds nothing"),
    ],
)
def test_a_plan_that_cannot_be_read(run: Run, tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_bytes(content)
    result = run("simulate", path)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_balancers_offered_are_those_of_a_problem() -> None:
    """They are named by hand, so that `planner --help` does not read the problem's types."""
    assert sorted(command.BALANCERS) == sorted(get_args(Operations.model_fields["balancer"].annotation))
