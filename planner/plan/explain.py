"""Why this plan and not another, in sentences with numbers, and the facts it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.candidates.build import Search
from planner.candidates.rejection import CODES
from planner.catalog.coefficients import coefficients_for
from planner.demand.ways import Way
from planner.domain.hardware import SPOT, Accelerator
from planner.domain.plan import Fact, Purchase
from planner.domain.plan_costs import Cost
from planner.domain.plan_pools import ApiRoute, Pool, ProvisionedRoute, Speculation
from planner.plan.costing import IDLE as COMMITTED_IDLE
from planner.plan.doubt import basis_of
from planner.plan.effects import effect_facts
from planner.plan.fallback import fallback_words
from planner.plan.grid_facts import grid_facts
from planner.plan.stores import store_facts

STANDINGS = ("assumed", "fitted", "stated", "published", "measured")
"""Weakest first."""

HELP = {
    "iteration time": "a faster or larger replica, or a looser TPOT or E2E target",
    "kv memory": "more memory per replica, a smaller KV format, or shorter contexts",
    "prompt load": "more compute, a cached prefix, or shorter prompts",
    "prompt queue": "a looser TTFT target, or shorter prompts",
    "prompt jitter": "a looser TPOT target, or a pool of their own for long prompts",
}
"""Resource → what would give more of it."""

IDLE = 0.5
"""Below this share of every resource a pool is small rather than bound by one of them."""


def reasons_of(search: Search, pools: Sequence[Pool], routes: Sequence[ApiRoute | ProvisionedRoute], cost: Cost) -> Iterator[str]:
    """Yield why the plan looks as it does."""
    served = [row for row in cost.by_workload if row.workload != COMMITTED_IDLE]
    dear = max(served, key=lambda row: row.hourly, default=None)
    if dear is not None and len(served) > 1:
        yield f"{dear.workload} causes {dear.share:.0%} of the cost, ${dear.hourly:,.2f}/h."
    for pool in pools:
        yield from _pool_reasons(pool, _users(search, pool))
    for route in routes:
        names = ", ".join(_users(search, route))
        if isinstance(route, ProvisionedRoute):
            most = max(route.units, key=lambda period: route.units[period])
            yield (
                f"{names} goes to {route.units[most]} units of {route.api} at ${route.unit_price:,.4g}/h each, paid whether used "
                f"or not; {route.used[most]:.0%} used in {most}."
            )
            continue
        way = f" in batches answered within {duration(route.turnaround)}" if route.turnaround is not None else ""
        yield (
            f"{names} goes to {route.api}{way}: at ${route.input_price * 1e6:.3g} per million input and "
            f"${route.output_price * 1e6:.3g} per million output tokens no machines found would serve these calls for less."
        )
    counts = search.ledger.counts()
    if counts:
        parts = ", ".join(f"{count:,} {CODES[code]}" for code, count in sorted(counts.items(), key=lambda item: -item[1])[:4])
        yield f"Of {search.considered:,} deployments, {int(search.evaluated.sum()):,} were evaluated; left out: {parts}."


def duration(seconds: float) -> str:
    """Write a time of hours in words: `24 h`, `90 min`."""
    return f"{seconds / 3600.0:.3g} h" if seconds >= 7200.0 else f"{seconds / 60.0:.3g} min"


def _users(search: Search, route: Pool | ApiRoute | ProvisionedRoute) -> list[str]:
    """Return who uses a pool or API, by short names."""
    names = {stream.name: stream.short for stream in search.streams}
    return sorted({names[share.stream] for share in route.shares})


def _pool_reasons(pool: Pool, names: Sequence[str]) -> Iterator[str]:
    """Yield what binds a pool in its busiest period, and whether streams share it."""
    busiest = max(pool.loads, key=lambda load: (load.utilization[load.binding], load.replicas))
    share = busiest.utilization[busiest.binding]
    what = f"{pool.name} ({pool.deployment.model} {pool.deployment.precision} on {pool.deployment.accelerator})"
    if share < IDLE:
        count = f"{busiest.replicas} replica{'s' if busiest.replicas > 1 else ''}"
        yield (
            f"{what} needs {share:.0%} of what {count} can give ({busiest.binding}): fewer are not to be had or not allowed, "
            "so more traffic costs nothing at first."
        )
    else:
        yield f"{what} is bound by {busiest.binding}, {share:.0%} used in {busiest.period}; {HELP[busiest.binding]} would help."
    if len(names) > 1:
        rest = ", ".join(f"{name} {value:.0%}" for name, value in busiest.utilization.items() if name != busiest.binding)
        yield f"{pool.name} is shared by {', '.join(names)}: together they stay within every limit of a replica ({rest})."


def context_warnings(search: Search, pools: Sequence[Pool]) -> Iterator[str]:
    """Yield where calls are longer than a model was shown to follow."""
    streams = {stream.name: stream for stream in search.streams}
    for pool in pools:
        trusted = search.catalog.models[pool.deployment.model].effective_context
        for name in sorted({share.stream for share in pool.shares}):
            longest = streams[name].longest_context(0.95)
            if trusted is not None and longest > trusted:
                yield (
                    f"{streams[name].short} on {pool.name}: 5 % of calls reach {longest:,.0f} tokens, "
                    f"{pool.deployment.model} keeps its quality up to {trusted:,.0f} (RULER)"
                )


def facts_of(
    search: Search,
    pools: Sequence[Pool],
    routes: Sequence[ApiRoute | ProvisionedRoute],
    purchases: Sequence[Purchase],
    taken: Sequence[Way] = (),
) -> list[Fact]:
    """Return the numbers the plan rests on, each once, the weakest first.

    Parameters
    ----------
    search : streams and catalogs
    pools, routes, purchases : of the plan
    taken : how each workload is served

    Returns
    -------
    Facts; what is said in the same words of several subjects is said once of all of them.
    """
    subjects: dict[Fact, list[str]] = {}
    found = (*_stream_facts(search), *effect_facts(search, taken), *store_facts(search, taken), *_pool_facts(search, pools))
    for fact in (*found, *_price_facts(search, routes, purchases), *grid_facts(search, purchases)):
        subjects.setdefault(fact.model_copy(update={"subject": ""}), []).append(fact.subject)
    unique = [fact.model_copy(update={"subject": ", ".join(dict.fromkeys(names))}) for fact, names in subjects.items()]
    return sorted(unique, key=lambda fact: STANDINGS.index(fact.standing))


def _stream_facts(search: Search) -> Iterator[Fact]:
    for stream in search.asked:
        for sentence in stream.assumptions:
            yield Fact(subject=stream.workload.name, statement=sentence, standing="assumed", source="docs/demand.md")
        yield Fact(
            subject=stream.short, statement=f"prompt tokens: {stream.prompt.origin}", standing="stated", source="problem file"
        )
        yield Fact(
            subject=stream.short, statement=f"output tokens: {stream.output.origin}", standing="stated", source="problem file"
        )
    yield from _failure_facts(search)
    yield from _scaling_facts(search)
    limit = search.problem.operations.max_utilization
    yield Fact(
        subject="headroom",
        statement=f"replicas are loaded to at most {limit:.0%} of their stable rate",
        standing="assumed",
        source="closed forms were confirmed by simulation up to 0.8 (docs/performance-model.md)",
    )


def _failure_facts(search: Search) -> Iterator[Fact]:
    """Yield how often hardware is taken to fail, where an availability is asked for."""
    operations, known = search.problem.operations, search.problem.operations.failures
    if operations.availability is not None:
        rates = f"{known.gpu_per_year:g} failures per accelerator and {known.node_per_year:g} more per machine and year"
        times = f"{known.repair / 3600:.3g} h to repair or replace a machine, {known.restart / 60:.3g} min to start again"
        yield Fact(
            subject="failures",
            statement=f"{rates}, independent of each other; {times}",
            standing="assumed",
            source="measured on training clusters of H100 and A100, the pessimistic end, or as stated (docs/failures.md)",
        )


def _scaling_facts(search: Search) -> Iterator[Fact]:
    """Yield what starting replicas is taken to take, where they follow demand at a cost."""
    settings = search.problem.operations.autoscaling
    if settings is None or not any(period.follows for period in search.problem.periods):
        return
    init = "39 to 145 s by size" if settings.init is None else f"{settings.init:g} s"
    store = f"{settings.store_bandwidth / 1e9:g} GB/s from a store, or the machine's network if that is slower"
    disk = f"{settings.disk_bandwidth / 1e9:g} GB/s from its disk where that holds them"
    loaded = store if settings.weights == "store" else f"{disk}, else {store}"
    yield Fact(
        subject="cold starts",
        statement=(
            f"machine {settings.machine:g} s, image {settings.image:g} s, weights at {loaded}, engine {init}; a replica given up "
            f"stays {settings.scale_in_delay:g} s"
        ),
        standing="assumed",
        source="reports of operators and vendors of 2024 to 2026, or as stated (docs/autoscaling.md)",
    )


def _pool_facts(search: Search, pools: Sequence[Pool]) -> Iterator[Fact]:
    catalog = search.catalog
    for pool in pools:
        deployment = pool.deployment
        row = coefficients_for(
            catalog, deployment.accelerator, deployment.engine, catalog.precisions[deployment.precision].compute
        )
        valid = f"; valid for {row.valid}" if row.valid else ""
        yield Fact(
            subject=f"{deployment.accelerator} under {deployment.engine}",
            statement=f"efficiencies and host overheads of the iteration time{valid}",
            standing=row.status,
            source=row.source,
        )
        yield Fact(
            subject=f"{deployment.accelerator} under {deployment.engine}",
            statement=f"how far predictions may be off: {basis_of(catalog, deployment)}",
            standing="fitted",
            source="catalogs/calibration.yaml, docs/accuracy.md",
        )
        device = catalog.accelerators[deployment.accelerator]
        yield Fact(
            subject=deployment.accelerator,
            statement=f"{device.usable_memory / 1e9:.0f} GB, {device.bandwidth / 1e12:.2f} TB/s{_doubts(device)}",
            standing="published",
            source=f"{device.source} ({device.as_of})",
        )
        if device.parent is not None:
            yield Fact(
                subject=deployment.accelerator,
                statement=f"kernels and hosts as efficient as on a whole {device.parent} at full power; not measured",
                standing="assumed",
                source="docs/variants.md",
            )
        model = catalog.models[deployment.model]
        yield Fact(
            subject=deployment.model,
            statement=(
                f"{model.parameters.total / 1e9:.2f}B parameters from the published config, "
                f"licence {model.licence or 'not known'}"
            ),
            standing="published",
            source=f"{model.source} ({model.as_of})",
        )
        if deployment.speculation is not None:
            yield _draft_fact(search, deployment.speculation)


def _draft_fact(search: Search, how: Speculation) -> Fact:
    """Say what accepted drafts rest on: assumed where an end of the range was not measured."""
    row, view = search.catalog.speculators[how.speculator], search.problem.solver.effects
    on = f", measured on {row.traffic}" if row.traffic else ""
    return Fact(
        subject=how.speculator,
        statement=(
            f"with {how.draft_tokens} drafted tokens an iteration emits {how.emitted:g} ({view} of {how.emitted_low:g} to "
            f"{how.emitted_high:g}{on}); your traffic may accept fewer"
        ),
        standing="assumed" if "points" in row.unverified or row.constant is not None else "published",
        source=how.source,
    )


def _doubts(device: Accelerator) -> str:
    return f"; not read in a source: {', '.join(device.unverified)}" if device.unverified else ""


def _early(search: Search, purchase: Purchase) -> str:
    """Say what of a price is cost of capital, if anything."""
    if not purchase.upfront or not purchase.capital:
        return ""
    rate = search.problem.finance.discount_rate
    return f", of which ${purchase.capital:,.4f} for paying {purchase.upfront:.0%} upfront, at {rate:.2%} a year"


def _price_facts(search: Search, routes: Sequence[ApiRoute | ProvisionedRoute], purchases: Sequence[Purchase]) -> Iterator[Fact]:
    for purchase in purchases:
        how = f"{purchase.kind.replace('_', ' ')}{_early(search, purchase)}"
        yield Fact(
            subject=f"{purchase.instance} in {purchase.region}",
            statement=f"${purchase.hourly:,.2f} per machine and hour, {how}",
            standing="published",
            source=purchase.price_source,
        )
        if purchase.kind in SPOT:
            operations = search.problem.operations
            yield Fact(
                subject="spot machines",
                statement=(
                    f"{operations.spot_interruptions_per_hour:g} interruptions per machine-hour, "
                    f"{operations.spot_restart:.0f} s lost each"
                ),
                standing="assumed",
                source="handbook ranges run from 0.0001 to 0.7 per hour (docs/supply.md)",
            )
        if purchase.kind == "spot_with_fallback":
            yield Fact(
                subject="spot machines with fallback",
                statement=fallback_words(search.problem.operations),
                standing="assumed",
                source="docs/supply.md, docs/failures.md",
            )
    for route in routes:
        if isinstance(route, ProvisionedRoute):
            tokens = f"{60 * route.tokens_per_second:,.0f} weighted tokens a minute"
            paid = f"${route.unit_price:,.4g}/h a unit ({route.term}), {tokens}"
            yield Fact(subject=route.name, statement=paid, standing="published", source=route.price_source)
            continue
        yield Fact(
            subject=route.api,
            statement=f"${route.input_price * 1e6:.3g}/M input, ${route.output_price * 1e6:.3g}/M output tokens",
            standing="published",
            source=route.price_source,
        )
