import numpy as np
import pandas as pd
import pytest
from made_points import points

from planner.calibrate import scores
from planner.calibrate.causes import REMARKS, STANDS_OUT, Remark, level_error, remark_text, section

SLOW = Remark({"engine": "trtllm"}, "tpot", "a slow path", {"concurrency": 8.0})


def text(made: pd.DataFrame) -> str:
    return "\n".join(section(made, scores.compare(made)))


def test_a_factor_of_each_group_takes_its_bias_away_and_leaves_the_scatter() -> None:
    rng = np.random.default_rng(1)
    scatter = 0.05 * rng.standard_normal(4000)
    groups = np.repeat(np.arange(4), 1000)
    biased = scatter + np.array([0.5, -0.3, 0.2, 0.0])[groups]
    assert level_error(biased, groups) == pytest.approx(np.median(np.abs(np.expm1(scatter))), rel=0.05)
    assert level_error(biased, np.zeros(4000)) > 0.15


def test_levels_fall_the_more_is_known() -> None:
    made = points()
    for kind in ("without_model", "without_gpu"):  # a level of its own for each model
        made[f"tpot_ms_{kind}"] = made["tpot_ms"] * made["model"].factorize()[0].clip(0, 3) * 0.3 + made["tpot_ms"]
    lines = text(made).splitlines()
    assert "|the model|0 %|0 %|" in lines
    assert "|nothing|45 %|45 %|" in lines  # errors of 0, 30, 60 and 90 %


def test_every_model_and_gpu_left_out_has_its_error_and_bias() -> None:
    made = points()
    made["tpot_ms_without_model"] = np.where(made["model"] == "Qwen/Qwen3-32B", 1.5, 1.0) * made["tpot_ms"]
    assert any(line.startswith("|Qwen3-32B|12|50 %|+50 %|12|") for line in text(made).splitlines())
    assert "|GPU left out|" in text(made)


def test_a_remark_has_the_figures_of_its_points_and_no_others() -> None:
    made = points()
    made["tpot_ms"], made["tpot_ms_fitted"] = 80.0, 20.0
    assert remark_text(made, SLOW) == "trtllm, 6 points: TPOT measured 80 ms, fitted 20 ms; a slow path."
    assert remark_text(made, Remark({"engine": "trtllm"}, "tpot", "too long", over=1.0)) == ""


def test_a_remark_is_dropped_once_the_fit_is_near_or_the_points_are_gone() -> None:
    made = points()
    made["tpot_ms_fitted"] = made["tpot_ms"] * (1.0 + 0.9 * STANDS_OUT)
    assert remark_text(made, SLOW) == ""
    assert remark_text(made[made["engine"] != "trtllm"], SLOW) == ""


def test_points_that_could_not_be_predicted_are_not_remarked_on() -> None:
    made = points().assign(tpot_ms_fitted=1.0, problem="unknown")
    assert remark_text(made, SLOW) == ""


def test_nothing_is_said_where_nothing_was_left_out() -> None:
    made = points()[["model", "accelerator", "engine", "precision", "problem", "tpot_ms", "ttft_ms", "output_tokens",
                     "concurrency", "gpus", "tpot_ms_shipped", "ttft_ms_shipped"]]  # fmt: skip
    assert text(made) == ""


def test_remarks_end_without_a_full_stop_and_name_columns_of_points() -> None:
    for remark in REMARKS:
        assert not remark.text.endswith(".")
        assert {*remark.where, *remark.least} <= {*points().columns, "engine_version"}
