"""Every row of a table gets its prediction or its reason, in its place; memory by hand."""

import numpy as np
import pandas as pd
import pytest

from planner.points.columns import OUTPUTS, PROBLEM
from planner.points.predict import NUMBERS, predict_table

OPEN = {"concurrency": "", "request_rate": 2}
LATENCIES = ["ttft_ms", "tpot_ms", "e2e_ms", "output_tok_s_per_gpu"]


@pytest.fixture
def rows(split, deepseek):
    return [
        {},
        {"model": "no-such-model"},
        split,
        OPEN,
        {"tp": 3},
        deepseek | {"concurrency": 64},
        {"model": "meta-llama/Llama-3.1-70B-Instruct"},
        {"concurrency": "", "request_rate": 10_000},
        split | OPEN,
        split | {"decode_tp": 3},
        {"precision": "fp8", "tp": 2, "concurrency": 128, "length_ratio_min": 0.8},
    ]


PROBLEMS = [
    "",
    "model 'no-such-model' is not in the catalogs",
    "",
    "",
    "32 heads cannot be shared by tp3",
    "",
    "does not fit: the weights leave no memory",
    "overloaded: 10000 requests/s arrive",
    "random arrivals at disaggregated workers",
    "decode worker: 32 heads cannot be shared by tp3",
    "",
]


def test_every_row_keeps_its_place_and_its_problem(points, catalog, rows):
    table = points(*rows).set_axis(np.arange(len(rows)) * 7 + 3, axis=0)
    found = predict_table(table, catalog)
    assert list(found.index) == list(table.index)
    assert list(found) == [*(column.name for column in OUTPUTS), PROBLEM]
    for said, expected in zip(found[PROBLEM], PROBLEMS, strict=True):
        assert said.startswith(expected)
        assert bool(said) == bool(expected)
    good = (found[PROBLEM] == "").to_numpy()
    assert np.isfinite(found.loc[good, list(NUMBERS)].to_numpy(float)).all()
    assert found.loc[~good, LATENCIES].isna().all(axis=None)


def test_columns_equal_single_rows_to_the_last_bit(points, catalog, rows):
    table = points(*rows)
    together = predict_table(table, catalog)
    for place in range(len(table)):
        alone = predict_table(table.iloc[[place]], catalog)
        pd.testing.assert_frame_equal(together.iloc[[place]], alone, check_exact=True)
    backwards = predict_table(table.iloc[::-1], catalog)
    pd.testing.assert_frame_equal(backwards.iloc[::-1], together, check_exact=True)


def test_what_was_measured_is_not_looked_at(points, catalog):
    measured = points({"ttft_ms": 1.0, "tpot_ms": 1.0})
    pd.testing.assert_frame_equal(predict_table(measured, catalog), predict_table(points({}), catalog), check_exact=True)


def test_no_rows_and_rows_of_nothing_but_problems(points, catalog):
    assert len(predict_table(points({}).iloc[:0], catalog)) == 0
    found = predict_table(points({"model": "no-such-model"}), catalog)
    assert found[list(NUMBERS)].isna().all(axis=None)


def test_memory_of_llama_8b_on_one_h100(points, catalog):
    # nvidia-smi: 81,559 MiB. vLLM takes 0.92 of it, 2 % of that stay free. Weights: 8,030,261,248 parameters of two bytes;
    # 1.2 GiB activations (floor) and 0.5 GiB runtime; no collective buffers on one device.
    usable = 81_559 * 2**20 * 0.92 * 0.98
    fixed = 2 * 8_030_261_248 + (1.2 + 0.5) * 2**30
    # 2·8·128·32 elements of two bytes a token; calls of 1,000 + 200 tokens are whole tokens, so nothing is lost to rounding.
    capacity = int((usable - fixed) / 131_072)
    found = predict_table(points({"concurrency": 8}, {"concurrency": 100_000}), catalog)
    assert list(found["kv_capacity_tokens"]) == [capacity, capacity] == [451_810, 451_810]
    # At most eight calls of 1,100 tokens are in the cache; with more clients than fit, all of it is in use.
    assert fixed < found["memory_gb_per_gpu"][0] * 1e9 < fixed + 8 * 1100 * 131_072
    assert found["memory_gb_per_gpu"][1] * 1e9 == pytest.approx(usable, rel=1e-6)


def test_replicas_that_decode_add_their_capacity_up(points, catalog, split):
    one = predict_table(points({}), catalog)["kv_capacity_tokens"][0]
    apart = predict_table(points(split | {"decode_workers": 3, "prefill_workers": 5}), catalog)["kv_capacity_tokens"][0]
    assert apart == 3 * one


def test_weights_that_do_not_fit_say_how_much_is_missing(points, catalog):
    # 70,552,387,584 parameters in 16 bits, 0.5 GiB runtime, 2·8192·8192·11 B of activations (1.476 GB, above the floor), on
    # the 82.955 GB (0.97) that vLLM is given at most: 141.105 + 0.537 + 1.476 − 82.955 = 60.16 GB.
    found = predict_table(points({"model": "meta-llama/Llama-3.1-70B-Instruct"}), catalog).iloc[0]
    assert not found["fits"]
    assert found[PROBLEM] == (
        "does not fit: the weights leave no memory: 60.2 GB per GPU short; spread it over more GPUs or use fewer bits"
    )
    assert found["memory_gb_per_gpu"] > 140.0
    assert found["kv_capacity_tokens"] == 0.0
    assert predict_table(points({"model": "meta-llama/Llama-3.1-70B-Instruct", "tp": 4}), catalog)["fits"][0]


def test_a_call_longer_than_the_cache_does_not_fit(points, catalog):
    # Beyond the usual share of memory the engine is given 0.97 of it: (82.955 − 17.886) GB / 131,072 B = 496,439 tokens.
    found = predict_table(points({"input_tokens": 451_000}, {"input_tokens": 496_000}, {"input_tokens": 497_000}), catalog)
    assert list(found["fits"]) == [True, True, False]
    assert found[PROBLEM][2].startswith("does not fit: no memory for the cache of one call")
    assert found["kv_capacity_tokens"].tolist() == [451_810, 496_439, 496_439]


def test_a_role_that_does_not_fit_is_enough(points, catalog, split):
    large = split | {"model": "meta-llama/Llama-3.1-70B-Instruct", "decode_tp": 4, "prefill_tp": 1}
    found = predict_table(points(large, large | {"prefill_tp": 4}), catalog)
    assert list(found["fits"]) == [False, True]


def test_end_to_end_and_throughput_follow_from_the_parts(points, catalog, split):
    table = points({}, {"tp": 2}, split | {"decode_tp": 2}, {"length_ratio_min": 0.5})
    found = predict_table(table, catalog)
    output, gpus = np.array([200.0, 200.0, 200.0, 150.0]), np.array([1.0, 2.0, 5.0, 1.0])
    assert found["e2e_ms"].to_numpy() == pytest.approx(found["ttft_ms"] + (output - 1.0) * found["tpot_ms"], rel=1e-12)
    # Little: eight clients, each a call in e2e.
    assert found["output_tok_s_per_gpu"].to_numpy() == pytest.approx(8.0 / found["e2e_ms"] * 1e3 * output / gpus, rel=1e-3)


def test_more_clients_longer_prompts_and_slower_devices_are_slower(points, catalog):
    found = predict_table(
        points({}, {"concurrency": 64}, {"input_tokens": 4000}, {"accelerator": "a100-sxm-80gb"}, {"precision": "fp8"}), catalog
    )["tpot_ms"]
    assert (found[1:4] > found[0]).all()
    assert found[4] < found[0]


def test_points_near_no_measurement_are_marked(points, catalog):
    table = points({}, {"input_tokens": 100_000}, {"accelerator": "l4", "precision": "fp8"})
    assert list(predict_table(table, catalog)["extrapolated"]) == [False, True, True]
