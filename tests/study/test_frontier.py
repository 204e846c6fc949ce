"""Frontiers: which combinations are worth asking for."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import tiny

from planner.errors import InvalidInput
from planner.pipeline import quietly
from planner.study.figure import frontier as draw
from planner.study.frontier import Axis, points, read_axis, variants
from planner.study.result import Result
from planner.study.sweep import Course, Row, sweep


def made(axes: list[Axis], costs: list[float | None]) -> list[str]:
    """Return by which point each is dominated, for costs in the order of the grid."""
    grid = variants(axes)
    rows = [Row(variant, Result("optimal", cost)) for (variant, _), cost in zip(grid, costs, strict=True)]
    return [point.dominated_by for point in points(axes, rows, [numbers for _, numbers in grid])]


def test_a_point_that_asks_for_less_and_costs_no_less_is_dominated() -> None:
    """$5 at 200 ms, $5 at 300 ms, $4 at 500 ms: nobody should ask for 300 ms."""
    assert made([read_axis("ttft:chat=200ms,300ms,500ms")], [5.0, 5.0, 4.0]) == ["", "ttft:chat=200ms", ""]


def test_higher_quality_asks_for_more_and_no_limit_for_least() -> None:
    assert made([read_axis("quality:chat=60,70")], [3.0, 3.0]) == ["quality:chat=70", ""]
    assert made([read_axis("carbon=null,2 t/month")], [3.0, 3.0]) == ["carbon=2 t/month", ""]


def test_two_axes_are_compared_in_both() -> None:
    axes = [read_axis("ttft:chat=1s,2s"), read_axis("quality:chat=60,70")]
    assert made(axes, [3.0, 4.0, 2.0, 5.0]) == ["", "", "", "ttft:chat=1s, quality:chat=70"]


def test_what_has_no_plan_neither_dominates_nor_is_dominated() -> None:
    assert made([read_axis("ttft:chat=200ms,300ms")], [None, 5.0]) == ["", ""]


def test_a_path_without_order_is_only_compared_with_itself() -> None:
    axes = [read_axis("operations.balancer=random,round_robin"), read_axis("tpot:chat=30ms,60ms")]
    assert made(axes, [4.0, 4.0, 3.0, 2.0]) == ["", "operations.balancer=random, tpot:chat=30ms", "", ""]


def test_axes_lead_to_paths() -> None:
    paths = [read_axis(f"{label}=1s").overrides[0].path for label in ("ttft:chat", "tpot p99:chat", "e2e:my chat")]
    assert paths[0] == "workloads.chat.objectives.ttft.target"
    assert paths[1] == 'workloads.chat.objectives["tpot p99"].target'
    assert paths[2] == 'workloads["my chat"].objectives.e2e.target'
    assert read_axis("budget=$4/h,null").numbers == (4.0, math.inf)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ttft:chat", "has no values"),
        ("ttft=1s", "is no axis"),
        ("ttft:chat=3", "bare number"),
        ("ttft:chat=x2", "none can be a multiple"),
        ("ttft:chat=1s,1000ms", "a value twice"),
        ("quality:chat=high", "could not convert"),
    ],
)
def test_what_is_no_axis_is_told(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_axis(text)


def test_looser_targets_never_cost_more(tmp_path: Path) -> None:
    axes = [read_axis("tpot:chat=10ms,20ms,60ms"), read_axis("ttft:chat=200ms,1500ms")]
    grid = variants(axes)
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="30 req/s")))
    rows = sweep(loaded, [variant for variant, _ in grid], Course(quietly))
    cost = {numbers: row.result.cost or math.inf for row, (_, numbers) in zip(rows, grid, strict=True)}
    assert all(
        cost[one] >= cost[other] - 1e-6 for one in cost for other in cost if all(a <= b for a, b in zip(one, other, strict=True))
    )
    assert b"<svg" in draw(axes, points(axes, rows, list(cost)), ".svg")
