"""What following demand costs: replicas that start for a period are paid before it, those given up stay for a while after it.

    Σ_f Σ_p q[p]·max(0, Σ_{k in f} c[k]·(n[k,after p] − n[k,before p])),   q[p] = times[p]/Σh,  c[k] = hours[k]·price[i]·g[k]/g[i]

over families f, since the columns of one are one pool. The price is that of the cheapest machine of the cell that is rented in
any number, of the dearest where all are limited, and 0 where machines are only committed to: those are paid in any case.
"""

from __future__ import annotations

import numpy as np

from planner.optimize.program import Bools, Floats, Ints, Program


def start_costs(program: Program) -> Floats:
    """[K] c: what each start of a replica is paid beside the periods that need it [$]; 0 where nothing is charged."""
    pools, cells, held = program.pools, program.cells, program.scaling.hours
    if not len(program.scaling.times):
        return np.zeros(len(pools.name))
    cost: Floats = held * pools.gpus / cells.gpus[pools.cell] * rented_prices(program)[pools.cell]
    return cost


def rented_prices(program: Program) -> Floats:
    """[I] Price of a machine rented for a while [$/h]."""
    buy = program.purchases
    under = np.zeros(len(buy.name), dtype=bool) if program.spend is None else program.spend.of >= 0
    prices = np.zeros(len(program.cells.name))
    for i in range(len(prices)):
        rented = (buy.cell == i) & ~buy.committed & ~under & (buy.limit > 0)
        free = rented & np.isinf(buy.limit)
        prices[i] = buy.hourly[free].min() if free.any() else buy.hourly[rented].max(initial=0.0)
    return prices


def shares(program: Program) -> Floats:
    """[P] q: how often an hour, on average, a period follows another [1/h]."""
    share: Floats = program.scaling.times / program.hours.sum()
    return share


def follows(program: Program) -> Bools:
    """[K] Whether it matters to a pool how many replicas it has in other periods."""
    scaling = program.scaling
    if not len(scaling.times):
        return np.zeros(len(program.pools.name), dtype=bool)
    matters: Bools = (start_costs(program) > 0) | (scaling.lag > 0)
    return matters


def families(program: Program) -> tuple[Ints, Ints]:
    """Return a pool of each family [F], and the number of each pool's family among them [K]."""
    _, first, of = np.unique(program.pools.family, return_index=True, return_inverse=True)
    return first, of.reshape(-1)


def by_family(program: Program, values: Floats) -> Floats:
    """[F, …] Return what the columns of each family have together, from [K, …]."""
    first, of = families(program)
    total = np.zeros((len(first), *values.shape[1:]))
    np.add.at(total, of, values)
    return total


def starts(program: Program, replicas: Floats | Ints) -> Floats:
    """[F, P] Return what is paid at each change from a period to the next, from replicas [K, T] [$]."""
    scaling = program.scaling
    worth = by_family(program, start_costs(program)[:, None] * replicas)
    paid: Floats = np.maximum(worth[:, scaling.after] - worth[:, scaling.before], 0.0)
    return paid


def ramp_cost(program: Program, replicas: Floats | Ints) -> float:
    """Return the average cost of the ramp [$/h]; replicas [K, T]."""
    if not len(program.scaling.times):
        return 0.0
    return float((starts(program, replicas) @ shares(program)).sum())


def worth_keeping(program: Program, needed: Floats, held: Floats) -> Floats:
    """[K, T] Return replicas between those needed and those held: fewer wherever that starts none later.

    Parameters
    ----------
    program : with what a start costs
    needed, held : [K, T]
    """
    cost, kept = start_costs(program), np.maximum(needed, held)
    for k, t in zip(*np.nonzero(kept > needed), strict=True):
        mine = np.flatnonzero(program.pools.family == program.pools.family[k])
        levels = np.unique(np.append(needed[k, t], kept[k][(kept[k] > needed[k, t]) & (kept[k] < kept[k, t])]))
        before = _paid(program, cost[mine], kept[mine])
        for level in levels.tolist():
            tried = kept.copy()
            tried[k, t] = level
            if _paid(program, cost[mine], tried[mine]) <= before * (1 + 1e-12):
                kept = tried
                break
    return kept


def _paid(program: Program, cost: Floats, replicas: Floats) -> float:
    """Return the cost of the ramp of one pool, from its columns' costs of a start [k] and replicas [k, T] [$/h]."""
    worth = cost @ replicas
    return float(np.maximum(worth[program.scaling.after] - worth[program.scaling.before], 0.0) @ shares(program))
