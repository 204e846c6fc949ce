"""Put variables and constraints together into one model of a program."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.optimize.bounds import Bounds
from planner.optimize.constraints import constraints
from planner.optimize.coverage import Covers
from planner.optimize.layout import Layout, Rows
from planner.optimize.linear import Linear
from planner.optimize.program import Bools, Floats, Ints, Outcome, Program
from planner.optimize.ramps import families, starts
from planner.optimize.spend import committed
from planner.optimize.variables import variables
from planner.optimize.worst import dearest


@dataclass(frozen=True, eq=False)
class Model:
    """A linear model with the places of its variables and rows."""

    linear: Linear
    """The model."""
    at: Layout
    """Its variables."""
    rows: Rows
    """Its rows."""


@dataclass(frozen=True, eq=False)
class Point:
    """Values of all decisions, whole or not."""

    flow: Floats
    """[R, K, T] Calls per second on pools."""
    api_flow: Floats
    """[R, A, T] Calls per second to APIs."""
    replicas: Floats
    """[K, T] Replicas."""
    machines: Floats
    """[O, T] Machines."""
    ways: Floats
    """[W] Ways taken."""


def nothing(program: Program) -> Point:
    """Return that nothing is done."""
    R, A, K, T = (len(names) for names in (program.streams, program.apis.name, program.pools.name, program.periods))
    machines, ways = np.zeros((len(program.purchases.name), T)), np.zeros(len(program.ways.name))
    return Point(np.zeros((R, K, T)), np.zeros((R, A, T)), np.zeros((K, T)), machines, ways)


def decided(outcome: Outcome) -> Point:
    """Return the decisions of an outcome."""
    whole = (outcome.replicas.astype(float), outcome.machines.astype(float), outcome.ways.astype(float))
    return Point(outcome.flow, outcome.api_flow, *whole)


def build(
    program: Program, bounds: Bounds, *, whole: bool = True, cuts: Bools | None = None, covers: Covers | None = None
) -> Model:
    """Build the model of a program.

    `whole=False` relaxes integers; `cuts` [R, K, T] picks the cuts of thin streams to hold (all if None), `covers` are those
    of rounded coverage (none if None).
    """
    linear = Linear()
    at = variables(linear, program, bounds, whole=whole)
    rows = constraints(linear, program, bounds, at, cuts, covers)
    return Model(linear, *dearest(linear, program, bounds, at, rows))


def restrict(program: Program, keep: Ints) -> Program:
    """Keep only some pools, in their order."""
    pools = program.pools
    kept = replace(
        pools,
        name=tuple(pools.name[k] for k in keep.tolist()),
        cell=pools.cell[keep],
        gpus=pools.gpus[keep],
        demand=pools.demand[:, :, keep],
        call_cost=pools.call_cost[:, keep],
        least=pools.least[keep],
        spare=pools.spare[keep],
        most=pools.most[keep],
        family=pools.family[keep],
        sold=pools.sold[keep],
        opening=None if pools.opening is None else pools.opening[keep],
    )
    averages = tuple(replace(one, pools=one.pools[:, keep]) for one in program.averages)
    return replace(program, pools=kept, averages=averages, scaling=program.scaling.over(keep))


def restrict_bounds(bounds: Bounds, keep: Ints) -> Bounds:
    """Keep the bounds of only some pools."""
    return replace(bounds, replicas=bounds.replicas[keep])


def _taken(values: Floats, ids: Ints) -> Floats:
    """Values at ids, 0 where there is no variable."""
    out: Floats = np.where(ids >= 0, np.append(values, 0.0)[ids], 0.0)
    return out


def read(program: Program, bounds: Bounds, at: Layout, values: Floats) -> Point:
    """Read the decisions from a solution."""
    pools, apis, periods = len(program.pools.name), len(program.apis.name), len(program.periods)
    flow = np.zeros((len(program.streams), pools, periods))
    api_flow = np.zeros((len(program.streams), apis, periods))
    flow[at.x_stream, at.x_pool, at.x_period] = values[at.x] * bounds.rate[at.x_stream, at.x_period]
    api_flow[at.z_stream, at.z_api, at.z_period] = values[at.z] * bounds.rate[at.z_stream, at.z_period]
    return Point(flow, api_flow, _taken(values, at.n), _taken(values, at.m), values[at.v])


def write(program: Program, bounds: Bounds, at: Layout, size: int, point: Point) -> Floats:
    """Write decisions as a vector of the model's variables, to start a solver from."""
    values = np.zeros(size)
    rate = bounds.rate
    values[at.x] = point.flow[at.x_stream, at.x_pool, at.x_period] / rate[at.x_stream, at.x_period]
    values[at.z] = point.api_flow[at.z_stream, at.z_api, at.z_period] / rate[at.z_stream, at.z_period]
    values[at.m[at.m >= 0]] = point.machines[at.m >= 0]
    values[at.n[at.n >= 0]] = point.replicas[at.n >= 0]
    values[at.v] = point.ways
    values[at.already] = 1.0
    values[at.warm[at.warm >= 0]] = point.replicas[at.warm >= 0] > 0
    values[at.y[(at.y >= 0) & np.any(point.replicas > 0, axis=1)]] = 1.0
    if at.spend is not None:
        values[at.c] = committed(at.spend, point.machines)
    values[at.s[(at.s >= 0) & np.any(point.machines > 0, axis=1)]] = 1.0
    if (at.ramps >= 0).any():
        values[at.ramps[at.ramps >= 0]] = starts(program, point.replicas)[families(program)[1]][at.ramps >= 0]
    if at.by_scenario is not None:
        values[at.worst] = (at.by_scenario @ values[: at.by_scenario.shape[1]]).max()
    return values
