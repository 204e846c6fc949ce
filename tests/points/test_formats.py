"""Results of benchmark tools, in the shapes their documents and sources give; the numbers are made up."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from planner.errors import InvalidInput
from planner.points.columns import COLUMNS, OUTPUTS, PROBLEM
from planner.points.csvfile import PREDICTED
from planner.points.formats import read_measured
from planner.points.record import dig, in_flight, load, number, text
from planner.points.table import sentences

FLAGS = {"accelerator": "h100-sxm", "engine": "vllm", "precision": "bf16", "tp": 2}

VLLM: dict[str, Any] = {
    "date": "20250801-120000",
    "backend": "openai",
    "model_id": "Qwen/Qwen3-32B",
    "num_prompts": 320,
    "request_rate": "inf",
    "burstiness": 1.0,
    "max_concurrency": 32,
    "duration": 100.0,
    "completed": 320,
    "total_input_tokens": 327680,
    "total_output_tokens": 163840,
    "request_throughput": 3.2,
    "mean_ttft_ms": 250.5,
    "mean_tpot_ms": 18.25,
    "mean_itl_ms": 18.4,
}


def _spread(mean: float) -> dict[str, Any]:
    return {"successful": {"mean": mean, "median": mean}, "errored": {"mean": 9e9}, "total": {"mean": 9e9}}


def _stage(strategy: dict[str, Any]) -> dict[str, Any]:
    return {
        "config": {"strategy": strategy, "backend": {"model": "Qwen/Qwen3-32B"}},
        "metrics": {
            "request_concurrency": _spread(7.5),
            "prompt_token_count": _spread(1024.0),
            "output_token_count": _spread(512.0),
            "time_to_first_token_ms": _spread(120.0),
            "time_per_output_token_ms": _spread(21.0),
            "inter_token_latency_ms": _spread(20.0),
        },
    }


GUIDELLM: dict[str, Any] = {
    "args": {"model": "Qwen/Qwen3-32B"},
    "benchmarks": [
        _stage({"type_": "synchronous"}),
        _stage({"type_": "concurrent", "streams": 16}),
        _stage({"type_": "throughput", "max_concurrency": 512}),
        _stage({"type_": "poisson", "rate": 2.5, "max_concurrency": 10240}),
    ],
}

AIPERF: dict[str, Any] = {
    "schema_version": "1.3",
    "request_throughput": {"unit": "requests/sec", "avg": 3.2},
    "time_to_first_token": {"unit": "ms", "avg": 250.5, "p50": 240.0},
    "inter_token_latency": {"unit": "ms", "avg": 18.25, "p50": 18.0},
    "input_sequence_length": {"unit": "tokens", "avg": 1024.0},
    "output_sequence_length": {"unit": "tokens", "avg": 512.0},
    "was_cancelled": False,
    "input_config": {
        "models": {"items": [{"name": "Qwen/Qwen3-32B"}]},
        "phases": [
            {"name": "warmup", "type": "concurrency", "exclude_from_results": True, "concurrency": 4},
            {"name": "profiling", "type": "concurrency", "concurrency": 32},
        ],
    },
}

CSV = (
    "model,accelerator,engine,precision,tp,input_tokens,output_tokens,concurrency,ttft_mean_ms,tpot_mean_ms\n"
    "qwen3-32b,h100-sxm,vllm,bf16,2,1024,512,32,250.5,18.25\n"
)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Writes a result to a file and reads it."""

    def call(content: object, **flags: object) -> pd.DataFrame:
        path = tmp_path / "result"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return read_measured(path, flags)

    return call


Read = Callable[..., pd.DataFrame]


@pytest.mark.parametrize("content", [VLLM, AIPERF, CSV], ids=["vllm", "aiperf", "csv"])
def test_the_same_run_reads_alike_whoever_wrote_it(read: Read, content: object) -> None:
    made = read(content, **FLAGS)
    assert list(made) == [*(column.name for column in COLUMNS), PROBLEM]
    row = made.iloc[0]
    assert row[PROBLEM] == ""
    assert (row["accelerator"], row["engine"], row["precision"], row["tp"]) == ("h100-sxm", "vllm", "bf16", 2)
    figures = [row[name] for name in ("input_tokens", "output_tokens", "concurrency", "ttft_ms", "tpot_ms")]
    assert figures == [1024, 512, 32, 250.5, 18.25]
    assert pd.isna(row["request_rate"])
    assert row["model"] in ("Qwen/Qwen3-32B", "qwen3-32b")
    assert row["source"].endswith("result row 1")


def test_guidellm_stages(read: Read) -> None:
    made = read(GUIDELLM, **FLAGS)
    assert list(made[PROBLEM]) == [""] * 4
    assert list(made["concurrency"][:3]) == [1, 16, 7.5]
    assert made["request_rate"][3] == 2.5
    assert pd.isna(made["concurrency"][3])
    assert list(made["tpot_ms"]) == [20.0] * 4, "the first token is left out"
    assert list(made["ttft_ms"]) == [120.0] * 4, "of successful requests only"


@pytest.mark.parametrize(
    "report",
    [
        {"config": {"spec": {"backend": {"model": "new"}}}, "benchmarks": [{"config": {"strategy": {"type_": "synchronous"}}}]},
        {"args": {"model": "new"}, "benchmarks": [{"config": {"strategy": {"type_": "synchronous"}}}]},
        {"benchmarks": [{"worker": {"backend_model": "new"}, "args": {"strategy": {"type_": "synchronous"}}}]},
    ],
    ids=["0.7", "0.6", "0.3"],
)
def test_guidellm_versions(read: Read, report: dict[str, Any]) -> None:
    report = copy.deepcopy(report)
    report["benchmarks"][0]["metrics"] = GUIDELLM["benchmarks"][0]["metrics"]
    row = read(report, **FLAGS).iloc[0]
    assert (row["model"], row["concurrency"], row[PROBLEM]) == ("new", 1, "")


@pytest.mark.parametrize(
    "config",
    [
        {"model": ["gpt"], "concurrency": 32, "request_rate": None},
        {"model": "gpt", "perf_analyzer": {"stimulus": {"concurrency": 32}}},
        {"endpoint": {"model_names": ["gpt"]}, "loadgen": {"concurrency": 32}},
    ],
    ids=["genai-perf", "genai-perf nested", "aiperf 0.3"],
)
def test_genai_perf_versions(read: Read, config: dict[str, Any]) -> None:
    row = read(AIPERF | {"input_config": config}, **FLAGS).iloc[0]
    assert (row["model"], row["concurrency"], row[PROBLEM]) == ("gpt", 32, "")


def test_genai_perf_units_are_obeyed(read: Read) -> None:
    row = read(AIPERF | {"time_to_first_token": {"unit": "sec", "avg": 0.2505}}, **FLAGS).iloc[0]
    assert row["ttft_ms"] == pytest.approx(250.5)


def test_a_poisson_phase_is_an_arrival_rate(read: Read) -> None:
    config = {"models": {"items": [{"name": "gpt"}]}, "phases": [{"name": "profiling", "type": "poisson", "rate": 1.5}]}
    row = read(AIPERF | {"input_config": config}, **FLAGS).iloc[0]
    assert row["request_rate"] == 1.5
    assert pd.isna(row["concurrency"])


def test_a_cancelled_run_is_refused(read: Read) -> None:
    assert "the run was cancelled" in read(AIPERF | {"was_cancelled": True}, **FLAGS)[PROBLEM][0]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({}, ["accelerator", "engine", "precision", "tp"]),
        ({"accelerator": "h100-sxm", "engine": "vllm", "precision": "bf16"}, ["tp"]),
        ({"accelerator": "h100-sxm", "engine": None, "precision": "bf16", "tp": 1}, ["engine"]),
    ],
)
@pytest.mark.parametrize("content", [VLLM, AIPERF, GUIDELLM], ids=["vllm", "aiperf", "guidellm"])
def test_what_no_file_says_names_its_flag(read: Read, content: object, flags: dict[str, Any], told: list[str]) -> None:
    expected = [f"{name} is not in the file, give --{name}" for name in told]
    assert sentences(read(content, **flags)[PROBLEM][0]) == expected


def test_metadata_of_a_vllm_run_is_read_and_flags_fill_what_is_left(read: Read) -> None:
    row = read(VLLM | {"tp": "4", "accelerator": "gb200", "dp": [1], "note": "x"}, **FLAGS).iloc[0]
    assert (row["tp"], row["accelerator"], row["dp"], row["engine"]) == (4, "gb200", 1, "vllm")


def test_the_backend_of_a_vllm_result_is_not_the_engine(read: Read) -> None:
    made = read(VLLM | {"backend": "vllm"}, **(FLAGS | {"engine": None}))
    assert "give --engine" in made[PROBLEM][0]


def test_a_model_named_by_flag_replaces_the_name_it_was_served_under(read: Read) -> None:
    assert read(VLLM | {"model_id": "prod-chat"}, **FLAGS, model="qwen3-32b")["model"][0] == "qwen3-32b"
    assert read(CSV, model="gpt-oss-20b")["model"][0] == "qwen3-32b"


def test_runs_on_lines_of_their_own_and_in_a_list(read: Read) -> None:
    lines = "\n".join(json.dumps(VLLM | {"max_concurrency": clients}) for clients in (8, 16))
    assert list(read(lines, **FLAGS)["concurrency"]) == [8, 16]
    assert list(read([VLLM, AIPERF], **FLAGS)["concurrency"]) == [32, 32]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"completed": 0}, "no request completed"),
        ({"max_concurrency": None}, "neither concurrency nor request_rate is given"),
        ({"mean_ttft_ms": 0.0}, "ttft_ms must be a number above 0"),
        ({"mean_ttft_ms": None, "mean_tpot_ms": None}, "neither ttft_ms nor tpot_ms was measured"),
        ({"mean_ttft_ms": "fast", "mean_tpot_ms": True}, "neither ttft_ms nor tpot_ms was measured"),
        ({"total_input_tokens": -5}, "input_tokens must be a number from 1"),
    ],
)
def test_results_that_say_nothing_usable_say_so(read: Read, change: dict[str, Any], words: str) -> None:
    assert words in read(VLLM | change, **FLAGS)[PROBLEM][0]


def test_a_run_of_single_tokens_has_no_time_per_token(read: Read) -> None:
    row = read(VLLM | {"mean_tpot_ms": 0.0, "total_output_tokens": 320}, **FLAGS).iloc[0]
    assert row[PROBLEM] == ""
    assert pd.isna(row["tpot_ms"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "no result of a known benchmark tool"),
        ("[]", "no result of a known benchmark tool"),
        ('{"experiments": []}', "not records of single requests"),
        ('{"benchmarks": []}', "no result of a known benchmark tool"),
        ('{"completed": 1', "not JSON"),
        ('{"a": 1}\n{"b"}\n', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("hello", "a header line and no points"),
        ("a,b\n1,2\n", "the header has no columns model"),
    ],
)
def test_other_files_are_refused_with_reasons(read: Read, content: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(content)
    assert words in str(caught.value)


def test_flags_fill_blanks_of_a_csv_and_missing_columns(read: Read) -> None:
    made = read(
        "model,tp,input_tokens,output_tokens,concurrency,request_rate,ttft_mean_ms\nqwen3-32b,,10,10,,2,5\nqwen3-32b,4,10,10,,,5\n",
        **FLAGS,
        concurrency=7,
    )
    assert list(made[PROBLEM]) == ["", ""]
    assert list(made["tp"]) == [2, 4]
    assert list(made["engine"]) == ["vllm", "vllm"]
    assert made["request_rate"][0] == 2
    assert pd.isna(made["concurrency"][0])
    assert made["concurrency"][1] == 7


def test_a_csv_of_predictions_is_no_measurement(read: Read) -> None:
    header = "model,accelerator,engine,precision,input_tokens,output_tokens,concurrency"
    added = ",".join(PREDICTED)
    numbers = ",".join("1" for output in OUTPUTS if output.decimals is not None)
    made = read(f"{header},{added}\nqwen3-32b,h100-sxm,vllm,bf16,10,10,1,{numbers},true,false,\n")
    assert made[PROBLEM][0] == "neither ttft_ms nor tpot_ms was measured"


@pytest.mark.parametrize(
    ("at_once", "kept"),
    [(31.5, {"concurrency": 32.0, "request_rate": None}), (10.0, {"concurrency": None, "request_rate": 4.0})],
)
def test_of_a_rate_and_a_cap_the_one_that_counted_is_kept(at_once: float, kept: dict[str, Any]) -> None:
    assert load(4.0, 32.0, at_once) == kept


def test_where_it_cannot_be_told_both_stay_and_the_row_is_refused(read: Read) -> None:
    """N = 3 requests/s · (250 ms + 511 · 18.25 ms) = 28.7 of 40: neither at the cap nor far from it."""
    assert in_flight(3.0, 250.0, 18.25, 512.0) == pytest.approx(28.7, abs=0.1)
    made = read(VLLM | {"request_rate": 3.5, "request_throughput": 3.0, "max_concurrency": 40}, **FLAGS)
    assert made[PROBLEM][0] == "concurrency and request_rate are both given, keep one"


def test_plain_values() -> None:
    assert dig({"a": [{"b": 1}]}, "a", 0, "b") == 1
    assert dig({"a": [{"b": 1}]}, "a", 1, "b") is None
    assert dig([], "a") is None
    assert [number(value) for value in ("7", 7, True, None, "inf", float("nan"), 10**400, [1])] == [7, 7, *[None] * 6]
    assert [text(value) for value in (" a ", ["b"], ["b", "c"], "", 3)] == ["a", "b", None, None, None]
