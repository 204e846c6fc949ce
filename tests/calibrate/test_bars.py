import numpy as np
import pandas as pd
import pytest

from planner.calibrate import scores
from planner.calibrate.bars import BARS, Bar, verdicts


def overall(**figures: float) -> pd.DataFrame:
    return pd.DataFrame([{"metric": "tpot", "kind": "fitted"} | figures])


@pytest.mark.parametrize(
    ("bar", "value", "met", "missed_by"),
    [
        (Bar("tpot", "median", 0.08, ""), 0.08, True, 0.0),
        (Bar("tpot", "median", 0.08, ""), 0.15, False, 0.07),
        (Bar("tpot", "within_15", 0.75, "", at_least=True), 0.75, True, 0.0),
        (Bar("tpot", "within_15", 0.75, "", at_least=True), 0.70, False, 0.05),
    ],
)
def test_bars_are_met_at_their_limit_and_missed_beyond(bar: Bar, value: float, met: bool, missed_by: float) -> None:
    (found,) = verdicts(overall(**{bar.statistic: value}), ["fitted"], [bar])
    assert found.met is met
    assert found.missed_by == pytest.approx(missed_by)


def test_a_bar_with_nothing_to_judge_by_is_not_met() -> None:
    found = verdicts(overall(median=0.01, rank=np.nan), ["fitted", "without_gpu"], [Bar("tpot", "median", 0.08, "")])
    assert [(verdict.known, verdict.met) for verdict in found] == [(True, True), (False, False)]
    (ranked,) = verdicts(overall(rank=np.nan), ["fitted"], [Bar("tpot", "rank", 0.97, "", at_least=True)])
    assert (ranked.known, ranked.met) == (False, False)


def test_every_bar_names_a_figure_that_is_computed() -> None:
    assert {bar.statistic for bar in BARS} <= set(scores.STATISTICS)
    assert {bar.metric for bar in BARS} <= {*scores.METRICS, "kv"}


def test_capacity_is_judged_by_its_worst_row() -> None:
    compared = scores.capacities(pd.DataFrame({"model": ["a", "b"], "measured": [50.0, 4.0], "predicted": [51.0, 4.8]}))
    assert compared["error"].to_numpy() == pytest.approx([0.02, 0.2])
    verdict = verdicts(scores.table(compared), ["shipped"])[-1]
    assert verdict.bar.metric == "kv"
    assert verdict.value == pytest.approx(0.2)
    assert not verdict.met
