"""Phrases that every renderer uses, so that console and Markdown say the same in the same words."""

from __future__ import annotations

from planner.domain.plan import Plan, Purchase
from planner.domain.plan_costs import Statement
from planner.domain.plan_pools import ApiRoute, Deployment, Pool, ProvisionedRoute, Speculation
from planner.domain.plan_promises import Promise
from planner.report import format as fmt
from planner.report import gather


def proof(plan: Plan) -> str:
    """Say in a sentence how close to the least cost the plan is."""
    found = plan.proof
    whom = "plan within this model" if found.complete else "plan of the deployments evaluated"
    whom += " that serves in one of the ways compared" if found.ways_loss is not None else ""
    worst = found.worst is not None
    least = f"no {whom} costs less {'in its dearest scenario ' if worst else ''}than {fmt.hourly(found.bound)}"
    cost = "cost of the dearest scenario" if worst else "cost"
    if found.termination == "optimal":
        return f"Proven within {fmt.percent(found.gap)} of the least {cost}: {least}."
    if plan.simulation and plan.simulation.tightened:
        return f"Within {fmt.percent(found.gap)} of the least {cost} before the simulation asked for more: {least}."
    return f"Stopped at a limit, within {fmt.percent(found.gap)} of the least {cost}: {least}."


def compared(plan: Plan) -> str:
    """Say how many ways to serve workloads were compared and left out; empty where each can be served in one way only."""
    found = plan.proof
    if not plan.ways or found.ways + found.ways_priced + found.ways_left_out <= len(plan.cost.by_workload):
        return ""
    said = [f"{fmt.plural(found.ways, 'way')} to serve compared"]
    if found.ways_priced:
        said.append(f"{found.ways_priced:,} more priced on the same pools")
    if found.ways_loss is not None:
        loss = f"the best of them {fmt.hourly(found.ways_loss)} above the best way"
        said.append(f"{found.ways_left_out:,} left out by an estimate of their cost, {loss}")
    elif found.ways_left_out:
        said.append(f"{found.ways_left_out:,} that nothing tried can serve")
    return ", ".join(said)


def size(plan: Plan) -> str:
    """Count accelerators by kind, pools and APIs."""
    devices = [f"{number:,} × {kind}" for kind, number in plan.accelerators.items() if number]
    parts = (
        ", ".join(devices) or "no GPUs",
        fmt.plural(len(plan.pools), "pool"),
        fmt.plural(len({route.api for route in plan.external}), "API"),
    )
    return " · ".join(parts)


def split(plan: Plan) -> str:
    """Say what the total is made of."""
    cost = plan.cost
    parts = (
        ("machines", cost.machines),
        ("APIs", cost.apis),
        ("missed soft targets", cost.misses),
        ("operations", cost.operations),
    )
    beside = (
        ("units at APIs", cost.provisioned),
        ("levers", cost.levers),
        ("components", cost.components),
        ("carbon", cost.carbon),
        ("ramp", cost.ramps),
    )
    shown = (*parts, *((name, value) for name, value in beside if value))
    if cost.committed is not None:
        shown = (shown[0], ("of these already committed", cost.committed), *shown[1:])
    return " · ".join(f"{name} {fmt.hourly(value)}" for name, value in shown)


def promise_verdict(plan: Plan) -> tuple[str, bool]:
    """Count the promises kept and missed, and say whether all are kept."""
    rows = gather.kept(plan)
    missed = [row for row in rows if not row.worst.holds]
    hard = len([row for row in missed if not row.worst.soft])
    if not rows:
        return "No latency promises", True
    if not missed:
        return f"All {len(rows):,} promises kept" if len(rows) > 1 else "The one promise is kept", True
    return f"{len(missed)} of {fmt.plural(len(rows), 'promise')} missed ({f'{hard} hard' if hard else 'soft'})", False


def simulated(plan: Plan) -> str:
    """Say what the simulation of single calls showed; empty where there was none."""
    found = plan.simulation
    if found is None:
        return ""
    holds: dict[tuple[str, str, str, float], bool] = {}
    for one in found.promises:
        key = (one.stream, one.route, one.metric, one.percentile)
        holds[key] = holds.get(key, True) and one.holds
    count, missed = len(holds), sum(not kept for kept in holds.values())
    held = f"all {count:,} promises hold" if count > 1 else "the one promise holds" if count else "no promises to miss"
    if missed:
        held = f"{missed} of {fmt.plural(count, 'promise')} missed"
    tightened = f"; tightened: {'; '.join(found.tightened)}" if found.tightened else ""
    return f"Simulated call by call: {held} after {fmt.plural(found.rounds, 'round')}{tightened}."


def attained(plan: Plan, promise: Promise) -> str:
    """Say what the simulation saw of a promise: a latency, that it was never reached, or that nobody looked."""
    found = gather.attained(plan, promise)
    if found is None:
        return "–"
    return "never" if found.attained is None else fmt.duration(found.attained)


def promise_name(promise: Promise) -> str:
    """Name a promise, `TTFT p95`."""
    return f"{promise.metric.upper()} {fmt.percentile(promise.percentile)}{' soft' if promise.soft else ''}"


def formats(what: Deployment) -> str:
    """Name a deployment's number formats."""
    cache = what.kv_precision
    named = f"{what.precision} · {cache}" if cache.lower().startswith("kv") else f"{what.precision} · KV {cache}"
    return named if what.speculation is None else f"{named} · {drafting(what.speculation)}"


def drafting(how: Speculation) -> str:
    """Say how a deployment drafts, `mtp/glm-5.2 γ 3, 1.86 tokens a step (1.86–2.99)`."""
    span = f"{how.emitted_low:g}–{how.emitted_high:g}"
    return f"{how.speculator} γ {how.draft_tokens}, {how.emitted:g} tokens a step ({span})"


def layout(what: Deployment) -> str:
    """Name a deployment's layout, `TP4 PP2 · 8 × h100`; degrees of one are left out."""
    degrees = (("TP", what.layout.tp), ("PP", what.layout.pp), ("DP", what.layout.dp), ("EP", what.layout.ep))
    named = " ".join(f"{name}{degree}" for name, degree in degrees if degree > 1)
    return f"{named} · {what.layout.gpus} × {what.accelerator}" if named else f"1 × {what.accelerator}"


def place(pool: Pool) -> str:
    """Name a pool's region, and whether its machines may be taken away."""
    return f"{pool.region} · {pool.standing}" if pool.standing else pool.region


def busy(pool: Pool) -> list[str]:
    """Name the resource nearest its limit and its use, in the busiest period."""
    load = gather.busiest(pool)
    if load is None:
        return [""]
    used = fmt.percent(load.utilization[load.binding]) if load.binding in load.utilization else ""
    when = load.period if len(pool.loads) > 1 and len(load.period) <= gather.LONG_NAME else ""
    return [load.binding.replace("_", " "), f"{used} {when}".strip()]


def machines(plan: Plan, buy: Purchase) -> dict[str, float]:
    """Return the machines of a purchase for every period of the plan."""
    return {period: buy.machines.get(period, 0) for period in plan.periods}


def units(route: ProvisionedRoute) -> str:
    """Say how many units are held, what they cost, and how far they are used."""
    held = " · ".join(gather.by_period(route.units, lambda number: f"{number:,.0f}"))
    used = " · ".join(gather.by_period(route.used, fmt.percent))
    return f"{held} units at {fmt.hourly(route.unit_price)} each, {route.term}: {fmt.hourly(route.cost)}, {used} used"


def api_prices(route: ApiRoute) -> str:
    """Name an API's prices per million tokens."""
    uncached, output = fmt.money(1e6 * route.input_price), fmt.money(1e6 * route.output_price)
    prices = f"{uncached} in, {fmt.money(1e6 * route.cached_input_price)} cached, {output} out per million tokens"
    return prices if route.turnaround is None else f"{prices}, in batches answered within {fmt.duration(route.turnaround)}"


PAID_FOR = {
    "input tokens": "prompts of the answering stages, on machines as busy as they could be, or at an API",
    "output tokens": "answers, likewise",
    "orchestration fan-out": "calls of all other stages, and components",
    "batching efficiency": "promises keep batches smaller than machines could carry",
    "SLO headroom": "room kept free for bursts and tails, and replicas bought whole",
    "fixed infrastructure": "levers in use and the operation of pools, whatever the load",
    "degradation": "spares, failed tries, interruptions, promises missed at a price",
    "energy": "electricity of machines that do not include it",
    "carbon": "what the carbon of all machines is taken to cost",
    "cost of capital": "paying reserved machines before they serve",
    "cost of the ramp": "replicas started ahead of need, and kept beyond it",
    "held for a region": "machines called for only while a group of regions is down",
}
"""Line of the statement of costs → what it pays for."""


def reliability(plan: Plan) -> list[str]:
    """Say how available each pool is where that was asked for, in the period when it is least, and what it costs."""
    said = []
    for pool in plan.pools:
        loads = [load for load in pool.loads if load.replicas and load.availability is not None]
        worst = min(loads, key=lambda load: load.availability or 0.0, default=None)
        if worst is not None:
            kept = f"{worst.spares or 'none'} of {fmt.plural(worst.replicas, 'replica')} spare"
            when = f" in {worst.period}" if len(plan.periods) > 1 else ""
            said.append(f"{pool.name}: {kept}{when}, enough {fmt.uptime(worst.availability or 0.0)} of the time")
    paid = plan.cost.statement
    if said and paid is not None:
        spares, lost = paid.spares or 0.0, paid.lost_work or 0.0
        parts = f"spares {fmt.hourly(spares)}, work lost to failures {fmt.hourly(lost)}"
        said.append(f"Reliability tax, part of degradation: {fmt.hourly(spares + lost)} ({parts})")
    return said


def statement_title(statement: Statement) -> str:
    """Head the statement of costs with its batching efficiency."""
    return f"Statement of costs, batching efficiency E = {statement.efficiency:.2f}"


def all_cents(statement: Statement) -> int:
    """Return what the lines add up to, the total of the plan over a month [cent]."""
    return sum(line.cents_per_month for line in statement.lines)


def cents(per_month: int) -> str:
    """Write whole cents a month, `$1,234.56/mo`."""
    return f"${per_month / 100:,.2f}/mo"


def month(plan: Plan, number: int) -> str:
    """Name a month of the horizon: `2027-04`, or by its number where there is no calendar."""
    if plan.start is None:
        return f"month {number}"
    year, first = plan.start.split("-")
    later = int(first) - 1 + number
    return f"{int(year) + later // 12}-{later % 12 + 1:02d}"


def months(plan: Plan, begin: int, end: int) -> str:
    """Name months from one to before another: `2027-01 to 2027-12`, or `months 0–12`."""
    if plan.start is None:
        return f"months {begin}–{end}"
    return f"{month(plan, begin)} to {month(plan, end - 1)}" if end - begin > 1 else month(plan, begin)


def paid_how(plan: Plan, buy: Purchase) -> list[str]:
    """Say how machines are paid for, and over a horizon when they are there and ordered: `reserved 1y`, `months 6–18`."""
    how = buy.kind.replace("_", " ")
    signed = ["already committed"] if buy.already else []
    if buy.upfront:
        how += ", all upfront" if buy.upfront == 1.0 else f", {fmt.percent(buy.upfront)} upfront"
    if buy.live is None:
        return [how, *signed]
    ordered = [] if buy.ordered in (None, buy.live[0]) else [f"ordered in {month(plan, buy.ordered)}"]
    if_so = [] if buy.scenario is None else [f"if {buy.scenario} comes"]
    return [how, months(plan, *buy.live), *ordered, *if_so, *signed]


def sizing(plan: Plan) -> str:
    """Say how far machines are above the floor, and what it would cost not to follow demand; empty for one period."""
    found = plan.sizing
    if found is None:
        return ""
    above = f"{found.gpu_hours / found.floor_gpu_hours - 1.0:.0%} above" if found.floor_gpu_hours else "above"
    span = "over the horizon" if plan.cash else "a cycle"
    said = f"{found.gpu_hours:,.0f} GPU-hours {span}, {above} the {found.floor_gpu_hours:,.0f} that its calls need at least"
    if found.static_cost is None:
        return f"{said}."
    return f"{said}; sized for its peak all the time the same pools cost {fmt.hourly(found.static_cost)}."
