"""The built-in catalogs of hardware, prices, precisions and engines: floors, references, order of prices, published values."""

from collections.abc import Iterator

import pytest

from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.hardware import Instance, Price

GIB = 1024.0**3
TERA = 1e12


@pytest.fixture(scope="module")
def built_in() -> Catalog:
    return load_builtin()


def priced(catalog: Catalog) -> Iterator[tuple[str, Price]]:
    for name, instance in catalog.instances.items():
        for price in instance.prices:
            yield f"{name} in {price.region}", price


def test_the_catalog_is_as_wide_as_promised(built_in: Catalog) -> None:
    rented = {name: row for name, row in built_in.instances.items() if row.prices}
    assert len(built_in.accelerators) >= 25
    assert len(rented) >= 60
    assert len({row.seller for row in rented.values()}) >= 6
    assert {"aws", "azure", "gcp"} <= {row.seller for row in rented.values()}
    assert len(built_in.precisions) >= 8
    assert {"kv-bf16", "kv-fp8"} <= set(built_in.kv_precisions)
    assert {"vllm", "sglang", "trtllm", "static-baseline"} == set(built_in.engines)


def test_instances_name_themselves_and_link_to_accelerators_and_fabrics(built_in: Catalog) -> None:
    for name, row in built_in.instances.items():
        assert name == f"{row.seller}/{row.instance_type}"
        assert row.accelerator in built_in.accelerators, name
        assert row.fabric in built_in.fabrics, name
        assert row.network_fabric in built_in.fabrics, name
        assert (row.count == 1) == (row.fabric == "none"), name
        assert built_in.fabrics[row.network_fabric].scope == "scale_out", name


def test_accelerators_and_engines_link_to_what_exists(built_in: Catalog) -> None:
    for name, accelerator in built_in.accelerators.items():
        assert accelerator.fabric in built_in.fabrics, name
    for name, engine in built_in.engines.items():
        assert set(engine.precisions) <= set(built_in.precisions), name
        assert set(engine.kv_precisions) <= set(built_in.kv_precisions), name
    for name, offer in built_in.owned.items():
        assert offer.instance in built_in.instances, name


def test_only_machines_that_can_be_owned_lack_a_price(built_in: Catalog) -> None:
    ownable = {offer.instance for offer in built_in.owned.values()}
    assert {name for name, row in built_in.instances.items() if not row.prices} <= ownable


def test_a_region_has_one_price(built_in: Catalog) -> None:
    for name, row in built_in.instances.items():
        regions = [price.region for price in row.prices]
        assert len(regions) == len(set(regions)), name


def test_every_price_row_has_a_price_and_commitment_never_costs_more(built_in: Catalog) -> None:
    for where, price in priced(built_in):
        descending = [price.on_demand, price.reserved_1y, price.reserved_3y]
        known = [value for value in descending if value is not None]
        assert known or price.spot is not None, where
        assert known == sorted(known, reverse=True), where
        if price.spot is not None and price.on_demand is not None:
            assert price.spot <= price.on_demand, where


def test_prices_per_device_are_plausible(built_in: Catalog) -> None:
    # A slipped decimal or a per-node price taken as per-GPU would leave this range; the dearest is Azure's GB200 in Korea.
    def per_device(row: Instance, value: float) -> float:
        return value / row.count

    for name, row in built_in.instances.items():
        for price in row.prices:
            if price.on_demand is not None:
                assert 0.1 <= per_device(row, price.on_demand) <= 40.0, name


def test_owning_costs_less_than_the_dearest_rent_and_more_than_power(built_in: Catalog) -> None:
    for name, offer in built_in.owned.items():
        machine = built_in.instances[offer.instance]
        rents = [
            price.on_demand * machine.count / row.count
            for row in built_in.instances.values()
            for price in row.prices
            if row.accelerator == machine.accelerator and price.on_demand is not None
        ]
        assert offer.energy < offer.hourly < max(rents), name


def test_an_owned_h100_node_agrees_with_published_cost_of_ownership(built_in: Catalog) -> None:
    # SemiAnalysis constants in InferenceX (2026-04): 1.69 $/GPU-h for a neocloud that owns H100s; ours leaves staff out.
    assert built_in.owned["8x-h100-sxm-us"].hourly / 8 == pytest.approx(1.69, rel=0.15)


def test_fabrics_get_no_faster_than_the_links_they_are_made_of(built_in: Catalog) -> None:
    for name, accelerator in built_in.accelerators.items():
        for point in built_in.fabrics[accelerator.fabric].allreduce:
            if accelerator.link_bandwidth is not None and point.n <= accelerator.scale_up_domain:
                assert point.beta <= accelerator.link_bandwidth, (name, point.n)


def test_tensor_parallelism_over_pcie_comes_out_as_bad_as_it_is(built_in: Catalog) -> None:
    # Handbook §4: a message of 1 MiB over four devices takes 4.9 us + 1.5 MiB/305 GB/s = 10 us on NVLink 4, and
    # 12.6 us + 1.5 MiB/4.4 GB/s = 370 us on the PCIe of L40S.
    def time(fabric: str) -> float:
        point = next(point for point in built_in.fabrics[fabric].allreduce if point.n == 4)
        return point.alpha + 1.5 * 2**20 / point.beta

    assert time("nvlink4") == pytest.approx(10.1e-6, rel=0.01)
    assert time("pcie4") == pytest.approx(370e-6, rel=0.01)


def test_formats_without_matrix_units_are_not_listed(built_in: Catalog) -> None:
    peak = {name: set(row.peak) for name, row in built_in.accelerators.items()}
    assert "fp8" not in peak["a100-sxm-80gb"]
    assert "int8" in peak["a40"]
    assert "int8" in peak["a10"]
    assert not {"bf16", "fp8"} & peak["t4"]
    assert peak["v100-sxm2-16gb"] == {"fp16"}
    assert "fp4" not in peak["h100-sxm"]
    assert "fp4" in peak["b200-sxm"]
    assert "fp4" not in peak["mi300x"]
    assert "fp4" in peak["mi355x"]


@pytest.mark.parametrize(
    ("name", "bandwidth", "fmt", "rate", "memory"),
    [
        ("t4", 320e9, "fp16", 65, 15360 / 1024),  # NVIDIA T4 data sheet; memory: nvidia-smi
        ("a100-sxm-80gb", 2039e9, "bf16", 312, 80),  # NVIDIA A100 80GB data sheet
        ("a100-pcie-40gb", 1555e9, "int8", 624, 40),  # NVIDIA A100 40GB data sheet
        ("a30", 933e9, "bf16", 165, 24),  # NVIDIA A30 data sheet
        ("l4", 300e9, "fp8", 242, 22888 / 1024),  # NVIDIA L4 data sheet, 485 with sparsity; memory: AWS API
        ("l40s", 864e9, "fp8", 733, 46068 / 1024),  # NVIDIA L40S data sheet, 1466 with sparsity; memory: nvidia-smi
        ("h100-sxm", 3350e9, "bf16", 989, 81559 / 1024),  # NVIDIA H100 data sheet, 1979 with sparsity; memory: nvidia-smi
        ("h100-pcie", 2000e9, "fp8", 1513, 80),  # NVIDIA H100 data sheet, 3026 with sparsity
        ("h200-sxm", 4800e9, "fp8", 1979, 143771 / 1024),  # NVIDIA H200 data sheet, 3958 with sparsity; memory: nvidia-smi
        (
            "b200-sxm",
            7700e9,
            "fp4",
            9000,
            183359 / 1024,
        ),  # DGX B200 data sheet, 144 PFLOP/s sparse over 8; bandwidth: pytorch/ao#4002
        ("gb200", 8000e9, "fp8", 5000, 189471 / 1024),  # GB200 NVL72 data sheet, 720 PFLOP/s sparse over 72
        ("mi300x", 5300e9, "bf16", 1307, 192),  # AMD Instinct MI300X data sheet (1307.4)
        ("mi355x", 8000e9, "fp8", 5033, 288),  # AMD Instinct MI355X data sheet (5.0 PFLOP/s)
        ("rtx-pro-6000-server", 1597e9, "fp4", 1871.2, 97887 / 1024),  # NVIDIA data sheet 2025-12; rate at a measured 2430 MHz
        ("gaudi3", 3700e9, "bf16", 1677, 128),  # Intel Gaudi 3 at its real clock; the white paper says 1835
    ],
)
def test_published_values(built_in: Catalog, name: str, bandwidth: float, fmt: str, rate: float, memory: float) -> None:
    row = built_in.accelerators[name]
    assert row.bandwidth == pytest.approx(bandwidth)
    assert row.peak[fmt] == pytest.approx(rate * TERA)  # type: ignore[index]
    assert row.usable_memory == pytest.approx(memory * GIB, rel=1e-3)


@pytest.mark.parametrize(
    ("instance", "region", "offer", "dollars"),
    [
        ("aws/p5.48xlarge", "us-east-1", "on_demand", 55.04),  # AWS price list since June 2025
        ("azure/Standard_ND96isr_H100_v5", "eastus", "on_demand", 98.32),  # Azure retail price, 2026-06
        ("gcp/a3-highgpu-8g", "us-central1", "reserved_3y", 38.864381),  # GCP committed use, 2025-03
        ("lambda/gpu_8x_h100_sxm5", "us", "on_demand", 31.92),  # lambda.ai: 3.99 a GPU
        ("coreweave/hgx-b200-8x", "us", "spot", 34.11),  # coreweave.com/pricing, 2026-09
        (
            "nebius/gpu-h100-sxm_8gpu-128vcpu-1600gb",
            "eu-north1",
            "on_demand",
            36.0,
        ),  # nebius.com/prices: 4.50 a GPU since 2026-10
        ("hyperstack/n3-H100-SXM5x8", "US-1", "reserved_3y", 21.76),  # hyperstack.cloud: from 2.72 a GPU
        ("qubrid/b200-8x", "us", "reserved_1y", 34.0),  # qubrid.com: 297840 a year of 8760 h
    ],
)
def test_published_prices(built_in: Catalog, instance: str, region: str, offer: str, dollars: float) -> None:
    price = next(price for price in built_in.instances[instance].prices if price.region == region)
    assert getattr(price, offer) == pytest.approx(dollars)


def test_a_rack_scale_domain_reaches_beyond_its_trays(built_in: Catalog) -> None:
    for name in ("gb200", "gb300"):
        assert built_in.accelerators[name].scale_up_domain == 72
    trays = [row for row in built_in.instances.values() if row.accelerator == "gb200"]
    assert {row.count for row in trays} == {4}


def test_precisions_run_somewhere_and_ampere_runs_no_fp8(built_in: Catalog) -> None:
    for name, precision in built_in.precisions.items():
        able = {a for a, row in built_in.accelerators.items() if {precision.compute, *precision.needs} <= set(row.peak)}
        assert able, name
        assert ("a100-sxm-80gb" in able) == (precision.compute not in {"fp8", "fp4"}), name
        assert any(name in engine.precisions for engine in built_in.engines.values()), name


def test_stored_bits_follow_from_the_formats(built_in: Catalog) -> None:
    # Handbook §1: 4 bits + 16-bit scale per 128 + 4-bit zero per 128; 8-bit scale per 16 and per 32; fp32 scale per 128 × 128.
    bits = {name: row.bits_per_weight for name, row in built_in.precisions.items()}
    assert bits["w4a16-awq"] == pytest.approx(4 + 16 / 128 + 4 / 128, abs=1e-3)
    assert bits["nvfp4"] == 4 + 8 / 16
    assert bits["mxfp4"] == 4 + 8 / 32
    assert bits["fp8-block"] == pytest.approx(8 + 32 / 128**2, abs=1e-3)
    assert bits["int4-qat"] == 4 + 16 / 32


def test_recoveries_are_fractions_with_the_pessimistic_end_below(built_in: Catalog) -> None:
    for name, precision in built_in.precisions.items():
        for recovery in precision.recoveries:
            assert 0.9 <= recovery.recovery <= 1.0, name
            assert recovery.low is None or recovery.low <= recovery.recovery, name


def test_rows_say_where_their_numbers_come_from(built_in: Catalog) -> None:
    sections = (built_in.accelerators, built_in.fabrics, built_in.precisions, built_in.kv_precisions, built_in.engines)
    for section in sections:
        for name, row in section.items():
            assert row.source, name
            assert row.as_of >= "2024", name
    for where, price in priced(built_in):
        assert price.source, where
        assert price.as_of >= "2025", where


def test_assumed_fabrics_name_the_fields_they_assume(built_in: Catalog) -> None:
    for name, fabric in built_in.fabrics.items():
        assert fabric.status != "assumed" or fabric.unverified, name
