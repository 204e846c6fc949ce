"""Lengths, cache and room of the calls of a point, by hand for Llama-3.1-8B."""

import pytest

from planner.points.calls import calls_on
from planner.points.deploy import deploy

TOKEN = 2 * 8 * 128 * 32 * 2
"""Bytes of a token of Llama-3.1-8B's 16-bit cache: key and value, 8 heads of 128, 32 layers."""
KV = 59_219_678_684
"""Bytes of cache on one H100, see `test_predict.py`."""


def calls(points, catalog, *changes):
    table = points(*changes)
    return calls_on(deploy(table, catalog), table, catalog)


def test_lengths_are_uniform_between_a_share_and_the_nominal(points, catalog):
    found = calls(points, catalog, {}, {"length_ratio_min": 0.8})
    assert list(found.prompt) == [1000, pytest.approx(900)]
    assert list(found.output) == [200, pytest.approx(180)]


def test_a_call_has_two_output_tokens_at_least(points, catalog):
    assert calls(points, catalog, {"output_tokens": 1}).output[0] == 2


def test_cache_is_counted_at_the_mean_context(points, catalog):
    found = calls(points, catalog, {})
    assert found.held[0] == found.read[0] == 1100 * TOKEN
    assert found.whole[0] == TOKEN


def test_calls_fit_until_slots_or_memory_are_full(points, catalog):
    memory, slots, halved = calls(
        points, catalog, {"input_tokens": 100_000, "output_tokens": 2000}, {"input_tokens": 10, "output_tokens": 10},
        {"engine": "sglang", "input_tokens": 10, "output_tokens": 10},
    ).room  # fmt: skip
    assert memory == pytest.approx(KV / (101_000 * TOKEN), rel=1e-9)
    assert slots == catalog.engines["vllm"].server_sequences == 1024
    assert halved == catalog.engines["sglang"].server_sequences == 2048


def test_every_attention_rank_has_slots_of_its_own(points, catalog):
    short = {"model": "Qwen/Qwen3-235B-A22B", "precision": "fp8", "input_tokens": 10, "output_tokens": 10}
    assert list(calls(points, catalog, short | {"tp": 8}, short | {"tp": 2, "dp": 4}).room) == [1024, 4096]


def test_attention_grows_with_the_prompt(points, catalog):
    # 4·32·4096 FLOP a pair and layer-summed heads; a token of a prompt of I sees I/2 others on average, plus s½/2 for the ramp.
    half = deploy(points({}), catalog).columns.coefficients.attention_half[0]
    short, long = calls(points, catalog, {}, {"input_tokens": 10_000}).attention
    assert short == pytest.approx(4 * 32 * 4096 * (1000 + half) / 2, rel=1e-3)
    assert long == pytest.approx(4 * 32 * 4096 * (10_000 + half) / 2, rel=1e-3)
