"""Reads a router's curve from a CSV file: what share of the quality gap it recovers, by the share of calls escalated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from planner.catalog.suggest import nearest
from planner.catalog.validate import raise_if, show
from planner.catalog.yamlfile import read_bytes
from planner.domain.lever_facts import EscalationPoint
from planner.errors import InvalidInput, Issue

MAX_BYTES = 1_000_000
MAX_POINTS = 10_000
_PAIRS = (("recovered", "recovered"), ("recovered_low", "recovered_high"))
_COLUMNS = ("escalated", "recovered", "recovered_low", "recovered_high")
_NEEDED = "write a header line `escalated,recovered` or `escalated,recovered_low,recovered_high`"
_SHARE = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*(%?)\s*")


class _Reader(Protocol):
    """What `csv.reader` returns."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


@dataclass(frozen=True)
class _Row:
    """The cells of one line."""

    line: int
    cells: dict[str, str]


def read_curve(path: Path | str) -> tuple[EscalationPoint, ...]:
    """Read a measured curve.

    Parameters
    ----------
    path : Path or str
        A CSV file with the columns `escalated` and `recovered`, or `escalated`, `recovered_low` and `recovered_high`:
        shares between 0 and 1, or percentages with their sign, ascending in `escalated`. Other columns are passed over.

    Returns
    -------
    tuple of EscalationPoint

    Raises
    ------
    InvalidInput
        With every mistake, its line and remedy.
    """
    name = str(path)
    header, rows = _read(_text(path, name), name)
    low, high = _pair(header, name)
    issues: list[Issue] = []
    points = {row.line: _point(row, low, high, name, issues) for row in rows}
    found = [(line, point) for line, point in points.items() if point is not None]
    issues += _disorder(found, name)
    raise_if(issues)
    if not found:
        raise InvalidInput.at(name, "the file holds a header line and no points", "add one line a threshold")
    return tuple(point for _, point in found)


def _text(path: Path | str, name: str) -> str:
    """Return what a file of bounded size holds, as text."""
    content = read_bytes(path, limit=MAX_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput.at(name, "the file is not UTF-8 text", "save it as CSV in UTF-8", line=line) from None
    if "\0" in text:
        raise InvalidInput.at(name, "the file holds binary data", "name a CSV file")
    return text


def _read(text: str, name: str) -> tuple[list[str], list[_Row]]:
    """Return the header and the rows below it."""
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        header = [cell.strip().lower() for cell in next((row for row in lines if row), [])]
        rows = list(_rows(lines, header, name))
    except csv.Error as error:
        raise InvalidInput.at(name, f"this is not CSV: {error}", "save it as CSV", line=lines.line_num) from None
    return header, rows


def _rows(lines: _Reader, header: Sequence[str], name: str) -> Iterator[_Row]:
    """Yield the rows that are not blank; refuse one of another width than the header."""
    count = 0
    for cells in lines:
        line = lines.line_num
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > MAX_POINTS:
            raise InvalidInput.at(name, f"the curve has more than {MAX_POINTS:,} points", "keep fewer thresholds", line=line)
        if len(cells) != len(header):
            message = f"the line has {len(cells)} cells, the header {len(header)}"
            raise InvalidInput.at(name, message, "give every column a cell, and quote cells that hold commas", line=line)
        yield _Row(line, dict(zip(header, cells, strict=True)))


def _pair(header: Sequence[str], name: str) -> tuple[str, str]:
    """Return the columns of the low and the high end."""
    twice = sorted({cell for cell in header if cell in _COLUMNS and header.count(cell) > 1})
    if twice:
        raise InvalidInput.at(name, f"the column {twice[0]} is given twice", "keep one of the two", line=1)
    if "escalated" not in header:
        raise InvalidInput.at(name, "the header has no column escalated", _meant(header, "escalated"), line=1)
    there = [pair for pair in _PAIRS if set(pair) <= set(header)]
    if len(there) > 1:
        message = "the header has recovered as well as recovered_low and recovered_high"
        raise InvalidInput.at(name, message, "keep either the one or the two", line=1)
    if not there:
        missing = (
            "recovered_high" if "recovered_low" in header else "recovered_low" if "recovered_high" in header else "recovered"
        )
        raise InvalidInput.at(name, f"the header has no column {missing}", _meant(header, missing), line=1)
    return there[0]


def _meant(header: Sequence[str], wanted: str) -> str:
    """Return the remedy for a missing column: the one that is likely misspelt, else what a header looks like."""
    found = nearest(wanted, [cell for cell in header if cell and cell not in _COLUMNS])
    return f"rename the column {found!r} if it is meant" if found else _NEEDED


def _point(row: _Row, low: str, high: str, name: str, issues: list[Issue]) -> EscalationPoint | None:
    """Make the point of a row; note what is wrong with it."""
    shares = {column: _share(row, column, name, issues) for column in dict.fromkeys(("escalated", low, high))}
    escalated, lower, upper = shares["escalated"], shares[low], shares[high]
    if escalated is None or lower is None or upper is None:
        return None
    try:
        return EscalationPoint(escalated=escalated, recovered_low=lower, recovered_high=upper)
    except ValidationError as error:
        message, _, remedy = str(error.errors()[0]["ctx"]["error"]).rpartition("; ")
        issues.append(Issue(name, row.line, low, message, remedy))
        return None


def _disorder(points: Sequence[tuple[int, EscalationPoint]], name: str) -> Iterator[Issue]:
    """Yield where a share escalated does not rise from one line to the next."""
    for (_, before), (line, point) in pairwise(points):
        if point.escalated <= before.escalated:
            message = f"{point.escalated:g} follows {before.escalated:g}: shares must ascend"
            yield Issue(name, line, "escalated", message, "sort the lines by escalated, each share once")


def _share(row: _Row, column: str, name: str, issues: list[Issue]) -> float | None:
    """Read a share; note what is wrong with it."""
    cell = row.cells[column]
    match = _SHARE.fullmatch(cell)
    if match is None:
        message = f"must be a share such as 0.25 or 25%; got {show(cell)}"
        issues.append(Issue(name, row.line, column, message, "give a number between 0 and 1"))
        return None
    value = float(f"{match[1]}{match[2] or ''}") / (100.0 if match[3] else 1.0)
    if value > 1.0:
        issues.append(
            Issue(name, row.line, column, f"must be at most 1; got {show(cell)}", f"write {cell.strip()}% if that is meant")
        )
        return None
    return value
