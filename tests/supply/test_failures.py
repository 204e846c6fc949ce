"""Spares for failures: by hand, against SciPy's binomial, at the limits, and their direction."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binom

from planner.domain.problem import Failures, Operations
from planner.supply.failures import EACH, MANY, Spares, Unit, availability, failure_rate, most_down, rungs, unit_of

TINY = 1e-12


def alone(down: float) -> Unit:
    """Return a replica that fails by itself."""
    return Unit(1, 0.0, down)


def needed(working: int, down: float, target: float, together: int = 1) -> int:
    """Return k for R replicas that carry load."""
    operations = Operations(availability=target)
    rule = Spares(operations, 1, together, interruptible=False)
    rule.__dict__["unit"] = Unit(together, 0.0, down)
    return rule.around(working) - working


# P[Binom(R + k, 0.999) ≥ R] by hand, p = 0.001.
# R = 1:  k = 0: 0.999.  k = 1: 1 − p² = 0.999999.
# R = 10: k = 0: 0.999^10 = 0.990045.  k = 1: 0.999^11 + 11·p·0.999^10 = 0.989055 + 0.010890 = 0.999945.
#         k = 2: 1 − C(12,3)·p³ = 1 − 2.2e-7.
# R = 50: k = 0: 0.951206.  k = 1: 0.999^51 + 51·p·0.999^50 = 0.950255 + 0.048512 = 0.998766.
#         k = 2: + C(52,2)·p²·… = 0.999979.  k = 3: 1 − C(53,4)·p⁴ = 1 − 2.8e-7.
HAND = [
    (1, 0.999, 0), (1, 0.9991, 1), (1, 0.999999, 1), (1, 0.9999999, 2),
    (10, 0.99, 0), (10, 0.9901, 1), (10, 0.999, 1), (10, 0.9999, 1), (10, 0.99995, 2),
    (50, 0.95, 0), (50, 0.998, 1), (50, 0.999, 2), (50, 0.9999, 2), (50, 0.99999, 3),
]  # fmt: skip


@pytest.mark.parametrize(("working", "target", "spares"), HAND)
def test_spares_by_hand(working: int, target: float, spares: int) -> None:
    assert needed(working, 0.001, target) == spares


@given(st.integers(0, 400), st.integers(0, 8), st.floats(0.0, 0.4))
def test_the_tail_is_that_of_the_binomial(units: int, some: int, down: float) -> None:
    assert most_down(units, some, down) == pytest.approx(float(binom.cdf(some, units, down)), abs=1e-9)


@given(st.integers(1, 300), st.floats(1e-5, 0.05), st.floats(0.5, 0.99999))
def test_they_are_the_fewest(working: int, down: float, target: float) -> None:
    """P[Binom(R + k, A) ≥ R] ≥ target, and not with one fewer."""
    k = needed(working, down, target)
    fewer = list(itertools.takewhile(lambda kept: kept < k, rungs()))[-1:]
    assert fewer in ([], [k - 1]) if k <= EACH else fewer[0] >= 0.8 * (k - 1)
    assert binom.sf(working - 1, working + k, 1 - down) >= target - 1e-9
    assert not fewer or binom.sf(working - 1, working + fewer[0], 1 - down) < target + 1e-9


@given(st.integers(1, 200), st.floats(1e-5, 0.1), st.floats(0.5, 0.99999), st.sampled_from([1, 2, 8]))
def test_more_replicas_never_need_fewer(working: int, down: float, target: float, together: int) -> None:
    assert needed(working, down, target, together) <= needed(working + 1, down, target, together)


@given(st.integers(1, 100), st.floats(1e-5, 0.1), st.floats(0.5, 0.9999), st.sampled_from([1, 4]))
def test_a_higher_target_or_worse_hardware_never_needs_fewer(working: int, down: float, target: float, together: int) -> None:
    k = needed(working, down, target, together)
    assert k <= needed(working, down, (1 + target) / 2, together)
    assert k <= needed(working, 1.5 * down, target, together)


def test_limits() -> None:
    """What never fails needs no spare; the nearer the target to certainty, the more are needed."""
    assert [needed(working, 0.0, 0.9999999) for working in (1, 10, 1000)] == [0, 0, 0]
    assert [needed(10, 0.001, 1 - 10.0**-n) for n in (1, 2, 4, 6, 8, 10)] == [0, 0, 1, 2, 3, 4]
    assert needed(10, 0.001, 1e-9) == 0


@given(st.integers(1, 120), st.floats(1e-4, 0.05), st.floats(0.5, 0.9999), st.sampled_from([1, 2, 4, 8]))
def test_steps_divide_the_counts(need: int, down: float, target: float, together: int) -> None:
    """Every count is in one step, whose spares are those of the count; the last carries what is needed."""
    unit = Unit(together, 0.0, down)
    steps = list(unit.steps(target, need))
    before = 0
    for spares, fewest, most in steps:
        assert before < fewest <= most
        assert all(unit.spares(count, target) == spares for count in (fewest, (fewest + most) // 2, most))
        before = most
    assert steps[-1][2] - steps[-1][0] >= need


def test_replicas_on_one_machine_fail_together() -> None:
    """Eight to a machine that is down 0.2 % of the time, 99.9 % asked for.

    One replica: 99.8 %, so a machine's worth, k = 8, is kept, on two machines at most: 1 − 0.002² = 99.9996 %. Nine and eight
    stand on three: 1 − 3·0.002² = 99.9988 %.
    """
    unit = Unit(8, 0.0, 0.002)
    assert [unit.touched(count) for count in (0, 1, 2, 8, 9, 10, 17, 18)] == [0, 1, 2, 2, 2, 3, 3, 4]
    assert needed(1, 0.002, 0.999, together=8) == 8
    assert unit.reached(9, 8) == pytest.approx(1 - 0.002**2, abs=TINY)
    assert unit.reached(17, 8) == pytest.approx(1 - 3 * 0.002**2 * 0.998 - 0.002**3, abs=TINY)


def test_large_pools_have_spares_in_steps() -> None:
    """Every number up to eight, then a quarter more at most: a pool of thousands of replicas is a few columns more."""
    assert list(itertools.islice(rungs(), 14)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 17, 22, 28]
    assert len(list(alone(0.01).steps(0.999, 100_000))) < 40
    assert alone(0.0).most(0, 0.999) == MANY
    assert most_down(1_000_000, 10_500, 0.01) == pytest.approx(float(binom.cdf(10_500, 1_000_000, 0.01)))


@given(st.integers(0, 7), st.integers(1, 60), st.sampled_from([2, 4, 8]))
def test_side_by_side_replicas_touch_no_more_machines(offset: int, count: int, together: int) -> None:
    """Wherever the first stands on its machine."""
    first = offset % together
    machines = (first + count - 1) // together + 1
    assert machines <= Unit(together, 0.0, 0.1).touched(count)


def test_rates_and_availability_by_hand() -> None:
    """A machine of eight: 8·0.1015 + 1.56 = 2.372 failures a year, 4 h 10 min each: 9.88 h of 8,760 h, A = 1/(1 + 0.001128)."""
    operations = Operations()
    assert failure_rate(8, 1, operations.failures) * 8760 == pytest.approx(2.372)
    whole = unit_of(8, 8, operations, interruptible=False)
    assert (whole.replicas, whole.down) == (1, pytest.approx(1 - 1 / (1 + 2.372 * (4 + 1 / 6) / 8760)))
    # Two to a machine fail with it; one over two machines fails twice as often.
    assert unit_of(4, 8, operations, interruptible=False) == Unit(2, whole.rate, whole.down)
    assert unit_of(16, 8, operations, interruptible=False).rate == pytest.approx(2 * whole.rate)
    assert availability(0.0, 5.0) == 1.0


def test_interruptions_of_spot_machines_count() -> None:
    """0.05 an hour of 10 minutes each: 0.00833 h an hour beside what hardware takes."""
    failures = Failures(gpu_per_year=0.0, node_per_year=0.0)
    unit = unit_of(1, 1, Operations(failures=failures), interruptible=True)
    assert (unit.rate, unit.down) == (0.0, pytest.approx(1 - 1 / (1 + 0.05 / 6)))
    assert unit_of(1, 1, Operations(failures=failures), interruptible=False).down == 0.0


def test_lost_work_by_hand() -> None:
    """87.6 failures a year are 0.01 an hour; 10 minutes and 2 minutes in hand: 0.01·0.2 h."""
    operations = Operations(availability=0.9, failures=Failures(gpu_per_year=0.0, node_per_year=87.6))
    assert Spares(operations, 1, 1, interruptible=False).lost(120.0) == pytest.approx(0.002)
    assert Spares(Operations(spare_replicas=1), 1, 1, interruptible=False).lost(120.0) == 0.0


def test_a_constant_number_of_spares_stays_one() -> None:
    rule = Spares(Operations(spare_replicas=2), 1, 8, interruptible=False)
    assert (rule.of(5), rule.working(5), rule.working(1), rule.around(3), rule.reached(5)) == (2, 3, 1, 5, None)


def test_both_ways_to_ask_for_spares_are_refused() -> None:
    with pytest.raises(ValidationError, match="both say how many spares"):
        Operations(availability=0.999, spare_replicas=1)
    assert Operations(availability=0.999, spare_replicas=0).spare_replicas == 0
