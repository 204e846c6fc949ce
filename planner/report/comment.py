"""A plan as a comment on a pull request: what a reviewer reads first, the rest folded, never longer than GitHub takes."""

from __future__ import annotations

import re

from planner.domain.plan import Plan
from planner.report import format as fmt
from planner.report import markdown
from planner.report.markup import folded

LIMIT = 65_536
"""Most characters of a comment on GitHub (its API answers `Body is too long (maximum is 65536 characters)`, seen 2026-11)."""

MARK = "<!-- planner report -->"
"""First line, by which a pipeline finds its own comment again."""

OPEN = ("Warnings", "Promises", "Pools", "Cost by workload")
"""Sections that are not folded."""

_PARTS = re.compile(r"\n\n(?=## |<details>\n)")
_TITLE = re.compile(r"## (.*)\n\n")
_NOTE = 200
"""Characters kept for saying what was left out."""


def comment(plan: Plan) -> str:
    """Write a plan as a comment.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
        GitHub Markdown of at most `LIMIT` characters, with a final newline. Sections that no longer fit are left out and counted.
    """
    head, *sections = _PARTS.split(markdown.render(plan).rstrip("\n"))
    shown = [_section(text) for text in sections]
    ranked = sorted(shown, key=lambda text: text.startswith("<details>"))  # what is open comes first; the sort is stable
    made, left_out = f"{MARK}\n{head.replace('# ', '## ', 1)}", 0
    for text in ranked:
        if len(made) + 2 + len(text) + _NOTE <= LIMIT:
            made += f"\n\n{text}"
        else:
            left_out += 1
    if left_out:
        more = f"{fmt.plural(left_out, 'more section')} {'is' if left_out == 1 else 'are'} too long for a comment"
        made += f"\n\n{more}: `planner report plan.json -o report.html` shows all."
    return f"{made}\n"


def _section(text: str) -> str:
    """Fold a section, unless it is one of those that are read."""
    found = _TITLE.match(text)
    if found is None:
        return text
    title = found.group(1)
    return f"#{text}" if title in OPEN else folded(title, text[found.end() :])
