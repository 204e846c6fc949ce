"""Which rows to show and which to fold, shared by the console and Markdown; no figure is made here, only chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.domain.plan import Fact, Plan
from planner.domain.plan_pools import Pool, PoolLoad, Share
from planner.domain.plan_promises import Promise, SimulatedPromise

FEW_PERIODS = 3
"""Up to this many periods, a figure that changes is shown for each; beyond, as a range."""

LONG_NAME = 14
"""A period's name longer than this does not fit beside a figure."""

STANDINGS = ("assumed", "fitted", "published", "measured", "stated")
"""Weakest first: what nobody measured, then what a regression or a vendor says; last what the reader's own file says."""


@dataclass(frozen=True)
class Flow:
    """What one pool or API takes of one stream, over the periods."""

    stream: str
    """Stream."""
    route: str
    """Pool or API."""
    shares: tuple[Share, ...]
    """One a period in which calls flow."""


@dataclass(frozen=True)
class Kept:
    """A promise in the period where it is hardest to keep."""

    worst: Promise
    """The promise in that period."""
    periods: int
    """In how many periods it is made."""


def by_period(values: Mapping[str, float], show: Callable[[float], str]) -> tuple[str, ...]:
    """Write a figure that may change from period to period.

    Parameters
    ----------
    values : Mapping[str, float]
        Figure per period, in the order of the periods.
    show : callable
        How to write one.

    Returns
    -------
    tuple of str
        One text if all read the same, one per period if there are few and their names short, otherwise the range.

    Examples
    --------
    >>> by_period({"day": 4, "night": 2}, str), by_period({"day": 4, "night": 4}, str)
    (('4 day', '2 night'), ('4',))
    >>> by_period({str(hour): hour for hour in range(24)}, str)
    ('0–23',)
    """
    shown = {period: show(value) for period, value in values.items()}
    if len(set(shown.values())) <= 1:
        return tuple(dict.fromkeys(shown.values()))
    if len(shown) <= FEW_PERIODS and max(map(len, shown)) <= LONG_NAME:
        return tuple(f"{text} {period}" for period, text in shown.items())
    return (f"{show(min(values.values()))}–{show(max(values.values()))}",)


def flows(plan: Plan) -> tuple[Flow, ...]:
    """Return who is served where: by stream, in the order in which the plan first names them."""
    taken: dict[tuple[str, str], list[Share]] = {}
    routes = [(pool.name, pool.shares) for pool in plan.pools] + [(api.api, api.shares) for api in plan.apis]
    routes += [(units.name, units.shares) for units in plan.provisioned]
    for route, shares in routes:
        for share in shares:
            taken.setdefault((share.stream, route), []).append(share)
    streams = list(dict.fromkeys(stream for stream, _ in taken))
    made = [Flow(stream, route, tuple(shares)) for (stream, route), shares in taken.items()]
    return tuple(sorted(made, key=lambda flow: streams.index(flow.stream)))


def over_periods(plan: Plan, flow: Flow, figure: Callable[[Share], float]) -> dict[str, float]:
    """Return a figure of a flow for every period of the plan; nothing flows where the plan says nothing."""
    found = {share.period: figure(share) for share in flow.shares}
    return {period: found.get(period, 0.0) for period in plan.periods}


def replicas(pool: Pool) -> dict[str, float]:
    """Return a pool's replicas per period."""
    return {load.period: load.replicas for load in pool.loads}


def busiest(pool: Pool) -> PoolLoad | None:
    """Return a pool's load in the period where its binding resource is nearest its limit."""
    return max(pool.loads, key=lambda load: load.utilization.get(load.binding, 0.0), default=None)


def kept(plan: Plan) -> tuple[Kept, ...]:
    """Return every promise once, in the period where it is hardest to keep; missed ones stay visible."""
    same: dict[tuple[object, ...], list[Promise]] = {}
    for promise in plan.promises:
        key = (promise.stream, promise.route, promise.metric, promise.percentile, promise.target, promise.soft)
        same.setdefault(key, []).append(promise)
    return tuple(Kept(max(made, key=lambda one: (not one.holds, one.predicted)), len(made)) for made in same.values())


def attained(plan: Plan, promise: Promise) -> SimulatedPromise | None:
    """Return what the simulation saw of a promise; None where there was none, as of APIs."""
    key = (promise.stream, promise.period, promise.route, promise.metric, promise.percentile)
    rows = plan.simulation.promises if plan.simulation else ()
    return next((r for r in rows if (r.stream, r.period, r.route, r.metric, r.percentile) == key), None)


def hourly_of(plan: Plan) -> dict[str, float]:
    """Return the stored cost of each pool by its name [$/h]."""
    return {row.pool: row.hourly for row in plan.cost.by_pool}


def weakest(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Return facts with the weakest standing first, otherwise as stored."""
    return tuple(sorted(facts, key=lambda fact: STANDINGS.index(fact.standing)))


def rejections(plan: Plan) -> tuple[tuple[str, int], ...]:
    """Return reason codes of rejected deployments, the commonest first."""
    return tuple(sorted(plan.proof.rejected.items(), key=lambda item: (-item[1], item[0])))


def likely(plan: Plan, promise: Promise) -> float | None:
    """Return a promise's prediction without doubt [s]; None where the plan holds none."""
    key = (promise.stream, promise.period, promise.route, promise.metric, promise.percentile)
    rows = plan.doubt.promises if plan.doubt else ()
    return next((r.seconds for r in rows if (r.stream, r.period, r.route, r.metric, r.percentile) == key), None)
