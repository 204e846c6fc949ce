"""Among plans of one cost, the one with the fewest routes, and of those the one with the most even headroom.

What is open and bought stays. A solver splits streams for no reason: any point of a face is as cheap as any other. A route
more is one more thing to set up and watch, and a stream on a pool is one more promise to keep there.

1. A small integer program: routes used as few as possible, at no more cost.
2. A linear program over those routes: pools as little loaded as possible, the last percents counting most.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.optimize.backend import Limits, Status, solve_lp, solve_milp
from planner.optimize.bounds import Bounds, bounds
from planner.optimize.incumbent import narrow, widen
from planner.optimize.linear import Linear, Namer
from planner.optimize.model import Model, Point, build, read, restrict, restrict_bounds, write
from planner.optimize.objective import objective
from planner.optimize.program import Bools, Floats, Ints, Program
from planner.optimize.ramps import by_family, families, follows
from planner.optimize.tidy import tidy
from planner.optimize.variables import label

EVEN = ((0.5, 1.0), (0.7, 1.0), (0.8, 2.0), (0.9, 4.0), (0.95, 8.0))
"""Load from which a pool's load is charged, and by how much more: convex, as queues are."""

NODES = 200
"""Branch-and-bound nodes for fewer routes: the same on every machine, unlike seconds."""

SAME = 1e-6
"""Relative difference in cost that counts as none."""


def fewest_routes(program: Program, point: Point, *, seconds: float, seed: int) -> Point:
    """Return a plan of the same pools, replicas and machines with the fewest routes found, then the most even headroom.

    min Σ b[i]  subject to  x[i] <= b[i], every constraint of the program, cost <= cost of the plan;  then, over i with b[i] = 1,
    min Σ_{k,t} Σ_e c[e]·max(0, u[k,t] − e),  u[k,t] = max_j Σ_r D[j,r,k]·λ[r,k,t]/(n[k,t] − s)

    Parameters
    ----------
    program : what the plan answers
    point : the plan
    seconds : time for it [s]; the plan itself is returned if it runs out
    seed : of the solver

    Returns
    -------
    Point at no more cost, up to rounding. Where a pool is left without calls, it and what it alone needed is dropped.
    """
    (keep,) = np.nonzero((point.replicas > 0).any(axis=1))
    sub, own = restrict(program, keep), narrow(point, keep)
    limit = _held(restrict_bounds(bounds(program), keep), own)
    few = _fewest(sub, limit, own, Limits(0.0, seconds, seed, NODES))
    even = _evenest(sub, limit, few)
    return _dropped(program, point, widen(program, keep, even))


def _held(limit: Bounds, point: Point) -> Bounds:
    """Bounds that close pools in the periods in which the plan does, and have room for what it has, of use or not."""
    roomy = replace(
        limit,
        replicas=np.maximum(limit.replicas, point.replicas.astype(np.int64)),
        machines=np.maximum(limit.machines, point.machines.astype(np.int64)),
    )
    return roomy.without(point.replicas == 0)


def _fixed(program: Program, limit: Bounds, point: Point) -> Model:
    """The model with replicas, open pools and machines as they are, and no more cost."""
    model = build(program, limit, cuts=np.zeros(point.flow.shape, dtype=bool))
    linear, at = model.linear, model.at
    for ids, values in (
        (at.n, point.replicas),
        (at.warm, (point.replicas > 0).astype(float)),
        (at.m, point.machines),
        (at.v, point.ways),
    ):
        held, first = np.unique(ids[ids >= 0], return_index=True)
        count = values[ids >= 0][first]
        linear.add_terms(_rows(linear, len(held), count, count, "held"), held, 1)
    most = float(linear.cost @ write(program, limit, at, linear.variables, point))
    linear.add_terms(_rows(linear, 1, -np.inf, most, "cost"), np.arange(linear.variables), linear.cost)
    return Model(linear.without_costs(), at, model.rows)


def _rows(linear: Linear, count: int, lower: Floats | float, upper: Floats | float, name: str) -> Ints:
    return linear.add_rows(count, lower, upper, names=_numbered(name, count))


def _numbered(name: str, count: int) -> Namer:
    return lambda: [label(name, str(i)) for i in range(count)]


def _fewest(program: Program, limit: Bounds, point: Point, limits: Limits) -> Point:
    """Use as few routes as the nodes suffice to find."""
    model = _fixed(program, limit, point)
    linear, routes = model.linear, np.concatenate([model.at.x, model.at.z])
    start = write(program, limit, model.at, linear.variables, point)
    used = start[routes] > 0
    chosen = linear.add_variables(len(routes), 0, 1, 1, integer=True, names=_numbered("b", len(routes)))
    rows = _rows(linear, len(routes), -np.inf, 0, "route")
    linear.add_terms(rows, routes, 1)
    linear.add_terms(rows, chosen, -1)
    # Counts are whole: less than one route from the bound is none.
    within = Limits(0.99 / max(int(used.sum()), 1), limits.seconds, limits.seed, limits.nodes)
    found = solve_milp(linear, within, np.concatenate([start, used.astype(float)]))
    if not len(found.values) or round(found.objective) > used.sum():
        return point
    return read(program, limit, model.at, np.where(_off(linear.variables, routes, found.values[chosen]), 0.0, found.values))


def _off(variables: int, routes: Ints, chosen: Floats) -> Bools:
    """[V] Variables of routes that are not used."""
    off = np.zeros(variables, dtype=bool)
    off[routes[chosen < 0.5]] = True
    return off


def _evenest(program: Program, limit: Bounds, point: Point) -> Point:
    """Spread the calls over the routes in use so that pools are as evenly loaded as they can be."""
    model = _fixed(program, limit, point)
    linear, at = model.linear, model.at
    values = write(program, limit, at, linear.variables, point)
    routes = np.concatenate([at.x, at.z])
    closed = routes[values[routes] <= 0]
    linear.add_terms(_rows(linear, len(closed), 0, 0, "closed"), closed, 1)
    k, t = np.nonzero(at.n >= 0)
    working = np.maximum(point.replicas[k, t] - program.pools.spare[k], 1.0)
    place = np.full(at.n.shape, -1, dtype=np.int64)
    place[k, t] = np.arange(len(k))
    on = place[at.x_pool, at.x_period]
    rate = limit.rate[at.x_stream, at.x_period]
    for level, charge in EVEN:
        over = linear.add_variables(len(k), 0, np.inf, charge, integer=False, names=_numbered(f"over_{level}", len(k)))
        for demand in program.pools.demand:
            rows = _rows(linear, len(k), -np.inf, level, f"even_{level}")
            linear.add_terms(rows[on], at.x, demand[at.x_stream, at.x_pool] * rate / working[on])
            linear.add_terms(rows, over, -1)
    found = solve_lp(linear)
    if found.status is not Status.OPTIMAL:
        return point
    return read(program, limit, at, found.values)


def _dropped(program: Program, before: Point, after: Point) -> Point:
    """Tidy the flows; drop idle pools, and whatever else is idle if that is cheaper; the plan before if it was cheaper."""
    lean = tidy(program, after)
    # A replica without calls may be kept for those of the next period.
    served = by_family(program, lean.flow.sum(axis=(0, 2)))[families(program)[1]] > 0
    used = (lean.flow.sum(axis=0) > 0) | (follows(program) & served)[:, None]
    kept = Point(lean.flow, lean.api_flow, np.where(used, before.replicas, 0.0), before.machines, lean.ways)
    cost, least = objective(program, before), objective(program, lean)
    if least < objective(program, kept) * (1 - SAME):
        return lean
    return kept if objective(program, kept) <= cost * (1 + SAME) else before
