import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from planner.calibrate import scores

FOUR = {"tpot": [10.0, 10.0, 10.0, 10.0], "guess": [11.0, 8.0, 10.5, 40.0]}  # errors 0.1, 0.2, 0.05, 3


def frame(tpot: list[float], guess: list[float], **columns: object) -> pd.DataFrame:
    """Points of one client, one token in, eleven out, on two accelerators, TTFT always 100 ms and predicted 150 ms."""
    shared = {"model": "m", "accelerator": "a", "engine": "e", "precision": "p", "mode": "agg", "tp": 2, "pp": 1, "dp": 1}
    shared |= {"ep": 1, "gpus": 2.0, "input_tokens": 1.0, "output_tokens": 11.0, "concurrency": 1.0, "source": "", "problem": ""}
    made = pd.DataFrame({"tpot_ms": tpot, "tpot_ms_fitted": guess, "ttft_ms": 100.0, "ttft_ms_fitted": 150.0})
    return made.assign(**(shared | columns))


def row(table: pd.DataFrame, metric: str, kind: str = "fitted") -> pd.Series:
    return table[(table["metric"] == metric) & (table["kind"] == kind)].iloc[0]


def test_figures_of_four_points_by_hand() -> None:
    found = row(scores.table(scores.compare(frame(FOUR["tpot"], FOUR["guess"]))), "tpot")
    assert found["n"] == 4
    assert found["mape"] == pytest.approx((0.1 + 0.2 + 0.05 + 3) / 4)
    assert found["capped"] == pytest.approx((0.1 + 0.2 + 0.05 + 1) / 4)
    assert found["median"] == pytest.approx(0.15)
    assert found["p90"] == pytest.approx(0.2 + 0.7 * (3 - 0.2))  # at 0.9 · 3 = 2.7 of the way along 0.05, 0.1, 0.2, 3
    assert found["worst"] == pytest.approx(3.0)
    assert (found["within_15"], found["within_25"], found["within_50"]) == (0.5, 0.75, 0.75)
    assert found["bias"] == pytest.approx(np.sqrt(1.05 * 1.1) - 1)  # median of ln 0.8, ln 1.05, ln 1.1, ln 4


def test_answers_and_rates_follow_from_both_means() -> None:
    compared = scores.compare(frame([10.0], [20.0]))
    e2e, tokens = (compared[compared["metric"] == metric].iloc[0] for metric in ("e2e", "tokens"))
    assert (e2e["measured"], e2e["predicted"]) == (200.0, 350.0)
    assert tokens["measured"] == pytest.approx(1 * 11 / 0.2 / 2)
    assert tokens["predicted"] == pytest.approx(1 * 11 / 0.35 / 2)


def test_a_perfect_prediction_has_no_error() -> None:
    table = scores.table(scores.compare(frame([10.0, 20.0], [10.0, 20.0])))
    found = row(table, "tpot")
    assert (found["mape"], found["p90"], found["bias"], found["within_15"]) == (0.0, 0.0, 0.0, 1.0)


def test_bias_is_the_same_too_long_as_too_short() -> None:
    longer = row(scores.table(scores.compare(frame([10.0] * 3, [20.0] * 3))), "tpot")["bias"]
    shorter = row(scores.table(scores.compare(frame([20.0] * 3, [10.0] * 3))), "tpot")["bias"]
    assert 1 + longer == pytest.approx(1 / (1 + shorter))


@pytest.mark.parametrize("missing", [np.nan, np.inf, 0.0, -1.0])
def test_a_missing_prediction_is_an_infinite_error_and_not_dropped(missing: float) -> None:
    found = row(scores.table(scores.compare(frame([10.0] * 3, [10.0, 10.0, missing]))), "tpot")
    assert found["n"] == 3
    assert found["capped"] == pytest.approx(1 / 3)
    assert (found["median"], found["worst"]) == (0.0, np.inf)
    assert found["within_50"] == pytest.approx(2 / 3)


def test_what_was_not_measured_is_not_scored() -> None:
    table = scores.table(scores.compare(frame([10.0, np.nan], [10.0, 10.0])))
    assert {metric: row(table, metric)["n"] for metric in scores.METRICS} == {"tpot": 1, "ttft": 2, "e2e": 1, "tokens": 1}


def test_points_with_a_problem_are_counted_apart() -> None:
    points = frame([10.0] * 4, [10.0] * 4, problem=["", "no model", "no model", "too large"])
    assert row(scores.table(scores.compare(points)), "tpot")["n"] == 1
    assert scores.unpredicted(points).to_dict("list") == {"problem": ["no model", "too large"], "n": [2, 1]}
    assert scores.compare(points.assign(problem="no model")).empty


def test_groups_add_up_and_stand_in_order() -> None:
    points = pd.concat([frame([10.0] * 2, [11.0] * 2, model="z"), frame([10.0], [15.0], model="b")])
    table = scores.table(scores.compare(points), ["model"])
    assert table["model"].tolist() == ["b"] * 4 + ["z"] * 4
    assert table["metric"].tolist() == list(scores.METRICS) * 2
    assert table[table["metric"] == "tpot"]["median"].to_numpy() == pytest.approx([0.5, 0.1])


def test_only_the_kinds_there_are_compared() -> None:
    assert scores.kinds_in(frame([1.0], [1.0])) == ["fitted"]
    assert set(scores.compare(frame([1.0], [1.0]))["kind"]) == {"fitted"}


@pytest.mark.parametrize("seed", range(5))
def test_spearman_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    measured, predicted = rng.integers(0, 8, 20).astype(float), rng.integers(0, 8, 20).astype(float)  # with ties
    assert scores.spearman(measured, predicted) == pytest.approx(spearmanr(measured, predicted).statistic)


def test_spearman_at_its_limits() -> None:
    up = np.arange(5.0)
    assert scores.spearman(up, np.exp(up)) == pytest.approx(1.0)
    assert scores.spearman(up, -up) == pytest.approx(-1.0)
    assert scores.spearman(up, np.ones(5)) == 0.0
    assert np.isnan(scores.spearman(np.ones(5), up))
    assert scores.spearman(up, np.array([np.nan, 1, 2, 3, 4])) == pytest.approx(1.0)  # missing ranks last


def ranked(measured: list[float], predicted: list[float], **columns: object) -> pd.DataFrame:
    keys = dict.fromkeys(scores.ALIKE, "x") | columns
    return pd.DataFrame({"measured": measured, "predicted": predicted}).assign(**keys)


def test_ranks_count_within_groups_by_their_size() -> None:
    """Six points in order and four in reverse: (6·1 − 4·1)/10; three points do not count, nor do levels between groups."""
    rows = [ranked([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]), ranked([100, 200, 300, 400], [0.4, 0.3, 0.2, 0.1], model="y")]
    rows.append(ranked([1, 2, 3], [3, 2, 1], model="z"))
    assert scores.rank_correlation(pd.concat(rows)) == pytest.approx(0.2)
    assert np.isnan(scores.rank_correlation(rows[2]))


def test_lengths_part_groups_only_in_the_finer_ranking() -> None:
    rows = pd.concat([ranked([1, 2, 3, 4], [5, 6, 7, 8], input_tokens=1), ranked([5, 6, 7, 8], [1, 2, 3, 4], input_tokens=2)])
    assert scores.rank_correlation(rows, scores.ALIKE) == pytest.approx(1.0)
    assert scores.rank_correlation(rows, scores.BROADLY_ALIKE) < 0


def test_an_error_at_the_limit_is_within_it() -> None:
    found = row(scores.table(scores.compare(frame([4.0, 4.0], [5.0, 6.0]))), "tpot")  # exactly 25 % and 50 %
    assert (found["within_25"], found["within_50"]) == (0.5, 1.0)
