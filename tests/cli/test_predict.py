"""`planner predict`, with the prediction itself put aside: what reaches it and what becomes of its answer."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from click.testing import Result

from planner.points.columns import OUTPUTS, PROBLEM

Run = Callable[..., Result]
ONE = ("llama-3.1-8b", "--on", "H100_SXM", "--engine", "vLLM", "--precision", "fp8")
LOAD = ("--input", "1024", "--output", "512", "--concurrency", "32")
FIGURES = {output.name: 12.5 if output.decimals is not None else True for output in OUTPUTS}
HEADER = "model,accelerator,engine,precision,tp,input_tokens,output_tokens,concurrency,note"
ROWS = (
    "llama-3.1-8b,h100_sxm,vllm,fp8,1,1024,512,32,good",
    "llama-9,h100_sxm,vllm,fp8,1,1024,512,32,bad name",
    "llama-3.1-8b,h100_sxm,vllm,fp8,0,1024,512,32,bad degree",
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """Puts a prediction in place that answers the same for every sound row, and keeps the tables it was given."""
    tables: list[pd.DataFrame] = []

    def predict_table(table: pd.DataFrame, catalog: Any) -> pd.DataFrame:
        assert "meta-llama/Llama-3.1-8B-Instruct" in catalog.models
        tables.append(table)
        sound = table[PROBLEM] == ""
        made = {name: pd.Series([value] * len(table), table.index, dtype=object).where(sound) for name, value in FIGURES.items()}
        return pd.DataFrame({**made, PROBLEM: table[PROBLEM]})

    module: Any = ModuleType("planner.points.predict")
    module.predict_table = predict_table
    monkeypatch.setitem(sys.modules, "planner.points.predict", module)
    return tables


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("\n".join((HEADER, *ROWS, "")), encoding="utf-8")
    return path


def test_one_deployment_is_printed_with_units_and_what_was_assumed(run: Run, seen: list[pd.DataFrame]) -> None:
    result = run("predict", *ONE, *LOAD, "--tp", "2")
    assert result.exit_code == 0, result.output
    assert "meta-llama/Llama-3.1-8B-Instruct on 2 × h100-sxm" in result.output
    assert "1024 → 512 tokens, 32 clients" in result.output
    for output in OUTPUTS:
        assert output.name in result.output
    assert "12.5" in result.output
    assert "yes" in result.output
    assert "assumed: kv_precision kv-fp8, mode agg, pp 1, dp 1, ep 1, length_ratio_min 1" in " ".join(result.output.split())
    assert seen[0]["tp"][0] == 2


def test_json_is_the_point_and_its_figures(run: Run, seen: list[pd.DataFrame]) -> None:
    result = run("predict", *ONE, *LOAD, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["prediction"] == FIGURES
    assert said["point"]["accelerator"] == "h100-sxm"
    assert said["gpus"] == 1
    assert "tp" in said["assumed"]
    assert "request_rate" not in said["point"]


def test_a_disaggregated_deployment(run: Run, seen: list[pd.DataFrame]) -> None:
    workers = ("--prefill-workers", 2, "--prefill-tp", 4, "--decode-workers", 1, "--decode-tp", 8, "--mode", "disagg")
    result = run("predict", *ONE, *LOAD[:4], "--request-rate", "2.5", *workers)
    assert result.exit_code == 0, result.output
    assert "on 16 × h100-sxm" in result.output
    assert "2.5 requests/s" in result.output
    assert seen[0]["decode_tp"][0] == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("MODEL is missing", "--on is missing", "--input is missing", "neither --concurrency nor --request-rate is given")),
        ((*ONE, *LOAD, "--tp", "0"), ("--tp must be a whole number from 1 up to 65,536, not '0'",)),
        ((*ONE, *LOAD, "--request-rate", "1"), ("--concurrency and --request-rate are both given, keep one",)),
        (("llama-9", *ONE[1:], *LOAD), ("model 'llama-9' is not in the catalogs", "near: llama")),
    ],
)
def test_every_mistake_of_one_deployment_is_told(
    run: Run, seen: list[pd.DataFrame], arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    result = run("predict", *arguments)
    assert result.exit_code == 2
    assert seen == []
    for told in words:
        assert told in result.stderr


def test_what_the_prediction_refuses_is_told_too(run: Run, seen: list[pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(table: pd.DataFrame, catalog: Any) -> pd.DataFrame:
        return pd.DataFrame({PROBLEM: ["too slow; too large"]}, index=table.index)

    monkeypatch.setattr(sys.modules["planner.points.predict"], "predict_table", refuse)
    result = run("predict", *ONE, *LOAD)
    assert result.exit_code == 2
    assert "2 mistakes found" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--csv", "in.csv"), "--csv and --out go together"),
        (("--out", "out.csv"), "--csv and --out go together"),
        (("--csv", "in.csv", "--out", "out.csv", "--tp", "2"), "--tp is for a single deployment"),
        (("qwen3-32b", "--csv", "in.csv", "--out", "out.csv"), "MODEL is for a single deployment"),
    ],
)
def test_the_two_ways_do_not_mix(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run("predict", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_file_keeps_its_rows_and_gains_columns(run: Run, seen: list[pd.DataFrame], points: Path) -> None:
    target = points.parent / "out" / "out.csv"
    result = run("predict", "--csv", points, "--out", target, "--progress")
    assert result.exit_code == 0, result.output
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"{HEADER},{','.join(FIGURES)},{PROBLEM}"
    assert all(line.startswith(row) for line, row in zip(lines[1:], ROWS, strict=True))
    made = pd.read_csv(target, dtype=str, keep_default_na=False)
    assert list(made["ttft_ms"]) == ["12.500", "", ""]
    assert list(made["fits"]) == ["true", "", ""]
    assert made[PROBLEM][0] == ""
    assert "'llama-9' is not in the catalogs" in made[PROBLEM][1]
    assert made[PROBLEM][2] == "tp must be a whole number from 1 up to 65,536, not '0'"
    assert "3 rows, 2 of them without a prediction" in result.stderr
    assert "3 of 3 rows" in result.stderr
    assert result.stdout == ""


def test_rows_are_predicted_in_pieces(run: Run, seen: list[pd.DataFrame], points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.cli.predict.CHUNK", 2)
    target = points.parent / "out.csv"
    assert run("predict", "--csv", points, "--out", target).exit_code == 0
    assert [len(table) for table in seen] == [2, 1]
    assert len(pd.read_csv(target)) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("model,tp\nx,1\n", "has no columns accelerator"),
        (f"{HEADER},ttft_ms\n{ROWS[0]},1\n", "ttft_mean_ms"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_is_written(
    run: Run, seen: list[pd.DataFrame], tmp_path: Path, content: str, words: str
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(content, encoding="utf-8")
    result = run("predict", "--csv", source, "--out", target)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not target.exists()
    assert seen == []


def test_the_input_is_not_overwritten_nor_a_folder(run: Run, seen: list[pd.DataFrame], points: Path) -> None:
    before = points.read_text(encoding="utf-8")
    assert run("predict", "--csv", points, "--out", points).exit_code == 2
    assert run("predict", "--csv", points, "--out", points.parent).exit_code == 2
    assert points.read_text(encoding="utf-8") == before


def test_a_misspelt_column_is_warned_of(run: Run, seen: list[pd.DataFrame], tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"{HEADER},kv_precison\n{ROWS[0]},fp8\n", encoding="utf-8")
    result = run("predict", "--csv", source, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0
    assert "did you mean 'kv_precision'?" in result.stderr


def test_a_catalog_of_ones_own(run: Run, seen: list[pd.DataFrame], tmp_path: Path) -> None:
    assert run("predict", *ONE, *LOAD, "--catalog", tmp_path / "gone.yaml").exit_code == 2
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "kv_precisions:\n  kv-mine: {bits: 3, source: test, as_of: 2025-01}\n",
        encoding="utf-8",
    )
    result = run("predict", *ONE, *LOAD, "--catalog", mine, "--kv-precision", "kv-mine")
    assert result.exit_code == 0, result.output
    assert seen[0]["kv_precision"][0] == "kv-mine"


def test_help_tells_the_columns_and_shows_both_ways(run: Run) -> None:
    said = run("predict", "--help").output
    for name in ("input_tokens", "prefill_workers", *FIGURES, PROBLEM):
        assert name in said
    assert "planner predict --csv points.csv --out predicted.csv" in said


def test_json_says_what_was_written_and_what_was_not_predicted(run: Run, tmp_path: Path) -> None:
    text = "model,accelerator,engine,precision,input_tokens,output_tokens,concurrency\n"
    text += "".join(f"{model},h100-sxm,vllm,fp8,1024,512,32\n" for model in ("llama-3.1-8b", "no-such-model"))
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text, encoding="utf-8")
    result = run("predict", "--csv", source, "--out", target, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["version"], said["rows"], said["predicted"]) == ("predictions/v1", 2, 1)
    ((problem, count),) = said["problems"].items()
    assert "no-such-model" in problem
    assert count == 1
    assert said["files"][0]["path"] == str(target)
