"""Whether every stream is where its rules, choices and quality floors allow, on something that can run there."""

from __future__ import annotations

from collections.abc import Iterator

from planner.candidates.api_costs import may_batch
from planner.candidates.api_rules import api_problem
from planner.candidates.averages import average_floors
from planner.candidates.drafts import drafting_problem, drafting_shape_problem, emitted_of
from planner.candidates.eligible import model_problem
from planner.candidates.layouts import machine_of
from planner.candidates.pairs import checkpoint_problem, cut_problem, engine_problem, format_problem, shape_fits_machine
from planner.candidates.quality import api_value, at_length, judge, unknown_length, value_of
from planner.demand.stream import Stream
from planner.domain.layout import Shape
from planner.domain.plan_pools import ApiRoute, Deployment, Pool
from planner.plan.basis import TOLERANCE, Basis, differs
from planner.supply.choice import allowed


def deployments(basis: Basis) -> Iterator[str]:
    """Every deployment can run at all."""
    for pool in basis.plan.pools:
        yield from _deployment(basis, pool)


def rules(basis: Basis) -> Iterator[str]:
    """Every pool stands where its users may be served, with the right settings, and every stream may use what serves it."""
    for pool in basis.plan.pools:
        yield from _place(basis, pool)
        yield from _settings(basis, pool)
        for name in sorted({share.stream for share in pool.shares}):
            yield from _stream(basis, pool, basis.streams[name])
    for route in basis.plan.apis:
        yield from _api(basis, route)
    yield from _averages(basis)
    yield from _sets(basis)


def _sets(basis: Basis) -> Iterator[str]:
    """A pool serves workloads of one set of pools only."""
    for pool in basis.plan.pools:
        users = {share.stream: basis.streams[share.stream].workload.pools for share in pool.shares if share.rate > 0}
        if len(set(users.values())) > 1:
            yield f"{pool.name} serves {', '.join(sorted(users))}, which may share no pool"


def _place(basis: Basis, pool: Pool) -> Iterator[str]:
    """The pool stands on machines that all its users may use."""
    where = f"{pool.instance} in {pool.region}{f' ({pool.standing})' if pool.standing else ''}"
    hosting = basis.hosting(pool)
    if not hosting:
        yield f"{pool.name}: no stream may run on {where}, or nobody sells it"
        return
    cell = hosting[0]
    if (pool.seller, pool.region_group) != (cell.seller, cell.region_group):
        yield f"{pool.name}: {where} is {cell.seller}'s, in {cell.region_group}"
    for number, name in enumerate(basis.streams):
        if name in {share.stream for share in pool.shares} and not any(cell.streams[number] for cell in hosting):
            yield f"{name} may not run on {where}"


def _deployment(basis: Basis, pool: Pool) -> Iterator[str]:
    """Model, formats, engine, accelerator and layout go together."""
    catalog, deployment = basis.catalog, pool.deployment
    model, device = catalog.models[deployment.model], catalog.accelerators[deployment.accelerator]
    engine, precision = catalog.engines[deployment.engine], catalog.precisions[deployment.precision]
    shape = Shape(deployment.layout.tp, deployment.layout.pp, deployment.layout.dp)
    found = [
        checkpoint_problem(model, deployment.precision, precision),
        format_problem(device, deployment.precision, precision),
        format_problem(device, deployment.kv_precision, catalog.kv_precisions[deployment.kv_precision]),
        engine_problem(engine, device),
        cut_problem(shape, model, engine),
    ]
    for kernel, known in ((deployment.precision, engine.precisions), (deployment.kv_precision, engine.kv_precisions)):
        if kernel not in known:
            found.append(f"{engine.name} has no kernels for {kernel}")
    found += _drafting(basis, deployment, shape)
    if catalog.instances[pool.instance].accelerator != deployment.accelerator:
        found.append(f"{pool.instance} has no {deployment.accelerator}")
    if deployment.layout.ep != shape.ep:
        found.append(f"{shape} spreads experts over {shape.ep} devices, not {deployment.layout.ep}")
    for cell in basis.hosting(pool)[:1]:
        machine = machine_of(cell, catalog)
        if not shape_fits_machine(shape, machine, device):
            found.append(f"{shape} does not fit {machine.node}×{machine.accelerator}")
    for problem in filter(None, found):
        yield f"{pool.name}: {problem}"


def _drafting(basis: Basis, deployment: Deployment, shape: Shape) -> list[str | None]:
    """A speculator is one of the model, engine and layout go with it, and what is accepted is what was measured."""
    how, catalog = deployment.speculation, basis.catalog
    if how is None:
        return []
    row = catalog.speculators[how.speculator]
    point = row.at(how.draft_tokens)
    if point is None:
        return [f"no acceptance of {how.speculator} with {how.draft_tokens} drafted tokens is known"]
    found = [drafting_problem(row, catalog.engines[deployment.engine]), drafting_shape_problem(shape)]
    if catalog.resolve_model(row.target) != deployment.model:
        found.append(f"{how.speculator} drafts for {row.target}, not for {deployment.model}")
    expected = emitted_of(point, basis.problem.solver.effects), point.emitted_low, point.emitted_high
    for stated, known in zip((how.emitted, how.emitted_low, how.emitted_high), expected, strict=True):
        if differs(stated, known):
            found.append(f"{how.speculator} emits {known:g} tokens an iteration, not {stated:g}")
    return found


def _settings(basis: Basis, pool: Pool) -> Iterator[str]:
    """The settings to be given to the engine are those the predictions rest on, and leave room for the users' contexts."""
    deployment, engine = pool.deployment, basis.catalog.engines[pool.deployment.engine]
    for name in ("max_sequences", "chunk_tokens", "memory_fraction"):
        stated, known = getattr(deployment, name), getattr(engine, name)
        if stated != known:
            yield f"{pool.name}: {name} is {stated:g}, the predictions hold for {known:g}"
    longest = max((basis.streams[share.stream].longest_context() for share in pool.shares), default=0.0)
    if deployment.max_context < min(longest, basis.catalog.models[deployment.model].max_context):
        yield f"{pool.name}: contexts are cut at {deployment.max_context:,} tokens, 99 % of calls need {longest:,.0f}"


def _stream(basis: Basis, pool: Pool, stream: Stream) -> Iterator[str]:
    """A stream may use a pool's model, formats, engine and layout, and they are good enough."""
    catalog, problem, deployment = basis.catalog, basis.problem, pool.deployment
    model = catalog.models[deployment.model]
    reason = model_problem(deployment.model, model, stream, problem)
    if reason:
        yield f"{stream.name} on {pool.name}: {deployment.model} {reason[1]}"
    chosen = (
        ("precisions", deployment.precision),
        ("kv_precisions", deployment.kv_precision),
        ("engines", deployment.engine),
        ("layouts", deployment.layout.name),
    )
    for kind, name in chosen:
        if not allowed(name, getattr(problem.choose, kind), getattr(stream.workload.choose, kind)):
            yield f"{stream.name} on {pool.name}: {name} is not allowed"
    how = deployment.speculation
    if how and not allowed(how.speculator, problem.choose.speculators, stream.workload.choose.speculators):
        yield f"{stream.name} on {pool.name}: {how.speculator} is not allowed"
    weights, cache = catalog.precisions[deployment.precision], catalog.kv_precisions[deployment.kv_precision]
    context = stream.longest_context()
    for stated in stream.workload.quality:
        floor = at_length(stated, deployment.model, context)
        if floor is None:
            yield f"{stream.name} on {pool.name}: {unknown_length(stated, context)}"
            continue
        verdict = judge(floor, model, weights, deployment.precision, cache, deployment.kv_precision, context)
        if not verdict.holds:
            yield f"{stream.name} on {pool.name}: {verdict.reason}"


def _averages(basis: Basis) -> Iterator[str]:
    """Floors on average hold over the calls of their workload, wherever they are served."""
    streams = list(basis.streams.values())
    for held in average_floors(basis.problem, streams):
        places = {streams[r].name: place for place, r in enumerate(held.streams)}
        worth = calls = 0.0
        for route, share in basis.routes():
            if share.stream in places:
                place = places[share.stream]
                own, context = held.owns[place], basis.streams[share.stream].longest_context()
                if isinstance(route, Pool):
                    made = route.deployment
                    value = value_of(basis.catalog, own, made.model, made.precision, made.kv_precision, context)
                else:
                    value = api_value(basis.catalog, own, route.api, context)
                count = share.rate * basis.hours[share.period]
                worth, calls = worth + count * held.worth(place, value), calls + count
        if calls and worth / calls < -TOLERANCE * held.floor.at_least:
            reached = held.floor.at_least + worth / calls
            yield f"{held.workload}: {held.floor.benchmark} {reached:.2f} on average, {held.floor.at_least:g} is promised"


def _api(basis: Basis, route: ApiRoute) -> Iterator[str]:
    """Every stream may use the API it is sent to, and wait where it is sent in batches."""
    offer = basis.catalog.apis[route.api]
    for name in sorted({share.stream for share in route.shares}):
        problem = api_problem(route.api, offer, basis.streams[name], basis.catalog, basis.problem)
        if problem:
            yield f"{name} on {route.api}: {problem[1]}"
        if route.batch and not may_batch(offer, basis.streams[name]):
            yield f"{name} on {route.api}: its deadline is shorter than a batch may take"
