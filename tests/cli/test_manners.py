"""What every command owes its caller: completion, no colour where none is wanted, JSON that is JSON."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import tiny
from click.testing import CliRunner, Result

from planner.cli import main

Run = Callable[..., Result]
ROOT = Path(__file__).parents[2]
SHELLS = ("bash", "zsh", "fish")
FILE = re.compile(r"\.(yaml|json|csv|svg|md)|FILE|DIR\b|PATH\b(?!=)|DATA|OUT\b")
"""How what takes a file is called in the help."""
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
RUN = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}
"""Commands that do something, rather than hold others."""


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_a_script_of_that_shell(run: Run, shell: str) -> None:
    script = run("completion", shell)
    assert script.exit_code == 0
    assert f"_PLANNER_COMPLETE={shell}_complete" in script.stdout
    marks = {"bash": "complete -o nosort -F", "zsh": "#compdef planner", "fish": "complete --no-files --command planner"}
    assert marks[shell] in script.stdout


@pytest.mark.parametrize(
    "shell", [pytest.param(one, marks=pytest.mark.skipif(not shutil.which(one), reason=f"no {one}")) for one in SHELLS]
)
def test_shells_read_their_script(run: Run, shell: str) -> None:
    script = run("completion", shell).stdout
    parsed = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert parsed.returncode == 0, parsed.stderr


def test_completion_goes_by_the_name_it_was_called_by() -> None:
    done = CliRunner().invoke(main, ["completion", "bash"], prog_name="inference-planner")
    assert "_INFERENCE_PLANNER_COMPLETE=bash_complete" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "kind", "offered"),
    [
        ("planner so", "plain", "solve"),
        ("planner catalog l", "plain", "list"),
        ("planner completion f", "plain", "fish"),
        ("planner report --format foc", "plain", "focus"),
        ("planner solve --ver", "plain", "--verify"),
        ("planner solve pro", "file", "pro"),
        ("planner check --against pl", "file", "pl"),
    ],
)
def test_shells_are_answered(shell: str, words: str, kind: str, offered: str) -> None:
    """Each shell asks in its own way, bash and zsh by the number of the word, fish by the word; files it finds itself."""
    last = words.rsplit(maxsplit=1)[-1]
    asked = {"COMP_WORDS": words, "COMP_CWORD": last if shell == "fish" else str(len(words.split()) - 1)}
    environment = asked | {"_PLANNER_COMPLETE": f"{shell}_complete"}
    done = CliRunner().invoke(main, [], prog_name="planner", env=environment)
    assert done.exit_code == 0
    answer = f"{kind}\n{offered}\n" if shell == "zsh" else f"{kind},{offered}"
    assert answer in done.stdout


@pytest.mark.parametrize("path", RUN, ids=names)
def test_what_names_a_file_is_completed_as_one(path: tuple[str, ...]) -> None:
    for one in RUN[path].params:
        if FILE.search(one.make_metavar(click.Context(RUN[path]))):
            (item,) = one.type.shell_complete(click.Context(RUN[path]), one, "")
            assert item.type == "file", f"give {one.name} the type click.Path"


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
    """A plan of a tiny problem, beside the problem, one of two months, a measurement and a model's configuration."""
    folder = tmp_path_factory.mktemp("plan")
    months = {"start": "2027-01", "months": 2, "step": "month", "typical_hours": 1}
    for place, told in ((folder, tiny.problem()), (folder / "months", tiny.problem(horizon=months))):
        place.mkdir(exist_ok=True)
        tiny.load(place, told)
        done = CliRunner().invoke(main, ["solve", str(place / "problem.yaml"), "-o", str(place), "--quiet"])
        assert done.exit_code == 0, done.stderr
    (folder / "measured.csv").write_text(MEASURED, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return folder / "plan.json"


MEASURED = """\
model,accelerator,engine,precision,tp,input_tokens,output_tokens,concurrency,ttft_mean_ms,tpot_mean_ms
llama-3.1-8b,h100-sxm,vllm,fp8,1,1024,512,1,63,6.1
"""
CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}
PREDICT = ("llama-3.1-8b", "--on", "h100-sxm", "--engine", "vllm", "--precision", "fp8")
LOAD = ("--input", "1024", "--output", "512", "--concurrency", "32")


CALLS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("solve",): ("problem.yaml",),
    ("validate",): ("problem.yaml",),
    ("lint",): ("problem.yaml",),
    ("check",): ("plan.json", "--budget", "$1/h"),
    ("simulate",): ("plan.json", "--hours", "0.02"),
    ("predict",): (*PREDICT, *LOAD),
    ("explain",): ("problem.yaml", "--why-not", "max", "--workers", "1"),
    ("catalog", "list"): ("accelerators",),
    ("catalog", "show"): ("h100-sxm",),
    ("catalog", "validate"): ("catalog.yaml",),
    ("catalog", "import"): ("config.json", "-o", "model.yaml"),
    ("calibrate",): ("measured.csv", "-o", "own.yaml"),
    ("report",): ("plan.json", "--format", "csv", "-o", "tables"),
    ("roll",): ("months/plan.json", "months/problem.yaml", "--months", "1", "-o", "months/next.yaml"),
    ("completion",): ("bash",),
    ("init",): ("begun.yaml", "--force"),
    ("schema",): ("policy",),
    ("diff",): ("plan.json", "plan.json"),
    ("scenarios",): ("problem.yaml", "--grid", "workloads.chat.demand.rate=x1", "--workers", "1"),
    ("frontier",): ("problem.yaml", "--axis", "ttft:chat=1s", "--workers", "1"),
    ("sensitivity",): ("problem.yaml", "--workers", "1"),
    ("explore",): ("plan.json", "--most", "1", "--workers", "1", "-o", "explored.json"),
    **{path: ("plan.json",) for path in RUN if path[0] == "export"},
}
"""Arguments with which each command prints something, in the folder of a plan."""


def document(text: str) -> Any:
    """Read JSON as strictly as its standard is."""

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refused)


def test_every_command_is_tried() -> None:
    assert set(CALLS) == set(RUN), f"add a call of {set(RUN) - set(CALLS)}"


@pytest.mark.parametrize("path", sorted(RUN), ids=names)
def test_json_is_valid_and_alone_on_stdout(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    monkeypatch.chdir(plan.parent)
    result = run(*path, *CALLS[path], "--json")
    assert result.exit_code in (0, 1), result.output
    said = document(result.stdout)
    assert re.fullmatch(r"[a-z-]+/v[1-9]", said.get("version", "")) or said["$schema"]
    assert said["version"] != "error/v1" if "version" in said else path == ("schema",)
    for one in said.get("files", ()):
        if "sha256" in one:
            content = Path(one["path"]).read_bytes()
            assert (one["bytes"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("path", sorted(RUN), ids=names)
def test_what_fails_fails_in_json_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    """An option that is not there, before `--json` and after; people read the same on stderr."""
    monkeypatch.chdir(tmp_path)
    for words in (("--json", "--no-such-option"), ("--no-such-option", "--json")):
        result = run(*path, *words)
        said = document(result.stdout)
        assert (result.exit_code, said["exit_code"], said["status"], said["version"]) == (2, 2, "invalid", "error/v1")
        assert "--no-such-option" in said["issues"][0]["message"]
        assert "--no-such-option" in result.stderr
    assert run(*path, "--no-such-option").stdout == ""


@pytest.mark.parametrize("path", sorted(path for path in RUN if any("plan.json" in one for one in CALLS[path])), ids=names)
def test_a_missing_file_is_told_in_json(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*path, *CALLS[path], "--json")
    said = document(result.stdout)
    assert (result.exit_code, said["version"], said["exit_code"]) == (2, "error/v1", 2)
    assert said["issues"][0]["file"].endswith(".json") or path == ("roll",)
    assert said["issues"][0]["remedy"] in result.stderr


@pytest.mark.parametrize("path", sorted(RUN), ids=names)
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
    measured.write_text(MEASURED, encoding="utf-8")
    result = run("validate", measured, "--no-cross", "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["version"] == "scores/v1"
    assert {"metric", "kind", "n", "median"} <= set(said["scores"][0])


def test_every_reason_is_told_as_json(run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plan.parent)
    said = json.loads(run("explain", "problem.yaml", "--why-not", "max", "--workers", "1", "--json").stdout)
    assert (said["version"], said["why_not"]) == ("explain/v1", ["max"])
    assert said["reasons"]
