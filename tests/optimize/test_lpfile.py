"""Golden text of every constraint family, and that no family is without one."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import numpy as np
import pytest
from programs import program

from planner.optimize import constraints
from planner.optimize.bounds import bounds
from planner.optimize.coverage import make_covers
from planner.optimize.kinds import kinds
from planner.optimize.lpfile import export_lp, lp_text
from planner.optimize.model import build
from planner.optimize.program import (
    Average,
    AverageLimit,
    GpuLimit,
    MachineLimit,
    Program,
    Scaling,
    SellerLimit,
    SpendColumns,
    WayColumns,
)

WAYS = WayColumns(
    ("plain", "cache"), np.array([0, 0]), np.array([0, 0.2]), np.array([0, 1]), np.array([0, 0]), np.array([[1.5], [0.9]])
)
TWO = program(rate=[[0.5], [1.5]], demand=[[[1], [1]]])
SIZES = program(
    demand=[[[1, 1]]],
    pool_cell=[0, 0],
    pool_gpus=[1, 1],
    pool_family=[0, 0],
    one_size=True,
    pool_least=[1, 2],
    pool_spare=[0, 1],
    pool_most=[1, 3],
)
SELLERS = program(
    rate=[[2.0]],
    buy_cell=[0, 0, 0, 0],
    hourly=[1, 1, 1, 1],
    committed=[False, False, False, True],
    limit=[np.inf, np.inf, np.inf, 1],
    sellers=SellerLimit(np.array([0, -1, 0, 1]), 1),
)
SPEND = program(
    rate=[[1.0, 1.0]],
    buy_cell=[0, 0],
    hourly=[1, 0],
    active=[[True, True], [False, True]],
    spend=SpendColumns(
        ("plan",), np.array([-1, 0]), np.array([0, 0.75]), np.array([2.0]), np.array([[False, True]]), np.array([np.inf])
    ),
)
OPEN = program(rate=[[1.5]], pool_spare=[1], pool_cost=0.5, max_pools=1)

# Half an hour of $2 a start, once in two hours; half of the growth must be carried.
FOLLOWING = replace(
    program(rate=[[1, 3]], hourly=[2], pool_spare=[1]),
    scaling=Scaling(np.array([0, 1]), np.array([1, 0]), np.ones(2), np.array([0.5]), np.array([0.5])),
)

# family → a program that has it, and its rows in the exported file.
GOLDEN: dict[str, tuple[Program, list[str]]] = {
    "demand": (TWO, ["demand(s0,t0): x(s0,p0,t0) = 1", "demand(s1,t0): x(s1,p0,t0) = 1"]),
    "one_way": (program(rate=[[1.5]], ways=WAYS), ["one_way(plain): v(plain) + v(cache) = 1"]),
    "resources": (TWO, ["resource(j0,p0,t0): 0.5 x(s0,p0,t0) + 1.5 x(s1,p0,t0) - n(p0,t0) <= 0"]),
    "thin_streams": (TWO, ["thin(s0,p0,t0): x(s0,p0,t0) - n(p0,t0) <= 0"]),
    "packing": (program(pool_gpus=[2], cell_gpus=[8]), ["packing(c0,t0): 2 n(p0,t0) - 8 m(b0,t0) <= 0"]),
    "gpu_limits": (
        program(cell_gpus=[2], gpu_limits=(GpuLimit("limits.quotas[0]", np.array([True]), 6),)),
        ["gpu_limit(limits.quotas_0_,t0): 2 m(b0,t0) <= 6"],
    ),
    "power": (program(power=9000, cell_power=[1500]), ["power_kW(t0): 1.5 m(b0,t0) <= 9"]),
    "machine_limits": (
        program(machine_limits=(MachineLimit("limits.sites[0].racks", np.array([0.25]), 3.0),)),
        ["machine_limit(limits.sites_0_.racks,t0): 0.25 m(b0,t0) <= 3"],
    ),
    "average_limits": (
        program(rate=[[1, 1]], hours=[1, 3], average_limits=(AverageLimit("limits.carbon", np.array([[4.0, 2.0]]), 5.0),)),
        ["average_limit(limits.carbon): m(b0,t0) + 1.5 m(b0,t1) <= 5"],
    ),
    "budget": (
        program(budget=7, hourly=[2], pool_call_cost=[[1e-3]]),
        ["budget: 3.6 x(s0,p0,t0) + 2 m(b0,t0) <= 7"],
    ),
    "api_limits": (
        program(api_cost=[[0.01]], api_limit=[4], api_share=[[0.5]]),
        ["api_limit(0,a0,t0): 0.25 z(s0,a0,t0) <= 1", "api_limit(1,a0,t0): 0.5 z(s0,a0,t0) <= 1"],
    ),
    "warm_links": (OPEN, ["closed(p0,t0): n(p0,t0) - 3 u(p0,t0) <= 0", "fewest(p0,t0): - n(p0,t0) + 2 u(p0,t0) <= 0"]),
    "one_size": (SIZES, ["one_size(p0,t0): u(p0,t0) + u(p1,t0) <= 1"]),
    "operated_links": (OPEN, ["operated(p0,t0): n(p0,t0) - 3 y(p0) <= 0", "operated_warm(p0,t0): u(p0,t0) - y(p0) <= 0"]),
    "averages": (
        replace(TWO, averages=(Average("chat", np.array([0, 1]), np.array([[2.0], [-1]]), np.zeros((2, 0)), np.zeros(2)),)),
        ["average(chat): 0.5 x(s0,p0,t0) - 0.75 x(s1,p0,t0) >= 0"],
    ),
    "seller_links": (
        SELLERS,
        ["seller(b3,t0): m(b3) - s(1) <= 0", "seller(b0,t0): m(b0,t0) - 2 s(0) <= 0", "seller(b2,t0): m(b2,t0) - 2 s(0) <= 0"],
    ),
    "spend": (SPEND, ["spend(plan,t1): 0.75 m(b1,t1) - C(plan) <= 0"]),
    "max_sellers": (SELLERS, ["max_sellers: s(0) + s(1) <= 1"]),
    "ramps": (
        FOLLOWING,
        [
            "ramp(p0,t0,t1): - n(p0,t0) + n(p0,t1) - r(p0,t0,t1) <= 0",
            "ramp(p0,t1,t0): n(p0,t0) - n(p0,t1) - r(p0,t1,t0) <= 0",
        ],
    ),
    "ready": (FOLLOWING, ["ready(j0,p0,t0,t1): 0.5 x(s0,p0,t0) + 1.5 x(s0,p0,t1) - n(p0,t0) + u(p0,t0) <= 0"]),
    "max_pools": (OPEN, ["max_pools: y(p0) <= 1"]),
}


@pytest.mark.parametrize("family", GOLDEN)
def test_golden_rows(family: str) -> None:
    given_program, rows = GOLDEN[family]
    lines = [line.strip() for line in export_lp(given_program).splitlines()]
    assert [
        line for line in lines if line.split("(")[0].split(":")[0] in {row.split("(")[0].split(":")[0] for row in rows}
    ] == rows


def test_every_family_has_a_golden_text() -> None:
    families = {
        name
        for name, function in inspect.getmembers(constraints, inspect.isfunction)
        if function.__module__ == constraints.__name__ and not name.startswith("_")
    }
    assert families - {"constraints", "coverage"} == set(GOLDEN)  # coverage: test_golden_coverage


def test_golden_coverage() -> None:
    """Worked by hand: 2.5 replicas' worth of two streams is 3 whole ones; a replica that serves 1.25 counts 1 + 0.25/0.5."""
    given_program = program(
        rate=[[1.0], [1.5]], demand=[[[1, 0.8], [1, 0.8]]], pool_cell=[0, 0], pool_gpus=[1, 1], api_cost=[[0.01], [0.01]]
    )
    limit = bounds(given_program)
    covers = make_covers(given_program, limit, kinds(given_program), given_program.rate.T, np.array([0]))
    lines = lp_text(build(given_program, limit, covers=covers).linear).splitlines()
    (row,) = [line.strip() for line in lines if line.startswith(" coverage")]
    assert re.sub(r"(\.\d{6})\d+", r"\1", row) == (
        "coverage(0): 2 z(s0,a0,t0) + 3 z(s1,a0,t0) + 1.000000 n(p0,t0) + 1.500000 n(p1,t0) >= 3"
    )


def test_movable_stream_has_one_demand_row() -> None:
    text = export_lp(program(rate=[[1, 2]], movable=[True]))
    assert " demand(s0,cycle): x(s0,p0,t0) + x(s0,p0,t1) = 1\n" in text


def test_commitment_is_one_variable() -> None:
    text = export_lp(program(rate=[[1, 2]], buy_cell=[0, 0], hourly=[1, 0.6], committed=[False, True]))
    assert " cost: 0.6 m(b1) + 0.5 m(b0,t0) + 0.5 m(b0,t1)\n" in text
    assert " packing(c0,t1): n(p0,t1) - m(b1) - m(b0,t1) <= 0\n" in text


def test_quotas_count_boards_that_are_cut_into_parts() -> None:
    quota = GpuLimit("limits.quotas[0]", np.array([True]), 6)
    text = export_lp(program(cell_gpus=[14], cell_boards=[2], gpu_limits=(quota,)))
    assert " gpu_limit(limits.quotas_0_,t0): 2 m(b0,t0) <= 6\n" in text
    assert " packing(c0,t0): n(p0,t0) - 14 m(b0,t0) <= 0\n" in text


def test_machines_may_cost_more_in_one_period() -> None:
    text = export_lp(
        program(rate=[[1, 2]], buy_cell=[0, 0], hourly=[1, 0.6], committed=[False, True], extra=[[0, 1], [0.2, 0.4]])
    )
    assert " cost: 0.9 m(b1) + 0.5 m(b0,t0) + m(b0,t1)\n" in text


def test_whole_file() -> None:
    assert export_lp(program(rate=[[2.0]], hourly=[3])) == (
        "Minimize\n cost: 3 m(b0,t0)\n"
        "Subject To\n"
        " demand(s0,t0): x(s0,p0,t0) = 1\n"
        " resource(j0,p0,t0): 2 x(s0,p0,t0) - n(p0,t0) <= 0\n"
        " packing(c0,t0): n(p0,t0) - m(b0,t0) <= 0\n"
        "Bounds\n 0 <= x(s0,p0,t0)\n 0 <= n(p0,t0) <= 2\n 0 <= m(b0,t0) <= 2\n"
        "General\n n(p0,t0)\n m(b0,t0)\nEnd\n"
    )


def test_committed_spend_is_one_variable_paid_while_it_lasts_and_beyond() -> None:
    """Half of all hours and twice that owed: a dollar an hour costs one. At most the one machine of use draws 0.75."""
    text = export_lp(SPEND)
    assert " cost: 0.5 m(b0,t0) + 0.5 m(b0,t1) + C(plan)\n" in text
    assert " 0 <= C(plan) <= 0.75\n" in text
