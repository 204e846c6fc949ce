"""`planner calibrate` from files to files, on a made-up deployment and on what the README shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from made_deployment import OTHERS, THREE, a_tenth_short, csv_of, measured

from planner.catalog.load import check_files, load_builtin

Run = Callable[..., Result]

README = Path(__file__).parents[2] / "README.md"
ONE = ("llama-3.1-8b", "--on", "h100-sxm", "--engine", "vllm", "--precision", "fp8", "--input", 1024, "--output", 512)
VLLM = {
    "model_id": "llama-3.1-8b",
    "completed": 10,
    "total_input_tokens": 10240,
    "total_output_tokens": 5120,
    "date": "20260301-120000",
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three measured points in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "measured.csv"
    path.write_text(csv_of(measured(THREE)))
    return path


def test_the_overlay_is_a_catalog_and_changes_predictions(run: Run, data: Path) -> None:
    result = run("calibrate", "measured.csv", "-o", "own.yaml", "--as-of", "2026-03", "--source", "rack 7")
    assert result.exit_code == 0, result.output
    assert run("catalog", "validate", "own.yaml").exit_code == 0
    catalog = check_files(["own.yaml"])
    new = [row for name, row in catalog.factors.items() if name.startswith("own/")]
    assert new
    assert {(row.source, row.as_of, row.status) for row in new} == {("rack 7", "2026-03", "fitted")}
    assert catalog.evidence["own/h100-sxm/vllm/fp8"].points == 3
    assert set(load_builtin().factors) < set(catalog.factors)
    seen = measured([(1024, 512, 32)])["tpot_ms"][0]
    load = (*ONE, "--concurrency", 32, "--json")
    before, after = (
        json.loads(run("predict", *load, *more).stdout)["prediction"]["tpot_ms"] for more in ((), ("--catalog", "own.yaml"))
    )
    assert abs(after / seen - 1) < abs(before / seen - 1) / 2


def test_what_was_found_is_said_with_how_to_use_it(run: Run, data: Path) -> None:
    result = run("calibrate", "measured.csv", "-o", "own.yaml")
    assert result.exit_code == 0, result.output
    for words in (
        "fitted to these points",
        "too few points",
        "Llama-3.1-8B-Instruct",
        "host_per_layer",
        "h100-sxm vllm fp8",
    ):
        assert words in result.stdout
    assert "\ncatalogs:\n  files: [own.yaml]\n" in result.stdout
    assert "--catalog own.yaml" in result.stdout
    assert result.stderr == "wrote own.yaml\n"
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_a_narrow_terminal_gets_a_table_for_each_metric(run: Run, data: Path) -> None:
    result = run("calibrate", "measured.csv", "-o", "own.yaml", env={"COLUMNS": "70"})
    assert result.exit_code == 0, result.output
    assert result.stdout.count("Group") == 2
    assert max(map(len, result.stdout.splitlines())) <= 70


def test_enough_points_are_checked_against_each_other(run: Run, data: Path) -> None:
    data.write_text(csv_of(measured([*THREE, *OTHERS])))
    result = run("calibrate", "measured.csv", "-o", "own.yaml")
    assert result.exit_code == 0, result.output
    assert "held out" in result.stdout
    assert "by a fit without the points of its deployment and lengths" in " ".join(result.stdout.split())


def test_points_that_contradict_each_other_are_warned_of(run: Run, data: Path) -> None:
    """Two shapes of calls take twice as long as predicted, two half as long: what is held out is predicted worse than before."""
    table = measured([(length, 256, clients) for length in (256, 512, 1024, 2048) for clients in (1, 32)])
    ratio = table["input_tokens"].isin([256, 2048]).map({True: 2.0, False: 1 / 2.0})
    data.write_text(csv_of(table.assign(tpot_ms=table["tpot_ms"] * ratio, ttft_ms=table["ttft_ms"] * ratio)))
    result = run("calibrate", "measured.csv", "-o", "own.yaml")
    assert result.exit_code == 0, result.output
    assert "do not help to predict each other" in result.stderr


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_points_give_the_same_files(run: Run, data: Path, suffix: str) -> None:
    made = []
    for _ in range(2 if suffix == ".svg" else 1):  # tests of figures draw both kinds again
        result = run("calibrate", "measured.csv", "-o", "own.yaml", "--figure", f"fit{suffix}")
        assert result.exit_code == 0, result.output
        made.append((Path("own.yaml").read_bytes(), Path(f"fit{suffix}").read_bytes()))
    assert made[0] == made[-1]
    assert result.stderr == f"wrote own.yaml\nwrote fit{suffix}\n"
    if suffix == ".svg":
        assert {"as shipped", "fitted"} <= set(re.findall(r"<!-- (.*?) -->", Path("fit.svg").read_text(encoding="utf-8")))


def test_few_points_and_far_factors_are_warned_of(run: Run, data: Path) -> None:
    table = measured(THREE[:2])
    data.write_text(csv_of(table.assign(tpot_ms=4 * table["tpot_ms"])))
    result = run("calibrate", "measured.csv", "-o", "own.yaml")
    assert result.exit_code == 0, result.output
    assert "warning: 2 points tell little" in result.stderr
    assert "spreads from what was believed; labels or settings may differ from what was said" in result.stderr


def test_options_say_what_a_result_does_not(run: Run, data: Path) -> None:
    Path("result.json").write_text(json.dumps(VLLM | {"max_concurrency": 8, "mean_ttft_ms": 90.0, "mean_tpot_ms": 8.0}))
    refused = run("calibrate", "result.json", "-o", "own.yaml")
    assert refused.exit_code == 2
    assert "tp is not in the file, give --tp" in refused.stderr
    flags = ("--accelerator", "h100-sxm", "--engine", "vllm", "--precision", "fp8", "--tp", 1)
    result = run("calibrate", "result.json", "measured.csv", "-o", "own.yaml", *flags)
    assert result.exit_code == 0, result.output
    row = check_files(["own.yaml"]).evidence["own/h100-sxm/vllm/fp8"]
    assert (row.points, row.as_of, row.source) == (4, "2026-03", "result.json, measured.csv")


def test_rows_left_out_are_told(run: Run, data: Path) -> None:
    data.write_text(data.read_text() + "no/such-model,h100-sxm,vllm,fp8,1,1,1,1,1,1\n")
    result = run("calibrate", "measured.csv", "-o", "own.yaml")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("left out 1: model 'no/such-model' is not in the catalogs")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.csv", "-o", "own.yaml"], "absent.csv"),
        (["bad.csv", "-o", "own.yaml"], "1 row left out: model 'no/such-model'"),
        (["measured.csv", "bad.json", "-o", "own.yaml"], "bad.json"),
        (["measured.csv", "-o", "own.yaml", "--catalog", "absent.yaml"], "absent.yaml"),
        (["measured.csv", "-o", "none/own.yaml"], "there is no directory"),
        (["measured.csv", "-o", "."], "cannot write here"),
        (["measured.csv", "-o", "measured.csv", "--force"], "overwrite a file that is read"),
        (["measured.csv", "-o", "notes.txt"], "--force"),
        (["measured.csv", "-o", "own.yaml", "--figure", "fit.pdf"], "use .svg or .png"),
        (["measured.csv", "-o", "own.svg", "--figure", "own.svg"], "the figure would overwrite the overlay"),
        (["measured.csv", "-o", "own.yaml", "--as-of", "2026-13"], "'2026-13' is no month"),
        (["measured.csv", "-o", "own.yaml", "--source", " "], "--source is empty"),
        (["measured.csv", "-o", "own.yaml", "--name", "my own"], "cannot start the names of rows"),
        (["measured.csv", "-o", "own.yaml", "--name", "shared"], "rows named shared/"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(run: Run, data: Path, arguments: list[str], words: str) -> None:
    Path("bad.csv").write_text(csv_of(measured(THREE[:1], tp=2).assign(model="no/such-model")))
    Path("bad.json").write_text('{"a": 1}')
    Path("notes.txt").write_text("keep me")
    before = {path.name: path.read_bytes() for path in data.parent.iterdir()}
    result = run("calibrate", *arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "→" in result.stderr
    assert result.stdout == ""
    assert {path.name: path.read_bytes() for path in data.parent.iterdir()} == before


def test_its_own_files_are_written_over_and_others_by_force(run: Run, data: Path) -> None:
    Path("own.yaml").write_text("keep me")
    assert run("calibrate", "measured.csv", "-o", "own.yaml", "--force").exit_code == 0
    assert run("calibrate", "measured.csv", "-o", "own.yaml").exit_code == 0


def test_an_overlay_on_an_overlay_names_both(run: Run, data: Path) -> None:
    assert run("calibrate", "measured.csv", "-o", "own.yaml").exit_code == 0
    result = run("calibrate", "measured.csv", "-o", "more.yaml", "--catalog", "own.yaml", "--name", "more")
    assert result.exit_code == 0, result.output
    assert "files: [own.yaml, more.yaml]" in result.stdout
    assert run("catalog", "validate", "own.yaml", "more.yaml").exit_code == 0


def test_shared_factors_take_the_place_of_the_shipped_ones(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.calibrate.own.cross_validate", a_tenth_short)
    result = run("calibrate", "--shared", "measured.csv", "-o", "calibration.yaml", "--as-of", "2026-03", "--figure", "fit.svg")
    assert result.exit_code == 0, result.output
    assert "model left out" in result.stdout
    assert "takes the place of catalogs/calibration.yaml" in result.stdout
    catalog = check_files(["calibration.yaml"])
    assert catalog.factors["shared/host_per_sequence/engine:vllm"].source == "measured.csv"
    assert catalog.evidence["shared/any"].tpot.p50 == 1.1


def test_the_readme_shows_what_works(run: Run, data: Path) -> None:
    """Its measurements are measured.csv, and every command of the section runs."""
    section = README.read_text(encoding="utf-8").split("<!-- measured -->")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    data.write_text("".join(body for language, body in blocks if language == "csv"))
    commands = [line for language, body in blocks if language == "bash" for line in body.splitlines()]
    words = [shlex.split(command, comments=True) for command in commands]
    assert [(line[0], line[1]) for line in words] == [
        (".venv/bin/planner", name) for name in ("predict", "validate", "calibrate")
    ]
    for line in words:
        result = run(*line[1:])
        assert result.exit_code == 0, result.output
        assert "warning" not in result.stderr
    assert run("predict", *words[0][2:], "--catalog", "own.yaml").exit_code == 0


def test_json_tells_what_was_fitted_from_what_was_held_out(run: Run, data: Path) -> None:
    data.write_text(csv_of(measured([*THREE, *OTHERS])))
    result = run("calibrate", "measured.csv", "-o", "own.yaml", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["version"], said["name"], said["points"], said["left_out"]) == (
        "calibrate/v1",
        "own",
        len(THREE) + len(OTHERS),
        [],
    )
    assert said["held_out"]
    whole = {(row["metric"], row["kind"]): row for row in said["scores"] if row["model"] is None}
    assert set(whole) == {(metric, kind) for metric in ("tpot", "ttft") for kind in ("shipped", "fitted", "held_out")}
    assert whole["tpot", "fitted"]["median"] < whole["tpot", "held_out"]["median"] < whole["tpot", "shipped"]["median"]
    assert said["factors"][0]["coefficients"]
    assert [(one["path"], one["kind"]) for one in said["files"]] == [("own.yaml", "overlay")]
