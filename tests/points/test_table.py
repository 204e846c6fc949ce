"""A row says everything that is wrong with it, and holds no other row up."""

import math
from typing import Any

import pandas as pd
import pytest

from planner.points.columns import COLUMNS, PROBLEM
from planner.points.table import Problems, normalize, sentences, shown

SOUND = {
    "model": "org/little",
    "accelerator": "big",
    "engine": "vllm",
    "precision": "bf16",
    "input_tokens": "1000",
    "output_tokens": "100",
    "concurrency": "8",
}
APART = SOUND | {"mode": "disagg", "prefill_workers": "2", "decode_workers": "1", "decode_tp": "4"}


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return normalize(pd.DataFrame(list(rows), dtype=object))


def problems(row: dict[str, Any]) -> list[str]:
    return sentences(table(row)[PROBLEM][0])


@pytest.mark.parametrize("row", [SOUND, APART])
def test_every_column_is_there_and_a_sound_row_has_no_problem(row: dict[str, Any]) -> None:
    made = table(row)
    assert list(made) == [*(column.name for column in COLUMNS), PROBLEM]
    assert made[PROBLEM][0] == ""


def test_blanks_mean_the_defaults() -> None:
    row = table(SOUND).iloc[0]
    assert row["mode"] == "agg"
    assert [row[name] for name in ("tp", "pp", "dp", "ep", "prefill_tp", "length_ratio_min")] == [1.0] * 6
    assert row["kv_precision"] == row["source"] == ""
    assert all(math.isnan(row[name]) for name in ("request_rate", "prefill_workers", "decode_workers", "ttft_ms", "tpot_ms"))


@pytest.mark.parametrize("blank", [None, "", "  ", "nan", "N/A", float("nan")])
def test_a_blank_cell_is_blank_however_it_is_written(blank: object) -> None:
    assert problems(SOUND | {"tp": blank}) == []
    assert problems(SOUND | {"engine": blank}) == ["engine is missing"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": ""}, "model is missing"),
        ({"input_tokens": ""}, "input_tokens is missing"),
        ({"input_tokens": "many"}, "input_tokens must be a number from 1 up to 100,000,000, not 'many'"),
        ({"input_tokens": "0"}, "input_tokens must be a number from 1 up to 100,000,000, not '0'"),
        ({"output_tokens": "1e300"}, "output_tokens must be a number from 1 up to 100,000,000, not '1e300'"),
        ({"tp": "1.5"}, "tp must be a whole number from 1 up to 65,536, not '1.5'"),
        ({"pp": "-1"}, "pp must be a whole number from 1 up to 65,536, not '-1'"),
        ({"ep": "8", "tp": "4"}, "ep is more than the ranks there are, tp × dp"),
        ({"concurrency": "0.5"}, "concurrency must be a number from 1 up to 10,000,000, not '0.5'"),
        ({"concurrency": "inf"}, "concurrency must be a number from 1 up to 10,000,000, not 'inf'"),
        ({"concurrency": ""}, "neither concurrency nor request_rate is given"),
        ({"request_rate": "3"}, "concurrency and request_rate are both given, keep one"),
        ({"length_ratio_min": "1.2"}, "length_ratio_min must be a number above 0 and up to 1, not '1.2'"),
        ({"ttft_ms": "0"}, "ttft_ms must be a number above 0 and up to 1,000,000,000, not '0'"),
        ({"mode": "split"}, "mode must be agg or disagg, not 'split'"),
        ({"prefill_workers": "2"}, "prefill_workers is given, but mode is agg"),
        ({"decode_tp": "4"}, "decode_tp is given, but mode is agg"),
    ],
)
def test_one_mistake_is_one_sentence(change: dict[str, str], sentence: str) -> None:
    assert problems(SOUND | change) == [sentence]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prefill_workers": ""}, "prefill_workers is missing, mode disagg needs it"),
        ({"tp": "8"}, "tp is for mode agg, disagg takes prefill_tp and decode's"),
        ({"decode_ep": "8"}, "decode_ep is more than the ranks there are, decode_tp × decode_dp"),
    ],
)
def test_disaggregated_rows_have_rules_of_their_own(change: dict[str, str], sentence: str) -> None:
    assert problems(APART | change) == [sentence]


def test_an_infinite_rate_is_no_rate() -> None:
    """Load generators write it where concurrency alone limits the load."""
    assert problems(SOUND | {"request_rate": "inf"}) == []
    assert problems(SOUND | {"request_rate": "inf", "concurrency": ""}) == ["neither concurrency nor request_rate is given"]


def test_every_mistake_of_a_row_is_told_and_other_rows_stay_sound() -> None:
    made = table(SOUND, SOUND | {"model": "", "tp": "x", "concurrency": ""}, SOUND)
    assert [len(sentences(text)) for text in made[PROBLEM]] == [0, 3, 0]


def test_messages_speak_the_users_language() -> None:
    made = normalize(pd.DataFrame([SOUND | {"tp": "0", "model": ""}]), label=lambda name: f"--{name}")
    assert sentences(made[PROBLEM][0]) == ["--model is missing", "--tp must be a whole number from 1 up to 65,536, not '0'"]


def test_categories_numbers_and_texts_read_alike_and_the_index_is_kept() -> None:
    frame = pd.DataFrame([SOUND, SOUND | {"concurrency": "16"}], index=[7, 3])
    numbers = frame.assign(concurrency=[8, 16.0], input_tokens=[1000, 1000])
    expected = normalize(frame)
    assert list(expected.index) == [7, 3]
    pd.testing.assert_frame_equal(normalize(frame.astype("category")), expected)
    pd.testing.assert_frame_equal(normalize(numbers), expected)


def test_no_rows_make_an_empty_table() -> None:
    assert len(normalize(pd.DataFrame({"model": []}, dtype=object))) == 0


def test_a_cell_cannot_break_the_message() -> None:
    assert shown("a; b\x1b" + "c" * 100).startswith("'a;b\\x1b")
    assert len(sentences(problems(SOUND | {"tp": "1; 2"})[0])) == 1


def test_a_problem_known_before_stays_first() -> None:
    found = Problems(["known", ""])
    found.add(pd.Series([True, True]).to_numpy(), "new")
    assert list(found.texts) == ["known; new", "new"]
