from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.collectives import (
    LinkCost,
    allreduce_time,
    alltoall_time,
    hierarchical_allreduce,
    hierarchical_alltoall,
    interpolate_points,
    nominal_allreduce,
    p2p_time,
)

# Handbook §4: rows (n, α [s], β [B/s]).
NVLINK = np.array([(2, 4.4e-6, 279e9), (4, 4.9e-6, 305e9), (8, 5.4e-6, 380e9)])
PCIE = np.array([(2, 5.3e-6, 19e9), (4, 12.6e-6, 4.4e9), (8, 22e-6, 2e9)])


def cost(alpha: float, beta: float) -> LinkCost:
    return LinkCost(alpha=np.asarray(alpha), beta=np.asarray(beta))


def test_allreduce_of_one_megabyte_over_eight():
    # 5.4 µs + 2·7/8·1e6/380e9 = 5.4 + 4.605 µs
    assert allreduce_time(1e6, 8.0, interpolate_points(8.0, NVLINK)) == pytest.approx(10.005e-6, rel=1e-3)


def test_one_device_sends_nothing_whatever_the_link():
    nothing = cost(1.0, 0.0)
    assert allreduce_time(1e9, 1.0, nothing) == 0
    assert alltoall_time(1e9, 1.0, nothing) == 0


def test_measured_points_are_met_and_between_them_values_lie_between():
    for n, alpha, beta in NVLINK:
        found = interpolate_points(n, NVLINK)
        assert found.alpha == pytest.approx(alpha)
        assert found.beta == pytest.approx(beta)
    # Halfway between 4 and 8 in log n: α is the mean, β the geometric mean.
    middle = interpolate_points(np.sqrt(32.0), NVLINK)
    assert middle.alpha == pytest.approx(5.15e-6)
    assert middle.beta == pytest.approx(np.sqrt(305e9 * 380e9))


def test_beyond_the_points_nothing_improves():
    # NVLink: α doubles with n, β stays. PCIe: β keeps halving (2.2-fold per doubling: 4.4 → 2 → 0.91).
    assert interpolate_points(16.0, NVLINK).alpha == pytest.approx(10.8e-6)
    assert interpolate_points(16.0, NVLINK).beta == pytest.approx(380e9)
    assert interpolate_points(16.0, PCIE).beta == pytest.approx(2e9 * 2 / 4.4)


def test_a_single_point_is_enough():
    assert interpolate_points(4.0, NVLINK[:1]).beta == pytest.approx(279e9)
    assert interpolate_points(4.0, NVLINK[:1]).alpha == pytest.approx(8.8e-6)


def test_vector_equals_scalar():
    many = interpolate_points(np.array([1.0, 2.0, 3.0, 8.0, 32.0]), PCIE)
    for place, n in enumerate((1.0, 2.0, 3.0, 8.0, 32.0)):
        assert many.alpha[place] == interpolate_points(n, PCIE).alpha
        assert many.beta[place] == interpolate_points(n, PCIE).beta


@given(volume=st.floats(1e5, 1e9), n=st.sampled_from([2.0, 4.0, 8.0]))
def test_pcie_is_at_least_ten_times_slower_than_nvlink_for_large_messages(volume, n):
    slow, fast = (allreduce_time(volume, n, interpolate_points(n, points)) for points in (PCIE, NVLINK))
    assert slow > fast
    if volume > 1e7:
        assert slow > 10 * fast


def test_nominal_ring():
    # 4 devices, 64 GB/s at 80 %, 5 µs a hop: α = 2·3·5 µs.
    made = nominal_allreduce(4.0, np.asarray(64e9), np.asarray(0.8), np.asarray(5e-6))
    assert made.alpha == pytest.approx(30e-6)
    assert made.beta == pytest.approx(51.2e9)


def test_point_to_point_over_nvlink():
    # Handbook §4: 7.6 µs + 357 GB/s; 1 MiB takes 7.6 + 2.94 µs.
    assert p2p_time(2.0**20, cost(7.6e-6, 357e9)) == pytest.approx(10.54e-6, rel=1e-3)


def test_hierarchy_of_one_node_or_one_device_is_the_plain_link():
    inner, outer = cost(5e-6, 380e9), cost(30e-6, 40e9)
    flat = hierarchical_allreduce(inner, outer, 8.0, 1.0)
    assert (float(flat.alpha), float(flat.beta)) == pytest.approx((5e-6, 380e9))
    wide = hierarchical_allreduce(inner, outer, 1.0, 4.0)
    assert (float(wide.alpha), float(wide.beta)) == pytest.approx((30e-6, 40e9))
    alone = hierarchical_allreduce(inner, outer, 1.0, 1.0)
    assert float(alone.alpha) == 0
    assert np.isinf(alone.beta)


def test_hierarchical_allreduce_by_hand():
    # 2 nodes of 8, X = 1 GB: 2·7/8/380e9 + 2·1/2/(8·40e9) = 4.605 + 3.125 ms per GB, and both latencies.
    link = hierarchical_allreduce(cost(5e-6, 380e9), cost(30e-6, 40e9), 8.0, 2.0)
    assert allreduce_time(1e9, 16.0, link) == pytest.approx(35e-6 + 4.605e-3 + 3.125e-3, rel=1e-3)


def test_hierarchical_alltoall_meets_deepep_slopes():
    """DeepEP low-latency on 8×H100 nodes, h = 7168, top-8, fp8 dispatch and bf16 combine (handbook §4, wideep table).

    Slope between 64 and 128 tokens per device, dispatch + combine: (112 − 69), (288 − 160), (471 − 254) µs per 64 tokens on
    1, 2 and 8 nodes. Link: 50 GB/s per adapter; the one-node slope sets β inside.
    """
    sent = 64 * 8 * 7168 * 3.0
    inside = sent * 7 / 8 / 43e-6
    for nodes, slope in ((2.0, 128e-6), (8.0, 217e-6)):
        link = hierarchical_alltoall(cost(0, inside), cost(0, 50e9), 8.0, nodes)
        assert alltoall_time(sent, 8.0 * nodes, link) == pytest.approx(slope, rel=0.15)


def test_generic_alltoall_by_hand():
    # 128 tokens × 8 experts × 4096 × 2 B over 4: 9.5 µs + 8.39e6·3/4/275e9
    assert alltoall_time(128 * 8 * 4096 * 2.0, 4.0, cost(9.5e-6, 275e9)) == pytest.approx(9.5e-6 + 22.88e-6, rel=1e-3)
