"""Checks problem files for `planner validate`, said in words or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.errors import Issue

VERSION = "validate/v1"
"""Version of the JSON."""


def check_problems(files: Sequence[Path], *, as_json: bool) -> None:
    """Check every file and say what was read; mistakes of all files are reported together.

    With JSON the mistakes stand in it too, for whoever reads no sentences.
    """
    from planner.cli.app import check_problem
    from planner.errors import InvalidInput

    issues: list[Issue] = []
    said: list[dict[str, Any]] = []
    for file in files:
        try:
            if as_json:
                said.append(_read(file))
            else:
                check_problem(file)
        except InvalidInput as error:
            issues += error.issues
            said.append({"file": str(file), "valid": False, "errors": [asdict(one) for one in error.issues]})
    if as_json:
        body = {"version": VERSION, "valid": not issues, "files": said}
        json_output.echo(body)
    if issues:
        raise InvalidInput(issues)


def _read(file: Path) -> dict[str, Any]:
    """Return what a valid file was read as."""
    from planner.catalog.problem import load_problem
    from planner.cli.reading import summary
    from planner.demand.streams import build_flows
    from planner.errors import InvalidInput

    loaded = load_problem(file)
    try:
        flows = build_flows(loaded.problem, loaded.base)
    except InvalidInput as error:
        raise loaded.located(error) from None
    return {
        "file": str(file),
        "valid": True,
        "warnings": [asdict(one) for one in loaded.warnings],
        "digest": loaded.digest,
        "catalog_digest": loaded.catalog.digest,
        "read": [line.strip() for line in summary(loaded, flows)][1:],
    }
