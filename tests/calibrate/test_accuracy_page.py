import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_points import ERRORS, points

from planner.calibrate.accuracy_page import Evidence, render
from planner.calibrate.elsewhere import of_points
from planner.calibrate.page_text import MOST_REASONS, WIDTH, table, wrap
from planner.calibrate.scaling import Law

SHIPPED = points().drop(columns=[f"{name}_ms_{kind}" for name in ("ttft", "tpot") for kind in ERRORS if kind != "shipped"])
LAWS = tuple(
    Law(name, pd.DataFrame({"label": list("abc"), "x": [1.0, 2, 4], "tpot_ms": 1.0, "gpus": 8, "fitted": True}), published, ours,
        ours - 0.05, ours + 0.05, 1.0, pd.DataFrame({"label": left, "problem": "does not fit"}))
    for name, published, ours, left in (
        ("active parameters [10⁹]", 0.5, 0.44, ["org/large"]), ("memory bandwidth [TB/s]", -1 / 3, -0.62, []),
    )
)  # fmt: skip
CAPACITY = pd.DataFrame(
    {"model": ["Qwen/Qwen3-32B", "org/large"], "accelerator": "h100-sxm", "engine": "vllm", "precision": ["bf16", "fp8"],
     "tp": [2, 1], "measured": [34.49, -1.44], "predicted": [32.9, -1.95]}
)  # fmt: skip
OTHERS = points().assign(accelerator="a100-sxm-80gb", source="another group")
WHOLE = Evidence(
    points(), ["measured.csv"], replace(of_points(OTHERS), capacity=CAPACITY), True, LAWS, 0.27,
    ["figures/accuracy.svg", "figures/accuracy-groups.svg", "figures/accuracy-scaling.svg"],
    "planner validate measured.csv --page docs/accuracy.md",
)  # fmt: skip


def section(page: str, title: str) -> str:
    return page.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def test_every_section_is_there_and_lines_are_short() -> None:
    page = render(WHOLE)
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "What was measured", "Bars", "Why", "Where the model is weak", "By GPU, engine, model and format", "Other sources",
        "KV capacity", "A published scaling law", "How to regenerate",
    ]  # fmt: skip
    assert max(map(len, page.splitlines())) <= WIDTH
    assert page.endswith("```\n")
    assert "\n\n\n" not in page
    nothing_left = tuple(replace(law, left_out=law.left_out.iloc[:0]) for law in LAWS)
    assert "\n\n\n" not in render(replace(WHOLE, laws=nothing_left))


def test_the_same_evidence_gives_the_same_page_in_any_order_of_rows() -> None:
    assert render(WHOLE) == render(replace(WHOLE, points=points()))
    assert render(WHOLE) == render(replace(WHOLE, points=points().sample(frac=1.0, random_state=3)))
    assert render(WHOLE) != render(replace(WHOLE, points=points(seed=1)))


def test_sections_without_evidence_are_left_out() -> None:
    page = render(Evidence(points(), ["measured.csv"]))
    for title in ("Other sources", "KV capacity", "A published scaling law"):
        assert f"## {title}" not in page
    assert "![" not in page


def test_bars_stand_side_by_side_with_their_verdicts() -> None:
    made = points()
    for kind in ERRORS:
        made[f"tpot_ms_{kind}"] = made["tpot_ms"] * (1.2 if kind == "without_gpu" else 1.01)
    lines = section(render(replace(WHOLE, points=made)), "Bars").splitlines()
    (median,) = [line for line in lines if line.startswith("|TPOT, median error|")]
    assert median == "|TPOT, median error|≤ 8 %|1 %, met|1 %, met|1 %, met|20 %, missed by 12|"
    (within,) = [line for line in lines if line.startswith("|TPOT, points within 15 %|")]
    assert within == "|TPOT, points within 15 %|≥ 75 %|100 %, met|100 %, met|100 %, met|0 %, missed by 75|"
    assert "![Error by group](figures/accuracy-groups.svg)" in lines


def test_bars_are_counted_for_each_kind() -> None:
    made = points()
    for kind in ERRORS:
        made[f"tpot_ms_{kind}"], made[f"ttft_ms_{kind}"] = made["tpot_ms"], made["ttft_ms"]
    made["tpot_ms_without_gpu"] *= 1.1
    said = section(render(Evidence(made, ["m.csv"])), "Bars")
    assert "- model left out: 7 of 7 bars met." in said
    assert "- GPU left out: 6 of 7 bars met; missed: TPOT, median error." in said


def test_shipped_coefficients_that_saw_the_points_are_called_so() -> None:
    words = "fitted to these very points"
    assert words in render(WHOLE)
    assert words not in render(replace(WHOLE, seen=False))


def test_what_was_left_out_is_listed_with_its_reason() -> None:
    made = points()
    assert "No row was left out." in section(render(WHOLE), "What was measured")
    made.loc[:2, "problem"] = "there is no model 'x|y'"
    made.loc[3, "problem"] = "accelerator is missing"
    said = section(render(replace(WHOLE, points=made)), "What was measured")
    assert "44 points" in said
    assert "4 rows left out" in said
    assert "- 3 rows: there is no model 'x\\|y'." in said
    assert "- 1 row: accelerator is missing." in said


def test_many_reasons_are_counted() -> None:
    made = points()
    made.loc[: MOST_REASONS + 4, "problem"] = [f"reason {index}" for index in range(MOST_REASONS + 5)]
    assert "- 5 rows: 5 other reasons." in section(render(replace(WHOLE, points=made)), "What was measured")


@pytest.mark.parametrize(
    ("factor", "words"), [(1.6, "predicted too slow, by 60 % in the median"), (0.5, "predicted too fast, by 50 %")]
)
def test_the_weakest_group_comes_first_with_its_bias(factor: float, words: str) -> None:
    made = points()
    bad = made["model"] == "Qwen/Qwen3-32B"
    made.loc[bad, "tpot_ms_without_gpu"] = factor * made.loc[bad, "tpot_ms"]
    said = section(render(replace(WHOLE, points=made)), "Where the model is weak").split("TTFT:")[0]
    first = said.split("\n- ")[1].replace("\n ", "").replace("\u00a0", " ")
    assert first.startswith("h100-sxm · trtllm · Qwen3-32B · fp8, GPU left out: median error")
    assert words in first
    assert said.count("\n- ") == 4


def test_small_groups_are_not_called_weak() -> None:
    said = section(render(Evidence(points(per_group=3), ["m.csv"])), "Where the model is weak")
    assert "\n- " not in said


def test_groups_have_their_figures_for_each_metric() -> None:
    made = points()
    for kind in ERRORS:
        made[f"tpot_ms_{kind}"], made[f"ttft_ms_{kind}"] = 1.1 * made["tpot_ms"], made["ttft_ms"]
    lines = section(render(replace(WHOLE, points=made)), "By GPU, engine, model and format")
    assert lines.count("|h100-sxm|vllm|Llama-3.1-70B|fp8|12|") == 4
    assert "|h100-sxm|vllm|Llama-3.1-70B|fp8|12|10/10/10; +10|10/10/10; +10|10/10/10; +10|" in lines
    assert "|h100-sxm|vllm|Llama-3.1-70B|fp8|12|0/0/0; 0|0/0/0; 0|0/0/0; 0|" in lines
    rates = lines.split("### tokens/s/GPU")[1]
    assert re.search(r"\|12\|\d+/\d+/\d+; −\d+; 1\.00\|", rates)


def test_shipped_alone_is_a_page_too() -> None:
    page = render(Evidence(SHIPPED, ["measured.csv"]))
    assert "model left out" not in page
    assert "|GPU|engine|model|format|n|as shipped|" in page
    assert "(as shipped, whichever is worse)" not in page


def test_a_missing_prediction_shows_as_infinite() -> None:
    made = points()
    made.loc[made["model"] == "Qwen/Qwen3-32B", "tpot_ms_without_model"] = np.nan
    page = render(replace(WHOLE, points=made))
    assert "∞/∞/∞; –" in page
    assert "nothing could be predicted" in page


def test_other_sources_do_not_touch_the_bars() -> None:
    other = points().assign(accelerator="l4", source="elsewhere", tpot_ms_shipped=99.0)
    with_other, without = (section(render(replace(WHOLE, apart=apart)), "Bars") for apart in (of_points(other), None))
    assert with_other == without
    said = section(render(replace(WHOLE, apart=of_points(other))), "Other sources")
    assert "|elsewhere|TPOT|l4|sglang|24|" in said
    assert "No row is of a10g:" in said


def test_capacity_is_judged() -> None:
    said = section(render(WHOLE), "KV capacity")
    assert "4.6\u00a0%, met" in said
    assert "|h100-sxm|vllm|Qwen3-32B|bf16|2|34.5 GiB|32.9 GiB|−5 %|" in said
    assert "large on 1 × h100-sxm did not start, 1.4 GiB short; by the budget 1.9 GiB short as well." in said.replace("\n  ", " ")
    assert "|KV capacity, worst error|≤ 10 %|4.6 %, met|–|–|–|" in section(render(WHOLE), "Bars")


def test_capacity_missed_by_one_row_is_missed() -> None:
    capacity = pd.concat([CAPACITY, CAPACITY.iloc[:1].assign(predicted=20.0)], ignore_index=True)
    page = render(replace(WHOLE, apart=replace(of_points(OTHERS), capacity=capacity)))
    assert "|KV capacity, worst error|≤ 10 %|42 %, missed by 32|–|–|–|" in page
    assert "1 of 2 are within the bar" in page.replace("\n", " ")


def test_exponents_stand_beside_the_published_ones() -> None:
    said = section(render(WHOLE), "A published scaling law")
    assert "|active parameters [10⁹]|3|0.50|0.44|0.39 to 0.49|" in said
    assert "|memory bandwidth [TB/s]|3|−0.33|−0.62|−0.67 to −0.57|" in said
    assert "- Without a prediction over active parameters: large." in said
    assert "2506.04645" in said
    assert "0.27" in said


def test_the_command_is_written_over_lines() -> None:
    assert "planner validate measured.csv \\\n  --page docs/accuracy.md\n```" in render(WHOLE)


def test_prose_keeps_numbers_with_their_per_cent() -> None:
    lines = wrap("word " * 25 + "12 % of it", "- ")
    assert all(len(line) <= WIDTH for line in lines)
    assert not any(line.strip().startswith("%") for line in lines)


def test_tables_align_as_told() -> None:
    assert list(table(["a", ">b"], [["x", "1"]])) == ["|a|b|", "|---|--:|", "|x|1|"]
