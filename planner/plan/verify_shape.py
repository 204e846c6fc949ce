"""Whether a plan is of this problem at all, and speaks only of what the problem and the catalogs know."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan_pools import Pool
from planner.plan.basis import Basis, differs


def identity(basis: Basis) -> Iterator[str]:
    """The plan is of this problem and these catalogs."""
    if basis.plan.problem_digest != basis.loaded.digest:
        yield "the plan was made from another version of the problem file; solve it again"
    if basis.plan.catalog_digest != basis.catalog.digest:
        yield "the plan was made with other catalogs; solve it again"
    stated, found = basis.plan.periods, basis.hours
    if stated.keys() != found.keys() or any(differs(stated[name], hours) for name, hours in found.items()):
        yield "the plan's periods are not the problem's"
    for name, way in basis.ways.items():
        if way is None:
            yield f"{name}: the problem knows no way to serve it that pulls these levers and splits its latency so"


def shape(basis: Basis) -> Iterator[str]:
    """Every name is known, every pool and purchase has one figure for each period, and no figure is negative."""
    yield from _names(basis)
    names = [pool.name for pool in basis.plan.pools]
    if len(set(names)) < len(names):
        yield "two pools have the same name"
    for pool in basis.plan.pools:
        yield from _periods(basis, pool.name, [load.period for load in pool.loads])
        if any(load.replicas < 0 for load in pool.loads):
            yield f"{pool.name}: a negative number of replicas"
    for purchase in basis.plan.purchases:
        what = f"{purchase.instance} {purchase.kind}"
        yield from _periods(basis, what, list(purchase.machines))
        if any(count < 0 for count in purchase.machines.values()):
            yield f"{what}: a negative number of machines"
    yield from _units(basis)
    for _, share in basis.routes():
        if not share.rate >= 0:
            yield f"{share.stream} in {share.period}: a negative rate"
    if not basis.plan.cost.misses >= 0:
        yield "cost.misses is negative"


def _units(basis: Basis) -> Iterator[str]:
    for route in basis.plan.provisioned:
        yield from _periods(basis, route.name, list(route.units))
        if any(count < 0 for count in route.units.values()):
            yield f"{route.name}: a negative number of units"


def _periods(basis: Basis, what: str, found: list[str]) -> Iterator[str]:
    for period in basis.hours:
        if found.count(period) != 1:
            yield f"{what}: {found.count(period)} figures for period {period}, expected one"
    for period in sorted(set(found) - set(basis.hours)):
        yield f"{what}: the problem has no period {period}"


def _names(basis: Basis) -> Iterator[str]:
    """Names of streams, periods, machines and parts of deployments exist."""
    for _, share in basis.routes():
        if share.stream not in basis.streams:
            yield f"the problem has no stream {share.stream}"
        if share.period not in basis.hours:
            yield f"the problem has no period {share.period}"
    for pool in basis.plan.pools:
        yield from _parts(basis, pool)
    for purchase in basis.plan.purchases:
        if purchase.instance not in basis.catalog.instances:
            yield f"the catalogs have no machine {purchase.instance}"
    for route in basis.plan.external:
        if route.api not in basis.catalog.apis:
            yield f"the catalogs have no API {route.api}"


def _parts(basis: Basis, pool: Pool) -> Iterator[str]:
    catalog, deployment = basis.catalog, pool.deployment
    parts = (
        (pool.instance, "machine", catalog.instances),
        (deployment.model, "model", catalog.models),
        (deployment.precision, "precision", catalog.precisions),
        (deployment.kv_precision, "KV precision", catalog.kv_precisions),
        (deployment.engine, "engine", catalog.engines),
        (deployment.accelerator, "accelerator", catalog.accelerators),
    )
    for name, kind, known in parts:
        if name not in known:
            yield f"{pool.name}: the catalogs have no {kind} {name}"
    how = deployment.speculation
    if how is not None and how.speculator not in catalog.speculators:
        yield f"{pool.name}: the catalogs have no speculator {how.speculator}"
