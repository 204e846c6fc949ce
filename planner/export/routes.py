"""Who answers a stream, with whole-number weights: pools and APIs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.domain.plan_pools import ApiRoute, Pool, ProvisionedRoute
from planner.domain.plan_serving import CallsPart
from planner.export.view import Notes, View

SCALE = 1000
"""Weights of a stream add up to about this."""

UNLIKE = 0.005
"""Shares of a stream that differ by more between periods are noted [1]."""

Route = Pool | ApiRoute | ProvisionedRoute


@dataclass(frozen=True)
class Target:
    """A pool or API that answers a stream."""

    route: Route
    """Which."""
    weight: int
    """How much of it."""
    rate: float
    """Calls per second."""

    @property
    def name(self) -> str:
        """Name it."""
        return route_name(self.route)


@dataclass(frozen=True)
class Ways:
    """Where the calls of a stream go."""

    calls: CallsPart
    """The stream."""
    targets: tuple[Target, ...]
    """Pools and APIs."""


def route_name(route: Route) -> str:
    """Name a pool or API."""
    return route.api if isinstance(route, ApiRoute) else route.name


def routes_of(view: View) -> tuple[Ways, ...]:
    """Return where each stream's calls go, in the period asked for, or its busiest where it has none then.

    Parameters
    ----------
    view : the plan
    """
    for part in view.plan.failover:
        names = ", ".join(group.stream for group in part.groups)
        view.notes.add(
            f"calls of {part.workload} are shared out evenly over {names}, by whoever sends them; where one fails, over the rest"
        )
    found = ((calls, _rates(view, calls.stream)) for calls in view.serving.calls)
    return tuple(Ways(calls, tuple(_targets(view, calls.stream, rates))) for calls, rates in found if rates)


def _targets(view: View, stream: str, rates: dict[str, dict[str, float]]) -> Iterator[Target]:
    period = view.period if view.period in rates else max(rates, key=lambda name: sum(rates[name].values()))
    _note_periods(view.notes, stream, period, rates)
    everything = {route_name(route): route for route in (*view.plan.pools, *view.plan.external)}
    total = sum(rates[period].values())
    for name, rate in rates[period].items():
        yield Target(everything[name], max(round(SCALE * rate / total), 1), rate)


def _rates(view: View, stream: str) -> dict[str, dict[str, float]]:
    """Return a stream's calls by period and route [1/s]."""
    rates: dict[str, dict[str, float]] = {}
    for route in (*view.plan.pools, *view.plan.external):
        for share in route.shares:
            if share.stream == stream and share.rate > 0:
                by_route = rates.setdefault(share.period, {})
                by_route[route_name(route)] = by_route.get(route_name(route), 0.0) + share.rate
    return rates


def _note_periods(notes: Notes, stream: str, period: str, rates: dict[str, dict[str, float]]) -> None:
    """Note that a stream goes elsewhere in other periods."""

    def shares(name: str) -> dict[str, float]:
        return {route: rate / sum(rates[name].values()) for route, rate in rates[name].items()}

    here = shares(period)
    for name in rates:
        there = shares(name)
        if any(abs(here.get(route, 0.0) - there.get(route, 0.0)) > UNLIKE for route in here | there):
            notes.add(f"{stream} is routed as in {period!r}, which is not so in {name!r}: see --period")
            return
