"""Reads measurements, whatever tool wrote them: the file's content says which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from planner.errors import InvalidInput
from planner.points import csvfile, genai_perf, guidellm, survey, vllm_bench
from planner.points.columns import BY_NAME, LOADS, PROBLEM
from planner.points.record import Record
from planner.points.table import Problems, normalize

READERS = (guidellm, vllm_bench, genai_perf)
"""Readers of JSON results, the first that recognises an object reads it."""
_TAKEN_FROM_FLAG = "model"
"""What a flag says in place of the file: results name the model as it was served, which may be any name."""


def read_measured(path: Path | str, defaults: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Read a file of measurements.

    Parameters
    ----------
    path : Path or str
        CSV with the columns of the table of points, or a result of GuideLLM, `vllm bench serve`, GenAI-Perf or AIPerf.
    defaults : mapping, optional
        Column → value, for what the file does not say; None = not given. A JSON result's `model` gives way to it.

    Returns
    -------
    DataFrame
        The table of points, names not yet resolved. A row that lacks something, a measured time included, says so in
        `problem`, and names the flag that would give it.

    Raises
    ------
    InvalidInput
        The file cannot be read, is malformed, is of no known form, or holds no points.
    """
    text, name = csvfile.read_text(path), str(path)
    given = {column: value for column, value in (defaults or {}).items() if value is not None}
    read = _from_json if text.lstrip()[:1] in ("{", "[") else _from_csv
    table = read(text, name, given)
    problems = Problems(table[PROBLEM].to_numpy(dtype=object))
    unmeasured = table["ttft_ms"].isna() & table["tpot_ms"].isna()
    problems.add(unmeasured.to_numpy() & (problems.texts == ""), "neither ttft_ms nor tpot_ms was measured")
    unnamed = (table["source"] == "").to_numpy()
    table.loc[unnamed, "source"] = [f"{name} row {row + 1}" for row in np.flatnonzero(unnamed)]
    return table.assign(**{PROBLEM: problems.texts})


def flag(column: str) -> str:
    """Return the command-line flag that gives a column."""
    return f"--{column.replace('_', '-')}"


def _from_csv(text: str, name: str, given: Mapping[str, Any]) -> pd.DataFrame:
    """Read a CSV file; what is given fills its blanks."""
    if survey.recognises(text):
        message = "this is a survey of other sources: steps, batches and memory, of which few have a TTFT or TPOT"
        raise InvalidInput.at(name, message, "score it apart: --apart")
    file = csvfile.without_predictions(csvfile.parse(text, name))
    csvfile.check_header(file, given)
    return normalize(_filled(file.raw(), given))


def _from_json(text: str, name: str, given: Mapping[str, Any]) -> pd.DataFrame:
    """Read the results in a JSON file."""
    found = [record for data in _objects(text, name) for record in _records(data, name)]
    if not found:
        raise InvalidInput.at(name, "the file holds no results", "name the summary of a finished run")
    raw = pd.DataFrame(found, dtype=object)
    if _TAKEN_FROM_FLAG in given:
        raw[_TAKEN_FROM_FLAG] = given[_TAKEN_FROM_FLAG]
    raw = _filled(raw, given)
    table = normalize(raw[[column for column in raw if column in BY_NAME]], absent=_absent)
    problems = Problems(table[PROBLEM].to_numpy(dtype=object))
    said = np.array([record.get(PROBLEM, "") for record in found], dtype=object)
    problems.add(said != "", said)
    unknown_tp = raw["tp"].isna().to_numpy() if "tp" in raw else np.ones(len(raw), dtype=bool)
    problems.add(unknown_tp & (table["mode"] == "agg").to_numpy(), _absent("tp"))  # 1 would be a guess: no such file says it
    return table.assign(**{PROBLEM: problems.texts})


def _absent(column: str) -> str:
    return f"{column} is not in the file, give {flag(column)}"


def _filled(raw: pd.DataFrame, given: Mapping[str, Any]) -> pd.DataFrame:
    """Fill blank cells with what is given; a load is given only where the file says none."""
    filled = raw.astype(object)
    blank = {column: _blank(raw, column) for column in {*given, *LOADS}}
    for column, value in given.items():
        rows = blank[column] if column not in LOADS else blank[LOADS[0]] & blank[LOADS[1]]
        before = filled[column] if column in filled else pd.Series(None, raw.index, dtype=object)
        filled[column] = before.where(~rows, value)
    return filled


def _blank(raw: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Say where a column says nothing."""
    if column not in raw:
        return pd.Series(True, raw.index)
    return raw[column].isna() | (raw[column] == "")


def _objects(text: str, name: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON file: one, a list of them, or one a line."""
    try:
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2 or not all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines):
                raise InvalidInput.at(name, f"this is not JSON: {error.msg}", "save it again", line=error.lineno) from None
            data = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise InvalidInput.at(name, f"this is not JSON: {error}", "save it again") from None
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, dict)] or [{}]


def _records(data: dict[str, Any], name: str) -> list[Record]:
    """Read one object by the reader that recognises it."""
    for reader in READERS:
        if reader.recognises(data):
            return list(reader.records(data))
    looked_for = ", ".join(reader.LOOKED_FOR for reader in READERS)
    remedy = f"looked for: CSV of points, {looked_for}; summaries, not records of single requests"
    raise InvalidInput.at(name, "this is no result of a known benchmark tool", remedy)
