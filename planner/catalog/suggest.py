"""What a misspelt name was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 12


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, letter case aside, or None if none is near."""
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    lowered = name.lower()
    close = get_close_matches(lowered, by_lower, n=1, cutoff=0.6)
    if close:
        return by_lower[close[0]]
    parts = [candidate for candidate in by_lower if len(lowered) > 2 and (lowered in candidate or candidate in lowered)]
    return by_lower[min(parts, key=len)] if parts else None


def remedy_for(name: str, known: Iterable[str], command: str = "") -> str:
    """Write the remedy for an unknown name: the nearest one, else the list, else the command that lists them."""
    names = sorted(set(known))
    found = nearest(name, names)
    if found is not None:
        return f"did you mean {found!r}?"
    if not names:
        return "there are none to choose from" + (f"; see {command}" if command else "")
    if len(names) <= _SHOWN:
        return f"known: {', '.join(names)}"
    return f"see {command}" if command else f"known, among others: {', '.join(names[:_SHOWN])}"
