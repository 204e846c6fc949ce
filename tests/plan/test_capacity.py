"""What price rows have: limits on machines per row and per way to pay, in the plan, its check and its reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import explain_absence, plan_as_stated
from planner.plan.verify import verify


def loaded(folder: Path, available: Any, *workloads: dict[str, Any], other: str = "$3/h", **fields: Any) -> LoadedProblem:
    """The same machine at two sellers: $1, of which there are so many, or $0.50 reserved; and one that costs more."""
    made = tiny.catalog()
    near = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y="$0.5/h") | {"available": available}
    far = tiny.price("eu-1", "eu", on_demand=other)
    made["instances"] = {
        "shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", near),
        "mart/mini-1": tiny.machine("mart/mini-1", "mini", 1, "none", far),
    }
    choose = {"models": {"allow": ["org/small"]}, "offers": {"allow": ["on_demand", "reserved_1y"]}}
    made_problem = tiny.problem(*(workloads or (tiny.workload(rate="40 req/s"),)), choose=choose, **fields)
    return tiny.load(folder, made_problem, made)


def planned(folder: Path, available: Any, *workloads: dict[str, Any], **fields: Any) -> dict[tuple[str, str], int]:
    """(seller, way to pay) → machines."""
    problem = loaded(folder, available, *workloads, **fields)
    plan = plan_as_stated(problem, lambda _: None)
    assert verify(plan, problem) == []
    return {(buy.seller, buy.kind): max(buy.machines.values()) for buy in plan.purchases}


def test_what_a_row_has_is_used_up_first(tmp_path: Path) -> None:
    """Five machines carry the load. All are reserved where any number is to be had; else as many as there are, the rest
    elsewhere."""
    (need,) = planned(tmp_path / "any", None).values()
    assert need == 5
    assert planned(tmp_path / "more", 50) == {("shop", "reserved_1y"): need}
    assert planned(tmp_path / "row", 4) == {("shop", "reserved_1y"): 4, ("mart", "on_demand"): need - 4}
    # Pools of three and two evenly loaded machines carry less than one of five: it takes six.
    by_kind = planned(tmp_path / "kind", {"reserved_1y": 1, "on_demand": 2})
    assert by_kind == {("shop", "reserved_1y"): 1, ("shop", "on_demand"): 2, ("mart", "on_demand"): 3}
    assert planned(tmp_path / "none", {"reserved_1y": 0}) == {("shop", "on_demand"): need}
    assert planned(tmp_path / "gone", 0) == {("mart", "on_demand"): need}


def test_streams_with_different_rules_share_what_there_is(tmp_path: Path) -> None:
    """One may not be bound to reservations, so there are two cells; on-demand machines of both come out of the same two."""
    bound = tiny.workload("bound", rate="12 req/s")
    free = tiny.workload("free", rate="12 req/s", choose={"offers": {"allow": ["on_demand"]}})
    held = planned(tmp_path, {"on_demand": 1, "reserved_1y": 1}, bound, free)
    assert held[("shop", "on_demand")] == held[("shop", "reserved_1y")] == 1
    assert sum(held.values()) >= 4


def test_orders_at_different_times_share_what_there_is(tmp_path: Path) -> None:
    periods = [{"name": f"m{m}", "hours": 4380, "months": [m, m + 6]} for m in (0, 6)]
    held = planned(tmp_path, {"reserved_1y": 2}, periods=periods)
    assert held[("shop", "reserved_1y")] == 2
    assert sum(held.values()) == 5


def test_capacity_that_is_not_offered_is_a_reason(tmp_path: Path) -> None:
    told = explain_absence(loaded(tmp_path, 0), ["shop/mini-1"], lambda _: None)
    assert "shop/mini-1@eu-1: none is to be had: the price row of eu-1 says available: 0 [rules]" in told
    spot = explain_absence(loaded(tmp_path, {"reserved_1y": 0}), ["shop/mini-1"], lambda _: None)
    assert "shop/mini-1@eu-1/reserved_1y: none is to be had: the price row of eu-1 says available: 0 [rules]" in spot


def test_too_few_leave_no_plan(tmp_path: Path) -> None:
    problem = loaded(tmp_path, 2, tiny.workload(rate="40 req/s", choose={"sellers": {"allow": ["shop"]}}))
    with pytest.raises(Infeasible):
        plan_as_stated(problem, lambda _: None)


@pytest.mark.parametrize(("room", "said"), [(4, "5 machines held, the price row has 4"), ({"reserved_1y": 4}, "has 4")])
def test_the_check_counts_anew(tmp_path: Path, room: Any, said: str) -> None:
    problem = loaded(tmp_path, room)
    plan = plan_as_stated(problem, lambda _: None)
    wrong = [buy.model_copy(update={"machines": {"always": 5 if buy.seller == "shop" else 1}}) for buy in plan.purchases]
    assert any(
        said in sentence for sentence in verify(Plan.model_validate(plan.model_copy(update={"purchases": wrong})), problem)
    )


@pytest.mark.parametrize(("room", "said"), [(-1, "at least 0"), ("many", "whole number"), ({"fleet": 2}, "")])
def test_bad_input_is_refused(tmp_path: Path, room: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, room)
    (issue,) = caught.value.issues
    assert issue.path.startswith('instances["shop/mini-1"].prices[0].available')
    assert said in f"{issue.message} {issue.remedy}"
