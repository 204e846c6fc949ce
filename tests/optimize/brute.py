"""Brute force: every whole number of replicas and machines, an exact linear program for the flows of each.

Shares nothing with the optimizer but the program.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import linprog

from planner.optimize.program import Program


def brute_force(program: Program) -> float:
    """Return the least cost [$/h], inf if there is no plan: the best of every choice of ways."""
    ways = program.ways
    if not len(ways.name):
        return _brute_force(program)
    best = np.inf
    for each in itertools.product(*(np.flatnonzero(ways.group == g) for g in range(ways.groups))):
        taken = np.zeros(len(ways.name), bool)
        taken[list(each)] = True
        cost = ways.cost[taken].sum()
        best = min(best, cost + _brute_force(replace(program.along(taken), budget=program.budget - cost)))
    return best


def _brute_force(program: Program) -> float:
    """Return the least cost of a program without ways."""
    share = program.hours / program.hours.sum()
    K, T = len(program.pools.name), len(share)
    fleets = _fleets(program, share)
    choices = []
    for flat in itertools.product(*(range(top + 1) for top in _tops(program) for _ in range(T))):
        n = np.array(flat).reshape(K, T)
        used = n > 0
        fewest = _fewest(program)
        if (used & (n < fewest[:, None])).any():
            continue
        if program.one_size and any((used[program.pools.family == f].sum(axis=0) > 1).any() for f in program.pools.family):
            continue
        operated = len(set(program.pools.family[used.any(axis=1) & ~program.pools.sold]))
        if program.max_pools is not None and operated > program.max_pools:
            continue
        cost = _cheapest_fleet(program, n, *fleets) + program.pool_cost * operated + _set_up(program, used) + _ramps(program, n)
        if np.isfinite(cost):
            choices.append((float(cost), flat))
    best = np.inf
    for cost, flat in sorted(choices):
        if cost >= best:
            break
        best = min(best, cost + _flows(program, np.array(flat).reshape(K, T), share))
    return best if best <= program.budget * (1 + 1e-9) else np.inf


def brute_force_worst(program: Program, scenario: np.ndarray, part: float) -> float:
    """Return the least of `part` of the average cost and the rest of the dearest scenario's, without ways and budget [$/h]."""
    share = program.hours / program.hours.sum()
    own = (scenario == np.unique(scenario)[:, None]) * program.hours
    shares = own / own.sum(axis=1, keepdims=True)
    K, T = len(program.pools.name), len(share)
    machines, mean = _fleets(program, share)
    each = np.array([_fleet_costs(program, machines, row) for row in shares])
    value = part * mean + (1 - part) * each.max(axis=0)
    order = np.argsort(value, kind="stable")
    best = np.inf
    for flat in itertools.product(*(range(top + 1) for top in _tops(program) for _ in range(T))):
        n = np.array(flat).reshape(K, T)
        used = n > 0
        operated = len(set(program.pools.family[used.any(axis=1) & ~program.pools.sold]))
        if (used & (n < _fewest(program)[:, None])).any() or operated > (program.max_pools or K):
            continue
        fixed = program.pool_cost * operated + _set_up(program, used)
        hold = np.ones(len(machines), bool)
        for i, size in enumerate(program.cells.gpus):
            need = ((program.pools.cell == i) * program.pools.gpus) @ n
            hold &= (machines[:, program.purchases.cell == i].sum(axis=1) * size >= need).all(axis=1)
        tried: set[tuple[float, ...]] = set()
        for f in order[hold[order]].tolist():
            if value[f] + fixed >= best:
                break
            paid = each[:, f] + fixed
            if tuple(paid) in tried:
                continue
            tried.add(tuple(paid))
            least = _flows(program, n, share, (shares, paid, part))
            if np.isinf(least):
                break
            best = min(best, least + part * (mean[f] + fixed))
    return best


def _set_up(program: Program, used: np.ndarray) -> float:
    """Cost of setting up each family that is used [$/h]."""
    if program.pools.opening is None:
        return 0.0
    open_ = used.any(axis=1) & ~program.pools.sold
    return sum(program.pools.opening[program.pools.family == f].max() for f in set(program.pools.family[open_]))


def _ramps(program: Program, n: np.ndarray) -> float:
    """What replicas pay beside the periods that need them, family by family and change by change."""
    buy, total = program.purchases, 0.0
    for a, b, times in zip(program.scaling.before, program.scaling.after, program.scaling.times, strict=True):
        for family in set(program.pools.family.tolist()):
            grown = 0.0
            for k in np.flatnonzero(program.pools.family == family):
                cell = program.pools.cell[k]
                rented = [o for o in range(len(buy.name)) if buy.cell[o] == cell and not buy.committed[o]]
                free = [buy.hourly[o] for o in rented if np.isinf(buy.limit[o])]
                price = min(free) if free else max((buy.hourly[o] for o in rented if buy.limit[o] > 0), default=0.0)
                share = program.pools.gpus[k] / program.cells.gpus[cell]
                grown += program.scaling.hours[k] * share * price * (n[k, b] - n[k, a])
            total += times * max(grown, 0.0)
    return total / program.hours.sum()


def _fewest(program: Program) -> np.ndarray:
    """[K] Replicas of an open pool: its own and the spares, at least the minimum; of units sold, its own alone."""
    own = np.maximum(program.min_replicas, program.pools.least + program.pools.spare)
    return np.where(program.pools.sold, program.pools.least, own)


def _tops(program: Program) -> list[int]:
    """Most replicas of each pool that could be of use: all streams at their busiest, each a whole cycle if movable."""
    cycle = (program.rate * program.hours).sum(axis=1)
    busiest = np.where(program.movable, cycle / program.hours.min(), program.rate.max(axis=1))
    tops = []
    for k in range(len(program.pools.name)):
        load = [sum(d * v for d, v in zip(row, busiest, strict=True) if np.isfinite(d)) for row in program.pools.demand[:, :, k]]
        top = max(int(np.ceil(max(load))) + int(program.pools.spare[k]), int(_fewest(program)[k]))
        tops.append(min(top, int(program.pools.most[k])))
    return tops


def _fleets(program: Program, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every set of machines within the limits, cheapest first: numbers [F, O, T] and costs [F]."""
    buy, T = program.purchases, len(share)
    axes = []
    gpus = np.array(_tops(program)) * program.pools.gpus
    for o, limit in enumerate(buy.limit):
        most = -(-gpus[program.pools.cell == buy.cell[o]].sum() // program.cells.gpus[buy.cell[o]])
        least = 0 if buy.held is None else int(buy.held[o])
        axes += [range(max(int(min(limit, most)), least) + 1)] * (1 if buy.committed[o] else T)
    grid = np.array(list(itertools.product(*axes)))
    machines = np.zeros((len(grid), len(buy.name), T))
    column = 0
    for o in range(len(buy.name)):
        width = 1 if buy.committed[o] else T
        machines[:, o] = grid[:, column : column + width] * buy.active[o]
        column += width
    counted = program.cells.gpus if program.cells.boards is None else program.cells.boards
    boards, watts = counted[buy.cell][:, None], program.cells.power[buy.cell][:, None]
    fit = ((machines * watts).sum(axis=1) <= program.power).all(axis=1)
    for quota in program.gpu_limits:
        fit &= ((machines * boards)[:, quota.purchases].sum(axis=1) <= quota.gpus).all(axis=1)
    for limit in program.machine_limits:
        fit &= (np.einsum("fot,o->ft", machines, limit.each) <= limit.most * (1 + 1e-9)).all(axis=1)
    for average in program.average_limits:
        fit &= np.einsum("fot,ot,t->f", machines, average.each, share) <= average.most * (1 + 1e-9)
    if buy.held is not None:
        fit &= (machines >= buy.held[:, None] * buy.active).all(axis=(1, 2))
    if program.sellers is not None:
        of = program.sellers.seller
        used = [(machines[:, of == q] > 0).any(axis=(1, 2)) for q in range(int(of.max(initial=-1)) + 1)]
        fit &= np.sum(used, axis=0) <= program.sellers.most
    machines = machines[fit]
    cost = _fleet_costs(program, machines, share)
    order = np.argsort(cost, kind="stable")
    return machines[order], cost[order]


def _fleet_costs(program: Program, machines: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[F] What machines [F, O, T] cost, an hour of each period counted by its share."""
    buy = program.purchases
    cost = machines @ share @ buy.hourly + (0.0 if program.standing is None else program.standing @ share)
    cost = cost if buy.extra is None else cost + np.einsum("fot,ot,t->f", machines, buy.extra, share)
    for c in range(0 if program.spend is None else len(program.spend.name)):
        own = program.spend.of == c
        drawn = np.einsum("fot,o->ft", machines[:, own], program.spend.draw[own]).max(axis=1, initial=0.0)
        cost += drawn * program.spend.owed[c] * (program.spend.active[c] @ share)
    return cost


def _cheapest_fleet(program: Program, n: np.ndarray, machines: np.ndarray, cost: np.ndarray) -> float:
    fit = np.ones(len(cost), bool)
    for i, size in enumerate(program.cells.gpus):
        need = ((program.pools.cell == i) * program.pools.gpus) @ n
        fit &= (machines[:, program.purchases.cell == i].sum(axis=1) * size >= need).all(axis=1)
    return cost[np.argmax(fit)] if fit.any() else np.inf


def _hopeless(program: Program, n: np.ndarray) -> bool:
    """Whether the calls exceed all replicas together although each goes where it takes least: most choices, told at once."""
    working = np.maximum(n - program.pools.spare[:, None], 0)
    elsewhere = np.isfinite(program.apis.call_cost).any(axis=1) | program.movable
    usable = np.isfinite(program.pools.demand).all(axis=0) & np.isfinite(program.pools.call_cost)
    for t, capacity in enumerate(working.T):
        calls = ~elsewhere & (program.rate[:, t] > 0)
        open_to = usable[calls] & (capacity > 0)
        taken = np.where(open_to, program.pools.demand[:, calls], np.inf).min(axis=2, initial=np.inf)
        if ((taken @ program.rate[calls, t]) > capacity.sum() * (1 + 1e-9) + 1e-9).any():
            return True
    return False


def _ready(program: Program, n: np.ndarray, forbidden: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Yield [R, K, T] what the growth to come takes of a pool, and what it has for it."""
    scaling = program.scaling
    for a, b in zip(scaling.before, scaling.after, strict=True):
        grows = ~program.movable & (program.rate[:, b] > program.rate[:, a])
        for family in sorted(set(program.pools.family.tolist())):
            own = np.flatnonzero((program.pools.family == family) & (scaling.lag > 0))
            if not (~forbidden[:, own] & grows[:, None]).any():
                continue
            for demand in program.pools.demand:
                row = np.zeros((*demand.shape, n.shape[1]))
                need = np.where(forbidden | program.movable[:, None], 0, demand)
                row[:, own, a] = (1 - scaling.lag[own]) * need[:, own]
                row[:, own, b] = scaling.lag[own] * need[:, own]
                yield row, float(np.maximum(n[own, a] - program.pools.spare[own], 0).sum())


def _served(program: Program, shape: tuple[int, int, int]) -> tuple[list[np.ndarray], list[float]]:
    """Rows over flows [R, P, T], and the calls that they must serve."""
    T = shape[2]
    equal, served = [], []
    for r in range(shape[0]):
        parts = [np.arange(T)] if program.movable[r] else [np.array([t]) for t in range(T)]
        for part in parts:
            row = np.zeros(shape)
            row[r][:, part] = program.hours[part]
            equal.append(row.ravel())
            served.append((program.hours[part] * program.rate[r, part]).sum())
    return equal, served


def _flows(
    program: Program, n: np.ndarray, share: np.ndarray, worst: tuple[np.ndarray, np.ndarray, float] | None = None
) -> float:
    """Least cost of soft misses and API calls with these replicas [$/h].

    With `worst`, shares [S, T] of periods in scenarios, what is paid in each besides, and the part of the average: that part of
    the average and the rest of the dearest scenario, all counted.
    """
    if _hopeless(program, n):
        return np.inf
    R, K, T = len(program.streams), n.shape[0], n.shape[1]
    places = np.concatenate([program.pools.call_cost, program.apis.call_cost], axis=1)
    P = places.shape[1]
    index = np.arange(R * P * T).reshape(R, P, T)
    cost = 3600 * np.where(np.isfinite(places), places, 0)[:, :, None] * share
    top = np.where(np.isfinite(places), np.inf, 0)[:, :, None] * np.ones(T)
    forbidden = ~np.isfinite(program.pools.demand).all(axis=0)
    top[:, :K][forbidden] = 0
    rows, right = [], []
    for j, k, t in itertools.product(range(len(program.resources)), range(K), range(T)):
        row = np.zeros(R * P * T)
        row[index[:, k, t]] = np.where(forbidden[:, k], 0, program.pools.demand[j, :, k])
        rows.append(row)
        right.append(max(n[k, t] - program.pools.spare[k], 0))
        if n[k, t] == 0:
            top[:, k, t] = 0
    for row, carrying in _ready(program, n, forbidden):
        held = np.zeros((R, P, T))
        held[:, :K] = row
        rows.append(held.ravel())
        right.append(carrying)
    for a, t in itertools.product(range(len(program.apis.name)), range(T)):
        for taken in program.apis.limits[:, :, a]:
            row = np.zeros(R * P * T)
            row[index[:, K + a, t]] = taken
            rows.append(row)
            right.append(1.0)
    weight = program.hours / program.hours.sum()
    for one in program.averages:
        row = np.zeros((R, P, T))
        row[one.streams] = -np.concatenate([one.pools, one.apis], axis=1)[:, :, None] * weight
        rows.append(row.ravel())
        right.append(0.0)
    equal, served = _served(program, (R, P, T))
    hourly, most = cost.ravel(), np.nan_to_num(top.ravel(), posinf=np.inf)
    if worst is not None:
        shares, paid, part = worst
        each = 3600 * np.where(np.isfinite(places), places, 0)[None, :, :, None] * shares[:, None, None]
        rows = [np.append(row, 0.0) for row in rows] + [np.append(own.ravel(), -1.0) for own in each]
        right, equal = [*right, *(-paid)], [np.append(row, 0.0) for row in equal]
        hourly, most = np.append(part * hourly, 1.0 - part), np.append(most, np.inf)
    solved = linprog(
        hourly,
        np.array(rows),
        np.array(right),
        np.array(equal),
        np.array(served),
        bounds=np.stack([np.zeros(most.size), most], axis=1),
    )
    return float(solved.fun) if solved.status == 0 else np.inf
