from __future__ import annotations

import numpy as np
import pytest

from planner.perf.energy import HOST_SHARE, busy_power, mean_power, pool_energy, power_fit, utilization
from planner.perf.step import iteration_time


def test_fits_by_hand():
    # H100 at MFU .2, MBU .4: 700·(.48 + .29 + .116) = 620 W; B200: 1000·(.31 + .362 + .348) → capped at 1000.
    fit = power_fit(["h100-sxm", "b200-sxm"])
    power = busy_power(np.array([700.0, 1000.0]), np.asarray(0.2), np.asarray(0.4), fit)
    assert power == pytest.approx([700 * 0.886, 1000])


def test_other_devices_take_the_h100_line_and_say_so():
    fit = power_fit(["mi300x", "H100-PCIe", "b200"])
    assert fit.assumed.tolist() == [1, 0, 0]
    assert fit.static.tolist() == [0.48, 0.48, 0.31]


def test_power_stays_in_the_range_observed_on_h100():
    # Handbook §8: 353–690 W in serving.
    fit = power_fit(["h100"])
    for mfu, mbu in ((0.0, 0.1), (0.02, 0.6), (0.3, 0.2)):
        assert 336 <= float(busy_power(np.asarray(700.0), np.asarray(mfu), np.asarray(mbu), fit)[0]) <= 700


def test_mean_power_between_idle_and_busy():
    assert mean_power(np.asarray(700.0), np.asarray(600.0), np.asarray(1.0)) == pytest.approx(600)
    assert mean_power(np.asarray(700.0), np.asarray(600.0), np.asarray(0.0)) == pytest.approx(110)
    assert mean_power(np.asarray(700.0), np.asarray(600.0), np.asarray(0.5)) == pytest.approx(355)


def test_a_node_of_eight_at_full_power_draws_what_was_measured():
    # 8.4 kW (Latif et al. 2025, handbook §8); an hour of it at PUE 1.5 is 12.6 kWh.
    assert pytest.approx(0.5) == HOST_SHARE
    energy = pool_energy(np.asarray(8.0), np.asarray(700.0), np.asarray(700.0), np.asarray(1.5), np.asarray(3600.0))
    assert energy / 3.6e6 == pytest.approx(12.6)


def test_utilization_is_work_over_time(case):
    # One token of Llama-3.1-8B: 2·7.505e9 FLOP and 15.01 GB within τ.
    step, coefficients, hardware = case.step("llama-3.1-8b"), case.coefficients(), case.hardware()
    loads = tuple(np.asarray(value) for value in (1.0, 0.0, 0.0, 0.0))
    tau = iteration_time(step, *loads)
    mfu, mbu = utilization(step, coefficients, hardware, loads, tau)
    assert mfu == pytest.approx(2 * 7.505e9 / 989e12 / tau, rel=1e-3)
    assert mbu == pytest.approx(2 * 7.505e9 / 3.35e12 / tau, rel=1e-3)


def test_utilization_never_exceeds_efficiency(case):
    step, coefficients, hardware = case.step("llama-3.1-70b", tp=4), case.coefficients(), case.hardware()
    loads = tuple(np.asarray(value) for value in (64.0, 5e10, 2048.0, 1e13))
    mfu, mbu = utilization(step, coefficients, hardware, loads, iteration_time(step, *loads))
    assert 0 < mfu < 0.81
    assert 0 < mbu < 0.87
