"""Boards cut into parts and run under lower power limits, over the tiny catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.candidates.alike import flows_of
from planner.catalog.coefficients import coefficients_for
from planner.catalog.load import load_builtin
from planner.catalog.problem import LoadedProblem
from planner.catalog.variants import origin, with_variants
from planner.domain.plan import Plan
from planner.domain.problem import ProblemChoices
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.supply.build import build_supply
from planner.supply.limits import gpu_limits

QUARTER = {"accelerators": ["max"], "per_board": 4, "memory": 0.25, "bandwidth": 0.25, "compute": 0.25, **tiny.READ}
CALM = {"accelerators": ["ma*"], "power": "300W", "compute": 0.8, **tiny.READ}
CUT = {"choose": {"partitions": {"allow": ["*"]}, "instances": {"allow": ["mart/max-1"]}}}


def loaded(folder: Path, *workloads: dict[str, Any], facts: dict[str, Any] | None = None, **fields: Any) -> LoadedProblem:
    rows = {**tiny.catalog(), "partitions": {"quarter": QUARTER}, "power_points": {"calm": CALM}, **(facts or {})}
    return tiny.load(folder, tiny.problem(*workloads, **fields), rows)


def solved(case: LoadedProblem) -> Plan:
    plan = plan_as_stated(case, lambda _: None)
    assert verify(plan, case) == []
    return plan


def small(name: str, rate: str = "0.2 req/s", **choose: Any) -> dict[str, Any]:
    """A workload of the 3B model, 6 GB in 16 bits: it fits a quarter of 80 GB."""
    return tiny.workload(name, rate, choose={"models": {"allow": ["org/small"]}, **choose})


def test_nothing_changes_unless_it_is_asked_for(tmp_path: Path) -> None:
    case = loaded(tmp_path, small("chat"))
    assert with_variants(case.catalog, case.problem.choose) is case.catalog
    assert not any("+" in name for name in case.catalog.instances)


def test_parts_by_hand(tmp_path: Path) -> None:
    """A quarter of 80 GB, 3.3 TB/s, 900 TFLOP/s and 500 W; a machine of 4 has 16, at its price, without a link."""
    catalog = loaded(tmp_path, small("chat"), choose={"partitions": {"allow": ["*"]}}).catalog
    device, machine = catalog.accelerators["max+quarter"], catalog.instances["mart/max-4+quarter"]
    assert (device.memory, device.bandwidth, device.peak["bf16"], device.tdp) == (20e9, 825e9, 225e12, 125.0)
    assert (machine.count, machine.fabric, machine.prices) == (16, "none", catalog.instances["mart/max-4"].prices)
    assert "shop/mid-2+quarter" not in catalog.instances
    assert origin(catalog, "max+quarter") == "max"
    mine, parent = (coefficients_for(catalog, name, "engine", "bf16") for name in ("max+quarter", "max"))
    assert mine == parent


def test_models_that_may_not_mix_share_a_board(tmp_path: Path) -> None:
    """Two workloads in different number formats are two pools: two boards at $3/h, or two quarters of one."""
    both = (small("one", precisions={"allow": ["bf16"]}), small("two", precisions={"allow": ["fp8"]}))
    whole = {"choose": {"instances": {"allow": ["mart/max-1"]}}}
    assert solved(loaded(tmp_path / "whole", *both, **whole)).cost.total == pytest.approx(6.0)
    plan = solved(loaded(tmp_path / "cut", *both, **CUT))
    assert plan.cost.total == pytest.approx(3.0)
    (buy,) = plan.purchases
    assert (buy.instance, buy.gpus_per_machine, buy.boards_per_machine) == ("mart/max-1+quarter", 4, 1)
    assert {pool.deployment.layout.gpus for pool in plan.pools} == {1}


def test_parts_are_never_joined(tmp_path: Path) -> None:
    """24B parameters in 8 bits do not fit a quarter, and no tensor parallelism joins quarters."""
    large = tiny.workload("chat", "0.2 req/s", choose={"models": {"allow": ["org/large"]}})
    plan = solved(loaded(tmp_path / "free", large, **CUT))
    assert [buy.instance for buy in plan.purchases] == ["mart/max-1"]
    only = {"choose": {**CUT["choose"], "accelerators": {"allow": ["max"]}, "instances": {"allow": ["mart/max-4"]}}}
    joined = solved(loaded(tmp_path / "four", large, **only))
    assert all("+" not in pool.deployment.accelerator for pool in joined.pools)


def test_quotas_count_boards(tmp_path: Path) -> None:
    """Quarters of one board count as one accelerator, by the name of the board; with a quota of none there is no plan."""
    fmt = {"precisions": {"allow": ["bf16"]}}
    many = [small(f"w{i}", engines={"allow": ["engine"]}, **fmt) for i in range(2)]
    quota = {"limits": {"quotas": [{"accelerator": "max", "gpus": 1}]}}
    assert solved(loaded(tmp_path / "one", *many, **CUT, **quota)).purchases[0].machines == {"always": 1}
    case = loaded(tmp_path / "none", *many, **CUT, limits={"quotas": [{"accelerator": "max", "gpus": 0}]})
    with pytest.raises(Infeasible):
        plan_as_stated(case, lambda _: None)


FLEET = {"instance": "mart/max-4", "region": "home", "region_group": "eu", "count": 2, "power": "4kW", **tiny.READ}


def test_variants_of_a_fleet_are_the_same_machines(tmp_path: Path) -> None:
    """Two machines, whichever way they are run: as they are, in quarters, at 300 W."""
    choose = {"partitions": {"allow": ["*"]}, "power_points": {"allow": ["*"]}, "offers": {"allow": ["fleet"]}}
    case = loaded(tmp_path, small("chat"), facts={"fleet": {"old": FLEET}}, choose=choose, limits={"max_gpus": 8})
    streams = list(flows_of(case.problem, case.base, case.catalog).streams)
    supply = build_supply(case.problem, case.catalog, streams)
    assert [bought.name.split("/fleet")[0] for bought in supply.purchases] == [
        "mart/max-4@home", "mart/max-4+quarter@home", "mart/max-4+calm@home",
    ]  # fmt: skip
    everything, together = gpu_limits(case.problem, supply, case.catalog)
    assert (everything.gpus, together.gpus, together.purchases) == (8.0, 8.0, (True, True, True))
    assert [bought.draw for bought in supply.purchases] == [4000.0, 4000.0, 4000.0 - 4 * 200.0]


def test_a_lower_power_limit_is_taken_where_power_is_short(tmp_path: Path) -> None:
    """4 kW as they are, 3.2 kW at 300 W: under 3.5 kW only the second runs."""
    facts = {"fleet": {"old": FLEET}}
    choose = {"offers": {"allow": ["fleet"]}, "power_points": {"allow": ["calm"]}}
    free = solved(loaded(tmp_path / "free", small("chat"), facts=facts, choose=choose, limits={"power": "3.5kW"}))
    assert [buy.instance for buy in free.purchases] == ["mart/max-4+calm"]
    bare = loaded(
        tmp_path / "bare", small("chat"), facts=facts, choose={"offers": {"allow": ["fleet"]}}, limits={"power": "3.5kW"}
    )
    with pytest.raises(Infeasible):
        plan_as_stated(bare, lambda _: None)
    device = loaded(tmp_path / "row", small("chat"), facts=facts, choose=choose).catalog.accelerators["max+calm"]
    assert (device.tdp, device.peak["bf16"], device.bandwidth, device.parts) == (300.0, 720e12, 3.3e12, 1)


def test_rented_machines_have_no_power_points(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, small("chat"), choose={"power_points": {"allow": ["*"]}}).catalog
    assert not any("+" in name for name in catalog.instances)


def test_built_in_variants() -> None:
    """1g of an H100: 10 GiB of memory, 419 GB/s, 141 TFLOP/s in bf16; seven to a board."""
    catalog = with_variants(load_builtin(), ProblemChoices.model_validate({"partitions": {"allow": ["1g"]}}))
    device = catalog.accelerators["h100-sxm+1g"]
    assert (device.parts, device.bandwidth) == (7, pytest.approx(3.35e12 / 8))
    assert device.peak["bf16"] == pytest.approx(989e12 / 7, rel=0.01)
    eight = next(row for name, row in catalog.instances.items() if row.accelerator == "h100-sxm+1g" and row.count == 56)
    assert eight.fabric == "none"


def test_choices_of_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"choose.partitions.allow\[0\]: .*'qarter'"):
        loaded(tmp_path, small("chat"), choose={"partitions": {"allow": ["qarter"]}})
