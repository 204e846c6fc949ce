"""Vector stores with what they name put in its place: nodes and egress of the catalog; and the calls that keep them fresh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from planner.catalog.select import without_aliases
from planner.domain.calls import Lengths
from planner.domain.catalog import Catalog
from planner.domain.stages import Stage
from planner.domain.store_facts import RegionGroup, StoreOffer
from planner.domain.stores import Refresh, Store, named
from planner.domain.workload import DataRules, Demand, Workload
from planner.units import HOURS_PER_MONTH

_T = TypeVar("_T")

ONE = Lengths(mean=1.0, scv=0.0)
"""What an embedding model puts out: one vector for each prompt."""


def with_nodes(store: Store, workloads: Sequence[Workload], catalog: Catalog) -> Store:
    """Return a store that holds the nodes it may stand on, where the workloads that search it allow.

    Parameters
    ----------
    store : checked with `check_stores`
    workloads : of the problem
    catalog : stores, prices of egress
    """
    update: dict[str, Any] = {"nodes": nodes_of(store, catalog)}
    if store.egress is not None and store.egress.cloud is not None:
        price = catalog.egress[store.egress.cloud].price
        update["egress"] = store.egress.model_copy(update={"price": price, "cloud": None})
    if store.refresh is not None:
        choose = without_aliases(catalog, store.refresh.choose)
        update["refresh"] = store.refresh.model_copy(update={"choose": choose})
    rule = rules_of(store, workloads).region_groups
    if rule is not None:
        update["segments"] = tuple(
            part.model_copy(update={"region_groups": common(part.region_groups, rule)}) for part in store.parts
        )
    return store.model_copy(update=update)


def nodes_of(store: Store, catalog: Catalog) -> dict[str, StoreOffer]:
    """Return all that a store or its cold tiers may stand on, its own nodes first."""
    patterns = [*(store.types.allow or ("*",)), *(pattern for tier in store.tiers for pattern in tier.cold)]
    return {
        name: offer
        for name, offer in {**store.nodes, **{n: o for n, o in catalog.stores.items() if n not in store.nodes}}.items()
        if name in store.nodes or named(name, patterns)
    }


def users_of(store: Store, workloads: Sequence[Workload]) -> list[Workload]:
    """Return the workloads with a stage that searches a store."""
    return [workload for workload in workloads if any(stage.store == store.name for stage in workload.stages)]


def rules_of(store: Store, workloads: Sequence[Workload]) -> DataRules:
    """Return the data rules of all workloads that search a store, together."""
    rules = [workload.data for workload in users_of(store, workloads)]
    groups: tuple[RegionGroup, ...] | None = None
    regions: tuple[str, ...] | None = None
    licences: tuple[str, ...] | None = None
    for rule in rules:
        groups, regions = common(groups, rule.region_groups), common(regions, rule.regions)
        licences = common(licences, rule.licences)
    external = all(rule.external_api for rule in rules)
    return DataRules(external_api=external, region_groups=groups, regions=regions, licences=licences)


def common(one: tuple[_T, ...] | None, other: tuple[_T, ...] | None) -> tuple[_T, ...] | None:
    """Return what two lists of what is allowed have in common; None allows all."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(each for each in one if each in other)


def index_name(store: Store) -> str:
    """Return the name of the workload that keeps a store fresh."""
    return f"{store.name} index"


def index_workloads(stores: Sequence[Store], workloads: Sequence[Workload]) -> Iterator[Workload]:
    """Yield the batch work that keeps stores fresh, under the data rules of those who search them.

    Only of stores that some stage searches. A chunk is one call of an embedding model. A backfill adds its chunks, spread over
    the months that it is to last: its machine-hours are counted, not how many machines it takes at once.
    """
    for store in stores:
        if store.refresh is not None and users_of(store, workloads):
            yield _index_workload(store, store.refresh, rules_of(store, workloads))


def _index_workload(store: Store, refresh: Refresh, rules: DataRules) -> Workload:
    once = store.backfill.documents / (store.backfill.months * HOURS_PER_MONTH * 3600.0) if store.backfill is not None else 0.0
    name = index_name(store)
    return Workload.model_construct(  # its parts are valid, and numbers in SI units are not parsed again
        name=name,
        description=f"Embeds what {store.name} holds",
        demand=Demand.model_construct(rate=(refresh.documents + once) * store.chunks),
        input_tokens=refresh.tokens,
        output_tokens=ONE,
        deadline=refresh.deadline,
        data=rules,
        interruptible=refresh.interruptible,
        pools=None if refresh.share_pools else name,
        stages=(Stage(name="embed", role="embed", choose=refresh.choose),),
    )
