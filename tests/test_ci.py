"""The action and the hooks: of the form their readers expect, no input in a script, and their scripts do what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny
import yaml

from planner.cli import main

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
HOSTILE = "problem $(touch pwned) `touch pwned`; touch pwned #.yaml"
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def test_the_action_is_of_the_form_github_reads() -> None:
    """Keys as in https://www.schemastore.org/github-action.json, against which the file was checked when it was written."""
    assert set(ACTION) == {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert set(step) <= {"name", "id", "if", "shell", "env", "run", "uses", "with"}
        assert ("run" in step) != ("uses" in step)
        assert "run" not in step or step["shell"] == "bash"
    assert all(set(one) <= {"description", "required", "default"} for one in ACTION["inputs"].values())
    assert all(isinstance(one.get("default", ""), str) for one in ACTION["inputs"].values())


def test_no_input_stands_in_a_script() -> None:
    for name, step in STEPS.items():
        assert "${{" not in step.get("run", ""), name


def test_every_input_is_used_and_documented() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    for name in ACTION["inputs"]:
        assert f"inputs.{name} " in text, name
        assert f"| `{name}` |" in PAGE, name
    assert all(f"`{name}`" in PAGE for name in ACTION["outputs"])
    named = {one for value in ACTION["outputs"].values() for one in re.findall(r"steps\.(\w+)\.", value["value"])}
    assert named <= {step.get("id") for step in STEPS.values()}


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if "run" in step])
def test_scripts_parse(name: str) -> None:
    done = subprocess.run(["bash", "-n"], input=STEPS[name]["run"], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_hooks_are_of_the_form_pre_commit_reads() -> None:
    known = {"id", "name", "description", "entry", "args", "language", "files", "types", "require_serial", "stages"}
    assert [hook["id"] for hook in HOOKS] == ["planner-validate", "planner-lint", "planner-check"]
    for hook in HOOKS:
        assert set(hook) <= known
        assert hook["language"] == "python"
        assert f"`{hook['id']}`" in PAGE
        assert re.search(hook["files"], "problems/chat.yaml")
        assert re.search(hook["files"], "deep/problem-eu.yml")
        assert not re.search(hook["files"], "deep/policy.yaml")
    for hook in HOOKS[:2]:
        program, command = shlex.split(hook["entry"])
        assert program == "planner"
        assert command in main.commands


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working folder with a problem that solves at once, and a runner's folders beside it."""
    work, runner = tmp_path / "work", tmp_path / "runner"
    program = runner / "planner" / "bin" / "planner"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m planner "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (runner / "planner" / "bin" / "python").symlink_to(sys.executable)
    (runner / "planner-out").mkdir()
    work.mkdir()
    (work / "catalog.yaml").write_text(json.dumps(tiny.CATALOG), encoding="utf-8")
    (work / HOSTILE).write_text(problem(), encoding="utf-8")
    (work / "policy.yaml").write_text("budget: $400/h\n", encoding="utf-8")
    return work


def problem(model: str = "org/small") -> str:
    """Return a problem that solves at once and raises no question."""
    made = tiny.problem(choose={"models": {"allow": [model]}}, operations={"spare_replicas": 1})
    return json.dumps({**made, "catalogs": {"builtin": False, "files": ["catalog.yaml"]}})


def run(place: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does."""
    runner = place.parent / "runner"
    known = {
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(runner),
        "GITHUB_OUTPUT": str(runner / "output"),
        "GITHUB_STEP_SUMMARY": str(runner / "summary"),
        "PATH": f"{runner / 'planner' / 'bin'}:{os.environ['PATH']}",
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]]
    return subprocess.run(
        command, cwd=place, env=os.environ | known | environment, text=True, capture_output=True, check=False, timeout=120
    )


def solve(place: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    given = {"PROBLEM": HOSTILE, "OUTPUT": "plan", "GAP": "", "TIME_LIMIT": "30s", "VERIFY": "false"}
    return run(place, "Solve", **given | changes)


def test_from_a_problem_to_the_summary_and_a_comment(place: Path) -> None:
    runner = place.parent / "runner"
    assert run(place, "Lint", PROBLEM=HOSTILE, LINT="strict").returncode == 0
    solved = solve(place)
    assert solved.returncode == 0, solved.stderr
    assert (runner / "output").read_text(encoding="utf-8") == "plan=plan/plan.json\nreport=plan/report.md\n"

    checked = run(place, "Check", PLAN="plan/plan.json", POLICY="policy.yaml", AGAINST="")
    assert checked.returncode == 0, checked.stdout
    head, _, rest = (runner / "output").read_text(encoding="utf-8").partition("verdict<<")[2].partition("\n")
    assert json.loads(rest.partition(head)[0])["holds"] is True

    assert run(place, "Report", REPORT="plan/report.md").returncode == 0
    summary = (runner / "summary").read_text(encoding="utf-8")
    for words in ("## Policy\n\n    ✓ kept ", "# Plan for tiny\n", "## Questions of a reviewer\n\n    problem $(touch"):
        assert words in summary, summary

    calls = runner / "calls"
    gh = runner / "planner" / "bin" / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> "{calls}"\ncase "$*" in *--jq*) cat "{runner}/known" ;; esac\n', encoding="utf-8")
    gh.chmod(0o755)
    for known, method in (
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("41\n", "--method PATCH repos/o/r/issues/comments/41"),
    ):
        (runner / "known").write_text(known, encoding="utf-8")
        done = run(place, "Comment", GH_TOKEN="none", REPOSITORY="o/r", PULL_REQUEST="7", PROBLEM=HOSTILE)  # noqa: S106
        assert done.returncode == 0, done.stderr
        assert method in calls.read_text(encoding="utf-8")
    body = (runner / "planner-out" / "comment.md").read_text(encoding="utf-8")
    assert body.startswith("<!-- inference-planner ")
    assert "# Plan for tiny\n" in body
    assert not (place / "pwned").exists()


def pretend(place: Path, said: str, code: int) -> Path:
    """Put a program in the planner's place that notes what it was asked and ends as told; return the notes."""
    notes = place.parent / "notes"
    program = place.parent / "runner" / "planner" / "bin" / "planner"
    lines = ["#!/bin/sh", f'echo "$@" >> "{notes}"', f"echo '{said}' >&2", f'[ "$1" = solve ] || exit {code}', f"exit {code % 3}"]
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return notes


def test_a_broken_rule_fails_the_job_and_says_so(place: Path) -> None:
    notes = pretend(place, "broken budget", 1)
    assert run(place, "Check", PLAN="plan/plan.json", POLICY="policy.yaml", AGAINST="old plan.json").returncode == 1
    assert "check --policy=policy.yaml --against=old plan.json --json -- plan/plan.json\n" in notes.read_text(encoding="utf-8")
    run(place, "Report", REPORT="")
    assert "## Policy\n\n    broken budget\n" in (place.parent / "runner" / "summary").read_text(encoding="utf-8")


def test_where_there_is_no_plan_the_summary_says_why(place: Path) -> None:
    notes = pretend(place, "no plan keeps every <promise>", 2)
    assert solve(place, GAP="1%", VERIFY="true").returncode == 2
    asked = f"solve --quiet --output=plan --gap=1% --time-limit=30s --verify -- {HOSTILE}\n"
    assert notes.read_text(encoding="utf-8") == asked
    assert run(place, "Report", REPORT="").returncode == 0
    summary = (place.parent / "runner" / "summary").read_text(encoding="utf-8")
    assert summary == "## No plan\n\n    no plan keeps every <promise>\n\n"
    assert not (place.parent / "runner" / "output").exists()


@pytest.mark.parametrize(("name", "given"), [("Lint", {"LINT": "loud", "PROBLEM": "x"}), ("Solve", {"OUTPUT": "a\nplan=b"})])
def test_inputs_that_mean_nothing_are_refused(place: Path, name: str, given: dict[str, str]) -> None:
    done = solve(place, **given) if name == "Solve" else run(place, name, **given)
    assert done.returncode == 2
    assert "::error::" in done.stdout


def test_the_hook_that_solves_and_checks(place: Path) -> None:
    hook = next(one for one in HOOKS if one["id"] == "planner-check")
    environment = os.environ | {"PATH": f"{place.parent / 'runner' / 'planner' / 'bin'}:{os.environ['PATH']}"}
    notes = pretend(place, "", 3)  # the plan is made, and broken
    command = [*shlex.split(hook["entry"]), *hook["args"], HOSTILE]
    assert subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False, timeout=60).returncode == 3
    folder = next(iter(re.findall(r"-o (\S+)", notes.read_text(encoding="utf-8"))))
    solved, checked = f"solve --quiet -o {folder} -- {HOSTILE}", f"check --policy policy.yaml -- {folder}/plan.json"
    assert notes.read_text(encoding="utf-8") == f"{solved}\n{checked}\n"
    assert not (place / "pwned").exists()
    assert not Path(folder).exists()


def test_examples_on_the_page_name_hooks_and_inputs_that_exist() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    read = [yaml.safe_load(block) for block in blocks]
    hooks = [hook["id"] for one in read for repo in one.get("repos", ()) for hook in repo["hooks"]]
    assert hooks
    assert set(hooks) <= {hook["id"] for hook in HOOKS}
    steps = [step for one in read for job in one.get("jobs", {}).values() for step in job["steps"]]
    uses = [step["with"] for step in steps if "inference-planner" in step.get("uses", "")]
    assert uses
    assert all(set(given) <= set(ACTION["inputs"]) for given in uses)
