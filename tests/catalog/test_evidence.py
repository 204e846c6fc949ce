"""How far predictions are trusted: the nearest evidence, its quantiles, and what lies beyond it."""

import numpy as np
import pandas as pd
import pytest

from planner.catalog.evidence import REACH, band, beyond, evidence_for, pessimism
from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.engine import Evidence, Ratios
from planner.points.names import resolve
from planner.points.table import normalize

EVEN = Ratios(p05=0.8, p10=0.85, p25=0.9, p50=1.0, p75=1.1, p90=1.2, p95=1.4)
FAST = Ratios(p05=0.5, p10=0.55, p25=0.6, p50=0.7, p75=0.75, p90=0.8, p95=0.95)
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
BUILTIN = load_builtin()


def row(accelerator: str, engine: str, fmt: str, points: int = 1, **changes: object) -> Evidence:
    ranges = {"gpus": (1, 8), "input_tokens": (100, 1000), "output_tokens": (100, 1000), "concurrency": (4, 64)}
    given = {"models": (LLAMA,), "ttft": EVEN, "tpot": FAST, "source": "test", "as_of": "2026", **ranges, **changes}
    return Evidence(accelerator=accelerator, engine=engine, format=fmt, points=points, **given)


def catalog(*rows: Evidence) -> Catalog:
    return BUILTIN.model_copy(update={"evidence": {f"row{place}": one for place, one in enumerate(rows)}})


NEAR = catalog(row("*", "*", "*", 9), row("h100-sxm", "vllm", "bf16", 3), row("h100-sxm", "*", "*", 5))


@pytest.mark.parametrize(
    ("case", "points"),
    [
        (("h100-sxm", "vllm", "bf16"), 3),
        (("h100-sxm", "vllm", "fp16"), 3),  # the other 16-bit format
        (("h100-sxm", "vllm", "fp8"), 5),
        (("h100-sxm", "sglang", "bf16"), 5),
        (("l4", "vllm", "bf16"), 9),
    ],
)
def test_the_most_specific_row_wins(case: tuple[str, str, str], points: int) -> None:
    found = evidence_for(NEAR, *case)
    assert found is not None
    assert found.points == points


def test_pessimism_is_a_quantile_of_measured_over_predicted() -> None:
    case = ("h100-sxm", "vllm", "bf16")
    for confidence, ratio in ((0.75, 1.1), (0.9, 1.2), (0.95, 1.4)):
        assert pessimism(NEAR, *case, "ttft", confidence) == pytest.approx(ratio)
    # Between quantiles on a logarithmic scale: half way from 1.1 to 1.2 lies their geometric mean.
    assert pessimism(NEAR, *case, "ttft", 0.825) == pytest.approx((1.1 * 1.2) ** 0.5)


def test_a_prediction_is_not_improved_by_doubting_it() -> None:
    case = ("h100-sxm", "vllm", "bf16")
    assert pessimism(NEAR, *case, "tpot", 0.95) == 1.0  # measurements were faster even there
    assert pessimism(NEAR, *case, "ttft", 0.5) == 1.0
    assert pessimism(NEAR, *case, "ttft", 0.05) == 1.0


def test_more_confidence_is_never_less_pessimistic() -> None:
    found = [pessimism(NEAR, "h100-sxm", "vllm", "bf16", "ttft", share / 100) for share in range(5, 96, 5)]
    assert found == sorted(found)


def test_without_evidence_there_is_nothing_to_go_by() -> None:
    assert evidence_for(catalog(), "h100-sxm", "vllm", "bf16") is None
    assert pessimism(catalog(), "h100-sxm", "vllm", "bf16", "ttft", 0.95) == 1.0


POINT = {
    "model": LLAMA, "accelerator": "h100-sxm", "engine": "vllm", "precision": "bf16", "input_tokens": 500, "output_tokens": 500,
    "concurrency": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "far"),
    [
        ({}, False),
        ({"model": "Qwen/Qwen3-32B"}, False),  # another dense model with heads
        ({"model": "Qwen/Qwen3-235B-A22B"}, True),  # a mixture
        ({"model": "deepseek-ai/DeepSeek-V3"}, True),  # latent attention
        ({"precision": "fp8"}, True),
        ({"accelerator": "h200-sxm"}, True),
        ({"engine": "sglang"}, True),
        ({"input_tokens": 1000 * REACH}, False),
        ({"input_tokens": 1000 * REACH + 1}, True),
        ({"output_tokens": 100 / REACH}, False),
        ({"output_tokens": 100 / REACH - 1}, True),
        ({"concurrency": 64 * REACH + 1}, True),
        ({"concurrency": 1}, True),
        ({"concurrency": "", "request_rate": 5}, False),  # no clients to compare
    ],
)
def test_points_far_from_every_measurement_are_told(change: dict[str, object], far: bool) -> None:
    import pandas as pd

    table = resolve(normalize(pd.DataFrame([POINT, POINT | change, POINT], dtype=object)), NEAR)
    assert list(table["problem"]) == ["", "", ""]
    assert list(beyond(NEAR, table)) == [False, far, False]


def test_without_evidence_every_point_is_far() -> None:
    import pandas as pd

    table = resolve(normalize(pd.DataFrame([POINT], dtype=object)), NEAR)
    assert list(beyond(catalog(), table)) == [True]


def test_shipped_evidence_is_in_order() -> None:
    for name, found in BUILTIN.evidence.items():
        for ratios in (found.ttft, found.tpot):
            values = [getattr(ratios, quantile) for quantile in Ratios.model_fields]
            assert values == sorted(values), name
    assert evidence_for(BUILTIN, "no-such-device", "vllm", "bf16") is not None


def test_the_band_is_that_of_the_nearest_evidence():
    catalog = load_builtin()
    points = pd.DataFrame(
        {"accelerator": ["h100-sxm", "mi300x", "h100-sxm"], "engine": "vllm", "precision": ["bf16", "bf16", "fp8"]}
    )
    found = band(catalog, points)
    measured, elsewhere = catalog.evidence["shared/h100-sxm/vllm/bf16"], catalog.evidence["shared/any"]
    assert found["tpot"][0].tolist() == [measured.tpot.p10, measured.tpot.p90]
    assert found["ttft"][1].tolist() == [elsewhere.ttft.p10, elsewhere.ttft.p90]
    assert np.isnan(band(catalog.model_copy(update={"evidence": {}}), points)["tpot"]).all()
