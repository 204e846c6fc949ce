"""Curves of routers: hand-made ones, limits, and the hull as what mixing reaches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.routing import STEP, Pair, along, concave_hull, highs, lows, mixes, recovered
from planner.domain.lever_facts import EscalationPoint, Router

SHARES = st.floats(0.01, 0.99, allow_subnormal=False).map(lambda share: round(share, 3))
PAIRS = st.lists(st.tuples(SHARES, SHARES), max_size=8)


def router(*points: tuple[float, float, float]) -> Router:
    made = tuple(EscalationPoint(escalated=e, recovered_low=low, recovered_high=high) for e, low, high in points)
    return Router(strong="big", weak="small", kind="model", points=made, source="test", as_of="2026")


def test_between_points_the_line_is_straight() -> None:
    one = router((0.2, 0.4, 0.6), (0.6, 0.8, 0.9))
    assert recovered(one, 0.1) == pytest.approx((0.2, 0.3))  # half way from (0, 0)
    assert recovered(one, 0.2) == pytest.approx((0.4, 0.6))
    assert recovered(one, 0.4) == pytest.approx((0.6, 0.75))
    assert recovered(one, 0.8) == pytest.approx((0.9, 0.95))  # half way to (1, 1)


def test_the_ends_are_known_without_saying() -> None:
    for one in (router((0.3, 0.5, 0.5)), router((0.0, 0.0, 0.0), (0.3, 0.5, 0.5), (1.0, 1.0, 1.0))):
        assert recovered(one, 0.0) == (0.0, 0.0)
        assert recovered(one, 1.0) == (1.0, 1.0)
        assert lows(one.points) == ((0.0, 0.0), (0.3, 0.5), (1.0, 1.0))


def test_shares_beyond_the_curve_are_refused() -> None:
    for share in (-0.01, 1.01, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            recovered(router((0.3, 0.5, 0.5)), share)


@pytest.mark.parametrize(
    ("points", "hull"),
    [
        ([], [(0, 0), (1, 1)]),
        ([(0.5, 0.5)], [(0, 0), (1, 1)]),  # on the chord: not a corner
        ([(0.5, 0.2)], [(0, 0), (1, 1)]),  # worse than chance: chance is the hull
        ([(0.5, 0.9)], [(0, 0), (0.5, 0.9), (1, 1)]),
        ([(0.5, 0.9), (0.5, 0.7)], [(0, 0), (0.5, 0.9), (1, 1)]),
        # (0.4, 0.5) lies under the chord from (0.2, 0.4) to (0.6, 0.9), whose height at 0.4 is 0.65
        ([(0.2, 0.4), (0.4, 0.5), (0.6, 0.9)], [(0, 0), (0.2, 0.4), (0.6, 0.9), (1, 1)]),
        ([(0.6, 0.9), (0.2, 0.4)], [(0, 0), (0.2, 0.4), (0.6, 0.9), (1, 1)]),
    ],
)
def test_hulls_by_hand(points: list[Pair], hull: list[Pair]) -> None:
    assert concave_hull(points) == tuple(hull)


@given(PAIRS)
def test_a_hull_is_concave_and_above_all_points(points: list[Pair]) -> None:
    hull = concave_hull(points)
    assert set(hull) <= {*points, (0.0, 0.0), (1.0, 1.0)}
    slopes = [(high - low) / (right - left) for (left, low), (right, high) in pairwise(hull)]
    assert all(after < before for before, after in pairwise(slopes))
    assert all(along(hull, share) >= height - 1e-12 for share, height in points)


@given(PAIRS.filter(len), st.floats(0, 1))
def test_the_hull_is_the_best_mix_of_two_points(points: list[Pair], share: float) -> None:
    """Independent of the sweep: the highest of all chords between two points at this share."""
    known = np.array([*points, (0.0, 0.0), (1.0, 1.0)])
    best = 0.0
    for left, low in known[known[:, 0] <= share]:
        for right, high in known[known[:, 0] >= share]:
            weight = (share - left) / (right - left) if right > left else 0.0
            best = max(best, low + (high - low) * weight, *known[known[:, 0] == share, 1])
    assert along(concave_hull(points), share) == pytest.approx(best, abs=1e-9)


def test_mixing_thresholds_at_random_reaches_the_hull() -> None:
    """Calls of known gain under two thresholds: sending 30 % through one and 70 % through the other lies on the chord."""
    gains = np.array([0.5, 0.3, 0.1, 0.1])  # what the strong model adds on each of four equally frequent calls
    strict, lax = np.array([1, 0, 0, 0]), np.array([1, 1, 1, 0])  # which of them each threshold escalates
    corners = [(float(mask.mean()), float((gains * mask).sum() / gains.sum())) for mask in (strict, lax)]
    mixed = 0.3 * strict + 0.7 * lax  # chance that a call is escalated
    share, gained = float(mixed.mean()), float((gains * mixed).sum() / gains.sum())
    assert along(concave_hull(corners), share) == pytest.approx(gained)


def test_the_range_stays_in_order() -> None:
    one = router((0.2, 0.4, 0.6), (0.6, 0.8, 0.9))
    for share in np.linspace(0, 1, 21):
        low, high = recovered(one, float(share))
        assert 0.0 <= low <= high <= 1.0
    assert all(low[0] == high[0] for low, high in zip(lows(one.points), highs(one.points), strict=True))


def test_mixes_lie_on_the_hull_a_step_apart() -> None:
    """Corners (0.25, 0.5) and (0.7, 0.8): (0.5, 0.6) lies below the line between them. Two steps, three, two."""
    found = mixes(router((0.25, 0.5, 0.6), (0.5, 0.6, 0.9), (0.7, 0.8, 0.8)).points)
    shares = [point.escalated for point in found]
    assert shares == pytest.approx([0.125, 0.25, 0.4, 0.55, 0.7, 0.85])
    assert [point.recovered_low for point in found[1:4]] == pytest.approx([0.5, 0.6, 0.7])
    assert found[3].recovered_high > found[3].recovered_low


@given(PAIRS.filter(len))
def test_mixes_leave_no_gap_and_stay_in_order(points: list[Pair]) -> None:
    known = dict(points)
    made = mixes(router(*((share, known[share], max(known[share], 0.99)) for share in sorted(known))).points)
    shares = [0.0, *(point.escalated for point in made), 1.0]
    assert all(0 < after - before <= STEP + 1e-9 for before, after in pairwise(shares))
    assert all(point.recovered_low <= point.recovered_high <= 1 for point in made)
    assert all(point.recovered_low >= point.escalated - 1e-9 for point in made)
