"""The table of points: its cells read, blanks replaced, and what is wrong with each row.

Every reader makes this table and every user of points takes it: one row a point, every column of `COLUMNS` there, a missing
number NaN, a missing text empty. A row that is wrong keeps its place and says why in `problem`; the others are not held up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.points.columns import COLUMNS, LOADS, PROBLEM, RANGES, Column, Range

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Objects = NDArray[Any]

_JOIN = "; "
_BLANKS = frozenset({"", "-", "nan", "na", "n/a", "null", "none"})
_MODES = {"agg": "agg", "aggregated": "agg", "disagg": "disagg", "disaggregated": "disagg"}
_NOT_A_MODE = "?"
_NO_RATE = frozenset({"inf", "infinity"})
_SHOWN = 60


class Problems:
    """What is wrong with each row, one sentence a mistake."""

    def __init__(self, texts: Sequence[str] | Objects) -> None:
        """Start from what is known already."""
        self.texts: Objects = np.array(texts, dtype=object)

    def add(self, rows: Mask, sentences: str | Objects) -> None:
        """Add a sentence to some rows: one for all, or each row's own."""
        for row in np.flatnonzero(rows):
            sentence = sentences if isinstance(sentences, str) else sentences[row]
            self.texts[row] = f"{self.texts[row]}{_JOIN}{sentence}" if self.texts[row] else sentence


def sentences(problem: str) -> list[str]:
    """Return the sentences that a row's `problem` joins."""
    return problem.split(_JOIN) if problem else []


def shown(value: object) -> str:
    """Quote a cell in a message: control characters spelt out, no longer than a line, never what joins sentences."""
    text = str(value).replace(_JOIN, ";")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def normalize(raw: pd.DataFrame, label: Callable[[str], str] = str, absent: Callable[[str], str] | None = None) -> pd.DataFrame:
    """Make the table of points of raw cells.

    Parameters
    ----------
    raw : DataFrame
        Some of the columns of `COLUMNS`, cells text or numbers; its index is kept.
    label : callable, optional
        Turns a column into what the user calls it (a flag), for messages.
    absent : callable, optional
        Says that a required column is blank; absent = "`label` is missing".

    Returns
    -------
    DataFrame
        Every column of `COLUMNS`, and `problem`: empty where the row is sound.

    Notes
    -----
    Cells are looked at once per distinct value, so that many rows cost little more than few.
    An infinite request rate is no rate: it is how load generators say that concurrency alone limits the load.
    """
    problems = Problems(np.full(len(raw), "", dtype=object))
    made: dict[str, Objects | Array] = {}
    given: dict[str, Mask] = {}
    for column in COLUMNS:
        codes, values = distinct(raw[column.name]) if column.name in raw else (np.full(len(raw), -1), [])
        made[column.name], given[column.name] = _cells(column, codes, values, problems, label)
        if column.required:
            blank = absent(column.name) if absent is not None else f"{label(column.name)} is missing"
            problems.add(~given[column.name], blank)
    _check_load(given, problems, label)
    _check_roles(made, given, problems, label)
    return pd.DataFrame({**made, PROBLEM: problems.texts}, index=raw.index)


def distinct(cells: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return every cell's number among the distinct texts, −1 for a missing one, and those texts, blanks made equal."""
    codes, values = pd.factorize(cells)
    texts = [str(value).strip() for value in values]
    return codes, ["" if text.lower() in _BLANKS else text for text in texts]


def _cells(
    column: Column, codes: NDArray[np.intp], values: list[str], problems: Problems, label: Callable[[str], str]
) -> tuple[Objects | Array, Mask]:
    """Return a column's values, blanks replaced by the default, and which cells were given; note those that are wrong."""
    if column.kind == "rate":
        values = ["" if value.lower() in _NO_RATE else value for value in values]
    values = [*values, ""]  # the last one is where the code −1 of a missing cell leads
    read = _read(column, values)
    blank = np.array([not value for value in values])
    good = _holds(RANGES[column.kind], read) if column.kind in RANGES else read != _NOT_A_MODE
    bad = ~(blank | good)
    read[blank | bad] = column.missing
    if bad.any():
        said = [f"{label(column.name)} must be {column.words}, not {shown(value)}" for value in values]
        problems.add(bad[codes], np.array(said, dtype=object)[codes])
    return read[codes], ~blank[codes]


def _holds(limits: Range, values: Array) -> Mask:
    """Say which values are in a range."""
    inside: Mask = (values >= limits.low) & (values > 0) & (values <= limits.high)
    return inside & (values == np.floor(values)) if limits.whole else inside


def _read(column: Column, values: list[str]) -> Objects | Array:
    """Return what texts stand for: numbers, NaN where they are none, or texts."""
    if column.kind in RANGES:
        return np.array(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), dtype=float)
    if column.kind == "mode":
        return np.array([_MODES.get(value.lower(), _NOT_A_MODE) for value in values], dtype=object)
    return np.array(values, dtype=object)


def _check_load(given: dict[str, Mask], problems: Problems, label: Callable[[str], str]) -> None:
    """A point has clients or a rate."""
    clients, rate = (label(name) for name in LOADS)
    problems.add(given[LOADS[0]] & given[LOADS[1]], f"{clients} and {rate} are both given, keep one")
    problems.add(~(given[LOADS[0]] | given[LOADS[1]]), f"neither {clients} nor {rate} is given")


def _check_roles(
    made: dict[str, Objects | Array], given: dict[str, Mask], problems: Problems, label: Callable[[str], str]
) -> None:
    """Degrees belong to the mode, and experts to the ranks there are."""
    apart: Mask = np.asarray(made["mode"] == "disagg")
    for role in ("prefill", "decode"):
        workers = f"{role}_workers"
        problems.add(apart & ~given[workers], f"{label(workers)} is missing, mode disagg needs it")
        problems.add(~apart & given[workers], f"{label(workers)} is given, but mode is agg")
    for degree in ("tp", "pp", "dp", "ep"):
        one = made[degree] == 1.0
        problems.add(apart & ~one, f"{label(degree)} is for mode agg, disagg takes {label(f'prefill_{degree}')} and decode's")
        for role in ("prefill", "decode"):
            name = f"{role}_{degree}"
            problems.add(~apart & (made[name] != 1.0), f"{label(name)} is given, but mode is agg")
    for start in ("", "prefill_", "decode_"):
        ranks = made[f"{start}tp"] * made[f"{start}dp"]
        names = (label(f"{start}{degree}") for degree in ("ep", "tp", "dp"))
        problems.add(np.asarray(made[f"{start}ep"] > ranks), "{} is more than the ranks there are, {} × {}".format(*names))
