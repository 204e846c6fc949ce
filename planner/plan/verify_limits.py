"""Whether replicas fit into the machines held, and machines and calls into every limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, combinations

from planner.demand.stream import Stream
from planner.domain.offers import ApiOffer
from planner.domain.plan import Purchase
from planner.plan.basis import Basis, above
from planner.supply.limits import gpu_limits
from planner.supply.sites import site_limits
from planner.supply.terms import Term, is_there

Place = tuple[str, str, str]


def packing(basis: Basis) -> Iterator[str]:
    """Replicas fit into the machines held that all their users may use.

    Σ gpus·replicas of the pools confined to some ways to pay ≤ Σ gpus·machines paid in those ways, per place and period
    and for every set of ways to pay (Hall's condition).
    """
    places: dict[Place, list[tuple[frozenset[str], int, dict[str, int]]]] = {}
    for pool in basis.plan.pools:
        replicas = {load.period: load.replicas for load in pool.loads}
        place = (pool.instance, pool.region, pool.standing)
        places.setdefault(place, []).append((basis.open_kinds(pool), pool.deployment.layout.gpus, replicas))
    for place, pools in places.items():
        here = [buy for buy in basis.plan.purchases if (buy.instance, buy.region, buy.standing) == place]
        kinds = sorted({kind for allowed, _, _ in pools for kind in allowed})
        for some in chain.from_iterable(combinations(kinds, size) for size in range(len(kinds) + 1)):
            for period in basis.hours:
                need = sum(gpus * replicas[period] for allowed, gpus, replicas in pools if allowed <= set(some))
                held = sum(buy.machines[period] * _gpus(basis, buy) for buy in here if buy.kind in some)
                if need > held:
                    ways = f" on {', '.join(some) or 'no'} machines" if len(some) < len(kinds) else ""
                    yield f"{place[0]} in {place[1]}, {period}: replicas take {need} accelerators{ways}, {held} are held"


def _gpus(basis: Basis, purchase: Purchase) -> int:
    return basis.catalog.instances[purchase.instance].count


def _boards(basis: Basis, purchase: Purchase) -> int:
    """Return the accelerators of a machine as quotas count them."""
    shape = basis.catalog.instances[purchase.instance]
    return shape.count // basis.catalog.accelerators[shape.accelerator].parts


def limits(basis: Basis) -> Iterator[str]:
    """Quotas, totals, power, sites, budget, what is to be had, replica minima, commitments and API rates."""
    yield from _quotas(basis)
    yield from _power(basis)
    yield from _sites(basis)
    budget = basis.problem.limits.budget
    if budget is not None and above(basis.plan.cost.total, budget):
        yield f"limits.budget: ${basis.plan.cost.total:,.2f}/h, ${budget:,.2f}/h allowed"
    for purchase in basis.plan.purchases:
        yield from _purchase(basis, purchase)
    yield from _available(basis)
    yield from _replicas(basis)
    yield from _apis(basis)


def _quotas(basis: Basis) -> Iterator[str]:
    """Σ gpus·machines ≤ quota, per period."""
    for limit in gpu_limits(basis.problem, basis.supply, basis.catalog):
        counted = [buy for buy in basis.plan.purchases if any(limit.purchases[number] for number, _ in basis.offers(buy))]
        for period in basis.hours:
            total = sum(_boards(basis, buy) * buy.machines[period] for buy in counted)
            if total > limit.gpus:
                yield f"{limit.name}: {total} accelerators in {period}, {limit.gpus:g} allowed"


def _power(basis: Basis) -> Iterator[str]:
    """Σ draw·machines ≤ power, per period."""
    allowed = basis.problem.limits.power
    if allowed is None:
        return
    for period in basis.hours:
        drawn = 0.0
        for buy in basis.plan.purchases:
            draws = [basis.supply.cells[offer.cell].power for _, offer in basis.offers(buy)]
            drawn += max(draws, default=0.0) * buy.machines[period]
        if above(drawn, allowed):
            yield f"limits.power: {drawn / 1e3:.1f} kW in {period}, {allowed / 1e3:.1f} kW allowed"


def _sites(basis: Basis) -> Iterator[str]:
    """Σ machines · what each takes of a site ≤ what the site has, per period."""
    for limit in site_limits(basis.problem, basis.supply, basis.catalog):
        unit = "racks" if limit.what == "racks" else "kW"
        for period in basis.hours:
            taken = 0.0
            for buy in basis.plan.purchases:
                taken += max((limit.each[number] for number, _ in basis.offers(buy)), default=0.0) * buy.machines[period]
            if above(taken, limit.most):
                yield f"{limit.name}: {taken:.4g} {unit} in {period}, {limit.most:.4g} {unit} at {limit.site}"


def _purchase(basis: Basis, purchase: Purchase) -> Iterator[str]:
    """A purchase is on offer at this price, is described as it is sold, and is the same in all periods if it is a commitment."""
    what = f"{purchase.instance} {purchase.kind} in {purchase.region}"
    offers = basis.offers(purchase)
    if not offers:
        yield f"{what}: ${purchase.hourly:,.4f}/h is not a price of the catalogs that the rules allow"
    if purchase.gpus_per_machine != _gpus(basis, purchase):
        yield f"{what}: {purchase.gpus_per_machine} accelerators a machine stated, it has {_gpus(basis, purchase)}"
    term = Term(purchase.ordered, purchase.live, scenario=purchase.scenario)
    there = [period.name for period in basis.problem.periods if is_there(term, period)]
    if any(offer.committed for _, offer in offers) and len({purchase.machines[name] for name in there}) > 1:
        yield f"{what}: a commitment cannot change between periods"
    for name, machines in purchase.machines.items():
        if machines and name not in there:
            yield f"{what}: {machines} machines in {name}, when they are not there"


def _available(basis: Basis) -> Iterator[str]:
    """No more machines of an offer than are to be had; offers alike in all that a plan says count together."""
    held: dict[tuple[int, ...], list[Purchase]] = {}
    for purchase in basis.plan.purchases:
        held.setdefault(tuple(number for number, _ in basis.offers(purchase)), []).append(purchase)
    for numbers, purchases in held.items():
        limit = sum(basis.supply.purchases[number].limit for number in numbers)
        most = max(sum(buy.machines[period] for buy in purchases) for period in basis.hours)
        if numbers and most > limit:
            yield f"{purchases[0].instance} {purchases[0].kind}: {most} machines held, {limit:g} to be had"


def _replicas(basis: Basis) -> Iterator[str]:
    """A pool that runs has its fewest replicas, a loaded one beside its spares one to carry the load; pools are few enough."""
    operations = basis.problem.operations
    for pool in basis.plan.pools:
        for load in pool.loads:
            loaded = any(share.period == load.period and share.rate > 0 for share in pool.shares)
            least = max(operations.min_replicas, basis.spare(load) + 1) if loaded or load.replicas else 0
            if load.replicas < least:
                yield f"{pool.name} in {load.period}: {load.replicas} replicas, at least {least} are asked for"
    if operations.max_pools is not None and len(basis.plan.pools) > operations.max_pools:
        yield f"operations.max_pools: {len(basis.plan.pools)} pools, {operations.max_pools} allowed"


def _apis(basis: Basis) -> Iterator[str]:
    """Calls sent to an API at its standard prices stay within every limit of the account; batches have limits of their own."""
    for name in dict.fromkeys(route.api for route in basis.plan.apis):
        offer = basis.catalog.apis[name]
        shares = [share for route in basis.plan.apis if route.api == name and not route.batch for share in route.shares]
        for period in basis.hours:
            sent = [(share.rate, basis.streams[share.stream]) for share in shares if share.period == period]
            for limit, what, counted in _account(offer):
                taken = sum(rate * counted(stream) for rate, stream in sent)
                if limit is not None and above(taken, limit):
                    yield f"{name} in {period}: {taken:.6g} {what}/s, {limit:.6g} allowed"


def _account(offer: ApiOffer) -> tuple[tuple[float | None, str, Callable[[Stream], float]], ...]:
    """Return the limits of an account: most per second, of what, and how much of it a call is."""
    return (
        (offer.rate_limit, "calls", lambda _: 1.0),
        (offer.input_token_limit, "input tokens", lambda stream: stream.prompt.mean),
        (offer.output_token_limit, "output tokens", lambda stream: stream.output.mean),
        (offer.token_limit, "tokens", lambda stream: stream.prompt.mean + stream.output.mean),
    )
