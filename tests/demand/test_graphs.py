"""Call graphs by hand: order, rounds, retries, sums of lengths, splits of latency."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from planner.demand import sums
from planner.demand.budgets import left, per_call, splits
from planner.demand.graph import longest, mean_rounds, round_weights, rounds_at, without
from planner.demand.retries import settled, tries_per_call
from planner.demand.stream import Lengths
from planner.domain.calls import Objective
from planner.domain.stages import Loop, Retries, Stage, ancestors, before, cycle


def stage(name: str, after: list[str] | None = None) -> Stage:
    return Stage.model_validate({"name": name, "after": after})


def lengths(*values: float) -> Lengths:
    return Lengths(np.repeat(np.array(values, float), 512 // len(values)), "test")


DIAMOND = [stage("a"), stage("b", ["a"]), stage("c", ["a"]), stage("d", ["b", "c"])]


def test_a_stage_waits_for_those_it_names_or_the_one_before() -> None:
    assert before([stage("a"), stage("b"), stage("c", [])]) == {"a": (), "b": ("a",), "c": ()}
    assert ancestors(before(DIAMOND), "d") == {"a", "b", "c"}


def test_stages_that_are_left_out_are_passed_through() -> None:
    assert without(before(DIAMOND), ["a", "c", "d"]) == {"a": (), "c": ("a",), "d": ("a", "c")}


def test_circles_are_found() -> None:
    assert cycle(before(DIAMOND)) == ()
    assert cycle({"a": ("b",), "b": ("c",), "c": ("a",)}) == ("a", "b", "c", "a")


def test_parallel_stages_take_as_long_as_the_slower() -> None:
    times = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 10.0}
    assert longest(before(DIAMOND), times, {"a", "b", "c", "d"}) == 16.0
    assert longest(before(DIAMOND), times, {"a", "c", "d"}) == 13.0
    assert longest(before(DIAMOND), times, set()) == 0.0


# Mean 2 without a budget: another round follows with 1/2. Within three: 1 + 1/2 + 1/4.
def test_rounds_within_a_budget() -> None:
    loop = Loop(mean=2, at_most=3, grows_by=0)
    assert mean_rounds(loop) == pytest.approx(1.75)
    assert round_weights(loop) == [1.0, 0.5, 0.25]
    assert mean_rounds(None) == mean_rounds(Loop(mean=1, at_most=9)) == 1.0
    assert [rounds_at(loop, p) for p in (50, 75, 76, 99)] == [1, 2, 3, 3]  # P(N > k) = 2^−k, at most three


def test_tries_per_call() -> None:
    assert tries_per_call(0.0, 5) == 1.0
    assert tries_per_call(0.5, 3) == pytest.approx(1.75)
    assert tries_per_call(1.0, 4) == 4.0


def test_retries_within_a_limit_settle_at_their_errors() -> None:
    load = settled(10.0, Retries.model_validate({"attempts": 3, "errors": 0.1}), limit=20.0)
    assert (load.tries, load.failing, load.served) == (pytest.approx(1.11), pytest.approx(0.1), pytest.approx(0.999))


def test_retries_beyond_a_limit_feed_the_overload() -> None:
    """12 calls/s against 10: of λ' = 12·(1 + f + f²) tries f = 1 − 10/λ' fail; the fixed point satisfies both."""
    load = settled(12.0, Retries.model_validate({"attempts": 3}), limit=10.0)
    offered = 12.0 * load.tries
    assert load.failing == pytest.approx(1 - 10 / offered, rel=1e-6)
    assert load.tries == pytest.approx(1 + load.failing + load.failing**2)
    assert 12.0 * load.served == pytest.approx(10.0, rel=1e-6)  # what gets through is the limit
    assert load.tries > 1.5


@pytest.mark.parametrize("rate", [1.0, 9.0, 11.0, 30.0])
def test_a_higher_limit_never_makes_more_tries(rate: float) -> None:
    retries = Retries.model_validate({"attempts": 4, "errors": 0.05})
    tries = [settled(rate, retries, limit).tries for limit in (5.0, 10.0, 20.0, 1e9, None)]
    assert all(a >= b - 1e-9 for a, b in pairwise(tries))


def test_sums_keep_means_and_variances() -> None:
    one, other = lengths(100, 300), lengths(0, 10, 20, 50)
    total = sums.plus(one, other)
    assert total.mean == pytest.approx(one.mean + other.mean)
    assert total.values.var() == pytest.approx(one.values.var() + other.values.var(), rel=1e-3)
    assert (sums.plus(one, lengths(7)).values == one.values + 7).all()
    five = sums.repeated(lengths(90, 110), 5)
    assert (five.mean, five.values.var()) == (pytest.approx(500), pytest.approx(5 * 100))
    assert sums.cut(one, 150).mean == 125
    mixed = sums.mixture([(3.0, lengths(10)), (1.0, lengths(50))], "test")
    assert mixed.mean == pytest.approx(20)
    assert sums.times(one, 0.5).mean == pytest.approx(100)


def promise(metric: str, target: float) -> Objective:
    return Objective.model_construct(metric=metric, percentile=95.0, target=target, price_per_miss=None)


def test_splits_add_up_along_the_slowest_path() -> None:
    """a (a component of 0.5 s) → b and c in parallel → d answers: the slower of b and c takes from d."""
    whole = promise("ttft", 4.0)
    found = splits(before(DIAMOND), "d", ["b", "c"], {"a": 0.5}, [whole])
    assert found
    for split in found:
        budgets = dict(split.budgets)
        assert split.before == pytest.approx(0.5 + max(budgets.values()))
        assert left(split, whole, 0.1) == pytest.approx(3.9 - split.before)
        assert left(split, whole, 0.0) >= 0.02 * 4


def test_what_follows_the_answer_takes_from_e2e_alone() -> None:
    order = before([stage("a"), stage("b")])
    (first, *_) = splits(order, "a", ["b"], {}, [promise("ttft", 1.0), promise("e2e", 10.0)])
    assert (first.before, first.after) == (0.0, pytest.approx(0.3))
    assert left(first, promise("ttft", 1.0), 0.0) == 1.0
    assert left(first, promise("e2e", 10.0), 0.0) == pytest.approx(9.7)


def test_nothing_promised_is_not_split() -> None:
    assert [split.budgets for split in splits(before(DIAMOND), "d", ["b", "c"], {}, [promise("tpot", 0.1)])] == [()]


def test_components_that_take_all_the_time_leave_no_split() -> None:
    assert splits(before(DIAMOND), "d", ["b", "c"], {"a": 4.0}, [promise("ttft", 4.0)]) == []


def test_a_try_gets_its_part_of_a_round() -> None:
    """Errors of 30 %: 0.3² = 9 % need more than two tries, 2.7 % more than three; with pauses of 0.1 and 0.2 s between them."""
    retries = Retries.model_validate({"attempts": 5, "errors": 0.3, "backoff": "100ms"})
    assert per_call(6.0, 2, retries, 95.0) == pytest.approx((3.0 - 0.3) / 3)
    assert per_call(6.0, 2, None, 95.0) == 3.0
    assert math.isclose(per_call(6.0, 1, Retries.model_validate({"attempts": 2, "errors": 0.01}), 95.0), 6.0)
