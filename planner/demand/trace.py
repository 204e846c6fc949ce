"""Reading a recorded trace of requests: CSV or JSON lines, nothing dropped silently."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from planner.demand.issues import mistake
from planner.domain.calls import TraceFile
from planner.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

MAX_BYTES = 200_000_000
"""Largest file read: some five million requests, more than a week of a busy service."""
MAX_TOKENS = 1e8
"""Largest believable token count of one request; more is a damaged row (assumption: ten times the longest published context)."""
MAX_SKIPPED = 0.05
"""Share of unusable rows beyond which the file, not the row, is wrong (assumption)."""
GAP_SECONDS = 600.0
"""Shortest silence called a gap [s] (assumption: two of the default planning windows)."""
GAP_MEANS = 50.0
"""Mean spacings that a gap also exceeds (assumption: a Poisson process passes e^50 spacings without one)."""
_EPOCH_LIMIT = 1e11
"""Numeric stamps above this would lie after the year 5000 if they were epoch seconds: they are in a finer unit."""
_SECONDS_PER = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_JSON_SUFFIXES = (".jsonl", ".ndjson")
_MOONCAKE_COLUMN = "hash_ids"
"""Column by which Mooncake's releases, whose stamps are milliseconds, can be told."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in order of arrival, as equally long columns."""

    name: str
    """File name, for reports."""
    arrivals: Array
    """Time since the first request, ascending from 0 [s]."""
    input_tokens: Array
    """Prompt lengths [token]."""
    output_tokens: Array
    """Generated lengths [token]."""
    skipped: Mapping[str, int]
    """Rows left out, by reason."""
    reordered: int
    """Rows that came later in the file than a row with a later stamp."""
    blocks: tuple[tuple[int, ...], ...] | None = None
    """Ids of each prompt's blocks of tokens, equal leading ids meaning equal tokens; None where the file records none."""
    unhashed: int = 0
    """Rows whose block ids cannot be read, and which are taken to share nothing."""

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.arrivals)

    @property
    def span(self) -> float:
        """Time from the first to the last arrival [s]."""
        return float(self.arrivals[-1])

    @property
    def whole(self) -> float:
        """Time that the trace stands for: its span and, after the last request, one mean gap [s]."""
        return self.span * len(self) / (len(self) - 1)

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """Start and length of each silence longer than `GAP_SECONDS` and `GAP_MEANS` mean spacings, in order of time [s]."""
        spaces = np.diff(self.arrivals)
        long = spaces > max(GAP_SECONDS, GAP_MEANS * float(spaces.mean()))
        return tuple(zip(self.arrivals[:-1][long].tolist(), spaces[long].tolist(), strict=True))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out or put in order, in words for the report."""
        told = [f"trace {self.name}: {count} rows left out ({reason})" for reason, count in self.skipped.items() if count]
        if self.reordered:
            told.append(f"trace {self.name}: {self.reordered} rows were out of order and have been sorted by time")
        if self.unhashed:
            told.append(f"trace {self.name}: {self.unhashed} rows without readable {_MOONCAKE_COLUMN} are taken to share nothing")
        return (*told, *self._silences())

    def _silences(self) -> tuple[str, ...]:
        """Say where the trace is silent for long, since rates over such a stretch are not those of its users."""
        gaps = self.gaps
        if not gaps:
            return ()
        start, length = max(gaps, key=lambda gap: gap[1])
        count = "a gap" if len(gaps) == 1 else f"{len(gaps)} gaps, the longest"
        lost = sum(gap[1] for gap in gaps) / self.span
        advice = "split the file there, or plan on its peak"
        where = f"{count} of {length:.0f} s from {start:.0f} s after its first request"
        return (f"trace {self.name}: {where}; gaps are {lost:.0%} of its span and dilute its mean rate: {advice}",)


def read_trace(spec: TraceFile, base: Path) -> Trace:
    """Read the requests of a trace file.

    Parameters
    ----------
    spec : TraceFile
        File, columns and unit of time.
    base : Path
        Folder that relative paths start from: the problem file's.

    Returns
    -------
    Trace
        Arrivals start at 0 and ascend; unusable rows are counted by reason.

    Raises
    ------
    InvalidInput
        File missing, unreadable, empty or above `MAX_BYTES`; column missing; unit of time unclear; more than `MAX_SKIPPED` of
        the rows unusable; fewer than two requests; no time passing. Paths are relative to the trace's own fields.

    Notes
    -----
    A file ending in .jsonl or .ndjson holds one JSON object a line; any other is CSV with a header (.tsv: tabs).
    Time stamps: numbers are in `time_unit`, or seconds where it is absent; anything else is read as ISO 8601, without a zone
    as UTC. Numbers that cannot be seconds (Mooncake's files, epoch stamps above 10¹¹) are refused until the unit is given: a
    wrong guess is a factor of a thousand in the rate.
    A row is left out where its stamp or a count cannot be read, its stamp is a negative number, its prompt has no token, its
    output count is negative, or a count exceeds `MAX_TOKENS`.
    Column hash_ids, where there is one, tells which prompts begin alike; a row whose ids cannot be read is kept and counted.
    """
    file = base / spec.path
    size, changed = _stat(file)
    if size > MAX_BYTES:
        raise mistake(
            "path", f"{spec.path} has {size / 1e6:.0f} MB", f"traces may have {MAX_BYTES / 1e6:.0f} MB: sample or split it"
        )
    return _read(spec, file, changed)


def _stat(file: Path) -> tuple[int, int]:
    """Return size and time of change, or say why the file cannot be read."""
    try:
        if not file.is_file():
            what = "is a folder" if file.is_dir() else "is not a file" if file.exists() else "does not exist"
            raise mistake("path", f"{file} {what}", "give the trace's path relative to the problem file")
        stat = file.stat()
    except (OSError, ValueError) as error:
        raise mistake("path", f"{file} cannot be read: {error}", "give the path of a readable trace file") from None
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=8)
def _read(spec: TraceFile, file: Path, changed: int) -> Trace:  # noqa: ARG001 - `changed` makes the cache notice a new file
    """Read, check and order the rows; kept because demand, prompts and outputs often name the same file."""
    table = _json_table(spec, file) if file.suffix.lower() in _JSON_SUFFIXES else _csv_table(spec, file)
    if len(table) == 0:
        raise mistake("path", f"{spec.path} holds no requests", "give a trace with at least two")
    _check_columns(spec, list(table.columns))
    stamps = _stamps(spec, table)
    prompts, outputs = _numbers(table[spec.input_column]), _numbers(table[spec.output_column])
    reasons = _reasons(spec, stamps, prompts, outputs)
    usable = ~np.any(list(reasons.values()), axis=0)
    skipped = {reason: int(rows.sum()) for reason, rows in _first_reason(reasons).items() if rows.any()}
    _check_usable(spec, usable, skipped)
    made = _trace(file.name, stamps[usable], prompts[usable], outputs[usable], skipped)
    return _with_blocks(made, table, stamps, usable) if _MOONCAKE_COLUMN in table.columns else made


def _with_blocks(trace: Trace, table: pd.DataFrame, stamps: Array, usable: NDArray[np.bool_]) -> Trace:
    """Add the ids of prompt blocks, in order of arrival."""
    found = [_ids(value) for value in table[_MOONCAKE_COLUMN][usable]]
    order = np.argsort(stamps[usable], kind="stable")
    blocks = tuple(found[row] or () for row in order)
    return replace(trace, blocks=blocks, unhashed=sum(ids is None for ids in found))


def _ids(value: object) -> tuple[int, ...] | None:
    """Return block ids, as JSON holds them or as CSV spells them; None where they cannot be read."""
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list) or not all(isinstance(item, int) and not isinstance(item, bool) for item in listed):
        return None
    return tuple(listed)


def _trace(name: str, stamps: Array, prompts: Array, outputs: Array, skipped: Mapping[str, int]) -> Trace:
    """Put the rows in order of arrival, rebased to the first; rows with equal stamps keep the file's order."""
    order = np.argsort(stamps, kind="stable")
    arrivals = stamps[order] - stamps[order[0]]
    if arrivals[-1] <= 0:
        raise mistake("time_column", f"all requests of {name} have the same time stamp", "name the column of arrival times")
    late = int(np.count_nonzero(stamps < np.maximum.accumulate(stamps)))
    columns = (arrivals, prompts[order], outputs[order])
    for column in columns:
        column.flags.writeable = False
    return Trace(name, *columns, skipped, late)


def _csv_table(spec: TraceFile, file: Path) -> pd.DataFrame:
    """Read a CSV file; a column that is not all numbers stays text, so that each value is judged on its own."""
    import warnings

    import pandas as pd

    separator = "\t" if file.suffix.lower() == ".tsv" else ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would lose their end
            return pd.read_csv(
                file,
                sep=separator,
                compression=None,
                encoding="utf-8-sig",
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
            )
    except pd.errors.EmptyDataError:
        raise mistake("path", f"{spec.path} is empty", "give a trace with a header line and at least two requests") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, OSError) as error:
        told = str(error).strip().splitlines()[-1]
        raise mistake("path", f"{spec.path} is not a CSV file: {told}", "give comma-separated text with a header line") from None


def _json_table(spec: TraceFile, file: Path) -> pd.DataFrame:
    """Read JSON lines; a line that is no object becomes an empty row, counted later."""
    import pandas as pd

    try:
        rows = list(_objects(file))
    except (UnicodeDecodeError, OSError) as error:
        raise mistake("path", f"{spec.path} cannot be read: {error}", "give JSON lines in UTF-8") from None
    present = [
        name
        for name in (spec.time_column, spec.input_column, spec.output_column, _MOONCAKE_COLUMN)
        if any(name in r for r in rows)
    ]
    return pd.DataFrame({name: [row.get(name) for row in rows] for name in present}, index=range(len(rows)), dtype=object)


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    """Yield each line's object; an empty one for a line that holds none."""
    with file.open(encoding="utf-8-sig") as lines:
        for line in lines:
            if line.strip():
                yield _object(line)


def _object(line: str) -> dict[str, Any]:
    """Parse one line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _check_columns(spec: TraceFile, columns: list[str]) -> None:
    """Raise one issue per column that the file lacks."""
    wanted = {field: getattr(spec, field) for field in ("time_column", "input_column", "output_column")}
    listed = ", ".join(columns[:20]) or "no columns"
    missing = [
        mistake(field, f"{spec.path} has no column {name!r}", f"it has {listed}").issues[0]
        for field, name in wanted.items()
        if name not in columns
    ]
    if missing:
        raise InvalidInput(missing)


def _numbers(column: pd.Series[Any]) -> Array:
    """Return the column as floats, NaN where it holds none."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)
    values = pd.to_numeric(column.where(column.map(_may_be_number)), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _may_be_number(value: object) -> bool:
    """Return whether a value can be read as a number: truth values, lists and integers beyond 64 bits cannot."""
    if isinstance(value, bool | int):
        return not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, str | float)


def _stamps(spec: TraceFile, table: pd.DataFrame) -> Array:
    """Return arrival times [s] on the file's own clock; NaN where unreadable."""
    column = table[spec.time_column]
    numbers = _numbers(column)
    if spec.time_unit is not None or np.isfinite(numbers).sum() * 2 >= len(numbers):
        _check_unit(spec, numbers, list(table.columns))
        return numbers * _SECONDS_PER[spec.time_unit or "s"]
    return _iso_seconds(column)


def _iso_seconds(column: pd.Series[Any]) -> Array:
    """Return ISO 8601 stamps as seconds since the earliest readable one."""
    import pandas as pd

    times = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    return np.asarray((times - times.min()).dt.total_seconds().to_numpy(), dtype=np.float64)


def _check_unit(spec: TraceFile, numbers: Array, columns: list[str]) -> None:
    """Refuse numeric stamps that cannot be the seconds they would be taken for."""
    if spec.time_unit is not None:
        return
    remedy = "set time_unit to s, ms, us or ns"
    if _MOONCAKE_COLUMN in columns:
        raise mistake("time_unit", f"{spec.path} looks like a Mooncake trace, whose stamps are milliseconds", "set time_unit: ms")
    if np.isfinite(numbers).any() and np.nanmax(numbers) > _EPOCH_LIMIT:
        raise mistake("time_unit", f"time stamps of {spec.path} are too large to be seconds", remedy)


def _reasons(spec: TraceFile, stamps: Array, prompts: Array, outputs: Array) -> dict[str, NDArray[np.bool_]]:
    """Return which rows are unusable, by reason."""
    return {
        f"{spec.time_column} unreadable": np.isnan(stamps),
        f"{spec.time_column} negative": stamps < 0,
        f"{spec.input_column} unreadable": np.isnan(prompts),
        f"{spec.input_column} below one token": prompts < 1,
        f"{spec.output_column} unreadable": np.isnan(outputs),
        f"{spec.output_column} negative": outputs < 0,
        f"more than {MAX_TOKENS:.0e} tokens": (prompts > MAX_TOKENS) | (outputs > MAX_TOKENS),
    }


def _first_reason(reasons: Mapping[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    """Count each row once, under the first reason that holds."""
    counted: dict[str, NDArray[np.bool_]] = {}
    seen = np.zeros_like(next(iter(reasons.values())))
    for reason, rows in reasons.items():
        counted[reason] = rows & ~seen
        seen |= rows
    return counted


def _check_usable(spec: TraceFile, usable: NDArray[np.bool_], skipped: Mapping[str, int]) -> None:
    """Refuse a trace that is mostly damaged or too short to have a rate."""
    told = "; ".join(f"{count} rows: {reason}" for reason, count in skipped.items())
    if usable.mean() < 1 - MAX_SKIPPED:
        share = f"{(~usable).sum()} of {len(usable)} rows unusable, first row {1 + usable.argmin()}"
        message = f"{spec.path} has {share} ({told})"
        raise mistake("path", message, f"repair or remove them: at most {MAX_SKIPPED:.0%} are passed over")
    if usable.sum() < 2:
        raise mistake("path", f"{spec.path} holds a single request", "give a trace with at least two")
