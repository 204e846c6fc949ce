"""Questions about latency promises."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.select import allowed
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Objective
from planner.domain.hardware import Price
from planner.domain.offers import OwnedFleet, OwnedOffer
from planner.domain.workload import Workload
from planner.lint.rule import Hit, Seen

WITHIN = {"us": 0.072, "eu": 0.028, "asia": 0.134}
"""Slowest round trip between two regions of a continent [s]: Azure, October 2019."""
ACROSS = 0.090
"""Round trip between continents at their nearest [s]: New York to London as a carrier promises it."""
TAIL = 90.0
"""Percentile from which on a promise speaks of the tail (assumption)."""
FAR = 99.0
"""Percentile from which on bursts decide (assumption)."""
READING = 60.0 / (238.0 / 0.75)
"""Time a reader takes for a token [s]: 238 words a minute, 0.75 words a token."""


def promises(seen: Seen) -> Iterator[tuple[KeyPath, Workload, Objective]]:
    """Yield every promise to those who send requests, with its place."""
    for path, workload in seen.workloads():
        for index, objective in enumerate(workload.objectives):
            yield (*path, "objectives", index), workload, objective


def continents(seen: Seen, workload: Workload) -> set[str]:
    """Return the continents where machines may stand that answer a workload."""
    catalog, stated = seen.loaded.catalog, seen.stated
    may = allowed(catalog, "regions", stated.choose.regions) & allowed(catalog, "regions", workload.choose.regions)
    sellers, kinds = allowed(catalog, "sellers", stated.choose.sellers), allowed(catalog, "offers", stated.choose.offers)
    rows: list[Price | OwnedOffer | OwnedFleet] = [
        *(price for one in catalog.instances.values() if one.seller in sellers for price in one.prices),
        *(catalog.owned.values() if "owned" in kinds else ()),
        *(catalog.fleet.values() if "fleet" in kinds else ()),
    ]
    data = workload.data
    return {
        row.region_group
        for row in rows
        if row.region in may
        and (data.regions is None or row.region in data.regions)
        and (data.region_groups is None or row.region_group in data.region_groups)
    }


def round_trip(seen: Seen) -> Iterator[Hit]:
    """target < round trip to the farthest machine allowed: what users see cannot keep it."""
    for path, workload, objective in promises(seen):
        if objective.metric == "tpot":
            continue
        groups = continents(seen, workload)
        far = ACROSS if len(groups) > 1 else max((WITHIN.get(group, 0.0) for group in groups), default=0.0)
        if objective.target < far:
            between = "continents" if len(groups) > 1 else f"regions of {', '.join(groups)}"
            message = (
                f"{objective.metric} of {_ms(objective.target)} is less than a network round trip of {_ms(far)} between "
                f"{between}, where machines may stand; promises are kept at the replica, and users wait for the network on top"
            )
            yield Hit((*path, "target"), message, "name regions near the users under data.region_groups or data.regions")


def no_tail(seen: Seen) -> Iterator[Hit]:
    """percentile < 90."""
    for path, _, objective in promises(seen):
        if objective.percentile < TAIL:
            slow = 100.0 - objective.percentile
            message = f"p{objective.percentile:g} lets {slow:g} of 100 requests be slower than its target: that is no tail"
            yield Hit((*path, "percentile"), message, "promise p95 or p99, with the target that the slowest users should see")


def half_promise(seen: Seen) -> Iterator[Hit]:
    """A first token is promised and the rest of the answer is not, or the other way round."""
    for path, workload in seen.workloads():
        metrics = {objective.metric for objective in workload.objectives}
        if metrics == {"ttft"} and _longest_answer(workload) != 1:
            message = "only the first token is promised: nothing keeps the rest of the answer from trickling"
            yield Hit((*path, "objectives"), message, "add a tpot target, or promise e2e")
        elif metrics == {"tpot"}:
            message = "only the pace is promised: nothing keeps a request from waiting in the queue"
            yield Hit((*path, "objectives"), message, "add a ttft target, or promise e2e")


def _longest_answer(workload: Workload) -> float | None:
    lengths = workload.output_tokens
    return lengths.maximum if lengths.maximum is not None else lengths.mean


def all_soft(seen: Seen) -> Iterator[Hit]:
    """Every promise may be broken for a price."""
    for path, workload in seen.workloads():
        if workload.objectives and all(one.price_per_miss is not None for one in workload.objectives):
            message = "every promise is soft: where misses are cheaper than machines, all requests may miss"
            yield Hit((*path, "objectives"), message, "make one promise hard, at a looser target that must never be missed")


def far_tail(seen: Seen) -> Iterator[Hit]:
    """percentile ≥ 99, and nothing is said of bursts."""
    for path, workload, objective in promises(seen):
        demand = workload.demand
        if objective.percentile >= FAR and demand.burstiness is None and demand.trace is None:
            message = f"p{objective.percentile:g} is promised and arrivals are taken to be Poisson, for nothing is said of bursts"
            yield Hit(path, message, "give demand.burstiness, or demand.trace")


def slower_than_read(seen: Seen) -> Iterator[Hit]:
    """tpot target > the time people take to read a token."""
    for path, _, objective in promises(seen):
        if objective.metric == "tpot" and objective.target > READING:
            message = (
                f"{_ms(objective.target)} a token is slower than people read ({_ms(READING)}); the answer stalls under their eyes"
            )
            yield Hit((*path, "target"), message, "lower it, or promise e2e if nobody reads along")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
