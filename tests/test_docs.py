"""What the documents say is true: docstring examples run, shell blocks parse, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for path in (ROOT / "planner").rglob("*.py") if path.stem != "__main__")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", [_module(path) for path in MODULES if ">>>" in path.read_text(encoding="utf-8")])
def test_docstring_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_shell_blocks_parse(page: Path) -> None:
    for language, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in ("bash", "sh", "shell"):
            done = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_marks_the_command_that_runs_the_tests() -> None:
    """`.ci/run` runs what stands below this mark, so that what a reader is told is what is checked."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- test-command -->") == 1
    language, body = next(iter(_BLOCK.findall(text.split("<!-- test-command -->")[1])))
    assert language in ("bash", "sh", "shell")
    assert "pytest" in body
    assert ".[test]" in body


def test_the_changelog_names_the_version() -> None:
    from planner import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
