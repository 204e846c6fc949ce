"""Imports run one way: a room may use only the rooms below it. Every import statement counts, wherever it stands."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "planner"

FLOORS = (
    ("currency", "errors"),
    ("units",),
    ("domain", "perf", "atomic"),
    ("horizon",),
    ("catalog",),
    ("demand",),
    ("supply",),
    ("candidates",),
    ("points",),
    ("calibrate",),
    ("optimize",),
    ("plan",),
    ("simulate",),
    ("study", "roll"),
    ("report", "export"),
    ("gate",),
    ("pipeline",),
    ("cli",),
    ("__main__",),
)
"""From the ground up. Rooms on one floor do not see each other."""

ONLY = {
    "perf": {"perf"},
    "report": {"report", "domain", "units", "errors"},
    "export": {"export", "domain", "units", "errors"},
}
"""Rooms that may use less than everything below them."""

LIBRARIES = {"perf": {"numpy", "scipy"}}
"""Libraries a room may use, where it may not use any."""

HOMES = {"ortools": {"optimize"}}
"""Libraries that only some rooms may use."""


@dataclass(frozen=True)
class Import:
    """One import statement."""

    module: str
    """Who imports, `planner.plan.verify`."""
    target: str
    """What, `planner.domain.plan.Plan`."""
    line: int
    types_only: bool
    """Whether it stands under `if TYPE_CHECKING`."""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def name_of(path: Path) -> str:
    """Return a file's module name."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_imports(source: str, module: str, *, package: bool = False) -> list[Import]:
    """Return every import of a module, those inside functions and type-checking blocks included."""
    tree = ast.parse(source, filename=module)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    made = []
    for node in ast.walk(tree):
        targets = _targets(node, module, package)
        made.extend(Import(module, target, getattr(node, "lineno", 0), id(node) in guarded) for target in targets)
    return made


def _targets(node: ast.AST, module: str, package: bool) -> list[str]:
    """Return the full names an import statement brings in; none for other nodes."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = module.split(".")
        base = parts[: len(parts) - node.level + package] if node.level else []
        start = ".".join([*base, *([node.module] if node.module else [])])
        return [f"{start}.{alias.name}" for alias in node.names]
    return []


def room_of(name: str) -> str:
    """Return the room of a planner module; the package itself is the empty room."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def floor_of(room: str) -> int:
    """Return a room's floor."""
    return next(floor for floor, rooms in enumerate(FLOORS) if room in rooms)


def wrongs(imports: list[Import]) -> list[str]:
    """Return every import that runs against the order."""
    return [f"{found}: {reason}" for found in imports if (reason := _wrong(found))]


def _wrong(found: Import) -> str:
    """Say what is wrong with an import; empty if nothing is."""
    room, library = room_of(found.module), found.target.split(".")[0]
    if library == "planner":
        return _wrong_room(room, found.target)
    if library in HOMES and room not in HOMES[library]:
        return f"only {', '.join(HOMES[library])} may use {library}"
    allowed = LIBRARIES.get(room)
    if allowed is not None and library not in allowed | sys.stdlib_module_names and not found.types_only:
        return f"{room} may use only {', '.join(sorted(allowed))}"
    return ""


def _wrong_room(room: str, target: str) -> str:
    """Say what is wrong with using a room; the version may be read by all, and the package itself uses what it likes."""
    other = room_of(target)
    if target == "planner.__version__" or other == room or not room:
        return ""
    if room in ONLY and other not in ONLY[room]:
        return f"{room} may use only {', '.join(sorted(ONLY[room]))}"
    return "" if floor_of(other) < floor_of(room) else f"{other} is not below {room}"


@cache
def _all() -> dict[str, list[Import]]:
    """Return the imports of every module of the package."""
    return {
        name_of(path): read_imports(path.read_text(encoding="utf-8"), name_of(path), package=path.stem == "__init__")
        for path in sorted(ROOT.rglob("*.py"))
    }


def _reached(start: str, imports: dict[str, list[Import]]) -> set[str]:
    """Return every planner module that importing `start` may bring in, packages on the way included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        while name and name not in imports:  # `planner.domain.plan.Plan` is a name within `planner.domain.plan`
            name = name.rpartition(".")[0]
        if not name or name in seen:
            continue
        seen.add(name)
        waiting += [".".join(name.split(".")[:2]), *(found.target for found in imports[name] if not found.types_only)]
    return seen


def test_every_room_has_a_floor() -> None:
    known = {room for rooms in FLOORS for room in rooms}
    rooms = {room_of(name) for name in _all()} - {""}
    assert rooms <= known, f"give {sorted(rooms - known)} a floor"


def test_imports_run_one_way() -> None:
    assert wrongs([found for made in _all().values() for found in made]) == []


def test_the_check_does_not_lean_on_what_it_checks() -> None:
    imports = _all()
    checks = [name for name in imports if name.startswith("planner.plan.verify")]
    assert checks, "planner/plan/verify*.py is gone"
    for name in checks:
        assert sorted(other for other in _reached(name, imports) if room_of(other) == "optimize") == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("planner.demand.stream", "from planner.optimize.program import Program", True),
        ("planner.demand.stream", "def f():\n    import planner.cli", True),
        ("planner.demand.stream", "from ..cli import app", True),
        ("planner.demand.stream", "from planner import cli", True),
        ("planner.demand.stream", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import planner.cli", True),
        ("planner.demand.stream", "from planner.supply import cells", True),
        ("planner.export.vllm", "from planner.report import format", True),
        ("planner.export.vllm", "from planner.plan import serving", True),
        ("planner.export.vllm", "from planner.atomic import write", True),
        ("planner.export.vllm", "from planner.domain.plan import Plan\nfrom planner.errors import InvalidInput", False),
        ("planner.demand.stream", "import ortools", True),
        ("planner.perf.step", "import planner.units", True),
        ("planner.perf.step", "import pandas", True),
        ("planner.report.console", "from planner.perf import step", True),
        ("planner.demand.stream", "from planner.domain.workload import Demand", False),
        ("planner.demand.stream", "from . import lengths\nfrom planner import __version__", False),
        ("planner.perf.step", "import math, numpy\nfrom scipy import special\nfrom planner.perf import memory", False),
        ("planner.optimize.solve", "from ortools.math_opt.python import mathopt", False),
        ("planner", "from planner.pipeline import solve", False),
    ],
)
def test_the_reader_sees(module: str, source: str, wrong: bool) -> None:
    assert bool(wrongs(read_imports(source, module))) == wrong


def test_a_path_through_another_module_is_found() -> None:
    """verify → build → optimize is as wrong as verify → optimize."""
    imports = {
        "planner.plan.verify": read_imports("from planner.plan import build", "planner.plan.verify"),
        "planner.plan.build": read_imports("from planner.optimize.program import Program", "planner.plan.build"),
        "planner.optimize.program": [],
    }
    assert "planner.optimize.program" in _reached("planner.plan.verify", imports)
