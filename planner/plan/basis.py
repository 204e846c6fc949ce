"""What a plan is checked against: streams, machines and operating points, derived anew from the problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from planner.candidates.alike import flows_of
from planner.catalog.problem import LoadedProblem
from planner.demand.stream import Stream
from planner.demand.ways import Flows, Way
from planner.domain.catalog import Catalog
from planner.domain.plan import Plan, Purchase
from planner.domain.plan_pools import ApiRoute, Pool, PoolLoad, ProvisionedRoute, Share
from planner.domain.problem import Problem
from planner.plan.predict import Operation, Replicas
from planner.supply import cells
from planner.supply.build import build_supply
from planner.supply.cells import Cell, Supply

TOLERANCE = 1e-6
"""Relative tolerance of every comparison: rounding, no more."""


def above(value: float, limit: float) -> bool:
    """Whether a value exceeds a limit by more than rounding; true of what is not a number."""
    return not value <= limit + TOLERANCE * max(abs(limit), 1e-9)


def differs(stated: float, found: float) -> bool:
    """Whether two figures differ by more than rounding."""
    return not abs(stated - found) <= TOLERANCE * max(abs(found), 1.0)


def _is(way: Way, settings: Mapping[str, str], budgets: Mapping[str, float], stores: Mapping[str, str]) -> bool:
    """Whether a way has these settings and stores, and these budgets up to the digits that a plan is written with."""
    own = dict(way.budgets)
    same = dict(way.settings) == settings and own.keys() == budgets.keys()
    same = same and {holding.store: holding.name for holding in way.stores} == stores
    return same and not any(differs(budgets[stage], seconds) for stage, seconds in own.items())


@dataclass
class Basis:
    """A plan, its problem, and what follows from the problem."""

    plan: Plan
    """To be checked."""
    loaded: LoadedProblem
    """Problem and catalogs."""
    only: str | None = None
    """The scenario whose hours alone count; None = all do."""

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.loaded.problem

    @property
    def catalog(self) -> Catalog:
        """The facts."""
        return self.loaded.catalog

    @cached_property
    def flows(self) -> Flows:
        """Everything the workloads may cause."""
        return flows_of(self.problem, self.loaded.base, self.catalog)

    @cached_property
    def ways(self) -> dict[str, Way | None]:
        """Workload → the way in which the plan says it is served, its only one if the plan says nothing; None if unknown."""
        stated = {way.workload: (dict(way.settings), dict(way.budgets), dict(way.stores)) for way in self.plan.ways}
        found: dict[str, Way | None] = {}
        for workload in self.problem.workloads:
            ways = self.flows.of(workload.name)
            if workload.name in stated:
                fit = [way for way in ways if _is(way, *stated[workload.name])]
                found[workload.name] = fit[0] if fit else None
            else:
                found[workload.name] = ways[0] if len(ways) == 1 else None
        return found

    @cached_property
    def streams(self) -> dict[str, Stream]:
        """Streams by name, with the calls that the plan's ways cause."""
        taken = [way for way in self.ways.values() if way is not None]
        used = {name for way in taken for name in way.rates}
        return {stream.name: stream for stream in self.flows.along(taken) if stream.name in used}

    @cached_property
    def supply(self) -> Supply:
        """Every machine and way to pay that the rules allow."""
        return build_supply(self.problem, self.catalog, list(self.streams.values()))

    @cached_property
    def hours(self) -> dict[str, float]:
        """Hours of each period that count."""
        return {one.name: one.hours if self.only in (None, one.scenario) else 0.0 for one in self.problem.periods}

    @cached_property
    def whole(self) -> float:
        """Hours of all periods of all scenarios."""
        return sum(period.hours for period in self.problem.periods)

    @cached_property
    def cycle(self) -> float:
        """Hours of all periods that count."""
        return sum(self.hours.values())

    def during(self, scenario: str) -> Basis:
        """Return the same with the hours of one scenario alone; all else that was found stays."""
        seen = copy(self)
        seen.only = scenario
        for counted in ("hours", "cycle"):
            vars(seen).pop(counted, None)
        return seen

    @cached_property
    def replicas(self) -> dict[str, Replicas]:
        """Pool → its replicas, compiled."""
        operations, confidence = self.problem.operations, self.problem.solver.confidence
        streams = list(self.streams.values())
        return {
            pool.name: Replicas(self.catalog, pool.deployment, pool.instance, streams, operations, confidence)
            for pool in self.plan.pools
        }

    @cached_property
    def operations(self) -> dict[tuple[str, str], Operation]:
        """(pool, period) → how one replica runs; loaded periods only."""
        found = {}
        for pool in self.plan.pools:
            for load in pool.loads:
                working = self.working(load)
                rates = {s.stream: s.rate / working for s in pool.shares if s.period == load.period and s.rate > 0}
                if rates:
                    found[pool.name, load.period] = self.replicas[pool.name].operate(rates, working)
        return found

    def spare(self, load: PoolLoad) -> int:
        """Return the replicas beyond those that carry load: what the problem asks of every pool, or the plan says of this one."""
        operations = self.problem.operations
        return operations.spare_replicas if operations.availability is None else load.spares or 0

    def working(self, load: PoolLoad) -> int:
        """Return the replicas that carry load; at least one."""
        return max(load.replicas - self.spare(load), 1)

    def routes(self) -> Iterator[tuple[Pool | ApiRoute | ProvisionedRoute, Share]]:
        """Yield every share with the pool or API that takes it."""
        found: tuple[Pool | ApiRoute | ProvisionedRoute, ...] = (*self.plan.pools, *self.plan.external)
        for route in found:
            for share in route.shares:
                yield route, share

    def hosting(self, pool: Pool) -> list[Cell]:
        """Return the cells a pool may stand in, whoever uses it."""
        place = (pool.instance, pool.region, pool.interruptible, bool(pool.fallback))
        return [cell for cell in self.supply.cells if (cell.instance, cell.region, cell.interruptible, cell.fallback) == place]

    def open_kinds(self, pool: Pool) -> frozenset[str]:
        """Return the ways to pay for machines that all users of a pool may use."""
        index = {name: number for number, name in enumerate(self.streams)}
        users = {index[share.stream] for share in pool.shares}
        here = {number for number, cell in enumerate(self.supply.cells) if cell in self.hosting(pool)}
        return frozenset(
            offer.kind
            for offer in self.supply.purchases
            if offer.cell in here and all(self.supply.cells[offer.cell].streams[user] for user in users)
        )

    def offers(self, purchase: Purchase) -> list[tuple[int, cells.Purchase]]:
        """Return the offers that a purchase can be, with their numbers: same machine, place, way to pay, time and price."""
        place = (purchase.instance, purchase.region, purchase.kind)
        return [
            (number, offer)
            for number, offer in enumerate(self.supply.purchases)
            if (self.supply.cells[offer.cell].instance, self.supply.cells[offer.cell].region, offer.kind) == place
            and (purchase.live, purchase.scenario) == offer.term.when
            and purchase.already == (offer.held > 0)
            and (offer.spend == purchase.spend if offer.spend else not differs(purchase.hourly, offer.cost))
            and not differs(purchase.upfront or 0.0, offer.upfront)
        ]
