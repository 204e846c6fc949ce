"""Curves from CSV files: two layouts, and every way to get them wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.catalog import curves
from planner.catalog.curves import read_curve
from planner.domain.lever_facts import EscalationPoint
from planner.errors import InvalidInput, Issue


def wrongs(path: Path, text: str | bytes) -> tuple[Issue, ...]:
    file = path / "curve.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as caught:
        read_curve(file)
    assert all(issue.file == str(file) and issue.remedy for issue in caught.value.issues)
    return caught.value.issues


def read(path: Path, text: str) -> tuple[EscalationPoint, ...]:
    file = path / "curve.csv"
    file.write_text(text, encoding="utf-8")
    return read_curve(file)


def test_one_column_is_a_range_of_no_width(tmp_path: Path) -> None:
    one, two = read(tmp_path, "Escalated, recovered\n0.1,0.4\n\n25%, 60 %\n")
    assert one == EscalationPoint(escalated=0.1, recovered_low=0.4, recovered_high=0.4)
    assert (two.escalated, two.recovered_high) == (0.25, 0.6)


def test_two_columns_and_others_in_any_order(tmp_path: Path) -> None:
    text = "\ufeffthreshold,recovered_high,escalated,recovered_low\nlax,0.6,1e-1,.4\nstrict,0.9,0.5,0.8\n"
    one, two = read(tmp_path, text)
    assert one == EscalationPoint(escalated=0.1, recovered_low=0.4, recovered_high=0.6)
    assert (two.recovered_low, two.recovered_high) == (0.8, 0.9)


@pytest.mark.parametrize(
    ("text", "line", "path", "words"),
    [
        ("", 1, "", "no column escalated"),
        ("\n\n", 1, "", "no column escalated"),
        ("escalated,recovered\n", 0, "", "no points"),
        ("escalatd,recovered\n0.1,0.2\n", 1, "", "rename the column 'escalatd'"),
        ("share;recovered\n0.1;0.2\n", 1, "", "no column escalated"),
        ("escalated\n0.1\n", 1, "", "no column recovered"),
        ("escalated,recovered_low\n0.1,0.2\n", 1, "", "no column recovered_high"),
        ("escalated,recovered,recovered_low,recovered_high\n0.1,0.2,0.2,0.2\n", 1, "", "as well as"),
        ("escalated,escalated,recovered\n0.1,0.2,0.2\n", 1, "", "given twice"),
        ("escalated,recovered\n0.1\n", 2, "", "has 1 cells, the header 2"),
        ("escalated,recovered\n0.1,0,2\n", 2, "", "has 3 cells"),
        ("escalated,recovered\n0.1,0.2\nx,0.3\n", 3, "escalated", "got 'x'"),
        ("escalated,recovered\n0.1,-0.2\n", 2, "recovered", "got '-0.2'"),
        ("escalated,recovered\n0.1,nan\n", 2, "recovered", "got 'nan'"),
        ("escalated,recovered\n0.1,\n", 2, "recovered", "got ''"),
        ("escalated,recovered\n25,0.2\n", 2, "escalated", "write 25% if that is meant"),
        ("escalated,recovered\n0.1,120%\n", 2, "recovered", "at most 1"),
        ("escalated,recovered\n0,0.2\n", 2, "recovered", "give recovered 0"),
        ("escalated,recovered_low,recovered_high\n0.1,0.3,0.2\n", 2, "recovered_low", "above recovered_high"),
        ("escalated,recovered\n0.2,0.2\n0.1,0.3\n", 3, "escalated", "0.1 follows 0.2"),
        ("escalated,recovered\n0.2,0.2\n0.2,0.3\n", 3, "escalated", "0.2 follows 0.2"),
        ('escalated,recovered\n0.2,"0.2\n', 2, "", "not CSV"),
        ("escalated,recovered\n0.1,0\0\n", 0, "", "binary"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, line: int, path: str, words: str) -> None:
    (issue,) = wrongs(tmp_path, text)
    assert (issue.line, issue.path) == (line, path)
    assert words in f"{issue.message} {issue.remedy}"


def test_not_text(tmp_path: Path) -> None:
    (issue,) = wrongs(tmp_path, b"escalated,recovered\n0.1,\xff\n")
    assert (issue.line, "UTF-8" in issue.message) == (2, True)


def test_all_mistakes_come_together(tmp_path: Path) -> None:
    issues = wrongs(tmp_path, "escalated,recovered\n0.3,x\ny,0.2\n0.5,0.6\n0.4,0.7\n")
    assert [(issue.line, issue.path) for issue in issues] == [(2, "recovered"), (3, "escalated"), (5, "escalated")]


def test_files_that_are_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(InvalidInput):
            read_curve(path)
    monkeypatch.setattr(curves, "MAX_POINTS", 2)
    (issue,) = wrongs(tmp_path, "escalated,recovered\n0.1,0.1\n0.2,0.2\n0.3,0.3\n")
    assert (issue.line, "more than 2 points" in issue.message) == (4, True)
    monkeypatch.setattr(curves, "MAX_BYTES", 10)
    (issue,) = wrongs(tmp_path, "escalated,recovered\n0.1,0.1\n")
    assert "at most 10" in issue.message
