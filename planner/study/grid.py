"""Which variants to solve: every combination of a grid, or the rows of a CSV file."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from planner.catalog.problem import undotted
from planner.catalog.yamlfile import read_bytes
from planner.errors import InvalidInput, Issue
from planner.study.overrides import Override, read_override, shown
from planner.study.variant import Variant

EDGE = "command line"
NAME = "name"
"""Column of a CSV file that names scenarios."""
MOST = 10_000
"""Scenarios of one sweep at most."""
CSV_BYTES = 16_000_000
_OPEN, _CLOSE = "[{(", "]})"


def of_grid(axes: Sequence[str]) -> list[Variant]:
    """Return every combination of the values of axes written `limits.budget=$40/h,$50/h`, the last axis fastest.

    Raises
    ------
    InvalidInput
        If an axis cannot be read, is given twice, or there are too many combinations.
    """
    read = [_axis(text) for text in axes]
    twice = sorted({axis[0].path for axis in read if [other[0].path for other in read].count(axis[0].path) > 1})
    if twice:
        raise InvalidInput.at(EDGE, f"{twice[0]} is given twice", "write all its values in one --grid", path="--grid")
    count = 1
    for axis in read:
        count *= len(axis)
    _few(count, EDGE)
    return [Variant(called(chosen), chosen) for chosen in itertools.product(*read)]


def called(overrides: Sequence[Override]) -> str:
    """Name a variant by what it changes: by the last part of each path, the whole where two end alike.

    Examples
    --------
    >>> called([Override("limits.budget", "$40/h"), Override("workloads.chat.demand.rate", "x2")])
    'budget=$40/h, rate=x2'
    """
    ends = [str(undotted(one.path)[-1]) for one in overrides]
    named = [end if ends.count(end) == 1 else one.path for end, one in zip(ends, overrides, strict=True)]
    return ", ".join(f"{name}={shown(one.value)}" for name, one in zip(named, overrides, strict=True)) or "as it is"


def _axis(text: str) -> list[Override]:
    path, equals, values = text.partition("=")
    if not equals:
        remedy = "write a path, =, and values: 'limits.budget=$40/h,$50/h'"
        raise InvalidInput.at(EDGE, f"{text!r} has no values", remedy, path="--grid")
    return [read_override(path, value, EDGE) for value in parts(values)]


def parts(text: str) -> Iterator[str]:
    """Yield values separated by commas, except commas within brackets, braces, parentheses or quotes.

    Examples
    --------
    >>> list(parts("[eu, us], $40/h,'a,b'"))
    ['[eu, us]', '$40/h', "'a,b'"]
    """
    depth, quote, start = 0, "", 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in _OPEN + _CLOSE:
            depth += 1 if sign in _OPEN else -1
        elif sign == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()


def of_csv(path: Path) -> list[Variant]:
    """Return the scenarios of a CSV file: a column a path, a row a scenario, an empty cell = as the problem says.

    A column `name` names them; without it they are called by what they change.

    Raises
    ------
    InvalidInput
        With every mistake, at its line.
    """
    try:
        text = read_bytes(path, limit=CSV_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput.at(str(path), "the file is not UTF-8 text", "save it as UTF-8") from None
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InvalidInput.at(str(path), f"this is no CSV: {error}", "check its quotes", line=reader.line_num) from None
    rows = [(line, row) for line, row in rows if any(row)]
    if len(rows) < 2:
        remedy = "write a head such as name,limits.budget and a row for each scenario"
        raise InvalidInput.at(str(path), "the file holds no scenario", remedy)
    _few(len(rows) - 1, str(path))
    return _named(list(_scenarios(rows, path)), path)


def _scenarios(rows: Sequence[tuple[int, list[str]]], path: Path) -> Iterator[tuple[int, Variant]]:
    """Yield scenarios with their lines."""
    (top, head), *body = rows
    twice = sorted({column for column in head if head.count(column) > 1})
    if twice or "" in head:
        what = f"the column {twice[0]!r} is there twice" if twice and twice[0] else "a column has no head"
        raise InvalidInput.at(str(path), what, "give each column a path of its own", line=top)
    issues: list[Issue] = []
    for line, row in body:
        if len(row) != len(head):
            message = f"the row has {len(row)} cells, the head {len(head)}"
            issues += InvalidInput.at(str(path), message, "leave cells empty rather than out", line=line).issues
            continue
        cells = dict(zip(head, row, strict=True))
        name = cells.pop(NAME, "")
        try:
            overrides = tuple(read_override(column, cell, f"{path}:{line}") for column, cell in cells.items() if cell)
        except InvalidInput as error:
            issues += error.issues
            continue
        yield line, Variant(name or called(overrides), overrides)
    if issues:
        raise InvalidInput(issues)


def _named(found: Sequence[tuple[int, Variant]], path: Path) -> list[Variant]:
    """Return the scenarios, whose names must differ."""
    lines: dict[str, int] = {}
    for line, variant in found:
        if variant.name in lines:
            message = f"two scenarios are called {variant.name!r}, here and in line {lines[variant.name]}"
            raise InvalidInput.at(str(path), message, "give each a name of its own, or leave one out", line=line)
        lines[variant.name] = line
    return [variant for _, variant in found]


def _few(count: int, file: str) -> None:
    if count > MOST:
        raise InvalidInput.at(file, f"these are {count:,} scenarios; at most {MOST:,} are solved at once", "ask for fewer")
