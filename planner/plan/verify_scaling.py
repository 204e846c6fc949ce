"""Whether what a plan says of following demand holds: cold starts, starts and their price, found anew from the catalogs."""

from __future__ import annotations

from collections.abc import Iterator

from planner.candidates.evaluate import hard_targets
from planner.domain.plan_pools import Pool
from planner.domain.plan_scaling import ColdStart, PoolScaling
from planner.domain.scaling import Autoscaling
from planner.plan.basis import Basis, above, differs


def scaling(basis: Basis) -> Iterator[str]:
    """Every pool says what a start takes and costs, and replicas that start late leave enough for the growth to come."""
    settings = basis.problem.operations.autoscaling
    charged = settings is not None and any(period.follows for period in basis.problem.periods)
    stated = basis.plan.scaling
    if settings is None or not charged or stated is None:
        if charged != (stated is not None):
            said = "asked for, and the plan says nothing" if charged else "not asked for, and the plan speaks"
            yield f"autoscaling is {said} of it"
        return
    if [one.pool for one in stated.pools] != [pool.name for pool in basis.plan.pools]:
        yield "scaling: not one entry for each pool, in their order"
        return
    for pool, how in zip(basis.plan.pools, stated.pools, strict=True):
        yield from _start(basis, pool, how.cold_start, settings)
        yield from _pool(basis, pool, how, settings)
        if settings.scaling == "reactive":
            yield from _ready(basis, pool, settings)


def ramps(basis: Basis) -> float:
    """Return what starts cost on average by the plan's replicas [$/h], at the prices it states, which `scaling` checks."""
    settings, stated = basis.problem.operations.autoscaling, basis.plan.scaling
    if settings is None or stated is None:
        return 0.0
    known = {how.pool: how.hourly for how in stated.pools}
    each = (_starts(basis, pool) * _paid(basis, pool, settings) * known.get(pool.name, 0.0) for pool in basis.plan.pools)
    return sum(each) / basis.cycle


def _starts(basis: Basis, pool: Pool) -> float:
    """Σ over changes of period of times·(replicas after − replicas before), where they are more."""
    count = {load.period: load.replicas for load in pool.loads}
    grown = [(times, count[p.name] - count[before]) for p in basis.problem.periods for before, times in p.follows.items()]
    return sum(times * more for times, more in grown if more > 0)


def _seconds(basis: Basis, pool: Pool, settings: Autoscaling) -> dict[str, float]:
    """Return the parts of a cold start, from the catalogs alone [s]."""
    catalog, deployment = basis.catalog, pool.deployment
    model, precision = catalog.models[deployment.model].parameters, catalog.precisions[deployment.precision]
    machine = catalog.instances[pool.instance]
    bits = model.attention * (precision.attention_bits or precision.bits_per_weight)
    bits += (model.total - model.attention - model.embedding - (0.0 if model.tied else model.head)) * precision.bits_per_weight
    bits += (model.embedding + (0.0 if model.tied else model.head)) * precision.embedding_bits
    gpus = deployment.layout.gpus
    held = bits / 8.0 / max(gpus / machine.count, 1.0)
    rate = settings.store_bandwidth if machine.network is None else min(settings.store_bandwidth, machine.network)
    if settings.weights == "local_disk" and (machine.local_storage or 0.0) >= held:
        rate = settings.disk_bandwidth
    link = catalog.accelerators[machine.accelerator].pcie_bandwidth
    if link is not None:
        rate = min(rate, link * min(gpus, machine.count))
    billions = min(max(model.total / 1e9, 8.0), 70.0)
    init = 39.0 + (billions - 8.0) * (145.0 - 39.0) / (70.0 - 8.0) if settings.init is None else settings.init
    return {"machine": settings.machine, "image": settings.image, "weights": held / rate, "init": init}


def _paid(basis: Basis, pool: Pool, settings: Autoscaling) -> float:
    """Return for how long a start is paid [h]."""
    ahead = sum(_seconds(basis, pool, settings).values()) if settings.scaling == "scheduled" else 0.0
    return (ahead + settings.scale_in_delay) / 3600.0


def _start(basis: Basis, pool: Pool, stated: ColdStart, settings: Autoscaling) -> Iterator[str]:
    found = _seconds(basis, pool, settings)
    for name, seconds in (*found.items(), ("seconds", sum(found.values()))):
        if differs(getattr(stated, name), seconds):
            yield f"{pool.name}: cold start, {name} {getattr(stated, name):.6g} s stated, {seconds:.6g} s found"


def _pool(basis: Basis, pool: Pool, stated: PoolScaling, settings: Autoscaling) -> Iterator[str]:
    starts, paid = _starts(basis, pool), _paid(basis, pool, settings)
    figures = (
        ("starts", stated.starts, starts),
        ("hours paid for a start", stated.paid, paid),
        ("cost of the ramp", stated.cost, starts * paid * stated.hourly / basis.cycle),
    )
    for name, value, found in figures:
        if differs(value, found):
            yield f"{pool.name}: {name} {value:.6g} stated, {found:.6g} found"
    if not any(not differs(stated.hourly, price) for price in _prices(basis, pool)):
        yield f"{pool.name}: ${stated.hourly:,.6f}/h for a replica started is no price of the machines there"


def _prices(basis: Basis, pool: Pool) -> Iterator[float]:
    """Yield what a replica's share of a rented machine costs, in each cell where the pool may stand [$/h]."""
    share = pool.deployment.layout.gpus / basis.catalog.instances[pool.instance].count
    here = basis.hosting(pool)
    for number, cell in enumerate(basis.supply.cells):
        if cell in here:
            mine = [offer for offer in basis.supply.purchases if offer.cell == number and not offer.committed]
            # An hour under committed spend has no price of its own.
            rented = [offer for offer in mine if offer.limit > 0 and not offer.spend]
            free = [offer.hourly for offer in rented if offer.limit == float("inf")]
            yield share * (min(free) if free else max((offer.hourly for offer in rented), default=0.0))


def _ready(basis: Basis, pool: Pool, settings: Autoscaling) -> Iterator[str]:
    """At every change to more calls, the replicas before it carry the part that comes before others answer.

    rate = rate before + min(1, (detect + cold start)/1 h)·(rate after − rate before) ≤ what the replicas before carry
    """
    late = min(1.0, (settings.detect + sum(_seconds(basis, pool, settings).values())) / 3600.0)
    loads = {load.period: load for load in pool.loads}
    place = {name: t for t, name in enumerate(basis.hours)}
    own = {(share.stream, share.period): share.rate for share in pool.shares}
    here = [name for name in basis.streams if not basis.streams[name].movable and any(s == name for s, _ in own)]
    for period in basis.problem.periods:
        for before in period.follows:
            if not any(basis.streams[s].rate[place[period.name]] > basis.streams[s].rate[place[before]] for s in here):
                continue
            rates = {s: (1 - late) * own.get((s, before), 0.0) + late * own.get((s, period.name), 0.0) for s in here}
            rates = {s: rate / basis.working(loads[before]) for s, rate in rates.items() if rate > 0}
            where = f"{pool.name} from {before} to {period.name}"
            if rates and not loads[before].replicas:
                yield f"{where}: no replica is ready for calls that come before one is started"
            elif rates:
                yield from (f"{where}: {said}" for said in _missed(basis, pool, rates, basis.working(loads[before])))


def _missed(basis: Basis, pool: Pool, rates: dict[str, float], working: int) -> Iterator[str]:
    """Say which limits and hard promises replicas miss under these calls of each."""
    operation = basis.replicas[pool.name].operate(rates, working)
    yield from (f"{name} at {value:.1%} of its limit" for name, value in operation.strain.items() if above(value, 1.0))
    for name, seen in operation.seen.items():
        for target in hard_targets(basis.streams[name]):
            value = float(seen.percentile(target.metric, target.percentile).max())
            if above(value, target.seconds):
                yield f"{target.metric} p{target.percentile:g} of {name} {value:.4g} s, {target.seconds:.4g} s promised"
