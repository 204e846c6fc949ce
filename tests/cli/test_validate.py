import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from planner.calibrate.scores import KINDS, STATISTICS
from planner.calibrate.shipped import shipped

Run = Callable[..., Result]

HEADER = "model,accelerator,engine,precision,tp,input_tokens,output_tokens,concurrency,ttft_mean_ms,tpot_mean_ms\n"
ROWS = "".join(
    f"{model},{accelerator},vllm,fp8,{tp},1024,512,{concurrency},{80 + concurrency},{16 / tp + concurrency / 10}\n"
    for model, accelerator in (("meta-llama/Llama-3.1-70B", "h100_sxm"), ("Qwen/Qwen3-32B", "h200_sxm"))
    for tp in (2, 4)
    for concurrency in (1, 8, 64)
)


def predict_table(table: pd.DataFrame, catalog: object) -> pd.DataFrame:
    """Predicts a tenth more than the file of these tests measured."""
    tpot = 1.1 * (16 / table["tp"] + table["concurrency"] / 10)
    made = {"ttft_ms": 1.1 * (80 + table["concurrency"]), "tpot_ms": tpot, "fits": True, "problem": table["problem"]}
    return pd.DataFrame(made, index=table.index)


def cross_validate(points: pd.DataFrame, catalog: object, *, progress: Callable[[str], None]) -> pd.DataFrame:
    """The same, exact when fitted, and worse the more was left out."""
    progress("fitting")
    made = shipped(points, lambda table: predict_table(table, catalog))
    for kind, factor in (("fitted", 1.0), ("without_model", 1.05), ("without_gpu", 1.4)):
        made = made.assign(**{f"{name}_{kind}": factor * made[name] for name in ("ttft_ms", "tpot_ms")})
    return made


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the performance model and its fit, so that these tests are about the command alone."""
    for name, function in (("planner.points.predict", predict_table), ("planner.calibrate.cross", cross_validate)):
        module: Any = ModuleType(name)
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "measured.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_groups_and_bars_are_shown_side_by_side(run: Run, data: Path) -> None:
    result = run("validate", data)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    for words in ("h100-sxm", "Qwen3-32B", "as shipped", "fitted", "model left out", "GPU left out", "TPOT, median error"):
        assert words in result.stdout
    (median,) = [line.split() for line in result.stdout.splitlines() if line.startswith("TPOT, median error")]
    assert "".join(median[3:]) == "≤8%✗10%✓0%✓5%✗40%"
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_a_narrow_terminal_gets_a_table_for_each_metric(run: Run, data: Path) -> None:
    result = run("validate", data, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stdout.count("Coefficients") == 2
    assert result.stdout.count("h100-sxm") == 2


def test_without_fitting_only_what_is_shipped_is_scored(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["planner.calibrate.cross"], "cross_validate")
    result = run("validate", data, "--no-cross")
    assert result.exit_code == 0, result.output
    assert "as shipped" in result.stdout
    assert "fitted" not in result.stdout
    assert "✗ 10 %" in result.stdout


def test_scores_are_written_group_by_group_and_over_all(run: Run, data: Path) -> None:
    out = data.with_name("scores.csv")
    result = run("validate", data, "--csv", out, "--by", "model,tp")
    assert result.exit_code == 0, result.output
    assert result.stderr == f"wrote {out}\n"
    table = pd.read_csv(out)
    assert list(table) == ["model", "tp", "metric", "kind", *STATISTICS]
    assert len(table) == (4 + 1) * 4 * len(KINDS)
    overall = table[table["model"].isna() & (table["kind"] == "without_gpu")].set_index("metric")
    assert overall.loc["tpot", "median"] == pytest.approx(0.4)
    assert overall.loc["tokens", "rank"] == pytest.approx(1.0)
    assert (overall["n"] == 12).all()


def test_by_nothing_is_one_group(run: Run, data: Path) -> None:
    result = run("validate", data, "--by", "")
    assert result.exit_code == 0, result.output
    assert "all points" in result.stdout


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_figures_and_page_are_written_and_repeat(run: Run, data: Path, suffix: str) -> None:
    drawing, page = data.with_name(f"accuracy{suffix}"), data.with_name("accuracy.md")
    names = [f"accuracy{part}{suffix}" for part in ("", "-groups", "-scaling")]
    contents = []
    for _ in range(2 if suffix == ".svg" else 1):  # tests of figures draw both kinds again
        result = run("validate", data, "--figure", drawing, "--page", page)
        assert result.exit_code == 0, result.output
        contents.append([data.with_name(name).read_bytes() for name in names] + [page.read_bytes()])
    assert contents[0] == contents[-1]
    assert result.stderr.splitlines() == [f"wrote {data.with_name(name)}" for name in [*names, "accuracy.md"]]
    text = page.read_text(encoding="utf-8")
    for words in (*names, "from `measured.csv`", "## A published scaling law", "  --figure "):
        assert words in text


def test_other_files_are_scored_apart(run: Run, data: Path) -> None:
    other, page = data.with_name("others.csv"), data.with_name("accuracy.md")
    other.write_text(HEADER + "Qwen/Qwen3-32B,l40s,vllm,fp8,4,128,128,8,1000,4.84\n")
    result = run("validate", data, "--apart", other, "--page", page)
    assert result.exit_code == 0, result.output
    groups, apart = result.stdout.split("Other sources, as shipped")
    assert "l40s" not in groups
    assert "l40s" in apart
    assert "|others.csv|TPOT|l40s|vllm|1|9 %|9 %|100 %|+9 %|–|" in page.read_text(encoding="utf-8")  # 1.1 · 4.8 / 4.84 = 12/11


def test_a_survey_is_scored_apart_and_only_apart(run: Run, data: Path) -> None:
    from planner.points.survey import HEADER as NAMES

    survey, page = data.with_name("survey.csv"), data.with_name("accuracy.md")
    step = {"kind": "decode_step", "gpu": "A10-24GB", "model": "huggyllama/llama-7b", "engine": "tgis", "decode_step_ms": "30"}
    memory = {"kind": "memory", "gpu": "H100-SXM-80GB", "model": "Qwen/Qwen3-32B", "engine": "vllm", "notes": "kv_cache=34.49"}
    common = {"source": "a group", "tp": "2", "pp": "1", "precision_weights": "fp16", "precision_kv": "fp16", "input_len": "128"}
    rows = [dict.fromkeys(NAMES, "") | common | {"output_len": "20"} | row for row in (step, memory, step | {"model": "no/such"})]
    pd.DataFrame(rows).to_csv(survey, index=False)
    result = run("validate", data, "--apart", survey, "--page", page)
    assert result.exit_code == 0, result.output
    assert "left out 1: model 'no/such' is not in the catalogs" in result.stderr
    text = page.read_text(encoding="utf-8")
    assert "|a group|decode step|a10|tgis|1|" in text
    assert "|h100-sxm|vllm|Qwen3-32B|fp16|2|34.5 GiB|" in text
    refused = run("validate", survey)
    assert refused.exit_code == 2
    assert "--apart" in refused.stderr


def test_an_option_fills_what_the_file_does_not_say(run: Run, data: Path) -> None:
    lines = data.read_text().replace(",vllm,", ",,")
    data.write_text(lines)
    refused = run("validate", data)
    assert refused.exit_code == 2
    assert "engine" in refused.stderr
    assert run("validate", data, "--engine", "vllm").exit_code == 0


def test_rows_that_cannot_be_compared_are_named_and_do_not_stop_the_rest(run: Run, data: Path) -> None:
    data.write_text(data.read_text() + "no/such-model,h100_sxm,vllm,fp8,2,1,1,1,1,1\n" * 2)
    result = run("validate", data)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("left out 2: ")
    assert "such-model" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.csv"], "absent.csv"),
        (["measured.csv", "--by", "colour"], "--by: there is no column 'colour'"),
        (["measured.csv", "--figure", "a.pdf"], "use .svg or .png"),
        (["measured.csv", "--figure", "none/a.svg"], "there is no directory"),
        (["measured.csv", "--csv", "measured.csv/a"], "there is no directory"),
        (["measured.csv", "--csv", "."], "cannot write here"),
        (["measured.csv", "--apart", "absent.csv"], "absent.csv"),
        (["bad.csv"], "no row can be compared"),
        (["empty.csv"], "empty.csv"),
        (["bad.json"], "bad.json"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(data.parent)
    Path("bad.csv").write_text(HEADER + "no/such-model,h100_sxm,vllm,fp8,2,1,1,1,1,1\n")
    Path("empty.csv").write_text("")
    Path("bad.json").write_text('{"a": 1}')
    before = sorted(data.parent.iterdir())
    page = ["--page", "page.md"] if "--page" not in arguments else []
    result = run("validate", *arguments, *page)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "→" in result.stderr
    assert result.stdout == ""
    assert sorted(data.parent.iterdir()) == before


def test_mistakes_of_all_files_come_at_once(run: Run, tmp_path: Path) -> None:
    result = run("validate", tmp_path / "a.csv", tmp_path / "b.csv")
    assert result.exit_code == 2
    assert result.stderr.count("error: ") == 2


def test_a_problem_file_is_still_checked(run: Run, problem: Path) -> None:
    result = run("validate", problem)
    assert result.exit_code == 0
    assert "problem.yaml: valid" in result.stdout


@pytest.mark.parametrize("more", [["--no-cross"], ["--engine", "vllm"], ["--csv", "a.csv"], ["measured.csv"]])
def test_a_problem_file_stands_alone(run: Run, problem: Path, more: list[str]) -> None:
    result = run("validate", problem, *more)
    assert result.exit_code == 2
    assert "measurements" in result.stderr


def test_a_hostile_name_does_not_write_to_the_terminal(run: Run, data: Path) -> None:
    data.write_text(data.read_text() + "a\x1b[31mb,h100_sxm,vllm,fp8,2,1,1,1,1,1\n")
    result = run("validate", data, color=True)
    assert result.exit_code == 0
    assert "\x1b[31mb" not in result.output


def test_ranks_say_nothing_over_fewer_than_four_points(run: Run, data: Path) -> None:
    out = data.with_name("scores.csv")
    data.write_text(HEADER + "".join(ROWS.splitlines(keepends=True)[:3]))
    assert run("validate", data, "--csv", out).exit_code == 0
    assert np.isnan(pd.read_csv(out)["rank"]).all()
