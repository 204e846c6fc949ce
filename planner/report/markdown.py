"""A plan as GitHub Markdown, for a design review: the glance first, everything else in folded blocks below it."""

from __future__ import annotations

from collections.abc import Iterable

from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.domain.plan_promises import Promise
from planner.report import (
    buying,
    cash,
    changes,
    choices,
    energy,
    failover,
    futures,
    gather,
    graphs,
    scaling,
    spend,
    stores,
    worth,
)
from planner.report import format as fmt
from planner.report import markdown_graphs as called
from planner.report.markup import bullets, escape, folded, stacked, table
from planner.report.words import (
    PAID_FOR,
    all_cents,
    api_prices,
    attained,
    busy,
    cents,
    compared,
    formats,
    layout,
    machines,
    paid_how,
    place,
    promise_name,
    promise_verdict,
    proof,
    reliability,
    simulated,
    size,
    sizing,
    split,
    statement_title,
    units,
)


def render(plan: Plan) -> str:
    """Write a plan as Markdown.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
        With a final newline. Names and sentences are escaped, so nothing in them can change the page.
    """
    sections = [_headline(plan), *_glance(plan), *_depth(plan)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(plan: Plan) -> str:
    """Say cost, proof, size and promises."""
    verdict, holds = promise_verdict(plan)
    rows = [
        ["Cost", f"**{escape(f'{fmt.hourly(plan.cost.total)} · {fmt.monthly(plan.cost.per_month)}')}**"],
        ["Made of", escape(split(plan))],
        ["Proof", escape(proof(plan))],
        *([["Simulation", escape(simulated(plan))]] if plan.simulation else []),
        ["Size", escape(size(plan))],
        *([["Sizing", escape(sizing(plan))]] if plan.sizing else []),
        ["Promises", f"{'✓' if holds else '✗'} {escape(verdict)}"],
    ]
    return f"# Plan for {escape(plan.problem)}\n\n{table(['', ''], rows)}"


def _glance(plan: Plan) -> list[str]:
    """Write what a reviewer reads."""
    return [
        _section("Warnings", bullets(plan.warnings)),
        _section("Changes from today", bullets(changes.summary(plan))),
        _section("How requests are served", called.ways(plan)),
        _section("Vector stores", stores.on_page(plan)),
        _section("Pools", _pools(plan)),
        _section("Availability", bullets(reliability(plan))),
        _section("Following demand", bullets(scaling.sentences(plan))),
        _section("When a region fails", bullets(failover.sentences(plan))),
        _section("Who is served where", _routing(plan)),
        _section("Promises", _promises(plan, (row.worst for row in gather.kept(plan))), _worst_note(plan)),
        _section("Purchases", _purchases(plan)),
        _section("Committed spend", bullets(spend.sentences(plan))),
        _section(
            "Scenarios",
            futures.on_page(plan),
            f"{futures.minimized(plan)}{futures.summary(plan.futures)}\n\n" if plan.futures else "",
        ),
        _section("Payments", cash.on_page(plan), f"{cash.summary(plan.cash)}\n\n" if plan.cash else ""),
        _section("APIs", _apis(plan)),
        _section("Units bought at APIs", bullets(f"{route.api}: {units(route)}" for route in plan.provisioned)),
        _section("Cost by workload", _workloads(plan)),
        _statement(plan),
        _section(worth.TITLE, worth.on_page(plan), f"{escape(worth.summary(plan))}\n\n"),
        _section("Energy and carbon", energy.on_page(plan), f"{escape(energy.summary(plan.energy))}\n\n" if plan.energy else ""),
        _section("APIs against own machines", _buying(plan), f"{buying.NOTE}\n\n"),
        _section("Cost by stage", called.stages(plan)),
        _section("Cost by path", called.paths(plan), called.PATHS_NOTE),
        _section("Cost by tier and tag", called.labels(plan)),
        _section("Memory of one GPU", _memory(plan)),
        _section("Why this plan", bullets(plan.reasons)),
        _section("Other plans", choices.on_page(choices.alternatives(plan))),
        _section(
            "What it rests on, by what it does to the cost",
            bullets(filter(None, (*choices.sentences(plan), choices.silent(plan)))),
        ),
    ]


def _depth(plan: Plan) -> list[str]:
    """Write what a reviewer looks up."""
    several = len(plan.periods) > 1
    return [
        _section("What it rests on, weakest first", _facts(plan), "" if plan.sensitivities else f"{escape(choices.HOW)}\n\n"),
        _folded("Cost at other levels", choices.on_page(choices.levels(plan))),
        _folded("What the cost hangs on", choices.on_page(choices.swings(plan))),
        _folded("How these were found", choices.summary(plan)),
        _folded("Every promise in every period", _promises(plan, plan.promises) if several else ""),
        _folded("Pools in every period", _loads(plan) if several else ""),
        _folded("Predicted latencies", _latencies(plan)),
        _folded("Names of streams", called.streams(plan)),
        _folded("Settings of each pool", _settings(plan)),
        _folded("How it was found", _search(plan)),
    ]


def _statement(plan: Plan) -> str:
    """What is paid for, in lines that add up to the total to the cent."""
    made = plan.cost.statement
    if made is None:
        return ""
    rows = [
        [*map(escape, (line.item, PAID_FOR.get(line.item, ""), fmt.hourly(line.hourly), cents(line.cents_per_month)))]
        for line in made.lines
    ]
    rows.append(["**total**", "", *map(escape, (fmt.hourly(plan.cost.total), cents(all_cents(made))))])
    return _section(statement_title(made), table(["Line", "Paid for", ">Cost", ">A month"], rows))


def _section(title: str, body: str, note: str = "") -> str:
    """Write a section; nothing where there is nothing to say."""
    return f"## {title}\n\n{note}{body}" if body else ""


def _folded(title: str, body: str) -> str:
    """Write a folded block; nothing where there is nothing to say."""
    return folded(title, body) if body else ""


def _pools(plan: Plan) -> str:
    """What runs, where, how many, how busy, at what cost."""
    costs = gather.hourly_of(plan)
    rows = [_pool(pool, costs) for pool in plan.pools]
    columns = ["Pool", "Model", "Numbers", "Engine", "Layout", "Machine", "Region", ">Replicas", ">Busiest resource", ">Cost"]
    return table(columns, rows) if rows else ""


def _pool(pool: Pool, costs: dict[str, float]) -> list[str]:
    """One pool."""
    what = pool.deployment
    names = [
        pool.name,
        what.model,
        formats(what),
        f"{what.engine} {what.engine_version}",
        layout(what),
        pool.instance,
        place(pool),
    ]
    counts = gather.by_period(gather.replicas(pool), lambda number: f"{number:,.0f}")
    cost = fmt.hourly(costs[pool.name]) if pool.name in costs else "–"
    return [*map(escape, names), stacked(counts), stacked(busy(pool)), escape(cost)]


def _routing(plan: Plan) -> str:
    """Which pool or API answers which stream."""
    names = graphs.short_names(plan)
    rows = [
        [
            escape(names.get(flow.stream, flow.stream)),
            escape(flow.route),
            stacked(gather.by_period(gather.over_periods(plan, flow, lambda share: share.share), fmt.percent)),
            stacked(gather.by_period(gather.over_periods(plan, flow, lambda share: share.rate), fmt.rate)),
        ]
        for flow in gather.flows(plan)
    ]
    return table(["Stream", "Served by", ">Share", ">Calls"], rows) if rows else ""


def _worst_note(plan: Plan) -> str:
    """Say which period is shown, and how sure predictions are."""
    said = ["Each in the period where it is hardest to keep."] if len(plan.periods) > 1 else []
    if plan.doubt is not None:
        share = f"{plan.doubt.confidence:.0%}"
        said.append(f"Predicted: what {share} of comparable measurements stayed below. Likely: as likely too slow as too fast.")
    return f"{' '.join(said)}\n\n" if said else ""


def _promises(plan: Plan, promises: Iterable[Promise]) -> str:
    """Targets, predictions, and what a simulation saw."""
    names = graphs.short_names(plan)
    rows = [
        [
            "✓" if one.holds else "✗",
            *map(escape, (names.get(one.stream, one.stream), one.route, promise_name(one), one.period)),
            fmt.duration(one.target),
            fmt.duration(one.predicted),
            *([_likely(plan, one)] if plan.doubt else []),
            *([attained(plan, one)] if plan.simulation else []),
            fmt.margin(one.margin),
            escape(fmt.percent(one.miss_share)),
        ]
        for one in promises
    ]
    seen = [*([">Likely"] if plan.doubt else []), *([">Attained"] if plan.simulation else [])]
    columns = ["", "Stream", "On", "Promise", "Period", ">Target", ">Predicted", *seen, ">Margin", ">Misses"]
    return table(columns, rows) if rows else ""


def _likely(plan: Plan, one: Promise) -> str:
    """Say what is as likely too slow as too fast; the plan holds it for the period where a promise is hardest to keep."""
    seconds = gather.likely(plan, one)
    return "–" if seconds is None else fmt.duration(seconds)


def _purchases(plan: Plan) -> str:
    """What to hold, and how it is paid for."""
    rows = [
        [
            stacked(gather.by_period(machines(plan, buy), lambda number: f"{number:,.0f}")),
            escape(buy.instance),
            escape(buy.region),
            escape(f"{buy.gpus_per_machine} × {buy.accelerator}"),
            stacked(paid_how(plan, buy)),
            escape(fmt.hourly(buy.hourly)),
            escape(fmt.hourly(buy.cost)),
            escape(buy.price_source),
        ]
        for buy in plan.purchases
    ]
    return table([">Machines", "Machine", "Region", "Holds", "Paid", ">Each", ">Cost", "Price from"], rows) if rows else ""


def _apis(plan: Plan) -> str:
    """What APIs charge."""
    return bullets(f"{route.api}: {api_prices(route)}; prices from {route.price_source}" for route in plan.apis)


def _workloads(plan: Plan) -> str:
    """What each workload costs, and per unit of its work."""
    rows = []
    for row in plan.cost.by_workload:
        units = (row.per_million_input, row.per_million_output, row.per_thousand_calls)
        figures = ["–" if value is None else escape(fmt.money(value)) for value in units]
        rows.append([escape(row.workload), escape(fmt.hourly(row.hourly)), fmt.percent(row.share), *figures])
    columns = ["Workload", ">Cost", ">Share", ">Per million input tokens", ">Per million output tokens", ">Per thousand calls"]
    return table(columns, rows) if rows else ""


def _buying(plan: Plan) -> str:
    """What an API would cost, and from where on own machines cost no more."""
    found = [[escape(cell) for cell in row] for row in buying.rows(plan)]
    return table(list(buying.COLUMNS), found) if found else ""


def _memory(plan: Plan) -> str:
    """Where the memory of one device goes."""
    rows = []
    for pool in plan.pools:
        memory = pool.memory
        sizes = (memory.weights, memory.activations, memory.runtime, memory.kv, memory.total)
        capacity = f"{fmt.tokens(pool.kv_capacity_tokens)} a replica"
        rows.append([escape(pool.name), *map(fmt.gigabytes, sizes), capacity])
    columns = ["Pool", ">Weights", ">Activations", ">Runtime", ">KV", ">Usable", ">Tokens of KV"]
    return table(columns, rows) if rows else ""


def _facts(plan: Plan) -> str:
    """Every fact with its source."""
    rows = [[row.standing, *map(escape, (row.subject, row.statement, row.source))] for row in gather.weakest(plan.facts)]
    return table(["Standing", "About", "What is taken as true", "Source"], rows) if rows else ""


def _loads(plan: Plan) -> str:
    """Each pool in each period."""
    rows = [
        [
            escape(pool.name),
            escape(load.period),
            fmt.count(load.replicas),
            escape(", ".join(f"{name} {fmt.percent(used)}" for name, used in sorted(load.utilization.items()))),
            fmt.duration(load.iteration),
            fmt.significant(load.sequences),
            fmt.token_rate(load.output_tokens_per_second),
        ]
        for pool in plan.pools
        for load in pool.loads
    ]
    columns = ["Pool", "Period", ">Replicas", "Resources in use", ">Iteration", ">Sequences a replica", ">Output"]
    return table(columns, rows) if rows else ""


def _latencies(plan: Plan) -> str:
    """Latencies beyond the promises."""
    names = graphs.short_names(plan)
    rows = [
        [
            *map(escape, (names.get(row.stream, row.stream), row.route, row.metric.upper(), row.period)),
            *map(fmt.duration, (row.mean, row.p50, row.p95, row.p99)),
        ]
        for row in plan.latencies
    ]
    return table(["Stream", "On", "Metric", "Period", ">Mean", ">p50", ">p95", ">p99"], rows) if rows else ""


def _settings(plan: Plan) -> str:
    """What to set in each pool's engine."""
    rows = []
    for pool in plan.pools:
        what = pool.deployment
        figures = (what.max_sequences, what.chunk_tokens, what.max_context)
        rows.append([escape(pool.name), *map(fmt.count, figures), fmt.percent(what.memory_fraction)])
    columns = ["Pool", ">Most sequences", ">Tokens per iteration", ">Longest context", ">Share of memory"]
    return table(columns, rows) if rows else ""


def _search(plan: Plan) -> str:
    """What was considered, by whom, from what."""
    found = plan.proof
    rejected = [f"rejected for {code}: {number:,}" for code, number in gather.rejections(plan)]
    return bullets(
        [
            f"{fmt.plural(found.candidates, 'deployment')} considered",
            *rejected,
            *([said] if (said := compared(plan)) else []),
            f"{fmt.plural(found.columns, 'pool column')}, {found.kept:,} after removing those no better plan could use",
            (
                f"{fmt.plural(found.rounds, 'solve')} with {found.solver}, seed {plan.seed}, and "
                f"{fmt.plural(found.repairs, 'repair')} until the independent check passed"
            ),
            f"planner {plan.planner}; problem {plan.problem_digest}; catalogs {plan.catalog_digest}",
        ]
    )
