"""The public surface: what it holds, that it is quick to import, and that its page is true."""

from __future__ import annotations

import contextlib
import doctest
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import planner
from planner import library
from planner.domain import plan as domain
from planner.report import frames, jsonout, markdown

ROOT = Path(__file__).parents[1]
PUBLIC = [
    "Infeasible",
    "InvalidInput",
    "Issue",
    "LoadedProblem",
    "NoPlanInTime",
    "Plan",
    "PlanRejected",
    "PlannerError",
    "__version__",
    "explore",
    "lint_problem",
    "load_problem",
    "make_plan",
    "read_plan",
]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_public_surface_is_this_and_nothing_else() -> None:
    """Whoever changes this list changes what people rely on: say so in the changelog."""
    assert planner.__all__ == PUBLIC
    assert dir(planner) == sorted(PUBLIC)
    assert sorted([*library.__all__, "__version__"]) == sorted(PUBLIC)
    assert all(getattr(planner, name) is not None for name in PUBLIC)
    with pytest.raises(AttributeError, match="no attribute 'solve_everything'"):
        _ = planner.solve_everything


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    undocumented = {"Issue", "LoadedProblem", "Plan", "__version__"}  # told of by what returns them
    assert [name for name in PUBLIC if name not in undocumented and name not in page] == []
    assert all(getattr(library, name).__doc__ for name in library.__all__)


def test_importing_the_package_brings_in_nothing() -> None:
    heavy = ("pydantic", "numpy", "yaml", "pandas", "ortools")
    probe = f"import sys, planner; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_is_typed() -> None:
    assert (ROOT / "planner" / "py.typed").is_file()


@pytest.fixture(scope="module")
def session() -> dict[str, Any]:
    """Run the blocks of the page in order, as one session, in the root of the repository; return what it leaves."""
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    left: dict[str, Any] = {}
    test = doctest.DocTestParser().get_doctest("\n".join(_BLOCK.findall(text)), left, "docs/library.md", "docs/library.md", 0)
    said: list[str] = []
    with contextlib.chdir(ROOT):
        failed = doctest.DocTestRunner().run(test, out=said.append, clear_globs=False).failed
    return {**test.globs, "failed": failed, "said": "".join(said)}


@pytest.fixture
def made(session: dict[str, Any]) -> library.Plan:
    """The plan that the page makes."""
    plan: library.Plan = session["plan"]
    return plan


def test_the_page_is_true(session: dict[str, Any]) -> None:
    assert session["failed"] == 0, session["said"]


def test_a_plan_is_what_the_command_line_writes(made: library.Plan, tmp_path: Path) -> None:
    assert made.to_json() == jsonout.dumps(made)
    assert made.to_markdown() == made._repr_markdown_() == markdown.render(made)
    assert [path.name for path in made.write(tmp_path / "out")] == ["plan.json", "report.md"]
    read = planner.read_plan(tmp_path / "out" / "plan.json")
    assert read.to_json() == made.to_json()
    assert isinstance(read, domain.Plan)
    assert planner.Plan.of(read) is read


def test_plans_travel_between_processes(made: library.Plan) -> None:
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - our own


def test_columns_are_there_without_rows(made: library.Plan) -> None:
    nothing: dict[str, Any] = {"pools": (), "purchases": (), "promises": (), "latencies": (), "apis": ()}
    empty = made.model_copy(update={**nothing, "cost": made.cost.model_copy(update={"by_workload": ()})})
    for what, columns in frames.COLUMNS.items():
        assert list(empty.to_frame(what).columns) == list(columns)  # type: ignore[arg-type]
        assert len(empty.to_frame(what)) == 0  # type: ignore[arg-type]
        assert len(made.to_frame(what)) > 0  # type: ignore[arg-type]


def test_an_unknown_table_is_refused(made: library.Plan) -> None:
    with pytest.raises(planner.InvalidInput, match=r"no table 'pool'.*"):
        made.to_frame("pool")  # type: ignore[arg-type]


def test_settings_are_checked_as_in_the_file() -> None:
    with pytest.raises(planner.InvalidInput, match="gap"):
        planner.make_plan(ROOT / "problems" / "quickstart.yaml", gap="much")
    with pytest.raises(planner.InvalidInput, match="time-limit"):
        planner.make_plan(ROOT / "problems" / "quickstart.yaml", time_limit=-1)


def test_a_plan_that_cannot_be_read_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(planner.InvalidInput, match="cannot be read"):
        planner.read_plan(tmp_path / "none.json")
