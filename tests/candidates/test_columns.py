"""Columns of Llama 3.1 70B on H100s against values worked out by hand from the config and the datasheet."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from planner.candidates.columns import ColumnFactory, allreduce_link, link_row, model_row, sixteen_bit_peak
from planner.candidates.layouts import Hardware
from planner.candidates.space import Space
from planner.domain.catalog import Catalog
from planner.domain.layout import Shape
from planner.errors import MissingFact
from planner.perf.memory import kv_held

READ = tiny.READ
HEAD = 128256 * 8192
# config.json of meta-llama/Llama-3.1-70B: 80 layers, hidden 8192, 64 heads, 8 KV heads of 128, intermediate 28672.
ATTENTION = 80 * (8192 * 8192 * 2 + 2 * 8192 * 1024)
DENSE = 80 * 3 * 8192 * 28672
LLAMA = {
    "family": "llama", "hidden": 8192, "layers": 80, "vocabulary": 128256,
    "attention": {"kind": "gqa", "layers": 80, "heads": 64, "kv_heads": 8, "head_dim": 128},
    "parameters": {"attention": ATTENTION, "dense": DENSE, "embedding": HEAD, "head": HEAD}, "max_context": 131072, **READ,
}  # fmt: skip
# H100 SXM datasheet: 80 GB, 3.35 TB/s, 989.4 dense bf16 and 1,978.9 dense fp8 TFLOP/s, 450 GB/s of NVLink each way.
H100 = tiny.device("80GB", "3.35TB/s", "989.4TFLOP/s", "1978.9TFLOP/s", "link", name="H100", link_bandwidth="450GB/s")


def facts() -> Catalog:
    made = tiny.catalog()
    made["accelerators"] = {"h100": H100}
    made["coefficients"] = {"h100/any/any": {"accelerator": "h100", **tiny.KERNELS}}
    return Catalog.model_validate({**made, "models": {"llama": LLAMA}, "instances": {}})


def space(*rows: tuple[int, int]) -> Space:
    """Rows of (precision, shape): bf16, fp8; tp1, tp4, tp2 pp2."""
    table = np.array(rows, dtype=np.intp).T
    zero = np.zeros(table.shape[1], dtype=np.intp)
    return Space(
        models=("llama",),
        precisions=("bf16", "fp8"),
        kv_precisions=("kv-bf16",),
        engines=("engine",),
        hardware=(Hardware("h100", 8, "link", 50e9, "ethernet"),),
        shapes=(Shape(1, 1, 1), Shape(4, 1, 1), Shape(2, 2, 1)),
        model=zero,
        precision=table[0],
        kv=zero,
        engine=zero,
        machine=zero,
        shape=table[1],
        drafts=(None,),
        draft=zero,
    )


def test_llama_70b_on_h100() -> None:
    made = space((0, 0), (1, 1), (1, 2))
    columns = ColumnFactory(facts(), made).columns(np.arange(3))
    assert columns.precision.weight_bytes.tolist() == [2.0, 1.0, 1.0]
    assert columns.precision.embedding_bytes.tolist() == [2.0, 2.0, 2.0]
    assert columns.hardware.memory.tolist() == [80e9] * 3
    assert columns.hardware.bandwidth.tolist() == [3.35e12] * 3
    assert columns.hardware.peak == pytest.approx(np.array([989.4e12, 1978.9e12, 1978.9e12]))
    assert columns.hardware.peak16 == pytest.approx(989.4e12)
    assert columns.layout.tp.tolist() == [1.0, 4.0, 2.0]
    assert columns.layout.pp.tolist() == [1.0, 1.0, 2.0]
    total = columns.model.attention_parameters + columns.model.dense_parameters + 2 * HEAD
    assert total == pytest.approx(70.55e9, rel=1e-3)  # 70.6B as published
    # 2 (K and V) · 80 layers · 8 heads · 128 · 2 B = 327,680 B a token
    assert kv_held(columns.model, columns.precision).full == pytest.approx(327_680.0)


def test_rows_are_taken_in_any_order() -> None:
    factory = ColumnFactory(facts(), space((0, 0), (1, 1), (1, 2)))
    forward, backward = factory.columns(np.arange(3)), factory.columns(np.array([2, 1, 0]))
    for part in ("precision", "hardware", "link", "coefficients", "layout", "engine"):
        one, other = getattr(forward, part), getattr(backward, part)
        for name in vars(one):
            left, right = (np.broadcast_to(getattr(bundle, name), 3) for bundle in (one, other))
            assert np.array_equal(left, right[::-1])


def test_absent_parts_of_a_model_are_zero() -> None:
    row = model_row(facts().models["llama"])
    for name in ("window", "kv_lora_rank", "rope_dim", "experts", "linear_layers", "state_elements", "index_topk"):
        assert row[name] == 0


def test_links_inside_and_across_machines() -> None:
    catalog, machine = facts(), Hardware("h100", 8, "link", 50e9, "ethernet")
    inside, across = link_row(catalog, machine, Shape(8, 1, 1)), link_row(catalog, machine, Shape(16, 1, 1))
    assert across["allreduce_beta"] < inside["allreduce_beta"] / 5  # tensor parallelism over a network is as bad as it is
    assert across["allreduce_alpha"] > inside["allreduce_alpha"]
    stages, wide = link_row(catalog, machine, Shape(4, 2, 1)), link_row(catalog, machine, Shape(8, 2, 1))
    assert stages["p2p_beta"] == pytest.approx(450e9 * 0.8)
    assert wide["p2p_beta"] == pytest.approx(50e9 * 0.8 / 8)  # eight devices share the machine's network
    assert wide["p2p_alpha"] == pytest.approx(20e-6)
    neutral = link_row(catalog, machine, Shape(1, 1, 1))
    assert set(neutral.values()) == {1.0}


def test_measured_collectives_win_over_nominal_ones() -> None:
    catalog = facts()
    point = {"n": 2, "alpha": "4us", "beta": "200GB/s"}
    measured = catalog.fabrics["link"].model_validate(tiny.catalog()["fabrics"]["link"] | {"allreduce": [point]})
    assert float(allreduce_link(measured, catalog.accelerators["h100"], 2).beta) == pytest.approx(200e9)


def test_missing_facts_are_named() -> None:
    device = facts().accelerators["h100"]
    with pytest.raises(MissingFact, match="no bf16 or fp16 peak rate"):
        sixteen_bit_peak(device.model_copy(update={"peak": {"fp8": 1e15}}))
    with pytest.raises(MissingFact, match="no bandwidth is known"):
        allreduce_link(facts().fabrics["link"], device.model_copy(update={"link_bandwidth": None}), 4)
