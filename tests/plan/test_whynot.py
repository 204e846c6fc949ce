"""Why something is not in a plan: what words mean, prices, and the rules that keep it out, on the tiny catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.pipeline import explain_absence


def told(folder: Path, text: str, *workloads: dict[str, Any], **fields: Any) -> list[str]:
    return explain_absence(tiny.load(folder, tiny.problem(*workloads, **fields)), text.split(), lambda _: None)


def test_the_plan_s_own_is_told_as_such(tmp_path: Path) -> None:
    found = told(tmp_path, "small mini tp1")
    assert found[0].endswith("1×mini tp1 is in the plan")


def test_a_layout_is_that_layout_alone(tmp_path: Path) -> None:
    """Every sentence on `tp2` is of it, though `tp2 pp2` begins with its name."""
    found = told(tmp_path, "tp2 max", tiny.workload(rate="30 req/s"))
    assert any("2×max tp2 for chat" in text for text in found) or any("max tp2: machines" in text for text in found)
    assert not any("tp2 pp2" in text or "dp" in text.split(":")[0] for text in found)


def test_layouts_without_a_machine_or_never_worth_it(tmp_path: Path) -> None:
    assert told(tmp_path, "mini tp2")[0] == "mini tp2: no machine that may be used holds replicas of 2 accelerators so [layout]"
    assert told(tmp_path, "max tp1 pp2")[0] == (
        "max tp1 pp2: stages where a fast link joins the accelerators: tensor parallelism does the same without bubbles [layout]"
    )
    assert told(tmp_path, "tp16")[0] == "tp16: no machine that may be used holds replicas of 16 accelerators so [layout]"


@pytest.mark.parametrize(
    ("choose", "text", "said"),
    [
        ({"layouts": {"forbid": ["tp2*"]}}, "large tp2", "tp2 for chat: is forbidden by tp2* [choice]"),
        ({"precisions": {"allow": ["bf16"]}}, "fp8", "fp8: is not among those allowed: bf16 [choice]"),
        ({"models": {"forbid": ["org/large"]}}, "large fp8 tp2", "org/large for chat: is not among the allowed models [choice]"),
        ({"accelerators": {"forbid": ["max"]}}, "max", "accelerator max is forbidden by max [rules]"),
        ({"sellers": {"forbid": ["mart"]}}, "mart", "seller mart is forbidden by mart [rules]"),
    ],
)
def test_choices_are_told_of_every_kind(tmp_path: Path, choose: dict[str, Any], text: str, said: str) -> None:
    assert any(one.endswith(said) for one in told(tmp_path, text, choose=choose))


def test_what_rules_out_all_of_it_comes_first(tmp_path: Path) -> None:
    """No fp8 on a mini: that is why, not the memory that some layout lacks."""
    assert told(tmp_path, "large fp8 mini tp1")[0] == "fp8 mini: its matrix units have no fp8 [format]"


def test_memory_is_a_reason_for_the_layouts_it_concerns(tmp_path: Path) -> None:
    assert any("org/large bf16 mid: weights" in text for text in told(tmp_path, "large bf16 mid tp1"))
    assert not any("usable at" in text for text in told(tmp_path, "large bf16 mid tp2", tiny.workload(rate="30 req/s")))


def test_places_one_rule_refuses_are_told_as_one(tmp_path: Path) -> None:
    found = told(tmp_path, "shop", tiny.workload(data={"external_api": False, "region_groups": ["us"]}))
    assert sum("outside" in text or "not among" in text for text in found) <= 3


def test_words_that_go_together_in_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, "tp8 ep8") == ["no one of the layouts is named tp8 ep8"]
    assert told(tmp_path, "nothing-such") == []
