"""Most sellers, from the problem file to the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated, plan_problem
from planner.plan.verify import verify

SELLERS = {"max_sellers": 1}


def problem(**fields: Any) -> dict[str, Any]:
    """One workload has its data in Europe, where `shop` sells, the other in the US, where both do."""
    near = tiny.workload("near", data={"external_api": False, "region_groups": ["eu"]}, rate="1 req/s")
    far = tiny.workload("far", data={"external_api": False, "region_groups": ["us"]}, rate="1 req/s")
    return tiny.problem(near, far, choose={"models": {"allow": ["org/small"]}}, **fields)


def sold(plan: Plan) -> dict[str, float]:
    return {
        seller: sum(buy.cost for buy in plan.purchases if buy.seller == seller) for seller in {b.seller for b in plan.purchases}
    }


def catalog() -> dict[str, Any]:
    made = tiny.catalog()
    made["instances"] = {
        "shop/mini-1": tiny.machine(
            "shop/mini-1",
            "mini",
            1,
            "none",
            tiny.price("eu-1", "eu", on_demand="$1/h"),
            tiny.price("us-1", "us", on_demand="$2/h"),
        ),
        "mart/mini-1": tiny.machine("mart/mini-1", "mini", 1, "none", tiny.price("us-9", "us", on_demand="$1.5/h")),
    }
    return made


def test_the_dearer_machine_of_the_same_seller_by_hand(tmp_path: Path) -> None:
    """$1 in Europe and $1.50 at another seller's in the US, or $2 at the same: the cheaper cell may not make it superfluous."""
    free = plan_as_stated(tiny.load(tmp_path / "free", problem(), catalog()), lambda _: None)
    assert sold(free) == {"shop": pytest.approx(1.0), "mart": pytest.approx(1.5)}
    loaded = tiny.load(tmp_path / "one", problem(limits=SELLERS), catalog())
    plan = plan_as_stated(loaded, lambda _: None)
    assert sold(plan) == {"shop": pytest.approx(3.0)}
    assert plan.proof.bound == pytest.approx(3.0)
    assert "Machines come from shop: 1 of at most 1 (limits.max_sellers)." in plan.reasons
    assert verify(plan, loaded) == []


def test_machines_of_ones_own_are_of_no_seller(tmp_path: Path) -> None:
    facts = catalog()
    facts["fleet"] = {
        "old": {"instance": "mart/mini-1", "region": "lab", "region_group": "us", "count": 9, "hourly": 0.2, **tiny.READ}
    }
    plan = plan_as_stated(tiny.load(tmp_path, problem(limits=SELLERS), facts), lambda _: None)
    assert sold(plan) == {"shop": pytest.approx(1.0), "mart": pytest.approx(0.2)}


def test_the_check_counts_sellers(tmp_path: Path) -> None:
    free = plan_as_stated(tiny.load(tmp_path / "free", problem(), catalog()), lambda _: None)
    loaded = tiny.load(tmp_path / "one", problem(limits=SELLERS), catalog())
    same = free.model_copy(update={"problem_digest": loaded.digest})
    assert verify(same, loaded) == ["limits.max_sellers: machines of mart, shop, 1 allowed"]


def test_too_few_sellers_are_told(tmp_path: Path) -> None:
    facts = catalog()
    facts["instances"]["shop/mini-1"]["prices"].pop()
    with pytest.raises(Infeasible) as caught:
        plan_problem(tiny.load(tmp_path, problem(limits=SELLERS), facts), progress=lambda _: None)
    assert "raise max_sellers from 1 to 2" in "\n".join(caught.value.relaxations)


@pytest.mark.parametrize("most", [0, -1, "two"])
def test_bad_input_is_refused(tmp_path: Path, most: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        tiny.load(tmp_path, problem(limits={"max_sellers": most}), catalog())
    (issue,) = caught.value.issues
    assert issue.path == "limits.max_sellers"
