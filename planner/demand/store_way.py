"""Vector stores as one way of a workload searches them: what it asks of each, and what that costs stage by stage.

A store that several workloads search is settled before their ways are made: nodes and shards are alike for all, the fewest copies
are shared out in proportion to their searches without levers, and each pays the copies it needs beyond its share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.demand.budgets import percentile_of, timed
from planner.demand.items import Item
from planner.demand.store_choice import Holding, Load
from planner.domain.calls import Objective
from planner.domain.stores import Store

STEP = 0.02
"""Share of the tightest target that a dearer store must be faster by to be offered: each one offered is another split of the
latency, with streams of its own. What finer steps would save is less than what the grid of splits leaves (assumption)."""


@dataclass(frozen=True)
class Shared:
    """A store that several workloads search, as one of them sees it."""

    holding: Holding
    """Its nodes and shards, settled for all of them."""
    base: float
    """Share of its fewest copies that this workload pays for and may use [1]."""


@dataclass(frozen=True)
class Searches:
    """A stage that searches a store."""

    stage: str
    """The stage."""
    mean: float
    """Searches on average, tries included [1/s]."""
    passages: int
    """Passages that each returns [1]."""


def asked_of(
    store: Store, rates: Sequence[float], weights: Sequence[float], promises: Sequence[Objective], shared: Shared | None
) -> tuple[Store, Load, Holding | None]:
    """Return a store with what a workload asks of it, and how it is held if others share it.

    Parameters
    ----------
    store : the store
    rates : searches in each period [1/s]
    weights : share of each period in the cycle [1]
    promises : of the request
    shared : what is settled with others; None = it is the workload's own
    """
    mean = sum(share * rate for share, rate in zip(weights, rates, strict=True))
    waits = timed(promises)
    step = STEP * min((objective.target for objective in waits), default=0.0)
    load = Load(max(rates), mean, percentile_of(promises), shared.base if shared is not None else 1.0, step)
    return store, load, shared.holding if shared is not None else None


def store_items(store: Store, holding: Holding, searches: Sequence[Searches]) -> Iterator[Item]:
    """Yield what a store costs a workload: its nodes, shared out over the stages by their searches, and egress.

    egress = searches · k · payload · price

    Parameters
    ----------
    store : the store
    holding : how it is held
    searches : stages that search it; none where levers left all of them out and others share the store, whose fewest copies are
        paid for all the same
    """
    whole = sum(each.mean for each in searches)
    for each in searches:
        yield Item("store", each.stage, holding.hourly * (each.mean / whole if whole else 1.0 / len(searches)), None)
    if not searches:
        yield Item("store", store.name, holding.hourly, None)
    price = store.egress.price if store.egress is not None else None
    for each in searches if price else ():
        egress = each.mean * 3600.0 * each.passages * (store.payload or 0.0) * (price or 0.0)
        yield Item("component", each.stage, egress, egress)
