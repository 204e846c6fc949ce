"""When measurements were taken, where a file says so."""

from __future__ import annotations

import re
from pathlib import Path

from planner.points import csvfile

COLUMN = "measured_on"
"""Column of a CSV file with the day of each measurement."""

_DAY = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))-\d{2}")
_STAMP = re.compile(r'"date"\s*:\s*"(\d{4})(0[1-9]|1[0-2])\d{2}-\d{6}"')


def newest_month(path: Path | str) -> str:
    """Return the month of a file's latest measurement, '' where it says none.

    Parameters
    ----------
    path : Path or str
        CSV with a column `measured_on` of days, or results of `vllm bench serve`, which carry a `date`.

    Returns
    -------
    str
        `YYYY-MM`, or ''.
    """
    text = csvfile.read_text(path)
    if text.lstrip()[:1] in ("{", "["):
        return max((f"{year}-{month}" for year, month in _STAMP.findall(text)), default="")
    file = csvfile.parse(text, str(path))
    if COLUMN not in file.header:
        return ""
    cells = file.cells[file.header.index(COLUMN)].astype(str)
    return max((found[1] for cell in cells.unique() if (found := _DAY.match(cell.strip()))), default="")
