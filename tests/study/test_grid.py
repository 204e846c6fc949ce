"""Grids and tables of scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import InvalidInput
from planner.study.grid import of_csv, of_grid


def test_a_grid_is_every_combination_the_last_axis_fastest() -> None:
    found = of_grid(["limits.budget=$40/h,null", "workloads.*.demand.rate=x1,x2"])
    assert [one.name for one in found] == [
        "budget=$40/h, rate=x1",
        "budget=$40/h, rate=x2",
        "budget=null, rate=x1",
        "budget=null, rate=x2",
    ]
    assert found[2].changes == {"limits.budget": None, "workloads.*.demand.rate": "x1"}


def test_paths_that_end_alike_are_named_in_full() -> None:
    assert of_grid(["a.rate=1", "b.rate=2"])[0].name == "a.rate=1, b.rate=2"


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (["limits.budget"], "has no values"),
        (["limits.budget="], "no value is given"),
        (["a=1,2", "a=3"], "given twice"),
        (["a=" + ",".join(map(str, range(200))), "b=" + ",".join(map(str, range(200)))], "40,000 scenarios"),
    ],
)
def test_what_is_no_grid_is_told(axes: list[str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        of_grid(axes)


def test_a_table_is_a_scenario_a_row(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text('name,limits.budget,choose.sellers.allow\nas is,,\nrich,$90/h,"[a, b]"\n\n')
    assert [(one.name, one.changes) for one in of_csv(path)] == [
        ("as is", {}),
        ("rich", {"limits.budget": "$90/h", "choose.sellers.allow": ["a", "b"]}),
    ]


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("name,a\n", "no scenario", 0),
        ("name,a\nx,1\nx,2\n", "two scenarios are called 'x', here and in line 2", 3),
        ("name,a\nx\n", "has 1 cells, the head 2", 2),
        ("a,a\n1,2\n", "'a' is there twice", 1),
        ("a,\n1,2\n", "no head", 1),
        ('a\n"1\n', "no CSV", 2),
        ("a\n[1\n", "not valid YAML", 0),
    ],
)
def test_mistakes_in_a_table_are_told(tmp_path: Path, text: str, said: str, line: int) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said) as told:
        of_csv(path)
    assert [issue.line for issue in told.value.issues] == [line]
