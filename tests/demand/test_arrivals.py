"""Rates per period and burstiness."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.demand.arrivals import Arrivals, rates
from planner.domain.problem import Period
from planner.domain.workload import Demand
from planner.errors import InvalidInput

DAY, NIGHT = Period(name="day", hours=16), Period(name="night", hours=8)
HERE = Path()


def made(base: Path = HERE, **fields: Any) -> Arrivals:
    return rates(Demand(**fields), (DAY, NIGHT), base)


def write(folder: Path, arrivals: np.ndarray) -> dict[str, str]:
    rows = [f"{t:.6f},100,10" for t in arrivals]
    (folder / "t.csv").write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]))
    return {"path": "t.csv"}


def test_one_rate_holds_in_every_period_and_is_scaled() -> None:
    found = made(rate="12 req/s", scale=1.5)
    assert found.rate == (18, 18)
    assert found.burstiness == 1
    assert "Poisson" in found.assumptions[0]


def test_rates_by_period() -> None:
    assert made(rate={"night": "2 req/s", "day": "12 req/s"}, scale=0.5, burstiness=4) == Arrivals((6, 1), 4, ())


def test_users_times_requests_times_profile() -> None:
    # 8640 users with 10 requests a day: 1 request a second; at night a quarter.
    found = made(users={"active": "8640", "requests_per_user": "10/day"}, profile={"night": 0.25})
    assert found.rate == pytest.approx((1, 0.25))


def test_period_without_rate_and_unknown_periods_are_all_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        made(rate={"day": "1 req/s", "noon": "1 req/s", "dusk": "1 req/s"})
    assert [issue.path for issue in caught.value.issues] == ["rate", "rate.dusk", "rate.noon"]
    with pytest.raises(InvalidInput, match="no period 'noon'"):
        made(users={"active": "1", "requests_per_user": "1/day"}, profile={"noon": 2})


def test_trace_plans_on_its_busiest_window(tmp_path: Path) -> None:
    # 1/s for 600 s, then 5/s for 300 s.
    file = write(tmp_path, np.concatenate([np.arange(600.0), 600 + np.arange(1500) / 5]))
    found = made(tmp_path, trace=file, scale=2, profile={"night": 0.1})
    assert found.rate == pytest.approx((10, 1))
    assert "planned on the busiest 300 s (5 req/s)" in found.assumptions[0]
    mean = made(tmp_path, trace={**file, "plan_on": "mean"})
    assert mean.rate == pytest.approx((2099 / 899.8, 2099 / 899.8))
    assert "busiest 300 s (5 req/s) is not" in mean.assumptions[0]


def test_burstiness_is_that_within_the_busy_window(tmp_path: Path) -> None:
    gaps = np.random.default_rng(1).gamma(0.5, 0.4, 6000)  # scv 1/0.5 = 2
    file = write(tmp_path, np.cumsum(gaps))
    assert made(tmp_path, trace=file).burstiness == pytest.approx(2, rel=0.1)
    assert made(tmp_path, trace=file, burstiness=3).burstiness == 3


@pytest.mark.parametrize(
    ("arrivals", "why"),
    [
        (np.repeat(np.arange(200) * 3.0, 10), "too coarse a clock"),
        (np.arange(1000.0), "evenly spaced"),
        (np.array([0.0, 1000.0, 2000.0]), "too few requests"),
    ],
)
def test_windows_that_do_not_tell_burstiness(tmp_path: Path, arrivals: np.ndarray, why: str) -> None:
    found = made(tmp_path, trace=write(tmp_path, arrivals))
    assert found.burstiness == 1
    assert why in found.assumptions[-1]


def test_unsteady_window_names_a_better_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    arrivals = np.sort(np.concatenate([300 * k + rng.uniform(0, 20, 200) for k in range(5)]))
    found = made(tmp_path, trace={**write(tmp_path, arrivals), "window": "10min"})
    assert any("shorter than the window of 600 s; its busiest" in note for note in found.assumptions)


def test_thin_window_and_left_out_rows_are_told(tmp_path: Path) -> None:
    found = made(tmp_path, trace=write(tmp_path, np.cumsum(np.random.default_rng(2).exponential(60, 200))))
    assert any("holds only" in note for note in found.assumptions)


def test_trace_problems_carry_their_path() -> None:
    with pytest.raises(InvalidInput) as caught:
        made(trace={"path": "none.csv"})
    assert caught.value.issues[0].path == "trace.path"
