"""What a fit found, written down as catalog rows and read back, predicts what the fit does."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from made_points import points as made_points
from synthetic import bare, grid, measured_in, table, world

from planner.calibrate.effects import CELL, OWN, SHARED, Effect
from planner.calibrate.fit import fit, points_of
from planner.calibrate.overlay import UNCHANGED, as_yaml, evidence_rows, factor_rows
from planner.catalog.evidence import evidence_for, pessimism
from planner.catalog.load import load_builtin, load_catalog
from planner.domain.catalog import Catalog
from planner.domain.engine import Evidence, Factor, Ratios
from planner.domain.problem import CatalogUse
from planner.errors import MissingFact
from planner.points.predict import predict_table

CATALOG = bare()
SOURCE = {"source": "test", "as_of": "2026-01"}
MIXTURE = {"model": "deepseek-ai/DeepSeek-V3", "accelerator": "h200-sxm", "engine": "sglang", "precision": "fp8-block", "tp": 8}
APART = {"mode": "disagg", "prefill_workers": 1, "decode_workers": 2}


def loaded(rows, catalog=CATALOG):
    return catalog.model_copy(update={"factors": {name: Factor.model_validate(row) for name, row in rows.items()}})


@pytest.fixture(scope="module")
def found():
    """A fit to points of three kinds, far enough from belief that no factor is dropped for being near 1."""
    rows = table(
        {}, {"concurrency": 64}, MIXTURE, MIXTURE | {"concurrency": 64}, APART, {"accelerator": "b200-sxm", "engine": "trtllm"}
    )
    truth = measured_in(
        rows, world({"coefficient": "host_per_layer", "factor": 1.6}, {"coefficient": "kv_efficiency", "factor": 0.6})
    )
    points = points_of(truth, CATALOG)
    effects = (
        Effect((("host_per_layer", 1.0),), ("engine",)),
        Effect((("host_per_layer", 1.0),), ("generation",), center=1.3),
        Effect((("host_per_layer", 1.0),), CELL),
        Effect((("kv_efficiency", 1.0),), kind="latent"),
        Effect((("flops_efficiency", -1.0), ("attention_efficiency", -1.0)), ("accelerator",), center=1.1),
        Effect((("arrival_wait", 1.0),), ("generation",), engine="sglang", center=20.0),
    )
    return points, fit(points, effects, CATALOG, trust=10.0)


def test_the_overlay_predicts_what_the_fit_does(found):
    points, made = found
    catalog = loaded(factor_rows(made, "test", **SOURCE))
    seen, read = made.seen(points), predict_table(points.table, catalog)
    assert read["tpot_ms"].to_numpy() == pytest.approx(seen.tpot * 1e3, rel=1e-3)
    assert read["ttft_ms"].to_numpy() == pytest.approx(seen.ttft * 1e3, rel=1e-3)
    before = predict_table(points.table, CATALOG)
    assert not np.allclose(before["tpot_ms"], read["tpot_ms"], rtol=0.02)  # the factors do something


@pytest.mark.parametrize("effects", [SHARED, OWN])
def test_all_that_is_dropped_and_rounded_together_changes_little(effects):
    """Factors within half a percent of 1 are left out: more than rounding, yet less than anything was measured to."""
    rows = grid(concurrency=[2, 16, 64], engine=["vllm", "sglang"], precision=["bf16", "fp8"])
    truth = measured_in(table(*rows.to_dict("records"), MIXTURE, APART), world({"coefficient": "host_per_layer", "factor": 1.3}))
    points = points_of(truth, CATALOG)
    made = fit(points, effects, CATALOG, trust=4.0)
    seen, read = made.seen(points), predict_table(truth, loaded(factor_rows(made, "test", **SOURCE)))
    assert read["tpot_ms"].to_numpy() == pytest.approx(seen.tpot * 1e3, rel=0.005)
    assert read["ttft_ms"].to_numpy() == pytest.approx(seen.ttft * 1e3, rel=0.005)


def test_rows_say_what_they_hold_for(found):
    _, made = found
    rows = factor_rows(made, "mine", **SOURCE)
    assert rows["mine/host_per_layer/engine:vllm"].items() >= {"coefficient": "host_per_layer", "engine": "vllm"}.items()
    latent = rows["mine/kv_efficiency/kind:latent"]
    assert latent == {
        "coefficient": "kv_efficiency", "kind": "latent", "factor": latent["factor"], "status": "fitted", **SOURCE
    }  # fmt: skip
    assert "mine/arrival_wait/engine:sglang/generation:Hopper" in rows
    assert all(abs(np.log(row["factor"])) > UNCHANGED / 2 for row in rows.values())
    inverse = rows["mine/flops_efficiency/accelerator:h100-sxm"]["factor"]
    assert inverse == rows["mine/attention_efficiency/accelerator:h100-sxm"]["factor"]
    assert inverse < 1.0


def test_a_device_of_no_known_generation_gets_no_row_for_all_devices():
    points = points_of(measured_in(table({"accelerator": "arc-pro-b60", "tp": 2}), world()), CATALOG)
    made = fit(points, [Effect((("host_per_layer", 1.0),), ("generation",), center=2.0)], CATALOG, trust=1.0)
    assert factor_rows(made, "test", **SOURCE) == {}


def test_a_file_of_the_overlay_loads_over_the_catalogs(found, tmp_path: Path):
    points, made = found
    rows = factor_rows(made, "mine", **SOURCE)
    path = tmp_path / "overlay.yaml"
    path.write_text(as_yaml({"factors": rows}, "Two lines:\n\nof comment."), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("# Two lines:\n#\n# of comment.\n\nfactors:\n")
    catalog = load_catalog(CatalogUse(files=(path.name,)), tmp_path)
    shipped = load_builtin()
    assert {name: catalog.factors[name].factor for name in rows} == {name: row["factor"] for name, row in rows.items()}
    assert len(catalog.factors) == len(shipped.factors) + len(rows)
    # On top of what is shipped: both multiply.
    ratio = predict_table(points.table, catalog)["tpot_ms"] / predict_table(points.table, shipped)["tpot_ms"]
    assert (np.abs(ratio - 1.0) > 0.01).any()


def test_yaml_keeps_every_row():
    rows = {"a/b": {"coefficient": "host_per_layer", "factor": 1.25, "engine": "vllm"}, "é": {"factor": 2.0}}
    assert yaml.safe_load(as_yaml({"factors": rows, "evidence": {}}, "x")) == {"factors": rows, "evidence": {}}


@pytest.fixture(scope="module")
def evidence():
    measured = made_points()
    shown = measured.assign(problem=np.where(np.arange(len(measured)) % 9 == 4, "spoilt", ""))
    return shown[shown["problem"] == ""], evidence_rows(shown, load_builtin(), "test", **SOURCE)


def test_evidence_has_a_row_a_cell_and_one_for_all(evidence):
    good, rows = evidence
    assert set(rows) == {
        "test/any", "test/h100-sxm/vllm/fp8", "test/h100-sxm/trtllm/fp8", "test/h200-sxm/sglang/fp8", "test/b200-sxm/sglang/bf16",
    }  # fmt: skip
    for row in rows.values():
        Evidence.model_validate(row)
    assert rows["test/any"]["points"] == len(good) == sum(row["points"] for name, row in rows.items() if name != "test/any")
    cell, part = rows["test/h100-sxm/vllm/fp8"], good[good["engine"] == "vllm"]
    assert cell["models"] == ["meta-llama/Llama-3.1-70B"]
    assert cell["gpus"] == [part["tp"].min(), part["tp"].max()]
    assert cell["concurrency"] == [part["concurrency"].min(), part["concurrency"].max()]


def test_quantiles_are_shares_of_the_measurements(evidence):
    good, rows = evidence
    for name, ending in (("test/any", "without_gpu"), ("test/h100-sxm/vllm/fp8", "without_model")):
        for metric in ("ttft", "tpot"):
            ratio = good[f"{metric}_ms"] / good[f"{metric}_ms_{ending}"]
            for quantile in Ratios.model_fields:
                share = (
                    (ratio <= rows[name][metric][quantile] * 1.006).mean(),
                    (ratio < rows[name][metric][quantile] / 1.006).mean(),
                )
                assert share[1] - 1 / len(good) <= int(quantile[1:]) / 100 <= share[0] + 1 / len(good), (name, metric, quantile)


def test_cells_share_the_errors_of_all_and_the_rest_is_wider(evidence):
    _, rows = evidence
    cells = [row for name, row in rows.items() if name != "test/any"]
    assert all(row["tpot"] == cells[0]["tpot"] for row in cells)
    assert rows["test/any"]["tpot"]["p95"] > cells[0]["tpot"]["p95"]  # made 1.5 times as wide


def test_a_cell_without_one_of_both_times_still_has_its_row():
    """The errors are those of all cells, so one that lacks a metric is no reason to stop."""
    measured = made_points()
    blank = measured.assign(ttft_ms=measured["ttft_ms"].where(measured["engine"] != "vllm"))
    rows = evidence_rows(blank, load_builtin(), "test", **SOURCE)
    assert rows["test/h100-sxm/vllm/fp8"]["ttft"] == rows["test/h100-sxm/trtllm/fp8"]["ttft"]
    with pytest.raises(MissingFact, match="no ttft_ms was measured"):
        evidence_rows(measured.assign(ttft_ms=np.nan), load_builtin(), "test", **SOURCE)


def test_rows_of_evidence_are_found_again(evidence):
    _, rows = evidence
    catalog = Catalog(evidence={name: Evidence.model_validate(row) for name, row in rows.items()})
    assert evidence_for(catalog, "h100-sxm", "vllm", "fp8").points == rows["test/h100-sxm/vllm/fp8"]["points"]
    assert evidence_for(catalog, "l4", "vllm", "fp8").accelerator == "*"
    assert pessimism(catalog, "l4", "vllm", "fp8", "tpot", 0.9) == pytest.approx(rows["test/any"]["tpot"]["p90"])
