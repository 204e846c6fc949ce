"""Whether every call is served and every promise kept under the load as planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planner.candidates.api_rules import api_seen
from planner.candidates.evaluate import hard_targets, soft_targets
from planner.candidates.units import as_sold
from planner.domain.plan_pools import ApiRoute, Pool, PoolLoad, ProvisionedRoute
from planner.domain.plan_promises import Promise
from planner.perf.limits import Target
from planner.perf.tails import Latencies
from planner.plan.basis import TOLERANCE, Basis, above, differs
from planner.plan.predict import Operation

Key = tuple[str, str, str, str, float]


def flows(basis: Basis) -> Iterator[str]:
    """Every call is served: Σ routes = rate, per period, or over the cycle where work may be moved."""
    served = dict.fromkeys(((name, period) for name in basis.streams for period in basis.hours), 0.0)
    for _, share in basis.routes():
        served[share.stream, share.period] += share.rate
    for name, stream in basis.streams.items():
        asked = dict(zip(basis.hours, stream.rate, strict=True))
        if stream.movable:
            got = sum(basis.hours[period] * served[name, period] for period in basis.hours)
            need = sum(basis.hours[period] * asked[period] for period in basis.hours)
            if above(need, got):
                yield f"{name}: {got * 3600.0:,.0f} calls served of {need * 3600.0:,.0f} over the cycle"
            continue
        for period, need in asked.items():
            if above(need, served[name, period]):
                yield f"{name} in {period}: {served[name, period]:.6g} calls/s served of {need:.6g}"


def promises(basis: Basis) -> Iterator[str]:
    """Every hard promise holds under the load as planned, and every promise is in the plan with the right figures."""
    stated: dict[Key, Promise] = {(p.stream, p.period, p.route, p.metric, p.percentile): p for p in basis.plan.promises}
    for pool in basis.plan.pools:
        for load in pool.loads:
            operation = basis.operations.get((pool.name, load.period))
            if operation is not None:
                yield from _load(pool, load, operation)
                for stream, seen in operation.seen.items():
                    yield from _pool_promises(basis, pool, load.period, stream, seen, stated)
    for route in basis.plan.external:
        yield from _api_promises(basis, route, stated)


def _load(pool: Pool, load: PoolLoad, operation: Operation) -> Iterator[str]:
    """No replica is overloaded, and the plan states how it runs."""
    where = f"{pool.name} in {load.period}"
    for name, strain in operation.strain.items():
        if above(strain, 1.0):
            yield f"{where}: {name} at {strain:.1%} of its limit"
    for name in ("iteration", "sequences"):
        found = float(getattr(operation.state, name).max())
        if above(abs(getattr(load, name) - found), TOLERANCE * found):
            yield f"{where}: {name} {getattr(load, name):.6g} stated, {found:.6g} found"


def _pool_promises(
    basis: Basis, pool: Pool, period: str, name: str, seen: Latencies, stated: Mapping[Key, Promise]
) -> Iterator[str]:
    stream, where = basis.streams[name], f"{name} on {pool.name} in {period}"
    hard = hard_targets(stream)
    for target in (*hard, *(soft for soft, _ in soft_targets(stream))):
        value = float(seen.percentile(target.metric, target.percentile).max())
        yield from _stated(where, target, value, target in hard, stated.get((name, period, pool.name, *_what(target))))
        if target in hard and above(value, target.seconds):
            yield f"{where}: {_late(target, value)}"


def _api_promises(basis: Basis, route: ApiRoute | ProvisionedRoute, stated: Mapping[Key, Promise]) -> Iterator[str]:
    sold = basis.catalog.apis[route.api]
    batch, name = (route.batch, route.api) if isinstance(route, ApiRoute) else (False, route.name)
    offer = sold if isinstance(route, ApiRoute) else as_sold(sold)
    for share in route.shares:
        stream, where = basis.streams[share.stream], f"{share.stream} on {name} in {share.period}"
        for target in hard_targets(stream):
            seen = api_seen(offer, stream, target, batch=batch)
            if seen is not None:
                yield from _stated(where, target, seen, True, stated.get((share.stream, share.period, name, *_what(target))))
                if above(seen, target.seconds):
                    yield f"{where}: {_late(target, seen)}"


def _what(target: Target) -> tuple[str, float]:
    return target.metric, target.percentile


def _stated(where: str, target: Target, value: float, hard: bool, promise: Promise | None) -> Iterator[str]:
    """The plan states a promise with its target and the figure found here."""
    what = f"{target.metric} p{target.percentile:g}"
    if promise is None:
        yield f"{where}: the plan does not state {what}"
        return
    if above(abs(promise.predicted - value), TOLERANCE * value):
        yield f"{where}: {what} {promise.predicted:.6g} s stated, {value:.6g} s found"
    if differs(promise.target, target.seconds) or promise.soft == hard:
        yield f"{where}: {what} is promised at {target.seconds:.6g} s{' (hard)' if hard else ' (soft)'}, not as stated"


def _late(target: Target, seconds: float) -> str:
    return f"{target.metric} p{target.percentile:g} {seconds * 1e3:.1f} ms > {target.seconds * 1e3:.1f} ms"
