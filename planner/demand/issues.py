"""Gathering mistakes: a part reports them by its own paths, its caller adds where the part sits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from planner.errors import InvalidInput, Issue

T = TypeVar("T")


def below(path: str, issue: Issue) -> Issue:
    """Return the issue with its path put under `path`."""
    return replace(issue, path=f"{path}.{issue.path}" if issue.path else path)


def attempt(issues: list[Issue], path: str, build: Callable[[], T]) -> T | None:
    """Return what `build` makes, or None after adding its issues, put under `path`, to the list."""
    try:
        return build()
    except InvalidInput as error:
        issues.extend(below(path, issue) for issue in error.issues)
        return None


def under(path: str, build: Callable[[], T]) -> T:
    """Return what `build` makes; its issues are raised again with their paths put under `path`."""
    try:
        return build()
    except InvalidInput as error:
        raise InvalidInput([below(path, issue) for issue in error.issues]) from None


def mistake(path: str, message: str, remedy: str) -> InvalidInput:
    """Make an error of one issue whose file and line the edge fills in."""
    return InvalidInput.at("", message, remedy, path=path)
