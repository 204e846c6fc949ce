"""Named shapes and shapes from files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from planner.domain.calls import TraceFile
from planner.domain.horizon import NamedShape, ShapeFile
from planner.errors import InvalidInput
from planner.horizon.shapes import NAMED, scaled
from planner.horizon.weekfile import levels_of

# Busiest hour over mean, by hand: office_hours (50 h at 1, 118 h at 0.1): 168/61.8; evenings (35, 84, 49): 168/(35 + 33.6 + 4.9);
# nights: 24/8; weekends: 168/(48 + 30); business_week: a day has 0.6 + 0.2 + 0.4 + 0.7 + 3 + 0.8 + 4 + 0.7 + 0.4 + 0.6 + 0.2 =
# 11.6, the week 11.6 · 5.5.
PEAKS = {
    "always": 1.0,
    "office_hours": 168 / 61.8,
    "business_week": 168 / 63.8,
    "evenings": 168 / 73.5,
    "nights": 3.0,
    "weekends": 168 / 78,
}


@pytest.mark.parametrize("name", get_args(NamedShape))
def test_named_shapes_have_a_mean_of_one_and_the_peak_of_their_table(name: str) -> None:
    week = scaled(NAMED[name])
    assert len(week) == 168
    assert week.mean() == pytest.approx(1)
    assert week.max() == pytest.approx(PEAKS[name])
    assert scaled(NAMED[name], to_peak=True).max() == 1


def test_office_hours_are_those_of_weekdays() -> None:
    levels = NAMED["office_hours"]
    assert (levels[7], levels[8], levels[17], levels[18]) == (0.1, 1, 1, 0.1)  # Monday
    assert set(levels[5 * 24 :]) == {0.1}


def write_week(path: Path, rows: list[str]) -> ShapeFile:
    path.write_text("\n".join(rows))
    return ShapeFile(file=path.name)


def test_a_file_of_figures_with_and_without_header(tmp_path: Path) -> None:
    rows = [f"{hour},{hour % 24}" for hour in range(168)]
    want = [hour % 24 for hour in range(168)]
    assert list(levels_of(write_week(tmp_path / "a.csv", ["hour,level", *rows]), tmp_path)) == want
    assert list(levels_of(write_week(tmp_path / "b.csv", rows), tmp_path)) == want


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1"] * 167, "holds 167 figures"),
        (["1"] * 100 + ["x"] + ["1"] * 68, "a week has 168 hours"),
        (["1"] * 167 + ["-1"], "negative"),
        (["0"] * 168, "none above zero"),
        (["1"] * 167 + ["inf"], "holds 167 figures"),
    ],
)
def test_a_file_that_holds_no_week(tmp_path: Path, rows: list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        levels_of(write_week(tmp_path / "a.csv", rows), tmp_path)


def stamps(days: float) -> list[datetime]:
    """Requests from Wednesday 2027-03-03 7:30 on: three an hour in office hours, one in all others."""
    start = datetime(2027, 3, 3, 7, 30, tzinfo=UTC)
    hours = [start + timedelta(hours=hour) for hour in range(int(days * 24))]
    return [
        hour + timedelta(minutes=number)
        for hour in hours
        for number in range(3 if hour.weekday() < 5 and 8 <= hour.hour < 18 else 1)
    ]


@pytest.mark.parametrize("days", [8, 15.4, 21])
def test_a_trace_is_counted_by_hour_of_the_week_whatever_its_length(tmp_path: Path, days: float) -> None:
    (tmp_path / "iso.csv").write_text("\n".join(["TIMESTAMP,x", *(f"{one.isoformat()},1" for one in stamps(days))]))
    rows = [json.dumps({"at": int(one.timestamp() * 1000)}) for one in stamps(days)]
    (tmp_path / "ms.jsonl").write_text("\n".join(rows))
    want = [3 if hour < 120 and 8 <= hour % 24 < 18 else 1 for hour in range(168)]
    assert list(levels_of(ShapeFile(trace=TraceFile(path="iso.csv")), tmp_path)) == want
    read = ShapeFile(trace=TraceFile(path="ms.jsonl", time_column="at", time_unit="ms"))
    assert list(levels_of(read, tmp_path)) == want


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TIMESTAMP\n2027-03-03T07:00\n2027-03-05T07:00\n", "covers 2.0 whole days"),
        ("TIMESTAMP\n0\n900000\n", "tell no date"),
        ("TIMESTAMP\n" + "2027-03-03T07:00\n" * 9 + "x\n", "1 time stamps of 10"),
        ("when\n2027-03-03T07:00\n", "no column 'TIMESTAMP'"),
        ("", "cannot be read"),
    ],
)
def test_a_trace_that_tells_no_week(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InvalidInput, match=words):
        levels_of(ShapeFile(trace=TraceFile(path="t.csv")), tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file") as caught:
        levels_of(ShapeFile(file="gone.csv"), tmp_path)
    assert caught.value.issues[0].path == "file"
