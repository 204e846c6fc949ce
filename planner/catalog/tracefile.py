"""A first look at a trace file: is it there, does it have its columns, does it hold requests."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from planner.catalog.suggest import remedy_for
from planner.domain.calls import TraceFile

_LOOKED_AT = 1_000
_MAX_LINE = 1_000_000

Wrong = tuple[str, str, str]


def trace_issue(trace: TraceFile, base: Path, columns: Iterable[str]) -> Wrong | None:
    """Return field, message and remedy of what is wrong with a trace, None if its first rows are sound.

    Parameters
    ----------
    trace : TraceFile
        File and column names.
    base : Path
        Folder the file is relative to.
    columns : iterable of str
        The fields of `trace` that name the columns needed.
    """
    path = base / trace.path
    if not path.exists():
        return "path", f"no such trace file: {path}", f"the path is relative to {base}; check its spelling"
    if not path.is_file():
        return "path", f"{path} is a directory or device, not a trace file", "name a CSV or JSON lines file"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _content_issue(stream, trace, path, tuple(columns))
    except UnicodeDecodeError:
        return "path", f"the trace {path} is not UTF-8 text", "save it as CSV or JSON lines in UTF-8"
    except OSError as error:
        return "path", f"the trace {path} cannot be read: {error.strerror}", "check its permissions"
    except (csv.Error, ValueError) as error:
        return "path", f"the trace {path} is malformed: {error}", "save it as CSV with a header line, or as JSON lines"


def _content_issue(stream: TextIO, trace: TraceFile, path: Path, columns: tuple[str, ...]) -> Wrong | None:
    """Look at the header and the first rows."""
    rows = list(islice(_rows(stream, path), _LOOKED_AT))
    if not rows:
        return "path", f"the trace {path} holds no requests", "it needs a header line and one line a request"
    for field in columns:
        name: str = getattr(trace, field)
        if name not in rows[0]:
            return field, f"the trace {path} has no column {name!r}", remedy_for(name, [key for key in rows[0] if key])
        if field != "time_column" and not any(_is_count(row.get(name)) for row in rows):
            return field, f"the column {name!r} of the trace {path} holds no token counts", "name the column of token counts"
    return None


def _rows(stream: TextIO, path: Path) -> Iterator[dict[str, object]]:
    """Yield rows by column name, from JSON lines or CSV."""
    lines = _bounded(stream)
    if path.suffix in (".jsonl", ".ndjson"):
        for number, line in enumerate(lines, start=1):
            yield _json_row(line, number)
    else:
        yield from csv.DictReader(lines, restkey="")


def _bounded(stream: TextIO) -> Iterator[str]:
    """Yield lines that are not blank; refuse one too long for a row of a trace."""
    while line := stream.readline(_MAX_LINE):
        if len(line) >= _MAX_LINE or "\0" in line:
            raise ValueError("it does not look like lines of text")
        if line.strip():
            yield line


def _json_row(line: str, number: int) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"line {number} is not JSON") from None
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is not a JSON object")
    return row


def _is_count(value: object) -> bool:
    """Say whether a cell holds a number of tokens."""
    try:
        return float(str(value)) >= 0
    except ValueError:
        return False
