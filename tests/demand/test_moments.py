"""Expectations over lengths: by hand, in the limit, and against Monte Carlo of the process itself."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.demand import moments
from planner.demand.lengths import from_spec
from planner.demand.stream import Lengths
from planner.demand.trace import read_trace
from planner.domain import calls

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "traces"
MOONCAKE = {"time_column": "timestamp", "input_column": "input_length", "output_column": "output_length", "time_unit": "ms"}


def of(*values: float) -> Lengths:
    return Lengths(np.sort(np.array(values, dtype=np.float64)), "test")


def log_normal(mean: float, sigma: float, seed: int) -> Lengths:
    return of(*np.random.default_rng(seed).lognormal(np.log(mean) - sigma**2 / 2, sigma, 512))


PROMPT, OUTPUT = log_normal(1155, 0.9, 1), log_normal(211, 0.7, 2)
WINDOWS = np.array([0.0, 64.0, 512.0, 1024.0, 4096.0, 1e6, np.inf])


@pytest.fixture(scope="module")
def contexts() -> np.ndarray:
    """Live contexts met by an inspector who looks at random moments into one endless row of requests.

    Each request lasts as many ticks as it has output tokens, so the inspector meets long ones in proportion: the length bias
    is made by the process, not assumed.
    """
    rng = np.random.default_rng(11)
    inputs, outputs = rng.choice(PROMPT.values, 200_000), rng.choice(OUTPUT.values, 200_000)
    ends = np.cumsum(outputs)
    moments_met = rng.uniform(0, ends[-1], 400_000)
    met = np.searchsorted(ends, moments_met, side="right")
    return np.asarray(inputs[met] + moments_met - (ends[met] - outputs[met]))


def test_mean_context_by_hand() -> None:
    # Outputs 100 or 300: E[O²]/(2E[O]) = 50000/400 = 125, more than half the mean, 100.
    assert moments.mean_context(of(1000), of(100, 300)) == 1125
    # Both halves constant: I + O/2; E[S²] = E[(1000 + 200U)²] = 10⁶ + 200·1000 + 200²/3.
    assert moments.mean_context(of(1000), of(200)) == 1100
    assert moments.context_second_moment(of(1000), of(200)) == pytest.approx(1e6 + 2e5 + 4e4 / 3)


def test_context_moments_match_the_process(contexts: np.ndarray) -> None:
    assert contexts.mean() == pytest.approx(moments.mean_context(PROMPT, OUTPUT), rel=0.01)
    assert np.square(contexts).mean() == pytest.approx(moments.context_second_moment(PROMPT, OUTPUT), rel=0.03)


def test_windowed_context_matches_the_process(contexts: np.ndarray) -> None:
    expected = moments.windowed_context(PROMPT, OUTPUT, WINDOWS)
    for window, value in zip(WINDOWS, expected, strict=True):
        assert np.minimum(contexts, window).mean() == pytest.approx(value, rel=0.01)


def test_window_limits() -> None:
    assert moments.windowed_context(PROMPT, OUTPUT, np.inf) == pytest.approx(moments.mean_context(PROMPT, OUTPUT))
    assert moments.windowed_context(PROMPT, OUTPUT, 1e9) == pytest.approx(moments.mean_context(PROMPT, OUTPUT))
    assert moments.windowed_context(PROMPT, OUTPUT, 0) == 0
    # Constant lengths 100 and 200, window 200: the context grows from 100 to 300 evenly, 100→200 for half of the time.
    assert moments.windowed_context(of(100), of(200), 200) == pytest.approx(0.5 * 150 + 0.5 * 200)
    assert moments.windowed_context(of(100), of(200), 50) == 50


def test_vector_equals_scalar() -> None:
    together = moments.windowed_context(PROMPT, OUTPUT, WINDOWS.reshape(7, 1))
    assert together.shape == (7, 1)
    assert together.ravel().tolist() == [float(moments.windowed_context(PROMPT, OUTPUT, w)) for w in WINDOWS]
    prefixes = np.array([0.0, 100.0, 5000.0])
    grid = moments.attention_pairs(PROMPT, prefixes[:, None], WINDOWS[None, 1:])
    assert grid.shape == (3, 6)
    assert grid[1, 2] == moments.attention_pairs(PROMPT, 100.0, 1024.0)


def test_pairs_by_hand() -> None:
    # 10 tokens: 10²/2 = 50. With 4 cached the other 6 see 4 … 10: 6·(4 + 3) = 42. With a window of 5: 5²/2 + 5·5 = 37.5,
    # and with 4 cached 37.5 − 8 = 29.5.
    assert moments.attention_pairs(of(10)) == 50
    assert moments.attention_pairs(of(10), 4) == 42
    assert moments.attention_pairs(of(10), 0, 5) == 37.5
    assert moments.attention_pairs(of(10), 4, 5) == 29.5
    assert moments.attention_pairs(of(10), 12) == 0
    assert moments.attention_pairs(of(10), 12, 5) == 0


def test_pairs_match_counting() -> None:
    # Counting whole tokens, token y sees min(y, w) keys; the continuous form is less by half a token per query at most.
    lengths = np.array([50, 300, 700])
    for prefix, window in ((0, 10**9), (100, 10**9), (0, 128), (100, 128)):
        counted = np.mean([np.minimum(np.arange(prefix + 1, n + 1), window).sum() for n in lengths])
        assert moments.attention_pairs(of(*lengths), prefix, window) == pytest.approx(counted, rel=0.01)


@settings(deadline=None)
@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(1, 1e5))
def test_pairs_fall_with_prefix_and_rise_with_window(one: float, two: float, window: float) -> None:
    low, high = sorted((one, two))
    slack = 1e-9 * float(moments.attention_pairs(PROMPT)) + 1e-9
    assert moments.attention_pairs(PROMPT, high, window) <= moments.attention_pairs(PROMPT, low, window) + slack
    assert moments.attention_pairs(PROMPT, low, window) <= moments.attention_pairs(PROMPT, low) + slack


def test_paired_context() -> None:
    # (I, O) = (0, 1) and (1000, 3): the second is met three times as often, so E[S] = (1·0.5 + 3·1001.5)/4 = 751.25.
    assert moments.paired_mean_context(np.array([0.0, 1000.0]), np.array([1.0, 3.0])) == 751.25
    rng = np.random.default_rng(5)
    inputs, outputs = rng.permutation(PROMPT.values), OUTPUT.values
    everyone = np.repeat(inputs, 512), np.tile(outputs, 512)
    assert moments.paired_mean_context(*everyone) == pytest.approx(moments.mean_context(PROMPT, OUTPUT))


def test_total_quantiles() -> None:
    # Sums of {10, 20} and {1, 2, 3}: 11, 12, 13, 21, 22, 23, equally likely.
    assert moments.total_quantiles(of(10, 20), of(1, 2, 3), [0.1, 0.5, 0.51, 1.0]).tolist() == [11, 13, 21, 23]
    rng = np.random.default_rng(9)
    drawn = rng.choice(PROMPT.values, 200_000) + rng.choice(OUTPUT.values, 200_000)
    shares = [0.5, 0.95, 0.99]
    np.testing.assert_allclose(moments.total_quantiles(PROMPT, OUTPUT, shares), np.quantile(drawn, shares), rtol=0.02)


@pytest.mark.skipif(not SHARED.is_dir(), reason="measured traces are not beside this checkout")
@pytest.mark.parametrize(
    ("fields", "off"),
    [
        ({"path": "AzureLLMInferenceTrace_conv.csv"}, -0.07),
        ({"path": "AzureLLMInferenceTrace_code.csv"}, 0.004),
        ({"path": "mooncake_conversation.jsonl", **MOONCAKE}, 0.07),
    ],
)
def test_independence_is_as_far_off_as_the_docs_say(fields: dict[str, str], off: float) -> None:
    file = calls.TraceFile.model_validate(fields)
    trace, spec = read_trace(file, SHARED), calls.Lengths(trace=file)
    prompt, output = from_spec(spec, SHARED, column="input"), from_spec(spec, SHARED, column="output")
    paired = moments.paired_mean_context(trace.input_tokens, trace.output_tokens)
    assert paired / moments.mean_context(prompt, output) - 1 == pytest.approx(off, abs=0.005)
