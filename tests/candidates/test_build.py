"""Searching by price and screening never cost optimality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray

from planner.candidates.apis import usable_apis
from planner.candidates.build import Search, families, first_round, prune
from planner.candidates.pools import Pools, join
from planner.candidates.remaining import ShadowPrices, least_costs
from planner.optimize.assemble import assemble
from planner.optimize.program import Outcome, Shadow
from planner.optimize.solve import solve

Begin = Callable[..., Search]
FLOOR = [{"benchmark": "exam", "at_least": 60}]
WORKLOADS: list[dict[str, Any]] = [
    {"rate": "9 req/s"},
    {"rate": "25 req/s", "quality": FLOOR},
    {"rate": "2 req/s", "objectives": [{"metric": "tpot", "percentile": 95, "target": "14ms"}]},
]


def solved(search: Search, pools: Pools) -> tuple[Outcome, NDArray[np.intp]]:
    apis = usable_apis(search.catalog, search.problem, search.streams, search.ledger)
    assembled = assemble(search, pools, apis)
    return solve(assembled.program, gap=0.0, time_limit=20.0, seed=0, progress=lambda _: None), assembled.pool


def optimum(search: Search, pools: Pools) -> Outcome:
    return solved(search, pools)[0]


def worth(at: Shadow) -> ShadowPrices:
    return ShadowPrices(at.bound, at.streams, at.calls, at.gpus, at.counted)


def everything(search: Search) -> Pools:
    search.extend(np.inf)
    return search.evaluate(np.arange(len(search.space)))


@pytest.mark.parametrize("fields", WORKLOADS)
def test_all_at_once_or_step_by_step(begin: Begin, fields: dict[str, Any]) -> None:
    at_once, by_steps = begin(tiny.workload(**fields)), begin(tiny.workload(**fields))
    at_once.extend(np.inf)
    for ceiling in sorted({float(cost) for cost in by_steps.site_cost}):
        by_steps.extend(ceiling)
    assert by_steps.extend(1e6) == 0
    names = [sorted(search.space.describe(row) for row in range(len(search.space))) for search in (at_once, by_steps)]
    assert names[0] == names[1]
    assert at_once.considered == by_steps.considered
    costs = [optimum(search, search.evaluate(np.arange(len(search.space)))).objective for search in (at_once, by_steps)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-9)


@pytest.mark.parametrize("fields", WORKLOADS)
def test_pruning_pools_keeps_the_optimum(begin: Begin, fields: dict[str, Any]) -> None:
    search = begin(tiny.workload(**fields))
    pools = everything(search)
    fewer = prune(search, pools)
    assert len(fewer.row) < len(pools.row)
    assert optimum(search, fewer).objective == pytest.approx(optimum(search, pools).objective, rel=1e-6)


@pytest.mark.parametrize("fields", WORKLOADS)
def test_nothing_better_escapes_the_margins(begin: Begin, fields: dict[str, Any]) -> None:
    """Starting from a single poor deployment, what the prices bring in leads to the optimum over everything."""
    whole = begin(tiny.workload(**fields))
    best = optimum(whole, everything(whole)).objective
    search = begin(tiny.workload(**fields))
    search.extend(np.inf)
    dear = [row for row in range(len(search.space)) if "max" in search.space.describe(row)]
    pools = search.evaluate(np.array(dear))
    for _ in range(20):
        outcome = optimum(search, pools)
        rows, least = least_costs(search, worth(outcome.uncut), worth(outcome.shadow))
        fresh = rows[least < outcome.objective]
        if not len(fresh):
            break
        pools = join([pools, search.evaluate(fresh)], len(search.streams))
    assert outcome.objective == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("rate", [1.0, 4.0, 9.0, 15.0, 25.0])
def test_the_best_plan_is_above_the_least_cost_of_its_deployments(begin: Begin, rate: float) -> None:
    """Of the deployments of the best plan, left out on purpose, the least cost is below what they make possible.

    At these rates whole replicas matter, and cuts of rounded coverage have prices: they pay for a replica whatever it carries.
    With that left out of account the least cost is above the best plan at every one of these rates.
    """
    asked = (tiny.workload(rate=f"{rate} req/s"), tiny.workload("code", f"{0.7 * rate} req/s", quality=FLOOR))
    whole = begin(*asked)
    pools = everything(whole)
    best, columns = solved(whole, pools)
    used = set(pools.row[columns[best.replicas.sum(axis=1) > 0]].tolist())
    search = begin(*asked)
    search.extend(np.inf)
    alike = {row for row in range(len(search.space)) if search.space.machine[row] in search.space.machine[sorted(used)]}
    outcome = optimum(search, search.evaluate(np.array(sorted(set(range(len(search.space))) - alike))))
    cut, uncut = worth(outcome.shadow), worth(outcome.uncut)
    for prices in ((cut,), (uncut,), (uncut, cut)):
        rows, least = least_costs(search, *prices)
        assert set(rows.tolist()) == alike
        assert least.min() <= best.objective * (1 + 1e-9)
    _, wrong = least_costs(search, replace(cut, counted=lambda t, reach: np.zeros(reach.shape[2])))
    assert wrong.min() > best.objective


def test_the_first_round_finds_a_plan_for_everybody(begin: Begin) -> None:
    search = begin(tiny.workload(), tiny.workload("code", quality=[{"benchmark": "exam", "at_least": 60}]))
    search.extend(np.inf)
    pools = first_round(search, join([], 2), lambda _: None)
    assert np.isfinite(pools.demand).all(axis=0).any(axis=1).all()
    assert search.evaluated.sum() <= len(search.space)


def test_the_price_of_a_site_is_by_whole_machines_and_periods(begin: Begin) -> None:
    """A machine by the hour need only run in the shorter period, 6 of 24 h; a committed one is paid for all."""
    periods = [{"name": "peak", "hours": 6}, {"name": "rest", "hours": 18}]
    search = begin(
        tiny.workload(rate={"peak": "4 req/s", "rest": "1 req/s"}),
        periods=periods,
        choose={"offers": {"allow": ["on_demand", "reserved_1y"]}, "instances": {"allow": ["mart/max-4"]}},
    )
    assert search.site_cost == pytest.approx(np.full(len(search.sites.pairs), 11.0 * 6 / 24))


def test_accelerators_are_priced_where_the_stream_may_run(begin: Begin) -> None:
    search = begin(tiny.workload(), tiny.workload("private", data={"external_api": False, "region_groups": ["eu"]}))
    mid = [h for h, machine in enumerate(search.sites.hardware) if machine.accelerator == "mid"]
    assert search.gpu_price[0, mid] == pytest.approx(1.1)
    assert search.gpu_price[1, mid] == pytest.approx(1.3)
    top = [h for h, machine in enumerate(search.sites.hardware) if machine.accelerator == "max"]
    assert np.isinf(search.gpu_price[1, top]).all()


def test_families_split_rows_by_model_precision_and_machine(whole: Search) -> None:
    rows = np.arange(len(whole.space))
    groups = families(whole.space, rows)
    assert np.array_equal(np.sort(np.concatenate(groups)), rows)
    keys = [{(whole.space.model[r], whole.space.precision[r], whole.space.machine[r]) for r in group} for group in groups]
    assert all(len(key) == 1 for key in keys)
    assert len(set().union(*keys)) == len(groups)
    assert families(whole.space, np.zeros(0, dtype=np.intp)) == []
