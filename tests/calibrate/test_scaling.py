from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from planner.calibrate import scaling
from planner.calibrate.scaling import BANDWIDTH_EXPONENT, MODEL, SIZE_EXPONENT, over_bandwidth, over_size, power_law
from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog

Predict = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_builtin()


def law_of(catalog: Catalog, size: float, bandwidth: float, **columns: object) -> Predict:
    """Predicts N^size · B^bandwidth / tp: a power law, fastest on the most devices."""

    def predict(table: pd.DataFrame) -> pd.DataFrame:
        n = table["model"].map(lambda name: catalog.models[name].parameters.active / 1e9)
        b = table["accelerator"].map(lambda name: catalog.accelerators[name].bandwidth / 1e12)
        made = table.assign(tpot_ms=8.0 * n**size * b**bandwidth / table["tp"], fits=True, problem="")
        return made.assign(**{name: value(table) if callable(value) else value for name, value in columns.items()})

    return predict


@pytest.mark.parametrize("exponent", [0.5, 1.0, -0.25])
def test_exponents_of_a_power_law_are_found(catalog: Catalog, exponent: float) -> None:
    size = over_size(catalog, law_of(catalog, exponent, 0.0))
    assert size.exponent == pytest.approx(exponent)
    assert size.scale == pytest.approx(1.0)  # 8 devices share 8 ms
    assert size.published == SIZE_EXPONENT == 0.5
    bandwidth = over_bandwidth(catalog, law_of(catalog, 0.0, exponent))
    assert bandwidth.exponent == pytest.approx(exponent)
    assert bandwidth.published == BANDWIDTH_EXPONENT == pytest.approx(-1 / 3)


def test_the_published_model_follows_the_published_law(catalog: Catalog) -> None:
    """Eq. 9 minimized over any number of devices: 3 k^(2/3) r^(1/3) − 2 k, k = layers · 4 · 1 µs and r = 2 B · N / B (eq. 14)."""
    k, r = 80 * 4 * 1e-6, 2 * 70e9 / 3.3e12
    gpus = np.linspace(1, 200, 200_000)
    least = (k * 2 * (np.sqrt(gpus) - 1) + r / gpus).min()
    assert least == pytest.approx(3 * k ** (2 / 3) * r ** (1 / 3) - 2 * k, rel=1e-6)
    sizes = 7e10 * np.geomspace(1, 1e6, 7)
    depth = 80 * (sizes / 7e10) ** 0.25  # eq. 19's assumption
    times = 3 * (depth * 4e-6) ** (2 / 3) * (2 * sizes / 3.3e12) ** (1 / 3)
    assert power_law(sizes, times)[1] == pytest.approx(SIZE_EXPONENT)


def test_confidence_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    x = np.geomspace(1, 100, 12)
    hits = 0
    for _ in range(400):
        _, _, low, high = power_law(x, x**0.5 * np.exp(0.2 * rng.standard_normal(12)))
        hits += low <= 0.5 <= high
    assert 0.92 <= hits / 400 <= 0.98


@pytest.mark.parametrize("x", [[], [1.0, 2.0], [2.0, 2.0, 2.0]])
def test_too_little_to_fit_has_no_exponent(x: list[float]) -> None:
    assert np.isnan(power_law(np.array(x), np.array(x))).all()


def test_the_fastest_layout_that_fits_is_taken(catalog: Catalog) -> None:
    predict = law_of(catalog, 1.0, 0.0, fits=lambda table: table["tp"] <= 4)
    law = over_size(catalog, predict)
    assert set(law.points["gpus"]) == {4}
    assert law.scale == pytest.approx(2.0)


def test_only_dense_models_that_generate_are_compared(catalog: Catalog) -> None:
    named = set(over_size(catalog, law_of(catalog, 1.0, 0.0)).points["label"])
    assert MODEL in named
    assert "deepseek-ai/DeepSeek-V3" not in named
    assert all(catalog.models[name].experts is None and catalog.models[name].role == "generate" for name in named)


def test_devices_without_a_fast_link_are_shown_but_not_fitted(catalog: Catalog) -> None:
    slow = ["l40s", "h100-pcie"]
    predict = law_of(catalog, 0.0, -1.0)

    def worse(table: pd.DataFrame) -> pd.DataFrame:
        made = predict(table)
        return made.assign(tpot_ms=made["tpot_ms"].where(~made["accelerator"].isin(slow), 1e3))

    law = over_bandwidth(catalog, worse)
    assert law.exponent == pytest.approx(-1.0)
    by = law.points.set_index("label")["fitted"]
    assert not by[slow].any()
    assert by[["h100-sxm", "b200-sxm"]].all()
    assert law.count == by.sum() < len(by)


def test_what_has_no_prediction_is_named_with_its_reason(catalog: Catalog) -> None:
    no = "this engine does not run there"
    predict = law_of(
        catalog, 0.0, -1.0,
        problem=lambda table: np.where(table["accelerator"] == "mi300x", no, ""), fits=lambda table: table["accelerator"] != "t4",
    )  # fmt: skip
    law = over_bandwidth(catalog, predict)
    assert law.left_out.set_index("label")["problem"].to_dict() == {"mi300x": no, "t4": "does not fit on 8"}
    assert not {"mi300x", "t4"} & set(law.points["label"])


def test_depth_of_the_catalogs_models_grows_about_as_the_law_takes_it(catalog: Catalog) -> None:
    law = over_size(catalog, law_of(catalog, 1.0, 0.0))
    assert 0.15 < scaling.depth_exponent(catalog, law) < 0.35


def test_the_figure_shows_both_exponents(catalog: Catalog) -> None:
    laws = [over_size(catalog, law_of(catalog, 0.42, 0.0)), over_bandwidth(catalog, law_of(catalog, 0.0, -0.61))]
    drawn = scaling.figure(laws, ".svg")
    for text in ("ours: exponent 0.42", "published: 0.50", "ours: exponent −0.61", "published: −0.33"):
        assert text in drawn.decode("utf-8")
    assert drawn == scaling.figure(laws, ".svg")
    assert scaling.figure(laws, ".png").startswith(b"\x89PNG")


def test_a_figure_without_a_fit_is_still_drawn(catalog: Catalog) -> None:
    predict = law_of(catalog, 1.0, 0.0, fits=lambda table: table["model"] == MODEL)
    law = over_size(catalog, predict)
    assert law.count == 1
    assert np.isnan(law.exponent)
    assert "published" not in scaling.figure([law], ".svg").decode("utf-8")
