"""A fit finds what is there, believes what it was told where there is nothing, and looks at nothing it should not."""

from pathlib import Path

import numpy as np
import pytest
from synthetic import bare, grid, measured_in, table, world

from planner.calibrate.cross import usable
from planner.calibrate.effects import CELL, OWN, SHARED, Effect
from planner.calibrate.fit import BROAD_TRUST, OWN_TRUST, fit, points_of, residuals, seen_with, weights
from planner.catalog.load import load_builtin
from planner.points.formats import read_measured
from planner.points.names import resolve

MEASURED = Path(__file__).parents[2] / "../shared/data/measured/serving_closed_loop.csv"
CATALOG = bare()
LLAMA_70B = "meta-llama/Llama-3.1-70B-Instruct"


def one(coefficient, *by, **more):
    return Effect(((coefficient, 1.0),), by, **more)


def factors(found):
    """The factors of a fit by coefficient and level."""
    laid, out = found.design, {}
    for effect, levels, start in zip(laid.effects, laid.levels, laid.starts[:-1], strict=True):
        for place, level in enumerate(levels):
            out[(effect.coefficients[0][0], *level)] = effect.center * np.exp(found.logs[start + place])
    return out


@pytest.fixture(scope="module")
def spread_out():
    """Two sizes of model, two engines, loads and lengths that tell the terms of an iteration apart."""
    small = grid(engine=["vllm", "sglang"], concurrency=[1, 16, 128], input_tokens=[200, 4000])
    large = grid(model=[LLAMA_70B], tp=[4], engine=["vllm", "sglang"], concurrency=[1, 64], input_tokens=[200, 4000])
    return table(*small.to_dict("records"), *large.to_dict("records"))


def test_known_factors_are_recovered(spread_out):
    true = world(
        {"coefficient": "host_per_layer", "engine": "vllm", "factor": 1.4},
        {"coefficient": "host_per_layer", "engine": "sglang", "factor": 0.7},
        {"coefficient": "bandwidth_efficiency", "factor": 0.85},
        {"coefficient": "kv_efficiency", "kind": "heads", "factor": 0.8},
        {"coefficient": "flops_efficiency", "factor": 1.1},
    )
    effects = [
        one("host_per_layer", "engine"), one("bandwidth_efficiency"), one("kv_efficiency", kind="heads"), one("flops_efficiency")
    ]  # fmt: skip
    points = points_of(measured_in(spread_out, true), CATALOG)
    found = fit(points, effects, CATALOG, trust=1e6)  # data count for all, beliefs for nothing
    expected = {("host_per_layer", "vllm"): 1.4, ("host_per_layer", "sglang"): 0.7, ("bandwidth_efficiency",): 0.85}
    expected |= {("kv_efficiency",): 0.8, ("flops_efficiency",): 1.1}
    assert factors(found) == {name: pytest.approx(factor, rel=1e-3) for name, factor in expected.items()}
    off = residuals(points, found.seen(points))
    assert np.abs(off["tpot"]).max() < 1e-4
    assert np.abs(off["ttft"]).max() < 1e-4


def test_a_factor_on_a_time_is_recovered_through_its_efficiencies():
    """Everything is computed in three quarters of the time: the effect scales three efficiencies to the power −1."""
    names = ("flops_efficiency", "expert_flops_efficiency", "attention_efficiency")
    true = world(*({"coefficient": name, "factor": 1 / 1.3} for name in names))
    points = points_of(measured_in(grid(input_tokens=[4000, 16000], concurrency=[1, 8, 32]), true), CATALOG)
    found = fit(points, [Effect(tuple((name, -1.0) for name in names), ("accelerator",))], CATALOG, trust=1000.0)
    assert np.exp(found.logs[0]) == pytest.approx(1.3, rel=0.01)


def test_where_predictions_are_right_nothing_is_found(spread_out):
    found = fit(points_of(measured_in(spread_out, CATALOG), CATALOG), OWN, CATALOG, trust=OWN_TRUST)
    assert np.abs(found.logs).max() < 1e-6


@pytest.mark.parametrize("slower", [1.5, 0.7])
def test_three_points_move_predictions_towards_the_data_and_not_beyond(slower):
    truth = table({"concurrency": 4}, {"concurrency": 16}, {"concurrency": 64})
    before = measured_in(truth, CATALOG)
    points = points_of(before.assign(tpot_ms=before["tpot_ms"] * slower, ttft_ms=before["ttft_ms"] * slower), CATALOG)
    found = fit(points, OWN, CATALOG, trust=OWN_TRUST)
    moved = np.log(found.seen(points).tpot * 1e3 / before["tpot_ms"].to_numpy()) / np.log(slower)
    assert (moved > 0.5).all()
    assert (moved < 1.02).all()


def test_more_points_move_predictions_further():
    before = measured_in(grid(concurrency=[2, 4, 8, 16, 32, 64]), CATALOG)
    slow = before.assign(tpot_ms=before["tpot_ms"] * 1.5)

    def left(rows):
        points = points_of(slow.iloc[rows].reset_index(drop=True), CATALOG)
        return np.abs(residuals(points, fit(points, OWN, CATALOG, trust=OWN_TRUST).seen(points))["tpot"]).mean()

    assert left([0, 1, 2, 3, 4, 5]) < left([1, 3, 5]) < left([3]) < np.log(1.5)


def test_an_outlier_does_not_drag_the_others_along():
    """Eleven points of a world 20 % slower, and one measured ten times as slow: a wrong label."""
    truth = measured_in(grid(concurrency=[1, 4, 16, 64], input_tokens=[200, 1000, 4000]), CATALOG)
    slow = truth.assign(tpot_ms=truth["tpot_ms"] * 1.2)
    wrong = slow.assign(tpot_ms=np.where(np.arange(12) == 5, slow["tpot_ms"] * 10.0, slow["tpot_ms"]))
    with_it, without = points_of(wrong, CATALOG), points_of(slow, CATALOG)
    dragged = fit(with_it, OWN, CATALOG, trust=OWN_TRUST).seen(with_it)
    clean = fit(without, OWN, CATALOG, trust=OWN_TRUST).seen(without)
    moved = np.log(dragged.tpot / clean.tpot)
    assert np.abs(moved).max() < 0.1  # log 10 = 2.3 shared among twelve points by plain least squares would be 0.19


def test_levels_without_data_stay_at_their_center(spread_out):
    points = points_of(measured_in(spread_out, world({"coefficient": "host_per_layer", "factor": 1.5})), CATALOG)
    effects = [one("host_per_layer", "engine", center=1.2), one("host_per_layer", *CELL), one("kv_efficiency", kind="latent")]
    found = factors(fit(points, effects, CATALOG, trust=BROAD_TRUST, use=(spread_out["engine"] == "vllm").to_numpy()))
    assert found[("host_per_layer", "sglang")] == pytest.approx(1.2, rel=1e-12)
    assert found[("host_per_layer", "vllm")] > 1.21
    assert found[("host_per_layer", "h100-sxm", "sglang", "bf16")] == pytest.approx(1.0, rel=1e-12)
    assert not any(key[0] == "kv_efficiency" for key in found)  # nobody has latent attention: no level at all


def test_held_out_points_have_no_influence_at_all(spread_out):
    truth = measured_in(spread_out, world({"coefficient": "host_per_layer", "factor": 1.3}))
    use = np.arange(len(truth)) % 3 != 0
    other = truth.assign(**{name: np.where(use, truth[name], truth[name] * 7.0) for name in ("ttft_ms", "tpot_ms")})
    blank = truth.assign(**{name: np.where(use, truth[name], np.nan) for name in ("ttft_ms", "tpot_ms")})
    first, second, third = (
        fit(points_of(one_, CATALOG), OWN, CATALOG, trust=OWN_TRUST, use=use).logs for one_ in (truth, other, blank)
    )
    assert (first == second).all()
    assert (first == third).all()
    assert np.abs(first).max() > 0.01


def test_the_same_fit_twice_is_the_same_to_the_bit(spread_out):
    points = points_of(measured_in(spread_out, world({"coefficient": "kv_efficiency", "factor": 0.7})), CATALOG)
    assert (fit(points, OWN, CATALOG, trust=4.0).logs == fit(points, OWN, CATALOG, trust=4.0).logs).all()


@pytest.mark.parametrize(("metric", "coefficient"), [("tpot_ms", "host_per_layer"), ("ttft_ms", "host_per_request")])
def test_one_metric_alone_is_learned_from(spread_out, metric, coefficient):
    truth = measured_in(spread_out, world({"coefficient": coefficient, "factor": 1.5}))
    blank = {name: np.nan for name in ("ttft_ms", "tpot_ms") if name != metric}
    found = fit(points_of(truth.assign(**blank), CATALOG), [one(coefficient)], CATALOG, trust=1e4)
    assert factors(found)[(coefficient,)] == pytest.approx(1.5, rel=0.01)


def test_points_alike_count_less_each():
    points = points_of(measured_in(table({}, {}, {}, {}, {"engine": "sglang"}), CATALOG), CATALOG)
    assert list(weights(points, 2.0)) == [1.0, 1.0, 1.0, 1.0, 2.0]


def test_factors_leave_shares_of_a_peak_below_the_peak():
    points = points_of(measured_in(table({}), CATALOG), CATALOG)
    most, more = (seen_with(points, {"bandwidth_efficiency": np.full(1, np.log(by))}).tpot[0] for by in (2.0, 4.0))
    assert most == more < seen_with(points).tpot[0]


def test_disaggregated_and_shared_points_are_fitted_together():
    apart = {"mode": "disagg", "prefill_workers": 2, "decode_workers": 1}
    truth = measured_in(
        table({}, apart, {"concurrency": 64}, apart | {"concurrency": 64}), world({"coefficient": "handover", "factor": 4.0})
    )
    points = points_of(truth, CATALOG)
    assert [type(group).__name__ for _, group in points.parts] == ["Shared", "Split"]
    assert factors(fit(points, [one("handover", spread=1.0)], CATALOG, trust=1000.0))[("handover",)] == pytest.approx(
        4.0, rel=0.05
    )


@pytest.mark.skipif(not MEASURED.is_file(), reason="the published measurements are not there")
def test_a_fit_to_published_measurements_is_nearer_to_them_than_the_kernels_alone():
    table_ = resolve(read_measured(MEASURED), load_builtin())
    part = usable(table_[table_["problem"] == ""].iloc[::16], CATALOG)
    points = points_of(part[part["problem"] == ""].reset_index(drop=True), CATALOG)
    assert len(points.table) > 10
    before, after = (
        np.nanmedian(np.abs(residuals(points, seen)["tpot"]))
        for seen in (seen_with(points), fit(points, SHARED, CATALOG, trust=BROAD_TRUST).seen(points))
    )
    assert after < 0.8 * before
