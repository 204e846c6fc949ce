"""What `allow` and `forbid` lists let through."""

from __future__ import annotations

from collections.abc import Iterable

from planner.catalog.select import matches
from planner.domain.calls import Choice


def allowed(name: str, *choices: Choice) -> bool:
    """Say whether every choice lets `name` through: an absent `allow` means all, and `forbid` wins over `allow`."""
    return refusal(name, *choices) is None


def refusal(name: str, *choices: Choice) -> str | None:
    """Return why `name` is not let through, to be read after the name (`is forbidden by t4`), or None if it is."""
    for choice in choices:
        forbidding = _first(name, choice.forbid)
        if forbidding is not None:
            return f"is forbidden by {forbidding}"
        if choice.allow is not None and _first(name, choice.allow) is None:
            return f"is not among those allowed: {', '.join(choice.allow) or 'none'}"
    return None


def _first(name: str, patterns: Iterable[str]) -> str | None:
    return next((pattern for pattern in patterns if matches(name, pattern)), None)
