"""What every command owes its caller: completion, no colour where none is wanted, JSON that is JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import tiny
from click.testing import CliRunner, Result

from planner.cli import main

Run = Callable[..., Result]
ROOT = Path(__file__).parents[2]
SHELLS = ("bash", "zsh", "fish")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
"""What sets a colour on a terminal, before or behind text."""


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with its words."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def names(path: tuple[str, ...]) -> str:
    return " ".join(path)


ALL = dict(commands())
WITH_JSON = {path for path, command in ALL.items() if any("--json" in one.opts for one in command.params)}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_a_script_of_that_shell(run: Run, shell: str) -> None:
    script = run("completion", shell)
    assert script.exit_code == 0
    assert f"_PLANNER_COMPLETE={shell}_complete" in script.stdout
    marks = {"bash": "complete -o nosort -F", "zsh": "#compdef planner", "fish": "complete --no-files --command planner"}
    assert marks[shell] in script.stdout
    if shell == "bash":
        parsed = subprocess.run(["bash", "-n"], input=script.stdout, text=True, capture_output=True, check=False)
        assert parsed.returncode == 0, parsed.stderr


def test_completion_goes_by_the_name_it_was_called_by() -> None:
    done = CliRunner().invoke(main, ["completion", "bash"], prog_name="inference-planner")
    assert "_INFERENCE_PLANNER_COMPLETE=bash_complete" in done.stdout


@pytest.mark.parametrize(
    ("shell", "words", "offered"),
    [
        ("bash", "planner so", "solve"),
        ("zsh", "planner catalog l", "list"),
        ("fish", "planner completion f", "fish"),
        ("bash", "planner solve --ver", "--verify"),
    ],
)
def test_shells_are_answered(shell: str, words: str, offered: str) -> None:
    """Each shell asks in its own way: bash and zsh by the number of the word, fish by the word."""
    last = words.rsplit(maxsplit=1)[-1]
    asked = {"COMP_WORDS": words, "COMP_CWORD": last if shell == "fish" else str(len(words.split()) - 1)}
    environment = os.environ | asked | {"_PLANNER_COMPLETE": f"{shell}_complete", "PYTHONPATH": str(ROOT)}
    program = "from planner.cli import main; main(prog_name='planner')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0
    assert offered in done.stdout


def test_bash_completes_in_earnest(tmp_path: Path) -> None:
    """Bash reads the script, asks the program, and gets every command that begins so."""
    program = tmp_path / "planner"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m planner "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    words = 'COMP_WORDS=(planner v); COMP_CWORD=1; _planner_completion planner; echo "${COMPREPLY[@]}"'
    asked = f'eval "$(planner completion bash)"; {words}'
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", asked], env=environment, text=True, capture_output=True, check=False)
    assert done.stdout == "validate\n", done.stderr


@pytest.mark.parametrize("path", ALL, ids=names)
def test_help_ends_with_an_example_that_calls_the_command(run: Run, path: tuple[str, ...]) -> None:
    text = run(*path, "--help").stdout
    _, found, example = text.rpartition("Example")
    assert found, text
    lines = [line for line in example.splitlines()[1:] if line.strip()]
    assert lines
    assert any(f"planner {names(path)}" in line for line in lines)
    assert all(line.startswith("  ") for line in lines), f"the example is not the end of the help:\n{text}"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of a tiny problem, beside the problem and a measurement."""
    folder = tmp_path_factory.mktemp("plan")
    tiny.load(folder, tiny.problem())
    done = CliRunner().invoke(main, ["solve", str(folder / "problem.yaml"), "-o", str(folder), "--quiet"])
    assert done.exit_code == 0, done.stderr
    return folder / "plan.json"


PREDICT = ("llama-3.1-8b", "--on", "h100-sxm", "--engine", "vllm", "--precision", "fp8")
LOAD = ("--input", "1024", "--output", "512", "--concurrency", "32")


CALLS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("solve",): ("problem.yaml",),
    ("validate",): ("problem.yaml",),
    ("lint",): ("problem.yaml",),
    ("check",): ("plan.json", "--budget", "$1/h"),
    ("simulate",): ("plan.json", "--hours", "0.02"),
    ("predict",): (*PREDICT, *LOAD),
    ("explain",): ("problem.yaml", "--why-not", "max"),
    ("catalog", "list"): ("accelerators",),
    ("catalog", "show"): ("h100-sxm",),
    ("schema",): ("policy",),
    ("diff",): ("plan.json", "plan.json"),
    ("scenarios",): ("problem.yaml", "--grid", "workloads.chat.demand.rate=x1", "--workers", "1"),
    ("frontier",): ("problem.yaml", "--axis", "ttft:chat=1s", "--workers", "1"),
    ("sensitivity",): ("problem.yaml", "--workers", "1"),
    ("explore",): ("plan.json", "--most", "1", "--workers", "1", "-o", "explored.json"),
    **{path: ("plan.json",) for path in WITH_JSON if path[0] == "export"},
}
"""Arguments with which commands print something, in the folder of a plan."""


def test_every_command_with_json_is_tried() -> None:
    assert set(CALLS) >= WITH_JSON, f"add a call of {WITH_JSON - set(CALLS)}"


@pytest.mark.parametrize("path", sorted(WITH_JSON), ids=names)
def test_json_is_valid_and_alone_on_stdout(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    monkeypatch.chdir(plan.parent)
    result = run(*path, *CALLS[path], "--json")
    assert result.exit_code in (0, 1), result.stderr

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert json.loads(result.stdout, parse_constant=refused)


@pytest.mark.parametrize("path", sorted(CALLS), ids=names)
def test_no_colour_where_none_is_wanted(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    """Even where a terminal is feigned; weight may stay, for it is no colour (https://no-color.org)."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.chdir(plan.parent)
    result = run(*path, *CALLS[path], color=True)
    assert result.output
    assert not COLOUR.search(result.output), path


def test_colour_is_seen_where_it_is_wanted(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above would notice."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(plan.parent)
    assert COLOUR.search(run("lint", "problem.yaml", color=True).stdout)


def test_errors_have_no_colour_either(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in run("lint", tmp_path / "none.yaml", color=True).stderr
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("lint", tmp_path / "none.yaml", color=True).stderr


def test_several_problem_files_are_validated_at_once(run: Run, problem: Path) -> None:
    other, bad = problem.with_name("other.yaml"), [problem.with_name(name) for name in ("a.yaml", "b.yaml")]
    other.write_text(problem.read_text(encoding="utf-8"), encoding="utf-8")
    result = run("validate", problem, other)
    assert (result.exit_code, result.stdout.count(": valid\n")) == (0, 2)
    for path in bad:
        path.write_text(problem.read_text(encoding="utf-8").replace("2 req/s", "2"), encoding="utf-8")
    result = run("validate", bad[0], problem, bad[1])
    assert result.exit_code == 2
    assert all(f"{path}:6: " in result.stderr for path in bad)
    mixed = run("validate", problem, "measured.csv")
    assert mixed.exit_code == 2
    assert "measured.csv holds measurements" in mixed.stderr


def test_validate_tells_machines_what_it_tells_people(run: Run, problem: Path) -> None:
    bad = problem.with_name("bad.yaml")
    bad.write_text(problem.read_text(encoding="utf-8").replace("2 req/s", "2"), encoding="utf-8")
    result = run("validate", problem, bad, "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)
    assert (said["version"], said["valid"]) == ("validate/v1", False)
    good, wrong = said["files"]
    assert good["valid"]
    assert good["warnings"] == []
    assert "workload   chat: always 2 req/s; burstiness 1" in good["read"]
    assert (wrong["valid"], wrong["errors"][0]["line"], wrong["errors"][0]["path"]) == (False, 6, "workloads[0].demand.rate")
    assert f"error: {bad}:6: " in result.stderr


def test_scores_are_json_too(run: Run, tmp_path: Path) -> None:
    measured = tmp_path / "measured.csv"
    header = "model,accelerator,engine,precision,tp,input_tokens,output_tokens,concurrency,ttft_mean_ms,tpot_mean_ms"
    measured.write_text(f"{header}\nllama-3.1-8b,h100-sxm,vllm,fp8,1,1024,512,1,63,6.1\n", encoding="utf-8")
    result = run("validate", measured, "--no-cross", "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["version"] == "scores/v1"
    assert {"metric", "kind", "n", "median"} <= set(said["scores"][0])


def test_every_reason_is_told_as_json(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plan.parent)
    said = json.loads(run("explain", "problem.yaml", "--why-not", "max", "--json").stdout)
    assert (said["version"], said["why_not"]) == ("explain/v1", ["max"])
    assert said["reasons"]
