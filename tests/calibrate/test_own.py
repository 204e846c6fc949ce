"""Calibration with one's own measurements, on a made-up deployment whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_deployment import HOST, OTHERS, PROMPTS, THREE, a_tenth_short, measured

from planner.calibrate import own
from planner.calibrate.effects import COMPUTE, Effect, design
from planner.calibrate.fit import Fit
from planner.calibrate.own import Calibration, Label, calibrate_own, calibrate_shared, departures
from planner.catalog.coefficients import Case
from planner.catalog.evidence import evidence_for
from planner.catalog.load import load_builtin
from planner.domain.engine import Evidence, Factor
from planner.errors import InvalidInput, MissingFact
from planner.points.predict import predict_table

LABEL = Label("own", "made up", "2026-01")


def quietly(text: str) -> None:
    """Progress that nobody watches."""


def calibrated(table: pd.DataFrame) -> Calibration:
    return calibrate_own(table, load_builtin(), LABEL, quietly)


def error(predicted: pd.Series, seen: pd.Series) -> float:
    return float(np.median(np.abs(predicted.to_numpy(float) / seen.to_numpy(float) - 1)))


@pytest.fixture(scope="module")
def three() -> Calibration:
    return calibrated(measured(THREE))


@pytest.mark.parametrize("metric", ["ttft_ms", "tpot_ms"])
def test_three_points_halve_the_error_of_points_they_did_not_show(three: Calibration, metric: str) -> None:
    others, catalog = measured(OTHERS, seed=1), load_builtin()
    factors = {name: Factor.model_validate(row) for name, row in three.factors.items()}
    with_overlay = catalog.model_copy(update={"factors": catalog.factors | factors})
    before, after = (error(predict_table(others, one)[metric], others[metric]) for one in (catalog, with_overlay))
    assert before > 0.1
    assert after <= before / 2


def test_the_factors_found_point_to_what_differs(three: Calibration) -> None:
    """Host and computation: nearer to their truth than to 1, on a logarithmic scale."""
    found = {row["coefficient"]: row["factor"] for row in three.factors.values()}
    assert np.sqrt(HOST) < found["host_per_layer"] < HOST**1.5
    assert 1 / PROMPTS**1.5 < found["flops_efficiency"] < 1 / np.sqrt(PROMPTS)
    assert all(name.startswith("own/") for name in three.factors)


def test_predictions_stand_beside_measurements(three: Calibration) -> None:
    points = three.points
    assert three.used == 3
    assert three.left_out == ""
    for metric in ("ttft_ms", "tpot_ms"):
        assert error(points[f"{metric}_fitted"], points[metric]) < error(points[f"{metric}_shipped"], points[metric])


def test_the_same_points_give_the_same_bytes(three: Calibration) -> None:
    assert calibrated(measured(THREE)).text == three.text
    assert load_builtin().digest in three.text


def test_one_point_says_little_and_moves_little() -> None:
    one, many = calibrated(measured(THREE[:1])), calibrated(measured([THREE[0]] * 3))
    found = [abs(departure.spreads) for made in (one, many) for departure in departures(made.fit)[:1]]
    assert 0.0 < found[0] < found[1]
    row = Evidence.model_validate(one.evidence["own/h100-sxm/vllm/fp8"])
    assert row.points == 1
    assert "a fit to 1 point," in row.note


def test_enough_points_are_predicted_by_fits_that_have_not_seen_them() -> None:
    made = calibrated(measured([*THREE, *OTHERS]))
    assert made.left_out == "the points of its deployment and lengths"  # one deployment, four shapes of calls
    points = made.points
    for metric in ("ttft_ms", "tpot_ms"):
        assert points[f"{metric}_held_out"].notna().all()
        held, before = (error(points[f"{metric}_{kind}"], points[metric]) for kind in ("held_out", "shipped"))
        assert error(points[f"{metric}_fitted"], points[metric]) < held < before / 2
    (row,) = made.evidence.values()
    assert "10 points, each predicted by a fit without the points of its deployment and lengths" in row["note"]
    middle = np.exp(np.median(np.log(points["tpot_ms"] / points["tpot_ms_held_out"])))
    assert row["tpot"]["p50"] == pytest.approx(middle, rel=5e-3)  # three digits are written


def test_rows_that_cannot_be_used_are_left_out_with_a_reason() -> None:
    rates = measured(THREE[:1]).assign(concurrency=np.nan, request_rate=1.0)
    silent = measured(THREE[:1]).assign(ttft_ms=np.nan, tpot_ms=np.nan)
    large = measured(THREE[:1]).assign(model="meta-llama/Llama-3.1-70B-Instruct", precision="bf16", kv_precision="kv-bf16")
    made = calibrated(pd.concat([measured(THREE), rates, silent, large], ignore_index=True))
    assert made.used == 3
    for number, words in ((3, "random arrivals"), (4, "nothing was measured"), (5, "does not fit")):
        assert words in made.points["problem"][number]
    assert made.points["tpot_ms_fitted"].isna().tolist() == [False] * 3 + [True] * 3
    assert made.factors == calibrated(measured(THREE)).factors


@pytest.mark.parametrize("work", [calibrate_own, calibrate_shared])
def test_without_a_usable_point_every_reason_is_told(work: object) -> None:
    rows = pd.concat([measured(THREE).assign(concurrency=np.nan, request_rate=1.0)] * 2, ignore_index=True)
    rows.loc[0, "problem"] = "model is missing"
    with pytest.raises(InvalidInput) as raised:
        work(rows, load_builtin(), LABEL, quietly)  # type: ignore[operator]
    assert [issue.message.split(": ")[:2] for issue in raised.value.issues] == [
        ["1 row left out", "model is missing"],
        ["5 rows left out", "random arrivals"],
    ]


def test_a_time_that_was_not_measured_is_doubted_as_before() -> None:
    made = calibrated(measured(THREE).assign(ttft_ms=np.nan))
    (row,) = made.evidence.values()
    before = evidence_for(load_builtin(), "h100-sxm", "vllm", "fp8")
    assert before is not None
    assert row["ttft"] == before.ttft.model_dump()
    assert "TTFT: not measured, as before" in row["note"]


def test_rows_of_the_same_name_are_not_displaced(three: Calibration) -> None:
    catalog = load_builtin()
    factors = {name: Factor.model_validate(row) for name, row in three.factors.items()}
    with pytest.raises(InvalidInput, match="rows named own/"):
        calibrate_own(measured(THREE), catalog.model_copy(update={"factors": catalog.factors | factors}), LABEL, quietly)


def test_a_second_calibration_goes_on_top_of_the_first(three: Calibration) -> None:
    catalog = load_builtin()
    factors = {name: Factor.model_validate(row) for name, row in three.factors.items()}
    on_top = catalog.model_copy(update={"factors": catalog.factors | factors})
    again = calibrate_own(measured(THREE), on_top, Label("more", "made up", "2026-01"), quietly)
    first, second = (max(abs(one.spreads) for one in departures(made.fit)) for made in (three, again))
    assert second < first / 2


def test_departures_are_measured_from_the_center_and_named() -> None:
    effects = (
        Effect(COMPUTE, ("accelerator",), spread=0.1),
        Effect((("host_per_layer", 1.0),), (), "latent", 0.2, 1.2, engine="vllm"),
        Effect((("synchrony", 1.0),), (), spread=0.5),
    )
    catalog = load_builtin()
    laid = design(effects, [Case("h100-sxm", "vllm", "fp8", frozenset({"latent"}))], np.zeros(1, dtype=np.intp), catalog)
    found = departures(Fit(laid, np.array([0.1, -0.5, 0.001])))
    assert [one.where for one in found] == ["vllm, latent attention", "h100-sxm"]  # synchrony is as good as 1
    assert [one.spreads for one in found] == pytest.approx([-2.5, 1.0])
    assert found[0].factors == (("host_per_layer", pytest.approx(1.2 * np.exp(-0.5))),)
    assert found[1].factors == tuple((name, pytest.approx(np.exp(-0.1))) for name, _ in COMPUTE)


def test_shared_factors_replace_those_of_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same points, on a catalog whose factors say something else: the same bytes."""
    monkeypatch.setattr(own, "cross_validate", a_tenth_short)
    table = pd.concat([measured(THREE), measured(THREE, model="qwen3-32b", accelerator="h200-sxm")], ignore_index=True)
    catalog = load_builtin()
    odd = {"shared/bandwidth_efficiency": catalog.factors["shared/bandwidth_efficiency"].model_copy(update={"factor": 0.5})}
    catalogs = (catalog, catalog.model_copy(update={"factors": catalog.factors | odd}))
    first, again = (calibrate_shared(table, one, Label("shared", "made up", "2026-01"), quietly) for one in catalogs)
    assert first.text == again.text
    assert first.text.startswith(
        "# Found by `planner calibrate --shared` from closed-loop measurements; do not edit by hand.\n\n"
    )
    assert set(first.evidence) == {"shared/any", "shared/h100-sxm/vllm/fp8", "shared/h200-sxm/vllm/fp8"}


def test_shared_evidence_needs_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "cross_validate", a_tenth_short)
    with pytest.raises(MissingFact, match="no ttft_ms was measured"):
        calibrate_shared(measured(THREE).assign(ttft_ms=np.nan), load_builtin(), LABEL, quietly)
