"""Why a program has no plan, and the smallest single change that would give it one.

Each limit is freed alone and the program solved for the least use of what it limits; that use is the smallest value
the limit could take. Every answer is confirmed by solving again with it. Nothing here guesses: where no change of one
limit helps, the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from planner.optimize.bounds import allowed
from planner.optimize.program import Bools, Outcome, Program
from planner.optimize.solve import solve

GAP = 1e-4
"""Gap of the solves that look for the least use of a limit; the value reported is what a plan really uses."""
SECONDS = 5.0
"""Time for each of them."""
ROUNDING = 1e-9
"""Relative room given to a limit when it is confirmed."""


@dataclass(frozen=True)
class Shortfall:
    """One reason why there is no plan, and what would help."""

    kind: str
    """`stream` (nothing may serve it), `gpu_limit`, `purchase_limit`, `api_rate`, `power`, `budget`, `max_pools`, or `all`."""
    name: str
    """Of the stream or the limit."""
    limit: float
    """The value it has; 0 for a stream."""
    needed: float | None
    """Smallest value found that, all else unchanged, allows a plan; None if no value does."""
    cost: float
    """Cost of a plan with it [$/h]; inf without one."""


@dataclass(frozen=True, eq=False)
class _Lever:
    """A limit that can be set: how, and how much of it a plan uses."""

    kind: str
    name: str
    limit: float
    set: Callable[[float], Program]
    use: Callable[[Outcome], float]


def diagnose(program: Program) -> tuple[Shortfall, ...]:
    """Find what stands in the way of a plan.

    Streams that nothing may serve come first and, being hopeless, alone. Otherwise each limit is answered for by itself;
    a last entry of kind `all`, present where no single one helps, is the cost of a plan with every limit freed.
    """
    unserved = _unservable(program)
    if unserved:
        return tuple(Shortfall("stream", name, 0.0, None, np.inf) for name in unserved)
    alone = tuple(_least(lever) for lever in _levers(program))
    if any(answer.needed is not None for answer in alone):
        return alone
    return (*alone, *_together(program))


def _unservable(program: Program) -> list[str]:
    """Streams with calls that no pool with machines and no API may serve."""
    for_sale = np.isin(program.pools.cell, program.purchases.cell)
    by_pool = (allowed(program) & for_sale).any(axis=1)
    by_api = np.isfinite(program.apis.call_cost).any(axis=1)
    lost = np.any(program.rate > 0, axis=1) & ~by_pool & ~by_api
    return [program.streams[r] for r in np.flatnonzero(lost).tolist()]


def _levers(program: Program) -> Iterator[_Lever]:
    yield from _quota_levers(program)
    yield from _purchase_levers(program)
    yield from _api_levers(program)
    if np.isfinite(program.power):
        yield _Lever("power", "power", program.power, partial(_with_power, program), partial(_power, program))
    if np.isfinite(program.budget):
        yield _Lever("budget", "budget", program.budget, partial(_with_budget, program), _cost)
    if program.max_pools is not None:
        yield _Lever("max_pools", "max_pools", program.max_pools, partial(_with_pools, program), _pools)


def _quota_levers(program: Program) -> Iterator[_Lever]:
    for index, limit in enumerate(program.gpu_limits):
        yield _Lever(
            "gpu_limit", limit.name, limit.gpus,
            partial(_with_quota, program, index), partial(_gpus, program, limit.purchases),
        )  # fmt: skip


def _purchase_levers(program: Program) -> Iterator[_Lever]:
    for o, name in enumerate(program.purchases.name):
        if np.isfinite(program.purchases.limit[o]):
            yield _Lever(
                "purchase_limit", name, float(program.purchases.limit[o]),
                partial(_with_purchase, program, o), partial(_bought, o),
            )  # fmt: skip


def _api_levers(program: Program) -> Iterator[_Lever]:
    for a, name in enumerate(program.apis.name):
        if np.isfinite(program.apis.rate_limit[a]):
            yield _Lever(
                "api_rate", name, float(program.apis.rate_limit[a]),
                partial(_with_api, program, a), partial(_called, a),
            )  # fmt: skip


def _with_quota(program: Program, index: int, gpus: float) -> Program:
    limits = list(program.gpu_limits)
    limits[index] = replace(limits[index], gpus=gpus)
    return replace(program, gpu_limits=tuple(limits))


def _with_purchase(program: Program, o: int, most: float) -> Program:
    limit = program.purchases.limit.copy()
    limit[o] = most
    return replace(program, purchases=replace(program.purchases, limit=limit))


def _with_api(program: Program, a: int, most: float) -> Program:
    limit = program.apis.rate_limit.copy()
    limit[a] = most
    return replace(program, apis=replace(program.apis, rate_limit=limit))


def _with_pools(program: Program, most: float) -> Program:
    return replace(program, max_pools=int(most) if np.isfinite(most) else None)


def _with_power(program: Program, watts: float) -> Program:
    return replace(program, power=watts)


def _with_budget(program: Program, dollars: float) -> Program:
    return replace(program, budget=dollars)


def _cost(outcome: Outcome) -> float:
    return outcome.objective


def _bought(o: int, outcome: Outcome) -> float:
    return float(outcome.machines[o].max())


def _called(a: int, outcome: Outcome) -> float:
    return float(outcome.api_flow[:, a].sum(axis=0).max())


def _gpus(program: Program, counted: Bools, outcome: Outcome) -> float:
    gpus = program.cells.gpus[program.purchases.cell][:, None] * outcome.machines
    return float(gpus[counted].sum(axis=0).max())


def _power(program: Program, outcome: Outcome) -> float:
    return float((program.cells.power[program.purchases.cell][:, None] * outcome.machines).sum(axis=0).max())


def _pools(outcome: Outcome) -> float:
    return float((outcome.replicas > 0).any(axis=1).sum())


def _solved(program: Program) -> Outcome:
    return solve(program, gap=GAP, time_limit=SECONDS, seed=0, progress=lambda _: None)


def _least(lever: _Lever) -> Shortfall:
    """Halve the distance between what is too little and what a plan uses, until no smaller use is found.

    Each plan found uses a certain amount; asking for less gives a plan that uses less, or none. Amounts are what plans
    use, so the answer is always one that a plan confirms.
    """
    outcome = _solved(lever.set(np.inf))
    if outcome.termination not in ("optimal", "feasible"):
        return Shortfall(lever.kind, lever.name, lever.limit, None, np.inf)
    low, high, cost = lever.limit, lever.use(outcome), outcome.objective
    if lever.kind == "budget":  # The cheapest plan without a budget is the smallest budget.
        return Shortfall(lever.kind, lever.name, lever.limit, high, cost)
    while high - low > max(GAP * high, _step(lever)):
        middle = (low + high) / 2 if not _counted(lever) else float((low + high) // 2)
        outcome = _solved(lever.set(middle * (1 + ROUNDING)))
        if outcome.termination in ("optimal", "feasible"):
            high, cost = min(lever.use(outcome), middle), outcome.objective
        else:
            low = middle
    return Shortfall(lever.kind, lever.name, lever.limit, high, cost)


def _counted(lever: _Lever) -> bool:
    return lever.kind in ("gpu_limit", "purchase_limit", "max_pools")


def _step(lever: _Lever) -> float:
    """Whole things are told apart by one; others as finely as the gap."""
    return 1.0 if _counted(lever) else 0.0


def _together(program: Program) -> tuple[Shortfall, ...]:
    """The cheapest plan with every limit freed, and how much of each it uses."""
    free = replace(program, gpu_limits=(), power=np.inf, budget=np.inf, max_pools=None)
    free = replace(free, purchases=replace(free.purchases, limit=np.full(len(free.purchases.name), np.inf)))
    free = replace(free, apis=replace(free.apis, rate_limit=np.full(len(free.apis.name), np.inf)))
    outcome = _solved(free)
    if outcome.termination not in ("optimal", "feasible"):
        return (Shortfall("all", "all limits", 0.0, None, np.inf),)
    over = [
        Shortfall("all", lever.name, lever.limit, lever.use(outcome), outcome.objective)
        for lever in _levers(program)
        if lever.use(outcome) > lever.limit * (1 + ROUNDING)
    ]
    return tuple(over)
