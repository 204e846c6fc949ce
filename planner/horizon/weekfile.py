"""The levels of a week, from where the problem file says: a name, 168 figures, a file of them, or a trace with dates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.domain.calls import TraceFile
from planner.domain.horizon import HOURS_PER_WEEK, Shape, ShapeFile
from planner.errors import InvalidInput
from planner.horizon.shapes import NAMED

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_MOST_BYTES = 200_000_000
"""Largest file read, as for traces."""
_MOST_UNREADABLE = 0.05
"""Share of time stamps that may be unreadable, as for traces."""
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_WEEKDAY_1970 = 72
"""Hours from a Monday 0:00 to 1970-01-01 0:00, a Thursday."""
_EPOCH_2000 = 946_684_800.0
"""Seconds since 1970 below which a number is no date of a trace of calls of language models."""


def levels_of(shape: Shape, base: Path) -> Sequence[float]:
    """Return the 168 levels of a shape, from Monday 0:00 on, not yet scaled.

    Parameters
    ----------
    shape : a name, figures or a file
    base : folder that files are relative to

    Raises
    ------
    InvalidInput
        A file that is missing or does not hold a week; paths are relative to the shape.
    """
    if isinstance(shape, str):
        return NAMED[shape]
    if not isinstance(shape, ShapeFile):
        return shape
    if shape.file is not None:
        return _figures(shape.file, base)
    assert shape.trace is not None  # noqa: S101 - one of the two, by validation
    return _counted(shape.trace, base, _readable(shape.trace.path, base, "trace.path").stat().st_mtime_ns)


def _wrong(path: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput.at("", message, remedy, path=path)


def _readable(name: str, base: Path, path: str) -> Path:
    """Return the file if it may be read."""
    file = base / name
    if not file.is_file():
        raise _wrong(path, f"no such file: {file}", f"the path is relative to {base}; check its spelling")
    if file.stat().st_size > _MOST_BYTES:
        raise _wrong(path, f"{file} has more than {_MOST_BYTES / 1e6:.0f} MB", "sample or split it")
    return file


def _figures(name: str, base: Path) -> list[float]:
    """Read the last number of each row."""
    file = _readable(name, base, "file")
    try:
        rows = [row for row in file.read_text(encoding="utf-8-sig").splitlines() if row.strip()]
        found = [_number(row) for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong("file", f"{file} cannot be read: {error}", "save it as CSV in UTF-8") from None
    values = [value for value in found[found[:1] == [None] :] if value is not None]
    remedy = "give one row for each hour from Monday 0:00 to Sunday 23:00, its last column a number that is not negative"
    if len(values) != HOURS_PER_WEEK or None in found[1:]:
        raise _wrong("file", f"{file} holds {len(values)} figures, a week has {HOURS_PER_WEEK} hours", remedy)
    if min(values) < 0 or max(values) == 0:
        raise _wrong("file", f"{file} holds a negative figure, or none above zero", remedy)
    return values


def _number(row: str) -> float | None:
    """Return the last number of a row, None where there is none."""
    try:
        value = float(row.replace(";", ",").replace("\t", ",").rsplit(",", 1)[-1])
    except ValueError:
        return None
    return value if np.isfinite(value) else None


@lru_cache(maxsize=8)
def _counted(trace: TraceFile, base: Path, changed: int) -> tuple[float, ...]:  # noqa: ARG001 - `changed` notices a new file
    """Return requests by hour of the week: those of all weeks, over how often the hour occurs within the trace's time.

    λ_h = n_h / (hours of the trace that are hour h of a week);   hours at either end that the trace covers in part are left out
    """
    stamps = np.sort(_stamps(trace, base))
    first, last = np.ceil(stamps[0] / 3600.0), np.floor(stamps[-1] / 3600.0)
    if last - first < HOURS_PER_WEEK:
        days = max(0.0, last - first) / 24
        raise _wrong("trace.path", f"{trace.path} covers {days:.1f} whole days", "give a trace of a week or more, or 168 figures")
    hours = np.floor(stamps / 3600.0)
    inside = hours[(hours >= first) & (hours < last)]
    place = (np.arange(first, last) + _WEEKDAY_1970).astype(np.int64) % HOURS_PER_WEEK
    counts = np.bincount((inside + _WEEKDAY_1970).astype(np.int64) % HOURS_PER_WEEK, minlength=HOURS_PER_WEEK)
    return tuple((counts / np.bincount(place, minlength=HOURS_PER_WEEK)).tolist())


def _stamps(trace: TraceFile, base: Path) -> Floats:
    """Return the times of requests since 1970 in UTC [s]."""
    import pandas as pd

    file = _readable(trace.path, base, "trace.path")
    column = _column(trace, file)
    numbers: Floats = (
        pd.to_numeric(pd.Series(column, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        * _UNITS[trace.time_unit or "s"]
    )
    if 2 * np.isnan(numbers).sum() > len(numbers):  # most stamps are no numbers, so they are dates
        dates = pd.to_datetime(pd.Series(column, dtype=object), format="ISO8601", utc=True, errors="coerce")
        numbers = np.asarray((dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=np.float64)
    found = numbers[np.isfinite(numbers)]
    if len(found) < (1 - _MOST_UNREADABLE) * len(numbers):
        message = f"{trace.path} has {len(numbers) - len(found)} time stamps of {len(numbers)} that cannot be read"
        raise _wrong("trace.time_column", message, f"repair or remove them: at most {_MOST_UNREADABLE:.0%} are passed over")
    if not len(found) or found.min() < _EPOCH_2000:
        message = f"{trace.path} has time stamps that tell no date"
        raise _wrong("trace.time_column", message, "name a column of dates, or give the week's 168 figures")
    return found


def _column(trace: TraceFile, file: Path) -> list[object]:
    """Return the time stamps of a CSV or JSON lines file."""
    try:
        table = _json_lines(file) if file.suffix.lower() in (".jsonl", ".ndjson") else _csv(file)
    except (ValueError, OSError) as error:
        raise _wrong(
            "trace.path", f"{trace.path} cannot be read: {error}", "save it as CSV with a header, or as JSON lines"
        ) from None
    if trace.time_column not in table.columns:
        listed = ", ".join(map(str, table.columns[:20]))
        raise _wrong("trace.time_column", f"{trace.path} has no column {trace.time_column!r}", f"it has {listed}")
    return list(table[trace.time_column])


def _csv(file: Path) -> pd.DataFrame:
    """Read a CSV file as text."""
    import pandas as pd

    return pd.read_csv(file, sep="\t" if file.suffix.lower() == ".tsv" else ",", dtype=str, encoding="utf-8-sig")


def _json_lines(file: Path) -> pd.DataFrame:
    """Read an object a line."""
    import pandas as pd

    with file.open(encoding="utf-8-sig") as lines:
        return pd.DataFrame([json.loads(line) for line in lines if line.strip()], dtype=object)
