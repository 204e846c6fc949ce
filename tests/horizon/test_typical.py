"""Typical hours: by hand, and what holds of every set of hours."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import cut_tree, linkage

from planner.horizon.shapes import NAMED, scaled
from planner.horizon.typical import Typical, typical_hours


def overstated(rate: np.ndarray, hours: np.ndarray, found: Typical) -> float:
    """Return what typical hours add to the demand of all workloads, each relative to its mean."""
    mean = np.average(rate, axis=0, weights=hours)
    relative = (found.rate[found.of] - rate) / np.where(mean > 0, mean, 1.0)
    return float(hours @ relative.sum(axis=1) / hours.sum())


def test_equal_hours_are_one_and_nothing_is_overstated() -> None:
    found = typical_hours(np.array([[1.0], [4.0], [1.0], [4.0]]), np.array([10.0, 2.0, 5.0, 3.0]), 4)
    assert found.rate.tolist() == [[4.0], [1.0]]
    assert found.hours.tolist() == [5.0, 15.0]
    assert found.of.tolist() == [1, 0, 1, 0]


def test_by_hand() -> None:
    # 6, 5 and 1 req/s during 2, 4 and 10 hours. Two groups: {6, 5} adds 4 · 1 = 4 requests, {5, 1} adds 10 · 4 = 40: the first.
    rate, hours = np.array([[6.0], [5.0], [1.0]]), np.array([2.0, 4.0, 10.0])
    found = typical_hours(rate, hours, 2)
    assert found.rate.tolist() == [[6.0], [1.0]]
    assert found.hours.tolist() == [6.0, 10.0]
    assert overstated(rate, hours, found) == pytest.approx(4 / 42)


def test_hours_count_by_their_number() -> None:
    # 3, 2 and 1 during 1, 100 and 1 hours: {3, 2} adds 100 requests, {2, 1} one.
    found = typical_hours(np.array([[3.0], [2.0], [1.0]]), np.array([1.0, 100.0, 1.0]), 2)
    assert found.rate.tolist() == [[3.0], [2.0]]


def test_the_highest_of_each_workload_by_itself() -> None:
    found = typical_hours(np.array([[1.0, 8.0], [2.0, 4.0], [0.0, 0.0]]), np.array([1.0, 1.0, 8.0]), 2)
    assert found.rate.tolist() == [[2.0, 8.0], [0.0, 0.0]]


RATES = st.integers(1, 3).flatmap(
    lambda width: st.integers(1, 12).flatmap(
        lambda rows: st.tuples(
            arrays(float, (rows, width), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7, 10.0])),
            arrays(float, rows, elements=st.integers(1, 200).map(float)),
        )
    )
)


@given(RATES, st.integers(1, 12))
@settings(deadline=None)
def test_no_hour_is_missed_and_none_is_lost(made: tuple[np.ndarray, np.ndarray], most: int) -> None:
    rate, hours = made
    found = typical_hours(rate, hours, most)
    assert len(found.hours) <= most
    assert found.hours.sum() == hours.sum()
    assert (found.rate[found.of] >= rate).all()
    for group in range(len(found.hours)):  # and no higher than that
        assert (found.rate[group] == rate[found.of == group].max(axis=0)).all()


@given(RATES)
@settings(deadline=None)
def test_what_is_overstated_falls_to_nothing_as_hours_grow(made: tuple[np.ndarray, np.ndarray]) -> None:
    rate, hours = made
    errors = [overstated(rate, hours, typical_hours(rate, hours, most)) for most in range(1, len(rate) + 1)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(errors))
    assert errors[-1] == 0


@given(RATES, st.integers(1, 6), st.randoms())
@settings(deadline=None)
def test_the_order_of_hours_does_not_matter(made: tuple[np.ndarray, np.ndarray], most: int, chance: object) -> None:
    rate, hours = made
    order = list(range(len(rate)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    one, other = typical_hours(rate, hours, most), typical_hours(rate[order], hours[order], most)
    assert one.rate.tolist() == other.rate.tolist()
    assert one.hours.tolist() == other.hours.tolist()
    assert one.of[order].tolist() == other.of.tolist()


@given(RATES, st.integers(1, 6))
@settings(deadline=None)
def test_the_busiest_comes_first(made: tuple[np.ndarray, np.ndarray], most: int) -> None:
    rate, hours = made
    found, mean = typical_hours(rate, hours, most), np.average(rate, axis=0, weights=hours)
    busy = (found.rate / np.where(mean > 0, mean, 1.0)).sum(axis=1)
    assert (np.diff(busy) <= 0).all()


def mixed(*parts: tuple[str, int]) -> np.ndarray:
    """Return a week of workloads, each a named shape and the hours by which its clock is ahead."""
    return np.stack([np.roll(scaled(NAMED[name]), -ahead) for name, ahead in parts], axis=1)


@pytest.mark.parametrize("most", [2, 3, 4, 6, 8, 12])
@pytest.mark.parametrize(
    "rate",
    [
        mixed(("business_week", 0)),
        mixed(("business_week", 0), ("evenings", -5)),
        mixed(("business_week", 0), ("evenings", -5), ("nights", 0)),
        mixed(("business_week", 0), ("business_week", -6), ("business_week", 8)),
    ],
    ids=["one", "two", "three", "three continents"],
)
def test_no_more_is_overstated_than_by_wards_clustering(rate: np.ndarray, most: int) -> None:
    hours = np.ones(168)
    group = cut_tree(linkage(rate, method="ward"), n_clusters=[most])[:, 0]
    lead = np.stack([rate[group == one].max(axis=0) for one in range(most)])
    ward = Typical(lead, np.bincount(group).astype(float), group)
    assert overstated(rate, hours, typical_hours(rate, hours, most)) <= overstated(rate, hours, ward) + 1e-9
