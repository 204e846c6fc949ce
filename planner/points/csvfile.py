"""Reads CSV files of points, written by strangers, and writes them back with what was predicted."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from planner.catalog.suggest import nearest
from planner.catalog.yamlfile import read_bytes
from planner.errors import InvalidInput, Issue
from planner.points.columns import ALIASES, BY_NAME, COLUMNS, LOADS, OUTPUTS, PROBLEM, Output
from planner.points.table import shown

MAX_BYTES = 200_000_000
"""Largest file read: some 1.5 million points."""
PREDICTED = (*(output.name for output in OUTPUTS), PROBLEM)
"""Columns that a prediction adds to a file."""
_SHOWN = 20
_QUOTED = re.compile(r'[",\r\n]')


@dataclass(frozen=True, eq=False)
class CsvFile:
    """One CSV file as it was written."""

    name: str
    """The path as the user wrote it."""
    header: tuple[str, ...]
    """Names of its columns, blanks around them taken off."""
    cells: pd.DataFrame
    """Its cells as text, columns numbered."""
    places: dict[str, int]
    """Where each known column stands, by its name in `COLUMNS`."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that mean nothing here."""
        used = set(self.places.values())
        return tuple(name for place, name in enumerate(self.header) if place not in used)

    def raw(self) -> pd.DataFrame:
        """Return the known columns under their names in `COLUMNS`."""
        places = list(self.places.values())
        return self.cells[places].set_axis(list(self.places), axis=1)


def read_text(path: Path | str, *, limit: int = MAX_BYTES) -> str:
    """Read a text file of bounded size.

    Raises
    ------
    InvalidInput
        Missing, a directory, too large, empty, not UTF-8 or binary.
    """
    name = str(path)
    try:
        content = read_bytes(path, limit=limit)
    except InvalidInput as error:
        raise InvalidInput([_about_points(issue, limit) for issue in error.issues]) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput.at(name, "the file is not UTF-8 text", "save it as CSV or JSON in UTF-8", line=line) from None
    if "\0" in text:
        raise InvalidInput.at(name, "the file holds binary data", "name a CSV or JSON text file")
    if not text.strip():
        raise InvalidInput.at(name, "the file is empty", "it needs a header line and one line a point")
    return text


def _about_points(issue: Issue, limit: int) -> Issue:
    """Give an issue of the file itself a remedy that speaks of points; a likely other name is kept."""
    if issue.remedy.startswith("did you mean"):
        return issue
    return replace(issue, remedy=f"name a readable CSV or JSON file of at most {limit / 1e6:,.0f} MB")


def parse(text: str, name: str) -> CsvFile:
    """Turn CSV text into its cells.

    Raises
    ------
    InvalidInput
        Malformed lines, a column given twice, no rows.
    """
    header = tuple(cell.strip() for cell in _first_row(text, name))
    places = _places(header, name)
    cells = _cells(text, header, name)
    if cells.empty:
        raise InvalidInput.at(name, "the file holds a header line and no points", "add one line a point")
    return CsvFile(name, header, cells, places)


def without_predictions(file: CsvFile) -> CsvFile:
    """Return a file without the columns that an earlier prediction added to it.

    Raises
    ------
    InvalidInput
        If some of these names are taken by columns of the user's own.
    """
    taken = [name for name in file.header if name in PREDICTED]
    if not taken:
        return file
    if set(taken) != set(PREDICTED):
        message = f"the columns {', '.join(taken)} have names of columns that are written"
        raise InvalidInput.at(
            file.name, message, "call measured values ttft_mean_ms and tpot_mean_ms, rename or remove the others"
        )
    kept = [place for place, name in enumerate(file.header) if name not in PREDICTED]
    cells = file.cells[kept].set_axis(range(len(kept)), axis=1)
    header = tuple(file.header[place] for place in kept)
    return CsvFile(file.name, header, cells, _places(header, file.name))


def check_header(file: CsvFile, given: Collection[str] = ()) -> None:
    """Refuse a file without a required column, unless its value is given elsewhere."""
    there = {*file.places, *given}
    missing = [column.name for column in COLUMNS if column.required and column.name not in there]
    if there.isdisjoint(LOADS):
        missing.append(" or ".join(LOADS))
    if not missing:
        return
    names = [name for name in file.header if name]
    listed = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    remedy = f"the columns there are: {listed}"
    if len(names) == 1 and (other := re.search(r"[;\t|]", names[0])):
        remedy = f"the header is separated by {shown(other[0])}: separate cells by commas"
    plural = "s" if len(missing) > 1 else ""
    raise InvalidInput.at(file.name, f"the header has no column{plural} {', '.join(missing)}", remedy, line=1)


def remarks(file: CsvFile) -> tuple[str, ...]:
    """Return what to tell about columns that mean nothing here: a misspelt one is easily overlooked."""
    told = []
    for name in file.unused:
        meant = nearest(name, set(BY_NAME) - set(file.places)) if name else None
        if meant is not None and len(meant) > 3:  # two letters such as tp are near to half of all names
            told.append(f"the column {shown(name)} is kept but not used: did you mean {meant!r}?")
    return tuple(told)


def written(file: CsvFile, predictions: pd.DataFrame) -> str:
    """Return a file's text with the columns of `PREDICTED` after its own.

    Parameters
    ----------
    file : CsvFile
        The points, in order.
    predictions : DataFrame
        A row a point: the columns of `OUTPUTS`, and `problem`.
    """
    columns = [_passed_on(file.cells[place]) for place in file.cells]
    columns += [_figures(output, predictions[output.name]) for output in OUTPUTS]
    columns.append([_quoted(text) for text in predictions[PROBLEM]])
    head = ",".join(map(_quoted, (*file.header, *PREDICTED)))
    return "\n".join([head, *map(",".join, zip(*columns, strict=True)), ""])


def _first_row(text: str, name: str) -> list[str]:
    """Return the header's cells."""
    try:
        return next(row for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True) if row)
    except (csv.Error, StopIteration) as error:
        raise InvalidInput.at(name, f"there is no CSV header: {error}", "write one line of column names", line=1) from None


def _places(header: Sequence[str], name: str) -> dict[str, int]:
    """Find the known columns, letter case aside; refuse one that is there twice, by whatever name."""
    places: dict[str, int] = {}
    issues = []
    for place, cell in enumerate(header):
        column = ALIASES.get(cell.lower(), cell.lower())
        if column in places:
            both = header[places[column]]
            said = f"is given twice, as {both} and {cell}" if cell != both else "is given twice"
            issues.append(Issue(name, 1, column, f"the column {said}", "keep one of the two"))
        elif column in BY_NAME:
            places[column] = place
    if issues:
        raise InvalidInput(issues)
    return places


def _cells(text: str, header: Sequence[str], name: str) -> pd.DataFrame:
    """Read the rows below the header; a line shorter than the header has blanks at its end, a longer one is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the header would lose their end
            cells = pd.read_csv(
                io.StringIO(text),
                names=list(range(len(header))),
                header=0,
                index_col=False,
                dtype=str,
                na_filter=False,
                skipinitialspace=True,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise _malformed(text, len(header), name, str(error)) from None
    return cells


def _malformed(text: str, width: int, name: str, told: str) -> InvalidInput:
    """Find the first line that is longer than the header; else repeat what the parser says."""
    remedy = "quote cells that hold commas, close every quote"
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        for row in lines:
            if len(row) > width:
                message = f"the line has {len(row)} cells, the header {width}"
                return InvalidInput.at(name, message, remedy, line=lines.line_num)
    except csv.Error as error:
        return InvalidInput.at(name, f"this is not CSV: {error}", remedy, line=lines.line_num)
    return InvalidInput.at(name, f"this is not CSV: {told.strip().splitlines()[-1]}", remedy)


def _quoted(text: str) -> str:
    """Return a cell as CSV writes it."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(text) else text


def _passed_on(cells: pd.Series[Any]) -> list[str]:
    """Return a column's cells as they were read, quoted where needed: once per distinct cell."""
    codes, values = pd.factorize(cells)
    texts = np.array([*(_quoted(str(value)) for value in values), ""], dtype=object)
    return list(texts[codes])


def _figures(output: Output, values: pd.Series[Any]) -> list[str]:
    """Return a predicted column's cells; blank where there is no prediction."""
    missing = values.isna().tolist()
    told = _yes_or_no if output.decimals is None else f"{{:.{output.decimals}f}}".format
    return ["" if none else told(value) for value, none in zip(values.tolist(), missing, strict=True)]


def _yes_or_no(value: object) -> str:
    return "true" if value else "false"
