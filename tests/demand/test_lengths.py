"""Length distributions: every form, its published or hand-solved figures, and every refusal."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.demand import lengths
from planner.demand.lengths import from_spec, sigma_from_p95
from planner.demand.stream import Lengths
from planner.domain import calls
from planner.errors import InvalidInput

HERE = Path()
Z95 = 1.6448536269514722


def make(base: Path = HERE, **fields: Any) -> Lengths:
    return from_spec(calls.Lengths(**fields), base, column="input")


def refusal(**fields: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        make(**fields)
    (issue,) = caught.value.issues
    assert issue.remedy
    return issue.path, issue.message


def test_constant_from_the_mean_alone_is_an_assumption() -> None:
    spec = calls.Lengths(mean=300)
    made = from_spec(spec, HERE, column="output")
    assert made.values.tolist() == [300.0] * 512
    assert made.scv == 0
    assert "every request has 300 output tokens" in lengths.assumptions(spec, made, "output")[0]
    assert lengths.assumptions(calls.Lengths(mean=300, scv=1), made, "output") == ()


def test_sigma_takes_the_smaller_root() -> None:
    # σ = 1: mean = e^½, p95 = e^z, so p95/mean = e^(z − ½) = 3.1419; the other root is 2z − 1 = 2.29.
    assert sigma_from_p95(1.0, math.exp(Z95 - 0.5)) == pytest.approx(1.0)
    assert sigma_from_p95(700.0, 700.0) == 0.0
    assert sigma_from_p95(1.0, math.exp(Z95**2 / 2)) == pytest.approx(Z95, abs=1e-6)


def test_ratio_beyond_any_log_normal_is_refused() -> None:
    path, message = refusal(mean=100, p95=388)
    assert path == "p95"
    assert "3.88 times the mean" in message
    assert "3.868" in message
    assert make(mean=100, p95=386).mean == pytest.approx(100)


@pytest.mark.parametrize(
    ("sigma", "second", "p999"), [(0.76, -0.006, 0.08), (1.0, -0.026, 0.12), (1.3, -0.099, 0.18), (1.6, -0.257, 0.25)]
)
def test_loss_of_discretisation_is_what_the_docs_say(sigma: float, second: float, p999: float) -> None:
    mean = 1000.0
    made = make(mean=mean, p95=mean * math.exp(Z95 * sigma - sigma**2 / 2))
    exact = {share: mean * math.exp(z * sigma - sigma**2 / 2) for share, z in ((0.95, Z95), (0.99, 2.326348), (0.999, 3.090232))}
    assert made.mean == pytest.approx(mean, rel=1e-12)
    assert made.second_moment / (mean**2 * math.exp(sigma**2)) - 1 == pytest.approx(second, abs=0.001)
    assert made.quantile(0.95) == pytest.approx(exact[0.95], rel=0.004)
    assert made.quantile(0.99) == pytest.approx(exact[0.99], rel=0.01)
    assert made.quantile(0.999) / exact[0.999] - 1 == pytest.approx(p999, abs=0.005)


@pytest.mark.parametrize("scv", [0.0, 1e-6, 0.1, 0.6, 1.0, 4.0])
def test_mean_and_scv_are_exact(scv: float) -> None:
    made = make(mean=5000, scv=scv)
    assert made.mean == pytest.approx(5000, rel=1e-12)
    assert made.scv == pytest.approx(scv, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(mean=st.floats(1, 1e5), scv=st.floats(0, 20), cut=st.floats(1, 50))
def test_stated_mean_holds_after_floor_and_cut(mean: float, scv: float, cut: float) -> None:
    made = make(mean=mean, scv=scv, maximum=mean * cut)
    assert made.mean == pytest.approx(mean, rel=1e-9)
    assert made.values[0] >= 1
    assert made.maximum <= mean * cut * (1 + 1e-12)
    assert np.all(np.diff(made.values) >= 0)


def test_percentiles_are_met_and_log_normal_between() -> None:
    made = make(percentiles={"p50": 400, "p90": 1800, "p99": 4000})
    assert made.quantile(0.5) == pytest.approx(400, rel=0.002)
    assert made.quantile(0.9) == pytest.approx(1800, rel=0.005)
    assert made.quantile(0.99) == pytest.approx(4000, rel=0.01)
    # Halfway between the normal scores 0 and 1.2816, at share 0.7392, stands the geometric mean of 400 and 1800.
    assert made.quantile(0.7392) == pytest.approx(math.sqrt(400 * 1800), rel=0.002)


def test_percentiles_of_a_log_normal_give_it_back() -> None:
    points = {f"p{p}": 1000 * math.exp(z) for p, z in ((5, -Z95), (50, 0.0), (95, Z95))}
    made, exact = make(percentiles=points), make(mean=1000 * math.exp(0.5), p95=1000 * math.exp(Z95))
    np.testing.assert_allclose(made.values, exact.values, rtol=2e-3)


def test_order_of_percentiles_does_not_matter_and_ties_are_fine() -> None:
    one = make(percentiles={"p90": 9, "p5": 6, "p50": 6})
    assert one.values[0] == pytest.approx(6)
    np.testing.assert_array_equal(one.values, make(percentiles={"p5": 6, "p50": 6, "p90": 9}).values)


def test_p0_and_p100_are_limits() -> None:
    made = make(percentiles={"p0": 10, "p50": 400, "p100": 4000})
    assert made.values[0] >= 10
    assert 3700 < made.maximum <= 4000
    far = make(percentiles={"p50": 400, "p99.95": 3999, "p100": 4000})
    assert far.maximum <= 4000


def test_steep_tail_is_bounded_and_cut() -> None:
    wild = make(percentiles={"p98": 1, "p99": 1e8})
    assert np.isfinite(wild.values).all()
    assert wild.maximum <= 1e8
    assert make(percentiles={"p50": 400, "p90": 1800}, maximum=2000).maximum == 2000


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ({"p50": 400, "p90": 1800}, "input tokens above the p90 carry on"),
        ({"p50": 400, "p95": 1800, "p99": 40_000}, "input tokens above the p99 carry on"),
        ({"p50": 400, "p99": 1800}, ""),
        ({"p50": 400, "p90": 1800, "p100": 4000}, ""),
    ],
)
def test_extrapolated_tails_are_told(points: dict[str, float], told: str) -> None:
    found = lengths.assumptions(calls.Lengths(percentiles=points), make(percentiles=points), "input")
    assert found[0].startswith(told) if told else found == ()


def test_histogram_by_hand() -> None:
    # Weights 1:3 on (0, 100] and (100, 200]: mean 0.25·50 + 0.75·150 = 125; median 100 + 100·(0.25/0.75) = 133.33;
    # E[X²] = 0.25·100²/3 + 0.75·(200³ − 100³)/(3·100) = 833.3 + 17500 = 18333.3.
    made = make(histogram=[(100, 1), (200, 3)])
    assert made.mean == pytest.approx(125, rel=1e-4)
    assert made.quantile(0.5) == pytest.approx(400 / 3, rel=1e-4)
    assert made.second_moment == pytest.approx(18333.3, rel=1e-4)


def write_trace(folder: Path, prompts: list[int], outputs: list[int]) -> calls.TraceFile:
    rows = [f"{i},{p},{o}" for i, (p, o) in enumerate(zip(prompts, outputs, strict=True))]
    (folder / "t.csv").write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]))
    return calls.TraceFile(path="t.csv")


def test_trace_keeps_mean_and_takes_the_right_column(tmp_path: Path) -> None:
    file = write_trace(tmp_path, [300, 100, 200], [7, 0, 5])
    made = make(tmp_path, trace=file)
    assert made.mean == pytest.approx(200)
    assert (made.values[0], made.maximum) == (pytest.approx(100), pytest.approx(300))
    # The answer without tokens counts as one token: (7 + 1 + 5) / 3.
    assert from_spec(calls.Lengths(trace=file), tmp_path, column="output").mean == pytest.approx(13 / 3)
    assert make(tmp_path, trace=file, maximum=150).mean == pytest.approx(400 / 3)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=2000))
def test_ranked_slices_keep_mean_range_and_order(values: list[int]) -> None:
    ranked = np.sort(np.array(values, dtype=np.float64))
    made = lengths._ranked_slices(ranked)
    assert made.mean() == pytest.approx(ranked.mean(), rel=1e-9)
    assert ranked[0] <= made[0]
    assert made[-1] <= ranked[-1]
    assert np.all(np.diff(made) >= 0)


@pytest.mark.parametrize(
    ("fields", "path", "part"),
    [
        ({"mean": 0}, "mean", "0 tokens"),
        ({"mean": 1e300}, "mean", "1e+300"),
        ({"mean": 500, "maximum": 400}, "maximum", "below the mean"),
        ({"mean": 300, "p95": 500, "maximum": 400}, "maximum", "below the p95"),
        ({"mean": 5, "maximum": 0}, "maximum", "leaves no request"),
        ({"percentiles": {"p50": 400}}, "percentiles", "one percentile"),
        ({"percentiles": {"p50": 400, "p50.0": 500}}, "percentiles", "twice"),
        ({"percentiles": {"p50": 400, "p90": 300}}, "percentiles", "p50 is 400 but p90 is 300"),
        ({"percentiles": {"p50": 0, "p90": 300}}, "percentiles", "not a possible"),
        ({"histogram": [(200, 1), (100, 1)]}, "histogram[1]", "does not exceed 200"),
        ({"histogram": [(0, 1), (100, 1)]}, "histogram[0]", "does not exceed 0"),
        ({"histogram": [(1e9, 1)]}, "histogram[0]", "upper edge 1e+09"),
        ({"trace": {"path": "no-such-file.csv"}}, "trace.path", "does not exist"),
    ],
)
def test_refusals(fields: dict[str, Any], path: str, part: str) -> None:
    found, message = refusal(**fields)
    assert found == path
    assert part in message


def test_origin_is_told_in_words() -> None:
    assert make(mean=1155, p95=4083, maximum=8192).origin == "log-normal from mean 1155 and p95 4083, cut at 8192"
    assert make(mean=1155).origin == "constant from mean 1155"
    assert make(mean=1155, scv=2).origin == "log-normal from mean 1155 and scv 2"
    assert make(percentiles={"p90": 9, "p5": 6}).origin == "percentiles p5 6, p90 9"
    assert make(histogram=[(100, 1)]).origin == "histogram of 1 bins"
