"""`planner report`: every form, where it goes, and what is said of files that are no plans."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import made_plans
import pytest
from click.testing import Result

from planner.report.jsonout import dumps

Run = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(dumps(made_plans.levers()), encoding="utf-8")
    return path


def test_a_page_is_written_beside_the_plan_or_where_it_is_asked_for(run: Run, file: Path) -> None:
    done = run("report", file)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"wrote {file.parent / 'report.html'}" in done.stderr
    other = file.parent / "other.html"
    assert run("report", file, "-o", other).exit_code == 0
    assert other.read_text() == (file.parent / "report.html").read_text()
    assert other.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("form", "folder", "some"), [("csv", "tables", "promises.csv"), ("figures", "figures", "cost.svg")])
def test_folders_of_files(run: Run, file: Path, form: str, folder: str, some: str) -> None:
    assert run("report", file, "--format", form).exit_code == 0
    assert (file.parent / folder / some).is_file()
    assert run("report", file, "--format", form, "-o", file.parent / "deep" / "er").exit_code == 0
    assert (file.parent / "deep" / "er" / some).is_file()


def test_a_comment_and_charges_go_to_standard_output(run: Run, file: Path) -> None:
    assert run("report", file, "--format", "github").stdout.startswith("<!-- planner report -->\n## Plan for tiny\n")
    assert run("report", file, "--format", "focus", "--month", "2027-01").stdout.startswith("BilledCost,BillingAccountId,")
    assert run("report", file, "--format", "focus", "--month", "2027-01", "-o", file.parent / "focus.csv").stdout == ""


def test_what_cannot_be_done_is_said(run: Run, file: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((tmp_path / "none.json",), "cannot be read: No such file or directory"),
        ((file, "--format", "focus"), "the plan has no calendar, and FOCUS wants dates"),
        ((file, "--month", "2027-01"), "--month goes with --format focus"),
        ((file, "-o", tmp_path), "this is a directory"),
        ((file, "-o", tmp_path / "no" / "where.html"), "there is no directory"),
    ):
        done = run("report", *arguments)
        assert done.exit_code == 2
        assert said in done.stderr


@pytest.mark.parametrize("text", ["{}", "[]", '"plan"', '{"status": "infeasible", "reasons": []}'])
def test_a_file_that_is_no_plan_is_told_in_one_message(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    done = run("report", path)
    assert done.exit_code == 2
    assert "JSON, but no plan" in done.stderr
    assert "give the plan.json that `planner solve -o` wrote" in done.stderr
    assert "1 mistake found" in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_help_has_an_example(run: Run) -> None:
    assert "planner report plan/plan.json -o report.html" in run("report", "--help").stdout


def test_json_lists_files_and_holds_what_would_be_printed(run: Run, file: Path) -> None:
    said = json.loads(run("report", file, "--format", "csv", "--json").stdout)
    assert (said["version"], said["format"], said["problem"]) == ("report/v1", "csv", "tiny")
    assert {Path(one["path"]) for one in said["files"]} == set((file.parent / "tables").iterdir())
    assert {one["kind"] for one in said["files"]} == {"table"}
    shown = run("report", file, "--format", "github")
    said = json.loads(run("report", file, "--format", "github", "--json").stdout)
    assert (said["text"], said["files"]) == (shown.stdout, [])
