"""Rules about service: capacity kept unused, distance of promises to their targets, and what a simulation showed."""

from __future__ import annotations

from collections.abc import Iterator

from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool, PoolLoad
from planner.domain.plan_promises import Promise, Simulation
from planner.gate.finding import SHARE, Evidence, Finding, Unknown, Words, at_least
from planner.report import format as fmt
from planner.report import gather, words

VERIFY = "make the plan with `planner solve --verify`"


def headroom(evidence: Evidence, limit: float) -> Iterator[Finding | Unknown]:
    """Check the capacity that pools keep unused.

    min over pools p, periods t of (1 − max_k u_ptk) ≥ min_headroom

    with u_ptk the share of resource k (iteration time, KV memory, prompt queue …) in use on the replicas of pool p that carry
    load in period t. At u = 1 the pool is at the edge of the service level it guarantees, so that this is how much of what a pool
    could take within its promises is left; spares come on top. Periods in which a pool holds no replicas do not count. Units at
    APIs do not either: calls over them are paid by the token.
    """
    held = [(pool, load) for pool in evidence.plan.pools for load in pool.loads if load.replicas > 0]
    unsaid = sorted({pool.name for pool, load in held if not load.utilization})
    if unsaid or not held:
        yield _no_capacity(unsaid)
        return
    pool, load = max(held, key=lambda one: max(one[1].utilization.values()))
    yield at_least("min_headroom", SHARE, 1.0 - _busiest(load)[1], limit, _room(pool, load, limit))


def _no_capacity(unsaid: list[str]) -> Unknown:
    """Say that there is no capacity to look at."""
    if unsaid:
        remedy = "make the plan again: planner solve PROBLEM.yaml -o plan"
        return Unknown("min_headroom", f"the plan does not say how far {', '.join(unsaid)} is used", remedy)
    return Unknown(
        "min_headroom", "the plan has no pools, so that no capacity is its own", "leave this rule out for plans of APIs"
    )


def _busiest(load: PoolLoad) -> tuple[str, float]:
    """Return the resource most in use and its share."""
    return max(load.utilization.items(), key=lambda item: item[1])


def _room(pool: Pool, load: PoolLoad, limit: float) -> Words:
    """Name the pool that binds, and how much more demand would have to be planned for."""
    resource, used = _busiest(load)
    where = f"{pool.name} in {load.period} ({resource.replace('_', ' ')})"
    change = "no pool can be left unused altogether; lower the limit"
    if limit < 1.0:
        change = f"plan for {fmt.significant(used / (1.0 - limit))} times the demand that {pool.name} serves, or lower the limit"
    return Words(f"unused by {where}", f"pools.loads.utilization; {fmt.plural(load.replicas, 'replica')}", change)


def margin(evidence: Evidence, limit: float) -> Iterator[Finding | Unknown]:
    """Check how far hard latency promises are from their targets.

    min over hard promises, routes and periods of (target − predicted)/target ≥ min_margin
    """
    rule = "min_margin"
    hard = [promise for promise in evidence.plan.promises if not promise.soft]
    if not hard:
        yield Unknown(rule, "the plan makes no hard latency promise", "leave this rule out, or promise something (objectives)")
        return
    if any(promise.target <= 0.0 for promise in hard):
        yield Unknown(
            rule, "a promise of the plan has no target above 0", "make the plan again: planner solve PROBLEM.yaml -o plan"
        )
        return
    worst = min(hard, key=lambda promise: promise.margin)
    told = Words(
        f"margin of {_named(worst)}, predicted {fmt.duration(worst.predicted)} of {fmt.duration(worst.target)}",
        f"the least of {fmt.plural(len(hard), 'hard promise')} (promises)",
        f"must come out at {fmt.duration((1.0 - limit) * worst.target)}: ask for that target, or lower the limit",
    )
    yield at_least(rule, SHARE, worst.margin, limit, told)


def _named(promise: Promise) -> str:
    """Name a promise with its place."""
    return f"{words.promise_name(promise)} of {promise.stream} on {promise.route} in {promise.period}"


def simulated(evidence: Evidence, _: bool) -> Iterator[Finding]:
    """Check that the pools of the plan were simulated call by call, and that every hard promise of theirs was attained.

    Soft promises may be missed, at their price. APIs are not simulated.
    """
    plan = evidence.plan
    if plan.simulation is None:
        yield _told(kept=False, said="the plan carries no simulation", note=VERIFY)
        return
    missed = [one for one in plan.simulation.promises if one.broken]
    skipped = _skipped(plan)
    if missed:
        first = missed[0]
        seen = "was never reached" if first.attained is None else f"attained {fmt.duration(first.attained)}"
        name = f"{first.metric.upper()} {fmt.percentile(first.percentile)} of {first.stream} on {first.route} in {first.period}"
        said = f"{fmt.plural(len(missed), 'hard promise')} missed: {name} {seen}, {fmt.duration(first.target)} promised"
        yield _told(kept=False, said=said, note=f"give its pool more room: {VERIFY}")
    elif skipped:
        said = f"{fmt.plural(len(skipped), 'hard promise')} not simulated: {_named(skipped[0])}"
        yield _told(kept=False, said=said, note=VERIFY)
    else:
        yield _told(kept=True, said=_attained(plan.simulation), note="simulation.promises")


def _attained(found: Simulation) -> str:
    """Say how many promises were attained, in how many simulations."""
    soft = sum(not one.holds for one in found.promises)
    kept, rounds = len(found.promises) - soft, fmt.plural(found.rounds, "round")
    said = f"attained: {kept} of {fmt.plural(len(found.promises), 'promise')}, {rounds}"
    return f"{said}, {soft} soft missed" if soft else said


def _skipped(plan: Plan) -> list[Promise]:
    """Return hard promises of pools that the simulation says nothing of."""
    pools = {pool.name for pool in plan.pools}
    hard = [promise for promise in plan.promises if promise.route in pools and not promise.soft]
    return [promise for promise in hard if gather.attained(plan, promise) is None]


def _told(*, kept: bool, said: str, note: str) -> Finding:
    return Finding("simulated", kept, kept, limit=True, unit="", said=said, note=note)
