import io
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from made_points import points

from planner.calibrate import figure
from planner.calibrate.figure import accuracy, by_group, check_suffix, write
from planner.errors import InvalidInput

DRAW = {"accuracy": accuracy, "by_group": by_group}
FEW = "^(?!.*_(fitted|without_model|without_gpu)$)"
"""Columns of points that have predictions as shipped alone: three panels of `accuracy` instead of nine."""


@cache
def _drawn(name: str, suffix: str) -> bytes:
    return DRAW[name](points(), suffix)


@cache
def shipped(seed: int = 0) -> bytes:
    """Points with predictions as shipped, drawn once."""
    return accuracy(points(seed=seed).filter(regex=FEW), ".svg")


def drawn(name: str = "accuracy", suffix: str = ".svg") -> bytes:
    """The same points, drawn once, however they are asked for."""
    return _drawn(name, suffix)


def texts(svg: bytes) -> set[str]:
    """Every text of a figure: letters are outlines, and a comment before them says what they spell."""
    return set(re.findall(r"<!-- (.*?) -->", svg.decode("utf-8")))


@pytest.mark.parametrize("suffix", figure.SHAPES)
def test_the_same_points_give_the_same_bytes(suffix: str) -> None:
    """So does `accuracy`, which is drawn again below, under other settings."""
    assert by_group(points(), suffix) == drawn("by_group", suffix)


def test_other_points_give_other_bytes() -> None:
    assert by_group(points(seed=1), ".svg") != drawn("by_group")
    assert shipped(seed=1) != shipped()


def test_no_date_and_no_version_within() -> None:
    import matplotlib as mpl

    for suffix in figure.SHAPES:
        data = drawn("accuracy", suffix)
        assert b"dc:date" not in data
        assert mpl.__version__.encode() not in data


def test_settings_of_the_user_change_nothing_and_are_kept() -> None:
    import matplotlib as mpl

    before = shipped()
    with mpl.rc_context({"font.size": 30.0, "svg.hashsalt": "mine"}):
        assert accuracy(points().filter(regex=FEW), ".svg") == before
        assert mpl.rcParams["font.size"] == 30.0


def test_fitted_and_left_out_stand_side_by_side() -> None:
    shown = texts(drawn())
    assert {"fitted", "model left out", "GPU left out", "h100-sxm", "b200-sxm", "sglang", "vllm"} <= shown
    assert "as shipped" not in shown
    assert any("n = 48" in text for text in shown)
    assert "as shipped" in texts(shipped())


def test_groups_are_named_with_their_size_and_ranked_by_error() -> None:
    made = points()
    worse = made["model"] == "Qwen/Qwen3-32B"
    made.loc[worse, "tpot_ms_without_model"] = 3.0 * made.loc[worse, "tpot_ms"]
    named = [text for text in re.findall(r"<!-- (.*?) -->", by_group(made, ".svg").decode("utf-8")) if "·" in text]
    assert len(named) == 4
    assert named[-1] == "h100-sxm · trtllm · Qwen/Qwen3-32B · fp8  (12)"  # ticks count from the bottom: the worst stands on top


def test_missing_predictions_and_many_accelerators_are_drawn() -> None:
    made = points()
    made.loc[::7, "tpot_ms_fitted"] = np.nan
    made["accelerator"] = [f"gpu-{index % 12:02}" for index in range(len(made))]
    shown = texts(accuracy(made, ".svg", ["fitted"]))
    assert "4 more" in shown
    assert by_group(made, ".png").startswith(b"\x89PNG")


def test_a_group_by_nothing_is_all_points() -> None:
    assert "all points  (48)" in texts(by_group(points(), ".svg", ()))


def test_png_is_sharp_enough_to_print() -> None:
    from matplotlib.image import imread

    height, width = imread(io.BytesIO(drawn("accuracy", ".png"))).shape[:2]
    assert min(height, width) >= 1000


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.svgz"])
def test_other_shapes_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"use \.svg or \.png"):
        check_suffix(Path(name))
    assert check_suffix(Path("A.PNG")) == ".png"


@pytest.mark.parametrize("suffix", figure.SHAPES)
def test_files_are_written_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    for data in (b"<old/>\n", b"<new/>\n"):
        write(path, data)
        assert path.read_bytes() == data
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "usual").unlink()
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    with pytest.raises(InvalidInput, match="cannot write here"):
        write(path / f"b{suffix}", b"x")


def test_the_library_is_loaded_only_to_draw() -> None:
    code = "import sys, planner.calibrate.figure, planner.calibrate.scaling; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode == 0
