"""Make a solver's point whole and lean without changing what it serves: never dearer, always the same."""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import SLACK, allowed, least_open
from planner.optimize.model import Point
from planner.optimize.objective import objective
from planner.optimize.program import Floats, Ints, Program
from planner.optimize.ramps import by_family, families, follows, worth_keeping
from planner.optimize.readiness import made_ready

NOISE = 1e-9
"""Share of a stream below which a flow is a solver's rounding."""


def tidy(program: Program, point: Point) -> Point:
    """Drop rounding noise, idle replicas and idle machines."""
    cleared = served_exactly(program, point)
    # Never above the solver's own number: a load over it is within its tolerance.
    replicas = _no_more(program, needed_replicas(program, cleared.flow), np.rint(point.replicas))
    lean = _with_replicas(program, cleared, replicas)
    if not follows(program).any():
        return lean
    kept = _with_replicas(program, cleared, worth_keeping(program, replicas, np.rint(point.replicas)))
    return kept if objective(program, kept) < objective(program, lean) else lean


def _no_more(program: Program, needed: Floats, held: Floats) -> Floats:
    """[K, T] Return what is needed of the replicas held; where a pool holds it in other columns than thought, as it holds it."""
    least = np.minimum(needed, held)
    if not program.scaling.lag.any():
        return least
    short = by_family(program, needed) > by_family(program, least)
    return np.where(short[families(program)[1]], held, least)


def _with_replicas(program: Program, point: Point, replicas: Floats) -> Point:
    """Return the point with so many replicas, and no machines that hold nothing."""
    machines = _lean_machines(program, replicas, np.rint(point.machines))
    return Point(point.flow, point.api_flow, replicas, machines, point.ways)


def served_exactly(program: Program, point: Point) -> Point:
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
    return made_ready(program, flow, needed) if program.scaling.lag.any() else needed


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
