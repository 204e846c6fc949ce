"""How much quality a cascade keeps when a router escalates a share of its calls, and what mixing two thresholds reaches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from planner.domain.lever_facts import EscalationPoint, Router

Pair = tuple[float, float]
"""Share escalated and share of the quality gap recovered."""

_NOTHING, _ALL = (0.0, 0.0), (1.0, 1.0)

STEP = 0.2
"""Shares escalated that are offered lie no further apart: a plan escalates at most so much more than its floor asks. Each is a
way more for every set of levers, so there are few."""


def recovered(router: Router, escalated: float) -> Pair:
    """Return the share of the quality gap that a router recovers.

    (S(e) − S_weak) / (S_strong − S_weak), piecewise linear in e through (0, 0), the published points and (1, 1).

    Parameters
    ----------
    router : its curve
    escalated : share e of the calls that go to the strong model [1], in [0, 1]

    Returns
    -------
    Pessimistic and optimistic end [1].

    Notes
    -----
    Between two thresholds the line is what mixing them at random gives, so it can always be had; a threshold between them
    may do better or worse. Above the last point the line to (1, 1) is a guess of the same kind.

    Examples
    --------
    >>> points = (EscalationPoint(escalated=0.5, recovered_low=0.75, recovered_high=0.875),)
    >>> router = Router(strong="big", weak="small", kind="model", points=points, source="example", as_of="2026")
    >>> recovered(router, 0.25), recovered(router, 0.75)
    ((0.375, 0.4375), (0.875, 0.9375))
    """
    return along(lows(router.points), escalated), along(highs(router.points), escalated)


def mixes(points: Sequence[EscalationPoint]) -> tuple[EscalationPoint, ...]:
    """Return the settings worth offering: corners of the hull of the pessimistic curve, and mixes of two neighbours between them.

    Parameters
    ----------
    points : the published thresholds

    Returns
    -------
    Points ascending in the share escalated, no further apart than `STEP`; of (0, 0) and (1, 1), where nothing is decided, none.
    A threshold below the hull is left out: a mix of two others escalates as much and recovers more.
    """
    corners = concave_hull(lows(points))
    shares = [
        left + (right - left) * part / count
        for (left, _), (right, _) in pairwise(corners)
        for count in [math.ceil((right - left) / STEP - 1e-9)]
        for part in range(1, count + 1)
    ]
    best = highs(points)
    return tuple(
        EscalationPoint(
            escalated=share, recovered_low=(low := along(corners, share)), recovered_high=max(low, along(best, share))
        )
        for share in shares
        if share < 1.0
    )


def lows(points: Iterable[EscalationPoint]) -> tuple[Pair, ...]:
    """Return the pessimistic curve, ends added."""
    return _with_ends((point.escalated, point.recovered_low) for point in points)


def highs(points: Iterable[EscalationPoint]) -> tuple[Pair, ...]:
    """Return the optimistic curve, ends added."""
    return _with_ends((point.escalated, point.recovered_high) for point in points)


def along(curve: Sequence[Pair], escalated: float) -> float:
    """Return the height of a piecewise linear curve [1]; `curve` ascends from 0 to 1 and holds both ends."""
    if not 0.0 <= escalated <= 1.0:
        raise ValueError(f"the share escalated must be between 0 and 1, got {escalated!r}")
    for (left, low), (right, high) in pairwise(curve):
        if escalated <= right:
            return low + (high - low) * (escalated - left) / (right - left)
    return curve[-1][1]


def concave_hull(points: Iterable[Pair]) -> tuple[Pair, ...]:
    """Return the least concave curve that is nowhere below the points, as its corners.

    Parameters
    ----------
    points : share escalated and share recovered, in any order; (0, 0) and (1, 1) are added

    Returns
    -------
    Corners from (0, 0) to (1, 1), slopes falling strictly.

    Notes
    -----
    Every point of the hull can be had in expectation: send a share θ of the calls, drawn at random, through the router with
    one threshold and the others through it with another. Escalated calls and quality gained are both means over calls, so
    the mix lies at θ·(e₁, r₁) + (1 − θ)·(e₂, r₂), anywhere on the chord between the two. Chance alone gives the chord from
    (0, 0) to (1, 1), hence the hull of a router worse than chance is chance. An optimizer that maximises quality over the
    hull needs no integers: the share recovered is the least of a few lines. The mix keeps the mean but not the promise to a
    single call that a fixed threshold would make.

    Examples
    --------
    >>> concave_hull([(0.5, 0.8), (0.6, 0.7), (0.2, 0.1)])
    ((0.0, 0.0), (0.5, 0.8), (1.0, 1.0))
    """
    hull: list[Pair] = []
    for point in sorted({*points, _NOTHING, _ALL}):
        if hull and hull[-1][0] == point[0]:
            hull.pop()  # sorted by height as well: the later of two above one another is the higher
        while len(hull) > 1 and not _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return tuple(hull)


def _turns_down(first: Pair, second: Pair, third: Pair) -> bool:
    """Say whether the slope falls at the second of three points from left to right."""
    (x1, y1), (x2, y2), (x3, y3) = first, second, third
    return (y2 - y1) * (x3 - x2) > (y3 - y2) * (x2 - x1)


def _with_ends(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Add what is known without saying: nothing escalated recovers nothing, everything all."""
    inner = tuple(pair for pair in pairs if pair[0] not in (0.0, 1.0))
    return (_NOTHING, *inner, _ALL)
