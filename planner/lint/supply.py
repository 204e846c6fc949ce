"""Questions about pools, spares, spot machines, commitments and the search itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from planner.catalog.select import allowed, permitted
from planner.domain.workload import Workload
from planner.lint.rule import Hit, Seen

FACTOR = 2.0
"""Ratio of targets from which on two service classes differ (assumption)."""
NINES = 0.9995
"""Availability from which on one region is not enough."""
BUSY = 0.8
"""Highest utilization that simulation has confirmed."""
EDGE = 0.8
"""Share of comparable measurements that predictions should cover where promises are kept (the default)."""
TERMS = {"reserved_1y": 12, "reserved_3y": 36}
"""Months of commitments."""


def one_pool(seen: Seen) -> Iterator[Hit]:
    """Fewer pools than service classes that do not mix."""
    most = seen.stated.operations.max_pools
    sets = {workload.pools for workload in seen.stated.workloads}
    path = ("operations", "max_pools")
    if most is not None and most < len(sets):
        message = f"workloads name {len(sets)} sets of pools, and {most} may be operated"
        yield Hit(path, message, f"allow {len(sets)} pools or more, or let workloads share a set")
    elif most == 1:
        pair = next(((a, b) for a, b in combinations(seen.stated.workloads, 2) if _differ(a, b)), None)
        if pair is not None:
            message = f"{pair[0].name} and {pair[1].name} promise different things and share one pool, run for the tighter"
            yield Hit(path, message, "allow two pools; what another one costs is said by operations.pool_cost")


def _differ(one: Workload, other: Workload) -> bool:
    """Say whether two workloads are of different service classes: batch and not, or targets far apart."""
    if bool(one.objectives) != bool(other.objectives):
        return True
    targets = [{o.metric: o.target for o in each.objectives} for each in (one, other)]
    shared = targets[0].keys() & targets[1].keys()
    return any(max(t[m] for t in targets) >= FACTOR * min(t[m] for t in targets) for m in shared)


def _promising(seen: Seen) -> list[Workload]:
    return [w for w in seen.stated.workloads if any(o.price_per_miss is None for o in w.objectives)]


def no_spares(seen: Seen) -> Iterator[Hit]:
    """Promises, and no replica to spare."""
    operations, promising = seen.stated.operations, _promising(seen)
    if promising and operations.availability is None and not operations.spare_replicas:
        names = ", ".join(workload.name for workload in promising)
        message = f"no replica is kept to spare: while one fails or is updated, promises to {names} may be broken"
        yield Hit(("operations",), message, "ask for operations.availability (`99.9%`), or give spare_replicas")


def one_region(seen: Seen) -> Iterator[Hit]:
    """availability ≥ 99.95 % with machines of one region."""
    asked, catalog = seen.stated.operations.availability, seen.loaded.catalog
    if asked is None or asked < NINES:
        return
    may = allowed(catalog, "regions", seen.stated.choose.regions)
    for path, workload in seen.workloads():
        left = may & allowed(catalog, "regions", workload.choose.regions)
        left = left if workload.data.regions is None else left & set(workload.data.regions)
        if len(left) == 1 and workload.objectives:
            place = next(iter(left))
            message = f"availability of {asked:.3%} is asked for, and all machines stand in {place}: spares fail with it"
            yield Hit(path, message, "allow a second region, or ask for less")


def _spot(seen: Seen) -> bool:
    return "spot" in allowed(seen.loaded.catalog, "offers", seen.stated.choose.offers)


def patient_but_fixed(seen: Seen) -> Iterator[Hit]:
    """Batch work of which nothing is said, where spot machines may be rented."""
    if not _spot(seen):
        return
    for path, workload in seen.workloads():
        if workload.deadline is not None and not workload.objectives and not seen.says(*path, "interruptible"):
            message = (
                f"it may wait {workload.deadline / 3600:g} h and is not said to be interruptible, so no spot machine takes it"
            )
            yield Hit(path, message, "write `interruptible: true`; `interruptible: false` if it cannot start again")


def promised_on_spot(seen: Seen) -> Iterator[Hit]:
    """Hard promises on machines that are taken away."""
    if not _spot(seen):
        return
    for path, workload in seen.workloads():
        if workload.interruptible is True and any(o.price_per_miss is None for o in workload.objectives):
            message = "hard promises on spot machines: they are taken away with half a minute to two minutes' notice"
            remedy = "write `interruptible: with_fallback`, leave it to batch work, or make the promises soft"
            yield Hit((*path, "interruptible"), message, remedy)


def spot_for_free(seen: Seen) -> Iterator[Hit]:
    """Spot machines that are never taken away, or back at once."""
    operations = seen.stated.operations
    if not _spot(seen) or not any(w.interruptible for w in seen.loaded.problem.workloads):
        return
    for field in ("spot_interruptions_per_hour", "spot_restart"):
        if getattr(operations, field) == 0:
            message = (
                "spot machines are taken never to be interrupted" if field != "spot_restart" else "interruptions cost no time"
            )
            yield Hit(("operations", field), message, "give what you have seen; the default is an assumption on the safe side")


def outlived(seen: Seen) -> Iterator[Hit]:
    """Commitments longer than what is known of demand."""
    stated = seen.stated
    named, path = stated.choose.offers.allow or (), ("choose", "offers")
    months = stated.horizon.months if stated.horizon is not None else None
    for offer, term in TERMS.items():
        if offer not in named:
            continue
        if months is not None and months < term:
            message = f"{offer} is paid for {term} months and demand is planned for {months}"
            yield Hit(path, message, f"lengthen the horizon to {term} months, or forbid {offer}")
        elif months is None and term > max(TERMS["reserved_1y"], _longest(seen)):
            message = f"{offer} is weighed by the demand of one cycle, taken to stay so for {term} months"
            yield Hit(path, message, "plan over a horizon, with growth and scenarios")


def _longest(seen: Seen) -> int:
    """Return the months that periods reach."""
    return max((period.months[1] for period in seen.stated.periods if period.months is not None), default=0)


def small_budget(seen: Seen) -> Iterator[Hit]:
    """budget < the hourly price of the cheapest machine that may be used, where no API may."""
    budget, stated, catalog = seen.stated.limits.budget, seen.stated, seen.loaded.catalog
    kinds = allowed(catalog, "offers", stated.choose.offers)
    if budget is None or (kinds & {"owned", "fleet"} and (catalog.owned or catalog.fleet)):
        return
    if any(w.data.external_api and permitted(catalog, "apis", (stated.choose, w.choose)) for w in stated.workloads):
        return
    cheapest = min(_prices(seen, kinds), default=None)
    if cheapest is not None and budget < cheapest:
        message = f"the budget of ${budget:,.2f}/h is less than the cheapest machine that may be rented, ${cheapest:,.2f}/h"
        yield Hit(("limits", "budget"), message, "raise it, or allow APIs, other sellers or machines")


def _prices(seen: Seen, kinds: frozenset[str]) -> Iterator[float]:
    """Yield the hourly prices of all machines that may be rented."""
    catalog, choose = seen.loaded.catalog, seen.stated.choose
    may = {kind: allowed(catalog, kind, getattr(choose, kind)) for kind in ("instances", "accelerators", "sellers", "regions")}
    for name, one in catalog.instances.items():
        if name in may["instances"] and one.accelerator in may["accelerators"] and one.seller in may["sellers"]:
            for row in (row for row in one.prices if row.region in may["regions"]):
                yield from (price for kind in kinds if (price := getattr(row, kind, None)) is not None)


def too_busy(seen: Seen) -> Iterator[Hit]:
    """max_utilization > 0.8."""
    share = seen.stated.operations.max_utilization
    if share > BUSY:
        message = f"replicas may be used to {share:.0%} of their stable rate: queues grow faster there than the formulas say"
        yield Hit(("operations", "max_utilization"), message, "stay at 0.8 or below, or solve with --verify")


def bare_predictions(seen: Seen) -> Iterator[Hit]:
    """confidence < 0.8 where something is promised."""
    share = seen.stated.solver.confidence
    if share < EDGE and _promising(seen):
        message = f"promises are kept by predictions that {1 - share:.0%} of comparable measurements were slower than"
        yield Hit(("solver", "confidence"), message, "leave it at 0.8, or calibrate with measurements of your own")


def hopeful(seen: Seen) -> Iterator[Hit]:
    """Levers are taken at the end of their ranges that flatters."""
    if seen.stated.solver.effects == "optimistic" and any(w.levers for w in seen.stated.workloads):
        message = "levers are taken to do the best that is claimed of them"
        yield Hit(("solver", "effects"), message, "sign plans made with `pessimistic`; use this one to see what is at stake")
