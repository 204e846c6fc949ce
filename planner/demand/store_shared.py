"""Stores that several workloads search: their nodes are settled before the ways are made, their fewest copies shared out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from planner.demand.budgets import percentile_of
from planner.demand.compose import Asked, Composed, Unstable
from planner.demand.store_choice import Holding, Load, choices
from planner.demand.store_way import Shared
from planner.demand.ways import Register
from planner.domain.stores import Store

Settled = dict[str, dict[str, Shared]]
"""Workload → store → how it is shared."""


def settle(stores: Sequence[Store], everyone: Sequence[Asked]) -> Settled:
    """Return how stores are held that more than one workload searches.

    Parameters
    ----------
    stores : of the problem
    everyone : workloads

    Returns
    -------
    workload → store → nodes and shards, and its share of the fewest copies, s = its searches over all

    Notes
    -----
    Nodes are the cheapest at the busiest searches without levers that leave every workload a way to keep its promises: the one
    choice that is made before the program, because ways of different workloads cannot agree on nodes within it. A workload with
    searches q on a share s of the m fewest copies pays s·m + ⌈q/c − s·m⌉ copies of capacity c. The sum is never below
    max(m, ⌈Σq/c⌉), is exactly m while every q is within its share, and exceeds it by less than a copy for each workload beyond
    the first where levers leave the searches in proportion.
    """
    settled: Settled = {}
    for store in stores:
        users = [asked for asked in everyone if any(stage.store == store.name for stage in asked.stages)]
        if len(users) > 1:
            for name, shared in _settled(store, users, settled).items():
                settled.setdefault(name, {})[store.name] = shared
    return settled


def _settled(store: Store, users: Sequence[Asked], before: Settled) -> dict[str, Shared]:
    """Return how one store is held, for each workload that searches it."""
    loads = {asked.workload.name: _load(store, asked) for asked in users}
    peak = sum(load.peak for load in loads.values())
    bases = {name: load.peak / peak if peak else 1.0 / len(users) for name, load in loads.items()}
    percentile = max((load.percentile for load in loads.values() if load.percentile is not None), default=None)
    found = choices(store, Load(peak, sum(load.mean for load in loads.values()), percentile))
    fit = [holding for holding in found if _serves(store, holding, users, bases, before)] or found[-1:]
    return {name: Shared(fit[0], base) for name, base in bases.items()} if fit else {}


def _load(store: Store, asked: Asked) -> Load:
    """Return what a workload asks of a store while no lever is pulled."""
    try:
        found = [load for one, load, _ in Composed(asked, ()).searched() if one is store]
    except Unstable:
        found = []
    return found[0] if found else Load(0.0, 0.0, percentile_of(asked.workload.objectives))


def _serves(store: Store, holding: Holding, users: Sequence[Asked], bases: Mapping[str, float], before: Settled) -> bool:
    """Whether the time that a store takes leaves every workload a way to be served without levers."""
    for asked in users:
        name = asked.workload.name
        known = {**before.get(name, {}), store.name: Shared(holding, bases[name])}
        try:
            if not any(True for _ in Composed(replace(asked, shared=known), ()).ways(Register())):
                return False
        except Unstable:
            continue
    return True
