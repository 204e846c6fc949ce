"""Two workloads with three levers each: the planner's choice is the best of all combinations, each written in by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
from lever_brute import Asked, Pull, by_hand, by_planner

from planner.catalog.problem import LoadedProblem

# A good API at four times the price takes what the other, of few calls a second, does not: who gets those is one choice with
# the levers. Three levers of the chat together lose too much quality for the lesser API: 47 / (0.97 · 0.98 · 0.985) > 50.
CHAT = Asked("chat", 4.0, 800, 200, 47, (
    Pull("cache", fee=0.9, calls=0.7, keeps=0.98),
    Pull("brief", outputs=0.6, keeps=0.97),
    Pull("gate", fee=0.4, calls=0.85, keeps=0.985),
))  # fmt: skip
DOCUMENTS = Asked("documents", 6.0, 3000, 100, 46, (
    Pull("squeeze", fee=1.5, inputs=0.7, keeps=0.96),
    Pull("cache", fee=6.0, calls=0.9, keeps=0.99),
    Pull("shallow", inputs=0.8, keeps=0.95),
))  # fmt: skip


def loaded_with(folder: Path, choose: dict[str, Any], facts: dict[str, Any]) -> LoadedProblem:
    return tiny.load(folder, tiny.problem(tiny.workload(objectives=[], data={"external_api": True}), choose=choose), facts)


def test_over_two_apis_that_workloads_share(tmp_path: Path) -> None:
    facts = tiny.catalog()
    small = facts["apis"]["cloud/small"]
    facts["apis"]["cloud/good"] = {
        **small, "model": "good", "open_model": "org/large", "input_price": "$1.2/Mtok", "output_price": "$4.8/Mtok",
    }  # fmt: skip
    small["rate_limit"] = "5 req/s"
    loaded = loaded_with(tmp_path, {"instances": {"forbid": ["*"]}}, facts)
    found = by_hand(loaded, CHAT, DOCUMENTS)
    cost, names = by_planner(loaded, CHAT, DOCUMENTS)
    assert len(found) == 64
    assert (cost, names) == (pytest.approx(found[0][0], rel=1e-6), found[0][1])


def test_over_machines_that_workloads_share(tmp_path: Path) -> None:
    choose = {
        "offers": {"allow": ["on_demand"]},
        "precisions": {"allow": ["bf16"]},
        "instances": {"allow": ["shop/mini-1"]},
        "models": {"allow": ["org/small"]},
        "apis": {"forbid": ["*"]},
    }
    loaded = loaded_with(tmp_path, choose, tiny.catalog())
    chat = Asked("chat", 40.0, 800, 200, 47, CHAT.pulls[:2])
    documents = Asked("documents", 20.0, 3000, 100, 46, DOCUMENTS.pulls[:1])
    found = by_hand(loaded, chat, documents)
    cost, names = by_planner(loaded, chat, documents)
    assert (cost, names) == (pytest.approx(found[0][0], rel=1e-6), found[0][1])
