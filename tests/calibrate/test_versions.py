import numpy as np
import pandas as pd
import pytest
from made_points import points

from planner.calibrate.versions import section, version_gaps


def under(version: str, factor: float) -> pd.DataFrame:
    made = points()
    return made.assign(engine_version=version, tpot_ms=made["tpot_ms"] * factor)


def test_a_version_that_is_slower_everywhere_is_found_with_its_factor() -> None:
    made = pd.concat([under("1.0", 1.3), under("2.0", 1.0)], ignore_index=True)
    gaps = version_gaps(made)
    assert set(gaps["slow"]) == {"1.0"}
    assert set(gaps["fast"]) == {"2.0"}
    assert gaps["ratio"].to_numpy() == pytest.approx(1.3)
    assert gaps["points"].sum() == len(points()[points()["mode"] == "agg"])
    assert "TPOT differs by 30\u00a0% in the median" in "\n".join(section(made))


def test_a_run_under_two_labels_is_no_gap() -> None:
    made = pd.concat([under("1.0", 1.005), under("", 1.0)], ignore_index=True)
    assert version_gaps(made).empty
    assert list(section(made)) == []


def test_loads_that_only_one_version_was_measured_under_do_not_count() -> None:
    slow = under("1.0", 1.2)
    slow["concurrency"] = slow["concurrency"] * 2.0 ** np.where(slow["model"] == slow["model"].iloc[0], 10, 0)
    gaps = version_gaps(pd.concat([slow, under("2.0", 1.0)], ignore_index=True))
    assert slow["model"].iloc[0] not in set(gaps["model"])


def test_points_that_could_not_be_predicted_are_left_out() -> None:
    made = pd.concat([under("1.0", 1.3).assign(problem="unknown"), under("2.0", 1.0)], ignore_index=True)
    assert version_gaps(made).empty
