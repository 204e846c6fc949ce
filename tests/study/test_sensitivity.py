"""Tornados: what is moved, by how much, and in which order it is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.errors import Infeasible, InvalidInput
from planner.pipeline import quietly
from planner.study.sensitivity import drivers, read_driver, tornado
from planner.study.sweep import Course


def moved(tmp_path: Path, workload: dict[str, Any]) -> tuple[dict[str, tuple[Any, Any]], list[str]]:
    left_out: list[str] = []
    loaded = tiny.load(tmp_path, tiny.problem(workload))
    found = drivers(loaded, 0.2, ["mini"], left_out)
    return {one.name: (one.low.value, one.high.value) for one in found}, left_out


def test_every_kind_of_driver_is_moved(tmp_path: Path) -> None:
    prefix = {"tokens": 100, "hit_rate": "90%"}
    found, _ = moved(tmp_path, tiny.workload(shared_prefix=prefix, demand={"rate": "4 req/s", "scale": 2}))
    assert found["machine prices"] == found["prices of mini"] == ("x0.8", "x1.2")
    assert found["chat demand"] == (1.6, 2.4)
    assert found["chat prompt tokens"][0] == {"mean": 640, "p95": 1600, "maximum": 8000}
    assert found["chat answer tokens"][1] == {"mean": 240, "p95": 600, "maximum": 2000}
    assert found["chat prefix hit rate"] == ("72%", "100%")
    assert found["model error"] == (0.5, 0.95)
    assert "API prices" not in found


def test_api_prices_are_moved_where_apis_may_be_used(tmp_path: Path) -> None:
    assert "API prices" in moved(tmp_path, tiny.workload(data={"external_api": True}))[0]


def test_histograms_keep_their_weights(tmp_path: Path) -> None:
    found, _ = moved(tmp_path, tiny.workload(input_tokens={"histogram": [[100, 2], [200, 1]]}))
    assert found["chat prompt tokens"][1] == {"histogram": [[120, 2], [240, 1]]}


def test_the_longest_bar_comes_first_and_prices_move_the_cost_alike(tmp_path: Path) -> None:
    """20 % on all prices are 20 % of the cost. Twenty spares do not fit into 8 accelerators: no plan, so that comes first."""
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="20 req/s"), limits={"max_gpus": 8}))
    found = tornado(loaded, Course(quietly), own=[read_driver("operations.spare_replicas=0,20")])
    base = found.base.result.cost
    assert base is not None
    swings = [bar.swing for bar in found.bars]
    assert swings == sorted(swings, reverse=True)
    assert (found.bars[0].driver.name, found.bars[0].swing) == ("operations.spare_replicas", math.inf)
    prices = next(bar for bar in found.bars if bar.driver.name == "machine prices")
    assert (prices.low.cost, prices.high.cost) == (pytest.approx(0.8 * base), pytest.approx(1.2 * base))


def test_what_cannot_be_moved_is_told(tmp_path: Path) -> None:
    """A prefix of 700 of 800 prompt tokens does not fit into 640."""
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(shared_prefix={"tokens": 700, "hit_rate": 0.5})))
    found = tornado(loaded, Course(quietly))
    assert "chat prompt tokens" in {bar.driver.name for bar in found.bars} ^ {text.split(":")[0] for text in found.left_out}


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no low and high value"):
        read_driver("limits.max_gpus=1")
    none = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="4000 req/s"), limits={"max_gpus": 1}))
    with pytest.raises(Infeasible, match="has no plan"):
        tornado(none, Course(quietly))
