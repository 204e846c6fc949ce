"""What holds a plan where it is: resources of pools, promises, quotas and other limits, each with how near it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.catalog.select import counts
from planner.domain.plan import Plan, Purchase
from planner.domain.plan_promises import Promise
from planner.domain.problem import Problem, Quota
from planner.study import words
from planner.supply.limits import quota_name


@dataclass(frozen=True)
class Binding:
    """Something that is used up to a share."""

    subject: str
    """Pool, workload or limit."""
    what: str
    """Resource, promise, or what is limited."""
    used: float
    """Share in use, 1 = all of it."""
    said: str
    """The figures in words."""


def binding(plan: Plan, problem: Problem) -> Iterator[Binding]:
    """Yield what binds each pool, the promise nearest its target of each workload's streams, then every limit, with its use."""
    for pool in plan.pools:
        load = max(pool.loads, key=lambda one: (one.utilization[one.binding], one.replicas))
        rest = ", ".join(f"{name} {share:.1%}" for name, share in sorted(load.utilization.items()) if name != load.binding)
        said = f"{load.utilization[load.binding]:.1%} used in {load.period}" + (f" ({rest})" if rest else "")
        yield Binding(pool.name, load.binding, load.utilization[load.binding], said)
    for stream in dict.fromkeys(promise.stream for promise in plan.promises):
        tightest = min((one for one in plan.promises if one.stream == stream), key=lambda one: one.margin)
        yield Binding(stream, _promised(tightest), tightest.predicted / tightest.target, _kept(tightest))
    yield from _limits(plan, problem)


def _promised(promise: Promise) -> str:
    return f"{promise.metric.upper()} p{promise.percentile:g}"


def _kept(promise: Promise) -> str:
    figures = f"{words.seconds(promise.predicted)} predicted of {words.seconds(promise.target)} promised"
    return f"{figures} on {promise.route} in {promise.period}"


def _limits(plan: Plan, problem: Problem) -> Iterator[Binding]:
    """Yield how much of every quota, of all accelerators, and of the budget is used."""
    limits = problem.limits
    for quota in limits.quotas:
        yield _held(f"quota of {quota_name(quota)}", plan, quota)
    if limits.max_gpus is not None:
        yield _held("max_gpus", plan, Quota(accelerator="*", gpus=limits.max_gpus))
    if limits.budget:
        said = f"{words.dollars(plan.cost.total)} of {words.dollars(limits.budget)}"
        yield Binding("limits", "budget", plan.cost.total / limits.budget, said)
    if limits.carbon and plan.energy is not None:
        said = f"{words.carbon(plan.energy.carbon)} of {words.carbon(limits.carbon)}"
        yield Binding("limits", "carbon", plan.energy.carbon / limits.carbon, said)


def _held(name: str, plan: Plan, quota: Quota) -> Binding:
    """Return how much of a quota the machines of a plan take in the busiest period."""
    counted = [b for b in plan.purchases if counts(quota, b.accelerator, b.region, b.seller, b.kind)]
    most = max((sum(_boards(b, period) for b in counted) for period in plan.periods), default=0)
    used = most / quota.gpus if quota.gpus else float(most > 0)
    return Binding("limits", name, used, f"{most:,} of {quota.gpus:,} accelerators")


def _boards(buy: Purchase, period: str) -> int:
    """Return how many boards of a purchase a quota counts in a period."""
    return buy.machines.get(period, 0) * (buy.boards_per_machine or buy.gpus_per_machine)
