"""Arrival processes: counts against theory, time change against the profile it follows."""

import math

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from planner.demand.statistics import gap_scv
from planner.errors import InvalidInput
from planner.simulate.arrivals import Bursts, Profile, along, bursts_of, daily, diurnal, flares, gamma, modulated, poisson
from planner.simulate.requests import Floats


def chance(seed: int = 1) -> Generator:
    return Generator(PCG64(seed))


def counts(times: Floats, window: float, span: float) -> Floats:
    return np.histogram(times, np.arange(0, span + window / 2, window))[0].astype(np.float64)


def idc(times: Floats, window: float, span: float) -> float:
    found = counts(times, window, span)
    return float(found.var() / found.mean())


def test_poisson_counts_have_mean_and_variance_alike() -> None:
    times = poisson(10, 20_000, chance())
    assert len(times) == pytest.approx(200_000, abs=4 * math.sqrt(200_000))
    assert np.all(np.diff(times) >= 0)
    # The variance of 2000 counts is known to √(2/2000) = 3.2 %.
    assert idc(times, 10, 20_000) == pytest.approx(1, abs=4 * 0.032)


@pytest.mark.parametrize("scv", [0.25, 1.0, 4.0])
def test_gamma_gaps_have_the_burstiness_asked_for(scv: float) -> None:
    times = gamma(10, scv, 20_000, chance())
    assert len(times) == pytest.approx(200_000, abs=4 * math.sqrt(200_000 * scv))
    assert gap_scv(times) == pytest.approx(scv, rel=0.05)
    # Counts over windows of many gaps have the gaps' variation (Cox 1962); 400 windows tell it to 7 %.
    assert idc(times, 50, 20_000) == pytest.approx(scv, rel=0.28)
    assert (times[0] >= 0, times[-1] < 20_000, bool(np.all(np.diff(times) >= 0))) == (True, True, True)


@pytest.mark.parametrize("scv", [0.25, 4.0])
def test_renewal_process_begins_in_its_middle(scv: float) -> None:
    # E[N(t)] = λt holds from the start only for the equilibrium process: half a gap in, that is 0.5 calls.
    rng = chance(3)
    found = np.array([len(gamma(1.0, scv, 0.5, rng)) for _ in range(20_000)])
    assert found.mean() == pytest.approx(0.5, abs=4 * found.std() / math.sqrt(20_000))


def test_no_rate_has_no_calls_and_no_burstiness_is_refused() -> None:
    assert len(gamma(0.0, 1.0, 100, chance())) == 0
    with pytest.raises(InvalidInput, match="1 for independent calls"):
        gamma(1.0, 0.0, 100, chance())


def test_profile_by_hand() -> None:
    # 2/s for 10 s, then 6/s for 5 s: Λ = 0, 20, 50.
    made = Profile(np.array([0.0, 10, 15]), np.array([2.0, 6]))
    assert made.expected.tolist() == [0, 20, 50]
    assert made.at(np.array([0.0, 9.9, 10, 15])).tolist() == [2, 2, 6, 6]
    both = made.times(Profile(np.array([0.0, 5, 12]), np.array([1.0, 0.5])))
    assert both.edges.tolist() == [0, 5, 10, 12]
    assert both.rates.tolist() == [2, 1, 3]


def test_day_by_hand() -> None:
    # From half past ten: half an hour of hour 10, an hour of 11, a quarter of an hour of 12.
    made = daily(2.0, range(24), 6300, start=10.5 * 3600)
    assert made.edges.tolist() == [0, 1800, 5400, 6300]
    assert made.rates.tolist() == [20, 22, 24]
    assert daily(1.0, [1, 3], 3 * 3600).rates.tolist() == [1, 3, 1]


@pytest.mark.parametrize("scv", [0.3, 1.0, 3.0])
def test_time_change_reproduces_the_profile_and_keeps_the_burstiness(scv: float) -> None:
    made = daily(4.0, [0.5, 0.0, 2.0, 1.0], 4 * 3600)
    times = along(made, chance(), scv)
    expected = np.diff(made.expected)
    found = counts(times, 3600, 4 * 3600)
    assert found[1] == 0
    np.testing.assert_allclose(found, expected, atol=4 * math.sqrt(expected.max() * scv))
    assert gap_scv(times[times >= 2 * 3600][:20_000]) == pytest.approx(scv, rel=0.15)


def test_bursts_of_a_dispersion_have_it() -> None:
    made = bursts_of(20.0, rate=5.0, peak=3.0, share=0.2)
    # b = 19 / (2 · 5 · 2² · 0.2) = 2.375 s; calm = (1 − 0.6)/0.8 = 0.5; lull = 2.375 · 4 = 9.5 s.
    assert (made.length, made.calm, made.lull) == pytest.approx((2.375, 0.5, 9.5))
    assert made.dispersion(5.0) == pytest.approx(20)


def test_dispersion_is_the_cookbooks() -> None:
    # Rates λ₁ = 15, λ₂ = 2.5 and r₁ = 1/2.375, r₂ = 1/9.5 put into the cookbook's expression for windows of length t.
    made, first, second, out, back, window = Bursts(3.0, 0.2, 2.375), 15.0, 2.5, 1 / 2.375, 1 / 9.5, 4.0
    both = out + back
    level = 2 * (first - second) ** 2 * out * back / (both**2 * (first * back + second * out))
    theirs = 1 + level * (1 - (1 - math.exp(-both * window)) / (both * window))
    assert made.dispersion(5.0, window) == pytest.approx(theirs)
    assert made.dispersion(5.0, 1e-9) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("window", [1.0, 10.0, 100.0])
def test_modulated_counts_disperse_as_theory_says(window: float) -> None:
    bursts, span = Bursts(peak=3.0, share=0.2, length=2.375), 60_000.0
    times = modulated(5.0, bursts, span, chance(2))
    assert len(times) == pytest.approx(5 * span, abs=4 * math.sqrt(5 * span * bursts.dispersion(5.0)))
    # 600 windows of 100 s tell a variance to √(2/600) = 6 %; the shorter ones are many, but depend on their neighbours.
    assert idc(times, window, span) == pytest.approx(bursts.dispersion(5.0, window), rel=0.2)


def test_bursts_last_and_return_as_asked() -> None:
    bursts = Bursts(peak=4.0, share=0.2, length=10.0)
    path = flares(bursts, 200_000, chance())
    stays = np.diff(path.edges)
    # 4000 stays: their mean is known to 1/√4000 = 1.6 %.
    assert stays[path.rates == 4.0].mean() == pytest.approx(10, rel=0.07)
    assert stays[path.rates == bursts.calm].mean() == pytest.approx(40, rel=0.07)
    assert path.expected[-1] / path.span == pytest.approx(1, abs=0.05)
    # In a burst at the beginning as often as at any other time: 2000 paths tell 0.2 to √(0.2 · 0.8 / 2000) = 0.9 %.
    rng = chance(2)
    assert np.mean([flares(bursts, 1.0, rng).rates[0] == 4.0 for _ in range(2000)]) == pytest.approx(0.2, abs=4 * 0.009)


def test_bursts_on_a_day_keep_its_mean() -> None:
    bursts = Bursts(peak=3.0, share=0.2, length=30.0)
    times = diurnal(2.0, [0.5, 1.5], 50 * 3600, chance(), bursts=bursts)
    found = counts(times, 3600, 50 * 3600).reshape(-1, 2).mean(axis=0)
    # One hour's count has variance λT · IDC = 10800 · 145 at worst; 25 of them.
    assert found == pytest.approx([3600, 10_800], abs=4 * math.sqrt(10_800 * bursts.dispersion(3.0) / 25))
    # In the quieter hours, minutes disperse as bursts at a mean rate of 1/s make them: 1500 minutes, each like its neighbours.
    quiet = counts(times, 60, 50 * 3600).reshape(-1, 2, 60)[:, 0].ravel()
    assert quiet.var() / quiet.mean() == pytest.approx(bursts.dispersion(1.0, 60), rel=0.3)


@pytest.mark.parametrize(
    ("peak", "share", "length", "part"),
    [
        (1.0, 0.2, 1.0, "is no burst"),
        (2.0, 0.0, 1.0, "is no burst"),
        (2.0, 0.4, 0.0, "is no burst"),
        (4.0, 0.5, 1.0, "exceed the mean"),
    ],
)
def test_impossible_bursts_are_refused(peak: float, share: float, length: float, part: str) -> None:
    with pytest.raises(InvalidInput, match=part):
        Bursts(peak, share, length)


def test_the_same_seed_gives_the_same_times() -> None:
    bursts = Bursts(peak=3.0, share=0.2, length=30.0)
    first, again, other = (modulated(5.0, bursts, 1000, chance(seed), 2.0) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other) or not np.array_equal(first, other)
