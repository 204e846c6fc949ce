from pathlib import Path

import pytest

from planner.points.dates import newest_month


@pytest.mark.parametrize(
    ("name", "content", "month"),
    [
        ("a.csv", "model,measured_on\nx,2026-02-27\ny,2026-11-03\nz,\n", "2026-11"),
        ("a.csv", "model,measured_on\nx,yesterday\ny,2026-13-01\n", ""),
        ("a.csv", "model,date\nx,2026-02-27\n", ""),
        ("a.json", '{"date": "20250801-120000", "completed": 1}\n{"date": "20250912-000000"}\n', "2025-09"),
        ("a.json", '[{"date": "2025"}]', ""),
    ],
)
def test_the_newest_month_a_file_tells(tmp_path: Path, name: str, content: str, month: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert newest_month(path) == month
