import numpy as np
import pandas as pd
import pytest
from made_points import points

from planner.calibrate.held_out import FOLDS, predict_held_out, quarters
from planner.points.table import normalize


def table(count: int, **changes: object) -> pd.DataFrame:
    row = {"model": "m", "accelerator": "a", "engine": "e", "precision": "p", "input_tokens": 8, "output_tokens": 8}
    columns = {name: value if isinstance(value, list) else [value] * count for name, value in (row | changes).items()}
    return normalize(pd.DataFrame(columns).astype(object))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tp": [1, 2, 4, 8] * 2, "concurrency": 1}, "its deployment"),
        ({"tp": [1, 2] * 4, "input_tokens": [1, 1, 2, 2] * 2, "concurrency": 1}, "the points of its deployment and lengths"),
        ({"concurrency": [*range(1, 9)]}, "it and other loads of its deployment"),
    ],
)
def test_what_is_alike_is_left_out_together(changes: dict[str, object], words: str) -> None:
    made = quarters(table(8, **changes))
    assert made is not None
    part, said = made
    assert said == words
    assert np.bincount(part).tolist() == [2, 2, 2, 2]
    keys = pd.DataFrame({name: value for name, value in changes.items() if isinstance(value, list)})
    assert len(keys.assign(part=part).drop_duplicates()) == len(keys.drop_duplicates())


def test_too_few_points_or_too_few_that_differ_are_not_divided() -> None:
    assert quarters(table(7, concurrency=[*range(1, 8)])) is None
    assert quarters(table(20, concurrency=[1, 2] * 10)) is None


def test_the_order_of_rows_does_not_matter() -> None:
    made = table(12, tp=[1, 2, 4, 8] * 3, concurrency=[1] * 4 + [2] * 4 + [3] * 4)
    order = np.random.default_rng(0).permutation(12)
    (part, _), (shuffled, _) = quarters(made), quarters(made.iloc[order])  # type: ignore[misc]
    assert part[order].tolist() == shuffled.tolist()


def test_no_prediction_comes_from_a_fit_that_saw_its_point() -> None:
    made = points(per_group=2).reset_index(drop=True)
    part = np.arange(len(made)) % FOLDS

    def without(rows: np.ndarray) -> pd.DataFrame:
        """Predicts 1 for what was left out, else 9."""
        return pd.DataFrame({name: np.where(rows, 1.0, 9.0) for name in ("ttft_ms", "tpot_ms")})

    found = predict_held_out(made, part, without)
    assert (found[["ttft_ms_held_out", "tpot_ms_held_out"]] == 1.0).to_numpy().all()
