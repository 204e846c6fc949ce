"""`planner export` from the command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import exported as made
import pytest
import yaml
from click.testing import Result

from planner.cli.export import KINDS
from planner.domain.plan import Plan
from planner.export.kinds import KINDS as MAKERS
from planner.report import jsonout

Run = Callable[..., Result]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan.json."""
    return put(tmp_path, made.plan())


def put(folder: Path, plan: Plan) -> Path:
    path = folder / "plan.json"
    path.write_text(jsonout.dumps(plan), encoding="utf-8")
    return path


def test_every_kind_has_a_command() -> None:
    assert list(KINDS) == list(MAKERS)


@pytest.mark.parametrize("kind", KINDS)
def test_help_has_an_example(run: Run, kind: str) -> None:
    result = run("export", kind, "--help")
    assert result.exit_code == 0
    assert f"planner export {kind} plan/plan.json" in result.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_json_holds_what_files_do(run: Run, plan: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "out"
    result = run("export", kind, plan, "--json", "-o", folder)
    assert result.exit_code == 0
    body = json.loads(result.stdout)
    assert body["plan_digest"] == hashlib.sha256(plan.read_bytes()).hexdigest()
    assert set(body["files"]) == {path.name for path in folder.iterdir()}
    assert [f"warning: {line}" for line in body["warnings"]] + [f"wrote {folder / name}" for name in body["files"]] == (
        result.stderr.splitlines()
    )
    for name, content in body["files"].items():
        text = (folder / name).read_text(encoding="utf-8")
        assert body["plan_digest"] in text or name == "variables.tf"
        if name.endswith(".yaml") and isinstance(content, list):
            assert [one for one in yaml.safe_load_all(text) if one is not None] == content


def test_stdout_can_be_applied(run: Run, plan: Path) -> None:
    """Values for a chart stay out of the stream of manifests."""
    result = run("export", "kubernetes", plan, "--namespace", "llm")
    documents = [one for one in yaml.safe_load_all(result.stdout) if one is not None]
    assert {one["metadata"]["namespace"] for one in documents} == {"llm"}
    assert "export" in result.stdout.splitlines()[1] or "Made by planner" in result.stdout.splitlines()[1]


def test_a_script_is_what_stdout_gets(run: Run, plan: Path) -> None:
    assert run("export", "vllm", plan).stdout.startswith("# ==> mix-p1.sh <==\n#!/usr/bin/env bash\n# Made by planner")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--period", "dawn"], "no period is named 'dawn'"),
        (["--namespace", "Not_One"], "is no name of a namespace"),
        (["--image", "vllm"], "names no image of an engine"),
        (["--image", "other=x"], "names no image of an engine"),
        (["--image", "vllm=a", "--image", "vllm=b"], "vllm is given twice"),
        (["--autoscaler", "magic"], "magic"),
    ],
)
def test_bad_options_are_exit_code_2(run: Run, plan: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    result = run("export", "kubernetes", plan, "-o", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_bad_plans_are_exit_code_2(run: Run, tmp_path: Path) -> None:
    assert run("export", "vllm", tmp_path / "none.json").exit_code == 2
    (tmp_path / "plan.json").write_text("{", encoding="utf-8")
    assert run("export", "vllm", tmp_path / "plan.json").exit_code == 2
    old = put(tmp_path, made.plan().model_copy(update={"serving": None}))
    result = run("export", "vllm", old)
    assert (result.exit_code, "planner solve" in result.stderr) == (2, True)


def test_a_plan_that_was_edited_is_exit_code_2(run: Run, tmp_path: Path) -> None:
    body = made.body()
    body["serving"] = {"calls": [], "pools": [made.part("P1")], "apis": []}
    body["pools"][1]["loads"].pop()
    result = run("export", "litellm", put(tmp_path, Plan.model_validate(body)))
    assert result.exit_code == 2
    for what in ("pool P2", "stream chat", "stream tags", "API openai/gpt-4.1", "P2 has no load in night"):
        assert what in result.stderr


def test_a_folder_that_cannot_be_written_is_exit_code_2(run: Run, plan: Path) -> None:
    assert run("export", "vllm", plan, "-o", plan).exit_code == 2
