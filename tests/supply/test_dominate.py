from __future__ import annotations

from itertools import product
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from planner.domain.catalog import Catalog
from planner.domain.problem import Problem
from planner.supply.build import build_supply
from planner.supply.cells import Cell, Purchase, Supply
from planner.supply.dominate import drop_dominated, needed_by_relaxations
from planner.supply.limits import gpu_limits
from planner.supply.sites import site_limits


def kept(tiny: SimpleNamespace, catalog: Catalog, *workloads: Any, **fields: Any) -> list[str]:
    problem = tiny.problem(*workloads, **fields)
    left = drop_dominated(build_supply(problem, catalog, tiny.streams(problem)), problem, catalog)
    for purchase in left.purchases:  # purchases still point at their own cells
        assert purchase.name.startswith(left.cells[purchase.cell].name)
    return [cell.name for cell in left.cells]


def two(tiny: SimpleNamespace, dear: dict[str, Any] | None = None, **sections: Any) -> Catalog:
    """The same machine at two sellers: a/x for $20 in us, b/x for $30 in eu, changed by `dear`."""
    fields = {"prices": [tiny.price("eu-1", "eu", on_demand="$30/h")], **(dear or {})}
    cheap = tiny.instance("a/x", [tiny.price("us-1", "us", on_demand="$20/h")], network="400Gbit/s")
    made: Catalog = tiny.catalog(
        instances={"a/x": cheap, "b/x": tiny.instance("b/x", **{"network": "400Gbit/s", **fields})}, **sections
    )
    return made


def test_the_dearer_of_two_equal_machines_goes_with_both_prices(tiny: SimpleNamespace) -> None:
    problem, catalog = tiny.problem(), two(tiny)
    left = drop_dominated(build_supply(problem, catalog, tiny.streams(problem)), problem, catalog)
    assert [cell.name for cell in left.cells] == ["a/x@us-1"]
    assert left.rejected == (
        ("b/x@eu-1", "dominated", "costs $30.00/h where $20.00/h is to be had at a/x@us-1 for the same machine"),
    )


def test_of_equal_cells_the_first_by_name_stays(tiny: SimpleNamespace) -> None:
    catalog = two(tiny, {"prices": [tiny.price("eu-1", "eu", on_demand="$20/h")]})
    problem = tiny.problem()
    left = drop_dominated(build_supply(problem, catalog, tiny.streams(problem)), problem, catalog)
    assert [cell.name for cell in left.cells] == ["a/x@us-1"]
    assert left.rejected[0][2] == "costs $20.00/h, as a/x@us-1 does for the same machine under no narrower rules"


@pytest.mark.parametrize(
    "change",
    [{"accelerator": "a100"}, {"count": 4}, {"fabric": "pcie5"}, {"network": "100Gbit/s"}, {"network_fabric": "infiniband-ndr"}],
)
def test_different_machines_are_not_compared(tiny: SimpleNamespace, change: dict[str, Any]) -> None:
    assert len(kept(tiny, two(tiny, change))) == 2


@pytest.mark.parametrize(
    ("quota", "both"),
    [
        # Binds the cheap one more than the dear one: both stay.
        ({"accelerator": "h100", "seller": "a"}, True),
        ({"accelerator": "h100", "region": "us-*"}, True),
        # Binds both alike, or only the dear one: it still goes.
        ({"accelerator": "h100"}, False),
        ({"accelerator": "h100", "seller": "b"}, False),
        ({"accelerator": "a100"}, False),
    ],
)
def test_quotas_that_tell_cells_apart_keep_them(tiny: SimpleNamespace, quota: dict[str, str], both: bool) -> None:
    assert len(kept(tiny, two(tiny), limits={"quotas": [{**quota, "gpus": 8}]})) == 1 + both


def test_a_total_limit_tells_nothing_apart(tiny: SimpleNamespace) -> None:
    assert kept(tiny, two(tiny), limits={"max_gpus": 8}) == ["a/x@us-1"]


def test_a_cell_stays_for_a_stream_that_has_no_other(tiny: SimpleNamespace) -> None:
    eu = tiny.workload("eu", data={"region_groups": ["eu"]})
    assert len(kept(tiny, two(tiny), tiny.workload(), eu)) == 2
    us = tiny.workload("us", data={"region_groups": ["us"]})
    assert kept(tiny, two(tiny), tiny.workload(), us) == ["a/x@us-1"]


def test_a_commitment_does_not_answer_for_a_weaker_one(tiny: SimpleNamespace) -> None:
    def with_dear(**prices: str) -> Catalog:
        return two(tiny, {"prices": [tiny.price("eu-1", "eu", **prices)]})

    forbid = {"offers": {"forbid": ["on_demand"]}}
    # Cheap on demand answers for a dearer reservation …
    assert kept(tiny, with_dear(reserved_1y="$25/h")) == ["a/x@us-1"]
    # … not for a cheaper one, nor for one of two ways to pay.
    assert len(kept(tiny, with_dear(reserved_1y="$15/h"))) == 2
    assert len(kept(tiny, with_dear(on_demand="$30/h", reserved_3y="$12/h"))) == 2
    # A three-year price never answers for a one-year one; the other way round it does.
    rows = {"a/x": [tiny.price("us-1", "us", reserved_3y="$10/h")], "b/x": [tiny.price("eu-1", "eu", reserved_1y="$11/h")]}
    catalog = tiny.catalog(instances={name: tiny.instance(name, row) for name, row in rows.items()})
    assert len(kept(tiny, catalog, choose=forbid)) == 2
    rows = {"a/x": [tiny.price("us-1", "us", reserved_1y="$10/h")], "b/x": [tiny.price("eu-1", "eu", reserved_3y="$11/h")]}
    catalog = tiny.catalog(instances={name: tiny.instance(name, row) for name, row in rows.items()})
    assert kept(tiny, catalog, choose=forbid) == ["a/x@us-1"]


def test_spot_does_not_answer_for_machines_that_stay(tiny: SimpleNamespace) -> None:
    # All work is interruptible and spot is cheaper even after restarts: both stay, for they are not the same thing.
    rows = [tiny.price("us-1", "us", on_demand="$20/h", spot="$5/h")]
    catalog = tiny.catalog(instances={"a/x": tiny.instance("a/x", rows)})
    assert len(kept(tiny, catalog, tiny.workload(interruptible=True))) == 2
    # $20 spot costs 20·120/119 = $20.17 a useful hour: on demand at $20 answers for it.
    rows = [tiny.price("us-1", "us", on_demand="$20/h", spot="$20/h")]
    catalog = tiny.catalog(instances={"a/x": tiny.instance("a/x", rows)})
    assert kept(tiny, catalog, tiny.workload(interruptible=True)) == ["a/x@us-1"]


def test_the_fleet_is_never_dropped_and_never_drops(tiny: SimpleNamespace) -> None:
    # Running cost above a rented machine's price: still there to be seen.
    dear = two(tiny, {"prices": []}, fleet={"old": tiny.fleet("b/x", hourly=50.0)})
    assert kept(tiny, dear) == ["a/x@us-1", "b/x@berlin"]
    # Nearly free, but only two of them.
    free = two(tiny, {"prices": []}, fleet={"old": tiny.fleet("b/x", hourly=0.0)})
    assert kept(tiny, free) == ["a/x@us-1", "b/x@berlin"]


def test_limited_offers_never_drop(tiny: SimpleNamespace) -> None:
    cheap = {"capex": "$1000", "power": "1W"}
    limited = two(tiny, {"prices": []}, owned={"new": tiny.owned("b/x", available=4, **cheap)})
    assert kept(tiny, limited) == ["a/x@us-1", "b/x@berlin"]
    # Unlimited ones do, for commitments as strong: here for a dearer purchase.
    owned = {"new": tiny.owned("a/x", **cheap), "dear": tiny.owned("b/x")}
    assert kept(tiny, two(tiny, {"prices": []}, owned=owned)) == ["a/x@us-1", "a/x@berlin"]


def test_power_counts_under_a_limit(tiny: SimpleNamespace) -> None:
    owned = {"hot": tiny.owned("a/x", power="9kW", capex="$200000"), "cool": tiny.owned("b/x", power="7kW")}
    catalog = two(tiny, {"prices": []}, owned=owned)
    assert kept(tiny, catalog, choose={"offers": {"allow": ["owned"]}}) == ["a/x@berlin"]
    assert len(kept(tiny, catalog, choose={"offers": {"allow": ["owned"]}}, limits={"power": "100kW"})) == 2


# --- Never changes the optimum: brute force over tiny supplies -------------------------------------------------------

MOST = 3
"""Machines of a purchase that brute force tries; no stream set below needs more."""


def least_cost(supply: Supply, problem: Problem, catalog: Catalog, load: np.ndarray) -> float:
    """Return the least average cost of serving `load` [stream, period], one unit a GPU, by trying every number of machines.

    A stream may be split over the cells it may use, so a period is served if and only if every set of streams has as many GPUs
    in the cells open to it as it needs (max-flow = min-cut). Held machines must keep every GPU limit, their own limits and the
    power limit. Committed machines are the same in all periods.
    """
    if not supply.purchases:
        return 0.0 if not load.any() else inf
    cells = [supply.cells[p.cell] for p in supply.purchases]
    gpus = np.array([cell.gpus for cell in cells])
    hourly = np.array([p.hourly for p in supply.purchases])
    committed = np.array([p.committed for p in supply.purchases])
    machines = np.array(list(product(range(MOST + 1), repeat=len(cells))))
    allowed = (machines <= np.array([p.limit for p in supply.purchases])).all(axis=1)
    for limit in gpu_limits(problem, supply, catalog):
        allowed &= machines @ (gpus * np.array(limit.purchases)) <= limit.gpus
    if problem.limits.power is not None:
        allowed &= machines @ np.array([cell.power for cell in cells]) <= problem.limits.power
    for taken in site_limits(problem, supply, catalog):
        allowed &= machines @ np.array(taken.each) <= taken.most * (1 + 1e-9)
    hours = np.array([period.hours for period in problem.periods])
    key = (machines * committed) @ (MOST + 1) ** np.arange(len(cells))
    total: dict[int, float] = {int(k): float(row @ (hourly * committed)) for k, row in zip(key, machines, strict=True)}
    for period, share in enumerate(hours / hours.sum()):
        fits = allowed.copy()
        for some in product([False, True], repeat=len(load)):
            open_to = np.array([any(s and may for s, may in zip(some, cell.streams, strict=True)) for cell in cells])
            fits &= machines @ (gpus * open_to) >= load[list(some), period].sum()
        best = dict.fromkeys(total, inf)
        for k, cost in zip(key[fits], machines[fits] @ (hourly * ~committed), strict=True):
            best[int(k)] = min(best[int(k)], float(cost))
        total = {k: cost + share * best[k] for k, cost in total.items()}
    return min(total.values())


@st.composite
def cases(draw: st.DrawFn, tiny: SimpleNamespace) -> tuple[Supply, Problem, Catalog, np.ndarray]:
    """Draw two to four cells with at most five purchases, limits of all kinds, and a load of two streams in two periods."""
    cells: list[Cell] = []
    purchases: list[Purchase] = []
    instances: dict[str, Any] = {}
    for index in range(draw(st.sampled_from([2, 2, 3, 4]))):
        name, spot = f"{draw(st.sampled_from('ab'))}/m{index}", draw(st.integers(0, 3)) == 0
        gpus = draw(st.sampled_from([1, 1, 1, 1, 2]))
        place = draw(st.sampled_from(["us", "eu"]))
        instances[name] = tiny.instance(name, [tiny.price(place, place)], count=gpus)
        streams = draw(st.sampled_from([*[(True, True)] * 4, (True, False), (False, True)]))
        power = draw(st.sampled_from([1.0, 1.0, 1.0, 2.0]))
        cells.append(Cell(f"{name}@{place}", name, name[0], place, place, "h100", gpus, spot, power, streams))
        kinds = ["spot"] if spot else ["on_demand", "reserved_1y", "owned", "fleet"]
        for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=draw(st.sampled_from([1, 2])), unique=True))[
            : 5 - len(purchases)
        ]:
            limit = (
                float(draw(st.integers(1, 2)))
                if kind == "fleet"
                else draw(st.sampled_from([inf, 1.0]))
                if kind == "owned"
                else inf
            )
            hourly = float(draw(st.integers(0, 1) if kind == "fleet" else st.integers(1, 4)))
            fixed = kind in {"reserved_1y", "reserved_3y", "owned"}
            purchases.append(Purchase(f"{cells[-1].name}/{kind}", index, kind, hourly, hourly, fixed, limit, ""))
        if len(purchases) == 5:
            break
    pattern = {
        "region": ["*", "us", "eu"],
        "seller": ["*", "a", "b"],
        "offer": ["*", "on_demand", "spot", "owned", "fleet", "reserved_1y"],
    }
    quota = st.fixed_dictionaries(
        {"accelerator": st.just("h100"), "gpus": st.integers(0, 3)} | {k: st.sampled_from(v) for k, v in pattern.items()}
    )
    limits: dict[str, Any] = {"quotas": draw(st.lists(quota, max_size=1)), "max_gpus": draw(st.sampled_from([None, None, 3]))}
    site = {"name": "hall", "region": draw(st.sampled_from(["us", "eu"]))}
    most = draw(st.sampled_from([{"power": "3W", "pue": 1.5}, {"cooling": "2W"}, {"racks": 1, "rack_power": "4W"}]))
    limits["sites"] = draw(st.sampled_from([(), (), ({**site, **most},)]))
    limits["power"] = draw(st.sampled_from([None, "3W", "4W"]))
    periods = [{"name": "day", "hours": 2}, {"name": "night", "hours": 1}]
    # One row in `b` and in each region, so that no quota is a mistake.
    instances["b/none"] = tiny.instance("b/none", [tiny.price("us"), tiny.price("eu")])
    instances["a/none"] = tiny.instance("a/none")
    load = np.array(
        draw(st.sampled_from([((1, 0), (1, 2)), ((2, 1), (0, 1)), ((1, 1), (1, 1)), ((3, 0), (0, 0)), ((0, 1), (3, 1))]))
    )
    return (
        Supply(tuple(cells), tuple(purchases), ()),
        tiny.problem(periods=periods, limits=limits),
        tiny.catalog(instances=instances),
        load,
    )


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_dropping_never_changes_the_optimum(tiny: SimpleNamespace, data: st.DataObject) -> None:
    supply, problem, catalog, load = data.draw(cases(tiny))
    left = drop_dominated(supply, problem, catalog)
    assert {cell.name for cell in left.cells} | {row[0] for row in left.rejected} == {cell.name for cell in supply.cells}
    fleet = {p.name for p in supply.purchases if p.name.endswith("/fleet")}
    assert fleet <= {p.name for p in left.purchases}
    assert least_cost(left, problem, catalog, load) == pytest.approx(least_cost(supply, problem, catalog, load))


def test_brute_force_by_hand(tiny: SimpleNamespace) -> None:
    # One stream, 2 GPUs by day (2 h) and 1 by night (1 h); on demand $3, reserved $2, each of one GPU.
    # One reserved always, one on demand by day: 2 + 3·2/3 = 4; two reserved: 4; all on demand: 3·(2·2 + 1·1)/3 = 5.
    # One reserved and none on top by day would not do; with at most one GPU by quota there is no plan.
    problem = tiny.problem(periods=[{"name": "day", "hours": 2}, {"name": "night", "hours": 1}])
    catalog = tiny.catalog(instances={"a/x": tiny.instance("a/x", [tiny.price("us")], count=1)})
    cell = Cell("a/x@us", "a/x", "a", "us", "us", "h100", 1, False, 1.0, (True,))
    ways = (
        Purchase("a/x@us/on_demand", 0, "on_demand", 3.0, 3.0, False, inf, ""),
        Purchase("a/x@us/reserved_1y", 0, "reserved_1y", 2.0, 2.0, True, inf, ""),
    )
    supply, load = Supply((cell,), ways, ()), np.array([[2, 1]])
    assert least_cost(supply, problem, catalog, load) == pytest.approx(4.0)
    assert least_cost(Supply((cell,), ways[:1], ()), problem, catalog, load) == pytest.approx(5.0)
    tight = tiny.problem(periods=problem.model_dump()["periods"], limits={"max_gpus": 1})
    assert least_cost(supply, tight, catalog, load) == inf


# --- Relaxations ------------------------------------------------------------------------------------------------------


def relaxed_cost(supply: Supply, hosts: np.ndarray, problem: Problem, catalog: Catalog, load: np.ndarray) -> float:
    """Return the least cost with machines in parts; stream s needs `load[s]` accelerators of hardware s, where that is hosted."""
    hours = np.array([period.hours for period in problem.periods])
    share, (streams, periods) = hours / hours.sum(), load.shape
    gpus = np.array([supply.cells[p.cell].gpus for p in supply.purchases])
    power = np.array([supply.cells[p.cell].power for p in supply.purchases])
    drawn = [(list(taken.each), taken.most) for taken in site_limits(problem, supply, catalog)]
    drawn += [(power.tolist(), problem.limits.power)] if problem.limits.power is not None else []
    buy = {(o, t): i for i, (o, t) in enumerate(product(range(len(gpus)), range(periods)))}
    places = [(s, c, t) for s in range(streams) for c in range(len(supply.cells)) for t in range(periods)]
    use = {place: len(buy) + i for i, place in enumerate(places)}
    cost, upper, rows, limit = np.zeros(len(buy) + len(use)), np.full(len(buy) + len(use), inf), [], []
    for (o, t), i in buy.items():
        cost[i], upper[i] = supply.purchases[o].hourly * share[t], supply.purchases[o].limit
    for (s, c, t), i in use.items():
        upper[i] = load[s, t] if hosts[s, c] and supply.cells[c].streams[s] else 0.0

    def row(terms: dict[int, float], most: float) -> None:
        line = np.zeros(len(cost))
        line[list(terms)] = list(terms.values())
        rows.append(line)
        limit.append(most)

    for t in range(periods):
        for s in range(streams):
            row({use[s, c, t]: -1.0 for c in range(len(supply.cells))}, -load[s, t])
        for c in range(len(supply.cells)):
            held = {buy[o, t]: -float(gpus[o]) for o, p in enumerate(supply.purchases) if p.cell == c}
            row({**held, **{use[s, c, t]: 1.0 for s in range(streams)}}, 0.0)
        for each in gpu_limits(problem, supply, catalog):
            row({buy[o, t]: float(gpus[o]) for o in range(len(gpus)) if each.purchases[o]}, each.gpus)
        for taken, most in drawn:
            row({buy[o, t]: taken[o] for o in range(len(gpus))}, most)
    same = [(buy[o, t], buy[o, 0]) for o, p in enumerate(supply.purchases) if p.committed for t in range(1, periods)]
    for one, other in same:
        row({one: 1.0, other: -1.0}, 0.0)
        row({one: -1.0, other: 1.0}, 0.0)
    found = linprog(cost, np.array(rows), np.array(limit), bounds=[(0.0, most) for most in upper])
    return float(found.fun) if found.status == 0 else inf


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_relaxations_do_without_never_changes_them(tiny: SimpleNamespace, data: st.DataObject) -> None:
    """Stream s needs hardware s, which only some cells host."""
    supply, problem, catalog, load = data.draw(cases(tiny))
    hosts = np.array(data.draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=2)))
    hosts = hosts[:, : len(supply.cells)]
    needed = needed_by_relaxations(supply, hosts, problem, catalog)
    assert not (needed & ~hosts).any()
    before = relaxed_cost(supply, hosts, problem, catalog, load)
    assert relaxed_cost(supply, needed, problem, catalog, load) == pytest.approx(before)


def test_relaxations_compare_machines_of_different_size(tiny: SimpleNamespace) -> None:
    """$30 for four accelerators is dearer than $20 for eight, where both host what needs one; four-fold replicas stay."""
    catalog, problem = two(tiny, {"count": 4}), tiny.problem()
    supply = build_supply(problem, catalog, tiny.streams(problem))
    assert [cell.gpus for cell in supply.cells] == [8, 4]
    hosts = np.array([[True, True], [False, True]])
    assert needed_by_relaxations(supply, hosts, problem, catalog).tolist() == [[True, False], [False, True]]
