"""Asks every rule, and leaves out what the file or the caller has accepted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from planner.catalog.problem import LoadedProblem
from planner.catalog.yamlfile import dotted
from planner.lint.rule import Finding, Seen
from planner.lint.rules import READING, RULES

_ACCEPTED = re.compile(r"#\s*lint:\s*ignore\s+([\w-]+(?:\s*,\s*[\w-]+)*)")


@dataclass(frozen=True)
class Linted:
    """What was found in a file."""

    file: str
    """The file, as it was named."""
    findings: tuple[Finding, ...]
    """In the order of its lines."""
    accepted: tuple[Finding, ...]
    """Left out because the file or the caller accepts them."""


def lint(loaded: LoadedProblem, ignore: Collection[str] = ()) -> Linted:
    """Return what a reviewer would ask about a valid problem.

    Parameters
    ----------
    loaded : LoadedProblem
    ignore : codes of rules to leave out

    Returns
    -------
    Linted
        A finding is accepted by a comment `# lint: ignore CODE` on its line or the one above.

    Raises
    ------
    InvalidInput
        What only shows when traces are read.
    """
    found = sorted(_all(loaded), key=lambda one: (one.line, one.path, one.code))
    lines = loaded.document.text.splitlines()
    kept = [one for one in found if one.code not in ignore and one.code not in _accepted(lines, one.line)]
    return Linted(loaded.document.file, tuple(kept), tuple(one for one in found if one not in kept))


def _all(loaded: LoadedProblem) -> Iterator[Finding]:
    """Yield what every rule finds, and what reading the file warned of where no rule speaks of the same value."""
    seen, places = Seen(loaded), set()
    for rule in RULES:
        for hit in dict.fromkeys(rule.find(seen)):
            places.add(dotted(hit.path))
            line = loaded.document.line(hit.path)
            yield Finding(rule.code, line, dotted(hit.path), hit.message, hit.remedy, rule.why, rule.source)
    for issue in loaded.warnings:
        if issue.path not in places:
            yield Finding(READING, issue.line, issue.path, issue.message, issue.remedy, "it is allowed and seldom meant", "")


def _accepted(lines: list[str], line: int) -> set[str]:
    """Return the codes that comments on a line and on the one above accept."""
    beside = lines[max(line - 2, 0) : line]
    return {code.strip() for text in beside for found in _ACCEPTED.findall(text) for code in found.split(",")}
