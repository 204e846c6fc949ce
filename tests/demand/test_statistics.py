"""Arrival statistics: hand-solved, against Poisson processes, and the figures of handbook §5."""

import math
from pathlib import Path

import numpy as np
import pytest

from planner.demand.lengths import from_spec
from planner.demand.statistics import busiest_window, dispersion, gap_scv, mean_rate, steady_window, window_counts
from planner.demand.trace import Trace, read_trace
from planner.domain import calls

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "traces"
needs_traces = pytest.mark.skipif(not SHARED.is_dir(), reason="measured traces are not beside this checkout")
BURST = np.array([0.0, 10.0, 11.0, 12.0, 30.0])


def test_by_hand() -> None:
    # Gaps 10, 1, 1, 18: mean 7.5, variance (6.25 + 42.25 + 42.25 + 110.25)/4 = 50.25, scv 50.25/56.25 = 0.8933.
    assert mean_rate(BURST) == pytest.approx(4 / 30)
    assert gap_scv(BURST) == pytest.approx(50.25 / 56.25)
    # Windows of 10 s: [0,10) 1, [10,20) 3, [20,30) 0; the request at 30 opens an incomplete one. Mean 4/3, variance 14/9.
    assert window_counts(BURST, 10).tolist() == [1, 3, 0]
    assert dispersion(BURST, 10) == pytest.approx((14 / 9) / (4 / 3))


def test_busiest_window_slides() -> None:
    # From 10 s on, 5 s hold three requests; windows laid on a grid of 11 s would cut the burst in two.
    busy = busiest_window(BURST, 5)
    assert (busy.start, busy.requests, busy.rate, busy.scv, busy.ties) == (10, 3, 0.6, 0, 0)
    assert busiest_window(BURST - 3, 5).start == 7


def test_window_longer_than_the_trace_is_the_trace() -> None:
    busy = busiest_window(BURST, 300)
    assert (busy.length, busy.requests) == (30, 5)
    assert busy.rate == mean_rate(BURST)


def test_figures_that_cannot_be_had_are_nan() -> None:
    assert math.isnan(gap_scv(np.array([0.0, 1.0])))
    assert math.isnan(gap_scv(np.array([0.0, 0.0, 0.0])))
    assert math.isnan(dispersion(BURST, 20))
    assert window_counts(BURST, 31).tolist() == []


def test_ties_are_seen() -> None:
    assert busiest_window(np.array([0.0, 0, 0, 3, 3, 3]), 10).ties == pytest.approx(4 / 5)


def test_poisson_has_one_everywhere() -> None:
    arrivals = np.cumsum(np.random.default_rng(7).exponential(0.1, 40_000))
    assert mean_rate(arrivals) == pytest.approx(10, rel=0.02)
    assert gap_scv(arrivals) == pytest.approx(1, abs=0.05)
    assert dispersion(arrivals, 10) == pytest.approx(1, abs=0.2)
    assert busiest_window(arrivals, 300).scv == pytest.approx(1, abs=0.1)


def test_even_spacing_has_none() -> None:
    even = np.arange(1000.0)
    assert gap_scv(even) == 0
    assert dispersion(even, 10) == 0


def test_steady_window_finds_the_burst() -> None:
    # Poisson bursts of 20 s at 10/s, one every 300 s: any longer window has one huge gap.
    rng = np.random.default_rng(3)
    arrivals = np.sort(np.concatenate([300 * k + rng.uniform(0, 20, 200) for k in range(5)]))
    assert busiest_window(arrivals, 600).scv > 50
    steady = steady_window(arrivals, 600, 10, 30)
    assert steady is not None
    assert steady.scv < 10
    assert steady_window(np.array([0.0, 1, 2, 100]), 50, 10, 30) is None


def azure(name: str) -> Trace:
    return read_trace(calls.TraceFile(path=f"AzureLLMInferenceTrace_{name}.csv"), SHARED)


@needs_traces
def test_handbook_burstiness_of_the_azure_traces() -> None:
    # Handbook §5: conversation c_a² = 1.2, code 173.
    assert gap_scv(azure("conv").arrivals) == pytest.approx(1.2, abs=0.01)
    assert gap_scv(azure("code").arrivals) == pytest.approx(173, abs=0.5)


@needs_traces
def test_handbook_dispersion_of_the_conversation_trace() -> None:
    # Handbook §5 gives variance/mean 20 of counts in 60 s windows, the last 22 s counted as a whole one. Complete ones: 16.
    arrivals = azure("conv").arrivals
    with_rest = np.bincount((arrivals // 60).astype(int))
    assert with_rest.var() / with_rest.mean() == pytest.approx(20, abs=0.6)
    assert dispersion(arrivals, 60) == pytest.approx(16.1, abs=0.1)


@needs_traces
@pytest.mark.parametrize(
    ("name", "column", "low", "high"),
    [("conv", "input", 0.92, 0.93), ("code", "input", 0.92, 0.93), ("conv", "output", 0.59, 0.6), ("code", "output", 4.6, 4.62)],
)
def test_handbook_length_variation(name: str, column: str, low: float, high: float) -> None:
    # Handbook §5: inputs .92 to .93; outputs .60 chat, 4.6 code.
    trace = azure(name)
    tokens = trace.input_tokens if column == "input" else trace.output_tokens
    assert low <= tokens.var() / tokens.mean() ** 2 <= high


@needs_traces
def test_peaks_told_in_the_docs() -> None:
    conv, code = azure("conv").arrivals, azure("code").arrivals
    assert busiest_window(conv, 300).rate == pytest.approx(7.94, abs=0.005)
    assert busiest_window(conv, 300).scv == pytest.approx(1.09, abs=0.01)
    assert busiest_window(code, 300).rate == pytest.approx(4.60, abs=0.005)
    assert busiest_window(code, 30).rate == pytest.approx(18.57, abs=0.005)
    assert busiest_window(code, 30).scv == pytest.approx(3.85, abs=0.01)


@needs_traces
@pytest.mark.parametrize(
    ("name", "column", "percentiles", "maximum"),
    [
        ("conv", "input", {5: 181, 10: 207, 25: 396, 50: 1020, 75: 1189, 90: 2734, 95: 4083, 99: 4142, 99.9: 6179}, 14050),
        ("conv", "output", {5: 41, 10: 54, 25: 85, 50: 129, 75: 395, 90: 424, 95: 451, 99: 601, 99.9: 954}, 1000),
        ("code", "input", {5: 75, 10: 147, 25: 578, 50: 1469, 75: 2744, 90: 5188, 95: 7303, 99: 7436, 99.9: 7437}, 7437),
        ("code", "output", {5: 6, 10: 7, 25: 9, 50: 13, 75: 24, 90: 55, 95: 90, 99: 251, 99.9: 825}, 1899),
    ],
)
def test_percentiles_told_in_the_docs_stand_for_the_trace(
    name: str, column: str, percentiles: dict[float, int], maximum: int
) -> None:
    trace = azure(name)
    tokens = trace.input_tokens if column == "input" else trace.output_tokens
    for share, value in percentiles.items():
        assert np.percentile(tokens, share) == pytest.approx(value, abs=0.6)
    spec = calls.Lengths(percentiles={f"p{share:g}": value for share, value in percentiles.items()}, maximum=maximum)
    made = from_spec(spec, SHARED, column="input")
    assert made.mean == pytest.approx(tokens.mean(), rel=0.015)
    assert made.second_moment == pytest.approx(np.square(tokens).mean(), rel=0.06)
