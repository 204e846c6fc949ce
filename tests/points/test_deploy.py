"""Rows become the columns of the right deployment, or say why not."""

import numpy as np
import pytest

from planner.catalog.coefficients import effective
from planner.domain.engine import Factor
from planner.points.deploy import NETWORK, deploy, refusals

MIXTURE = {"model": "Qwen/Qwen3-235B-A22B", "precision": "fp8"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"engine": "static-baseline"}, "continuous batching"),
        ({"engine": "trtllm", "accelerator": "mi300x"}, "TensorRT-LLM runs on nvidia"),
        ({"accelerator": "a100-sxm-80gb", "precision": "fp8"}, "fp8"),
        ({"tp": 3}, "tp3"),
        ({"tp": 8, "ep": 8}, "ep8: meta-llama/Llama-3.1-8B-Instruct has no routed experts"),
        (MIXTURE | {"tp": 3, "dp": 2}, "tp3"),
    ],
)
def test_what_cannot_be_deployed_says_why(points, catalog, change, words):
    (found,) = refusals(points(change), catalog)
    assert words.lower() in found.lower()


@pytest.mark.parametrize(
    "change", [{}, {"tp": 8}, {"dp": 4}, MIXTURE | {"tp": 8, "ep": 8}, MIXTURE | {"tp": 4, "dp": 2, "ep": 1}]
)
def test_what_can_be_deployed_is_not_refused(points, catalog, change):
    assert list(refusals(points(change), catalog)) == [""]


def test_a_device_without_coefficients_is_refused_with_the_remedy(points, catalog):
    """Rows of coefficients for any accelerator are taken away."""
    mute = catalog.model_copy(update={"coefficients": {}})
    (found,) = refusals(points({}), mute)
    assert "add a row `h100-sxm/vllm/bf16`" in found


def test_refusals_stay_with_their_rows_and_roles(points, catalog, split):
    table = points({}, {"tp": 3}, {}, {"tp": 3})
    assert [bool(found) for found in refusals(table, catalog)] == [False, True, False, True]
    apart = points(split | {"decode_tp": 3})
    assert list(refusals(apart, catalog, "prefill")) == [""]
    assert "tp3" in refusals(apart, catalog, "decode")[0]


def test_each_row_is_its_own_deployment(points, catalog, deepseek):
    rows = ({}, deepseek, {"precision": "fp8", "tp": 2}, {"accelerator": "b200-sxm", "engine": "trtllm"})
    together = deploy(points(*rows), catalog)
    for place, row in enumerate(rows):
        alone = deploy(points(row), catalog)
        for part in ("model", "precision", "hardware", "link", "coefficients", "engine", "layout"):
            one, all_ = getattr(alone.columns, part), getattr(together.columns, part)
            for name in vars(one):
                value = np.broadcast_to(getattr(all_, name), (len(rows),))[place]
                assert value == np.broadcast_to(getattr(one, name), (1,))[0], (part, name)
        assert together.cases[together.case[place]] == alone.cases[0]


def test_coefficients_are_those_of_the_case(points, catalog, deepseek):
    made = deploy(points({}, deepseek), catalog)
    for place in range(2):
        expected = effective(catalog, made.cases[made.case[place]])
        for name, values in vars(made.columns.coefficients).items():
            assert values[place] == expected[name]
    assert {"mixture", "latent", "quantized"} == made.cases[made.case[1]].kinds


def test_a_factor_of_a_version_holds_for_points_of_that_version(points, catalog):
    more = Factor(coefficient="host_per_layer", version="0.11", factor=2.0, source="test", as_of="2026")
    versioned = catalog.model_copy(update={"factors": catalog.factors | {"test": more}})
    table = points({"engine_version": "0.11.2"}, {"engine_version": "0.12"}, {})
    plain, found = (deploy(table, one).columns.coefficients for one in (catalog, versioned))
    assert list(found.host_per_layer / plain.host_per_layer) == pytest.approx([2.0, 1.0, 1.0])
    assert list(found.bandwidth_efficiency) == list(plain.bandwidth_efficiency)


def test_experts_spread_over_all_ranks_with_data_parallel_attention(points, catalog):
    rows = [
        MIXTURE | {"tp": 8},  # experts are cut like everything else
        MIXTURE | {"tp": 8, "ep": 8},  # whole experts inside the group
        MIXTURE | {"tp": 2, "dp": 4},  # over tp·dp devices, whatever ep says
        {"dp": 4},  # a dense model: plain copies
    ]
    layout = deploy(points(*rows), catalog).columns.layout
    assert list(layout.ep) == [1, 8, 8, 1]
    assert list(layout.gpus) == [8, 8, 8, 4]


def test_workers_count_as_copies_of_a_role(points, catalog, split):
    table = points(split | {"prefill_workers": 3, "prefill_tp": 2, "decode_workers": 2, "decode_tp": 4})
    prefill, decode = deploy(table, catalog, "prefill"), deploy(table, catalog, "decode")
    assert (prefill.copies[0], prefill.gpus[0]) == (3, 6)
    assert (decode.copies[0], decode.gpus[0]) == (2, 8)
    assert deploy(points({"tp": 4}), catalog).gpus[0] == 4


def test_machines_are_those_the_accelerator_is_sold_in(points, catalog):
    # Boards of eight; trays of four in a rack. Sixteen devices of boards cross the network at 50 GB/s each, those of a rack
    # do not.
    made = deploy(points(MIXTURE | {"tp": 8, "dp": 2}, MIXTURE | {"accelerator": "gb200", "tp": 8, "dp": 2}), catalog).columns
    assert list(made.hardware.devices) == [8, 4]
    assert made.link.alltoall_beta[0] < 2 * NETWORK
    assert made.link.alltoall_beta[1] > 4 * NETWORK


def test_no_rows_make_no_columns(points, catalog):
    assert list(refusals(points({}).iloc[:0], catalog)) == []
