"""When money leaves, month by month of a horizon, and what that is worth today.

The cost that a plan minimizes spreads capital over the life of machines; cash does not. What is rented is paid as it is used,
what is reserved as agreed, what is bought when it is delivered. A month's figures are an even share of those of the periods it
lies in; over scenarios they are expected ones.

    NPV = Σ_m paid[m]/(1 + r)^(m/12)

paid at the start of each month. What reserved machines still cost after the horizon, and what own machines are then worth, are
stated beside it and are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.domain.plan_costs import Cost
from planner.domain.plan_pools import ApiRoute, ProvisionedRoute
from planner.domain.plan_procurement import Cash, CashMonth
from planner.domain.problem import Period, Problem
from planner.plan.solved import Solved
from planner.plan.spend import committed_spend
from planner.supply.cells import Purchase
from planner.supply.payments import Payments
from planner.units import HOURS_PER_MONTH

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Calendar:
    """How periods lie in months."""

    share: Floats
    """[T, M] Which share of a period lies in each month."""
    hours: Floats
    """[T] Hours of each period, counted with the probability of its scenario."""
    scenarios: tuple[str | None, ...]
    """[T] Its scenario."""

    @classmethod
    def of(cls, periods: Sequence[Period]) -> _Calendar | None:
        """Return it, None without a horizon."""
        months = [period.months for period in periods if period.months is not None]
        if len(months) < len(periods):
            return None
        share = np.zeros((len(periods), max(end for _, end in months)))
        for t, (begin, end) in enumerate(months):
            share[t, begin:end] = 1.0 / (end - begin)
        hours = np.array([period.hours for period in periods])
        return cls(share, hours, tuple(period.scenario for period in periods))

    def likelihood(self, scenario: str | None) -> float:
        """Return the probability of a scenario: its share of all hours; 1 for what is bought for all [1]."""
        if scenario is None:
            return 1.0
        mine = np.array([one == scenario for one in self.scenarios])
        return float(self.hours[mine].sum() / self.hours.sum())

    @property
    def month_hours(self) -> Floats:
        """[M] Hours of each month."""
        hours: Floats = self.hours @ self.share
        return hours

    def spread(self, by_period: Floats) -> Floats:
        """[M] Spread figures of periods over their months."""
        months: Floats = by_period @ self.share
        return months


def cash_flow(
    solved: Solved, cost: Cost, routes: Sequence[ApiRoute | ProvisionedRoute], starts: Floats | None = None
) -> Cash | None:
    """Return what is paid in each month of the horizon; None where the problem has none.

    Parameters
    ----------
    solved : the optimizer's answer, streams settled
    cost : of the plan
    routes : to APIs
    starts : [T] what starts of replicas cost, rented machines too [$]; None where nothing
    """
    problem = solved.search.problem
    calendar = _Calendar.of(problem.periods)
    if calendar is None:
        return None
    lines = _machines(solved, calendar)
    if starts is not None:
        lines["rented"] += calendar.spread(starts)
    lines["apis"] = _apis(cost, routes, problem, calendar)
    other = cost.operations + cost.levers + cost.components + cost.provisioned
    lines["other"] = other * calendar.month_hours
    total = np.sum([*lines.values()], axis=0)
    rate = problem.finance.discount_rate
    by_month = [{name: float(paid[m]) for name, paid in lines.items()} for m in range(len(total))]
    months = [CashMonth(month=m, **parts, total=float(total[m])) for m, parts in enumerate(by_month)]
    owed, worth = _afterwards(solved, calendar)
    return Cash(
        discount_rate=rate,
        months=tuple(months),
        total=float(total.sum()),
        npv=net_present_value(total.tolist(), rate),
        owed_after=owed,
        worth_after=worth,
    )


def net_present_value(paid: Sequence[float], rate: float) -> float:
    """Return Σ_m paid[m]/(1 + r)^(m/12), each month paid at its start [$]."""
    return float(sum(amount / (1.0 + rate) ** (m / 12.0) for m, amount in enumerate(paid)))


def _machines(solved: Solved, calendar: _Calendar) -> dict[str, Floats]:
    """Return [M] what is paid for machines rented, reserved and bought, and to run those bought."""
    count = calendar.share.shape[1]
    lines = {name: np.zeros(count) for name in ("rented", "reserved", "bought", "running", "committed")}
    for bought, machines in _held(solved):
        paid = bought.payments
        if bought.spend:
            continue  # paid by what is committed to, whatever is used of it
        if paid is not None and paid.signed:
            lines["committed"] += _signed(bought, paid, calendar)
            continue
        if paid is None or bought.term.live is None:
            dearer = np.array(bought.dearer or (0.0,) * len(calendar.hours))
            lines["rented"] += calendar.spread(machines * calendar.hours * (bought.hourly + dearer))
            continue
        begin, end = bought.term.live
        number = float(machines.max()) * calendar.likelihood(bought.term.scenario)
        lines["bought" if paid.owned else "reserved"][begin] += number * paid.first
        there = (np.arange(count) >= begin) & (np.arange(count) < end)
        lines["running" if paid.owned else "reserved"] += number * paid.hourly * calendar.month_hours * there
    for one in committed_spend(solved):
        if one.live is not None:
            there = (np.arange(count) >= one.live[0]) & (np.arange(count) < one.live[1])
            lines["reserved"] += one.hourly * calendar.likelihood(one.scenario) * calendar.month_hours * there
    return lines


def _signed(bought: Purchase, paid: Payments, calendar: _Calendar) -> Floats:
    """Return [M] what is paid for machines that were signed for before: `first` in the month in which they come."""
    months = np.arange(calendar.share.shape[1])
    begin, end = bought.term.live or (0, len(months))
    there = (months >= begin) & (months < end)
    flow: Floats = bought.held * (paid.hourly * calendar.month_hours * there + paid.first * (months == begin))
    return flow


def _held(solved: Solved) -> list[tuple[Purchase, Floats]]:
    """Return what is bought or rented, with [T] how many machines."""
    supply, held = solved.search.supply, solved.outcome.machines
    return [(bought, held[o].astype(float)) for o, bought in enumerate(supply.purchases) if held[o].any()]


def _apis(cost: Cost, routes: Sequence[ApiRoute | ProvisionedRoute], problem: Problem, calendar: _Calendar) -> Floats:
    """Return [M] what APIs are paid: their cost, in proportion to the calls of each period."""
    place = {period.name: t for t, period in enumerate(problem.periods)}
    calls = np.zeros(len(place))
    for route in routes:
        for share in route.shares if isinstance(route, ApiRoute) else ():
            calls[place[share.period]] += share.rate * calendar.hours[place[share.period]]
    paid = calls if calls.any() else calendar.hours
    return calendar.spread(cost.apis * calendar.hours.sum() * paid / paid.sum())


def _afterwards(solved: Solved, calendar: _Calendar) -> tuple[float, float]:
    """Return what is still owed for reserved machines when the horizon ends, and what own machines are then worth [$]."""
    owed = worth = 0.0
    for bought, machines in _held(solved):
        live = bought.term.live
        if bought.held and live is None:
            live = (0, calendar.share.shape[1])
        if bought.payments is not None and live is not None:
            number, age = float(machines.max()) * calendar.likelihood(bought.term.scenario), float(live[1] - live[0])
            if live[1] == calendar.share.shape[1]:
                owed += number * bought.payments.owed(age)
                worth += number * bought.payments.book_value(age)
    for one in committed_spend(solved):
        if one.live is not None and one.live[1] == calendar.share.shape[1]:
            left = 12 * int(one.term.removesuffix("y")) - (one.live[1] - one.live[0])
            owed += one.hourly * calendar.likelihood(one.scenario) * HOURS_PER_MONTH * left
    return owed, worth
