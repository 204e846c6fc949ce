"""GitHub Markdown that names from a plan cannot break: escaping, tables, folded blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from planner.report.ink import printable

_SPECIAL = re.compile(r"[\\`*\[\]{}|~#!]")
_EDGE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)](?:\s|$)))")


def escape(text: str) -> str:
    r"""Write text so that GitHub shows it as it is: on one line, no markup, HTML, math or table borders.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> escape("a|b `c` <d> on_demand"), escape("- from $1 to $5"), escape("1. first"), escape("1.5/s")
    ('a\\|b \\`c\\` &lt;d&gt; on_demand', '\\- from \\$1 to \\$5', '1\\. first', '1.5/s')
    """
    shown = printable(text).strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _EDGE_UNDERSCORE.sub(r"\\_", _SPECIAL.sub(lambda found: "\\" + found.group(), shown))
    if shown.count("$") > 1:  # GitHub reads a pair of dollar signs as a formula
        shown = shown.replace("$", r"\$")
    return _BLOCK_START.sub(_escaped_start, shown)


def _escaped_start(found: re.Match[str]) -> str:
    """Keep a leading dash, plus or number from starting a list."""
    return found.group(1) + (found.group(2) + "\\" if found.group(2).isdigit() else "\\" + found.group(2))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table whose source lines up too.

    Parameters
    ----------
    columns : sequence of str
        Headings; `>x` is aligned right.
    rows : iterable of sequences of str
        Cells, escaped by the caller; several lines in a cell are parted by `<br>`.

    Returns
    -------
    str
        Without a final newline.

    Examples
    --------
    >>> print(table(["Name", ">Cost"], [["chat", "$5"], ["code", "$12"]]))
    | Name | Cost |
    | ---- | ---: |
    | chat |   $5 |
    | code |  $12 |
    """
    right = [name.startswith(">") for name in columns]
    cells = [[name.lstrip(">") for name in columns], *[list(row) for row in rows]]
    widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(columns))]
    rule = ["-" * (width - 1) + ":" if to_right else "-" * width for width, to_right in zip(widths, right, strict=True)]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join("| " + " | ".join(_padded(line, widths, right)) + " |" for line in lines)


def _padded(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """Pad cells to the widths of their columns."""
    columns = zip(cells, widths, right, strict=True)
    return [cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in columns]


def stacked(texts: Iterable[str]) -> str:
    """Put lines below one another in a cell.

    Parameters
    ----------
    texts : iterable of str
        Not escaped yet.

    Returns
    -------
    str

    Examples
    --------
    >>> stacked(["4 day", "2 | 3 night"])
    '4 day<br>2 \\\\| 3 night'
    """
    return "<br>".join(escape(text) for text in texts)


def bullets(texts: Iterable[str]) -> str:
    """Write sentences as a list.

    Parameters
    ----------
    texts : iterable of str
        Not escaped yet.

    Returns
    -------
    str

    Examples
    --------
    >>> print(bullets(["one", "two"]))
    - one
    - two
    """
    return "\n".join(f"- {escape(text)}" for text in texts)


def folded(summary: str, body: str) -> str:
    """Write a block that GitHub shows closed.

    Parameters
    ----------
    summary : str
        What is shown; escaped by the caller.
    body : str
        Markdown.

    Returns
    -------
    str
    """
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"
