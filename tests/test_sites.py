"""Sites from a problem to its plan: the tiny catalog's chat under limits of power, heat and racks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated, plan_problem
from planner.plan.verify import verify


def loaded(folder: Path, **site: Any) -> LoadedProblem:
    """A chat that may only run on machines of two `mid`, 2 · 500 W · 1.82 = 1.821 kW each."""
    made = tiny.problem(
        tiny.workload(rate="60 req/s"),
        choose={"instances": {"allow": ["shop/mid-2"]}, "regions": {"allow": ["eu-1"]}},
        limits={"sites": [{"name": "hall", "region": "eu-*", **site}]} if site else {},
    )
    return tiny.load(folder, made)


def machines(case: LoadedProblem) -> int:
    plan = plan_as_stated(case, lambda _: None)
    assert verify(plan, case) == []
    return sum(buy.machines["always"] for buy in plan.purchases)


def test_machines_fit_the_site_or_there_is_no_plan(tmp_path: Path) -> None:
    """With k machines needed, k fit where the site has room for exactly k, and nowhere below."""
    need = machines(loaded(tmp_path / "free"))
    draw = 2 * 500 * 10_200 / 5_600
    assert need > 1
    for name, site, tight in (
        ("power", {"power": f"{need * draw * 1.56 + 1:.3f}W"}, {"power": f"{need * draw * 1.56 - 1:.3f}W"}),
        ("pue", {"power": f"{need * draw * 1.2 + 1:.3f}W", "pue": 1.2}, {"power": f"{need * draw * 1.2 + 1:.3f}W", "pue": 1.21}),
        ("cooling", {"cooling": f"{need * draw + 1:.3f}W"}, {"cooling": f"{need * draw - 1:.3f}W"}),
        ("racks", {"racks": need, "rack_power": "3kW"}, {"racks": need - 1, "rack_power": "3kW"}),
    ):
        assert machines(loaded(tmp_path / name, **site)) == need
        with pytest.raises(Infeasible):
            plan_as_stated(loaded(tmp_path / f"{name}-tight", **tight), lambda _: None)


def test_more_machines_than_the_site_feeds_are_refused(tmp_path: Path) -> None:
    case = loaded(tmp_path, racks=6, rack_power="4kW")
    plan = plan_as_stated(case, lambda _: None)
    (buy,) = plan.purchases
    more = plan.model_copy(update={"purchases": (buy.model_copy(update={"machines": {"always": 13}}),)})
    assert any("limits.sites[0].racks: 6.5 racks in always, 6 racks at hall" in said for said in verify(more, case))


def test_what_would_have_to_change_is_told(tmp_path: Path) -> None:
    with pytest.raises(Infeasible) as caught:
        plan_problem(loaded(tmp_path, cooling="1kW"), progress=lambda _: None)
    assert any("raise the cooling at hall from 1 kW to" in text for text in caught.value.relaxations), caught.value.relaxations


def test_a_site_nobody_stands_at_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"limits.sites\[0\].region"):
        tiny.load(tmp_path, tiny.problem(limits={"sites": [{"name": "hall", "region": "eu-7", "power": "1MW"}]}))
