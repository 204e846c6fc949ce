"""Make a solver's point whole and lean without changing what it serves: never dearer, always the same."""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import SLACK, allowed, least_open
from planner.optimize.model import Point
from planner.optimize.program import Floats, Ints, Program

NOISE = 1e-9
"""Share of a stream below which a flow is a solver's rounding."""


def tidy(program: Program, point: Point) -> Point:
    """Drop rounding noise, idle replicas and idle machines."""
    cleared = _serve_exactly(program, point)
    # Never above the solver's own number: a load over it is within its tolerance.
    replicas = np.minimum(needed_replicas(program, cleared.flow), np.rint(point.replicas))
    machines = _lean_machines(program, replicas, np.rint(point.machines))
    return Point(cleared.flow, cleared.api_flow, replicas, machines, cleared.ways)


def _serve_exactly(program: Program, point: Point) -> Point:
    """Scale the flows of each stream to the rate that the ways taken ask for, leaving out noise."""
    ways = np.rint(point.ways)
    rate = program.asked(ways)
    cycle = (rate * program.hours).sum(axis=1)
    noise = NOISE * np.where(program.movable[:, None], cycle[:, None] / program.hours, rate)[:, None]
    flow = np.where(point.flow > noise, point.flow, 0.0)
    api_flow = np.where(point.api_flow > noise, point.api_flow, 0.0)
    served = flow.sum(axis=1) + api_flow.sum(axis=1)
    total = (served * program.hours).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(program.movable[:, None], (cycle / total)[:, None], rate / served)
    factor = np.where(np.isfinite(factor), factor, 0.0)[:, None]
    return Point(flow * factor, api_flow * factor, point.replicas, point.machines, ways)


def loads(program: Program, flow: Floats) -> Floats:
    """[J, K, T] Replicas' worth of each resource that the flows take."""
    demand = np.where(allowed(program), program.pools.demand, 0.0)
    load: Floats = np.einsum("jrk,rkt->jkt", demand, flow, optimize=True)
    return load


def needed_replicas(program: Program, flow: Floats) -> Floats:
    """[K, T] Fewest replicas that carry the flows, spares and minimum included."""
    load = loads(program, flow).max(axis=0, initial=0.0)
    carrying = np.ceil(load - 10 * SLACK * np.maximum(load, 1.0))
    needed: Floats = np.where(
        flow.sum(axis=0) > 0, np.maximum(carrying + program.pools.spare[:, None], least_open(program)[:, None]), 0.0
    )
    return needed


def _lean_machines(program: Program, replicas: Floats, machines: Floats) -> Floats:
    """[O, T] Give back machines that hold nothing: rented ones first, dearest first."""
    buy, cells = program.purchases, program.cells
    lean = machines.copy()
    busy = np.zeros((len(cells.name), replicas.shape[1]))
    np.add.at(busy, program.pools.cell, replicas * program.pools.gpus[:, None])
    fewest = buy.fewest
    idle = -np.ceil(busy / cells.gpus[:, None])
    np.add.at(idle, buy.cell, machines)
    for o in _dearest_first(program):
        spare = np.minimum(lean[o] - fewest[o], np.maximum(idle[buy.cell[o]], 0.0))
        if buy.committed[o]:
            spare = np.where(buy.active[o], np.min(spare, where=buy.active[o], initial=np.inf), 0.0)
        lean[o] -= spare
        idle[buy.cell[o]] -= spare
    return lean


def _dearest_first(program: Program) -> Ints:
    buy = program.purchases
    order: Ints = np.lexsort((np.array(buy.name), -buy.hourly, buy.committed))
    return order
