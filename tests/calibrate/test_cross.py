"""Held-out predictions have not seen what they predict."""

import os

import numpy as np
import pandas as pd
import pytest
from synthetic import bare, grid, measured_in, table, world

from planner.calibrate import cross
from planner.calibrate.cross import cross_validate, usable, without_factors
from planner.calibrate.effects import Effect
from planner.catalog.load import load_builtin
from planner.points.predict import predict_table

SHIPPED = load_builtin()
SMALL, LARGE = "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-8B"
EFFECTS = (
    Effect((("host_per_layer", 1.0),), ("engine",), spread=0.5),
    Effect((("host_per_layer", 1.0),), ("accelerator",), spread=0.5),
    Effect((("bandwidth_efficiency", 1.0),), spread=0.1),
)
ENDINGS = ("shipped", "fitted", "without_model", "without_gpu")
TRUE = world(
    {"coefficient": "host_per_layer", "factor": 1.5}, {"coefficient": "host_per_layer", "accelerator": "h200-sxm", "factor": 1.3}
)


def columns(ending):
    return [f"{name}_ms_{ending}" for name in ("ttft", "tpot")]


@pytest.fixture(scope="module")
def measured():
    return measured_in(grid(model=[SMALL, LARGE], accelerator=["h100-sxm", "h200-sxm"], concurrency=[2, 32]), TRUE)


def run(points, told=None):
    return cross_validate(points, SHIPPED, progress=(told if told is not None else []).append, effects=EFFECTS)


@pytest.fixture(scope="module")
def validated(measured):
    return run(measured)


def test_every_point_has_four_predictions(measured, validated):
    assert list(validated.index) == list(measured.index)
    predictions = validated[[name for ending in ENDINGS for name in columns(ending)]]
    assert np.isfinite(predictions.to_numpy()).all()
    assert (validated["gpus"] == 1.0).all()
    assert validated["tpot_ms_shipped"].to_numpy() == pytest.approx(
        predict_table(measured, SHIPPED)["tpot_ms"].to_numpy(), rel=1e-12
    )


def error(found, ending):
    return np.abs(np.log(found[f"tpot_ms_{ending}"] / found["tpot_ms"])).mean()


def test_what_was_seen_is_predicted_better_than_what_was_not(validated):
    assert error(validated, "fitted") < error(validated, "without_gpu")
    # The other model tells all there is to know about the host, which is the same for both.
    assert error(validated, "without_model") < 0.5 * error(validated, "shipped")


@pytest.mark.parametrize(("column", "value"), [("model", SMALL), ("accelerator", "h200-sxm")])
def test_what_is_left_out_has_no_influence_on_its_own_prediction(measured, validated, column, value):
    ending = cross.LEFT_OUT[column]
    own = (measured[column] == value).to_numpy()
    changed = measured.assign(**{name: measured[name].where(~own, measured[name] * 9.0) for name in ("ttft_ms", "tpot_ms")})
    found = run(changed)
    pd.testing.assert_frame_equal(found.loc[own, columns(ending)], validated.loc[own, columns(ending)], check_exact=True)
    # The test tells: everything that did see those points has moved.
    assert (found.loc[own, "tpot_ms_fitted"] > 1.05 * validated.loc[own, "tpot_ms_fitted"]).all()
    assert (found.loc[~own, f"tpot_ms_{ending}"] > 1.05 * validated.loc[~own, f"tpot_ms_{ending}"]).all()


@pytest.mark.parametrize("processors", [1, 3, None])
def test_the_number_of_processes_does_not_matter(measured, validated, monkeypatch, processors):
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    pd.testing.assert_frame_equal(run(measured), validated, check_exact=True)


def test_progress_names_everything_that_is_left_out(measured):
    told = []
    run(measured, told)
    assert told == ["fitting 8 points", *(f"left out {name}" for name in (LARGE, SMALL, "h100-sxm", "h200-sxm"))]


SPOILT = [
    {"model": "no-such-model"}, {"tp": 3}, {"concurrency": "", "request_rate": 1, "tpot_ms": 10}, {},
    {"mode": "disagg", "prefill_workers": 1, "decode_workers": 1, "decode_tp": 3},
]  # fmt: skip
REASONS = [
    "model 'no-such-model' is not in the catalogs", "32 heads cannot be shared by tp3", "random arrivals",
    "nothing was measured", "32 heads cannot be shared by tp3",
]  # fmt: skip


def test_problems_are_told_before_anything_is_predicted():
    found = usable(table(*SPOILT), SHIPPED)["problem"]
    for said, reason in zip(found, REASONS, strict=True):
        assert said.startswith(reason)


def test_rows_with_problems_keep_their_place_and_have_no_prediction(measured, validated):
    spoilt = table(*SPOILT)
    found = run(pd.concat([spoilt.iloc[:2], measured, spoilt.iloc[2:]], ignore_index=True))
    good = (found["problem"] == "").to_numpy()
    assert list(np.flatnonzero(~good)) == [0, 1, 10, 11, 12]
    assert found.loc[~good, [name for ending in ENDINGS for name in columns(ending)]].isna().all(axis=None)
    for ending in ENDINGS:
        assert (found.loc[good, columns(ending)].to_numpy() == validated[columns(ending)].to_numpy()).all()


def test_nothing_usable_is_no_error_but_no_prediction():
    found = run(table(*SPOILT))
    assert (found["problem"] != "").all()
    assert found[[name for ending in ENDINGS for name in columns(ending)]].isna().all(axis=None)
    assert len(run(table({}).iloc[:0])) == 0


def test_shipped_factors_count_only_for_what_was_shipped(measured, validated):
    """Fits start from the kernels, whatever was found before: another round of calibration is no other calibration."""
    assert without_factors(SHIPPED).factors == {}
    found = cross_validate(measured, bare(), progress=[].append, effects=EFFECTS)
    for ending in ENDINGS[1:]:
        pd.testing.assert_frame_equal(found[columns(ending)], validated[columns(ending)], check_exact=True)
    assert not np.allclose(found["tpot_ms_shipped"], validated["tpot_ms_shipped"], rtol=1e-3)
