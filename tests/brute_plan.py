"""The whole planner by brute force: every deployment evaluated, every whole number of machines, a linear program for the flows.

Shares the performance model and the rules with the planner, but none of its screening, pruning, ceilings, supply
dominance or optimizer. One period, machines by the hour.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from planner.candidates.apis import usable_apis
from planner.candidates.build import prepare
from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_flows
from planner.supply.build import build_supply
from planner.supply.failures import Spares


@dataclass(frozen=True)
class Choice:
    """All that can be chosen from."""

    cell: np.ndarray
    gpus: np.ndarray
    demand: np.ndarray
    call_cost: np.ndarray
    api_cost: np.ndarray
    rate: np.ndarray
    sizes: np.ndarray
    prices: np.ndarray
    spares: list[Spares]


def choice(loaded: LoadedProblem) -> Choice:
    problem, catalog = loaded.problem, loaded.catalog
    flows = build_flows(problem, loaded.base)
    streams = flows.streams
    supply = build_supply(problem, catalog, streams)
    search = prepare(catalog, problem, flows, supply)
    search.extend(np.inf)
    pools = search.evaluate(np.arange(len(search.space)))
    apis = usable_apis(catalog, problem, streams, search.ledger)
    places = [
        (k, i)
        for k, row in enumerate(pools.row)
        for i, cell in enumerate(supply.cells)
        if search.sites.hosts[search.space.machine[row], i] and any(cell.streams)
    ]
    pool, cell = (np.array(column, dtype=int) for column in zip(*places, strict=True))
    may = np.array([supply.cells[i].streams for i in cell]).T
    prices = np.array([min(p.hourly for p in supply.purchases if p.cell == i) for i in range(len(supply.cells))])
    return Choice(
        cell=cell,
        gpus=search.space.gpus()[pools.row[pool]],
        demand=np.where(may, pools.demand[:, :, pool], np.inf),
        call_cost=pools.call_cost[:, pool],
        api_cost=apis.call_cost,
        rate=np.array([stream.rate[0] for stream in streams]),
        sizes=np.array([cell.gpus for cell in supply.cells]),
        prices=prices,
        spares=[
            Spares(
                problem.operations, int(search.space.gpus()[pools.row[k]]), supply.cells[i].gpus, supply.cells[i].interruptible
            )
            for k, i in places
        ],
    )


def least_cost(loaded: LoadedProblem, ceiling: float) -> float:
    """Return the least cost of all plans whose machines cost at most `ceiling` [$/h]; inf if there is none."""
    made = choice(loaded)
    counts = [range(int(ceiling / price + 1e-9) + 1) for price in made.prices]
    fleets = sorted((float(made.prices @ np.array(fleet)), fleet) for fleet in itertools.product(*counts))
    best = np.inf
    for cost, fleet in fleets:
        if cost > ceiling * (1 + 1e-9) or cost >= best:
            break
        for replicas in packings(made, np.array(fleet)):
            best = min(best, cost + flow_cost(made, replicas))
    return best


def packings(made: Choice, fleet: np.ndarray) -> Iterator[np.ndarray]:
    """Yield every set of replicas that fits into a fleet and leaves no room for another."""
    each = []
    for cell, machines in enumerate(fleet):
        here = np.flatnonzero(made.cell == cell)
        room = int(machines * made.sizes[cell])
        options = itertools.product(*(range(room // made.gpus[k] + 1) for k in here))
        fits = [option for option in options if 0 <= room - np.dot(option, made.gpus[here]) < min(made.gpus[here], default=1)]
        each.append((here, fits or [(0,) * len(here)]))
    for options in itertools.product(*(fits for _, fits in each)):
        replicas = np.zeros(len(made.cell))
        for (here, _), option in zip(each, options, strict=True):
            replicas[here] = option
        yield replicas


def flow_cost(made: Choice, replicas: np.ndarray) -> float:
    """Return the least cost of misses and API calls that serves everybody [$/h]; inf if impossible."""
    opened = np.flatnonzero(replicas)
    streams, places = len(made.rate), len(opened) + made.api_cost.shape[1]
    if not places:
        return np.inf
    demand = made.demand[:, :, opened]
    allowed = np.concatenate([np.isfinite(demand).all(axis=0), np.isfinite(made.api_cost)], axis=1)
    price = np.where(
        allowed, np.concatenate([made.call_cost[:, opened], np.where(allowed[:, len(opened) :], made.api_cost, 0.0)], axis=1), 0.0
    )
    rows, limits = [], []
    for need in np.where(np.isfinite(demand), demand, 0.0):
        for position, pool in enumerate(opened):
            row = np.zeros((streams, places))
            row[:, position] = need[:, position]
            rows.append(row.ravel())
            limits.append(max(replicas[pool] - made.spares[pool].of(int(replicas[pool])), 0))
    served = np.kron(np.eye(streams), np.ones(places))
    bounds = [(0.0, None if may else 0.0) for may in allowed.ravel()]
    caps = {"A_ub": np.array(rows), "b_ub": limits} if rows else {}
    found = linprog(3600.0 * price.ravel(), A_eq=served, b_eq=made.rate, bounds=bounds, **caps)
    return float(found.fun) if found.status == 0 else np.inf
