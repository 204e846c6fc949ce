"""What a reviewer asks of a plan, what about doing without …, each as a change to its problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.catalog.problem import LoadedProblem
from planner.catalog.select import permitted
from planner.catalog.yamlfile import dotted
from planner.domain.hardware import COMMITTED
from planner.domain.plan import Plan
from planner.domain.plan_choices import Alternative
from planner.domain.variants import origin_name
from planner.study.compared import compared
from planner.study.overrides import Override
from planner.study.result import Result
from planner.supply.cells import OWN

BITS = (16.0, 8.0)
"""Weights of so many bits or more are asked for where a plan has fewer."""
TERMS = (("reserved_1y", "a year"), ("reserved_3y", "three years"))
EACH = 4
"""Names of a kind that are asked about, the costliest first."""


@dataclass(frozen=True)
class Question:
    """A change to the problem that rules something of the plan out, or asks for more."""

    name: str
    """In a few words."""
    overrides: tuple[Override, ...]
    """What it changes."""
    allowed: bool = True
    """Whether it narrows the problem; otherwise it allows what the problem does not."""


def questions(plan: Plan, loaded: LoadedProblem) -> list[Question]:
    """Return what is asked of a plan, the most usual first; some may be no valid problem.

    Parameters
    ----------
    plan : as it is
    loaded : its problem
    """
    asked = Asked(plan, loaded)
    found = (
        *asked.models(),
        *asked.accelerators(),
        *asked.sellers(),
        *asked.outside(),
        *asked.payment(),
        *asked.spares(),
        *asked.numbers(),
        *asked.engines(),
    )
    return list({str([*map(str, one.overrides)]): one for one in reversed(found)}.values())[::-1]


@dataclass(frozen=True)
class Asked:
    """Makes the questions; each method is one kind."""

    plan: Plan
    loaded: LoadedProblem

    def models(self) -> Iterator[Question]:
        """Without each model: the next best one."""
        for name in self._ranked({pool.name: pool.deployment.model for pool in self.plan.pools}):
            yield Question(f"without {name.rpartition('/')[2]}", self._without("models", name))

    def accelerators(self) -> Iterator[Question]:
        """Without each kind of accelerator; on one kind, where there are several."""
        used = self._ranked({pool.name: origin_name(pool.deployment.accelerator) for pool in self.plan.pools})
        for name in used:
            yield Question(f"without {name}", self._without("accelerators", name))
        for name in used if len(used) > 1 else ():
            yield Question(f"all on {name}", (self._allow("accelerators", [name]),))

    def sellers(self) -> Iterator[Question]:
        """Without each seller; with one seller, or in one region, where there are several."""
        rented = [buy for buy in self.plan.purchases if buy.kind not in OWN]
        sellers = _costliest((buy.seller, buy.cost) for buy in rented)
        regions = _costliest((buy.region, buy.cost) for buy in self.plan.purchases)
        for name in sellers:
            yield Question(f"without {name}", self._without("sellers", name))
        for name in sellers if len(sellers) > 1 else ():
            yield Question(f"rented from {name} alone", (self._allow("sellers", [name]),))
        for name in regions if len(regions) > 1 else ():
            yield Question(f"all in {name}", (self._allow("regions", [name]),))

    def outside(self) -> Iterator[Question]:
        """Without each API, and without any; or all through them, for workloads that may use them."""
        for name in sorted({route.api for route in self.plan.external})[:EACH]:
            yield Question(f"without {name}", self._without("apis", name))
        if self.plan.external:
            yield Question("without APIs", (Override("workloads.*.data.external_api", False),))
        may = [workload for workload in self._written() if self.loaded.catalog.apis and workload.data.external_api]
        served = {share.stream for pool in self.plan.pools for share in pool.shares if share.rate > 0}
        here = [workload.name for workload in may if workload.name in served]
        if here:
            paths = (dotted(("workloads", name, "choose", "accelerators")) for name in here)
            whole = len(here) == len(self._written())
            name = "all through APIs" if whole else f"{' and '.join(here[:EACH])} through APIs"
            yield Question(name, tuple(Override(f"{path}.forbid", ["*"]) for path in paths))

    def payment(self) -> Iterator[Question]:
        """Nothing committed; no spot; or committed, where all is paid by the hour and rows to commit to exist."""
        kinds = {buy.kind for buy in self.plan.purchases if any(buy.machines.values()) and not buy.already}
        may = permitted(self.loaded.catalog, "offers", (self.loaded.problem.choose,))
        if kinds & set(COMMITTED):
            yield Question("nothing committed", (self._allow("offers", sorted(may - set(COMMITTED))),))
        if any("spot" in kind for kind in kinds):
            yield Question("without spot machines", (self._allow("offers", sorted(may - {"spot"})),))
        hourly = "on_demand" in kinds and not kinds & set(COMMITTED)
        for kind, term in TERMS if hourly else ():
            if not self._priced(kind):
                continue
            if kind in may:
                yield Question(f"reserved for {term}", (self._allow("offers", sorted(may - {"on_demand", "spot"})),))
            else:
                yield Question(f"reserving for {term}", (self._allow("offers", sorted({*may, kind})),), allowed=False)

    def spares(self) -> Iterator[Question]:
        """One more replica a pool than its load needs, where there is none; and none, where there is one."""
        operations = self.loaded.problem.operations
        if operations.availability is not None or not self.plan.pools:
            return
        path = "operations.spare_replicas"
        if operations.spare_replicas:
            yield Question("no spare replicas", (Override(path, 0),), allowed=False)
        else:
            yield Question("a spare replica in each pool", (Override(path, 1),))

    def numbers(self) -> Iterator[Question]:
        """Weights of more bits than the fewest that the plan has; no drafts."""
        formats = self.loaded.catalog.precisions
        fewest = min((formats[pool.deployment.precision].bits_per_weight for pool in self.plan.pools), default=BITS[0])
        may = permitted(self.loaded.catalog, "precisions", (self.loaded.problem.choose,))
        for bits in BITS:
            wide = sorted(name for name in may if formats[name].bits_per_weight >= bits)
            if fewest < bits and wide:
                yield Question(
                    f"weights of {bits:.0f} bits{' or more' if bits < BITS[0] else ''}", (self._allow("precisions", wide),)
                )
        if any(pool.deployment.speculation is not None for pool in self.plan.pools):
            yield Question("without drafts", (self._allow("speculators", []),))

    def engines(self) -> Iterator[Question]:
        """Without each engine, where another one may be used."""
        may = permitted(self.loaded.catalog, "engines", (self.loaded.problem.choose,))
        for name in self._ranked({pool.name: pool.deployment.engine for pool in self.plan.pools}) if len(may) > 1 else ():
            yield Question(f"without {name}", self._without("engines", name))

    def _ranked(self, of: dict[str, str]) -> list[str]:
        """Return what pools are made of, what costs most first."""
        costs = {row.pool: row.hourly for row in self.plan.cost.by_pool}
        return _costliest((what, costs.get(pool, 0.0)) for pool, what in of.items())

    def _written(self) -> Sequence[Any]:
        """Return the workloads that the file itself names."""
        return self.loaded.problem.workloads[: len(self.loaded.document.data["workloads"])]

    def _priced(self, kind: str) -> bool:
        """Whether any machine that may be rented has a price for a term."""
        choose, rows = self.loaded.problem.choose, self.loaded.catalog.instances
        names = permitted(self.loaded.catalog, "instances", (choose,))
        sellers = permitted(self.loaded.catalog, "sellers", (choose,))
        return any(
            getattr(price, kind) is not None for name in names if rows[name].seller in sellers for price in rows[name].prices
        )

    def _without(self, kind: str, name: str) -> tuple[Override, ...]:
        """Return what forbids a name beside those that the file forbids; where it allows it by name, it does so no longer."""
        choice = getattr(self.loaded.problem.choose, kind)
        forbidden = Override(f"choose.{kind}.forbid", [*choice.forbid, name])
        kept = [pattern for pattern in choice.allow or () if pattern.lower() != name.lower()]
        if choice.allow is None or len(kept) == len(choice.allow):
            return (forbidden,)
        return Override(f"choose.{kind}.allow", kept), forbidden

    def _allow(self, kind: str, names: Sequence[str]) -> Override:
        """Return what narrows a choice to names that it allows."""
        return Override(f"choose.{kind}.allow", list(names))


def _costliest(costs: Iterable[tuple[str, float]]) -> list[str]:
    """Return names by what is paid for them in all, the most first; a few."""
    total: dict[str, float] = {}
    for name, cost in costs:
        total[name] = total.get(name, 0.0) + cost
    return sorted(total, key=lambda name: (-total[name], name))[:EACH]


def answered(question: Question, this: Result, found: Result) -> Alternative:
    """Return what came of a question, against the plan."""
    if not found.solved:
        return Alternative(name=question.name, cost=None, allowed=question.allowed, why=found.short)
    told = compared(this.figures, found.figures)
    return Alternative(
        name=question.name,
        cost=found.cost,
        bound=found.sound,
        allowed=question.allowed,
        changes=told.changes,
        gives_up=told.gives_up,
        gains=told.gains,
    )
