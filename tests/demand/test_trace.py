"""Reading traces: formats, units of time, and damaged files of every sort."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.demand import trace as module
from planner.demand.trace import read_trace
from planner.domain.calls import TraceFile
from planner.errors import InvalidInput

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
MOONCAKE = {"time_column": "timestamp", "input_column": "input_length", "output_column": "output_length"}
GOOD = [f"{i},{100 + i},{10 + i}" for i in range(100)]
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "traces"
needs_traces = pytest.mark.skipif(not SHARED.is_dir(), reason="measured traces are not beside this checkout")


def read(folder: Path, text: str | bytes, name: str = "t.csv", **fields: Any) -> module.Trace:
    data = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(data)
    return read_trace(TraceFile(path=name, **fields), folder)


def lines(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def refusal(folder: Path, text: str | bytes, name: str = "t.csv", **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        read(folder, text, name, **fields)
    assert all(issue.remedy for issue in caught.value.issues)
    return [(issue.path, issue.message) for issue in caught.value.issues]


def test_csv_in_seconds_is_rebased_and_sorted(tmp_path: Path) -> None:
    made = read(tmp_path, lines("12.5,100,10", "10,200,0", "11,300,30"))
    assert made.arrivals.tolist() == [0, 1, 2.5]
    assert made.input_tokens.tolist() == [200, 300, 100]
    assert made.output_tokens.tolist() == [0, 30, 10]
    assert (made.span, len(made), made.reordered, dict(made.skipped)) == (2.5, 3, 2, {})
    assert made.remarks == ("trace t.csv: 2 rows were out of order and have been sorted by time",)
    assert not made.arrivals.flags.writeable


def test_iso_stamps_with_seven_digits_and_zones(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        lines("2023-11-16 18:15:46.6805900,374,44", "2023-11-16T18:15:47.6805900Z,1,1", "2023-11-16T20:15:48.68059+02:00,1,1"),
    )
    np.testing.assert_allclose(made.arrivals, [0, 1, 2], atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)])
def test_unit_of_numeric_stamps(tmp_path: Path, unit: str, factor: float) -> None:
    assert read(tmp_path, lines("0,1,1", "3000,1,1"), time_unit=unit).span == pytest.approx(3000 * factor)


def test_json_lines_as_mooncake_writes_them(tmp_path: Path) -> None:
    rows = [{"timestamp": 3000 * i, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]} for i in range(3)]
    text = "\n".join(map(json.dumps, rows)) + "\n\n"
    assert read(tmp_path, text, "m.jsonl", time_unit="ms", **MOONCAKE).arrivals.tolist() == [0, 3, 6]
    assert refusal(tmp_path, text, "m.jsonl", **MOONCAKE)[0][0] == "time_unit"


def test_epoch_stamps_in_a_finer_unit_are_not_taken_for_seconds(tmp_path: Path) -> None:
    ((path, message),) = refusal(tmp_path, lines("1700000000000,1,1", "1700000001000,1,1"))
    assert path == "time_unit"
    assert "too large to be seconds" in message
    assert read(tmp_path, lines("1700000000,1,1", "1700000001,1,1")).span == 1


def test_damaged_rows_are_counted_once_each_by_reason(tmp_path: Path) -> None:
    bad = ["x,5,5", "-3,5,5", "7,many,5", "7,0,5", "7,5,-1"]
    made = read(tmp_path, lines(*GOOD, *bad))
    assert len(made) == 100
    assert sum(made.skipped.values()) == 5
    assert made.skipped == {
        "TIMESTAMP unreadable": 1,
        "TIMESTAMP negative": 1,
        "ContextTokens unreadable": 1,
        "ContextTokens below one token": 1,
        "GeneratedTokens negative": 1,
    }
    assert "1 rows left out (TIMESTAMP unreadable)" in made.remarks[0]


@pytest.mark.parametrize("bad", ["7,inf,5", "7,nan,5", "7,,5", "7", "7,1e9,5", "nan,5,5", "7,True,5", ",,"])
def test_odd_values_are_left_out(tmp_path: Path, bad: str) -> None:
    made = read(tmp_path, lines(*GOOD, bad))
    assert (len(made), sum(made.skipped.values())) == (100, 1)


@pytest.mark.parametrize(
    "bad", ["{", "[1]", "null", '{"timestamp": 1}', '{"timestamp": 1, "input_length": true, "output_length": 1}', "[" * 100_000]
)
def test_odd_json_lines_are_left_out(tmp_path: Path, bad: str) -> None:
    rows = [json.dumps({"timestamp": i, "input_length": 5, "output_length": 5}) for i in range(100)]
    made = read(tmp_path, "\n".join([*rows, bad]), "m.jsonl", **MOONCAKE)
    assert (len(made), sum(made.skipped.values())) == (100, 1)


def test_json_number_too_large_for_a_float_is_left_out(tmp_path: Path) -> None:
    rows = [json.dumps({"timestamp": i, "input_length": 5, "output_length": 5}) for i in range(100)]
    rows.append('{"timestamp": 1, "input_length": 1' + "0" * 400 + ', "output_length": 5}')
    assert len(read(tmp_path, "\n".join(rows), "m.jsonl", **MOONCAKE)) == 100


def test_mostly_damaged_file_is_refused_with_the_first_row(tmp_path: Path) -> None:
    ((path, message),) = refusal(tmp_path, lines("0,5,5", "1,5,5", "x,5,5", "3,5,5"))
    assert path == "path"
    assert "1 of 4 rows unusable, first row 3 (1 rows: TIMESTAMP unreadable)" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty"),
        (HEADER + "\n", "no requests"),
        (lines("1,2,3"), "single request"),
        (lines("0,1,1", "1,1,1,1"), "not a CSV file"),
        (lines("0,1,1,1", "1,1,1,1"), "not a CSV file"),
        (b"\xff\xfe\x00binary\x00", "not a CSV file"),
        (HEADER.encode() + b'\n"0,1,1\n', "not a CSV file"),
    ],
)
def test_files_that_are_no_trace(tmp_path: Path, text: str | bytes, part: str) -> None:
    ((path, message),) = refusal(tmp_path, text)
    assert path == "path"
    assert part in message


def test_every_missing_column_is_named(tmp_path: Path) -> None:
    found = refusal(tmp_path, "TIMESTAMP,a,b\n0,1,1\n1,1,1\n")
    assert [path for path, _ in found] == ["input_column", "output_column"]
    assert refusal(tmp_path, "{}\n{}\n", "m.jsonl")[0][1].startswith("m.jsonl has no column")
    assert refusal(tmp_path, "", "m.jsonl") == [("path", "m.jsonl holds no requests")]
    assert "cannot be read" in refusal(tmp_path, b"\xff\xfe", "m.jsonl")[0][1]


def test_equal_stamps_have_no_rate(tmp_path: Path) -> None:
    assert refusal(tmp_path, lines("5,1,1", "5,1,1"))[0][0] == "time_column"


def test_places_that_are_no_file(tmp_path: Path) -> None:
    for path, part in ((".", "is a folder"), ("none.csv", "does not exist"), ("a\0b", "does not exist")):
        with pytest.raises(InvalidInput, match=part):
            read_trace(TraceFile(path=path), tmp_path)


def test_large_file_is_refused_before_reading(tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(module.MAX_BYTES + 1)
    with pytest.raises(InvalidInput, match="200 MB"):
        read_trace(TraceFile(path="big.csv"), tmp_path)


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    assert len(read(tmp_path, lines("0,1,1", "1,1,1"))) == 2
    assert len(read(tmp_path, lines("0,1,1", "1,1,1", "2,1,1"))) == 3


def test_a_gap_is_told_with_place_and_length(tmp_path: Path) -> None:
    # 100 requests a second apart, silence of an hour, 100 more: the mean gap is (99 + 3600 + 99)/199 = 19.1 s, fifty are 954 s.
    later = [f"{3699 + i},5,5" for i in range(100)]
    made = read(tmp_path, lines(*GOOD, *later))
    assert made.gaps == ((99.0, 3600.0),)
    (told,) = made.remarks
    assert told.startswith("trace t.csv: a gap of 3600 s from 99 s after its first request; gaps are 95% of its span and dilute")
    assert len(made) == 200


def test_gaps_are_long_for_the_trace_and_by_the_clock(tmp_path: Path) -> None:
    # 500 s is no gap though 250 spacings long; 700 s is none where requests come every 20 s; the longer of two is told.
    assert read(tmp_path, lines(*GOOD, "599,5,5")).remarks == ()
    slow = [f"{20 * i},5,5" for i in range(100)]
    assert read(tmp_path, lines(*slow, "2680,5,5")).gaps == ()
    twice = read(tmp_path, lines(*GOOD, "5099,5,5", *(f"{5100 + i},5,5" for i in range(200)), "15299,5,5"))
    assert twice.gaps == ((99.0, 5000.0), (5299.0, 10_000.0))
    assert "2 gaps, the longest of 10000 s from 5299 s" in twice.remarks[0]


def test_block_ids_follow_the_order_of_arrival(tmp_path: Path) -> None:
    rows = [{"timestamp": at, "input_length": 5, "output_length": 5, "hash_ids": ids} for at, ids in ((2, [0, 1]), (1, [0, 2]))]
    made = read(tmp_path, "\n".join(map(json.dumps, rows)), "m.jsonl", time_unit="ms", **MOONCAKE)
    assert (made.blocks, made.unhashed) == (((0, 2), (0, 1)), 0)
    assert read(tmp_path, lines("0,1,1", "1,1,1")).blocks is None
    spelt = 'TIMESTAMP,ContextTokens,GeneratedTokens,hash_ids\n0,1,1,"[3, 4]"\n1,1,1,"[3]"\n'
    assert read(tmp_path, spelt, time_unit="s").blocks == ((3, 4), (3,))


@pytest.mark.parametrize("ids", [None, 7, "[1", [1.5], [True], ["a"], {"a": 1}])
def test_rows_with_odd_block_ids_are_kept_and_counted(tmp_path: Path, ids: Any) -> None:
    rows = [{"timestamp": i, "input_length": 5, "output_length": 5, "hash_ids": [i]} for i in range(3)]
    rows[1]["hash_ids"] = ids
    made = read(tmp_path, "\n".join(map(json.dumps, rows)), "m.jsonl", time_unit="ms", **MOONCAKE)
    assert (made.blocks, made.unhashed) == (((0,), (), (2,)), 1)
    assert made.remarks == ("trace m.jsonl: 1 rows without readable hash_ids are taken to share nothing",)


@needs_traces
@pytest.mark.parametrize(("name", "requests"), [("conv", 19_366), ("code", 8_819)])
def test_azure_traces_are_read_whole(name: str, requests: int) -> None:
    # Counts: README of the Azure Public Dataset files.
    made = read_trace(TraceFile(path=f"AzureLLMInferenceTrace_{name}.csv"), SHARED)
    assert (len(made), dict(made.skipped), made.reordered) == (requests, {}, 0)
    assert made.remarks == ()


@needs_traces
def test_mooncake_trace_is_read_whole() -> None:
    made = read_trace(TraceFile(path="mooncake_conversation.jsonl", time_unit="ms", **MOONCAKE), SHARED)
    assert len(made) == 12_031
    assert made.span == pytest.approx(3537, abs=1)
    assert made.input_tokens.mean() == pytest.approx(12_035, rel=1e-3)
    # A block stands for 512 tokens: ⌈prompt / 512⌉ ids a request.
    assert made.blocks is not None
    assert [len(ids) for ids in made.blocks[:3]] == [14, 15, 15]
    assert (made.unhashed, made.remarks) == (0, ())
