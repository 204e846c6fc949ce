"""Rules about money: the budget, the cost of a million tokens, what is committed to, and the increase over another plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planner.domain.hardware import COMMITTED, COMMITTED_TERMS
from planner.domain.plan import Plan
from planner.domain.plan_costs import WorkloadCost
from planner.domain.policy import Commitment
from planner.gate.finding import BUDGET, HOURLY, MONEY, SHARE, Evidence, Finding, Unknown, Words, at_most
from planner.report import format as fmt

MAKE_AGAIN = "make the plan again with this version: planner solve PROBLEM.yaml -o plan"


def budget(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Check the average cost.

    cost.total ≤ budget    [$/h], of which a month has 730
    """
    plan = evidence.plan
    words = Words("average cost", "cost.total", f"{_less(plan.cost.total, limit)}; {_dearest(plan)}")
    yield at_most("budget", BUDGET, plan.cost.total, limit, words)


def cost_per_1m(evidence: Evidence, limit: float) -> Iterator[Finding | Unknown]:
    """Check what a million tokens cost.

    10⁶·cost.total / Σ_w tokens_w ≤ limit    [$], tokens per hour of prompts and answers in all calls of models
    """
    rule, plan = "max_cost_per_1m", evidence.plan
    rows = plan.cost.by_workload
    unsaid = [row.workload for row in rows if row.tokens_per_hour is None]
    tokens = sum(row.tokens_per_hour or 0.0 for row in rows)
    if unsaid or not tokens:
        yield _no_tokens(rule, unsaid)
        return
    figure = 1e6 * plan.cost.total / tokens
    words = Words(
        "cost of a million tokens",
        f"cost.total over {fmt.tokens(tokens)} tokens/h (cost.by_workload)",
        f"{_less(figure, limit)}; {_dearest(plan)}",
    )
    yield at_most(rule, MONEY, figure, limit, words)


def workload_cost_per_1m(evidence: Evidence, limits: Mapping[str, float]) -> Iterator[Finding | Unknown]:
    """Check what a million tokens of single workloads cost.

    10⁶·hourly_w / tokens_w ≤ limit_w    [$], tokens per hour of prompts and answers in all its calls of models
    """
    rows = {row.workload: row for row in evidence.plan.cost.by_workload}
    for name, limit in limits.items():
        row = rows.get(name)
        if row is None:
            known = ", ".join(rows) or "none"
            yield Unknown("max_workload_cost_per_1m", f"the plan has no workload {name!r}", f"name one of its own: {known}")
        else:
            yield _workload(row, limit)


def _workload(row: WorkloadCost, limit: float) -> Finding | Unknown:
    """Check one workload."""
    rule = "max_workload_cost_per_1m"
    if not row.tokens_per_hour:
        return _no_tokens(rule, [] if row.tokens_per_hour == 0.0 else [row.workload])
    figure = 1e6 * row.hourly / row.tokens_per_hour
    words = Words(
        f"cost of a million tokens of {row.workload}",
        f"its {fmt.hourly(row.hourly)} over {fmt.tokens(row.tokens_per_hour)} tokens/h (cost.by_workload)",
        f"{_less(figure, limit)}: relax its promises or its quality floor, or offer it levers",
    )
    return at_most(rule, MONEY, figure, limit, words, row.workload)


def _no_tokens(rule: str, unsaid: list[str]) -> Unknown:
    """Say that tokens are not written down, or that there are none."""
    if unsaid:
        return Unknown(rule, f"the plan does not say how many tokens {', '.join(unsaid)} has (tokens_per_hour)", MAKE_AGAIN)
    return Unknown(rule, "no tokens go through models, so that a million of them have no cost", "leave this rule out")


def increase(evidence: Evidence, limit: float) -> Iterator[Finding | Unknown]:
    """Check the cost against that of another plan.

    (cost.total − base)/base ≤ max_increase
    """
    rule, plan, other = "max_increase", evidence.plan, evidence.baseline
    if other is None:
        yield Unknown(rule, "there is no plan to compare with", "name its plan.json with --against")
        return
    base = other.cost.total
    if base <= 0.0:
        yield Unknown(rule, "the plan compared with costs nothing, so that no increase is relative to it", "limit budget instead")
        return
    both = f"{fmt.hourly(plan.cost.total)} now, {fmt.hourly(base)} in the plan compared with"
    if other.problem != plan.problem:
        both += f", which answers another problem ({other.problem})"
    words = Words("increase in cost", both, f"{both}: {_less(plan.cost.total, base * (1 + limit))}")
    yield at_most(rule, SHARE, plan.cost.total / base - 1.0, limit, words)


def commitment(evidence: Evidence, limit: Commitment) -> Iterator[Finding | Unknown]:
    """Check what is committed to: reservations, machines bought, and units at APIs by the month or year.

    Σ cost of committed purchases ≤ limit [$/h],  or  that over cost.total ≤ limit [1]
    """
    rule, plan = "max_commitment", evidence.plan
    committed = [(f"{buy.instance} {buy.kind}", buy.cost) for buy in plan.purchases if buy.kind in COMMITTED]
    committed += [(f"{route.name} {route.term}", route.cost) for route in plan.provisioned if route.term in COMMITTED_TERMS]
    figure = sum(cost for _, cost in committed)
    names = ", ".join(dict.fromkeys(name for name, _ in committed))
    what = f"committed to ({names})" if names else "committed to"
    change = "commit to fewer machines or units, or pay for some on demand (choose.offers in the problem)"
    words = Words(what, "cost of purchases that are reserved or owned, and of units by the month or year", change)
    if limit.hourly is not None:
        yield at_most(rule, HOURLY, figure, limit.hourly, words)
    elif limit.share is not None:
        yield at_most(rule, SHARE, figure / plan.cost.total if plan.cost.total else 0.0, limit.share, words)


def _less(figure: float, limit: float) -> str:
    """Say how far a cost must fall."""
    return f"must fall by {fmt.percent(1.0 - limit / figure)}" if figure > 0.0 else "must fall"


def _dearest(plan: Plan) -> str:
    """Name the workload that costs most, where to begin."""
    rows = sorted(plan.cost.by_workload, key=lambda row: row.hourly, reverse=True)
    begin = f"{rows[0].workload} costs most, {fmt.hourly(rows[0].hourly)}: " if rows else ""
    return f"{begin}relax a promise or a floor, allow cheaper offers, or raise the limit"
