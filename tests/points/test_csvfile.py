"""CSV files of strangers: what is wrong is said with its line, what is not understood is passed on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from planner.errors import InvalidInput
from planner.points import csvfile
from planner.points.columns import OUTPUTS, PROBLEM

HEADER = "model,accelerator,engine,precision,input_tokens,output_tokens,concurrency"
ROW = "org/little,big,vllm,bf16,1000,100,8"
TEXT = f'{HEADER},note\n{ROW},first\n{ROW},"a, b"\n'


def predictions(rows: int) -> pd.DataFrame:
    made = {output.name: [1.5] * rows if output.decimals is not None else [True] * rows for output in OUTPUTS}
    return pd.DataFrame({**made, PROBLEM: [""] * rows})


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        work()
    return str(caught.value)


def test_known_columns_are_found_whatever_their_case_and_others_are_kept() -> None:
    file = csvfile.parse(TEXT.replace("model", " Model "), "in.csv")
    assert file.header[0] == "Model"
    assert file.unused == ("note",)
    assert list(file.raw()) == HEADER.split(",")
    assert list(file.raw()["model"]) == ["org/little"] * 2


def test_headers_of_the_published_measurements_are_known() -> None:
    file = csvfile.parse(f"{HEADER},ttft_mean_ms,tpot_mean_ms\n{ROW},100,10\n", "in.csv")
    assert list(file.raw()[["ttft_ms", "tpot_ms"]].iloc[0]) == ["100", "10"]


def test_a_short_line_has_blanks_at_its_end() -> None:
    file = csvfile.parse(f"{HEADER},note\n{ROW}\n", "in.csv")
    assert file.cells.astype(str).iloc[0, -1] in ("", "nan")
    assert csvfile.written(file, predictions(1)).splitlines()[1].startswith(f"{ROW},,1.500")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEADER}\n", "a header line and no points"),
        (f"{HEADER}\n{ROW}\n{ROW},9\n", "in.csv:3: the line has 8 cells, the header 7"),
        (f"{HEADER},model\n{ROW},x\n", "model: the column is given twice"),
        (f"{HEADER},ttft_ms,ttft_mean_ms\n{ROW},1,2\n", "given twice, as ttft_ms and ttft_mean_ms"),
        (f'{HEADER}\n{ROW}\n"{ROW}\n', "this is not CSV"),
    ],
)
def test_malformed_files_are_refused_with_the_line(text: str, words: str) -> None:
    assert words in refused(lambda: csvfile.parse(text, "in.csv"))


def test_a_header_without_required_columns_is_refused_with_what_is_there() -> None:
    file = csvfile.parse("model,batch\nx,1\n", "in.csv")
    told = refused(lambda: csvfile.check_header(file))
    assert "in.csv:1: the header has no columns accelerator, engine, precision, input_tokens, output_tokens" in told
    assert "concurrency or request_rate" in told
    assert "the columns there are: model, batch" in told
    given = ("accelerator", "engine", "precision", "input_tokens", "output_tokens", "concurrency")
    csvfile.check_header(file, given)


def test_another_separator_is_recognised() -> None:
    file = csvfile.parse(TEXT.replace(",", ";"), "in.csv")
    assert "separate cells by commas" in refused(lambda: csvfile.check_header(file))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        ("modèle".encode("latin-1"), "not UTF-8"),
        (b"model,tp\n\0\0", "binary"),
        (b"x" * 101, "at most 100"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    told = refused(lambda: csvfile.read_text(path, limit=100))
    assert words in told
    assert "YAML" not in told


def test_a_directory_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert "this is a directory" in refused(lambda: csvfile.read_text(tmp_path))
    (tmp_path / "points.csv").write_text(TEXT, encoding="utf-8")
    assert "did you mean" in refused(lambda: csvfile.read_text(tmp_path / "point.csv"))
    assert "YAML" not in refused(lambda: csvfile.read_text(tmp_path / "zzz"))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    file = csvfile.parse(csvfile.read_text(path), "in.csv")
    assert file.header[0] == "model"
    assert list(file.raw()["concurrency"]) == ["8", "8"]


def test_what_is_written_is_what_was_read_with_the_predictions_behind() -> None:
    file = csvfile.parse(TEXT, "in.csv")
    made = predictions(2)
    made.loc[1, [output.name for output in OUTPUTS if output.decimals is not None]] = np.nan
    made["fits"] = pd.Series([False, None], dtype=object)
    made.loc[1, PROBLEM] = 'model "x" is not there, near: y'
    lines = csvfile.written(file, made).splitlines()
    assert lines[0] == f"{HEADER},note," + ",".join(csvfile.PREDICTED)
    assert lines[1] == f"{ROW},first,1.500,1.5000,1.500,1.500,1.500,1.5000,1.5000,1.500,1.500,2,false,true,"
    assert lines[2] == f'{ROW},"a, b",,,,,,,,,,,,true,"model ""x"" is not there, near: y"'


def test_an_earlier_prediction_is_replaced() -> None:
    file = csvfile.parse(TEXT, "in.csv")
    once = csvfile.written(file, predictions(2))
    again = csvfile.without_predictions(csvfile.parse(once, "out.csv"))
    assert again.header == file.header
    assert csvfile.written(again, predictions(2)) == once


def test_a_column_of_ones_own_is_not_overwritten() -> None:
    file = csvfile.parse(f"{HEADER},ttft_ms\n{ROW},100\n", "in.csv")
    assert "ttft_mean_ms" in refused(lambda: csvfile.without_predictions(file))


def test_a_misspelt_column_is_told() -> None:
    file = csvfile.parse(f"{HEADER},kv_precison,date\n{ROW},fp8,2025\n", "in.csv")
    assert csvfile.remarks(file) == ("the column 'kv_precison' is kept but not used: did you mean 'kv_precision'?",)
