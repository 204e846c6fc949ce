"""Prices with machines divisible: slopes of their value, and what many whole machines come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from programs import following, program, random_program, with_averages, with_sellers, with_spend

from planner.optimize.divisible import Marginal, marginal
from planner.optimize.model import Point, decided, nothing
from planner.optimize.program import AverageLimit, GpuLimit, MachineLimit, Program, SellerLimit, WayColumns
from planner.optimize.solve import solve

Move = Callable[[Program, float], Program]

STEP = 1e-3
"""Share by which something is moved."""
BOTH = np.array([True, True])


def priced(given: Program, plan: Point | None = None) -> Marginal:
    found = marginal(given, nothing(given) if plan is None else plan)
    assert found is not None
    return found


def least(given: Program) -> float:
    return solve(given, gap=0.0, time_limit=30.0, seed=0, progress=lambda _: None).objective


def more_calls(stream: int) -> Move:
    return lambda given, share: replace(
        given, rate=given.rate * np.where(np.arange(len(given.streams)) == stream, 1 + share, 1.0)[:, None]
    )


def larger(field: str) -> Move:
    """Move a number, or the first of several limits."""

    def move(given: Program, share: float) -> Program:
        held: Any = getattr(given, field)
        if not isinstance(held, tuple):
            return replace(given, **{field: held * (1 + share)})
        what = "gpus" if field == "gpu_limits" else "most"
        return replace(given, **{field: (replace(held[0], **{what: getattr(held[0], what) * (1 + share)}), *held[1:])})

    return move


def worths(given: Program, at: Marginal) -> Iterator[tuple[Move, float]]:
    """Yield everything that can be moved, with the change of the value over the share by which it is."""
    yield from ((more_calls(r), worth) for r, worth in enumerate(at.streams.tolist()) if given.rate[r].any())
    if given.gpu_limits:
        yield larger("gpu_limits"), -float(at.gpu_limits[0]) * given.gpu_limits[0].gpus
    if given.machine_limits:
        yield larger("machine_limits"), -float(at.machine_limits[0]) * given.machine_limits[0].most
    if given.average_limits:
        yield larger("average_limits"), -float(at.average_limits[0]) * given.average_limits[0].most
    if np.isfinite(given.power):
        yield larger("power"), -at.power * given.power


def holds(given: Program) -> int:
    """Check every price against differences of values; return how many there were."""
    at, count = marginal(given, nothing(given)), 0
    for move, worth in worths(given, at) if at is not None else ():
        ends = [marginal(move(given, share), nothing(given)) for share in (-STEP, STEP)]
        if at is None or ends[0] is None or ends[1] is None:  # nothing serves all with less, or with more
            continue
        low, high = sorted(((at.cost - ends[0].cost) / STEP, (ends[1].cost - at.cost) / STEP))
        slack = 0.02 * max(abs(low), abs(high)) + 1e-4
        assert low - slack <= worth <= high + slack, move
        count += 1
    return count


@pytest.mark.parametrize("first", [0, 4, 8])
def test_a_price_is_the_slope_of_the_value(first: int) -> None:
    """Periods, commitments, APIs, quotas, power, sites, what calls are worth on average, spend, and starts, at random."""
    changes = (lambda given, _: given, with_spend, following, with_averages)
    made = [change(random_program(seed), seed) for seed in range(first, first + 4) for change in changes]
    assert sum(holds(given) for given in made) > 15


def test_one_pool_by_hand() -> None:
    """A replica serves 4 calls/s for $2/h: half a dollar a call/s, whatever is paid once."""
    given = program(rate=[[3.0]], demand=[[[0.25]]], hourly=[2.0], pool_spare=[1], pool_cost=7.0, min_replicas=3)
    found = priced(given)
    assert found.cost == pytest.approx(1.5, rel=1e-5)
    assert found.calls[0, 0] == pytest.approx(0.5, rel=1e-5)
    assert found.streams[0] == pytest.approx(1.5, rel=1e-5)


def test_periods_and_commitments_by_hand() -> None:
    """$1/h rented, $0.7/h committed; 4 calls/s for an hour, 1 for three: one is committed, and what the peak adds is rented."""
    given = program(
        rate=[[4.0, 1.0]], hours=[1.0, 3.0], buy_cell=[0, 0], hourly=[1.0, 0.7], committed=[False, True], pool_cell=[0]
    )
    found = priced(given)
    assert found.cost == pytest.approx(0.7 + 3 / 4, rel=1e-5)
    assert found.calls[0].tolist() == pytest.approx([0.25, 0.45], rel=1e-5)


SCARCE: dict[str, Any] = {
    "rate": [[5.0]], "demand": [[[1.0, 1.0]]], "pool_cell": (0, 1), "pool_gpus": (1, 1), "cell_gpus": (1, 1),
    "buy_cell": (0, 1), "hourly": (1.0, 3.0), "cell_power": (500.0, 100.0),
}  # fmt: skip
"""Five calls/s on a machine each: at $1/h, or at $3/h."""


@pytest.mark.parametrize(
    ("field", "limit", "saved"),
    [
        ("gpu_limits", (GpuLimit("quota", np.array([True, False]), 2.0),), 2.0),
        ("machine_limits", (MachineLimit("site", np.array([4.0, 0.0]), 8.0),), 0.5),
        ("average_limits", (AverageLimit("carbon", np.array([[0.2], [0.0]]), 0.4),), 10.0),
        ("power", 1300.0, 2 / 400),
    ],
)
def test_a_scarce_limit_by_hand(field: str, limit: Any, saved: float) -> None:
    """Two of the five are cheap: one more of the limit turns a dear machine, or a part of one, into a cheap one."""
    given = program(**SCARCE, **{field: limit})
    found = priced(given)
    each = np.atleast_1d(getattr(found, field))
    assert (found.cost, found.streams[0] / 5.0) == (
        pytest.approx(11.0, rel=1e-5),
        pytest.approx(3.5 if field == "power" else 3.0),
    )
    assert float(each[0]) == pytest.approx(saved, rel=1e-4)
    assert holds(given) == 2


def test_a_limit_that_is_not_scarce_is_worth_nothing() -> None:
    given = program(**SCARCE, gpu_limits=(GpuLimit("quota", BOTH, 9.0),), power=9e3, budget=99.0)
    found = priced(given)
    assert (found.gpu_limits.tolist(), found.power, found.budget) == ([0.0], 0.0, 0.0)


def test_at_a_kink_a_price_lies_between_both_slopes() -> None:
    """The quota is just enough: a call more costs $3/h, a call less saves $1/h."""
    given = program(**SCARCE, gpu_limits=(GpuLimit("quota", np.array([True, False]), 5.0),))
    found = priced(given)
    assert 1.0 - 1e-5 <= found.calls[0, 0] <= 3.0 + 1e-5
    assert holds(given) == 2


def test_an_api_beyond_the_limit_of_its_account() -> None:
    """Two calls/s to an API at $0.36/h each; the rest to machines at $1/h."""
    given = program(rate=[[5.0]], api_cost=[[1e-4]], api_limit=[2.0])
    found = priced(given)
    assert (found.cost, found.calls[0, 0]) == (pytest.approx(3.72, rel=1e-5), pytest.approx(1.0, rel=1e-5))


def test_many_whole_machines_cost_what_the_slope_says() -> None:
    """From the least plan to one fifty machines larger: within 2 %."""
    given = program(
        rate=[[3.3], [1.7]],
        demand=[[[0.31, 0.17], [0.6, 0.22]], [[0.2, 0.3], [0.1, 0.35]]],
        pool_cell=(0, 1), pool_gpus=(1, 2), cell_gpus=(2, 4), buy_cell=(0, 1), hourly=(2.0, 3.7),
        pool_spare=(1, 1), pool_cost=1.0,
    )  # fmt: skip
    found = priced(given)
    times = 50 * 3.7 / found.cost
    grown = replace(given, rate=given.rate * (1 + times))
    assert least(grown) - least(given) == pytest.approx(times * found.streams.sum(), rel=0.02)
    assert found.streams.sum() == pytest.approx(found.cost, rel=1e-5)


def test_spares_that_grow_with_a_pool_stay_in_proportion() -> None:
    """Of up to twenty replicas two are spare, of up to four one: 18 of 20 carry."""
    given = program(
        demand=[[[1.0, 1.0]]], pool_cell=(0, 0), pool_gpus=(1, 1), pool_spare=(1, 2), pool_most=(4, 20), pool_least=(1, 4),
        pool_family=(0, 0), one_size=True,
    )  # fmt: skip
    assert priced(given).cost == pytest.approx(20 / 18, rel=1e-5)


def test_what_is_held_in_any_case_is_paid_and_used() -> None:
    given = program(**SCARCE, standing=np.array([4.0]))
    held = replace(
        given,
        purchases=replace(given.purchases, hourly=np.array([0.0, 3.0]), held=np.array([2.0, 0.0]), limit=np.array([2.0, np.inf])),
    )
    assert priced(held).cost == pytest.approx(4.0 + 3 * 3.0, rel=1e-5)


def test_sellers_and_pools_of_the_plan_are_kept_where_no_more_are_allowed() -> None:
    given = program(**SCARCE, gpu_limits=(GpuLimit("quota", np.array([True, False]), 2.0),))
    one_seller = replace(given, sellers=SellerLimit(np.array([0, 1]), 1))
    one_pool = replace(given, max_pools=1)
    for narrow in (one_seller, one_pool):
        plan = decided(solve(narrow, gap=0.0, time_limit=30.0, seed=0, progress=lambda _: None))
        found = priced(narrow, plan)
        assert found.cost == pytest.approx(15.0, rel=1e-5)
        assert found.gpu_limits[0] == 0.0


@pytest.mark.parametrize("seed", [4, 8])
def test_sellers_are_free_while_more_are_allowed(seed: int) -> None:
    given = random_program(seed)
    assert priced(with_sellers(given, seed, 9)).cost == pytest.approx(priced(given).cost, rel=1e-5)


def test_the_cheaper_way_is_taken_and_its_calls_are_priced() -> None:
    """Two calls of the first stream at $1/h each and $0.5/h beside, or three of the second at $0.5/h."""
    ways = WayColumns(
        ("one", "other"), np.array([0, 0]), np.array([0.5, 0.25]), np.array([0, 1]), np.array([0, 1]), np.array([[2.0], [3.0]])
    )
    given = program(rate=[[2.0], [3.0]], demand=[[[1.0], [0.5]]], ways=ways)
    found = priced(given)
    assert found.cost == pytest.approx(1.75, rel=1e-5)
    assert found.ways.tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
    assert found.streams.tolist() == pytest.approx([0.0, 1.5], abs=1e-5)


def test_calls_worth_less_than_nothing_are_not_priced() -> None:
    """More calls of the first stream, which score well at no cost, would let more of the others go to the cheap pool."""
    assert marginal(with_averages(random_program(10), 10), nothing(random_program(10))) is None


def test_nothing_is_priced_where_nothing_serves() -> None:
    given = program(rate=[[5.0]], limit=[2.0])
    assert marginal(given, nothing(given)) is None
