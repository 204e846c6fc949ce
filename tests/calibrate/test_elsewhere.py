import numpy as np
import pandas as pd
import pytest
from made_points import points

from planner.calibrate.elsewhere import NOTES, RATE, capacity_section, note_text, of_points, of_survey, scored, section, together
from planner.points.survey import MEASURES

ROW = {
    "source": "a group", "kind": "decode_step", "accelerator": "t4", "written_engine": "tgis", "written_model": "org/one",
    "model": "org/one", "precision": "fp16", "tp": 2.0, "pp": 2.0, "input_tokens": 100.0, "output_tokens": 20.0,
    "concurrency": 1.0, "what": MEASURES["decode_step_ms"], "measured": 20.0, "predicted": 10.0, "problem": "",
}  # fmt: skip


def survey(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([ROW | row for row in rows])


def test_rates_are_compared_per_gpu_and_memory_is_kept_apart() -> None:
    found = of_survey(survey({}, {"what": RATE, "measured": 400.0, "predicted": 440.0}, {"what": "KV memory", "measured": 30.0}))
    rate = found.compared[found.compared["what"] == RATE].iloc[0]
    assert (rate["measured"], rate["predicted"]) == (100.0, 110.0)
    assert rate["error"] == pytest.approx(0.1)
    assert found.capacity["measured"].tolist() == [30.0]
    assert found.stand_ins == ("tgis",)


def test_rates_are_told_by_the_gpus_of_a_replica() -> None:
    rate = {"what": RATE, "pp": 1.0, "measured": 100.0, "written_engine": "vllm"}
    rows = [rate | {"tp": 1.0, "predicted": 110.0}, rate | {"tp": 4.0, "predicted": 50.0}, rate | {"tp": 4.0, "predicted": 150.0}]
    assert "|t4|vllm|1; 10 %; +10 %|–|2; 50 %; −13 %|" in list(section(of_survey(survey(*rows))))  # √(0.5 · 1.5) = 0.87


def test_what_ran_and_does_not_fit_is_an_infinite_error() -> None:
    found = of_survey(survey({}, {"predicted": np.nan}, {"predicted": np.nan}))
    assert scored(found.compared)["median"].tolist() == [np.inf]
    assert "2 rows ran that do not fit" in "\n".join(section(found))


def test_rows_left_out_are_counted_over_all_parts() -> None:
    one = of_survey(survey({}, {"problem": "no such model"}))
    two = of_points(points().assign(problem="no such model"))
    assert together([one, two]).left_out["n"].tolist() == [1 + len(points())]


def test_points_are_scored_by_source_and_quantity() -> None:
    made = points().assign(source="group", tpot_ms_shipped=1.1 * points()["tpot_ms"])
    found = scored(of_points(made).compared).set_index(["what", "accelerator", "engine"])
    assert found.loc[("TPOT", "h100-sxm", "vllm"), "median"] == pytest.approx(0.1)
    assert found.loc[(RATE, "h100-sxm", "vllm"), "rank"] > 0.5
    assert np.isnan(found.loc[("TPOT", "h100-sxm", "vllm"), "rank"])


def test_a_note_is_dropped_once_predictions_are_near() -> None:
    note = next(note for note in NOTES if "tgis" in note.where.get("engine", ()))
    assert "1 row, median error 50 %, bias −50 %" in note_text(of_survey(survey({})).compared, note)
    assert note_text(of_survey(survey({"predicted": 19.0})).compared, note) == ""
    assert note_text(of_survey(survey({"written_engine": "vllm"})).compared, note) == ""


def test_memory_that_does_not_start_is_told_in_words() -> None:
    capacity = of_survey(survey({"what": "KV memory", "measured": 10.0, "predicted": 9.5},
                                {"what": "KV memory", "measured": -1.0, "predicted": 2.0})).capacity  # fmt: skip
    said = "\n".join(capacity_section(capacity))
    assert "1.0 GiB short; by the budget 2.0 GiB left." in said
    assert "1 of 1 are within the bar" in said.replace("\n", " ")
